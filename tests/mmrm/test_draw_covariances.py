"""Covariances drawn about the estimate: their moments, their structure, and what the seed fixes."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from after_fit import made_up, model

from analysis.errors import ModelError
from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.covariance_draws import draw_covariances

FORMULA = "y ~ base + arm * visit"
DRAWS = 20_000
# Standard errors of a Monte Carlo mean that a right answer stays within; the largest of a hundred.
ERRORS = 4.5
# Range of the correlation of four visits, by structure.
RANGE = {"cs": (-1 / 3, 1.0), "csh": (-1 / 3, 1.0), "ar1": (-1.0, 1.0), "ar1h": (-1.0, 1.0),
         "adh": (-1.0, 1.0), "sp_exp": (0.0, 1.0)}  # fmt: skip
NAMES = ("us", *RANGE, "toep", "toeph", "diag", "sp_gau")


@pytest.fixture(scope="module")
def fits():
    data = made_up(31, patients=60)
    return {name: model(FORMULA, data, covariance=name).fit() for name in NAMES}


def _check_moments(drawn, mean, cov):
    """Mean and covariance of the draws within Monte Carlo error of those asked for."""
    error = np.sqrt(np.diag(cov) / len(drawn))
    assert (np.abs(drawn.mean(axis=0) - mean) <= ERRORS * error).all()
    error = np.sqrt((np.outer(np.diag(cov), np.diag(cov)) + cov**2) / len(drawn))
    assert (np.abs(np.cov(drawn.T) - cov) <= ERRORS * error).all()


def _logs_and_logits(name, sigma):
    """Logarithms of standard deviations and logits of correlations, read off the matrices."""
    low, high = RANGE[name]
    deviation = np.sqrt(np.diagonal(sigma, axis1=-2, axis2=-1))
    rho = sigma / (deviation[..., :, None] * deviation[..., None, :])
    rho = np.diagonal(rho, offset=1, axis1=-2, axis2=-1)
    heterogeneous = name.endswith("h")
    deviation = deviation if heterogeneous else deviation[..., :1]
    rho = rho if name == "adh" else rho[..., :1]
    return np.concatenate([np.log(deviation), np.log((rho - low) / (high - rho))], axis=-1)


@pytest.mark.parametrize("name", RANGE)
def test_draws_have_the_mean_and_covariance_that_the_fit_claims(fits, name):
    """Independently of the engine's derivatives: by differences of the natural parameters."""
    fit = fits[name]
    drawn = fit.draw_covariances(DRAWS, seed=4)[:, 0]
    centre = _logs_and_logits(name, fit.estimates.sigma[0])
    made = CovarianceModel.of(name, fit.design.visits, (None,), None, 1)

    def read(natural):
        return _logs_and_logits(name, made.sigma(natural, "natural")[0])

    natural, steps = fit.natural.to_numpy(), 1e-5 * np.abs(fit.natural.to_numpy())
    slope = np.column_stack(
        [(read(natural + move) - read(natural - move)) / (2 * move.max()) for move in np.diag(steps)]
    )
    _check_moments(_logs_and_logits(name, drawn), centre, slope @ fit.natural_cov @ slope.T)


def test_draws_of_a_free_matrix_have_the_covariance_of_its_elements_near_the_estimate(fits):
    fit = fits["us"]
    tight = fit.natural_cov / 100
    made = CovarianceModel.of("us", fit.design.visits, (None,), None, 1)
    drawn = draw_covariances(made, fit.estimates.sigma, fit.natural.to_numpy(), tight, DRAWS, seed=4)
    rows, columns = np.tril_indices(4)
    found = np.cov(drawn[:, 0, rows, columns].T)
    error = np.sqrt((np.outer(np.diag(tight), np.diag(tight)) + tight**2) / DRAWS)
    # The draws are normal in other coordinates; a tenth of the standard errors keeps the curve
    # between them below 5 % of a variance.
    scale = np.sqrt(np.outer(np.diag(tight), np.diag(tight)))
    assert (np.abs(found - tight) <= ERRORS * error + 0.05 * scale).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_draw_is_positive_definite_and_has_the_structure(fits, name):
    fit = fits[name]
    drawn = fit.draw_covariances(300, seed=2)
    assert drawn.shape == (300, 1, 4, 4)
    assert (np.linalg.eigvalsh(drawn) > 0).all()
    if name == "us":
        return
    made = CovarianceModel.of(name, fit.design.visits, (None,), None, 1).structure.correlation
    for sigma in drawn[:, 0]:
        deviation = np.sqrt(np.diag(sigma))
        if not (name.endswith("h") or name == "diag"):
            deviation = np.full(4, deviation.mean())
        outer = np.outer(deviation, deviation)
        np.testing.assert_allclose(
            outer * made.expand(made.read(sigma / outer))[0], sigma, rtol=1e-8, atol=1e-12
        )


def test_groups_are_drawn_together():
    fit = model(FORMULA, made_up(32, patients=80), covariance="ar1h", group="arm").fit()
    drawn = fit.draw_covariances(50, seed=1)
    assert drawn.shape == (50, 2, 4, 4)
    assert np.abs(np.diff(drawn, axis=1)).min() > 0


def test_the_seed_decides_every_draw_and_a_pickled_fit_has_the_same(fits):
    fit = fits["toep"]
    one, two = (fit.draw_covariances(5, seed=7) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(fit)).draw_covariances(5, seed=7), one)
    assert (fit.draw_covariances(5, seed=8) != one).any()
    source = np.random.Generator(np.random.PCG64(7))
    first, second = (fit.draw_covariances(5, seed=source) for _ in range(2))
    np.testing.assert_array_equal(first, one)
    assert (first != second).any()


def test_new_data_with_every_parameter_drawn_differ_in_their_covariance_only(fits):
    """Residuals and coefficients are those of the same seed without drawn covariances."""
    fit = fits["ar1h"]
    rows = fit.design.frame
    fixed, sampled, every = (
        fit.simulate(rows, 4, seed=3, parameters=kind) for kind in ("fixed", "sampled", "all")
    )
    mean = fit.predict(rows)["predicted"].to_numpy()
    first = (rows["visit"] == "v0").to_numpy()
    errors, moved = (fixed - mean)[:, first], (every - sampled)[:, first]
    # At the first visit an error is the standard deviation times a normal number.
    ratio = moved / errors + 1
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1], ratio.shape), rtol=1e-6)
    assert (np.abs(ratio[:, 0] - 1) > 1e-3).all()
    np.testing.assert_array_equal(every, fit.simulate(rows, 4, seed=3, parameters="all"))


def test_a_covariance_that_cannot_be_drawn_from_is_refused(fits):
    fit = fits["us"]
    made = CovarianceModel.of("us", fit.design.visits, (None,), None, 1)
    known = (made, fit.estimates.sigma, fit.natural.to_numpy())
    with pytest.raises(ModelError, match="not positive definite"):
        draw_covariances(*known, np.zeros((10, 10)), 2, seed=1)
    with pytest.raises(ModelError, match="n_draws=0"):
        fit.draw_covariances(0, seed=1)
    with pytest.raises(ModelError, match="seed='x'"):
        fit.simulate(n_draws=2, seed="x", parameters="all")
