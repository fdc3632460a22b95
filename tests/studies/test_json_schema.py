"""The JSON schema and the loader agree on what a study file may hold."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft7Validator
from pydantic import BaseModel

from analysis.errors import StudyError
from analysis.studies.json_schema import REFERENCE, SCHEMA, schema_text
from analysis.studies.load import read_study
from analysis.studies.records import Study
from analysis.studies.yaml_text import parse_yaml

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted([*(ROOT / "data").glob("*/*.yml"), *(ROOT / "data" / "examples").glob("*/*.yml")])


@pytest.fixture(scope="module")
def schema() -> dict:
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def accepts(schema):
    validator = Draft7Validator(schema)
    return lambda content: validator.is_valid(content)


@pytest.fixture
def loads(tmp_path):
    """Whether the loader accepts plain data."""

    def load(content) -> bool:
        path = tmp_path / "study.yml"
        path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
        try:
            read_study(path)
        except StudyError:
            return False
        return True

    return load


def test_the_schema_kept_is_the_one_that_the_records_make():
    """Where it is not: python -m analysis.studies.json_schema writes it again."""
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(REFERENCE.read_text(encoding="utf-8"))


def test_the_schema_is_one(schema):
    Draft7Validator.check_schema(schema)


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: str(path.relative_to(ROOT / "data")))
def test_study_files_of_the_project_fit_the_schema(schema, path):
    content, _ = parse_yaml(path.read_text(encoding="utf-8"), path.name)
    assert [error.message for error in Draft7Validator(schema).iter_errors(content)] == []


def records(record: type[BaseModel], path: str = ""):
    """Every record of a study file with its keys."""
    yield record
    for field in record.model_fields.values():
        parts = [field.annotation, *getattr(field.annotation, "__args__", ())]
        for part in parts:
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from records(part)


def test_the_schema_knows_every_key_and_says_what_it_is(schema):
    for record in set(records(Study)):
        node = schema if record is Study else schema["definitions"][record.__name__]
        assert set(node["properties"]) == set(record.model_fields)
        assert node["additionalProperties"] is False
        undescribed = [key for key, part in node["properties"].items() if not part.get("description")]
        assert not undescribed, f"docs/study_file.md has no line for {undescribed}"


# Path in the example of the documentation, and what to put there.
SAMPLES = [
    (("design",), "observational"), (("minimum_count",), 7), (("patient",), ["site", "id"]),
    (("model",), {"covariance": ["us", "cs"]}), (("model",), {"covariance": "cs", "confidence": 0.9}),
    (("visits", "schedule", 1, "code"), 8), (("visits", "schedule", 1, "code"), "8 weeks"),
    (("visits", "schedule", 1, "window_days"), [7, 7.5]), (("visits", "tie"), "later"),
    (("visits", "several"), "first"),
    (("visits", "column"), ["event", "visit"]), (("measures", 0, "missing_codes"), [-9, "x"]),
    (("measures", 0, "missing_codes"), -9), (("covariates", 0, "range"), [18, 100]),
    (("covariates", 0, "unit"), None), (("data", "sheet"), 2), (("data", "missing"), ["NA", ""]),
    (("filters",), [{"column": "a", "keep": [1], "reason": "b"}]),
    (("events",), {"file": "outcomes", "kind": "k", "kinds": {"1": "lost"}, "week": "w"}),
    (("estimands",), [{"name": "A", "primary": True, "short": []}, {"name": "B"}]),
    (("instruments",), [{"key": "MY", "name": "Mine", "low": 0, "high": 3, "direction": "lower_is_better"}]),
]  # fmt: skip
WRONG = [
    (("tittle",), "x"), (("title",), ""), (("title",), "   "), (("title",), 7), (("title",), None),
    (("title",), "x" * 401), (("design",), "randomized"), (("layout",), "lang"), (("patient",), []),
    (("minimum_count",), 0), (("minimum_count",), 101), (("minimum_count",), 2.5),
    (("data",), "massage.csv"), (("data", "url"), "http://example.org/m.csv"), (("data", "sha256"), "abc"),
    (("data", "decimal"), ";"), (("data", "dates"), "german"), (("data", "missing"), "NA"),
    (("therapy", "arms"), []), (("therapy", "arms", 0), "Usual care"), (("therapy", "arms", 0, "code"), True),
    (("visits", "schedule", 1, "week"), "eight"), (("visits", "schedule", 1, "week"), -8),
    (("visits", "schedule", 1, "horizon"), "soon"), (("visits", "schedule", 1, "window_days"), [7]),
    (("visits", "schedule", 1, "window_days"), [7, 7, 7]), (("visits", "schedule", 1, "window_days"), 7),
    (("visits", "by"), "month"),
    (("visits", "column"), []), (("visits", "tie"), "both"), (("visits", "several"), "mean"),
    (("measures",), []), (("measures", 0, "name"), "Pain"), (("measures", 0, "name"), "1pain"),
    (("measures", 0, "column"), 7), (("measures", 0, "secret"), 1), (("measures", 0, "columns"), ["a"]),
    (("covariates", 0, "type"), "text"), (("covariates", 0, "range"), [1]), (("covariates", 0, "unit"), ""),
    (("model",), {"covariance": "un"}), (("model",), {"covariance": []}), (("model",), {"confidence": 0.5}),
    (("events",), {"file": "outcomes", "kind": "k", "kinds": {}}),
    (("events",), {"file": "outcomes", "kind": "k", "kinds": {"1": "gone"}}),
    (("estimands",), [{"name": "A", "events": {"lost": "never"}}]), (("estimand",), {"name": "A"}),
    (("estimands",), [{"name": "A", "events": {"gone": "hypothetical"}}]),
    (("estimands",), [{"name": "A", "events": {"lost": {"strategy": "hypothetical", "k9": 1}}}]),
    (("instruments",), [{"key": "MY", "name": "Mine", "low": 0, "high": 3}]),
]  # fmt: skip


def changed(example: str, path: tuple, value: object) -> dict:
    content = copy.deepcopy(parse_yaml(example, "example")[0])
    place = content
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return content


@pytest.mark.parametrize(("path", "value"), SAMPLES, ids=str)
def test_what_the_loader_accepts_the_schema_accepts(example, accepts, loads, path, value):
    content = changed(example, path, value)
    assert loads(content)
    assert accepts(content)


@pytest.mark.parametrize(("path", "value"), WRONG, ids=str)
def test_what_the_schema_refuses_the_loader_refuses(example, accepts, loads, path, value):
    content = changed(example, path, value)
    assert not accepts(content)
    assert not loads(content)


@pytest.mark.parametrize("key", ["title", "design", "data", "layout", "patient", "visits", "measures"])
def test_a_key_that_is_needed_is_needed_by_both(example, accepts, loads, key):
    content = parse_yaml(example, "example")[0]
    del content[key]
    assert not accepts(content) and not loads(content)


def test_adam_needs_fewer_keys_and_other_layouts_do_not(example, accepts, loads):
    content = parse_yaml(example, "example")[0]
    content |= {"layout": "adam", "data": {"outcomes": "adqs.xpt", "patients": "adsl.xpt"}}
    del content["patient"], content["therapy"]["column"], content["visits"]["column"]
    content["measures"][0]["code"] = "PAIN"
    assert accepts(content) and loads(content)
    content["layout"] = "long"
    assert not accepts(content) and not loads(content)
    content["patient"] = "id"
    assert not accepts(content), "a therapy without a column"


def test_what_parts_must_agree_on_only_the_loader_knows(example, accepts, loads):
    content = changed(example, ("therapy", "comparator"), "Sham")
    assert accepts(content) and not loads(content)


def test_editors_offer_the_instruments_and_accept_others(schema):
    instrument = schema["definitions"]["Measure"]["properties"]["instrument"]
    assert "NRS" in instrument["anyOf"][0]["enum"]
    assert Draft7Validator(instrument).is_valid("MY_OWN")
