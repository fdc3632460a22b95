"""Drafts of published trials: what they hold is found, and nothing about a person is repeated."""

from __future__ import annotations

import re

import pytest

from analysis.draft import sketch_study
from analysis.readers.table import read_table
from analysis.studies.records import Data
from analysis.studies.yaml_text import parse_yaml

# File, layout, patient, column of the therapy and what the loader still asks for.
TRIALS = [
    ("trials/vickers2004_acupuncture.csv", "wide", "id", "group", {"week", "instrument"}),
    ("trials/vickers2004_acupuncture_long.csv", "long", "id", "treat", {"week", "instrument"}),
    ("trials/ashar2022_prt.csv", "long", "id", "group", {"week"}),
    ("trials/brashear1999_cdystonia.csv", "long", ["site", "id"], "treat", {"instrument"}),
    ("trials/alter2021_choir_registry.csv", "wide", "PATIENT_NUM", None, {"week"}),
    ("trials/original/Ashar_backpain_simple_long.csv", "long", "id", "group", {"week"}),
    ("trials/dinat2015_xoverPP.csv", "long", "ID", None, {"week", "instrument"}),
    ("reference/antidepressant_data.csv", "long", "PATIENT", "THERAPY", {"week", "instrument"}),
    ("reference/hsaur3_btheb.csv", "wide", "(row)", "treatment", {"instrument"}),
    ("reference/adam/adqscibc.xpt", "adam", "USUBJID", "TRT01P", {"instrument"}),
    ("trials/original/brashear1999_cdystonia.rda", "long", ["site", "id"], "treat", {"instrument"}),
    ("reference/original/antidepressant_data.rda", "long", "PATIENT", "THERAPY", {"week", "instrument"}),
    ("own/pain150.csv", "long", "patient", "therapy", {"instrument"}),
]  # fmt: skip


@pytest.mark.parametrize(("file", "layout", "patient", "therapy", "missing"), TRIALS)
def test_a_published_trial_is_drafted_up_to_what_only_people_know(
    shared_data, file, layout, patient, therapy, missing
):
    draft = sketch_study(shared_data / file)
    content, _ = parse_yaml(draft.text, "draft.yml")
    assert (content["layout"], content["patient"]) == (layout, patient)
    assert content.get("therapy", {}).get("column") == therapy
    asked = set(re.findall(r"\.?(\w+) is missing", draft.problem))
    assert asked == missing
    assert draft.problem.count("line ") == draft.problem.count("is missing")


@pytest.mark.parametrize("file", [row[0] for row in TRIALS])
def test_no_patient_of_a_published_trial_is_in_its_draft(shared_data, file):
    path = shared_data / file
    draft = sketch_study(path)
    content, _ = parse_yaml(draft.text, "draft.yml")
    frame = read_table(path, Data(outcomes=path.name)).frame
    columns = content["patient"] if isinstance(content["patient"], list) else [content["patient"]]
    ids = {str(value) for c in columns if c in frame for value in frame[c]} - {""}
    # Numbers stand in every text (counts, weeks); names of patients must not.
    assert not [value for value in ids if re.search("[A-Za-z]", value) and value in draft.text]
    told = {content.get("therapy", {}).get("column"), content.get("visits", {}).get("column")}
    texts = {
        str(value) for c in frame if c not in told and c not in ("PARAM", "PARAMCD")
        for value in frame[c].dropna().unique() if re.search(r"[A-Za-z]{4}|[0-9]\.[0-9]{2}", str(value))
    }  # fmt: skip
    levels = {str(v) for c in told if c in frame for v in frame[c]}
    levels |= set(content["data"].get("missing", []))
    levels |= {str(arm["label"]) for arm in content.get("therapy", {}).get("arms", [])}
    assert not [text for text in texts - levels if text in draft.text]
