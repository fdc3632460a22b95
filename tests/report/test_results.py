"""results.csv and provenance.json."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from analysis.report.results import provenance, write_provenance, write_results
from analysis.schema import RESULT_COLUMNS, result_frame
from analysis.studies.records import Study
from analysis.trial.records import SourceFile, Trial

# results.csv holds eight significant digits.
DIGITS = 1e-7


def frame() -> pd.DataFrame:
    row = {"analysis": "main", "quantity": "relief", "horizon": "short", "measure": "pain"}
    return result_frame([
        {**row, "therapy": "=HYPERLINK(1)", "estimate": 1 / 3, "n_therapy": 9},
        {**row, "therapy": "Usual care", "note": "not estimable"},
    ])  # fmt: skip


def trial() -> Trial:
    study = Study.model_validate({
        "title": "A trial", "design": "randomised", "simulated": True,
        "data": {"outcomes": "outcomes.csv"}, "layout": "long", "patient": "patient",
        "visits": {"column": "visit", "schedule": [{"name": "Week 4", "week": 4}]},
        "measures": [{
            "name": "pain", "label": "Pain", "instrument": "NRS", "primary": True, "column": "pain"
        }],
    })  # fmt: skip
    file = SourceFile("secret/folder/outcomes.csv", "outcomes", "ab" * 32, 12)
    return Trial(study, pd.DataFrame(), pd.DataFrame(), files=(file,))


def test_results_have_the_columns_of_the_result_frame_and_read_back(tmp_path):
    write_results(frame(), tmp_path / "results.csv")
    back = pd.read_csv(tmp_path / "results.csv")
    assert tuple(back.columns) == RESULT_COLUMNS
    np.testing.assert_allclose(back["estimate"], frame()["estimate"], rtol=DIGITS)
    assert back["n_therapy"].isna().tolist() == [False, True]
    assert b"\r" not in (tmp_path / "results.csv").read_bytes()


def test_a_therapy_that_is_a_spreadsheet_formula_is_made_text(tmp_path):
    write_results(frame(), tmp_path / "results.csv")
    assert pd.read_csv(tmp_path / "results.csv")["therapy"].tolist() == [
        "'=HYPERLINK(1)",
        "Usual care",
    ]


def test_writing_results_does_not_change_the_frame(tmp_path):
    mine = frame()
    write_results(mine, tmp_path / "results.csv")
    pd.testing.assert_frame_equal(mine, frame())


def test_provenance_names_inputs_by_digest_and_no_folder(tmp_path):
    study_file = tmp_path / "mine.yml"
    study_file.write_text("title: A trial")
    write_provenance(provenance(trial(), study_file, seed=7), tmp_path / "provenance.json")
    text = (tmp_path / "provenance.json").read_text()
    record = json.loads(text)
    assert [(i["name"], i["role"]) for i in record["inputs"]] == [
        ("mine.yml", "study"), ("outcomes.csv", "outcomes"),
    ]  # fmt: skip
    assert all(len(i["sha256"]) == 64 for i in record["inputs"])
    assert record["seed"] == 7
    assert {"numpy", "pandas", "statsmodels"} <= set(record["versions"])
    assert "/" not in text.replace("https://", "")
    assert str(tmp_path) not in text
