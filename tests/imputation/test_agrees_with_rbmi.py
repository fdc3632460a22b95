"""Conditional means and their jackknife against rbmi 1.5.2 on two trials (oracle 8)."""

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
    completed_by,
    pain_panel,
)

from analysis.imputation import ancova, conditional_mean, refit

# Reference fits end at gradients of 1e-11; what is left is rounding of two programs.
SAME = 1e-9
# Printed by rbmi's vignette to three decimals.
PRINTED = 5e-4
PAIN = json.loads((REFERENCE / "own_pain150_rbmi.json").read_text(encoding="utf-8"))["results"]
VARIANTS = {
    "condmean_jackknife_us_same_cov": {},
    "condmean_jackknife_us_separate_cov": {"separate": True},
    "condmean_jackknife_us_ML": {"reml": False},
    "condmean_jackknife_ar1h": {"covariance": "ar1h"},
}


def _compare(found, visits, pooled):
    assert len(pooled) == 3 * len(visits)
    for row in pooled:
        weights = asked_weights(row["parameter"], visits)
        error = np.sqrt(weights @ found.frequentist_cov @ weights)
        assert weights @ found.estimate == pytest.approx(row["est"], abs=SAME)
        assert error == pytest.approx(row["se"], abs=SAME)


@pytest.mark.parametrize("case", PAIN)
def test_pain150_agrees_at_every_visit(case):
    strategy = case.split("_")[0]
    panel = pain_panel(strategy, separate="separate" in case)
    refits = refit(panel)
    found = conditional_mean(refits, ancova(panel, PAIN_ANALYSIS))
    _compare(found, panel.visits, PAIN[case]["pooled"])
    for k, arm in enumerate(panel.arms):
        sigma = refits.full.sigma[k if "separate" in case else 0]
        np.testing.assert_allclose(sigma, PAIN[case]["sigma"][arm]["values"], atol=SAME)
    if "shared" in case:
        file = REFERENCE / "own_pain150_rbmi_imputed.csv"
        expected = completed_by(file, panel, strategy, "patient", "visit")
        np.testing.assert_allclose(found.completed, expected, atol=SAME)


@pytest.fixture(scope="module")
def condmean(shared_reference):
    file = shared_reference / "rbmi_antidepressant_condmean.json"
    return json.loads(file.read_text(encoding="utf-8"))


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_antidepressant_trial_agrees_at_every_visit(
    variant, condmean, shared_data, shared_reference
):
    panel = antidepressant_panel(shared_data, shared_reference, "JR", **VARIANTS[variant])
    refits, analysis = refit(panel), ancova(panel, ANTIDEPRESSANT_ANALYSIS)
    strategies = condmean[variant]["strategies"]
    assert {"MAR", "JR"} <= set(strategies)
    for strategy, reference in strategies.items():
        found = conditional_mean(refits.under(strategy), analysis)
        _compare(found, panel.visits, reference["pooled"])
        if variant == "condmean_jackknife_us_same_cov":
            file = shared_reference / "rbmi_antidepressant_condmean_imputed.csv"
            expected = completed_by(file, panel, strategy, "PATIENT", "VISIT")
            np.testing.assert_allclose(found.completed, expected, atol=SAME)


def test_every_replicate_agrees(shared_data, shared_reference):
    text = {"leave_out": str}
    file = pd.read_csv(shared_reference / "rbmi_antidepressant_jackknife_replicates.csv", dtype=text)
    panel = antidepressant_panel(shared_data, shared_reference, "JR")
    refits, analysis = refit(panel), ancova(panel, ANTIDEPRESSANT_ANALYSIS)
    weights = np.stack([asked_weights(f"trt_{visit}", panel.visits) for visit in panel.visits])
    for strategy, rows in file[file["leave_out"] != "none"].groupby("strategy"):
        found = conditional_mean(refits.under(strategy), analysis).replicates @ weights.T
        expected = rows.set_index("leave_out").loc[list(panel.patients)]
        columns = [f"trt_{visit}" for visit in panel.visits]
        np.testing.assert_allclose(found, expected[columns].to_numpy(), atol=SAME)


def test_oracle_8_jump_to_reference_has_both_printed_standard_errors(shared_data, shared_reference):
    panel = antidepressant_panel(shared_data, shared_reference, "JR")
    found = conditional_mean(refit(panel), ancova(panel, ANTIDEPRESSANT_ANALYSIS))
    weights = asked_weights("trt_7", panel.visits)
    errors = [np.sqrt(weights @ v @ weights) for v in (found.frequentist_cov, found.anchored_cov)]
    assert weights @ found.estimate == pytest.approx(2.126, abs=PRINTED)
    assert errors == pytest.approx([0.858, 1.123], abs=PRINTED)
    table = found.std_errors()
    assert list(table.columns) == ["estimate", "frequentist", "anchored"]
    # At the first visit nobody had left: there is nothing to anchor.
    first = table.loc["PLACEBO, 4"]
    assert first["anchored"] == pytest.approx(first["frequentist"], abs=SAME)
