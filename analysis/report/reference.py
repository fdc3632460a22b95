"""Reference of the public names of every room, read from their docstrings by pdoc."""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from analysis.report.blocks import render_untrusted

if TYPE_CHECKING:
    from pdoc import doc

# In the order in which data flow. Beside a room that exports nothing itself: its open modules.
ROOMS: dict[str, tuple[str, ...]] = {
    "errors": (), "distributions": (), "schema": (), "instruments": (), "studies": ("load", "records"),
    "readers": ("table",), "trial": ("records", "assemble"), "simulate": (), "simulate.export": (),
    "validate": ("check", "readable"), "intake": (), "draft": (), "describe": (), "proportions": (),
    "estimands": (), "mmrm": (), "mmrm.covariance": (), "relief": (), "imputation": (),
    "sensitivity": (), "responders": (), "harms": (), "evidence": (), "parity": (), "tables": (),
    "figures": (), "sentences": (), "display": (), "widgets": (),
    "report": ("build", "about", "captions", "results", "changes", "refresh"),
}  # fmt: skip
# A signature longer than this has a line for each parameter.
LINE = 84
# How much of the text of a constant is shown.
VALUE = 400
# A parameter that its docstring says nothing more of.
_BARE = re.compile(r"^( - \*\*.*\)):\n(?=\s*(?: - |#|\Z))", re.MULTILINE)
# Lines of an example, as a prompt shows them.
_EXAMPLE = re.compile(r"(?:^(?:>>>|\.\.\.).*\n?)+", re.MULTILINE)
_NAME = re.compile(r"<code>([A-Za-z_][\w.]*)(?:\(\))?</code>")
_METHODS = re.compile(r"`?\bdocs/methods\.md\b`?")


@dataclass(frozen=True, slots=True)
class Entry:
    """A public name: where it is, how it is called, and what its docstring says.

    Attributes
    ----------
    name : str
        With its class, for a method.
    kind : str
        "function", "class", "method", "property" or "constant".
    module : str
        Where it is imported from.
    signature : str
        As the source has it; for a constant its value, where that is short.
    doc : Markup
        Empty where there is no docstring.
    members : tuple of Entry
        Public methods and properties of a class.
    """

    name: str
    kind: str
    module: str
    signature: str
    doc: Markup
    members: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Room:
    """A part of `analysis` and its public names."""

    name: str
    doc: Markup
    lead: str
    entries: tuple[Entry, ...]


def read_rooms(names: Sequence[str] = tuple(ROOMS)) -> list[Room]:
    """Rooms with their public names, in the order in which data flow.

    Parameters
    ----------
    names : sequence of str
        Below `analysis`; all when left out.

    Returns
    -------
    list of Room
        The same on every machine: signatures are read from the source, where no address of an
        object and no folder of a computer stands.
    """
    # Loaded here, because nothing else of a report needs it.
    from pdoc import doc

    rooms = {name: _members(name, doc) for name in names}
    known = _addresses(rooms)
    return [
        Room(
            name, _html(module.docstring, known, name), _first_sentence(module.docstring),
            tuple(_entry(one, known, name) for one in members),
        )
        for name, (module, members) in rooms.items()
    ]  # fmt: skip


def exported() -> dict[str, str]:
    """Names that `import analysis` gives, and the address of each within the reference."""
    package = import_module("analysis")
    rooms = {name: place.removeprefix("analysis.") for name, place in package._PLACES.items()}
    return {
        name: f"{place if place in ROOMS else place.split('.')[0]}.html#{name}"
        for name, place in sorted(rooms.items())
    }


def _members(name: str, doc: ModuleType) -> tuple[doc.Module, list[doc.Doc]]:
    """A room, and what it exports; where it exports nothing, what its open modules define."""
    module = doc.Module(import_module(f"analysis.{name}"))
    if hasattr(module.obj, "__all__"):
        return module, [_defined(module, one, doc) for one in module.obj.__all__]
    parts = [doc.Module(import_module(f"analysis.{name}.{part}")) for part in ROOMS[name]] or [module]
    return module, [
        one for part in parts for one in (*part.classes, *part.functions)
        if not one.name.startswith("_") and one.taken_from[0] == part.modulename
    ]  # fmt: skip


def _defined(module: doc.Module, name: str, doc: ModuleType) -> doc.Doc:
    """What a room exports under a name; a constant as the module has it that says what it is."""
    found: Any = module.get(name)
    if found.kind != "variable":
        return found
    for statement in ast.parse(module.source).body:
        if isinstance(statement, ast.ImportFrom) and name in {alias.name for alias in statement.names}:
            return _defined(doc.Module(import_module(str(statement.module))), name, doc)
    return found


def _addresses(rooms: Mapping[str, tuple[doc.Module, Sequence[doc.Doc]]]) -> dict[str, str]:
    """Address of every public name by the ways in which docstrings call it."""
    known = {f"analysis.{name}": f"{name}.html" for name in rooms}
    for name, (_, members) in rooms.items():
        for one in members:
            names = [one.name]
            if one.kind == "class":
                names += [f"{one.name}.{part.name}" for part in _shown(one)]
            for inner in names:
                address = f"{name}.html#{inner}"
                known[f"analysis.{name}.{inner}"] = known[f"{'.'.join(one.taken_from[:1])}.{inner}"] = address
                # A bare word may be a parameter too; a class or a method is none.
                if "." in inner or inner[:1].isupper():
                    known.setdefault(inner, address)
    return known


def _entry(one: doc.Doc, known: Mapping[str, str], room: str) -> Entry:
    shown = _shown(one) if one.kind == "class" else []
    kind = "constant" if one.kind == "variable" else one.kind
    module = one.modulename if ROOMS[room] else f"analysis.{room}"
    return Entry(
        one.name, kind, module, _signature(one, one.name), _doc(one, known, room),
        tuple(_member(part, one, known, room) for part in shown),
    )  # fmt: skip


def _member(one: doc.Doc, owner: doc.Doc, known: Mapping[str, str], room: str) -> Entry:
    name = f"{owner.name}.{one.name}"
    if one.kind == "variable":
        return Entry(name, "property", one.modulename, "", _doc(one, known, room))
    return Entry(name, "method", one.modulename, _signature(one, name), _doc(one, known, room))


def _shown(one: Any) -> list[doc.Doc]:
    """Public methods and properties that a class defines itself."""
    return [
        part for part in one.own_members
        if not part.name.startswith("_")
        and (part.kind == "function" or _is_told_property(one, part))
    ]  # fmt: skip


def _is_told_property(owner: doc.Doc, one: doc.Doc) -> bool:
    """Whether it is a property with words of its own; others stand among the class's attributes."""
    return isinstance(vars(owner.obj).get(one.name), property) and bool(one.docstring)


def _doc(one: doc.Doc, known: Mapping[str, str], room: str) -> Markup:
    text = one.docstring
    # Python writes a signature where a record has no docstring; that says nothing.
    made = one.kind == "class" and text.startswith(f"{one.name}(")
    return _html("" if made else text, known, room)


def _html(text: str, known: Mapping[str, str], room: str) -> Markup:
    """A docstring in NumPy form as HTML, with links to the names it speaks of."""
    from pdoc import docstrings

    if not text:
        return Markup("")
    markdown = _BARE.sub(r"\1\n", docstrings.convert(text, "numpy", None))
    markdown = _EXAMPLE.sub(_example, markdown)
    markdown = _METHODS.sub("[methods](../methods.html)", markdown)
    return Markup(_NAME.sub(lambda found: _linked(found, known, room), render_untrusted(markdown)))


def _example(found: re.Match[str]) -> str:
    lines = [line.split("  # doctest:")[0] for line in found.group().splitlines()]
    return "\n".join(["```", *lines, "```", ""])


def _linked(found: re.Match[str], known: Mapping[str, str], room: str) -> str:
    address = known.get(found.group(1))
    if address is None:
        return found.group()
    page, _, place = address.partition("#")
    near = f"#{place}" if place and page == f"{room}.html" else address
    return f'<a href="{near}">{found.group()}</a>'


def _first_sentence(text: str) -> str:
    paragraph = " ".join(text.replace("`", "").strip().split("\n\n")[0].split())
    return re.split(r"(?<=[.:])\s+(?=[A-Z])", paragraph)[0]


def _signature(one: Any, name: str) -> str:
    """How a name is called, as the source has it: the same on every machine."""
    if one.kind == "variable":
        return _constant(name, one.default_value)
    source = textwrap.dedent(one.source)
    node = next(iter(ast.parse(source).body), None)
    if isinstance(node, ast.ClassDef):
        parts, returns = list(_fields(node, source)), ""
    elif isinstance(node, ast.FunctionDef):
        parts = _parameters(node, source, bound="." in name)
        returns = f" -> {_text(node.returns, source)}" if node.returns else ""
    else:
        return ""
    if isinstance(node, ast.ClassDef) and not parts:
        return ""
    line = f"{name}({', '.join(parts)}){returns}"
    if len(line) <= LINE:
        return line
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f"){returns}"


def _constant(name: str, value: object) -> str:
    """A constant with its value, where that says something."""
    if isinstance(value, dict) and all(isinstance(word, str) for word in value.values()):
        lines = "".join(f"    {key!r}: {word!r},\n" for key, word in value.items())
        return f"{name} = {{\n{lines}}}"
    plain = isinstance(value, str | int | float | tuple) and len(repr(value)) <= VALUE
    return f"{name} = {value!r}" if plain else ""


def _fields(node: ast.ClassDef, source: str) -> Iterator[str]:
    """What makes an object of a class: parameters of its own `__init__`, or the fields of a record."""
    for part in node.body:
        if isinstance(part, ast.FunctionDef) and part.name == "__init__":
            yield from _parameters(part, source, bound=True)
            return
    for part in node.body:
        if isinstance(part, ast.AnnAssign) and not _text(part.target, source).startswith("_"):
            yield _text(part, source)


def _parameters(node: ast.FunctionDef, source: str, bound: bool) -> list[str]:
    """Parameters one by one; without `self` and `cls` where the name is bound."""
    args = node.args
    places = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(places) - len(args.defaults)) + list(args.defaults)
    parts = [_parameter(*pair, source) for pair in zip(places, defaults, strict=True)]
    if args.posonlyargs:
        parts.insert(len(args.posonlyargs), "/")
    if bound and places and places[0].arg in ("self", "cls"):
        parts = parts[1:]
    if args.vararg:
        parts.append(f"*{_text(args.vararg, source)}")
    elif args.kwonlyargs:
        parts.append("*")
    named = zip(args.kwonlyargs, args.kw_defaults, strict=True)
    parts += [_parameter(*pair, source) for pair in named]
    if args.kwarg:
        parts.append(f"**{_text(args.kwarg, source)}")
    return parts


def _parameter(one: ast.arg, default: ast.expr | None, source: str) -> str:
    shown = _text(one, source)
    if default is None:
        return shown
    return f"{shown}{' = ' if one.annotation else '='}{_text(default, source)}"


def _text(node: ast.expr | ast.stmt | ast.arg, source: str) -> str:
    """A piece of source in one line."""
    # As ast.get_source_segment does, which splits the whole source for every piece of it.
    lines = _lines(source)[node.lineno - 1 : node.end_lineno]
    lines[-1] = lines[-1][: node.end_col_offset]
    lines[0] = lines[0][node.col_offset :]
    return " ".join(b" ".join(lines).decode().split())


@lru_cache(maxsize=1)
def _lines(source: str) -> list[bytes]:
    return source.encode().split(b"\n")
