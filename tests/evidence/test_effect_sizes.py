"""Effect sizes against metafor, and against what can be worked out by hand."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.evidence.effect_sizes import (
    Counts,
    Means,
    heteroscedastic_smd,
    log_odds_ratio,
    log_ratio_of_means,
    log_risk_ratio,
    mean_difference,
    risk_difference,
    shared_arm_covariance,
    shared_arm_smd_covariance,
    small_sample_factor,
    standardised_mean_difference,
)

# The reference has 15 significant digits of numbers up to a few hundred; the unbiased variance
# subtracts numbers of which the first three digits are equal.
FIFTEEN_DIGITS = 3e-12


@pytest.fixture
def stay(shared_data) -> tuple[Means, Means]:
    rows = pd.read_csv(shared_data / "reference" / "dat_normand1999.csv")
    return (
        Means(rows["m1i"], rows["sd1i"], rows["n1i"]), Means(rows["m2i"], rows["sd2i"], rows["n2i"]),
    )  # fmt: skip


@pytest.fixture
def vaccine(shared_data) -> tuple[Counts, Counts]:
    rows = pd.read_csv(shared_data / "reference" / "dat_bcg.csv")
    return (
        Counts(rows["tpos"], rows["tpos"] + rows["tneg"]),
        Counts(rows["cpos"], rows["cpos"] + rows["cneg"]),
    )


def _unbiased(one: Means, other: Means):
    return standardised_mean_difference(one, other, variance="UB")


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("MD", mean_difference), ("SMD", standardised_mean_difference), ("SMD_vtype_UB", _unbiased),
        ("SMDH", heteroscedastic_smd), ("ROM", log_ratio_of_means),
    ],
)  # fmt: skip
def test_effects_of_means_agree_with_metafor(stay, shared_reference, name, effect):
    theirs = json.loads((shared_reference / "meta_normand1999.json").read_text())[name]
    ours = effect(*stay)
    np.testing.assert_allclose(ours.estimate, theirs["yi"], rtol=FIFTEEN_DIGITS, atol=FIFTEEN_DIGITS)
    np.testing.assert_allclose(ours.variance, theirs["vi"], rtol=FIFTEEN_DIGITS)


@pytest.mark.parametrize(("name", "effect"), [("OR", log_odds_ratio), ("RD", risk_difference)])
def test_effects_of_counts_agree_with_metafor(vaccine, shared_reference, name, effect):
    theirs = json.loads((shared_reference / "meta_bcg.json").read_text())["other_measures"][name]
    ours = effect(*vaccine)
    np.testing.assert_allclose(ours.estimate, theirs["yi"], rtol=FIFTEEN_DIGITS)
    np.testing.assert_allclose(ours.variance, theirs["vi"], rtol=FIFTEEN_DIGITS)


def test_risk_ratios_agree_with_metafor(vaccine, shared_reference):
    theirs = json.loads((shared_reference / "meta_bcg.json").read_text())["random_effects"]
    ours = log_risk_ratio(*vaccine)
    np.testing.assert_allclose(ours.estimate, theirs["yi"], rtol=FIFTEEN_DIGITS)
    np.testing.assert_allclose(ours.variance, theirs["vi"], rtol=FIFTEEN_DIGITS)


def test_the_factor_for_small_samples_has_a_closed_form():
    # df = 4: gamma(2) / (sqrt(2) gamma(1.5)) = 1 / (sqrt(2) sqrt(pi) / 2).
    assert small_sample_factor(4.0) == pytest.approx(2 / np.sqrt(2 * np.pi))
    assert small_sample_factor(4.0, "approximate") == pytest.approx(1 - 3 / 15)
    assert small_sample_factor(1e6) == pytest.approx(1, abs=1e-6)


def test_effects_turn_their_sign_with_the_arms(stay):
    one, other = stay
    for effect in (mean_difference, standardised_mean_difference, heteroscedastic_smd, log_ratio_of_means):
        forth, back = effect(one, other), effect(other, one)
        np.testing.assert_allclose(forth.estimate, -back.estimate)
        np.testing.assert_allclose(forth.variance, back.variance)


def test_standardised_differences_do_not_change_with_the_unit(stay):
    scaled = [Means(10 * arm.mean, 10 * arm.sd, arm.n) for arm in stay]
    np.testing.assert_allclose(
        standardised_mean_difference(*scaled).estimate, standardised_mean_difference(*stay).estimate
    )
    np.testing.assert_allclose(
        mean_difference(*scaled).variance, 100 * mean_difference(*stay).variance
    )


def test_an_empty_cell_gets_a_half_and_the_other_trials_nothing():
    one, other = Counts([0, 5], [20, 20]), Counts([4, 6], [20, 20])
    odds = log_odds_ratio(one, other)
    assert odds.estimate[0] == pytest.approx(np.log(0.5 / 20.5) - np.log(4.5 / 16.5))
    assert odds.variance[0] == pytest.approx(1 / 0.5 + 1 / 20.5 + 1 / 4.5 + 1 / 16.5)
    assert odds.estimate[1] == pytest.approx(np.log(5 / 15) - np.log(6 / 14))
    everywhere = log_odds_ratio(one, other, zero_cells="all")
    assert everywhere.estimate[1] == pytest.approx(np.log(5.5 / 15.5) - np.log(6.5 / 14.5))
    with pytest.raises(ModelError, match="Row 1 has an empty cell"):
        log_risk_ratio(one, other, zero_cells="none")


def test_a_trial_in_which_nobody_had_the_event_says_nothing_about_a_ratio():
    one, other = Counts([0, 20], [20, 20]), Counts([0, 20], [30, 20])
    for effect in (log_risk_ratio, log_odds_ratio):
        assert np.isnan(effect(one, other).estimate).all()
    np.testing.assert_array_equal(risk_difference(one, other).estimate, [0, 0])


def test_arms_that_share_a_control_covary_by_its_variance():
    covariance = shared_arm_covariance([0.4, 0.1, 0.2])
    np.testing.assert_allclose(covariance, [[0.5, 0.4], [0.4, 0.6]])


def test_the_covariance_of_standardised_differences_has_its_two_parts():
    covariance = shared_arm_smd_covariance([0.5, -0.2], [50, 40, 30])
    assert covariance[0, 1] == pytest.approx(1 / 50 + 0.5 * -0.2 / 240)
    assert covariance[0, 0] == pytest.approx(1 / 50 + 1 / 40 + 0.25 / 240)


@pytest.mark.parametrize(
    ("arm", "words"),
    [
        (lambda: Means([1.0], [0.0], [20]), "standard deviation of 0"),
        (lambda: Means([1.0], [np.nan], [20]), "standard deviation of nan"),
        (lambda: Means([1.0], [1.0], [1]), "1 patients"),
        (lambda: Counts([21], [20]), "21 events in 20 patients"),
        (lambda: Counts([-1], [20]), "-1 events"),
    ],
)
def test_an_arm_that_cannot_be_is_refused(arm, words):
    with pytest.raises(ModelError, match=words):
        arm()


def test_a_ratio_of_means_of_two_signs_is_refused():
    with pytest.raises(ModelError, match="means 1 and -1"):
        log_ratio_of_means(Means([1.0], [1.0], [9]), Means([-1.0], [1.0], [9]))
