"""YAML as plain data: core scalars, no tags, no aliases, no repeated keys, lines remembered."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import yaml

from analysis.errors import StudyError
from analysis.schema import UNSEEN

MAX_DEPTH = 20
# The longest study file in the project has about 1,500; beyond this, reading alone takes seconds.
MAX_TOKENS = 100_000

_OPENING = (
    yaml.BlockMappingStartToken,
    yaml.BlockSequenceStartToken,
    yaml.FlowMappingStartToken,
    yaml.FlowSequenceStartToken,
)
_CLOSING = (yaml.BlockEndToken, yaml.FlowMappingEndToken, yaml.FlowSequenceEndToken)


@dataclass(frozen=True, slots=True)
class Lines:
    """Line of every key of a YAML file, by its path."""

    by_key: dict[tuple[object, ...], int]

    def of(self, key: tuple[object, ...]) -> int | None:
        """Line of that key, or of the nearest key above it; None for the whole file."""
        for size in range(len(key), 0, -1):
            # A key written as a number is remembered as it is written.
            for start in (key[:size], (*key[: size - 1], str(key[size - 1]))):
                if start in self.by_key:
                    return self.by_key[start]
        return None


class _CoreLoader(yaml.SafeLoader):
    """YAML 1.2's core scalars: yes, no, 1:30 and 2004-01-01 stay text."""


def _decimal_integer(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    """A number with a leading zero is decimal in YAML 1.2, where PyYAML would read it as octal."""
    return int(node.value)


_CoreLoader.yaml_implicit_resolvers = {}
_CoreLoader.add_constructor("tag:yaml.org,2002:int", _decimal_integer)
for _tag, _pattern, _first in (
    ("bool", r"true|True|TRUE|false|False|FALSE", [*"tTfF"]),
    ("int", r"[-+]?[0-9]+", [*"-+0123456789"]),
    ("float", r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", [*"-+.0123456789"]),
    ("null", r"~|null|Null|NULL|", ["~", "n", "N", ""]),
):
    _CoreLoader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first
    )


def parse_yaml(text: str, name: str) -> tuple[Any, Lines]:
    """Plain data of a YAML text and the lines of its keys.

    Parameters
    ----------
    text : str
    name : str
        Name of the file, for messages.

    Returns
    -------
    data : dict, list, str, int, float, bool or None
    lines : Lines

    Raises
    ------
    StudyError
        Text that is not YAML, is too deep or too long, or uses tags, anchors, aliases or repeated
        keys.
    """
    try:
        _scan(text, name)
        loader = _CoreLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None, Lines({})
        lines: dict[tuple[object, ...], int] = {}
        _walk(node, (), lines, name)
        return loader.construct_document(node), Lines(lines)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}," if mark is not None else ""
        problem = getattr(error, "problem", None) or "it holds characters that YAML does not allow"
        raise StudyError(
            f"{name}{place} is not valid YAML: {problem}. Check indentation, colons and quotes."
        ) from None
    except ValueError as error:
        raise StudyError(f"{name} holds a value that cannot be read: {error}.") from None


def _scan(text: str, name: str) -> None:
    """Refuse what could run, or could grow, before anything is built from it."""
    depth = 0
    for count, token in enumerate(yaml.scan(text)):
        depth += isinstance(token, _OPENING) - isinstance(token, _CLOSING)
        if depth > MAX_DEPTH or count > MAX_TOKENS:
            raise StudyError(
                f"{name}, line {token.start_mark.line + 1}: nested too deeply or too long for a "
                "study file. Is this the file that describes the study?"
            )
        if isinstance(token, yaml.ScalarToken) and (unseen := UNSEEN.search(token.value)):
            raise StudyError(
                f"{name}, line {token.start_mark.line + 1}: a text holds a character that cannot be "
                f"seen (U+{ord(unseen.group()):04X}). Delete it, or write the text again."
            )
        if isinstance(token, yaml.TagToken | yaml.AnchorToken | yaml.AliasToken):
            raise StudyError(
                f"{name}, line {token.start_mark.line + 1}: tags (!), anchors (&) and aliases (*) "
                "are not read; a study file is plain data. Put quotes around a text that begins "
                "with one of these signs."
            )


def _walk(
    node: yaml.Node, key: tuple[object, ...], lines: dict[tuple[object, ...], int], name: str
) -> None:
    lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for position, child in enumerate(node.value):
            _walk(child, (*key, position), lines, name)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key_node, child in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                raise StudyError(f"{name}, line {line}: a key must be one word or number.")
            if key_node.value in seen:
                raise StudyError(
                    f"{name}, line {line}: the key {key_node.value!r} stands here twice; keep one."
                )
            seen.add(key_node.value)
            lines[(*key, key_node.value)] = line
            _walk(child, (*key, key_node.value), lines, name)
