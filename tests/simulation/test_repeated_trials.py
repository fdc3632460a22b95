"""Intervals of the bundled simulated trial hold the truth as often as they say: 200 trials, stored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from known_values import NO_OTHER, POLICY, RESPONSE, known_values, without_other_treatment
from repeated_trials import (
    END,
    ESTIMATES,
    EVERY,
    FEWER,
    FIRST,
    KEYS,
    LEVEL,
    MIXED,
    REPEATS,
    START,
    SUMMARY,
    analysed,
    coverage_error,
    judged,
    stored,
    summarised,
    table,
)
from scipy import stats

from analysis.simulate import BUNDLED_SEED, Scenario, bundled_scenario, truth

PAGE = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
# Three Monte-Carlo standard errors hold a number in all but 3 of 1,000 runs.
ERRORS = 3
OUTSIDE = 2 * stats.norm.sf(ERRORS)
# Estimates are stored with nine digits; another processor may differ in the last ones.
STORED = 1e-6
# Both truths are of that many people, drawn apart.
FEW = 20_000
IDS = ["estimand", "quantity", "horizon", "therapy"]


@pytest.fixture(scope="module")
def summary() -> pd.DataFrame:
    return stored(SUMMARY)


@pytest.fixture(scope="module")
def known() -> pd.DataFrame:
    return known_values(bundled_scenario(), seed=3, patients=FEW)


def differences(one: pd.DataFrame, other: pd.DataFrame) -> np.ndarray:
    """Differences of two true values, in Monte-Carlo errors."""
    both = one.merge(other, on=IDS, suffixes=("", "_other"), validate="one_to_one")
    assert len(both) == len(one)
    error = np.hypot(both["std_error"], both["std_error_other"])
    return ((both["estimate"] - both["estimate_other"]) / error).to_numpy()


def by_simulator(scenario: Scenario, estimand: str) -> pd.DataFrame:
    """Effects on pain as `analysis.simulate.truth` gives them."""
    made = truth(scenario, seed=4, patients=FEW)
    made = made[(made["measure"] == "pain") & (made["comparator"] != "")]
    made = made[(made["quantity"] != "relief") | (made["horizon"] != "")]
    return made.assign(estimand=estimand)[[*IDS, "estimate", "std_error"]]


def most_of(count: int) -> float:
    """Errors that the largest of so many passes no more often than one passes `ERRORS`."""
    return float(stats.norm.isf(OUTSIDE / 2 / count))


def test_intervals_hold_the_truth_at_the_stated_rate(summary):
    every = summary[summary["therapy"] == EVERY]
    off = (every["coverage"] - LEVEL).abs() / every["coverage_error"]
    assert len(every) == 30
    assert (off <= ERRORS).all(), every.loc[off > ERRORS, [*KEYS, "coverage"]]


def test_no_single_therapy_is_held_too_seldom_or_too_often(summary):
    single = summary[summary["therapy"] != EVERY]
    chances = [
        stats.binomtest(round(row.coverage * row.repeats), row.repeats, LEVEL).pvalue
        for row in single.itertuples()
    ]
    assert len(chances) == 30 * 7
    assert min(chances) * len(chances) > OUTSIDE


def test_relief_is_unbiased_under_every_estimand(summary):
    every = summary[(summary["therapy"] == EVERY) & summary["bias_error"].notna()]
    every = every[every["quantity"] != "risk_difference"]
    assert len(every) == 17
    assert (every["bias"].abs() <= ERRORS * every["bias_error"]).all()


def test_standard_errors_are_as_large_as_estimates_vary(summary):
    rows = summary[(summary["therapy"] != EVERY) & (summary["method"] == MIXED)]
    rows = rows[rows["spread"].notna()]
    # A standard deviation of 200 values has a relative error of 1 in 20.
    assert (rows["mean_std_error"] / rows["spread"]).mean() == pytest.approx(1.0, abs=ERRORS / 20)


def test_the_stored_run_has_all_its_trials_and_says_what_it_was_made_with(summary):
    said = SUMMARY.read_text(encoding="utf-8").splitlines()[0]
    assert f"seeds 1 to {REPEATS}" in said and f"seed {BUNDLED_SEED}" in said
    assert "version" in said and "code of 20" in said
    whole = summary["method"] == MIXED
    assert (summary.loc[whole, "repeats"] == REPEATS).all()
    assert (summary.loc[~whole, "repeats"] == FEWER).all()


def test_the_page_shows_the_stored_run(summary):
    assert PAGE.split(START)[1].split(END)[0].strip() == table(summary).strip()


@pytest.mark.slow
def test_first_trials_give_the_stored_estimates(summary):
    kept = stored(ESTIMATES)
    made = pd.concat([analysed(seed) for seed in range(1, FIRST + 1)], ignore_index=True)
    keys = ["seed", *KEYS, "therapy"]
    assert made[[*keys, "how"]].astype(str).equals(kept[[*keys, "how"]].astype(str))
    for column in ("estimate", "std_error", "conf_low", "conf_high"):
        np.testing.assert_allclose(made[column], kept[column], rtol=STORED, atol=STORED)
    # A trial of the run is one of many: the truth lies within five standard errors of all of it.
    single = summary[summary["therapy"] != EVERY]
    truths = single.drop_duplicates(IDS).rename(columns={"truth": "estimate"})
    found = judged(made, truths[[*IDS, "estimate"]])
    assert len(found) == len(made)
    assert ((found["estimate"] - found["truth"]).abs() <= 5 * found["std_error"])[
        found["std_error"].notna()
    ].all()


def test_true_values_agree_with_those_of_the_simulator(known):
    mine = known[known["estimand"] == POLICY]
    off = differences(mine, by_simulator(bundled_scenario(), POLICY))
    assert np.abs(off).max() <= most_of(5 * 7)


def test_true_values_in_a_world_without_other_treatment_agree_with_the_simulator(known):
    mine = known[known["estimand"] == NO_OTHER]
    off = differences(mine, by_simulator(without_other_treatment(bundled_scenario()), NO_OTHER))
    assert np.abs(off).max() <= most_of(5 * 7)


def test_the_stored_true_values_are_those_of_the_estimands(known, summary):
    single = summary[summary["therapy"] != EVERY].drop_duplicates(IDS)
    # 400,000 people stand behind the stored ones: their error is small against that of 20,000.
    stored_ones = single.rename(columns={"truth": "estimate"}).assign(std_error=0.0)
    off = differences(known, stored_ones[[*IDS, "estimate", "std_error"]])
    assert len(off) == 19 * 7
    assert np.abs(off).max() <= most_of(19 * 7)


def test_stopping_as_failure_asks_more_of_a_therapy_than_treatment_policy(known):
    by = known.set_index(IDS)["estimate"]
    policy, failure = (by[name]["relief"]["long"] for name in (POLICY, "Stopping is failure"))
    assert (failure < policy).all()
    assert ((by[RESPONSE] > 0) & (by[RESPONSE] < 1)).all()


def test_a_fieller_set_in_two_parts_holds_what_lies_outside_its_gap():
    rows = [
        ("Fieller, interval", 0.2, 0.4), ("Fieller, complement", 2.0, -1.0),
        ("Fieller, complement", 0.4, -1.0), ("Fieller, whole line", -np.inf, np.inf),
    ]  # fmt: skip
    made = pd.DataFrame(rows, columns=["how", "conf_low", "conf_high"])
    made[["estimand", "method", "quantity", "horizon", "therapy"]] = ["e", "m", "retention", "", "t"]
    made = made.assign(seed=range(4), estimate=1.0, std_error=np.nan)
    true = pd.DataFrame([dict(zip([*IDS, "estimate"], ["e", "retention", "", "t", 0.5], strict=True))])
    found = judged(made, true)
    assert found["holds"].tolist() == [False, False, True, True]
    assert summarised(found)["coverage"].tolist() == [0.5, 0.5]


def test_the_error_of_a_coverage_knows_that_therapies_share_a_comparator():
    rng = np.random.default_rng(1)
    alone = (rng.random((4000, 7)) < LEVEL).mean(axis=1)
    together = np.repeat((rng.random((4000, 1)) < LEVEL).astype(float), 7, axis=1).mean(axis=1)
    assert coverage_error(alone, 7) == pytest.approx(np.sqrt(0.95 * 0.05 / 28_000), rel=0.1)
    assert coverage_error(together, 7) == pytest.approx(np.sqrt(0.95 * 0.05 / 4000), rel=0.1)
