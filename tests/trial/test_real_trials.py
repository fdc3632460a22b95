"""The open trials from their raw files: traps met by study files, and accounts that add up."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from analysis.intake import read_trial
from analysis.trial.records import Trial

DATA = Path(__file__).resolve().parents[2] / "data"
OPEN = DATA / "open"
# Published to two decimals.
ROUNDING = 0.005


@pytest.fixture
def open_trial(shared_data):
    return lambda name: read_trial(OPEN / f"{name}.yml")


def aside(trial: Trial, item: str) -> dict[str, int]:
    part = trial.account[(trial.account["item"] == item) & (trial.account["step"] == "set aside")]
    return dict(zip(part["reason"], part["n"], strict=True))


def assert_adds_up(trial: Trial) -> None:
    for _, part in trial.account.groupby(["file", "item"]):
        n = part.groupby("step")["n"].sum()
        assert n["in"] == n.get("set aside", 0) + n["used"]
    used = trial.account[(trial.account["item"] == "value") & (trial.account["step"] == "used")]
    assert used["n"].sum() == len(trial.outcomes)


@pytest.mark.parametrize("name", ["vickers2004", "ashar2022", "brashear1999", "alter2021"])
def test_accounts_of_open_trials_add_up(open_trial, name):
    assert_adds_up(open_trial(name))


def test_the_account_of_the_bundled_trial_adds_up():
    trial = read_trial(DATA / "simulated" / "study.yml")
    assert_adds_up(trial)
    rows = trial.account.query("item == 'row' and step == 'in'")
    assert rows["n"].tolist() == [file.rows for file in trial.files if file.role != "truth"]
    assert trial.truth is not None and len(trial.truth) > 0


def test_vickers_has_its_401_patients_and_published_means(open_trial):
    trial = open_trial("vickers2004")
    assert trial.patients["therapy"].value_counts().to_dict() == {
        "Acupuncture": 205, "Usual care": 196,
    }  # fmt: skip
    headache = trial.outcomes.query("measure == 'headache'")
    assert headache["visit"].value_counts().to_dict() == {
        "baseline": 401, "3 months": 326, "12 months": 301,
    }  # fmt: skip
    later = headache.query("visit == '12 months'").merge(trial.patients, on="patient")
    means = later.groupby("therapy", observed=True)["value"].mean()
    assert means["Acupuncture"] == pytest.approx(16.25, abs=ROUNDING)
    assert means["Usual care"] == pytest.approx(22.34, abs=ROUNDING)
    # Zeros written where the diary is missing are no headache-free months.
    assert aside(trial, "value")["pk5 is empty"] == 100


def test_ashar_leaves_out_controls_and_reads_three_kinds_of_missing(open_trial):
    trial = open_trial("ashar2022")
    assert aside(trial, "patient") == {"Healthy control": 54, "Never randomised": 1}
    pain = trial.outcomes.query("measure == 'pain'").merge(trial.patients, on="patient")
    post = pain.query("visit == 'post-treatment'").groupby("therapy", observed=True)["value"]
    assert post.count().to_dict() == {
        "Usual care": 47, "Pain reprocessing therapy": 44, "Open-label placebo": 44,
    }  # fmt: skip
    assert post.mean()["Pain reprocessing therapy"] == pytest.approx(1.18, abs=ROUNDING)


def test_brashear_tells_patients_apart_by_site(open_trial):
    trial = open_trial("brashear1999")
    assert len(trial.patients) == 109
    assert len(trial.outcomes) == 631


def test_the_registry_reads_with_one_group_and_its_empty_row(open_trial):
    trial = open_trial("alter2021")
    assert len(trial.patients) == 21_658
    counts = trial.outcomes.query("measure == 'pain'")["visit"].value_counts()
    assert counts["3 months"] == 7_138
    assert {"no_comparator", "no_long_term_visit"} <= set(trial.findings["rule"])


ADAM = {
    "title": "CDISC pilot: clinician's impression of change",
    "design": "randomised",
    "layout": "adam",
    "data": {"outcomes": "adqscibc.xpt", "patients": "adsl.xpt"},
    "therapy": {
        "comparator": "Placebo",
        "arms": [
            {"label": "Placebo"}, {"label": "Xanomeline Low Dose"},
            {"label": "Xanomeline High Dose"},
        ],
    },
    "visits": {
        "schedule": [
            {"name": "Week 8", "week": 8, "horizon": "short"},
            {"name": "Week 16", "week": 16},
            {"name": "Week 24", "week": 24, "horizon": "long"},
        ],
    },
    "measures": [
        {"name": "cibic", "label": "CIBIC", "code": "CIBICVAL", "instrument": "CIBIC"}
    ],
    "covariates": [{"name": "age", "column": "AGE", "type": "number"}],
    "instruments": [
        {"key": "CIBIC", "name": "CIBIC", "low": 1, "high": 7, "direction": "lower_is_better"}
    ],
}  # fmt: skip


@pytest.mark.parametrize("ending", ["xpt", "csv"])
def test_an_adam_pair_reads_directly(shared_data, tmp_path, ending):
    for name in ("adsl", "adqscibc"):
        raw = (shared_data / "reference" / "adam" / f"{name}.{ending}").read_bytes()
        (tmp_path / f"{name}.{ending}").write_bytes(raw)
    files = {"outcomes": f"adqscibc.{ending}", "patients": f"adsl.{ending}"}
    (tmp_path / "study.yml").write_text(yaml.safe_dump(ADAM | {"data": files}))
    trial = read_trial(tmp_path / "study.yml")
    bds = pd.read_csv(shared_data / "reference" / "adam" / "adqscibc.csv")
    to_analyse = bds["ANL01FL"].eq("Y")
    carried = (to_analyse & bds["DTYPE"].eq("LOCF")).sum()
    assert to_analyse.sum() == 705 and bds["DTYPE"].eq("LOCF").sum() == 168
    assert aside(trial, "row") == {"ANL01FL is not Y": 25, "derived record (DTYPE LOCF)": carried}
    assert len(trial.outcomes) == 705 - carried
    assert len(trial.patients) == 254
    assert trial.patients["therapy"].cat.categories[0] == "Placebo"
    expected = bds[to_analyse & bds["DTYPE"].isna()]["AVAL"].mean()
    assert trial.outcomes["value"].mean() == pytest.approx(expected)
