"""Completed values drawn for each set of parameters: what stays, what the seed fixes, limits."""

from __future__ import annotations

from dataclasses import replace

import lost_visits
import numpy as np
import pandas as pd
import pytest
from lost_visits import made_up

from analysis.errors import ModelError
from analysis.imputation.analyse import ancova
from analysis.imputation.bootstrap import bootstrap_draws
from analysis.imputation.imputations import bootstrapped_means, imputations, nested_imputations
from analysis.imputation.layout import lay_out
from analysis.imputation.multiple import mean_bootstrap, multiple_imputation, nested_imputation
from analysis.imputation.working import working_panel

BOUND = 4.5
EXACT = 1e-10


def panel_of(arrays, strategy="JR"):
    """A panel of the made-up trial, dropouts with an event at their first missing visit."""
    n, m = arrays.outcome.shape
    frame = pd.DataFrame(
        {
            "id": np.repeat(np.arange(n), m), "visit": np.tile(np.arange(m), n),
            "arm": np.repeat(np.where(arrays.arm == 1, "new", "old"), m),
            "base": np.repeat(arrays.design[:, 0, 2], m), "y": arrays.outcome.ravel(),
        }
    )  # fmt: skip
    seen = ~np.isnan(arrays.outcome)
    last = m - seen[:, ::-1].argmax(axis=1)
    gone = np.flatnonzero(last < m)
    events = pd.DataFrame({"id": gone, "visit": last[gone], "strategy": strategy})
    return lay_out(
        frame, "y ~ base * visit + arm * visit", subject="id", visit="visit", arm="arm",
        reference="old", events=events,
    )  # fmt: skip


@pytest.fixture(scope="module")
def panel():
    return panel_of(made_up(n=80))


@pytest.fixture(scope="module")
def draws(panel):
    return bootstrap_draws(working_panel(panel), panel.arm, 60, seed=1)


def part(draws, n):
    """The first n draws."""
    return replace(draws, beta=draws.beta[:n], sigma=draws.sigma[:n], counts=draws.counts[:n])


def test_observed_values_stay_and_every_missing_one_is_drawn(panel, draws):
    values = np.concatenate(list(imputations(panel, draws, seed=1)))
    assert values.shape == (60, *panel.shape)
    seen = ~panel.missing
    assert (values[:, seen] == panel.outcome[seen]).all()
    assert np.isfinite(values).all()
    assert (values[:, panel.missing].std(axis=0) > 0).all()


def test_imputed_digits_do_not_depend_on_what_is_drawn_together(panel, draws):
    values = np.concatenate(list(imputations(panel, draws, seed=4)))
    first = part(draws, 7)
    (fewer,) = imputations(panel, first, seed=4)
    assert fewer == pytest.approx(values[:7], rel=EXACT)
    (other,) = imputations(panel, first, seed=5)
    assert np.abs(other - fewer)[:, panel.missing].min() > 0


def test_copies_of_a_patient_share_the_observed_and_not_the_imputed(panel, draws):
    one = next(iter(nested_imputations(panel, draws, 3, seed=1)))
    assert one.values.shape == (3, len(one.patients), panel.shape[1])
    assert (np.bincount(one.patients, minlength=panel.shape[0]) == draws.counts[0]).all()
    twice = [i for i in np.flatnonzero(draws.counts[0] > 1) if panel.missing[i].any()]
    for patient in twice:
        copies = one.values[:, one.patients == patient].reshape(-1, panel.shape[1])
        lost = panel.missing[patient]
        assert (copies[:, ~lost] == panel.outcome[patient, ~lost]).all()
        assert len(np.unique(copies[:, lost][:, 0])) == len(copies)
    assert twice


def test_the_mean_of_many_nested_imputations_is_the_conditional_mean(panel, draws):
    few = part(draws, 1)
    (many,), ((means, counts),) = nested_imputations(panel, few, 4000, seed=2), bootstrapped_means(panel, few)
    assert (np.bincount(many.patients, minlength=panel.shape[0]) == counts[0]).all()
    error = many.values.std(axis=0) / np.sqrt(4000)
    assert (np.abs(many.values.mean(axis=0) - means[0, many.patients]) <= BOUND * error + EXACT).all()


def late_difference(panel):
    """ANCOVA, and the weights of the difference between the arms at the last visit."""
    analysis = ancova(panel, "y ~ arm + base")
    signs = {f"new, {panel.visits[-1]}": 1.0, f"old, {panel.visits[-1]}": -1.0}
    return analysis, np.array([[signs.get(name, 0.0) for name in analysis.names]])


def test_nested_pooling_and_the_bootstrap_of_conditional_means_find_the_same_variance(panel):
    """For a linear estimator both aim at the variance over repeated trials."""
    draws = bootstrap_draws(working_panel(panel), panel.arm, 1500, seed=2)
    given = panel, draws, *late_difference(panel)
    first, second = nested_imputation(*given, seed=3).pooled, mean_bootstrap(*given)
    gap = abs(first.se - second.se) / np.hypot(first.error.se, second.error.se)
    assert gap[0] < BOUND
    # Rubin's variance is information-anchored: larger under jump to reference.
    rubin = multiple_imputation(*given, seed=4).pooled
    assert rubin.se[0] > second.se[0] + BOUND * second.error.se[0]
    assert abs(rubin.estimate - second.estimate)[0] < 0.1 * second.se[0]


def test_with_nothing_missing_imputations_pool_to_the_complete_analysis():
    panel = panel_of(made_up(n=60, lost=0.0))
    draws = bootstrap_draws(working_panel(panel), panel.arm, 10, seed=1)
    analysis, weights = late_difference(panel)
    found = multiple_imputation(panel, draws, analysis, weights, seed=1, df="rubin")
    assert found.pooled.estimate == pytest.approx(weights @ analysis.estimate(panel.outcome), rel=EXACT)
    usual = weights @ analysis.covariance(panel.outcome) @ weights.T
    assert found.pooled.cov == pytest.approx(usual, rel=EXACT)
    assert found.share == pytest.approx(0, abs=EXACT)


def test_all_estimates_of_an_analysis_pool_together_under_their_names(panel, draws):
    analysis, weights = late_difference(panel)
    whole = multiple_imputation(panel, draws, analysis, seed=9).pooled
    single = multiple_imputation(panel, draws, analysis, weights, seed=9, names=["late"]).pooled
    assert (whole.names, single.names) == (analysis.names, ("late",))
    assert weights @ whole.estimate == pytest.approx(single.estimate, rel=EXACT)
    assert weights @ whole.cov @ weights.T == pytest.approx(single.cov, rel=EXACT)
    with pytest.raises(ModelError, match=r"have 3 weights for 8 estimates of the analysis \(new, 0"):
        multiple_imputation(panel, draws, analysis, np.ones(3), seed=9)


def test_an_arm_lost_at_a_visit_is_imputed_from_the_reference_or_refused():
    arrays = made_up(n=80)
    outcome = arrays.outcome.copy()
    outcome[arrays.arm == 1, 3] = np.nan
    panel = panel_of(replace(arrays, outcome=outcome))
    draws = bootstrap_draws(working_panel(panel), panel.arm, 20, seed=1)
    values = np.concatenate(list(imputations(panel, draws, seed=1)))
    assert np.isfinite(values).all()
    own = panel.under("MAR")
    for made in (
        imputations(own, draws, seed=1), nested_imputations(own, draws, seed=1),
        bootstrapped_means(own, draws),
    ):  # fmt: skip
        with pytest.raises(ModelError, match="what their mean is there"):
            next(made)


def test_nested_imputations_refuse_what_they_cannot_do(panel, draws):
    with pytest.raises(ModelError, match="One imputation of a bootstrap"):
        next(nested_imputations(panel, draws, 1, seed=1))
    plain = replace(draws, counts=None)
    for made in (nested_imputations(panel, plain, seed=1), bootstrapped_means(panel, plain)):
        with pytest.raises(ModelError, match="which patients they were fitted to"):
            next(made)


def test_progress_of_imputations_is_told(panel, draws):
    told = []
    for _ in imputations(panel, draws, seed=1, progress=lambda done, wanted: told.append((done, wanted))):
        pass
    assert told == [(50, 60), (60, 60)]


def test_a_model_that_sees_no_value_is_refused():
    arrays = made_up(n=20)
    nothing = np.zeros_like(arrays.modelled)
    with pytest.raises(ModelError, match="sees no value at all"):
        lost_visits.Arrays(arrays.outcome, arrays.design, arrays.group, nothing, arrays.arm).working()


def test_each_draw_of_500_patients_by_5_visits_has_a_fit():
    arrays = made_up(n=500, m=5)
    draws = bootstrap_draws(arrays.working(), arrays.arm, 200, seed=1)
    assert (len(draws), draws.failed, draws.notes) == (200, 0, ())
    assert np.isfinite(draws.beta).all()
    assert (np.linalg.eigvalsh(draws.sigma) > 0).all()
    assert (draws.counts.sum(axis=1) == 500).all()
