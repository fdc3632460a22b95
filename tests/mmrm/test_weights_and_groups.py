"""Weights of patients and rows, and a covariance matrix per group, against models without them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from plain_likelihood import deviance, patients
from scipy import stats
from small_trial import fitted, made_up

# Two fits of one model, written in two ways: each ends within 1e-10 of the optimum of −2 log L.
SAME = 1e-7
SAME_LOGLIK = 1e-8
# Closed forms hold up to rounding.
EXACT = 1e-8


def _same(one, other, times: float = 1.0) -> None:
    """The same estimates, covariance matrices and (times a number) log-likelihood."""
    np.testing.assert_allclose(one.params, other.params, rtol=SAME, atol=SAME)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=SAME, atol=SAME)
    assert one.llf == pytest.approx(times * other.llf, abs=SAME_LOGLIK)


def _again(data: pd.DataFrame) -> pd.DataFrame:
    """The same patients as other persons."""
    return data.assign(id="again_" + data["id"])


@pytest.mark.parametrize("role", ["weights", "subject_weights"])
@pytest.mark.parametrize("reml", [True, False])
def test_oracle_13_weights_of_one_change_nothing(role, reml):
    data = made_up(21).assign(w=1.0)
    fit, plain = fitted(data, reml=reml, **{role: "w"}), fitted(data, reml=reml)
    _same(fit, plain)
    np.testing.assert_allclose(fit.bse, plain.bse, rtol=SAME)
    np.testing.assert_allclose(fit.df, plain.df, rtol=SAME)


@pytest.mark.parametrize("reml", [True, False])
def test_oracle_13_a_patient_of_weight_two_counts_as_two_patients(reml):
    data = made_up(22)
    number = data["id"].str[1:].astype(int)
    twice = data[number % 3 == 0]
    data = data.assign(w=np.where(number % 3 == 0, 2.0, 1.0))
    weighted = fitted(data, subject_weights="w", reml=reml)
    copied = fitted(pd.concat([data, _again(twice)]), reml=reml)
    _same(weighted, copied)


def test_oracle_13_precision_weights_of_a_visit_scale_its_variance():
    data = made_up(23)
    data = data.assign(w=np.where(data["visit"] == "v2", 2.0, 1.0))
    weighted, plain = fitted(data, weights="w"), fitted(data)
    # Weight 2 says half the variance, so the matrix of weight 1 holds twice as much.
    scale = np.where(plain.covariance.index == "v2", np.sqrt(2), 1.0)
    np.testing.assert_allclose(
        weighted.covariance, np.outer(scale, scale) * plain.covariance, rtol=SAME
    )
    np.testing.assert_allclose(weighted.params, plain.params, rtol=SAME, atol=SAME)
    np.testing.assert_allclose(weighted.bse, plain.bse, rtol=SAME)
    assert weighted.llf == pytest.approx(plain.llf, abs=SAME_LOGLIK)


@pytest.mark.parametrize("reml", [True, False])
def test_oracle_13_a_row_of_precision_two_has_half_the_variance(reml):
    data = made_up(24)
    rng = np.random.default_rng(24)
    data = data.assign(w=rng.choice([1.0, 2.0], len(data)))
    fit = fitted(data, "y ~ arm * visit", weights="w", reml=reml)
    used = data.dropna(subset=["y"])
    arm = (used["arm"] == "new").to_numpy(float)
    visits = [(used["visit"] == f"v{k}").to_numpy(float) for k in range(1, 4)]
    design = np.column_stack([np.ones(len(used)), arm, *visits, *(arm * v for v in visits)])
    # The density of a row with half the variance is that of √2 times the row, times √2.
    root = np.sqrt(used["w"].to_numpy())
    scaled = used.assign(y=used["y"] * root)
    plain = patients(scaled, design * root[:, None], "y", "id", "visit")
    sigma = fit.covariance.to_numpy()
    value, slope = deviance(plain, sigma, reml)
    assert -2 * fit.llf == pytest.approx(value - np.log(used["w"]).sum(), abs=SAME_LOGLIK)
    spread = np.sqrt(np.diag(sigma))
    assert np.abs(slope * np.outer(spread, spread)).max() < 1e-5


def test_precision_weights_in_other_units_change_the_matrix_only():
    data = made_up(25).assign(w=lambda d: 0.5 + np.arange(len(d)) % 4)
    one, ten = (fitted(data.assign(w=c * data["w"]), weights="w") for c in (1.0, 10.0))
    np.testing.assert_allclose(ten.covariance, 10 * one.covariance, rtol=SAME)
    np.testing.assert_allclose(ten.bse, one.bse, rtol=SAME)
    assert ten.llf == pytest.approx(one.llf, abs=SAME_LOGLIK)


@pytest.mark.parametrize("reml", [True, False])
def test_two_groups_with_the_same_data_have_the_same_matrix(reml):
    data = made_up(26)
    both = pd.concat([data.assign(site="a"), _again(data).assign(site="b")])
    grouped, pooled = fitted(both, group="site", reml=reml), fitted(both, reml=reml)
    assert list(grouped.covariance) == ["a", "b"]
    for matrix in grouped.covariance.values():
        np.testing.assert_allclose(matrix, pooled.covariance, rtol=1e-6)
    np.testing.assert_allclose(grouped.params, pooled.params, rtol=SAME, atol=SAME)
    assert grouped.llf == pytest.approx(pooled.llf, abs=SAME_LOGLIK)
    assert grouped.n_cov_params == 2 * pooled.n_cov_params


@pytest.mark.parametrize("covariance", ["us", "ar1h"])
@pytest.mark.parametrize("reml", [True, False])
def test_groups_that_share_no_coefficient_are_separate_trials(covariance, reml):
    data = made_up(27)
    options = {"covariance": covariance, "reml": reml}
    together = fitted(data, "y ~ 0 + arm:visit", group="arm", **options)
    apart = {arm: fitted(part, "y ~ 0 + visit", **options) for arm, part in data.groupby("arm")}
    assert together.llf == pytest.approx(sum(fit.llf for fit in apart.values()), abs=SAME_LOGLIK)
    means = together.lsmeans("arm", by="visit").frame.set_index("arm")
    for arm, fit in apart.items():
        np.testing.assert_allclose(together.covariance[arm], fit.covariance, rtol=1e-6, atol=1e-6)
        alone = fit.lsmeans("visit").frame
        for column in ("estimate", "std_error", "df"):
            np.testing.assert_allclose(means.loc[[arm], column], alone[column], rtol=1e-6)


def test_oracle_5_one_visit_with_a_variance_per_arm_is_welchs_test():
    data = made_up(28, visits=1, missing=0.0)
    # Unequal numbers and variances, or Welch's test is Student's.
    number = data["id"].str[1:].astype(int)
    data = data[(data["arm"] == "a_usual") | (number < 30)]
    data = data.assign(y=data["y"] * np.where(data["arm"] == "new", 3.0, 1.0))
    fit = fitted(data, "y ~ arm", group="arm")
    usual, new = (data.loc[data["arm"] == arm, "y"] for arm in ("a_usual", "new"))
    welch = stats.ttest_ind(new, usual, equal_var=False)
    assert fit.tvalues["arm[T.new]"] == pytest.approx(welch.statistic, rel=EXACT)
    assert fit.df["arm[T.new]"] == pytest.approx(welch.df, rel=EXACT)
    assert fit.pvalues["arm[T.new]"] == pytest.approx(welch.pvalue, rel=1e-6)
    for arm, values in (("a_usual", usual), ("new", new)):
        np.testing.assert_allclose(fit.covariance[arm], [[values.var(ddof=1)]], rtol=EXACT)
