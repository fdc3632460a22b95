"""Covariances under which values cannot be imputed, or can but not drawn."""

from __future__ import annotations

import numpy as np
import pytest
from reference_trials import pain_panel

from analysis.errors import ModelError
from analysis.imputation import Parameters, impute


def test_seen_visits_that_repeat_each_other_cannot_predict():
    panel = pain_panel("MAR")
    beta = Parameters.of(panel.model.fit().estimates).beta
    with pytest.raises(ModelError, match="singular, so missing values cannot be imputed under MAR"):
        impute(panel, Parameters(beta, np.ones((1, 5, 5))))


def test_a_matrix_that_is_no_covariance_gives_means_but_no_draws():
    panel = pain_panel("MAR")
    beta = Parameters.of(panel.model.fit().estimates).beta
    beyond = np.eye(5)
    beyond[3, 4] = beyond[4, 3] = 2.0
    completed = impute(panel, Parameters(beta, beyond[None]))
    assert np.isfinite(completed.mean).all()
    with pytest.raises(ModelError, match="singular"):
        completed.draw(np.random.default_rng(1))


def test_draws_have_the_conditional_mean_and_spread():
    panel = pain_panel("JR", separate=True)
    completed = impute(panel, Parameters.of(panel.model.fit().estimates))
    n = 4000
    drawn = completed.with_noise(np.random.default_rng(2).standard_normal((n, *panel.shape)))
    seen = ~panel.missing
    np.testing.assert_array_equal(drawn[:, seen], np.broadcast_to(panel.outcome[seen], (n, seen.sum())))
    for part, factor in zip(completed.filled, completed.factors, strict=True):
        patient, missing = part.cell.patients[0], np.flatnonzero(~part.cell.seen)
        spread = factor @ factor.T
        away = drawn[:, patient, missing] - completed.mean[patient, missing]
        # Six Monte-Carlo standard errors of a mean; the same of a variance.
        limit = 6 * np.sqrt(np.diag(spread) / n)
        assert (np.abs(away.mean(axis=0)) < limit).all()
        found = np.diag(np.atleast_2d(np.cov(away.T)))
        assert (np.abs(found - np.diag(spread)) < 6 * np.diag(spread) * np.sqrt(2 / n)).all()
