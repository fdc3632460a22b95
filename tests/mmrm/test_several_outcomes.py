"""Several outcomes per patient: Kronecker covariances, in closed form and in their limits."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.mmrm import MMRM

ROLES = {"subject": "id", "visit": "visit", "measure": "what"}
FORMULA = "y ~ what * visit * arm"
# The search ends where a Newton step changes nothing; what is left is rounding.
EXACT = 1e-8
MEASURES, VISITS = ("pain", "sleep"), ("w02", "w06", "w12")


def made_up(seed: int, patients: int = 50, missing: float = 0.0) -> pd.DataFrame:
    """Two outcomes at three visits with a covariance that is no Kronecker product."""
    rng = np.random.default_rng(seed)
    turn = rng.standard_normal((6, 6)) / 2 + np.eye(6)
    y = rng.standard_normal((patients, 6)) @ turn.T + np.arange(6)
    y[rng.random(y.shape) < missing] = np.nan
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(patients), 6),
            "what": np.tile(np.repeat(MEASURES, 3), patients),
            "visit": np.tile(VISITS, 2 * patients),
            "arm": np.repeat(np.where(np.arange(patients) % 2, "new", "a_usual"), 6),
            "y": y.ravel(),
        }
    )


def fitted(covariance: str, data: pd.DataFrame, **options):
    return MMRM.from_formula(FORMULA, data, **ROLES, covariance=covariance, **options).fit()


@pytest.mark.parametrize("reml", [True, False])
def test_un_un_of_complete_data_solves_the_equations_of_the_matrix_normal(reml):
    """With means saturated, A = Σ R B⁻¹ R' / (n m) and B = Σ R' A⁻¹ R / (n q), n less 2 for REML."""
    data = made_up(1)
    fit = fitted("un@un", data, reml=reml)
    residual = (data["y"] - data.groupby(["what", "visit", "arm"])["y"].transform("mean")).to_numpy()
    parts = residual.reshape(-1, 2, 3)
    n = len(parts) - (2 if reml else 0)
    sigma = fit.covariance.to_numpy()
    inner = sigma[:3, :3] / sigma[0, 0]
    outer = sigma[::3, ::3] / inner[0, 0]
    np.testing.assert_allclose(sigma, np.kron(outer, inner), rtol=EXACT)
    by_outcome = np.einsum("iaj,jk,ibk->ab", parts, np.linalg.inv(inner), parts) / (n * 3)
    by_visit = np.einsum("iaj,ab,ibk->jk", parts, np.linalg.inv(outer), parts) / (n * 2)
    np.testing.assert_allclose(outer, by_outcome, rtol=EXACT)
    np.testing.assert_allclose(inner, by_visit, rtol=EXACT)


@pytest.mark.parametrize("missing", [0.0, 0.2])
def test_likelihoods_of_nested_structures_are_in_order(missing):
    data = made_up(2, patients=80, missing=missing)
    us, un, cs, ar1 = (fitted(name, data).llf for name in ("us", "un@un", "un@cs", "un@ar1"))
    assert us >= un >= max(cs, ar1)


def test_outcomes_in_other_units_change_their_rows_of_the_matrix_only():
    data = made_up(3, missing=0.1)
    other = data.assign(y=data["y"].where(data["what"] == "pain", 10 * data["y"]))
    one, two = (fitted("un@cs", frame) for frame in (data, other))
    unit = np.repeat([1.0, 10.0], 3)
    np.testing.assert_allclose(two.covariance, one.covariance * np.outer(unit, unit), rtol=1e-6)
    assert two.covariance_params["rho"] == pytest.approx(one.covariance_params["rho"], rel=1e-6)


def test_a_saturated_mean_of_complete_data_is_the_mean_of_each_cell():
    data = made_up(4)
    fit = fitted("un@ar1", data)
    means = fit.lsmeans("arm", by=("what", "visit")).frame.set_index(["what", "visit", "arm"])
    cells = data.groupby(["what", "visit", "arm"])["y"].mean()
    np.testing.assert_allclose(means["estimate"].loc[cells.index], cells, rtol=1e-9)


def test_the_matrix_is_labelled_by_outcome_and_visit():
    fit = fitted("un@cs", made_up(5))
    assert list(fit.covariance.index) == [(what, visit) for what in MEASURES for visit in VISITS]
    assert list(fit.covariance_params.index) == ["var[pain]", "cov[sleep,pain]", "var[sleep]", "rho"]
    assert "unstructured between outcomes" in str(fit.summary())


@pytest.mark.parametrize(
    ("covariance", "options", "message"),
    [
        ("un@cs", {"measure": None}, "for several outcomes at several visits"),
        ("toeph", {}, "is for one outcome per patient"),
    ],
)
def test_structures_and_outcomes_that_do_not_go_together_are_refused(covariance, options, message):
    data = made_up(6)
    data = data[data["what"] == "pain"] if options else data
    formula = "y ~ visit * arm" if options else FORMULA
    with pytest.raises(ModelError, match=message):
        MMRM.from_formula(formula, data, **{**ROLES, **options}, covariance=covariance)
