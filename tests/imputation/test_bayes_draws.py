"""Posterior draws against closed forms, a plain sampler, and the judges of chains."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lost_visits import made_up

from analysis.errors import ModelError
from analysis.imputation.diagnostics import diagnose, effective_size, r_hat
from analysis.imputation.gibbs import bayes_draws, inverse_wishart

# Standard errors of a Monte-Carlo number that a right answer stays within; the largest of a hundred.
BOUND = 4.5
# Two orders of the same sums.
ROUNDING = 1e-9


def error_of_mean(found, values):
    """Monte-Carlo standard errors of means over steps, for chains that are not independent."""
    return values.std(axis=0, ddof=1) / np.sqrt(found.diagnostics.table["ess"].min() / 5)


def lower(sigma):
    rows, columns = np.tril_indices(sigma.shape[-1])
    return sigma[..., rows, columns]


def test_an_inverse_wishart_has_its_mean_and_its_variances():
    rng = np.random.default_rng(1)
    scale = np.array([[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 2.0]])
    freedom, m, n = 20, 3, 20_000
    drawn = np.array([inverse_wishart(rng, freedom, scale) for _ in range(n)])
    mean = scale / (freedom - m - 1)
    # Variance of element (a, b), e.g. Gelman and others, Bayesian Data Analysis, appendix A.
    d, k = np.diag(scale), freedom - m
    variance = ((k + 1) * scale**2 + (k - 1) * np.outer(d, d)) / (k * (k - 1) ** 2 * (k - 3))
    assert np.abs(drawn.mean(axis=0) - mean).max() < BOUND * np.sqrt(variance.max() / n)
    assert drawn.var(axis=0) == pytest.approx(variance, rel=0.1)


def test_with_nothing_missing_the_posterior_is_the_known_one():
    """Σ is inverse Wishart with ν0 + n − q degrees of freedom, β centred at least squares."""
    trial = made_up(n=60, m=3, lost=0.0)
    working = trial.working()
    found = bayes_draws(working, 4000, seed=2, warmup=50, thin=1)
    x = trial.design[:, 0, :3]
    beta = np.linalg.lstsq(x, trial.outcome, rcond=None)[0]
    error = trial.outcome - x @ beta
    fitted = error.T @ error / 57
    mean = (fitted + error.T @ error) / (5 + 60 - 3 - 3 - 1)
    sigma = lower(found.draws.sigma[:, 0])
    away = np.abs(sigma.mean(axis=0) - lower(mean)) / error_of_mean(found, sigma)
    assert away.max() < BOUND
    away = np.abs(found.draws.beta.mean(axis=0) - beta.T.ravel()) / error_of_mean(found, found.draws.beta)
    assert away.max() < BOUND
    cov = np.kron(mean, np.linalg.inv(x.T @ x))
    assert found.draws.beta.var(axis=0) == pytest.approx(np.diag(cov), rel=0.12)


def plain_sampler(trial, start, steps, seed):
    """Data augmentation in three blocks, patient by patient, in units of the data."""
    rng = np.random.default_rng(seed)
    n, m, _ = trial.design.shape
    y, sigma = np.where(trial.modelled, trial.outcome, 0.0), start
    beta, kept = None, []
    for _ in range(steps):
        inverse = np.linalg.inv(sigma)
        information = np.einsum("nap,ab,nbq->pq", trial.design, inverse, trial.design)
        seen = y if beta is not None else np.where(trial.modelled, y, np.nanmean(trial.outcome))
        right = np.einsum("nap,ab,nb->p", trial.design, inverse, seen)
        cov = np.linalg.inv(information)
        beta = cov @ right + np.linalg.cholesky((cov + cov.T) / 2) @ rng.standard_normal(len(right))
        mean = trial.design @ beta
        for i in np.flatnonzero(~trial.modelled.all(axis=1)):
            o, u = np.flatnonzero(trial.modelled[i]), np.flatnonzero(~trial.modelled[i])
            slope = sigma[np.ix_(u, o)] @ np.linalg.inv(sigma[np.ix_(o, o)])
            rest = sigma[np.ix_(u, u)] - slope @ sigma[np.ix_(o, u)]
            noise = np.linalg.cholesky(rest) @ rng.standard_normal(len(u))
            y[i, u] = mean[i, u] + slope @ (y[i, o] - mean[i, o]) + noise
        away = y - mean
        root = np.linalg.cholesky(np.linalg.inv(start + away.T @ away))
        normal = rng.standard_normal((m + 2 + n, m)) @ root.T
        sigma = np.linalg.inv(normal.T @ normal)
        kept.append(np.concatenate([beta, lower(sigma)]))
    return np.array(kept[100:])


def test_draws_are_those_of_a_plain_sampler():
    trial = made_up(n=50, m=3, lost=0.25, seed=4)
    working = trial.working()
    found = bayes_draws(working, 4000, seed=3, thin=1)
    mine = np.concatenate([found.draws.beta, lower(found.draws.sigma[:, 0])], axis=1)
    start = working.in_the_formula(working.optimum.point.beta, working.optimum.point.sigma)[1][0]
    other = plain_sampler(trial, start, 4100, seed=5)
    sizes = found.diagnostics.table["ess"].to_numpy(), effective_size(other.reshape(2, 2000, -1))
    variances = [part.var(axis=0, ddof=1) for part in (mine, other)]
    error = np.sqrt(sum(v / e for v, e in zip(variances, sizes, strict=True)))
    assert (np.abs(mine.mean(axis=0) - other.mean(axis=0)) < BOUND * error).all()
    # Logarithm of a standard deviation estimated from ESS normal values: variance 1/(2 ESS); the
    # covariances' tails are heavier, which doubles it.
    log_error = np.sqrt(sum(1 / e for e in sizes))
    assert (np.abs(np.log(variances[0] / variances[1])) / 2 < BOUND * log_error).all()


def test_each_group_has_a_covariance_of_its_own():
    trial = made_up(n=200, grouped=True)
    outcome = np.where(trial.arm[:, None] == 1, 3.0, 1.0) * trial.outcome
    wide = type(trial)(outcome, trial.design, trial.group, trial.modelled, trial.arm)
    working = wide.working()
    fitted = working.in_the_formula(working.optimum.point.beta, working.optimum.point.sigma)[1]
    drawn = bayes_draws(working, 400, seed=1).draws.sigma
    assert drawn.shape == (400, 2, 4, 4)
    # The posterior mean of a variance is a few percent above its REML estimate from 100 patients.
    spread = np.sqrt(np.diagonal(fitted, axis1=1, axis2=2))
    away = (drawn.mean(axis=0) - fitted) / (spread[:, :, None] * spread[:, None, :])
    assert np.abs(away).max() < 0.06
    assert fitted[1, 0, 0] > 5 * fitted[0, 0, 0]


def flipped(working):
    """The same fit in a basis with some columns turned about, as another LAPACK may have them."""
    signs = np.where(np.arange(working.rows.shape[2]) % 2, -1.0, 1.0)
    signs[-1] = 1.0
    inner, basis = working.workspace, working.workspace.basis
    turned = replace(basis, triangle=signs[:-1, None] * basis.triangle, ols=signs[:-1] * basis.ols)
    stack = replace(inner.stack, rows=signs * inner.stack.rows)
    return replace(
        working, rows=signs * working.rows, workspace=replace(inner, basis=turned, stack=stack)
    )


def test_the_seed_fixes_the_draws_and_the_basis_does_not_show():
    working = made_up().working()
    one, same, other = (bayes_draws(working, 20, seed=s).draws for s in (7, 7, 8))
    assert (one.beta == same.beta).all()
    assert (one.beta != other.beta).all()
    turned = bayes_draws(flipped(working), 20, seed=7).draws
    assert turned.beta == pytest.approx(one.beta, rel=ROUNDING, abs=ROUNDING)
    assert turned.sigma == pytest.approx(one.sigma, rel=ROUNDING)


def test_few_draws_come_with_a_warning_and_many_without():
    working = made_up().working()
    few, many = bayes_draws(working, 20, seed=1), bayes_draws(working, 600, seed=1)
    assert "effective draws of" in few.draws.notes[0]
    assert many.draws.notes == ()
    assert (many.diagnostics.table["ess"] >= 400).all()
    assert list(many.diagnostics.table["parameter"][[0, 12]]) == ["beta[1]", "sigma[1,1]"]


def test_progress_ends_at_all_steps_and_an_interrupt_stops_the_chain():
    told = []
    working = made_up().working()
    bayes_draws(working, 20, seed=1, warmup=40, progress=lambda done, wanted: told.append((done, wanted)))
    assert told[-1] == (180, 180)
    assert [done for done, _ in told] == sorted(done for done, _ in told)

    def stop(done, wanted):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bayes_draws(working, 2000, seed=1, progress=stop)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"thin": 0}, "thin=0"), ({"chains": 2.0}, "chains=2.0"), ({"warmup": -3}, "warmup=-3"),
        ({"seed": "a"}, "seed='a'"), ({"n_draws": 1, "thin": 1}, "too few to judge it by"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_is_refused_in_words(change, message):
    with pytest.raises(ModelError, match=message):
        bayes_draws(**({"working": made_up().working(), "n_draws": 5, "seed": 1} | change))


def autoregressive(rho, n, chains, seed=1):
    rng = np.random.default_rng(seed)
    values = np.empty((chains, n, 3))
    values[:, 0] = rng.standard_normal((chains, 3))
    for k in range(1, n):
        step = rng.standard_normal((chains, 3))
        values[:, k] = rho * values[:, k - 1] + np.sqrt(1 - rho**2) * step
    return values


@pytest.mark.parametrize("rho", [0.0, 0.5, 0.8])
def test_effective_size_of_an_autoregression_is_the_known_one(rho):
    found = effective_size(autoregressive(rho, 10_000, 4))
    assert found == pytest.approx(40_000 * (1 - rho) / (1 + rho), rel=0.12)


def test_r_hat_is_1_for_chains_that_agree_and_large_for_those_that_do_not():
    chains = autoregressive(0.3, 2000, 2)
    assert (r_hat(chains) < 1.01).all()
    chains[1, :, 1] += 1.0
    found = diagnose(chains, ["a", "b", "c"])
    assert (found.table["rhat"] > 1.01).tolist() == [False, True, False]
    assert any("R-hat of b" in note for note in found.notes)


def test_a_chain_that_drifts_is_found_by_its_halves():
    chains = autoregressive(0.0, 1000, 1)
    chains[:, :, 2] += np.linspace(-1, 1, 1000)
    assert (diagnose(chains, ["a", "b", "c"]).table["rhat"] > 1.01).tolist() == [False, False, True]


def test_ranks_make_the_judgement_blind_to_scale():
    chains = autoregressive(0.4, 500, 2)
    first, second = diagnose(chains, "abc").table, diagnose(np.exp(3 * chains), "abc").table
    assert first["ess"].to_numpy() == pytest.approx(second["ess"].to_numpy(), rel=ROUNDING)
