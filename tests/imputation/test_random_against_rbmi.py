"""Random imputation of the antidepressant trial against rbmi, within both sides' Monte-Carlo error.

rbmi's jackknife error of a standard error is not in its file; with as many draws as here it is taken
to be the same as here.
"""

from __future__ import annotations

import json

import antidepressant
import numpy as np
import pytest

from analysis.imputation.analyse import ancova
from analysis.imputation.bootstrap import bootstrap_draws
from analysis.imputation.gibbs import bayes_draws
from analysis.imputation.multiple import mean_bootstrap, multiple_imputation, nested_imputation
from analysis.imputation.working import working_panel

STRATEGIES = ("MAR", "JR", "CR", "CIR", "LMCF")
# |z| of a difference of two Monte-Carlo results; the largest of a few hundred stays below.
BOUND = 4.0
# Visit 4 was attended by all, so nothing is random there: rounding of two least-squares fits.
EXACT = 1e-9
# rbmi's own search stops this far from the maximum, in points of the scale.
DEFAULT_OPTIMISER = 2e-4


@pytest.fixture(scope="module")
def reference(shared_reference):
    return json.loads((shared_reference / "rbmi_antidepressant_random.json").read_text())


@pytest.fixture(scope="module")
def trial(shared_data, shared_reference):
    return antidepressant.panel(shared_data, shared_reference)


@pytest.fixture(scope="module")
def model(trial):
    analysis = ancova(trial, "CHANGE ~ THERAPY + BASVAL")
    assert analysis.df == 169
    return analysis, antidepressant.quantities(analysis)


@pytest.fixture(scope="module")
def working(trial):
    return working_panel(trial)


@pytest.fixture(scope="module")
def draws(trial, working):
    bayes = bayes_draws(working, 1000, seed=2)
    assert bayes.draws.notes == ()
    return {"approxbayes": bootstrap_draws(working, trial.arm, 1000, seed=1), "bayes": bayes.draws}


def told(rows, column):
    """A column of rbmi's table in the order of `antidepressant.names`."""
    found = {row["parameter"]: row[column] for row in rows}
    return np.array([found[name] for name in antidepressant.names()])


def assert_within_errors(mine, theirs, error, their_error):
    """Differences in units of their standard error, where there is one."""
    both = np.hypot(error, their_error)
    assert (np.abs(mine - theirs) <= BOUND * both + EXACT).all()
    assert (both > 0).any()


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("method", ["approxbayes", "bayes"])
def test_multiple_imputation_agrees_with_rbmi(trial, model, draws, reference, method, strategy):
    panel = trial.under(strategy)
    found = multiple_imputation(panel, draws[method], *model, seed=5).pooled
    theirs = reference[method]["strategies"][strategy]
    assert_within_errors(
        found.estimate, told(theirs["rubin"], "qbar"), found.error.estimate,
        told(theirs["rubin"], "mc_error_of_qbar"),
    )  # fmt: skip
    for own, name, error in (
        (found.se, "se", found.error.se), (found.p, "pval", found.error.p),
    ):  # fmt: skip
        assert_within_errors(own, told(theirs["pooled"], name), error, error)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_imputation_nested_in_bootstraps_agrees_with_rbmi(trial, model, working, reference, strategy):
    boots = bootstrap_draws(working, trial.arm, 300, seed=3)
    found = nested_imputation(trial.under(strategy), boots, *model, seed=6).pooled
    theirs = reference["bmlmi"]["strategies"][strategy]["pooled"]
    for own, name, error in (
        (found.estimate, "est", found.error.estimate), (found.se, "se", found.error.se),
    ):  # fmt: skip
        assert_within_errors(own, told(theirs, name), error, error)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_the_bootstrap_of_conditional_means_agrees_with_rbmi(trial, model, draws, reference, strategy):
    given = trial.under(strategy), draws["approxbayes"], *model
    theirs = reference["condmean_bootstrap"]["strategies"][strategy]["pooled"]
    normal = mean_bootstrap(*given)
    assert normal.estimate == pytest.approx(told(theirs["normal"], "est"), abs=DEFAULT_OPTIMISER)
    assert_within_errors(normal.se, told(theirs["normal"], "se"), normal.error.se, normal.error.se)
    ranks = mean_bootstrap(*given, interval="percentile")
    # Error of a normal sample's quantile at 2.5 %: σ √(α(1−α)/B) / φ(z).
    error = normal.se * np.sqrt(0.025 * 0.975 / 1000) / 0.05845
    for own, name in ((ranks.low, "lci"), (ranks.high, "uci")):
        assert_within_errors(own, told(theirs["percentile"], name), error, error)
