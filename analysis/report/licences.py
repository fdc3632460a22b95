"""`python -m analysis.report.licences`: write docs/licences.md, the licence of every package of the lock."""

from __future__ import annotations

import re
import sys
from importlib.metadata import Distribution, PackageMetadata, PackageNotFoundError, distribution
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK, PAGE = ROOT / "requirements.lock", ROOT / "docs" / "licences.md"
ELSEWHERE = "not needed on the system this page was made on"
NOT_STATED = "not stated in its metadata"
_PINNED = re.compile(r"^([A-Za-z0-9_.-]+)==([^\s;\\]+)", re.MULTILINE)
_CLASSIFIER = "License :: OSI Approved :: "
# Longest licence named in a package's free field; what is longer is the licence's whole text.
_LONGEST = 60
_HEAD = """# Licences

Packages of `requirements.lock` and the licence each states. Lasting Relief itself is under
BSD-3-Clause and copies none of their code. Made by `python -m analysis.report.licences`.

| package | version | licence |
|---|---|---|
"""


def locked(text: str) -> dict[str, str]:
    """Version of every package of a lock file, by its name in lower case with hyphens."""
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in _PINNED.findall(text)}


def licence_of(name: str) -> str:
    """Licence that a package states: by expression, classifier, free field or the file it brings."""
    try:
        package = distribution(name)
    except PackageNotFoundError:
        return ELSEWHERE
    return _stated(package)


def _stated(package: Distribution) -> str:
    stated = package.metadata
    if expression := _field(stated, "License-Expression"):
        return expression
    classifiers = [text for text in stated.get_all("Classifier") or [] if text.startswith("License")]
    names = [text.removeprefix(_CLASSIFIER) for text in classifiers if text.startswith(_CLASSIFIER)]
    if names:
        return ", ".join(sorted(names))
    free = _field(stated, "License").strip().split("\n")[0]
    if 0 < len(free) <= _LONGEST:
        return free
    # Not named in the fields: the title of the licence's own text, where the package brings it.
    texts = [package.read_text(f"licenses/{file}") for file in stated.get_all("License-File") or []]
    titles = [title for text in texts if text and len(title := text.strip().split("\n")[0]) <= _LONGEST]
    return ", ".join(titles) or NOT_STATED


def _field(stated: PackageMetadata, name: str) -> str:
    """A field of a package's metadata, empty where it is not there."""
    return str(next(iter(stated.get_all(name) or []), ""))


def page(lock: str) -> str:
    """The page, from the text of the lock."""
    rows = [f"| {name} | {version} | {licence_of(name)} |" for name, version in sorted(locked(lock).items())]
    return _HEAD + "\n".join(rows) + "\n"


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(LOCK.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
    print(f"The licences of {len(locked(LOCK.read_text(encoding='utf-8')))} packages are in {PAGE.name}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
