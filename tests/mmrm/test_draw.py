"""Outcomes drawn from a fit: their moments, and what the seed promises."""

from __future__ import annotations

import after_fit
import numpy as np
import pandas as pd
import pytest
from after_fit import made_up, model

from analysis.errors import ModelError
from analysis.mmrm.draw import simulate
from analysis.mmrm.predict import predict

FORMULA = "y ~ base + arm * visit"
DRAWS = 20_000
# Standard errors of a Monte Carlo mean that a right answer stays within; the largest of a hundred.
ERRORS = 4.5
SPREAD = np.linspace(1, 2, 4)
SIGMA = np.outer(SPREAD, SPREAD) * (0.4 + 0.6 * np.eye(4))


@pytest.fixture(scope="module")
def fit():
    return model(FORMULA, made_up(31)).fit()


@pytest.fixture(scope="module")
def estimates(fit):
    return after_fit.estimates(fit)


def _check_moments(drawn, mean, cov):
    """Mean and covariance of the draws within Monte Carlo error of the true ones."""
    error = np.sqrt(np.diag(cov) / len(drawn))
    assert (np.abs(drawn.mean(axis=0) - mean) <= ERRORS * error + 1e-12).all()
    found = np.cov(drawn.T)
    error = np.sqrt((np.outer(np.diag(cov), np.diag(cov)) + cov**2) / len(drawn))
    assert (np.abs(found - cov) <= ERRORS * error + 1e-12).all()


@pytest.mark.parametrize("options", [{}, {"weights": "w", "group": "arm"}])
@pytest.mark.parametrize("parameters", ["fixed", "sampled"])
def test_draws_have_the_mean_and_covariance_of_the_model(options, parameters):
    data = made_up(32)
    design = model(FORMULA, data, **options).design
    sigma = np.stack([SIGMA, 2 * SIGMA + np.eye(4)])[: len(design.groups)]
    estimates = after_fit.at_covariance(design, sigma)
    two = data.iloc[[3, 1, 0, 2, 4, 5, 6, 7]]
    drawn = simulate(design, estimates, two, n_draws=DRAWS, seed=1, parameters=parameters)
    mean = predict(design, estimates, two)["predicted"].to_numpy()
    order = np.array([3, 1, 0, 2])
    cov = np.zeros((8, 8))
    cov[:4, :4], cov[4:, 4:] = sigma[0][np.ix_(order, order)], sigma[-1]
    if "weights" in options:
        cov = cov / np.sqrt(np.outer(two["w"], two["w"]))
    if parameters == "sampled":
        levels = {name: data[name].astype("category") for name in ("arm", "visit")}
        x = design.rows(data.assign(**levels).loc[two.index])
        cov = cov + x @ estimates.cov @ x.T
    _check_moments(drawn, mean, cov)


@pytest.mark.parametrize("options", [{}, {"weights": "w"}])
def test_missing_values_are_drawn_given_the_observed_ones(options):
    data = made_up(33)
    design = model(FORMULA, data, **options).design
    estimates = after_fit.at_covariance(design, SIGMA[None])
    one = data[data["id"] == "p001"].assign(y=[4.0, np.nan, 2.5, np.nan])
    drawn = simulate(design, estimates, one, n_draws=DRAWS, seed=2, conditional=True)
    np.testing.assert_array_equal(drawn[:, [0, 2]], np.tile([4.0, 2.5], (DRAWS, 1)))
    mean = predict(design, estimates, one, conditional=True)["predicted"].to_numpy()
    cov = SIGMA if not options else SIGMA / np.sqrt(np.outer(one["w"], one["w"]))
    seen, gone = [0, 2], [1, 3]
    slope = np.linalg.solve(cov[np.ix_(seen, seen)], cov[np.ix_(seen, gone)]).T
    left = cov[np.ix_(gone, gone)] - slope @ cov[np.ix_(seen, gone)]
    _check_moments(drawn[:, gone], mean[gone], left)
    both = simulate(
        design, estimates, one, n_draws=DRAWS, seed=2, conditional=True, parameters="sampled"
    )
    spread = predict(design, estimates, one, conditional=True, interval="prediction")
    ratio = both[:, gone].std(axis=0) / spread["std_error_prediction"].to_numpy()[gone]
    assert (np.abs(ratio - 1) <= ERRORS / np.sqrt(2 * DRAWS)).all()


def test_the_seed_decides_every_number_and_a_generator_moves_on(fit, estimates):
    arguments = (fit.design, estimates)
    one, two = (simulate(*arguments, seed=7, n_draws=3) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == (3, fit.nobs)
    source = np.random.Generator(np.random.PCG64(7))
    first, second = (simulate(*arguments, seed=source, n_draws=3) for _ in range(2))
    np.testing.assert_array_equal(first, one)
    assert (first != second).all()
    # The first numbers of the residuals' stream, so that no machine has others.
    stream = np.random.Generator(np.random.PCG64(7)).spawn(2)[0]
    (block,) = fit.design.blocks()
    row = int(block.index[0])
    expected = estimates.sigma[0, 0, 0] ** 0.5 * stream.standard_normal((3, fit.nobs))[:, row]
    mean = predict(fit.design, estimates, fit.design.frame)["predicted"].iloc[row]
    assert block.visit[0] == 0
    np.testing.assert_allclose(one[:, row] - mean, expected, rtol=1e-9)


def test_sampled_parameters_move_the_means_and_leave_the_residuals(fit, estimates):
    rows = fit.design.frame
    fixed = simulate(fit.design, estimates, rows, n_draws=5, seed=3)
    sampled = simulate(fit.design, estimates, rows, n_draws=5, seed=3, parameters="sampled")
    same = np.broadcast_to(estimates.sigma, (5, 1, 4, 4))
    again = simulate(
        fit.design, estimates, rows, n_draws=5, seed=3, parameters="sampled", covariances=same
    )
    np.testing.assert_allclose(again, sampled, rtol=1e-12)
    fourfold = simulate(
        fit.design, estimates, rows, n_draws=5, seed=3, parameters="sampled", covariances=4 * same
    )
    errors = fixed - predict(fit.design, estimates, rows)["predicted"].to_numpy()
    np.testing.assert_allclose(fourfold - sampled, errors, atol=1e-12)
    shift = (sampled - fixed).T
    x = fit.design.rows(rows)
    _, left, rank, _ = np.linalg.lstsq(x, shift, rcond=None)
    assert rank == x.shape[1]
    assert (np.abs(shift).max(axis=0) > 0.01).all()
    np.testing.assert_allclose(left, 0, atol=1e-20)


def test_rows_that_cannot_be_used_are_nan(fit, estimates):
    data = made_up(31).head(6)
    data.loc[2, "base"] = np.nan
    before = data.copy(deep=True)
    for conditional in (False, True):
        drawn = simulate(fit.design, estimates, data, n_draws=2, seed=1, conditional=conditional)
        assert list(np.isnan(drawn).any(axis=0)) == [False, False, True, False, False, False]
    pd.testing.assert_frame_equal(data, before)


def test_without_the_rows_of_the_fit_data_are_asked_for(fit, estimates):
    design = fit.design.without_rows()
    with pytest.raises(ModelError, match=r"not at hand\. Pass the data"):
        simulate(design, estimates, seed=1)
    given = simulate(design, estimates, made_up(31).head(4), seed=1)
    assert np.isfinite(given).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"seed": "x"}, "seed='x' must be a whole number"),
        ({"seed": -1}, "seed=-1 must be a whole number"),
        ({"n_draws": 0}, "n_draws=0 must be a whole number from 1"),
        ({"parameters": "drawn"}, "parameters='drawn' is not known; allowed: fixed, sampled"),
        ({"covariances": np.eye(4)}, "go with parameters='sampled'"),
        ({"covariances": np.eye(4), "parameters": "sampled"}, "1 draws need"),
    ],
)
def test_options_that_are_not_known_are_named(fit, estimates, options, message):
    with pytest.raises(ModelError, match=message):
        simulate(fit.design, estimates, **{"seed": 1, **options})
