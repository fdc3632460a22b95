"""Tails and quantiles are those of scipy.stats, and nobody waits for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis import distributions as own

ROOT = Path(__file__).resolve().parent.parent
SHARES = [0.0, 1e-300, 1e-20, 0.001, 0.025, 0.05, 0.3, 0.5, 0.7, 0.975, 1 - 1e-12, 1.0, -0.1, 1.5, np.nan]
VALUES = [-np.inf, -50.0, -1.0, -1e-300, 0.0, 1e-300, 0.1, 1.0, 2.5, 40.0, 1e5, 1e300, np.inf, np.nan]
DF = [-1.0, 0.0, 1e-3, 0.5, 1.0, 2.0, 3.7, 10.0, 100.0, 1e6, 1e10, np.inf, np.nan]
FINITE = [one for one in DF if not np.isinf(one)]


def _two_sided(statistic, df):
    return 2 * stats.t.sf(np.abs(statistic), df)


def _same(one, other) -> bool:
    one, other = np.asarray(one), np.asarray(other)
    same = (one == other) & (np.signbit(one) == np.signbit(other))
    return one.dtype == np.float64 and bool(np.all(same | (np.isnan(one) & np.isnan(other))))


@pytest.mark.parametrize(("ours", "theirs", "axes"), [
    (own.normal_quantile, stats.norm.ppf, [SHARES]),
    (own.normal_critical, stats.norm.isf, [SHARES]),
    (own.normal_tail, stats.norm.sf, [VALUES]),
    (own.t_quantile, stats.t.ppf, [SHARES, DF]),
    (own.t_critical, stats.t.isf, [SHARES, DF]),
    (own.t_two_sided, _two_sided, [VALUES, DF]),
    (own.chi2_quantile, stats.chi2.ppf, [SHARES, DF]),
    (own.chi2_critical, stats.chi2.isf, [SHARES, DF]),
    (own.chi2_tail, stats.chi2.sf, [VALUES, FINITE]),
    (own.f_quantile, stats.f.ppf, [SHARES, FINITE, FINITE]),
    (own.f_tail, stats.f.sf, [VALUES, DF, DF]),
], ids=lambda one: getattr(one, "__name__", ""))  # fmt: skip
def test_numbers_are_those_of_scipy_stats_to_the_last_bit(ours, theirs, axes):
    grid = np.array(np.meshgrid(*axes)).reshape(len(axes), -1)
    expected = theirs(*grid)
    each = [ours(*map(float, point)) for point in grid.T]
    assert all(isinstance(one, float) for one in each)
    assert _same(each, expected)


@pytest.mark.parametrize(("ours", "theirs"), [
    (own.t_quantile, stats.t.ppf), (own.t_critical, stats.t.isf), (own.t_two_sided, _two_sided),
])  # fmt: skip
def test_arrays_and_whole_numbers_give_what_their_parts_give(ours, theirs):
    assert _same(ours(0.025, np.array(DF)), theirs(0.025, np.array(DF)))
    column, whole = np.array(SHARES)[:, None], np.arange(5)
    assert _same(ours(column, whole), theirs(column, whole))
    assert _same(ours(pd.Series(SHARES, index=range(3, 18)), 4), theirs(np.array(SHARES), 4))
    assert _same(own.normal_quantile(pd.Series(SHARES)), stats.norm.ppf(SHARES))
    assert _same(own.normal_tail([1, 2]), stats.norm.sf([1, 2]))


def test_the_median_of_chi2_is_its_quantile_at_a_half():
    assert [own.chi2_quantile(0.5, df) for df in range(1, 30)] == list(stats.chi2.median(np.arange(1, 30)))


def test_importing_the_rooms_leaves_scipy_stats_and_statsmodels_alone():
    rooms = sorted(path.stem for path in (ROOT / "analysis").iterdir()
                   if path.suffix == ".py" or (path / "__init__.py").is_file())  # fmt: skip
    names = [f"analysis.{room}" for room in rooms if room != "__init__"]
    code = f"import {', '.join(names)}, sys; print({{'scipy.stats', 'statsmodels'}} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert shown.stdout.strip() == "set()"
