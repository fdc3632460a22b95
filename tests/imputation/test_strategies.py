"""Strategies: which are special cases of which, and what a function may return (oracle 9)."""

from __future__ import annotations

import numpy as np
import pytest
from reference_trials import pain_panel

from analysis.errors import ModelError
from analysis.imputation import Parameters, causal, impute
from analysis.imputation.strategies import applied

# Two ways to the same number differ by rounding.
ROUNDING = 1e-12
# A root of a covariance has half its digits where it is nearly singular.
ROOT = 1e-10
WEEKS = np.array([2.0, 6.0, 12.0, 26.0])
NAMED = ("MAR", "JR", "CR", "CIR", "LMCF")


def _arms(stack=()):
    rng = np.random.default_rng(5)
    roots = rng.standard_normal((2, *stack, 4, 4)) + 2 * np.eye(4)
    own, ref = roots @ np.swapaxes(roots, -1, -2)
    mean_own, mean_ref = rng.standard_normal((2, *stack, 3, 4))
    return mean_own, mean_ref, own, ref


def _equal(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_allclose(a, b, atol=ROUNDING)


@pytest.mark.parametrize("event", range(4))
def test_jump_to_reference_and_copy_increments_are_ends_of_the_causal_model(event):
    arms = _arms()
    _equal(applied(causal(1, 0), *arms, event, WEEKS), applied("JR", *arms, event, WEEKS))
    _equal(applied(causal(1, 1), *arms, event, WEEKS), applied("CIR", *arms, event, WEEKS))


def test_the_causal_model_keeps_a_share_that_decays_with_the_weeks_since_the_visit_before():
    own, ref, *sigma = _arms()
    mean, _ = applied(causal(0.5, 0.9), own, ref, *sigma, 2, WEEKS)
    kept = 0.5 * 0.9 ** np.array([6.0, 20.0]) * (own - ref)[:, 1, None]
    np.testing.assert_allclose(mean[:, 2:], ref[:, 2:] + kept, atol=ROUNDING)


@pytest.mark.parametrize("strategy", NAMED[:4])
@pytest.mark.parametrize("separate", [False, True])
def test_the_reference_arm_is_missing_at_random_under_every_strategy(strategy, separate):
    panel = pain_panel("JR", separate=separate)
    parameters = Parameters.of(panel.model.fit().estimates)
    usual = panel.arm == panel.reference_arm
    random = impute(panel.under("MAR"), parameters)
    found = impute(panel.under(strategy), parameters)
    np.testing.assert_allclose(found.mean[usual], random.mean[usual], atol=ROUNDING)
    noise = np.random.default_rng(1).standard_normal(panel.shape)
    one, other = (done.with_noise(noise)[usual] for done in (found, random))
    np.testing.assert_allclose(one, other, atol=ROOT)


def test_an_event_at_the_first_visit_gives_the_reference_distribution():
    arms = _arms()
    for strategy in ("JR", "CIR", "CR", causal(0.3, 0.8)):
        _equal(applied(strategy, *arms, 0, WEEKS), (arms[1], arms[3]))


@pytest.mark.parametrize("event", range(1, 4))
def test_after_a_jump_the_reference_regression_on_the_past_is_kept(event):
    *_, own, ref = arms = _arms()
    _, joint = applied("JR", *arms, event, WEEKS)

    def regression(sigma):
        slope = np.linalg.solve(sigma[:event, :event], sigma[:event, event:])
        return slope, sigma[event:, event:] - sigma[event:, :event] @ slope

    np.testing.assert_allclose(joint[:event, :event], own[:event, :event])
    _equal(regression(joint), regression(ref))


def test_stacked_parameters_give_what_each_gives_alone():
    arms = _arms(stack=(6,))

    def halfway(mean_own, mean_ref, sigma_own, sigma_ref, event, weeks):
        assert mean_own.ndim == 2 and sigma_own.ndim == 2
        return (mean_own + mean_ref) / 2, sigma_own + np.diag(mean_own[0]) * 0

    for strategy in (*NAMED, causal(0.4, 0.9), halfway):
        mean, sigma = applied(strategy, *arms, 2, WEEKS)
        for r in range(6):
            alone = applied(strategy, *(part[r] for part in arms), 2, WEEKS)
            _equal((mean[r], sigma[r]), alone)


def test_a_function_of_the_users_is_a_strategy_like_any_other():
    def jump(mean_own, mean_ref, sigma_own, sigma_ref, event, weeks):
        mean_own[:, event:] = mean_ref[:, event:]
        return mean_own, sigma_own

    own, named = pain_panel(jump), pain_panel("JR")
    parameters = Parameters.of(named.model.fit().estimates)
    expected = impute(named, parameters).mean
    np.testing.assert_allclose(impute(own, parameters).mean, expected, atol=ROUNDING)


def _returns(mean, sigma):
    return lambda own, ref, sigma_own, sigma_ref, event, weeks: (mean(own), sigma(sigma_own))


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (_returns(lambda m: m[0], lambda s: s), "returns a mean of shape"),
        (_returns(lambda m: m, lambda s: s[:2]), "covariance of shape"),
        (_returns(lambda m: m, lambda s: s + np.triu(s, 1)), "not symmetric"),
        (_returns(lambda m: m, lambda s: s * np.nan), "not finite"),
        (_returns(lambda m: m + np.inf, lambda s: s), "not finite"),
        (_returns(lambda m: m.absent, lambda s: s), "failed for an event"),
        (_returns(lambda m: m["no"], lambda s: s), "failed for an event"),
        (lambda own: own, "must take"),
    ],
)
def test_a_function_that_returns_no_distribution_is_refused_in_words(function, said):
    panel = pain_panel(function)
    with pytest.raises(ModelError, match=said):
        impute(panel, Parameters.of(panel.model.fit().estimates))


@pytest.mark.parametrize(("k0", "k1"), [(np.nan, 1), (1, np.inf), (1, -0.5)])
def test_a_causal_model_without_numbers_is_refused(k0, k1):
    with pytest.raises(ModelError, match="must be finite and k1 at least 0"):
        causal(k0, k1)
