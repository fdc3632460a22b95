"""The jackknife from totals over cells against imputing and analysing every patient again."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from reference_trials import (
    ANTIDEPRESSANT_ANALYSIS,
    PAIN_ANALYSIS,
    antidepressant_panel,
    pain_data,
    pain_panel,
)

from analysis.errors import ModelError
from analysis.imputation import (
    Parameters,
    Refits,
    ancova,
    causal,
    conditional_mean,
    dose,
    impute,
    jackknife_tipping,
    lay_out,
    refit,
)
from analysis.imputation import totals as totals_module
from analysis.imputation.strategies import jump_to_reference, last_mean
from analysis.intake import read_trial
from analysis.sensitivity.setting import set_up

# Two orders of summation, of the largest value.
ROUNDING = 1e-12
MANY = 20_000
# Bytes at most; a matrix of patients by patients is 3.2e9.
SMALL = 1e8
BUNDLED = Path(__file__).parents[2] / "data" / "simulated" / "study.yml"
STRATEGIES = ("MAR", "JR", "CR", "CIR", last_mean, causal(0.7, 0.97))


def plain(refits, analysis, which=None, departure=0.0):
    """Everyone imputed under a unit's parameters, and least squares without the unit's rows."""
    found = []
    for r in range(len(refits.left.beta)) if which is None else which:
        left = Parameters(refits.left.beta[r], refits.left.sigma[r])
        values = impute(refits.panel, left).mean + departure
        kept = refits.out != r
        slopes = np.linalg.lstsq(analysis.basis[kept], values[kept], rcond=None)[0]
        means = [rows[kept].mean(axis=0) @ slopes for rows in analysis.settings]
        last = [] if analysis.baseline is None else [[analysis.baseline[kept].mean()]]
        found.append(np.concatenate([*means, *last]))
    return np.array(found)


def same(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0, atol=ROUNDING * np.abs(expected).max())


def agree(refits, analysis):
    """Both kinds of replicates of the strategy that the panel has."""
    found = conditional_mean(refits, analysis)
    random = refits.under("MAR")
    departure = found.completed - impute(random.panel, refits.full).mean
    same(found.replicates, plain(refits, analysis))
    same(found.anchored, plain(random, analysis, departure=departure))
    return found


@pytest.fixture(scope="module")
def pain():
    panel = pain_panel("MIXED", separate=True, cluster="site")
    return refit(panel), ancova(panel, PAIN_ANALYSIS)


@pytest.fixture(scope="module")
def bundled():
    setting = set_up(read_trial(BUNDLED))
    return setting.refits, setting.analysis


def test_strategies_mixed_with_a_covariance_for_each_arm_agree(pain):
    agree(*pain)


@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda one: getattr(one, "__name__", str(one)))
def test_every_strategy_agrees_on_pain150(pain, strategy):
    refits, analysis = pain
    agree(refits.under(strategy), analysis)


def test_the_antidepressant_trial_agrees(shared_data, shared_reference):
    panel = antidepressant_panel(shared_data, shared_reference, "CIR")
    agree(refit(panel), ancova(panel, ANTIDEPRESSANT_ANALYSIS))


@pytest.mark.parametrize("strategy", ["MAR", "JR"])
def test_the_bundled_trial_with_its_baseline_agrees(bundled, strategy):
    refits, analysis = bundled
    assert analysis.baseline is not None
    found = agree(refits.under(strategy), analysis)
    assert found.unit == "patient"


def test_clusters_left_out_agree():
    panel = pain_panel("JR", cluster="site")
    refits = refit(panel, by_cluster=True)
    assert len(refits.left.beta) == len(np.unique(panel.cluster))
    agree(refits, ancova(panel, PAIN_ANALYSIS))


def test_a_strategy_of_the_users_goes_the_long_way_to_the_same_numbers(pain):
    refits, analysis = pain

    def jump(*given):
        return jump_to_reference(*given)

    found = conditional_mean(refits.under(jump), analysis)
    expected = conditional_mean(refits.under("JR"), analysis)
    same(found.replicates, expected.replicates)
    same(found.anchored, expected.anchored)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("baseline", [None, "base"])
def test_what_is_at_hand_of_missing_at_random_need_not_be_made_again(pain, strategy, baseline):
    refits, analysis = pain
    analysis = ancova(refits.panel, PAIN_ANALYSIS, baseline)
    random, under = conditional_mean(refits.under("MAR"), analysis), refits.under(strategy)
    found, expected = conditional_mean(under, analysis, random), conditional_mean(under, analysis)
    same(found.replicates, expected.replicates)
    same(found.anchored, expected.anchored)
    weights = np.zeros(len(analysis.names))
    doses, weights[[4, 9]] = {"all": dose(refits.panel)}, (-1.0, 1.0)
    for variance in ("frequentist", "anchored"):
        given = jackknife_tipping(under, analysis, weights, doses, variance, means=found)
        made = jackknife_tipping(under, analysis, weights, doses, variance)
        assert given.quadratic == pytest.approx(made.quadratic, rel=1e-10)
        assert given.at(1.0)["estimate"].iloc[0] == pytest.approx(made.at(1.0)["estimate"].iloc[0], rel=1e-10)


def test_some_replicates_at_a_time_are_all_replicates(pain, monkeypatch):
    refits, analysis = pain
    doses = {"acupuncture": dose(refits.panel, arms=["ACU"])}
    weights = np.eye(10)[9] - np.eye(10)[4]
    found = [conditional_mean(refits, analysis).replicates]
    lines = [jackknife_tipping(refits, analysis, weights, doses)]
    monkeypatch.setattr(totals_module, "VALUES_AT_ONCE", 5_000)
    found.append(conditional_mean(refits, analysis).replicates)
    lines.append(jackknife_tipping(refits, analysis, weights, doses))
    same(*found)
    assert lines[0].quadratic == pytest.approx(lines[1].quadratic, rel=ROUNDING)


def test_a_coefficient_of_one_patient_is_refused_by_name():
    data, _ = pain_data()
    odd = data["patient"].unique()[3]
    data = data.assign(odd=(data["patient"] == odd) * 1.0)
    panel = lay_out(
        data, "chg ~ base * visit + sex + therapy * visit", subject="patient", visit="visit",
        arm="therapy", reference="USUAL",
    )  # fmt: skip
    with pytest.raises(ModelError, match=f"Without patient {odd} a coefficient of the analysis"):
        conditional_mean(refit(panel), ancova(panel, PAIN_ANALYSIS + " + odd"))


def _many():
    """A trial of 20,000 with leavers and gaps, and parameters that differ between replicates."""
    rng = np.random.default_rng(20)
    arm, base = np.arange(MANY) % 2, rng.normal(6, 1.4, MANY)
    values = (0.4 * base - arm + rng.normal(size=MANY))[:, None] + rng.normal(size=(MANY, 3))
    event = rng.choice(4, MANY, p=[0.05, 0.1, 0.1, 0.75])
    values[(np.arange(3) >= event[:, None]) | (rng.random(values.shape) < 0.05)] = np.nan
    visits = np.array(["w04", "w12", "w26"])
    data = pd.DataFrame({
        "id": np.repeat(np.arange(MANY), 3), "visit": np.tile(visits, MANY), "y": values.ravel(),
        "arm": np.repeat(np.array(["usual", "active"])[arm], 3), "base": np.repeat(base, 3),
    })  # fmt: skip
    left = np.flatnonzero(event < 3)
    events = pd.DataFrame({"id": left, "visit": visits[event[left]], "strategy": "JR"})
    panel = lay_out(
        data, "y ~ base * visit + arm * visit", subject="id", visit="visit", arm="arm",
        reference="usual", events=events,
    )  # fmt: skip
    full = Parameters.of(panel.model.fit().estimates)
    moved = 1 + rng.normal(0, 1e-3, (MANY, 1, 1, 1))
    sets = Parameters(full.beta * moved[:, 0, 0], full.sigma * moved)
    return Refits(panel, full, sets, np.arange(MANY), "patient")


def test_a_trial_of_twenty_thousand_patients_needs_no_matrix_of_patients_by_patients():
    refits = _many()
    panel = refits.panel
    analysis = ancova(panel, "y ~ arm + base")
    weights = np.eye(6)[5] - np.eye(6)[2]
    tracemalloc.start()
    found = conditional_mean(refits, analysis)
    line = jackknife_tipping(refits, analysis, weights, {"active": dose(panel, arms=["active"])})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < SMALL
    variance = weights @ found.frequentist_cov @ weights
    assert line.constant == pytest.approx(variance, rel=ROUNDING)
    some = np.arange(0, MANY, 4_001)
    same(found.replicates[some], plain(refits, analysis, some))
