"""Relief estimands against R, closed forms and each other."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.relief import estimate_relief
from analysis.studies.records import Study
from analysis.trial.records import Trial

REFERENCE = Path(__file__).parents[1] / "reference"
WEEKS = {"W02": 2, "W06": 6, "W12": 12, "W26": 26, "W52": 52}
# R's fit ends at rounding level; the rest is ours.
RELATIVE, RELATIVE_DF = 1e-7, 1e-5
EXACT = 1e-9


def study(**changes) -> Study:
    horizons = {"W12": "short", "W52": "long"}
    schedule = [{"name": "W00", "week": 0, "baseline": True}]
    schedule += [{"name": n, "week": w, "horizon": horizons.get(n, "")} for n, w in WEEKS.items()]
    content = {
        "title": "pain150", "design": "randomised", "simulated": True, "layout": "long",
        "data": {"outcomes": "pain150.csv"}, "patient": "patient",
        "therapy": {"column": "therapy", "comparator": "USUAL",
                    "arms": [{"label": t} for t in ("USUAL", "SHAM", "ACU")]},
        "visits": {"column": "visit", "schedule": schedule},
        "measures": [{"name": "pain", "label": "Pain", "instrument": "NRS", "column": "pain",
                      "baseline_column": "base", "primary": True}],
        "covariates": [{"name": "sex", "column": "sex", "type": "category"},
                       {"name": "age", "column": "age", "type": "number"}],
        "model": {"formula": "value ~ baseline + sex + age + therapy * visit"},
    }  # fmt: skip
    return Study.model_validate(content | changes)


def pain150(**changes) -> Trial:
    data = pd.read_csv(REFERENCE / "pain150.csv")
    chosen = study(**changes)
    patients = data.drop_duplicates("patient")
    start = patients.assign(visit="W00", week=0.0, value=patients["base"])
    columns = ["patient", "visit", "week", "value"]
    outcomes = pd.concat([start[columns], data.assign(value=data["pain"])[columns]]).dropna()
    outcomes = outcomes.assign(measure="pain", row=range(2, len(outcomes) + 2))
    patients = patients[["patient", "therapy", "sex", "age"]].assign(
        sex=lambda d: d["sex"].astype("category")
    )
    return Trial(chosen, patients.reset_index(drop=True), outcomes.reset_index(drop=True))


@pytest.fixture(scope="module")
def relief():
    return estimate_relief(pain150())


def pick(frame, quantity, therapy, comparator="USUAL", horizon="", analysis="main"):
    rows = frame[
        (frame["quantity"] == quantity) & (frame["therapy"] == therapy) & (frame["horizon"] == horizon)
        & (frame["comparator"] == comparator) & (frame["analysis"] == analysis)
    ]  # fmt: skip
    rows = rows[rows["visit"] == ""] if quantity in ("loss", "retention") else rows
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.mark.parametrize("therapy", ["ACU", "SHAM"])
def test_short_long_and_loss_agree_with_r(relief, therapy):
    reference = json.loads((REFERENCE / "own_pain150_relief_Satterthwaite.json").read_text())
    rows = {row["what"]: row for row in reference["rows"] if row["therapy"] == therapy}
    wanted = {"short": ("relief", "short"), "long": ("relief", "long"), "long_minus_short": ("loss", "")}
    found = {}
    for what, (quantity, horizon) in wanted.items():
        ours = found[what] = pick(relief.frame, quantity, therapy, horizon=horizon)
        # R's outcome is a change (negative is relief), so short and long turn; its long − short is our loss.
        sign = 1 if what == "long_minus_short" else -1
        assert ours["estimate"] == pytest.approx(sign * rows[what]["est"], rel=RELATIVE)
        assert ours["std_error"] == pytest.approx(rows[what]["se"], rel=RELATIVE)
        assert ours["df"] == pytest.approx(rows[what]["df"], rel=RELATIVE_DF)
        assert ours["p_value"] == pytest.approx(rows[what]["p"], rel=1e-5)
    variances = {what: row["std_error"] ** 2 for what, row in found.items()}
    cov = (variances["short"] + variances["long"] - variances["long_minus_short"]) / 2
    assert cov == pytest.approx(reference["cov_short_long"][therapy], rel=1e-6)


def test_loss_is_short_minus_long_and_retention_their_ratio(relief):
    for comparator in ("", "USUAL"):
        short, long = (pick(relief.frame, "relief", "ACU", comparator, h) for h in ("short", "long"))
        loss = pick(relief.frame, "loss", "ACU", comparator)
        assert loss["estimate"] == pytest.approx(short["estimate"] - long["estimate"], abs=EXACT)
        kept = pick(relief.frame, "retention", "ACU", comparator)
        assert kept["estimate"] == pytest.approx(long["estimate"] / short["estimate"], rel=EXACT)
        assert "Fieller" in kept["method"]


def test_area_is_the_trapezoid_of_the_course(relief):
    frame = relief.frame
    course = frame[(frame["quantity"] == "relief") & (frame["horizon"] == "") & (frame["comparator"] == "")
                   & (frame["therapy"] == "SHAM")].sort_values("week")  # fmt: skip
    by_hand = np.trapezoid(np.r_[0, course["estimate"]], np.r_[0, course["week"]])
    assert pick(frame, "area", "SHAM", "")["estimate"] == pytest.approx(by_hand, rel=EXACT)


def test_differences_of_relief_alone_are_relief_against_the_comparator(relief):
    for horizon in ("short", "long"):
        one = pick(relief.frame, "relief", "ACU", "", horizon)["estimate"]
        other = pick(relief.frame, "relief", "USUAL", "", horizon)["estimate"]
        against = pick(relief.frame, "relief", "ACU", "USUAL", horizon)["estimate"]
        assert one - other == pytest.approx(against, abs=EXACT)


def test_an_instrument_where_higher_is_better_mirrors_every_result():
    mirrored = {"instruments": [{"key": "UP", "name": "Mirror", "low": -10, "high": 0,
                                 "direction": "higher_is_better"}],
                "measures": [{"name": "pain", "label": "Pain", "instrument": "UP", "column": "pain",
                              "primary": True}]}  # fmt: skip
    trial = pain150(**mirrored)
    outcomes = trial.outcomes.assign(value=-trial.outcomes["value"])
    turned = estimate_relief(Trial(trial.study, trial.patients, outcomes)).frame
    plain = estimate_relief(pain150()).frame
    same = plain["quantity"] != "mean"
    np.testing.assert_allclose(turned.loc[same, "estimate"], plain.loc[same, "estimate"], rtol=1e-7)
    np.testing.assert_allclose(turned.loc[~same, "estimate"], -plain.loc[~same, "estimate"], rtol=1e-9)


def test_the_order_of_rows_does_not_matter(relief):
    trial = pain150()
    shuffled = Trial(
        trial.study, trial.patients.sample(frac=1, random_state=1).reset_index(drop=True),
        trial.outcomes.sample(frac=1, random_state=2).reset_index(drop=True),
    )  # fmt: skip
    again = estimate_relief(shuffled).frame
    np.testing.assert_allclose(again["estimate"], relief.frame["estimate"], rtol=1e-8)


def test_simultaneous_intervals_contain_the_single_ones_and_adjusted_p_values_are_larger(relief):
    for horizon in ("short", "long"):
        single = pick(relief.frame, "relief", "ACU", horizon=horizon)
        joint = pick(relief.frame, "relief", "ACU", horizon=horizon, analysis="simultaneous")
        stepwise = pick(relief.frame, "relief", "ACU", horizon=horizon, analysis="holm")
        assert joint["conf_low"] < single["conf_low"] < single["conf_high"] < joint["conf_high"]
        assert stepwise["p_value"] >= single["p_value"]
        assert joint["p_value"] >= single["p_value"]


def test_a_study_without_long_term_visit_says_so():
    content = study().model_dump()
    content["visits"]["schedule"] = [v | {"horizon": "" if v["horizon"] == "long" else v["horizon"]}
                                     for v in content["visits"]["schedule"]]  # fmt: skip
    frame = estimate_relief(pain150(visits=content["visits"])).frame
    row = pick(frame, "relief", "ACU", "USUAL", "long")
    assert np.isnan(row["estimate"])
    assert row["note"] == "not estimable: the study has no long-term visit"


def test_a_therapy_without_follow_up_is_a_row_with_a_note():
    trial = pain150()
    gone = trial.patients.loc[trial.patients["therapy"] == "SHAM", "patient"]
    kept = ~(trial.outcomes["patient"].isin(gone) & (trial.outcomes["visit"] != "W00"))
    frame = estimate_relief(Trial(trial.study, trial.patients, trial.outcomes[kept])).frame
    assert pick(frame, "relief", "SHAM", horizon="short")["note"].endswith("SHAM has no follow-up")
    assert np.isfinite(pick(frame, "relief", "ACU", horizon="short")["estimate"])


def test_one_group_has_relief_alone_and_no_comparison():
    trial = pain150(therapy=None, design="observational", model={})
    patients = trial.patients.assign(therapy="All patients")
    frame = estimate_relief(Trial(trial.study, patients, trial.outcomes)).frame
    assert set(frame["comparator"]) == {""}
    assert np.isfinite(pick(frame, "relief", "All patients", "", "short")["estimate"])


def test_without_baseline_only_comparisons_and_losses_are_left():
    content = study().model_dump()
    schedule = content["visits"]["schedule"][1:]
    measures = [content["measures"][0] | {"baseline_column": None}]
    trial = pain150(visits=content["visits"] | {"schedule": schedule}, measures=measures, model={})
    outcomes = trial.outcomes[trial.outcomes["visit"] != "W00"]
    frame = estimate_relief(Trial(trial.study, trial.patients, outcomes)).frame
    assert "no baseline" in pick(frame, "relief", "ACU", "", "short")["note"]
    assert np.isfinite(pick(frame, "relief", "ACU", "USUAL", "short")["estimate"])
    assert np.isfinite(pick(frame, "loss", "ACU", "")["estimate"])
