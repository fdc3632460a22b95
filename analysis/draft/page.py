"""The page of a draft: plain data and remarks about it, as the text of a YAML file.

Everything that comes from a file is quoted and escaped here, so that no name of a column can end a
comment, begin a key, or mean anything but itself.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Key = tuple[str | int, ...]

WIDTH = 98
_ABOUT = re.compile(r"[a-z][a-z0-9_]*: ")
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_ ./-]*[A-Za-z0-9_])?")
# Words that some readers of YAML take for truth values or for nothing.
_TAKEN = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"})


class Absent:
    """Stands for a value that could not be guessed: its remarks are written, the key is not."""


ABSENT = Absent()


@dataclass(slots=True)
class Sketch:
    """A study file in the making.

    Attributes
    ----------
    content : dict
        What the file will say, in its order.
    remarks : dict
        Key of the file to what is to be said above it: (question or not, text).
    """

    content: dict[str, Any] = field(default_factory=dict)
    remarks: dict[Key, list[tuple[bool, str]]] = field(default_factory=dict)

    def say(self, text: str, *key: str | int) -> None:
        """Give the reason of a guess."""
        self.remarks.setdefault(key, []).append((False, text))

    def ask(self, text: str, *key: str | int) -> None:
        """Put a doubt as a question; one about a measure begins with its name and a colon."""
        if not _ABOUT.match(text):
            text = text[0].upper() + text[1:]
        self.remarks.setdefault(key, []).append((True, text))


def page_of(sketch: Sketch, heading: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """Text of the study file, and its questions in the order in which they stand there.

    Parameters
    ----------
    sketch : Sketch
    heading : sequence of str
        Lines of comment at the top, without the sign.
    """
    questions: list[str] = []
    lines = [f"# {line}".rstrip() for line in heading]
    for name, value in sketch.content.items():
        lines += ["", *_entry(sketch, (name,), value, 0, questions)]
    return "\n".join(lines) + "\n", tuple(questions)


def scalar(value: object) -> str:
    """One value in YAML: a number, a plain word, or text in quotes with everything escaped."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if abs(value) < 1e6 else repr(value)
    text = str(value)
    if _PLAIN.fullmatch(text) and text.casefold() not in _TAKEN:
        return text
    return '"' + "".join(_escaped(letter) for letter in text) + '"'


def _escaped(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    if letter.isprintable():
        return letter
    return f"\\U{ord(letter):08X}"


def _entry(
    sketch: Sketch, key: Key, value: Any, indent: int, questions: list[str]
) -> list[str]:
    name = scalar(key[-1])
    lines = _comments(sketch, key, indent, questions)
    pad = " " * indent
    if isinstance(value, Absent):
        return lines
    if isinstance(value, Mapping) and not _short(sketch, key, value, indent + len(name) + 2):
        lines.append(f"{pad}{name}:")
        for inner, part in value.items():
            lines += _entry(sketch, (*key, inner), part, indent + 2, questions)
    elif isinstance(value, list) and any(isinstance(part, Mapping) for part in value):
        lines.append(f"{pad}{name}:")
        for place, part in enumerate(value):
            lines += _item(sketch, (*key, place), part, indent + 2, questions)
    else:
        lines.append(f"{pad}{name}: {_flow(value)}")
    return lines


def _item(
    sketch: Sketch, key: Key, value: Mapping[str, Any], indent: int, questions: list[str]
) -> list[str]:
    lines = _comments(sketch, key, indent, questions)
    if _short(sketch, key, value, indent + 2):
        return [*lines, f"{' ' * indent}- {_flow(value)}"]
    inner: list[str] = []
    for name, part in value.items():
        inner += _entry(sketch, (*key, name), part, indent + 2, questions)
    first = next(place for place, line in enumerate(inner) if not line.lstrip().startswith("#"))
    # Remarks about the first key come before the dash.
    before = [line[2:] for line in inner[:first]]
    return [*lines, *before, f"{' ' * indent}- {inner[first].lstrip()}", *inner[first + 1 :]]


def _short(sketch: Sketch, key: Key, value: Mapping[str, Any], indent: int) -> bool:
    """Whether a mapping fits on one line and nothing is to be said about its parts."""
    if any(len(k) > len(key) and k[: len(key)] == key for k in sketch.remarks) or len(key) < 2:
        return False
    return indent + len(_flow(value)) <= WIDTH


def _flow(value: Any) -> str:
    if isinstance(value, Mapping):
        parts = (f"{scalar(k)}: {_flow(v)}" for k, v in value.items() if v is not ABSENT)
        return "{" + ", ".join(parts) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(part) for part in value) + "]"
    # Inside brackets a plain text must not hold a comma or a bracket; scalar() leaves none plain.
    return scalar(value)


def _comments(sketch: Sketch, key: Key, indent: int, questions: list[str]) -> list[str]:
    lines: list[str] = []
    for is_question, text in sketch.remarks.get(key, []):
        if is_question:
            questions.append(text)
            text = f"QUESTION {len(questions)}: {text}"
        pad = " " * indent + "# "
        lines += textwrap.wrap(
            text, WIDTH, initial_indent=pad, subsequent_indent=pad, break_long_words=False,
            break_on_hyphens=False,
        )  # fmt: skip
    return lines
