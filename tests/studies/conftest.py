"""The example of the documentation, which every test of study files starts from."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from analysis.errors import StudyError
from analysis.studies.load import read_study

REFERENCE = Path(__file__).resolve().parents[2] / "docs" / "study_file.md"


@pytest.fixture(scope="session")
def example() -> str:
    """Text of the complete small example in docs/study_file.md."""
    return re.search(r"```yaml\n(.*?)```", REFERENCE.read_text(encoding="utf-8"), re.S).group(1)


@pytest.fixture
def write_study(tmp_path: Path) -> Callable[[str | bytes], Path]:
    """Function that writes a study file and gives its path."""

    def write(content: str | bytes) -> Path:
        path = tmp_path / "study.yml"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def changed(example: str, write_study: Callable[[str | bytes], Path]) -> Callable[..., Path]:
    """Function that writes the example with (old, new) replacements, each of which must apply."""

    def write(*changes: tuple[str, str]) -> Path:
        text = example
        for old, new in changes:
            assert old in text, f"{old!r} is not in the example"
            text = text.replace(old, new)
        return write_study(text)

    return write


@pytest.fixture
def refusal(changed: Callable[..., Path]) -> Callable[..., str]:
    """Function that gives the message with which the changed example is refused."""

    def message(*changes: tuple[str, str]) -> str:
        with pytest.raises(StudyError) as error:
            read_study(changed(*changes))
        return str(error.value)

    return message
