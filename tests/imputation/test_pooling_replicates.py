"""Jackknife, bootstrap and nested pooling against closed forms and rbmi's replicates."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.errors import ModelError
from analysis.imputation.nested import pool_nested
from analysis.imputation.replicates import pool_bootstrap, pool_jackknife

EXACT = 1e-10
# rbmi's replicates are written with ten digits.
PRINTED = 1e-7
# Standard errors of a Monte-Carlo number that a right answer stays within.
BOUND = 4.5


def test_the_jackknife_of_a_mean_is_its_usual_standard_error():
    values = np.random.default_rng(2).normal(0, 3, (30, 2))
    left = (values.sum(axis=0) - values) / 29
    found = pool_jackknife(values.mean(axis=0), left)
    assert found.cov == pytest.approx(np.cov(values.T) / 30, rel=EXACT)
    assert found.p == pytest.approx(2 * stats.norm.sf(np.abs(found.estimate / found.se)), rel=EXACT)
    assert (found.error, found.n) == (None, 30)
    assert "patient" in found.method
    assert "site" in pool_jackknife(values.mean(axis=0), left, unit="site").method


def test_rbmi_jackknife_replicates_pool_to_its_standard_errors(shared_reference):
    told = json.loads((shared_reference / "rbmi_antidepressant_condmean.json").read_text())
    fit = told["condmean_jackknife_us_same_cov"]["strategies"]
    frame = pd.read_csv(shared_reference / "rbmi_antidepressant_jackknife_replicates.csv")
    frame = frame[frame["leave_out"] != "none"]
    strategies = set(frame["strategy"])
    for strategy in strategies:
        pooled = {row["parameter"]: row for row in fit[strategy]["pooled"]}
        for column in [name for name in frame.columns if name in pooled]:
            row = pooled[column]
            values = frame.loc[frame["strategy"] == strategy, column]
            found = pool_jackknife(row["est"], values.to_numpy())
            assert found.n == 172
            assert (found.se[0], found.low[0], found.p[0]) == pytest.approx(
                (row["se"], row["lci"], row["pval"]), rel=PRINTED
            )
    assert len(strategies) >= 2


def test_a_jackknife_replicate_without_an_estimate_is_refused():
    with pytest.raises(ModelError, match=r"1 of 5 jackknife replicates \(first: number 3\)"):
        pool_jackknife(1.0, np.array([1, 2, np.nan, 1, 2]))


def test_the_bootstrap_reports_the_spread_of_its_replicates():
    values = np.random.default_rng(3).normal(1, 2, (4000, 2))
    found = pool_bootstrap(np.ones(2), values)
    assert found.cov == pytest.approx(np.cov(values.T), rel=EXACT)
    assert found.error.estimate == pytest.approx(0)
    # Of a normal sample the standard deviation has the standard error σ / √(2 B).
    assert found.error.se == pytest.approx(2 / np.sqrt(8000), rel=0.1)


def test_percentiles_stand_at_their_ranks_and_p_inverts_them():
    values = np.arange(1.0, 1000.0) - 20.5
    found = pool_bootstrap(480.0, values, interval="percentile", alpha=0.05)
    # (999 + 1) 0.025 = 25th smallest and 25th largest.
    assert (found.low[0], found.high[0]) == pytest.approx((4.5, 954.5))
    assert found.p[0] == pytest.approx(2 * 21 / 1000)
    assert (found.p[0] < found.alpha) == (found.low[0] > 0)
    assert found.error.p[0] == pytest.approx(2 * np.sqrt(20 / 999 * 979 / 999 / 999))


def test_bootstraps_without_an_estimate_are_left_out_and_counted():
    values = np.random.default_rng(4).normal(0, 1, (200, 1))
    values[[3, 9]] = np.nan
    found = pool_bootstrap(0.0, values)
    assert found.n == 198
    assert "2 of 200 bootstrap replicates" in found.notes[0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"replicates": np.ones(1)}, "Make at least 2"),
        ({"replicates": np.full(20, np.nan)}, "0 of the bootstrap replicates with an estimate"),
        ({"replicates": np.ones((20, 2))}, "do not go with replicates of 2"),
        ({"estimate": np.nan}, "nothing to pool"),
        ({"interval": "bca"}, "allowed: normal, percentile"),
        ({"interval": "percentile"}, "no quantile at 0.025. Draw at least 39"),
    ],
)
def test_what_a_bootstrap_cannot_say_is_refused(arguments, message):
    with pytest.raises(ModelError, match=message):
        pool_bootstrap(**({"estimate": 1.0, "replicates": np.arange(20.0)} | arguments))


def made_up(b, d, between, within, seed=6):
    rng = np.random.default_rng(seed)
    return 1 + rng.normal(0, between, (b, 1, 2)) + rng.normal(0, within, (b, d, 2))


def test_nested_pooling_is_the_published_formula():
    values = made_up(20, 3, 0.8, 0.5)
    found = pool_nested(values)
    flat = values[..., 0]
    msb = 3 * flat.mean(axis=1).var(ddof=1)
    msw = flat.var(axis=1, ddof=1).mean()
    variance = (1 + 1 / 20) * (msb - msw) / 3 + msw / 60
    df = (msb * 21 - msw * 20) ** 2 / ((msb * 21) ** 2 / 19 + msw**2 * 20 / 2)
    pooled = found.pooled
    assert (pooled.estimate[0], pooled.se[0], pooled.df[0]) == pytest.approx(
        (flat.mean(), np.sqrt(variance), df), rel=EXACT
    )
    assert pooled.p[0] == pytest.approx(2 * stats.t.sf(flat.mean() / np.sqrt(variance), df), rel=EXACT)


def test_with_many_imputations_of_a_bootstrap_the_bootstrap_is_left():
    values = made_up(30, 4000, 0.8, 0.5)
    means = values.mean(axis=1)
    assert pool_nested(values).pooled.cov == pytest.approx((1 + 1 / 30) * np.cov(means.T), rel=5e-4)


def test_with_many_bootstraps_the_variance_between_them_is_found():
    """The imputations' own noise, 0.25 here, is taken out; a plain bootstrap would keep half of it."""
    found = pool_nested(made_up(20_000, 2, 0.8, 0.5)).pooled
    error = found.error.se[0]
    assert abs(found.se[0] - 0.8) < BOUND * error
    assert error < 0.01


def test_nested_monte_carlo_errors_are_those_of_pooling_without_each_bootstrap():
    values = made_up(10, 2, 0.8, 0.5)
    left = [pool_nested(np.delete(values, b, 0)).pooled for b in range(10)]
    error = pool_nested(values).pooled.error
    for name in ("estimate", "se", "p"):
        each = np.array([getattr(one, name) for one in left])
        plain = np.sqrt(9 / 10 * np.square(each - each.mean(axis=0)).sum(axis=0))
        assert getattr(error, name) == pytest.approx(plain, rel=1e-8)


def test_nested_degrees_of_freedom_do_not_fall_below_3():
    rng = np.random.default_rng(1)
    for _ in range(200):
        values = rng.normal(0, 1, (4, 2, 1)) + 0.6 * rng.normal(0, 1, (4, 1, 1))
        try:
            assert pool_nested(values).pooled.df[0] >= 3
        except ModelError as error:
            assert "varies no more than its imputations" in str(error)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (np.ones((1, 2, 1)), "at least 2 of the first two"),
        (np.ones((5, 1, 1)), "at least 2 of the first two"),
        (np.where(np.arange(24).reshape(6, 2, 2) == 9, np.nan, 1.0), "1 of 6 bootstraps .first: number 3."),
        (np.tile([1.0, -1.0], (6, 1)), "varies no more than its imputations"),
    ],
)
def test_what_nested_pooling_cannot_say_is_refused(values, message):
    with pytest.raises(ModelError, match=message):
        pool_nested(values)
