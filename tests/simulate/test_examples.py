"""One simulated trial in the formats of several programs: every export reads back as that trial."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.intake import read_trial
from analysis.readers.table import read_table
from analysis.relief import estimate_relief
from analysis.simulate.export import EXPORTERS, example_trial, export_examples
from analysis.studies.load import read_study
from analysis.studies.records import Data

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "data" / "examples"
TOGETHER = 100_000
# The same patients in another order: sums differ in their last digits, and the fit amplifies them.
SAME = 1e-6
# Written by a library whose next version may order its bytes otherwise.
BINARY = {".sav", ".xpt"}


@pytest.fixture(scope="module")
def trial():
    return example_trial()


@pytest.fixture(scope="module")
def exported(tmp_path_factory, trial):
    folder = tmp_path_factory.mktemp("examples")
    export_examples(folder, trial)
    return folder


def test_there_is_an_example_of_every_export_and_they_are_small():
    assert {path.parent.name for path in EXAMPLES.glob("*/study.yml")} == set(EXPORTERS)
    assert sum(path.stat().st_size for path in EXAMPLES.rglob("*") if path.is_file()) < TOGETHER


def test_the_files_kept_are_what_the_exporter_makes(exported):
    made = sorted(path.relative_to(exported) for path in exported.rglob("*") if path.is_file())
    kept = (p.relative_to(EXAMPLES) for p in EXAMPLES.rglob("*") if p.is_file() and p.suffix != ".yml")
    assert made == sorted(name for name in kept if name.suffix != ".md")
    for name in made:
        if name.suffix in BINARY:
            new, old = (
                read_table(folder / name, Data(outcomes=name.name)) for folder in (exported, EXAMPLES)
            )
            pd.testing.assert_frame_equal(new.frame, old.frame)
            assert (new.labels, new.descriptions) == (old.labels, old.descriptions)
        else:
            assert (exported / name).read_bytes() == (EXAMPLES / name).read_bytes(), name


def test_the_same_trial_is_exported_as_the_same_bytes(exported, trial, tmp_path):
    export_examples(tmp_path, trial)
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert path.read_bytes() == (exported / path.relative_to(tmp_path)).read_bytes(), path.name


def scores(trial) -> pd.DataFrame:
    frame = trial.outcomes.drop(columns="row").astype({"visit": "str", "patient": "str"})
    frame["patient"] = frame["patient"].str.removeprefix("MASSAGE1-")
    return frame.sort_values(["patient", "week", "measure"], ignore_index=True)


@pytest.mark.parametrize("name", sorted(EXPORTERS))
def test_an_export_reads_back_as_the_trial_it_was_made_from(name, trial):
    read = read_trial(EXAMPLES / name / "study.yml")
    pd.testing.assert_frame_equal(scores(read), scores(trial))
    one, other = (t.patients.set_index("patient") for t in (read, trial))
    one.index = one.index.str.removeprefix("MASSAGE1-")
    for column in ("therapy", "age", "sex"):
        expected = other[column].reindex(one.index)
        assert one[column].astype(str).tolist() == expected.astype(str).tolist(), column
    assert not read.findings["severity"].eq("error").any()


def test_every_export_gives_the_relief_of_the_same_trial():
    frames = []
    for name in sorted(set(EXPORTERS) - {"clinic_sheet"}):
        # The clinic's sheet has another covariate in its study file.
        frame = estimate_relief(read_trial(EXAMPLES / name / "study.yml")).rows("relief", "long")
        frames.append(frame[frame["comparator"] != ""][["estimate", "conf_low", "conf_high"]])
    for frame in frames[1:]:
        np.testing.assert_allclose(frame, frames[0], rtol=SAME)


def aside(name: str) -> dict[str, int]:
    account = read_trial(EXAMPLES / name / "study.yml").account.query("step == 'set aside'")
    return dict(zip(account["reason"], account["n"], strict=True))


def test_the_quirks_of_an_export_are_accounted_for():
    survey = aside("qualtrics")
    assert survey["Preview of the survey"] == survey["Answer was broken off"] == 1
    assert survey["outside every visit window"] == 1
    assert survey["another record in the window counts"] == 2
    assert aside("redcap")["missing code"] == 2
    assert aside("adam")["derived record (DTYPE LOCF)"] > 0
    sheet = aside("clinic_sheet")
    assert sheet["missing"] > 0 and "not a number" not in sheet


def test_the_data_dictionary_has_the_codes_of_the_redcap_study_file():
    text = (EXAMPLES / "redcap" / "dictionary.csv").read_text()
    choices = {
        row["Variable / Field Name"]: row["Choices, Calculations, OR Slider Labels"]
        for row in csv.DictReader(text.splitlines())
    }
    study = read_study(EXAMPLES / "redcap" / "study.yml")
    arms = " | ".join(f"{arm.code}, {arm.label}" for arm in study.therapy.arms)
    assert choices["arm"] == arms


def test_the_command_writes_every_export(tmp_path):
    command = [sys.executable, "-m", "analysis.simulate", "--examples", str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert {path.name for path in tmp_path.iterdir()} == set(EXPORTERS)
    assert all(name in said for name in EXPORTERS)
