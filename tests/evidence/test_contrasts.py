"""Contrasts between arms: made from arms and from pairs alike, and refused where they cannot be."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.tabulated import contrasts_from_arms, contrasts_from_pairs

# Sums and square roots of a few numbers.
ROUNDING = 1e-12

ARMS = pd.DataFrame({
    "study": ["A", "A", "B", "B", "B"],
    "therapy": ["usual", "cupping", "usual", "massage", "cupping"],
    "mean": [50.0, 40.0, 52.0, 45.0, 41.0],
    "sd": [20.0, 22.0, 18.0, 19.0, 25.0],
    "n": [40, 38, 30, 31, 29],
})  # fmt: skip


def pairs_of(arms: pd.DataFrame) -> pd.DataFrame:
    """Every pair of arms of every trial, as netmeta's `pairwise` writes them."""
    both = arms.merge(arms, on="study", suffixes=("", "_other"))
    both = both[both["therapy"] > both["therapy_other"]]
    variance = both["sd"] ** 2 / both["n"] + both["sd_other"] ** 2 / both["n_other"]
    return pd.DataFrame({
        "study": both["study"], "therapy": both["therapy"], "comparator": both["therapy_other"],
        "effect": both["mean_other"] - both["mean"], "std_error": np.sqrt(variance),
        "n": both["n"] + both["n_other"],
    })  # fmt: skip


def row(**change) -> Contrasts:
    given = dict(
        study=("A", "B", "B"), therapy=("x", "x", "y"), comparator=("z", "z", "z"),
        effect=np.array([1.0, 2.0, 3.0]), n=np.full(3, 50.0),
        covariance=np.array([[1.0, 0, 0], [0, 1.0, 0.5], [0, 0.5, 1.0]]),
    )  # fmt: skip
    return Contrasts(**{**given, **change})


def test_a_lower_score_with_the_therapy_is_relief():
    found = contrasts_from_arms(ARMS)
    assert found.effect.tolist() == [10.0, 7.0, 11.0]
    assert contrasts_from_arms(ARMS, direction="higher_is_better").effect.tolist() == [-10, -7, -11]


def test_contrasts_that_share_an_arm_have_its_variance_in_common():
    found = contrasts_from_arms(ARMS)
    assert found.covariance[1, 2] == pytest.approx(18.0**2 / 30, rel=ROUNDING)
    assert found.covariance[0, 1] == 0
    assert found.variance[1] == pytest.approx(18.0**2 / 30 + 19.0**2 / 31, rel=ROUNDING)


def test_pairs_and_arms_of_the_same_trials_say_the_same():
    from_arms, from_pairs = contrasts_from_arms(ARMS), contrasts_from_pairs(pairs_of(ARMS))
    for study in from_arms.studies:
        names = from_arms.arms_of(study)
        assert set(names) == set(from_pairs.arms_of(study))
        one, other = (c.take(c.rows_of(study)) for c in (from_arms, from_pairs))
        # To the same rows: contrasts of all arms against the first one of the arms' frame.
        turn = one.design(names) @ np.linalg.pinv(other.design(names))
        assert np.allclose(turn @ other.effect, one.effect, atol=ROUNDING)
        assert np.allclose(turn @ other.covariance @ turn.T, one.covariance, rtol=ROUNDING)
        assert from_pairs.patients(study) == from_arms.patients(study)


def test_every_patient_of_a_trial_is_counted_once():
    found = contrasts_from_arms(ARMS)
    assert [found.patients(study) for study in found.studies] == [78, 90]
    assert row().patients("B") == 75


def test_the_callers_frame_stays_as_it_was():
    before = ARMS.copy()
    contrasts_from_arms(ARMS)
    pd.testing.assert_frame_equal(ARMS, before)


def test_trials_can_be_left_out_and_joined_again():
    found = contrasts_from_arms(ARMS)
    again = found.without(["B"]).joined(found.without(["A"]))
    assert again.study == found.study
    assert np.array_equal(again.covariance, found.covariance)
    with pytest.raises(ModelError, match="A, B is in both sets"):
        found.joined(found)


@pytest.mark.parametrize(("change", "said"), [
    ({"effect": np.array([1.0, np.nan, 2.0])}, "B: x against z has an effect of nan"),
    ({"covariance": np.diag([1.0, 0.0, 1.0])}, "B: x against z has a variance of 0"),
    ({"covariance": np.diag([1.0, -2.0, 1.0])}, "variance of -2"),
    ({"covariance": np.diag([1.0, np.nan, 1.0])}, "variance of nan"),
    ({"covariance": np.array([[1.0, 0, 0], [0, 1, 1], [0, 1, 1]])}, "2 rows of B is singular"),
    ({"covariance": np.array([[1.0, 0.2, 0], [0.2, 1, 0], [0, 0, 1]])}, "A and B are different trials"),
    ({"covariance": np.array([[1.0, 0, 0], [0, 1, 0.1], [0, 0.3, 1]])}, "not symmetric"),
    ({"covariance": np.eye(2)}, "covariance is 2 × 2 for 3 rows"),
    ({"comparator": ("z", "z", "x")}, "Rows of B are against z and against x"),
    ({"therapy": ("z", "x", "y")}, "A compares z with itself"),
    ({"therapy": ("x", "x", "x")}, "B: x against z is there twice"),
    ({"n": np.ones(2)}, "n has shape"),
    ({"n_comparator": np.ones(2)}, "n_comparator has shape"),
])  # fmt: skip
def test_rows_that_cannot_be_pooled_are_refused_by_name(change, said):
    with pytest.raises(ModelError, match=said):
        row(**change)


@pytest.mark.parametrize(("change", "said"), [
    ({"sd": [20.0, 0.0, 1.0, 1.0, 1.0]}, "A has a standard deviation of 0 in the arm cupping"),
    ({"n": [40, 38, 30, 0, 29]}, "B has a number of patients of 0 in the arm massage"),
    ({"mean": [50.0, None, 1.0, 1.0, 1.0]}, "A has 'nan' for mean of cupping"),
    ({"therapy": ["usual", "cupping", "usual", "cupping", "cupping"]}, "B has the arm cupping twice"),
    ({"study": ["A", "A", "B", "B", "C"]}, "C has one arm only"),
])  # fmt: skip
def test_arms_that_cannot_be_compared_are_refused_by_name(change, said):
    with pytest.raises(ModelError, match=said):
        contrasts_from_arms(ARMS.assign(**change))


def test_pairs_that_do_not_add_up_or_are_missing_are_refused_by_name():
    pairs = pairs_of(ARMS)
    with pytest.raises(ModelError, match="B has 3 arms but no row for"):
        contrasts_from_pairs(pairs.iloc[:-1])
    with pytest.raises(ModelError, match=r"B has .* twice"):
        contrasts_from_pairs(pd.concat([pairs, pairs.iloc[[-1]]]))
    pairs.loc[pairs.index[-1], "effect"] += 5
    with pytest.raises(ModelError, match="its other pairs give"):
        contrasts_from_pairs(pairs)


def test_a_direction_or_a_size_that_cannot_be_meant_is_refused():
    pairs = pairs_of(ARMS)
    for made, frame in ((contrasts_from_arms, ARMS), (contrasts_from_pairs, pairs)):
        with pytest.raises(ModelError, match="direction is 'lower'; it can be lower_is_better"):
            made(frame, direction="lower")
    with pytest.raises(ModelError, match=r"A has 'some' for n of .*: give a number, or leave it empty"):
        contrasts_from_pairs(pairs.assign(n=["some", *pairs["n"].iloc[1:]]))
    silent = contrasts_from_pairs(pairs.assign(n=[None, *pairs["n"].iloc[1:]]))
    assert np.isnan(silent.patients("A"))


def test_a_frame_without_a_column_or_a_row_is_refused():
    with pytest.raises(ModelError, match="no column sd"):
        contrasts_from_arms(ARMS.drop(columns="sd"))
    with pytest.raises(ModelError, match="no rows"):
        contrasts_from_arms(ARMS.iloc[:0])
