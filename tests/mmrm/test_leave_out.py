"""Refits without a patient against fits of the data without that patient."""

from __future__ import annotations

import numpy as np
import pytest
from after_fit import made_up

from analysis.errors import ModelError
from analysis.mmrm import MMRM, SufficientStatistics, leave_out, neighbour, optimise
from analysis.mmrm.covariance import STRUCTURES

FORMULA = "y ~ base + arm * visit"
ROLES = {"subject": "id", "visit": "visit"}
# Both searches end where a Newton step changes nothing; taking rows away costs some digits.
SAME = 1e-8
# The search ends within 1e-10 standard errors of the maximum, the one beside it closer still.
SAME_MAXIMUM = 1e-9


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"covariance": "toeph"},
        {"group": "arm", "covariance": "ar1h"},
        {"weights": "w", "subject_weights": "omega"},
        {"reml": False},
    ],
)
def test_a_refit_without_a_patient_is_the_fit_of_the_others(options):
    data = made_up(31, patients=60)
    found = list(MMRM.from_formula(FORMULA, data, **ROLES, **options).leave_one_out())
    used = data.dropna()["id"].unique()
    assert [one.patient for one in found] == list(used)
    assert all(one.converged for one in found)
    for one in found[::7]:
        rest = data[data["id"] != one.patient]
        fit = MMRM.from_formula(FORMULA, rest, **ROLES, **options).fit()
        np.testing.assert_allclose(one.estimates.beta, fit.params, rtol=SAME, atol=SAME)
        np.testing.assert_allclose(one.estimates.sigma, fit.estimates.sigma, rtol=SAME, atol=SAME)
        np.testing.assert_allclose(one.estimates.cov, fit.cov_params(), rtol=SAME, atol=SAME)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("covariance", STRUCTURES)
def test_second_derivatives_of_all_lead_where_those_of_the_others_lead(
    covariance, reml, monkeypatch
):
    model = _two_outcomes(covariance, reml) if "@" in covariance else _one_outcome(covariance, reml)
    monkeypatch.setattr(optimise, "DECREMENT_TOLERANCE", 1e-12)
    kept = list(model.leave_one_out())
    monkeypatch.setattr(neighbour, "SHRINKING", -1.0)
    for one, other in zip(kept, model.leave_one_out(), strict=True):
        assert one.converged and other.converged
        errors = np.sqrt(np.diag(other.estimates.cov))
        beta = (one.estimates.beta - other.estimates.beta) / errors
        np.testing.assert_allclose(beta, 0.0, atol=SAME_MAXIMUM)
        spread = np.sqrt(np.diag(other.estimates.sigma[0]))
        sigma = (one.estimates.sigma - other.estimates.sigma) / np.outer(spread, spread)
        np.testing.assert_allclose(sigma, 0.0, atol=SAME_MAXIMUM)


def _one_outcome(covariance: str, reml: bool) -> MMRM:
    data = made_up(35, patients=30)
    return MMRM.from_formula(FORMULA, data, **ROLES, covariance=covariance, reml=reml)


def _two_outcomes(covariance: str, reml: bool) -> MMRM:
    data = made_up(36, patients=30)
    data["what"] = np.where(data["visit"].isin(["v0", "v1"]), "pain", "sleep")
    data["visit"] = np.where(data["visit"].isin(["v0", "v2"]), "w2", "w6")
    return MMRM.from_formula(
        "y ~ what * visit * arm", data, **ROLES, measure="what", covariance=covariance, reml=reml
    )


def test_a_larger_trial_never_needs_second_derivatives_of_the_others(monkeypatch):
    model = MMRM.from_formula(FORMULA, made_up(37, patients=200), **ROLES)
    monkeypatch.setattr(neighbour, "maximise", None)
    assert all(one.converged for one in model.leave_one_out())


def test_a_refit_cut_short_says_that_it_did_not_converge(monkeypatch):
    monkeypatch.setattr(leave_out, "VALUES_AT_ONCE", 1)
    refits = _one_outcome("us", True).leave_one_out()
    assert next(refits).converged
    monkeypatch.setattr(neighbour, "SHRINKING", -1.0)
    monkeypatch.setattr(optimise, "MAX_ITERATIONS", 1)
    assert not next(refits).converged


def test_the_only_patient_of_a_pattern_leaves_nothing_behind():
    data = made_up(32, patients=60, missing=0.1)
    model = MMRM.from_formula(FORMULA, data, **ROLES)
    alone = [key for key, n in model.statistics.patients_by_pattern().items() if n == 1]
    assert alone
    assert all(one.converged for one in model.leave_one_out())


def test_a_patient_on_whom_a_coefficient_hangs_is_named():
    data = made_up(33).assign(only=lambda d: (d["id"] == "p003") * 1.0)
    model = MMRM.from_formula("y ~ only + arm * visit", data, **ROLES)
    with pytest.raises(ModelError, match="Without patient p003 a coefficient"):
        list(model.leave_one_out())


def test_statistics_without_rows_cannot_leave_a_patient_out():
    statistics = SufficientStatistics.from_frame(FORMULA, made_up(34), **ROLES)
    with pytest.raises(ModelError, match="needs the patients' rows"):
        next(MMRM.from_statistics(statistics).leave_one_out())
