"""Kenward and Roger's test where it is exact, and joint tests written in several ways."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from small_trial import fitted, made_up

from analysis.errors import ModelError

# The exact case holds up to rounding of the fit.
EXACT = 1e-8
KENWARD_ROGER = {"df": "kenward-roger"}
BOTH = ("satterthwaite", "kenward-roger")
ARM = "arm[T.new]"


def _arm_by_visit(visits: int) -> dict[str, dict[str, float]]:
    """The difference between arms at each visit."""
    later = {f"v{k}": {ARM: 1.0, f"{ARM}:visit[T.v{k}]": 1.0} for k in range(1, visits)}
    return {"v0": {ARM: 1.0}, **later}


def _hotelling(data) -> tuple[float, int, int]:
    wide = data.pivot(index="id", columns="visit", values="y")
    arm = data.groupby("id")["arm"].first()
    usual, new = (wide[arm == name].to_numpy() for name in ("a_usual", "new"))
    free = len(wide) - 2
    pooled = sum((len(part) - 1) * np.cov(part.T) for part in (usual, new)) / free
    gap = new.mean(axis=0) - usual.mean(axis=0)
    squared = gap @ np.linalg.solve(pooled, gap) / (1 / len(usual) + 1 / len(new))
    visits = wide.shape[1]
    return squared * (free - visits + 1) / (free * visits), visits, free - visits + 1


@pytest.mark.parametrize(("patients", "visits"), [(24, 3), (16, 4), (60, 2), (14, 6)])
def test_oracle_4_complete_data_give_hotellings_test(patients, visits):
    data = made_up(31, patients, visits, missing=0.0)
    fit = fitted(data, "y ~ arm * visit", KENWARD_ROGER)
    test = fit.wald_test(_arm_by_visit(visits))
    statistic, numerator, denominator = _hotelling(data)
    assert test.num_df == numerator
    assert test.statistic == pytest.approx(statistic, rel=EXACT)
    assert test.denom_df == pytest.approx(denominator, rel=EXACT)
    p_value = stats.f.sf(statistic, numerator, denominator)
    assert test.p_value == pytest.approx(p_value, rel=1e-6)


def test_one_contrast_has_the_df_of_satterthwaite():
    one, other = (fitted(made_up(32), inference={"df": df}) for df in BOTH)
    np.testing.assert_allclose(one.df, other.df, rtol=EXACT)
    # Small-sample standard errors: never below the model's.
    assert (other.bse >= one.bse * (1 - 1e-9)).all()
    name = f"{ARM}:visit[T.v3]"
    joint = other.wald_test({"one": {name: 1.0}})
    assert joint.denom_df == pytest.approx(other.df[name], rel=EXACT)
    assert joint.statistic == pytest.approx(other.tvalues[name] ** 2, rel=EXACT)


def test_the_hypothesis_and_not_its_rows_decides_the_test():
    fit = fitted(made_up(33), inference=KENWARD_ROGER)
    rows = fit.contrast(_arm_by_visit(4)).matrix
    mixed = np.random.default_rng(33).standard_normal((4, 4)) @ rows
    one, other = fit.wald_test(rows), fit.wald_test(mixed)
    assert other.statistic == pytest.approx(one.statistic, rel=EXACT)
    assert other.denom_df == pytest.approx(one.denom_df, rel=EXACT)


@pytest.mark.parametrize("df", BOTH)
def test_oracle_18_three_rows_of_rank_two_are_two_rows(df):
    fit = fitted(made_up(34), inference={"df": df})
    first, second = fit.contrast(_arm_by_visit(3)).matrix[1:]
    three = np.array([first, second, first - 2 * second])
    # Two rows with the same cross-product: Satterthwaite's df depend on it, not on the rank alone.
    _, length, direction = np.linalg.svd(three, full_matrices=False)
    two = length[:2, None] * direction[:2]
    whole, reduced = fit.wald_test(three), fit.wald_test(two)
    assert whole.num_df == reduced.num_df == 2
    assert whole.statistic == pytest.approx(reduced.statistic, rel=EXACT)
    assert whole.denom_df == pytest.approx(reduced.denom_df, rel=EXACT)
    assert whole.p_value == pytest.approx(reduced.p_value, rel=1e-6)


def test_kenward_roger_is_refused_without_reml():
    with pytest.raises(ModelError, match="restricted likelihood"):
        fitted(made_up(35), inference=KENWARD_ROGER, reml=False)
