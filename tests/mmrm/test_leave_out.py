"""Refits without a patient against fits of the data without that patient."""

from __future__ import annotations

import numpy as np
import pytest
from after_fit import made_up

from analysis.errors import ModelError
from analysis.mmrm import MMRM, SufficientStatistics

FORMULA = "y ~ base + arm * visit"
ROLES = {"subject": "id", "visit": "visit"}
# Both searches end where a Newton step changes nothing; taking rows away costs some digits.
SAME = 1e-8


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
