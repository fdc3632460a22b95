"""Bootstrap draws: that reweighting is refitting, and what seed, processes and failures promise."""

from __future__ import annotations

import numpy as np
import pytest
from lost_visits import made_up
from scipy import stats

from analysis.errors import ModelError
from analysis.imputation.bootstrap import bootstrap_draws, resampler, reweighted
from analysis.mmrm.optimise import maximise

# Two searches of the same likelihood end this close, relative to the spread of the estimates.
SAME_FIT = 1e-8
# Standard errors of a Monte-Carlo number that a right answer stays within.
BOUND = 4.5


@pytest.fixture(scope="module")
def trial():
    return made_up()


@pytest.fixture(scope="module")
def working(trial):
    return trial.working()


@pytest.mark.parametrize("options", [{}, {"covariance": "toeph"}, {"reml": False}])
@pytest.mark.parametrize("grouped", [False, True])
def test_reweighting_patients_is_refitting_to_the_patients_drawn(options, grouped):
    trial = made_up(grouped=grouped)
    counts = np.random.default_rng(3).integers(0, 3, len(trial.arm))
    working = trial.working(**options)
    job = resampler(working, trial.arm)
    found = maximise(reweighted(job, counts), job.model, job.start, job.reml)
    mine = working.in_the_formula(found.point.beta, found.point.sigma)
    again = trial.of(np.repeat(np.arange(len(counts)), counts)).working(**options)
    theirs = again.in_the_formula(again.optimum.point.beta, again.optimum.point.sigma)
    for own, other in zip(mine, theirs, strict=True):
        assert own == pytest.approx(other, rel=SAME_FIT, abs=SAME_FIT * np.abs(other).max())


def test_a_reweighted_fit_works_on_few_rows(working, trial):
    """The size does not follow the number of patients: arm, baseline, constant and outcomes."""
    job = resampler(working, trial.arm)
    assert max(len(pattern.right) for pattern in job.patterns) == 3 + 4


def test_draws_keep_the_size_of_each_arm_and_differ_in_everything_else(working, trial):
    draws = bootstrap_draws(working, trial.arm, 40, seed=5)
    assert len(draws) == 40
    for arm in (0, 1):
        assert (draws.counts[:, trial.arm == arm].sum(axis=1) == 60).all()
    assert len(np.unique(draws.beta[:, 0])) == 40
    assert (draws.failed, draws.notes) == (0, ())


def test_digits_depend_on_the_seed_and_on_no_other_draw_or_process(working, trial):
    draws = bootstrap_draws(working, trial.arm, 45, seed=5)
    fewer = bootstrap_draws(working, trial.arm, 30, seed=5)
    spread = bootstrap_draws(working, trial.arm, 45, seed=5, processes=2)
    assert (draws.beta[:30] == fewer.beta).all()
    for name in ("beta", "sigma", "counts"):
        assert (getattr(draws, name) == getattr(spread, name)).all()
    assert (bootstrap_draws(working, trial.arm, 30, seed=6).beta != fewer.beta).all()


def test_draws_spread_like_the_estimates_they_stand_for():
    """With many patients a bootstrap has the covariance that the fit claims for its coefficients."""
    trial = made_up(n=600, seed=9)
    working = trial.working()
    draws = bootstrap_draws(working, trial.arm, 400, seed=1)
    estimates = working.estimates
    claimed = np.sqrt(np.diag(estimates.cov))
    away = (draws.beta.mean(axis=0) - estimates.beta) / claimed
    assert np.abs(away).max() < BOUND / np.sqrt(400)
    # Chi-square of 399 degrees of freedom, and 6 % for a variance estimated from 600 patients.
    ratio = draws.beta.std(axis=0, ddof=1) / claimed
    assert np.abs(ratio - 1).max() < BOUND / np.sqrt(2 * 399) + 0.06


def test_a_patient_never_seen_is_drawn_but_says_nothing(trial):
    outcome, modelled = trial.outcome.copy(), trial.modelled.copy()
    outcome[7], modelled[7] = np.nan, False
    lost = type(trial)(outcome, trial.design, trial.group, modelled, trial.arm)
    draws = bootstrap_draws(lost.working(), lost.arm, 20, seed=2)
    assert draws.counts[:, 7].max() > 0
    assert np.isfinite(draws.beta).all()


def test_a_column_that_follows_from_others_gets_0(trial):
    double = np.concatenate([trial.design, trial.design[:, :, :1]], axis=2)
    doubled = type(trial)(trial.outcome, double, trial.group, trial.modelled, trial.arm)
    draws = bootstrap_draws(doubled.working(), trial.arm, 3, seed=2)
    plain = bootstrap_draws(trial.working(), trial.arm, 3, seed=2)
    assert (draws.beta[:, -1] == 0).all()
    assert draws.beta[:, :-1] == pytest.approx(plain.beta, rel=SAME_FIT, abs=SAME_FIT * 50)


def scarce(n_seen):
    """A trial with the last visit attended by few."""
    trial = made_up(n=60, lost=0.0)
    outcome = trial.outcome.copy()
    late = np.arange(60) >= n_seen
    outcome[late, 3] = np.nan
    return type(trial)(outcome, trial.design, trial.group, ~np.isnan(outcome), trial.arm)


def test_bootstraps_without_a_fit_are_drawn_again_counted_and_noted():
    trial = scarce(14)
    draws = bootstrap_draws(trial.working(), trial.arm, 200, seed=3)
    assert 0 < draws.failed <= 20
    assert draws.notes == (f"{draws.failed} bootstraps without a fit were drawn again, for 200 with one.",)
    assert np.isfinite(draws.sigma).all()
    # A draw has a fit, so each arm was seen at the last visit.
    for arm in (0, 1):
        assert (draws.counts[:, (np.arange(60) < 14) & (trial.arm == arm)].sum(axis=1) > 0).all()


def test_too_many_bootstraps_without_a_fit_are_refused():
    trial = scarce(8)
    with pytest.raises(ModelError, match=r"bootstraps (in a row )?have no fit"):
        bootstrap_draws(trial.working(), trial.arm, 100, seed=3)


def test_progress_is_told_and_an_interrupt_stops_the_draws(working, trial):
    told = []
    bootstrap_draws(working, trial.arm, 50, seed=1, progress=lambda done, all_: told.append((done, all_)))
    assert told == [(20, 50), (40, 50), (50, 50)]

    def stop(done, wanted):
        raise KeyboardInterrupt

    for processes in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            bootstrap_draws(working, trial.arm, 400, seed=1, processes=processes, progress=stop)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_draws": 0}, "n_draws=0 must be a whole number"),
        ({"processes": 1.5}, "processes=1.5"),
        ({"seed": -1}, "seed=-1 must be a whole number"),
        ({"strata": np.zeros(3)}, r"Strata of shape \(3,\) do not go with 120 patients"),
    ],
)
def test_what_cannot_be_drawn_is_refused_in_words(working, trial, change, message):
    with pytest.raises(ModelError, match=message):
        bootstrap_draws(**({"working": working, "strata": trial.arm, "n_draws": 5, "seed": 1} | change))


def test_a_patient_counts_like_a_poisson_variable_of_mean_1(working, trial):
    draws = bootstrap_draws(working, trial.arm, 300, seed=8)
    zeros = (draws.counts == 0).mean()
    expected = (1 - 1 / 60) ** 60
    error = np.sqrt(expected * (1 - expected) / draws.counts.size)
    assert abs(zeros - expected) < BOUND * error
    assert stats.pearsonr(draws.counts[:, 0], draws.counts[:, 1]).pvalue > 1e-4
