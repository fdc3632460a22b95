"""Rubin's rules against rbmi's printed numbers, published formulas and their limits."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy import stats

from analysis.errors import ModelError
from analysis.imputation.rubin import barnard_rubin_df, pool_rubin, pooled_wald, rubin_df

# Closed forms on both sides: rounding.
EXACT = 1e-10


def made_up(n=40, k=3, seed=5):
    """Estimates (n, k) and covariances (n, k, k) of n imputations."""
    rng = np.random.default_rng(seed)
    half = rng.normal(0, 1, (n, k, k + 4))
    return rng.normal(1, 0.4, (n, k)), half @ half.transpose(0, 2, 1) / (k + 4)


def with_moments(mean, variance, n):
    """n numbers with exactly this mean and variance."""
    shape = np.linspace(-1, 1, n)
    return mean + shape * np.sqrt(variance / shape.var(ddof=1))


def test_rbmi_random_rubin_blocks_follow_from_their_within_and_between(shared_reference):
    reference = json.loads((shared_reference / "rbmi_antidepressant_random.json").read_text())
    seen = 0
    for method in ("approxbayes", "bayes"):
        for found in reference[method]["strategies"].values():
            for parts, pooled in zip(found["rubin"], found["pooled"], strict=True):
                n = parts["M"]
                mine = pool_rubin(
                    with_moments(parts["qbar"], parts["between"], n), np.full((n, 1), parts["within"]),
                    parts["df_complete"],
                )  # fmt: skip
                told = [parts["qbar"], parts["total"], parts["fmi_lambda"], parts["df_barnard_rubin"],
                        parts["mc_error_of_qbar"], pooled["se"], pooled["lci"], pooled["uci"],
                        pooled["pval"]]  # fmt: skip
                got = mine.pooled
                own = [got.estimate, got.cov[0], mine.share, got.df, got.error.estimate, got.se,
                       got.low, got.high, got.p]  # fmt: skip
                assert np.concatenate(own) == pytest.approx(told, rel=EXACT, abs=EXACT)
                seen += 1
    assert seen == 2 * 5 * 12


def test_the_stable_form_is_the_published_one():
    n, share, complete = 20, np.linspace(0.05, 0.95, 10), 60.0
    old = (n - 1) / share**2
    seen = (complete + 1) / (complete + 3) * complete * (1 - share)
    assert barnard_rubin_df(n, share, complete) == pytest.approx(old * seen / (old + seen))


def test_degrees_of_freedom_stand_where_the_published_form_divides_by_0():
    nothing = np.array([0.0])
    assert barnard_rubin_df(20, nothing, np.inf) == np.inf
    assert rubin_df(20, nothing) == np.inf
    assert barnard_rubin_df(20, nothing, 60.0) == pytest.approx(61 / 63 * 60)
    some = np.array([0.3])
    assert barnard_rubin_df(20, some, np.inf) == rubin_df(20, some)
    assert barnard_rubin_df(20, some, 1e12) == pytest.approx(rubin_df(20, some), rel=1e-9)


def test_with_nothing_missing_pooling_is_the_complete_analysis():
    estimates, covariances = made_up()
    same = np.repeat(estimates[:1], 30, axis=0)
    found = pool_rubin(same, np.repeat(covariances[:1], 30, axis=0), df="rubin")
    assert found.pooled.estimate == pytest.approx(estimates[0], rel=EXACT)
    assert found.pooled.cov == pytest.approx(covariances[0], rel=EXACT)
    z = estimates[0] / np.sqrt(np.diag(covariances[0]))
    assert found.pooled.p == pytest.approx(2 * stats.norm.sf(np.abs(z)), rel=EXACT)
    assert found.share == pytest.approx(0, abs=EXACT)
    assert found.pooled.error.p == pytest.approx(0, abs=EXACT)


def test_degrees_of_freedom_of_a_complete_analysis_survive_where_nothing_is_missing():
    """What is left of Barnard and Rubin's correction, (ν+1)/(ν+3) ν, vanishes for many patients."""
    estimates = np.repeat(made_up()[0][:1], 30, axis=0)
    found = pool_rubin(estimates, np.ones((30, 3)), 1e9)
    assert found.pooled.df == pytest.approx(1e9, rel=1e-8)


def test_a_combination_pools_like_a_quantity_of_its_own():
    estimates, covariances = made_up()
    weights = np.array([1.0, -0.5, 2.0])
    whole = pool_rubin(estimates, covariances, 50.0)
    own = pool_rubin(estimates @ weights, np.einsum("a,nab,b->n", weights, covariances, weights), 50.0)
    assert weights @ whole.pooled.estimate == pytest.approx(own.pooled.estimate[0], rel=EXACT)
    assert weights @ whole.pooled.cov @ weights == pytest.approx(own.pooled.cov[0, 0], rel=EXACT)
    assert whole.df_of(weights, 50.0) == pytest.approx(own.pooled.df[0], rel=EXACT)


def test_information_measures_agree_with_each_other():
    found = pool_rubin(*made_up(), df="rubin")
    assert found.share == pytest.approx(found.riv / (1 + found.riv), rel=EXACT)
    # Rubin 1987, 3.1.10: (r + 2/(ν+3)) / (r+1) with ν = (M−1)(1 + 1/r)².
    nu = 39 * (1 + 1 / found.riv) ** 2
    assert found.fmi == pytest.approx((found.riv + 2 / (nu + 3)) / (found.riv + 1), rel=EXACT)


def test_monte_carlo_errors_are_those_of_pooling_without_each_imputation():
    estimates, covariances = made_up(12)
    left = [
        pool_rubin(np.delete(estimates, m, 0), np.delete(covariances, m, 0), 30.0).pooled for m in range(12)
    ]
    error = pool_rubin(estimates, covariances, 30.0).pooled.error
    for name in ("estimate", "se", "p"):
        values = np.array([getattr(one, name) for one in left])
        plain = np.sqrt(11 / 12 * np.square(values - values.mean(axis=0)).sum(axis=0))
        assert getattr(error, name) == pytest.approx(plain, rel=1e-8)


def test_the_error_of_an_estimate_falls_with_imputations_and_the_answer_settles():
    rng = np.random.default_rng(8)
    estimates = rng.normal(2, 0.5, 40_000)
    many = pool_rubin(estimates, np.ones((40_000, 1)))
    assert many.pooled.error.estimate == pytest.approx(0.5 / 200, rel=0.03)
    # T → W + B; the variance of 40,000 normals is known to 0.7 %.
    assert many.pooled.cov[0, 0] == pytest.approx(1.25, rel=0.007)


def test_a_p_value_near_alpha_is_called_uncertain_and_one_far_from_it_is_not():
    z = stats.norm.ppf(0.975)
    near, far = with_moments(z * 1.05, 0.05, 50), with_moments(4.0, 0.05, 50)
    found = pool_rubin(np.column_stack([near, far]), np.ones((50, 2)), names=["pain", "use"]).pooled
    assert [("pain" in note, "Monte-Carlo" in note) for note in found.notes] == [(True, True)]


def test_without_covariances_the_joint_covariance_is_unknown_and_a_joint_test_refused():
    estimates, covariances = made_up()
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    cov = pool_rubin(estimates, variances).pooled.cov
    assert np.isnan(cov[0, 1])
    assert np.isfinite(np.diag(cov)).all()
    with pytest.raises(ModelError, match="only variances were given"):
        pooled_wald(estimates, variances)


def test_a_joint_test_of_one_quantity_is_its_t_test_squared():
    estimates, covariances = made_up()
    one = np.array([[1.0, 0.0, 0.0]])
    single = pool_rubin(estimates, covariances, df="rubin")
    joint = pooled_wald(estimates, covariances, one)
    t = single.pooled.estimate[0] / single.pooled.se[0]
    assert joint.f == pytest.approx(t**2, rel=EXACT)
    assert joint.riv == pytest.approx(single.riv[0], rel=EXACT)


def test_a_joint_test_with_nothing_missing_is_the_chi_square_test():
    estimates, covariances = made_up()
    q, w = estimates[0], covariances[0]
    joint = pooled_wald(np.repeat(q[None], 9, axis=0), np.repeat(w[None], 9, axis=0))
    wald = q @ np.linalg.solve(w, q)
    assert joint.f * 3 == pytest.approx(wald, rel=EXACT)
    assert joint.p == pytest.approx(stats.chi2.sf(wald, 3), rel=1e-8)


def test_a_joint_test_does_not_depend_on_how_the_null_is_written():
    estimates, covariances = made_up()
    turn = np.array([[1.0, 1.0, 0.0], [0.0, 2.0, 1.0]])
    other = np.array([[2.0, -1.0], [0.5, 3.0]]) @ turn
    first, second = (pooled_wald(estimates, covariances, c) for c in (turn, other))
    assert (first.f, first.p, first.riv) == pytest.approx((second.f, second.p, second.riv), rel=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"estimates": np.ones((1, 3)), "covariances": np.ones((1, 3))}, "1 of the imputations"),
        ({"covariances": np.zeros((40, 3))}, "40 of 40 imputations .first: number 1. lack"),
        ({"covariances": np.ones((40, 2))}, "need covariances of shape"),
        ({"df_complete": 0.0}, "must be positive"),
        ({"df_complete": np.ones(2)}, "2 degrees of freedom were given for 3"),
        ({"df": "satterthwaite"}, "allowed: barnard-rubin, rubin"),
        ({"names": ["pain"]}, "1 names were given for 3"),
        ({"alpha": 5}, "between 0 and 1"),
    ],
)
def test_what_cannot_be_pooled_is_refused_in_words(change, message):
    estimates, covariances = made_up()
    with pytest.raises(ModelError, match=message):
        pool_rubin(**({"estimates": estimates, "covariances": covariances} | change))


def test_an_imputation_without_an_estimate_is_named_and_not_left_out():
    estimates, covariances = made_up()
    estimates[6, 1] = np.nan
    with pytest.raises(ModelError, match=r"1 of 40 imputations \(first: number 7\)"):
        pool_rubin(estimates, covariances)


def test_dependent_combinations_are_refused():
    with pytest.raises(ModelError, match="depend on each other"):
        pooled_wald(*made_up(), np.array([[1.0, 0, 0], [2.0, 0, 0]]))


def test_two_imputations_pool_but_know_no_monte_carlo_error():
    estimates, covariances = made_up(2)
    found = pool_rubin(estimates, covariances).pooled
    assert np.isfinite(found.se).all()
    assert np.isnan(found.error.p).all()
    assert found.notes == ()
