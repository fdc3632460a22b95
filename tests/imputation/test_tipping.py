"""Tipping in closed form against analysing shifted values again, and against rbmi (oracle 10)."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from reference_trials import (
    ANTIDEPRESSANT_ANALYSIS,
    PAIN_ANALYSIS,
    REFERENCE,
    antidepressant_panel,
    asked_weights,
    pain_panel,
)
from scipy import stats

from analysis.errors import ModelError
from analysis.imputation import (
    Parameters,
    ancova,
    conditional_mean,
    dose,
    impute,
    jackknife_tipping,
    refit,
    rubin_tipping,
)

# Closed form and re-analysis differ by rounding.
ROUNDING = 1e-12
# Reference fits end at gradients of 1e-11; what is left is rounding of two programs.
SAME = 1e-9
SHIFTS = np.array([[0.0, 0.0], [2.5, 0.0], [-1.0, 3.0], [40.0, 7.0]])
PAIN = json.loads((REFERENCE / "own_pain150_rbmi.json").read_text(encoding="utf-8"))["results"]


@pytest.fixture(scope="module")
def pain():
    panel = pain_panel("MIXED", separate=True)
    refits = refit(panel)
    weights = asked_weights("trt_W52", panel.visits) - asked_weights("trt_W12", panel.visits)
    doses = {"stopped": dose(panel, arms=["ACU"], kinds=["STOPPED_THERAPY"]),
             "usual": dose(panel, arms=["USUAL"], by_visit=[0, 1, 2, 3, 4])}  # fmt: skip
    return refits, ancova(panel, PAIN_ANALYSIS), weights, doses


def _shifted(doses, shift):
    return sum(one * delta for one, delta in zip(doses.values(), shift, strict=True))


@pytest.mark.parametrize("variance", ["frequentist", "anchored"])
def test_a_jackknife_at_shifted_values_is_the_closed_form(pain, variance):
    refits, analysis, weights, doses = pain
    table = jackknife_tipping(refits, analysis, weights, doses, variance).at(SHIFTS)

    class Shifted:
        names = analysis.names

        def __init__(self, by):
            self.by = by

        def estimate(self, values, counts=None):
            return analysis.estimate(values + self.by, counts)

    for (_, row), shift in zip(table.iterrows(), SHIFTS, strict=True):
        again = conditional_mean(refits, Shifted(_shifted(doses, shift)))
        cov = again.frequentist_cov if variance == "frequentist" else again.anchored_cov
        assert row["estimate"] == pytest.approx(weights @ again.estimate, rel=ROUNDING, abs=ROUNDING)
        assert row["std_error"] == pytest.approx(np.sqrt(weights @ cov @ weights), rel=ROUNDING)


def _plain_ancova(panel, values, weights):
    """Estimate and variance of a difference of arms, visit by visit, with textbook formulas."""
    columns = panel.covariates
    sex = (np.asarray(columns["sex"]) == np.asarray(columns["sex"])[0]) * 1.0
    rows = np.column_stack([np.ones(len(sex)), panel.arm, columns["base"], sex]).astype(float)
    inverse = np.linalg.inv(rows.T @ rows)
    beta = inverse @ rows.T @ values
    rest = values - rows @ beta
    by_visit = weights.reshape(2, -1)[1]
    sigma = rest.T @ rest / (len(rows) - rows.shape[1])
    return by_visit @ beta[1], inverse[1, 1] * by_visit @ sigma @ by_visit


def _imputations(refits, n=6):
    completed = impute(refits.panel, refits.full)
    return np.stack([completed.draw(np.random.default_rng(seed)) for seed in range(n)])


def test_rubins_rules_at_shifted_values_are_the_closed_form(pain):
    refits, analysis, weights, doses = pain
    values = _imputations(refits)
    table = rubin_tipping(analysis, [values[:2], values[2:]], weights, doses).at(SHIFTS)
    for (_, row), shift in zip(table.iterrows(), SHIFTS, strict=True):
        found = [_plain_ancova(refits.panel, v + _shifted(doses, shift), weights) for v in values]
        estimates, variances = np.array(found).T
        total = variances.mean() + (1 + 1 / len(values)) * estimates.var(ddof=1)
        assert row["estimate"] == pytest.approx(estimates.mean(), rel=ROUNDING, abs=ROUNDING)
        assert row["std_error"] == pytest.approx(np.sqrt(total), rel=ROUNDING)


def test_the_covariance_of_one_analysis_is_the_textbooks(pain):
    refits, analysis, weights, _ = pain
    values = _imputations(refits, 2)
    cov = analysis.covariance(values)
    for one, each in zip(values, cov, strict=True):
        estimate, variance = _plain_ancova(refits.panel, one, weights)
        assert weights @ analysis.estimate(one) == pytest.approx(estimate, rel=ROUNDING)
        assert weights @ each @ weights == pytest.approx(variance, rel=ROUNDING)


def _few(share):
    return np.asarray(4 / share**2 / (1 + 4 / share**2 / 60))


@pytest.mark.parametrize("df", [None, lambda share, n: _few(share)])
def test_at_a_tipping_point_zero_is_a_limit_of_the_interval(pain, df):
    refits, analysis, weights, doses = pain
    values = _imputations(refits)
    for line in (
        jackknife_tipping(refits, analysis, weights, doses),
        rubin_tipping(analysis, [values], weights, doses, df),
    ):
        # Shifted enough, treatment makes a difference in one direction and then in the other.
        found = line.tips([1.0, 0.0], alpha=0.1)
        assert len(found) == 2 and line.tip([1.0, 0.0], alpha=0.1) == min(found, key=abs)
        table = line.at([[delta, 0.0] for delta in found], alpha=0.1)
        assert table["p_value"].to_numpy() == pytest.approx(0.1, abs=SAME)
        limits = table[["conf_low", "conf_high"]].abs().min(axis=1)
        np.testing.assert_allclose(limits, 0, atol=SAME)


def test_a_shift_of_nobody_tips_nothing(pain):
    refits, analysis, weights, _ = pain
    still = {"nobody": np.zeros(refits.panel.shape)}
    line = jackknife_tipping(refits, analysis, weights, still)
    assert line.tips() == () and line.tip() is None
    errors = line.at([0.0, 5.0])["std_error"]
    assert errors[0] == errors[1]


@pytest.mark.parametrize("case", [name for name in PAIN if "tipping_W52" in PAIN[name]])
def test_pain150_shifted_agrees_with_rbmi(case):
    panel = pain_panel(case.split("_")[0])
    refits, analysis = refit(panel), ancova(panel, PAIN_ANALYSIS)
    rows = pd.DataFrame(PAIN[case]["tipping_W52"])
    for parameter, each in rows.groupby("parameter"):
        weights = asked_weights(parameter, panel.visits)
        line = jackknife_tipping(refits, analysis, weights, {"ACU": dose(panel, arms=["ACU"])})
        found = line.at(each["delta_active"])
        for ours, theirs in (("estimate", "est"), ("std_error", "se"), ("conf_low", "lci"),
                             ("conf_high", "uci"), ("p_value", "pval")):  # fmt: skip
            np.testing.assert_allclose(found[ours], each[theirs], atol=SAME)


def test_the_surface_of_the_antidepressant_trial_agrees_with_rbmi(shared_data, shared_reference):
    table = pd.read_csv(shared_reference / "rbmi_antidepressant_tipping_point.csv")
    panel = antidepressant_panel(shared_data, shared_reference, "JR")
    refits, analysis = refit(panel), ancova(panel, ANTIDEPRESSANT_ANALYSIS)
    doses = {"drug": dose(panel, arms=["DRUG"]), "placebo": dose(panel, arms=["PLACEBO"])}
    compared = 0
    for (strategy, parameter), rows in table.groupby(["strategy", "parameter"]):
        weights = asked_weights(parameter, panel.visits)
        line = jackknife_tipping(refits.under(strategy), analysis, weights, doses)
        axes = [sorted(rows[name].unique()) for name in ("delta_drug", "delta_placebo")]
        found = line.surface(*axes).merge(
            rows, left_on=["drug", "placebo"], right_on=["delta_drug", "delta_placebo"]
        )
        compared += len(found)
        np.testing.assert_allclose(found["estimate"], found["est"], atol=SAME)
        np.testing.assert_allclose(found["std_error"], found["se"], atol=SAME)
        np.testing.assert_allclose(found["p_value"], found["pval"], atol=SAME)
    assert compared == len(table)


def test_a_shift_that_accumulates_from_the_event_agrees_with_rbmi(shared_data, shared_reference):
    file = shared_reference / "rbmi_antidepressant_condmean.json"
    reference = json.loads(file.read_text(encoding="utf-8"))["delta_lag_JR"]
    panel = antidepressant_panel(shared_data, shared_reference, "JR")
    amounts = dose(panel, arms=["DRUG"], by_visit=2, lag=[1, 0.5, 0.25, 0.125])
    expected = np.zeros(panel.shape)
    for row in reference["template"]:
        at = panel.patients.index(row["PATIENT"]), panel.visits.index(row["VISIT"])
        expected[at] = row["delta"]
    np.testing.assert_array_equal(amounts, expected)
    refits, analysis = refit(panel), ancova(panel, ANTIDEPRESSANT_ANALYSIS)
    for row in reference["pooled"]:
        weights = asked_weights(row["parameter"], panel.visits)
        found = jackknife_tipping(refits, analysis, weights, {"lag": amounts}).at(1.0).iloc[0]
        assert found["estimate"] == pytest.approx(row["est"], abs=SAME)
        assert found["std_error"] == pytest.approx(row["se"], abs=SAME)


def test_what_cannot_be_shifted_is_refused_in_words(pain):
    refits, analysis, weights, doses = pain
    panel = refits.panel
    seen = {"all": np.ones(panel.shape)}
    for given, said in (
        (lambda: jackknife_tipping(refits, analysis, weights, seen), "shifts observed values .P002"),
        (lambda: jackknife_tipping(refits, analysis, weights, {}), "No shift is given"),
        (lambda: jackknife_tipping(refits, analysis, weights, {"a": np.ones(3)}), "must be numbers"),
        (lambda: jackknife_tipping(refits, analysis, weights[:3], doses), "needs a number for each"),
        (lambda: jackknife_tipping(refits, analysis, weights, doses, "both"), "'anchored'"),
        (lambda: rubin_tipping(analysis, [], weights, doses), "0 imputations"),
        (lambda: dose(panel, arms=["SHAM"]), "SHAM: no such arm"),
        (lambda: dose(panel, kinds=["moved"]), "MOVED, RESCUE, STOPPED_THERAPY"),
        (lambda: dose(panel, by_visit=[1, 2]), "each of the 5 visits"),
        (lambda: jackknife_tipping(refits, analysis, weights, doses).surface([1.0]), "1 sequences"),
        (lambda: jackknife_tipping(refits, analysis, weights, doses).tips([1.0]), "A direction"),
    ):
        with pytest.raises(ModelError, match=said):
            given()


def test_the_interval_is_normal_for_a_jackknife(pain):
    line = jackknife_tipping(*pain)
    row = line.at([[0.0, 0.0]], alpha=0.05).iloc[0]
    width = row["conf_high"] - row["conf_low"]
    assert width == pytest.approx(2 * stats.norm.isf(0.025) * row["std_error"], rel=ROUNDING)
    parameters = Parameters.of(pain[0].panel.model.fit().estimates)
    full = pain[1].estimate(impute(pain[0].panel, parameters).mean)
    assert row["estimate"] == pytest.approx(pain[2] @ full, abs=ROUNDING)
