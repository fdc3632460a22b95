"""Contrast matrices: printed tables, orthogonality, and differences of differences."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.mmrm import MMRM
from analysis.mmrm.comparisons import comparison_matrix

REFERENCE = Path(__file__).parents[1] / "reference"
# Rounding of sums over a dozen coefficients.
ROUNDING = 1e-10
# Fisher and Yates, Statistical Tables, table XXIII: orthogonal polynomials.
TABLED = {
    3: [[-1, 0, 1], [1, -2, 1]],
    4: [[-3, -1, 1, 3], [1, -1, -1, 1], [-1, 3, -3, 1]],
    5: [[-2, -1, 0, 1, 2], [2, -1, -2, -1, 2], [-1, 2, 0, -2, 1], [1, -4, 6, -4, 1]],
    6: [[-5, -3, -1, 1, 3, 5], [5, -1, -4, -4, -1, 5], [-5, 7, 4, -4, -7, 5],
        [1, -3, 2, 2, -3, 1], [-1, 5, -10, 10, -5, 1]],
}  # fmt: skip


@pytest.fixture(scope="module")
def fit():
    frame = pd.read_csv(REFERENCE / "pain150.csv")
    frame["therapy"] = pd.Categorical(frame["therapy"], ["USUAL", "SHAM", "ACU"])
    formula = "chg ~ base + sex + age + therapy * visit"
    return MMRM.from_formula(formula, frame, subject="patient", visit="visit").fit()


@pytest.mark.parametrize("size", list(TABLED))
def test_polynomials_of_equally_spaced_levels_are_those_of_printed_tables(size):
    names, weights = comparison_matrix("polynomial", list(range(size)))
    np.testing.assert_array_equal(weights, TABLED[size])
    assert names == ["linear", "quadratic", "cubic", "quartic", "degree 5"][: size - 1]


def test_polynomials_at_scores_are_orthonormal_and_see_only_their_degree():
    scores = np.array([2.0, 6.0, 12.0, 26.0, 52.0])
    _, weights = comparison_matrix("polynomial", "abcde", scores=scores)
    np.testing.assert_allclose(weights @ weights.T, np.eye(4), atol=1e-12)
    np.testing.assert_allclose(weights.sum(axis=1), 0, atol=1e-12)
    linear = (scores - scores.mean()) / np.linalg.norm(scores - scores.mean())
    np.testing.assert_allclose(weights[0], linear, rtol=1e-12)
    quadratic = weights @ scores**2
    assert quadratic[1] > 0
    np.testing.assert_allclose(quadratic[2:] / quadratic[1], 0, atol=1e-11)


def test_equal_scores_give_the_tabled_polynomials_but_for_their_length():
    _, weights = comparison_matrix("polynomial", "abcd", scores=[1, 2, 3, 4])
    tabled = np.array(TABLED[4], dtype=float)
    lengths = np.linalg.norm(tabled, axis=1, keepdims=True)
    np.testing.assert_allclose(weights, tabled / lengths, atol=1e-12)


def test_comparisons_name_what_they_subtract():
    assert comparison_matrix("pairwise", "abc")[0] == ["a - b", "a - c", "b - c"]
    assert comparison_matrix("consecutive", "abc")[0] == ["b - a", "c - b"]
    assert comparison_matrix("dunnett", "abc", "b")[0] == ["a - b", "c - b"]
    np.testing.assert_array_equal(
        comparison_matrix("consecutive", "abc")[1], [[-1, 1, 0], [0, -1, 1]]
    )


def test_custom_weights_may_be_numbers_or_name_levels(fit):
    means = fit.lsmeans("therapy", by="visit")
    by_level = means.contrast({"any": {"USUAL": -1, "SHAM": 0.5, "ACU": 0.5}})
    by_place = means.contrast({"any": [-1, 0.5, 0.5]})
    pd.testing.assert_frame_equal(by_level.frame, by_place.frame)
    differences = means.contrast("comparator").estimate.reshape(-1, 2)
    np.testing.assert_allclose(by_level.estimate, differences.mean(axis=1), atol=ROUNDING)


def test_interaction_contrasts_are_differences_of_differences(fit):
    table = fit.lsmeans(["therapy", "visit"]).contrast(
        ("comparator", "consecutive"), comparator={"therapy": "USUAL"}
    )
    assert table.frame["contrast"].iloc[0] == "SHAM - USUAL : W06 - W02"
    differences = fit.lsmeans("therapy", by="visit").contrast("comparator")
    by_arm = differences.estimate.reshape(-1, 2).T
    np.testing.assert_allclose(table.estimate, np.diff(by_arm).ravel(), atol=ROUNDING)
    size = len(fit.design.visits)
    step = np.diff(np.eye(size), axis=0)
    mixing = np.array([np.kron(row, arm) for arm in np.eye(2) for row in step])
    np.testing.assert_allclose(table.cov, mixing @ differences.cov @ mixing.T, atol=ROUNDING)


def test_contrasts_combine_again_into_what_is_left(fit):
    differences = fit.lsmeans("therapy", by="visit").contrast("comparator")
    left = differences.contrast(
        {"ACU long - short": {("W52", "ACU - USUAL"): 1, ("W12", "ACU - USUAL"): -1}}
    )
    rows = differences.frame.set_index(["visit", "contrast"])["estimate"]
    wanted = rows["W52", "ACU - USUAL"] - rows["W12", "ACU - USUAL"]
    assert left.estimate[0] == pytest.approx(wanted, abs=ROUNDING)
    assert left.frame["contrast"].tolist() == ["ACU long - short"]
    places = [rows.index.get_loc(("W52", "ACU - USUAL")), rows.index.get_loc(("W12", "ACU - USUAL"))]
    part = differences.cov[np.ix_(places, places)]
    assert left.cov[0, 0] == pytest.approx(part[0, 0] + part[1, 1] - 2 * part[0, 1], rel=1e-9)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda m: m.contrast("tukey"), "use one of"),
        (lambda m: m.contrast({}), "contrasts is empty"),
        (lambda m: m.contrast({"x": {"PLACEBO": 1}}), "weighs"),
        (lambda m: m.contrast({"x": [1, -1]}), "3 finite weights"),
        (lambda m: m.contrast({"x": [0, 0, 0]}), "not all 0"),
        (lambda m: m.contrast({"x": ["a", "b", "c"]}), "not numbers"),
        (lambda m: m.contrast("polynomial", scores=[1, 1, 2]), "different finite numbers"),
        (lambda m: m.contrast("polynomial", scores=["a", "b", "c"]), "not numbers"),
        (lambda m: m.contrast("pairwise", scores=[1, 2, 3]), "is for method='polynomial'"),
        (lambda m: m.contrast("comparator", comparator="PLACEBO"), "not a level"),
        (lambda m: m.contrast(("pairwise", "pairwise")), "2 methods for 1 factors"),
        (lambda m: m.contrast(("comparator",), comparator="USUAL"), "take a mapping"),
        (lambda m: m.contrast().contrast({"x": {"SHAM - ACU": 1}}), "weighs"),
        (lambda m: m.contrast().contrast({}), "No combination"),
        (lambda m: replace(m.contrast(), fit=None).contrast({"x": [1]}), "no fit behind it"),
    ],
)
def test_comparisons_that_mean_nothing_are_refused_in_words(fit, ask, message):
    with pytest.raises(ModelError, match=message):
        ask(fit.lsmeans("therapy", by="visit"))
