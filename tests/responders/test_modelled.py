"""The probability of responding under the model, and data sets completed from it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from response_trial import random_trial
from scipy import stats

from analysis.relief.model import fit_trial
from analysis.responders.completed import completed_outcomes, imputed_risks, patient_grid
from analysis.responders.definition import Threshold, needed, scores_of, windows_of
from analysis.responders.modelled import bivariate_normal, model_rows, modelled_risks
from analysis.studies.records import Covariate

# Central differences with steps of 1e-5 of smooth functions of order 1.
NUMERIC = 1e-6
# Of 64 Gauss-Legendre nodes; SciPy's own integral stops at 1e-8 absolute or so.
INTEGRAL = 1e-7
DRAWS = 4000
ERRORS = 4.0
THRESHOLDS = (Threshold("share", 0.3), Threshold("change", 2.0, "points"))


@pytest.fixture(scope="module")
def fitted():
    trial = random_trial(80, seed=5)
    return trial, fit_trial(trial), scores_of(trial)


@pytest.mark.parametrize("rho", [-0.95, -0.3, 0.0, 0.5, 0.97])
def test_the_bivariate_integral_is_that_of_scipy(rho):
    rng = np.random.default_rng(2)
    h, k = rng.normal(0, 1.5, (2, 12))
    value, slopes, slope_rho = bivariate_normal(h, k, rho)
    law = stats.multivariate_normal(cov=[[1, rho], [rho, 1]])
    expected = [law.cdf(pair) for pair in np.column_stack([h, k])]
    np.testing.assert_allclose(value, expected, atol=INTEGRAL)
    step = 1e-5
    for place, shift in enumerate(((step, 0), (0, step))):
        up, down = (bivariate_normal(h + s * shift[0], k + s * shift[1], rho)[0] for s in (1, -1))
        np.testing.assert_allclose(slopes[place], (up - down) / (2 * step), atol=NUMERIC)
    up, down = (bivariate_normal(h, k, rho + s * step)[0] for s in (1, -1))
    np.testing.assert_allclose(slope_rho, (up - down) / (2 * step), atol=NUMERIC)


def moved(model, beta=None, sigma=None):
    """The model at other parameters."""
    known = model.fit.estimates
    changes = {} if beta is None else {"beta": beta}
    changes |= {} if sigma is None else {"sigma": sigma}
    fit = SimpleNamespace(
        estimates=replace(known, **changes), covariance_name="us",
        cov_covariance_params=model.fit.cov_covariance_params,
    )  # fmt: skip
    return SimpleNamespace(fit=fit, visits=model.visits, facts=model.facts)


@pytest.mark.parametrize("threshold", THRESHOLDS, ids=lambda t: t.kind)
@pytest.mark.parametrize("place", range(3), ids=["short", "long", "sustained"])
def test_the_covariance_is_the_delta_method_with_numeric_slopes(fitted, threshold, place):
    trial, model, scores = fitted
    window, therapies = windows_of(trial.study)[place], trial.study.therapies
    known = model_rows(trial, model, scores, scores.visits)
    need = needed(threshold, scores)

    def risk(beta=None, sigma=None):
        at = moved(model, beta, sigma)
        return modelled_risks(at, known, scores, need, window, therapies).risk[0]

    step, beta, sigma = 1e-5, model.fit.estimates.beta, model.fit.estimates.sigma
    in_beta = [(risk(beta + e) - risk(beta - e)) / (2 * step) for e in step * np.eye(len(beta))]
    in_sigma = []
    for i, j in zip(*np.tril_indices(sigma.shape[1]), strict=True):
        e = np.zeros_like(sigma)
        e[0, i, j] = e[0, j, i] = step
        in_sigma.append((risk(sigma=sigma + e) - risk(sigma=sigma - e)) / (2 * step))
    a, b = np.array(in_beta), np.array(in_sigma)
    spread = model.fit.cov_covariance_params().to_numpy()
    expected = a.T @ model.fit.estimates.cov @ a + b.T @ spread @ b
    found = modelled_risks(model, known, scores, need, window, therapies)
    np.testing.assert_allclose(found.cov[0], expected, rtol=1e-4, atol=NUMERIC / 100)
    assert "taken as known" not in found.method


@pytest.mark.parametrize("place", range(3), ids=["short", "long", "sustained"])
def test_the_probability_is_the_share_of_patients_drawn_from_the_model(fitted, place):
    trial, model, scores = fitted
    window, need = windows_of(trial.study)[place], needed(THRESHOLDS[0], scores)
    therapies = trial.study.therapies
    known = model_rows(trial, model, scores, scores.visits)
    found = modelled_risks(model, known, scores, need, window, therapies)
    rng = np.random.default_rng(11)
    mean = np.einsum("kvnp,p->knv", known.rows, model.fit.estimates.beta)
    noise = rng.multivariate_normal(np.zeros(4), model.fit.estimates.sigma[0], (DRAWS, len(need)))
    for k, _ in enumerate(therapies):
        better = scores.improvement(mean[k] + noise)
        ok = np.ones(better.shape[:2], dtype=bool)
        for part in window.parts:
            ok &= better[..., scores.columns(part)].mean(axis=-1) >= need
        share = ok[:, ~np.isnan(need)].mean(axis=1)
        error = share.std() / np.sqrt(DRAWS)
        assert found.risk[0, k] == pytest.approx(share.mean(), abs=ERRORS * error)


def test_completed_outcomes_keep_what_was_seen_and_are_the_same_for_the_same_seed(fitted):
    trial, model, scores = fitted
    drawn = completed_outcomes(trial, model, scores, 3, seed=4)
    assert drawn.shape == (3, *scores.values.shape)
    assert not np.isnan(drawn).any()
    seen = ~np.isnan(scores.values)
    assert (~seen).any()
    np.testing.assert_array_equal(drawn[:, seen], np.broadcast_to(scores.values[seen], (3, seen.sum())))
    np.testing.assert_array_equal(drawn, completed_outcomes(trial, model, scores, 3, seed=4))
    assert (drawn != completed_outcomes(trial, model, scores, 3, seed=5)).any()


def test_patients_never_seen_are_completed_too(fitted):
    trial, _, _ = fitted
    gone = trial.outcomes["patient"].isin(["P000", "P003"]) & (trial.outcomes["visit"] != "start")
    fewer = replace(trial, outcomes=trial.outcomes[~gone])
    model, scores = fit_trial(fewer), scores_of(fewer)
    assert len(patient_grid(fewer, model, scores)) == 80 * 4
    assert not np.isnan(completed_outcomes(fewer, model, scores, 2, seed=1)).any()


def test_a_level_that_nobody_with_follow_up_has_leaves_its_patients_out(fitted):
    trial, _, _ = fitted
    gone = trial.outcomes["patient"].eq("P000") & (trial.outcomes["visit"] != "start")
    site = pd.Categorical(["C", *["A", "B"] * 39, "A"])
    plan = trial.study.model_copy(update={
        "covariates": (Covariate(name="site", column="site", type="category"),)
    })  # fmt: skip
    fewer = replace(trial, study=plan, outcomes=trial.outcomes[~gone],
                    patients=trial.patients.assign(site=site))  # fmt: skip
    model, scores = fit_trial(fewer), scores_of(fewer)
    drawn = completed_outcomes(fewer, model, scores, 2, seed=1)
    assert np.isnan(drawn[:, 0]).all() and not np.isnan(drawn[:, 1:]).any()
    assert 0 not in model_rows(fewer, model, scores, scores.visits).people


def test_an_iterator_of_data_sets_serves_as_well_as_an_array(fitted):
    trial, model, scores = fitted
    drawn = completed_outcomes(trial, model, scores, 4, seed=9)
    asked = [(THRESHOLDS[0], windows_of(trial.study)[2])]
    one, two = (
        imputed_risks(sets, scores, asked, trial.study.therapies, 0.3)[0]
        for sets in (drawn, iter(drawn))
    )
    np.testing.assert_array_equal(one.risk, two.risk)
    assert one.risk.shape == (4, 2)
