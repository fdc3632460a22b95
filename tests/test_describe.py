"""Counts and summaries of a small trial that can be checked by eye."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.describe import (
    baseline_table,
    events_table,
    flow,
    missing_patterns,
    missingness,
    observed_course,
    visits_together,
)  # fmt: skip
from analysis.describe.baseline import mask_counts
from analysis.studies.records import Study
from analysis.trial.records import Trial

# Arithmetic on a few doubles.
EXACT = 1e-12
ARMS = ({"label": "Care", "randomised": 7}, {"label": "Cupping", "randomised": 6})


def a_study(minimum: int = 1, **changes: object) -> Study:
    """Two arms, a baseline, and visits at weeks 4 (short), 8 and 26 (long)."""
    schedule = [
        {"name": "start", "week": 0, "baseline": True},
        {"name": "week 4", "week": 4, "horizon": "short"}, {"name": "week 8", "week": 8},
        {"name": "week 26", "week": 26, "horizon": "long"},
    ]  # fmt: skip
    words = {
        "title": "Made up", "design": "randomised", "data": {"outcomes": "x.csv"}, "layout": "long",
        "patient": "id", "visits": {"schedule": schedule}, "minimum_count": minimum,
        "therapy": {"column": "arm", "arms": ARMS, "comparator": "Care"},
        "measures": [{"name": "pain", "label": "Pain", "instrument": "NRS", "primary": True,
                      "column": "v"}],
        "covariates": [{"name": "age", "column": "age", "type": "number", "unit": "years"},
                       {"name": "sex", "column": "sex", "type": "category"}],
    }  # fmt: skip
    return Study.model_validate(words | changes)


# Values at start, week 4, week 8 and week 26; nan: not seen.
X = np.nan
VALUES = {
    "a1": (6, 5, 4, 3), "a2": (8, 7, X, 5), "a3": (7, 6, X, X), "a4": (X, 4, 4, 4), "a5": (5, X, X, X),
    "a6": (6, 6, 6, 6),
    "b1": (6, 2, 2, 3), "b2": (7, 3, 3, 4), "b3": (8, 4, 4, X), "b4": (5, X, 3, X), "b5": (6, 1, 1, 1),
}  # fmt: skip


def a_trial(minimum: int = 1, **changes: object) -> Trial:
    """Six patients of usual care and five of cupping."""
    names = list(VALUES)
    therapy = ["Care" if name.startswith("a") else "Cupping" for name in names]
    patients = pd.DataFrame({
        "patient": pd.Series(names, dtype="str"),
        "therapy": pd.Categorical(therapy, ["Care", "Cupping"]),
        "age": [30.0, 40, 50, 60, 70, 50, 40.0, 50, 60, 50, X],
        "sex": pd.Categorical(["f", "f", "f", "m", "m", "m", "f", "m", "m", "m", "m"], ["f", "m"]),
    })  # fmt: skip
    visits = [visit.name for visit in a_study().visits.schedule]
    rows = [
        (name, visit, week, "pain", float(value))
        for name, values in VALUES.items()
        for visit, week, value in zip(visits, (0.0, 4.0, 8.0, 26.0), values, strict=True)
        if not np.isnan(value)
    ]
    outcomes = pd.DataFrame(rows, columns=["patient", "visit", "week", "measure", "value"])
    outcomes["visit"] = pd.Categorical(outcomes["visit"], visits, ordered=True)
    events = pd.DataFrame(
        [("b1", 2.0, "adverse_event", "bruise", False, True),
         ("b1", 3.0, "adverse_event", "bruise", False, True),
         ("b2", 2.0, "adverse_event", "pain", False, True), ("a1", 9.0, "lost", "", False, False)],
        columns=["patient", "week", "kind", "what", "serious", "related"],
    )  # fmt: skip
    account = pd.DataFrame(
        [("x.csv", "patient", "in", "", 13), ("x.csv", "patient", "set aside", "no therapy", 2),
         ("x.csv", "patient", "used", "", 11)],
        columns=["file", "item", "step", "reason", "n"],
    )  # fmt: skip
    return Trial(a_study(minimum, **changes), patients, outcomes, events, account=account)


def test_flow_counts_every_stage_and_adds_up() -> None:
    frame = flow(a_trial())
    counts = {key: part.set_index("therapy")["n"].to_dict()
              for key, part in frame.groupby(["stage", "detail"], sort=False)}  # fmt: skip
    assert counts[("in file", "")] == {"": 13}
    assert counts[("set aside", "no therapy")] == {"": 2}
    assert counts[("randomised", "")] == {"Care": 7, "Cupping": 6}
    assert counts[("allocated", "")] == {"Care": 6, "Cupping": 5}
    assert counts[("baseline", "start")] == {"Care": 5, "Cupping": 5}
    assert counts[("seen", "week 8")] == {"Care": 3, "Cupping": 5}
    assert counts[("short term", "week 4")] == {"Care": 5, "Cupping": 4}
    assert counts[("long term", "week 26")] == {"Care": 4, "Cupping": 3}
    # a4 has no baseline, a5 no follow-up, b5 no age.
    assert counts[("analysed", "")] == {"Care": 4, "Cupping": 4}
    inside = frame.loc[frame["stage"] == "in file", "n"].sum()
    aside = frame.loc[frame["stage"] == "set aside", "n"].sum()
    assert inside == aside + frame.loc[frame["stage"] == "allocated", "n"].sum()


def test_flow_of_one_group_without_baseline_runs() -> None:
    schedule = {"schedule": [{"name": "week 4", "week": 4}, {"name": "week 8", "week": 8}]}
    trial = a_trial(therapy=None, visits=schedule, covariates=())
    patients = trial.patients.assign(therapy=pd.Categorical(["All patients"] * len(VALUES)))
    trial = Trial(trial.study, patients, trial.outcomes)
    counts = flow(trial).set_index("stage")["n"]
    assert counts["allocated"] == 11 and counts["analysed"] == 10
    assert "baseline" not in counts.index


def test_missingness_has_expected_observed_and_percent() -> None:
    frame = missingness(a_trial()).set_index(["therapy", "visit"])
    row = frame.loc[("Care", "week 8")]
    assert (row["expected"], row["observed"], row["missing"]) == (6, 3, 3)
    assert row["percent"] == pytest.approx(50, abs=EXACT)
    assert (frame["observed"] + frame["missing"] == frame["expected"]).all()


def test_patterns_tell_monotone_from_intermittent() -> None:
    frame = missing_patterns(a_trial()).set_index(["therapy", "pattern"])["n"]
    # a2 came back after a gap, a3 and b3 did not, a5 was never seen; b4 missed its first visit.
    assert frame["Care"].to_dict() == {
        "complete": 3, "monotone": 1, "intermittent": 1, "no follow-up": 1,
    }  # fmt: skip
    assert frame["Cupping"].to_dict() == {
        "complete": 3, "monotone": 1, "intermittent": 1, "no follow-up": 0,
    }  # fmt: skip


def test_visits_seen_together_are_counted_for_every_pair() -> None:
    wide = visits_together(a_trial()).pivot(index="visit", columns="other", values="n")
    assert wide.loc["week 8", "week 26"] == 6
    assert wide.loc["start", "start"] == 10
    assert (wide.to_numpy() == wide.loc[wide.columns].to_numpy().T).all()


def test_observed_course_is_mean_and_t_interval_of_those_seen() -> None:
    row = observed_course(a_trial()).set_index(["therapy", "visit"]).loc[("Cupping", "week 8")]
    values = np.array([2.0, 3, 4, 3, 1])
    assert row["n"] == 5
    assert row["mean"] == pytest.approx(values.mean(), abs=EXACT)
    assert row["std_error"] == pytest.approx(values.std(ddof=1) / np.sqrt(5), abs=EXACT)
    # t(0.975, 4) = 2.7764451 in tables, to that many digits.
    assert row["conf_high"] - row["mean"] == pytest.approx(2.7764451 * row["std_error"], abs=1e-6)


def test_a_mean_of_too_few_is_not_shown() -> None:
    frame = observed_course(a_trial(minimum=4)).set_index(["therapy", "visit"])
    row = frame.loc[("Cupping", "week 26")]
    assert pd.isna(row["n"]) and np.isnan(row["mean"])
    assert row["note"] == "fewer than 4 patients"


def test_one_patient_has_a_mean_and_no_interval_where_that_may_be_shown() -> None:
    trial = a_trial()
    trial = Trial(trial.study, trial.patients, trial.outcomes[trial.outcomes["patient"] == "b1"])
    row = observed_course(trial).set_index(["therapy", "visit"]).loc[("Cupping", "week 4")]
    assert row["mean"] == 2 and np.isnan(row["conf_low"])


def test_baseline_means_and_standardised_differences_are_those_by_hand() -> None:
    frame = baseline_table(a_trial()).set_index(["characteristic", "level", "therapy"])
    care, cupping = np.array([30.0, 40, 50, 60, 70, 50]), np.array([40.0, 50, 60, 50])
    assert frame.loc[("age", "", "Care"), "mean"] == pytest.approx(care.mean(), abs=EXACT)
    assert frame.loc[("age", "", "Cupping"), "n"] == 4
    pooled = np.sqrt((care.var(ddof=1) + cupping.var(ddof=1)) / 2)
    found = frame.loc[("age", "", ""), "difference"]
    assert found == pytest.approx(abs(care.mean() - cupping.mean()) / pooled, abs=EXACT)
    assert frame.loc[("age", "", ""), "between"] == "Cupping"
    assert frame.loc[("sex", "f", "Care"), "count"] == 3
    # Half of six and a fifth of five.
    expected = 0.3 / np.sqrt((0.25 + 0.16) / 2)
    assert frame.loc[("sex", "f", ""), "difference"] == pytest.approx(expected, abs=EXACT)


def test_small_counts_are_masked_and_cannot_be_worked_out() -> None:
    frame = baseline_table(a_trial(minimum=2)).set_index(["characteristic", "level", "therapy"])
    sex = frame.loc["sex"]
    assert sex.loc[("f", "Cupping"), "small"] and pd.isna(sex.loc[("f", "Cupping"), "count"])
    # Rows and columns add up, so the other three of the four cells go with it.
    assert sex["masked"].groupby(level=0).sum().min() >= 2
    assert sex["masked"].groupby(level=1).sum().isin([0, 2]).all()


@pytest.mark.parametrize("seed", range(20))
def test_no_masked_cell_stands_alone_in_its_row_or_column(seed: int) -> None:
    counts = np.random.default_rng(seed).integers(0, 30, size=(3, 4))
    counts = np.hstack([counts, counts.sum(axis=1, keepdims=True)])
    hidden = mask_counts(counts, 5)
    assert hidden[counts < 5].all()
    assert (hidden.sum(axis=0) != 1).all() and (hidden.sum(axis=1) != 1).all()
    if (counts >= 5).all():
        assert not hidden.any()


def test_events_count_patients_once_and_mask_few() -> None:
    frame = events_table(a_trial()).set_index(["kind", "therapy"])
    row = frame.loc[("adverse_event", "Cupping")]
    assert (row["patients"], row["events"], row["percent"]) == (2, 3, 40)
    assert frame.loc[("adverse_event", "Care"), "patients"] == 0
    masked = events_table(a_trial(minimum=5)).set_index(["kind", "therapy"])
    assert masked.loc[("adverse_event", "Cupping"), "masked"]
    assert pd.isna(masked.loc[("adverse_event", "Cupping"), "patients"])


def test_describing_changes_nothing_and_shows_no_patient() -> None:
    trial = a_trial()
    before = trial.patients.copy(), trial.outcomes.copy()
    for make in (flow, baseline_table, missingness, missing_patterns, observed_course,
                 events_table, visits_together):  # fmt: skip
        assert not make(trial).isin(list(VALUES)).any(axis=None)
    pd.testing.assert_frame_equal(trial.patients, before[0])
    pd.testing.assert_frame_equal(trial.outcomes, before[1])
