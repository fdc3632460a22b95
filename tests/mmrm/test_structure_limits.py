"""Structures where they meet each other, a closed form, or another program."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.formula.api as smf
from small_trial import FORMULA, fitted, made_up

# Two structures that are one: each fit ends within 1e-10 of the optimum of −2 log L.
SAME = 1e-6
SAME_LOGLIK = 1e-8
EXACT = 1e-7
# A special case of a structure never fits better than the structure.
NESTED = [
    ("us", "toeph"), ("toeph", "toep"), ("toeph", "csh"), ("toeph", "ar1h"), ("toep", "cs"),
    ("toep", "ar1"), ("csh", "cs"), ("ar1h", "ar1"), ("us", "adh"), ("adh", "ad"), ("adh", "ar1h"),
    ("ad", "ar1"), ("us", "csh"), ("csh", "diag"), ("ar1h", "diag"), ("adh", "diag"),
]  # fmt: skip


@pytest.mark.parametrize("missing", [0.0, 0.3])
@pytest.mark.parametrize("reml", [True, False])
def test_likelihoods_of_nested_structures_are_in_order(missing, reml):
    data = made_up(41, missing=missing)
    names = sorted({name for pair in NESTED for name in pair})
    llf = {name: fitted(data, covariance=name, reml=reml).llf for name in names}
    wrong = [pair for pair in NESTED if llf[pair[0]] < llf[pair[1]] - SAME_LOGLIK]
    assert not wrong


def _same(data, one: str, other: str, **options) -> None:
    first, second = (fitted(data, covariance=name, **options) for name in (one, other))
    assert first.n_cov_params == second.n_cov_params
    assert first.llf == pytest.approx(second.llf, abs=SAME_LOGLIK)
    np.testing.assert_allclose(first.covariance, second.covariance, rtol=SAME)
    np.testing.assert_allclose(first.params, second.params, rtol=SAME, atol=SAME)
    np.testing.assert_allclose(first.bse, second.bse, rtol=SAME)
    np.testing.assert_allclose(first.df, second.df, rtol=1e-5)


@pytest.mark.parametrize("reml", [True, False])
def test_distance_at_equal_steps_is_autoregression(reml):
    _same(made_up(42), "ar1", "sp_exp", reml=reml)


@pytest.mark.parametrize("other", ["toeph", "csh", "ar1h", "adh"])
def test_two_visits_with_variances_of_their_own_are_unstructured(other):
    _same(made_up(43, visits=2), "us", other)


@pytest.mark.parametrize("other", ["toep", "ar1", "ad", "sp_exp", "sp_gau"])
def test_two_visits_with_one_variance_are_compound_symmetric(other):
    _same(made_up(44, visits=2), "cs", other)


def test_the_unit_of_time_changes_the_parameter_and_nothing_else():
    data = made_up(45)
    weeks = {"v0": 2, "v1": 6, "v2": 12, "v3": 26}
    days = {visit: 7 * week for visit, week in weeks.items()}
    one, other = (fitted(data, covariance="sp_exp", times=times) for times in (weeks, days))
    assert one.llf == pytest.approx(other.llf, abs=SAME_LOGLIK)
    np.testing.assert_allclose(one.covariance, other.covariance, rtol=SAME)
    sigma = one.covariance.to_numpy()
    steps = np.log(np.diag(sigma, 1) / sigma[0, 0]) / np.diff(list(weeks.values()))
    np.testing.assert_allclose(steps, steps[0], rtol=1e-8)


def test_uncorrelated_visits_are_least_squares_each():
    data = made_up(46)
    fit = fitted(data, "y ~ 0 + arm:visit", covariance="diag")
    cells = data.dropna().groupby(["visit", "arm"])["y"]
    rest = data["y"] - data.groupby(["visit", "arm"])["y"].transform("mean")
    free = data.dropna().groupby("visit").size() - 2
    variance = (rest**2).groupby(data["visit"]).sum() / free
    np.testing.assert_allclose(np.diag(fit.covariance), variance, rtol=EXACT)
    assert np.count_nonzero(fit.covariance.to_numpy() - np.diag(np.diag(fit.covariance))) == 0
    means = fit.lsmeans("arm", by="visit").frame.set_index(["visit", "arm"])
    np.testing.assert_allclose(means["estimate"], cells.mean().loc[means.index], rtol=EXACT)
    error = np.sqrt(means.index.get_level_values("visit").map(variance) / cells.size())
    np.testing.assert_allclose(means["std_error"], error, rtol=EXACT)
    degrees = means.index.get_level_values("visit").map(free)
    np.testing.assert_allclose(means["df"], degrees, rtol=1e-6)


def test_compound_symmetry_of_complete_data_is_the_analysis_of_variance():
    data = made_up(47, missing=0.0).query("arm == 'new'")
    fit = fitted(data, "y ~ visit", covariance="cs")
    wide = data.pivot(index="id", columns="visit", values="y").to_numpy()
    n, m = wide.shape
    patient = wide.mean(axis=1, keepdims=True)
    rest = wide - patient - wide.mean(axis=0) + wide.mean()
    within = (rest**2).sum() / ((n - 1) * (m - 1))
    between = m * ((patient - wide.mean()) ** 2).sum() / (n - 1)
    shared = (between - within) / m
    expected = shared + within * np.eye(m)
    np.testing.assert_allclose(fit.covariance, expected, rtol=EXACT)
    name = "visit[T.v3]"
    assert fit.bse[name] == pytest.approx(np.sqrt(2 * within / n), rel=EXACT)
    assert fit.df[name] == pytest.approx((n - 1) * (m - 1), rel=1e-6)


@pytest.mark.parametrize("reml", [True, False])
def test_compound_symmetry_is_the_random_intercept_of_statsmodels(reml):
    data = made_up(48)
    fit = fitted(data, covariance="cs", reml=reml)
    used = data.dropna(subset=["y"])
    peer = smf.mixedlm(FORMULA, used, groups=used["id"])
    other = peer.fit(reml=reml, method="powell", ftol=1e-12)
    shared, rest = float(other.cov_re.iloc[0, 0]), other.scale
    expected = shared + rest * np.eye(4)
    np.testing.assert_allclose(fit.covariance, expected, rtol=1e-5)
    assert fit.llf == pytest.approx(other.llf, abs=1e-7)
    names = list(fit.params.index)
    np.testing.assert_allclose(fit.params, other.fe_params.loc[names], rtol=1e-5, atol=1e-6)
