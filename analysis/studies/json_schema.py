"""The JSON schema of the study file, by which editors complete and check it.

Made from the records that the loader uses, with the words of docs/study_file.md, so that a key
added there is known here. What parts of a file must agree on, only the loader can say.

    python -m analysis.studies.json_schema      writes data/study.schema.json again
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from analysis.instruments import INSTRUMENTS
from analysis.studies.records import Study, as_tuple

ROOT = Path(__file__).resolve().parents[2]
SCHEMA, REFERENCE = ROOT / "data" / "study.schema.json", ROOT / "docs" / "study_file.md"
_DIALECT = "http://json-schema.org/draft-07/schema#"
_KEY = re.compile(r"^\| `([^`]+)`(?: \*)? \| (.*?) \|$", re.MULTILINE)
# Strategies of an estimand that need no more than their name.
BY_NAME = ("treatment_policy", "hypothetical", "while_on_treatment")
# What `layout: adam` fills in, and so need not be written (analysis.studies.defaults).
_ADAM = {"Study": ("patient",), "Therapy": ("column",)}

Node = dict[str, Any]


class _Generator(GenerateJsonSchema):
    """Pydantic's own, told what the records' validators let through before types are checked."""

    def function_before_schema(self, schema: Any) -> Node:
        inner = self.generate_inner(schema["schema"])
        if schema["function"]["function"] is as_tuple:
            return {"anyOf": [inner["items"], inner]}
        return inner

    def str_schema(self, schema: Any) -> Node:
        made = super().str_schema(schema)
        if schema.get("strip_whitespace") and schema.get("min_length"):
            made.setdefault("pattern", r"\S")
        return made


def study_schema(reference: str = "") -> Node:
    """Make the JSON schema (draft 07) of the study file.

    Parameters
    ----------
    reference : str
        Text of docs/study_file.md, from which descriptions of the keys are taken.

    Returns
    -------
    dict
        It refuses unknown keys, wrong types and words that are not allowed, as the loader does.
    """
    made = Study.model_json_schema(schema_generator=_Generator)
    schema = _draft_07({"$schema": _DIALECT, "title": "Study file of Lasting Relief", **made})
    schema["title"] = "Study file of Lasting Relief"
    for record, keys in _ADAM.items():
        node = schema if record == "Study" else schema["definitions"][record]
        node["required"] = [key for key in node["required"] if key not in keys]
    schema["if"] = {"properties": {"layout": {"const": "adam"}}, "required": ["layout"]}
    schema["else"] = {
        "required": list(_ADAM["Study"]),
        "properties": {"therapy": {"if": {"type": "object"}, "then": {"required": list(_ADAM["Therapy"])}}},
    }
    instrument = schema["definitions"]["Measure"]["properties"]["instrument"]
    schema["definitions"]["Measure"]["properties"]["instrument"] = {
        "anyOf": [{"enum": sorted(INSTRUMENTS)}, instrument]
    }
    # A strategy that needs nothing else is its name alone (Handling._of_name).
    events = schema["definitions"]["Estimand"]["properties"]["events"]
    events["additionalProperties"] = {"anyOf": [{"enum": list(BY_NAME)}, events["additionalProperties"]]}
    said = _descriptions(reference)
    for path, node in _properties(schema, schema, ""):
        node.pop("title", None)
        if path in said:
            node["description"] = said[path]
    return schema


def schema_text(reference: str) -> str:
    """The schema as the text of data/study.schema.json."""
    return json.dumps(study_schema(reference), indent=1, ensure_ascii=False) + "\n"


def _draft_07(node: Any) -> Any:
    """The same schema in the words of draft 07, which every editor knows."""
    if isinstance(node, list):
        return [_draft_07(part) for part in node]
    if not isinstance(node, dict):
        return node
    made: Node = {}
    if "minLength" in node and "anyOf" in node:
        # One value or a list of some: what must not be empty is the list.
        fewest = node["minLength"]
        parts = [p | {"minItems": fewest} if p.get("type") == "array" else p for p in node["anyOf"]]
        node = {"anyOf": parts, **{k: v for k, v in node.items() if k not in ("anyOf", "minLength")}}
    for key, value in node.items():
        if key == "default" and value is None:
            continue
        if key == "prefixItems":
            made["items"] = _draft_07(value)
        elif key == "$ref":
            made[key] = value.replace("#/$defs/", "#/definitions/")
        else:
            made["definitions" if key == "$defs" else key] = _draft_07(value)
    return made


def _descriptions(reference: str) -> dict[str, str]:
    """What the reference says of each key, by its path: "measures[].name"."""
    found: dict[str, str] = {}
    sections = re.split(r"^### ", reference.partition("## Every key")[2], flags=re.MULTILINE)
    for section in sections[1:]:
        heading = section.partition("\n")[0].strip()
        prefix = "" if not heading.startswith("`") else heading.strip("`") + "."
        for key, text in _KEY.findall(section.partition("\n## ")[0]):
            found[prefix + key] = text.replace("`", "'")
    return found


def _properties(schema: Node, node: Node, path: str) -> Iterator[tuple[str, Node]]:
    """Every property with its path; a list adds "[]"."""
    for name, part in node.get("properties", {}).items():
        here = f"{path}.{name}" if path else name
        yield here, part
        for inner, mark in _records(schema, part):
            yield from _properties(schema, inner, here + mark)


def _records(schema: Node, node: Node, mark: str = "") -> Iterator[tuple[Node, str]]:
    """Records that a property may hold: "[]" for those in a list, ".KIND" for those by kind."""
    if "$ref" in node:
        yield schema["definitions"][node["$ref"].rpartition("/")[2]], mark
    for part in node.get("anyOf", []):
        yield from _records(schema, part, mark)
    if isinstance(node.get("items"), dict):
        yield from _records(schema, node["items"], mark + "[]")
    if isinstance(node.get("additionalProperties"), dict):
        yield from _records(schema, node["additionalProperties"], mark + ".KIND")


def main() -> None:
    """Write data/study.schema.json again."""
    text = schema_text(REFERENCE.read_text(encoding="utf-8"))
    SCHEMA.write_text(text, encoding="utf-8", newline="\n")
    print(f"Written: {SCHEMA.relative_to(ROOT).as_posix()}")


if __name__ == "__main__":
    main()
