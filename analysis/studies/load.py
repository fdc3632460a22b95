"""Read a study file. The YAML is data: nothing in it runs, and every mistake is named at once."""

from __future__ import annotations

import copy
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from analysis.errors import StudyError
from analysis.studies.checks import problems_between
from analysis.studies.defaults import with_defaults
from analysis.studies.records import Study
from analysis.studies.yaml_text import Lines, parse_yaml

MAX_BYTES = 1_000_000
MAX_SHOWN = 50

# What the library that checks types says in words of programs, in those of the file.
WORDS = {
    "tuple_type": "this must be a list: lines that begin with -, or values in [ ]",
    "dict_type": "this must hold keys, each with its value",
    "model_type": "this must hold keys, each with its value",
    "model_attributes_type": "this must hold keys, each with its value",
    "too_short": "this must hold at least 1 item",
    "too_long": "this holds too many items",
    "string_type": "this must be text",
    "bool_type": "this must be true or false", "bool_parsing": "this must be true or false",
    "int_type": "this must be a whole number", "int_parsing": "this must be a whole number",
    "float_type": "this must be a number", "float_parsing": "this must be a number",
}  # fmt: skip

Problem = tuple[int | None, str]


def read_study(path: str | Path) -> Study:
    """Read and check a study file.

    Parameters
    ----------
    path : str or Path
        A YAML file; `docs/study_file.md` lists its keys.

    Returns
    -------
    Study
        Typed and frozen.

    Raises
    ------
    StudyError
        The file is missing or is not a study file; the message lists every problem with its key
        and line.
    """
    path = Path(path)
    content, lines = parse_yaml(_text(path), path.name)
    if not isinstance(content, dict):
        raise StudyError(
            f"{path.name} is not a study file: it holds {_kind(content)}, and a study file holds "
            "keys such as title, design, data, visits. See docs/study_file.md."
        )
    content = with_defaults(content)
    try:
        study = Study.model_validate(content)
    except ValidationError as error:
        details = _without_echoes(error.errors(include_url=False))
        problems = [_problem(detail, lines) for detail in details]
        raise _study_error(path.name, problems + _agreement(content, details, lines)) from None
    found = _between(study, lines)
    if found:
        raise _study_error(path.name, found)
    return study


def _text(path: Path) -> str:
    if not path.exists():
        raise StudyError(f"There is no study file {path.name} at that place. Check the path.")
    if not path.is_file():
        raise StudyError(f"{path.name} is not a file. Name the .yml file that describes the study.")
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise StudyError(
            f"{path.name} has {size:,} bytes; a study file has at most {MAX_BYTES:,}. "
            "Is this the data file? Name the .yml file that describes it."
        )
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise StudyError(f"{path.name} cannot be opened: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise StudyError(
            f"{path.name} is not text in UTF-8 (byte {error.start + 1} cannot be read). Save it as "
            "UTF-8, or, if this is the data file, name the .yml file that describes it."
        ) from None
    if not text.strip():
        raise StudyError(f"{path.name} is empty. docs/study_file.md has a complete small example.")
    if "\x00" in text:
        raise StudyError(
            f"{path.name} is not a text file. Name the .yml file that describes the data."
        )
    return text


def _between(study: Study, lines: Lines) -> list[Problem]:
    return [(lines.of(key), f"{_dotted(key)} {text}") for key, text in problems_between(study)]


def _without_echoes(details: list[Any]) -> list[Any]:
    """Drop that a list is too short where one of its items is what is wrong."""
    places = [detail["loc"] for detail in details]
    return [
        detail for detail in details
        if detail["type"] != "too_short" or not detail["input"]
        or not any(loc != detail["loc"] and loc[: len(detail["loc"])] == detail["loc"] for loc in places)
    ]  # fmt: skip


def _agreement(content: dict[str, Any], details: list[Any], lines: Lines) -> list[Problem]:
    """Disagreements between parts, where unknown keys are all that is wrong with the parts."""
    if any(detail["type"] != "extra_forbidden" for detail in details):
        return []
    content = copy.deepcopy(content)
    for detail in details:
        parent: Any = content
        for part in detail["loc"][:-1]:
            parent = parent[part]
        del parent[detail["loc"][-1]]
    return _between(Study.model_validate(content), lines)


def _study_error(name: str, problems: list[Problem]) -> StudyError:
    last = 10**9
    ordered = sorted(set(problems), key=lambda problem: (problem[0] or last, problem[1]))
    shown = [f"  line {line}: {text}" if line else f"  {text}" for line, text in ordered]
    if len(shown) > MAX_SHOWN:
        shown = [*shown[:MAX_SHOWN], f"  and {len(shown) - MAX_SHOWN} more"]
    count = f"{len(ordered)} problem{'s' if len(ordered) > 1 else ''}"
    return StudyError("\n".join([f"{name} cannot be used ({count}):", *shown]))


def _problem(detail: Any, lines: Lines) -> Problem:
    """One pydantic error in plain words, with its line."""
    key = tuple(part for part in detail["loc"] if not _is_branch(part))
    kind, value = detail["type"], detail.get("input")
    where = _dotted(key)
    if kind == "extra_forbidden":
        allowed = sorted(_allowed_keys(key[:-1]))
        close = get_close_matches(str(key[-1]), allowed, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"allowed here: {', '.join(allowed)}"
        return lines.of(key), f"{where} is not a key of a study file; {hint}"
    if kind == "invalid_key":
        return lines.of(key) or 1, f"{where} is not a key of a study file; keys are words"
    if kind == "missing":
        return lines.of(key[:-1]) or 1, f"{where} is missing"
    context = detail.get("ctx", {})
    if "expected" in context:
        close = get_close_matches(str(value), str(context["expected"]).split("'"), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        return lines.of(key), f"{where} is {_shown(value)}; allowed: {context['expected']}{hint}"
    message = str(context.get("error") or WORDS.get(kind) or detail["msg"])
    if kind == "string_type" and isinstance(value, bool | int | float):
        message = "this must be text; put quotes around it"
    return lines.of(key), f"{where} is {_shown(value)}; {message[0].lower() + message[1:]}"


def _is_branch(part: object) -> bool:
    """Parts of pydantic's location that name a branch of a union, not a key of the file."""
    return isinstance(part, str) and (
        part in {"str", "int", "float", "[key]"} or part.startswith(("function-", "constrained-", "literal["))
    )


def _allowed_keys(key: tuple[object, ...]) -> set[str]:
    """Keys that the record at that place of the file knows."""
    record: Any = Study
    within = False
    for part in key:
        if isinstance(part, int) or within:
            within = False
            continue
        annotation = record.model_fields[part].annotation if part in record.model_fields else None
        record = _record_of(annotation)
        if record is None:
            return set()
        # The next part is a key of the file's own, as a kind of event is.
        within = getattr(annotation, "__origin__", None) is dict
    return set(record.model_fields)


def _record_of(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = _record_of(inner)
        if found is not None:
            return found
    return None


def _dotted(key: tuple[object, ...]) -> str:
    text = ""
    for part in key:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "the file"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _kind(value: object) -> str:
    return {"list": "a list", "str": "text without keys", "NoneType": "nothing"}.get(
        type(value).__name__, "a single value"
    )
