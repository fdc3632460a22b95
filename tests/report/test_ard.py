"""results.json: what the schema promises, and the numbers of results.csv."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from jsonschema import Draft202012Validator
from test_results import frame, trial

from analysis.report.ard import COLUMN_OF, SCHEMA_NAME, schema_text, write_analysis_results
from analysis.report.changes import compare_results, read_results
from analysis.report.results import write_results
from analysis.schema import QUANTITIES, RESULT_COUNTS, RESULT_NUMBERS, result_frame


def odd_frame() -> pd.DataFrame:
    """Estimates with all that a number can be: infinite, missing, tiny; and one that there is none of."""
    row = {"analysis": "main", "measure": "pain", "therapy": "A", "comparator": "B", "visit": "late"}
    numbers = {"estimate": 1 / 3, "std_error": 1e-9, "df": np.inf, "conf_low": -np.inf}
    return result_frame([
        {**row, "quantity": "relief", "horizon": "long", "week": 52, "n_therapy": 9, **numbers},
        {**row, "quantity": "retention", "note": "not estimable: relief may be 0"},
        {**row, "quantity": "loss", "estimate": 0.0, "note": "few patients"},
        {"analysis": "main", "estimand": "Other", "note": "not estimable: no events"},
    ])  # fmt: skip


def written(folder, content) -> dict:
    write_analysis_results(content, trial().study, folder / "results.json")
    return json.loads((folder / "results.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("content", [frame(), odd_frame(), odd_frame().iloc[:0]])
def test_results_are_what_the_schema_beside_them_promises(tmp_path, content):
    results = written(tmp_path, content)
    schema = json.loads((tmp_path / SCHEMA_NAME).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(results)
    assert len(results["results"]) == len(content)


def test_the_schema_refuses_an_estimate_without_its_group():
    schema = json.loads(schema_text())
    results = {"study": "A", "simulated": False, "confidence": 0.95, "results": [{"analysis": "main"}]}
    assert not Draft202012Validator(schema).is_valid(results)


def test_the_schema_knows_every_quantity_and_every_number_of_the_results():
    parts = json.loads(schema_text())["$defs"]
    assert set(parts["result"]["properties"]["context"]["enum"]) == {"", *QUANTITIES}
    assert parts["statistic"]["properties"]["stat_name"]["enum"] == list(COLUMN_OF)
    assert {*COLUMN_OF.values(), "week"} == {*RESULT_NUMBERS, *RESULT_COUNTS}


def test_what_is_missing_is_left_out_and_what_is_not_finite_is_said(tmp_path):
    first, second, third, fourth = written(tmp_path, odd_frame())["results"]
    said = {stat["stat_name"]: stat["stat"] for stat in first["stats"]}
    assert said == {
        "estimate": 0.33333333, "std.error": 1e-9, "df": "Infinity", "conf.low": "-Infinity", "n": 9,
    }  # fmt: skip
    assert (first["group1_level"], first["group2"], first["group2_level"]) == ("A", "comparator", "B")
    assert (second["stats"], second["error"]) == ([], "not estimable: relief may be 0")
    assert (third["error"], third["warning"]) == (None, "few patients")
    assert (fourth["group2"], fourth["group2_level"]) == (None, None)


@pytest.mark.parametrize("content", [frame(), odd_frame()])
def test_both_files_of_a_report_hold_the_same_numbers(tmp_path, content):
    write_results(content, tmp_path / "results.csv")
    written(tmp_path, content)
    changes = compare_results(
        read_results(tmp_path / "results.csv"), read_results(tmp_path / "results.json")
    )
    assert not changes.any
    assert changes.same == len(content)
