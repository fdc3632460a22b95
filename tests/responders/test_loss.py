"""Time to loss of response."""

from __future__ import annotations

import numpy as np
import pytest
from response_trial import random_trial, study, trial
from scipy import optimize
from statsmodels.duration.survfunc import SurvfuncRight

from analysis.responders import Threshold, loss_of_response
from analysis.responders.loss import LOSS_COLUMNS, losses_of
from analysis.responders.turnbull import turnbull

LOST = np.nan
# Self-consistent steps stop at 1e-12; their limit is approached like a geometric series.
SETTLED = 1e-8
# Nelder-Mead and L-BFGS find the likelihood's maximum, not its place, to this.
SEARCHED = 1e-7


@pytest.mark.parametrize(
    ("course", "after", "by"),
    [((1, 1, 1), 2, -1), ((0, 0, 0), -1, 0), ((1, 0, 0), 0, 1), ((1, 1, 0), 1, 2), ((0, 1, 1), 2, -1),
     ((0, 1, 0), 1, 2), ((1, LOST, 0), 0, 2), ((0, LOST, 0), -1, 0), ((0, LOST, 1), 2, -1),
     ((0, LOST, LOST), -1, 0), ((1, LOST, LOST), 0, -1), ((LOST, LOST, LOST), -1, -1)],
)  # fmt: skip
def test_loss_is_two_attended_visits_without_response_or_the_last_one(course, after, by):
    found = losses_of(np.array([course], dtype=float))
    assert (found.after[0], found.by[0]) == (after, by)


def test_where_nobody_missed_a_visit_the_estimate_is_kaplan_and_meiers_with_greenwoods_error():
    rng = np.random.default_rng(4)
    last = rng.integers(0, 5, 60)
    died = rng.random(60) < 0.6
    # Attended up to `last`; lost there, or not seen any more after it.
    after, by = np.where(died, last - 1, last), np.where(died, last, -1)
    kept, error = turnbull(after, by, 5)
    curve = SurvfuncRight(last, died.astype(int))
    np.testing.assert_array_equal(curve.surv_times, np.arange(5))
    np.testing.assert_allclose(kept, curve.surv_prob, atol=SETTLED)
    np.testing.assert_allclose(error, curve.surv_prob_se, rtol=1e-6)


def test_with_gaps_the_likelihood_is_at_its_maximum():
    rng = np.random.default_rng(6)
    after = rng.integers(-1, 3, 50)
    by = np.where(rng.random(50) < 0.7, np.minimum(after + rng.integers(1, 4, 50), 3), -1)
    kept, _ = turnbull(after, by, 4)
    p = -np.diff(np.concatenate([[1.0], kept, [0.0]]))
    cell = np.arange(5)
    inside = (cell > after[:, None]) & (cell <= np.where(by < 0, 4, by)[:, None])

    def minus(free):
        share = np.exp(free - free.max())
        return -np.log(inside @ (share / share.sum())).sum()

    best = optimize.minimize(minus, np.zeros(5), method="L-BFGS-B", options={"ftol": 1e-15, "maxiter": 2000})
    assert -np.log(inside @ p).sum() == pytest.approx(best.fun, abs=SEARCHED * 50)


def counted(rows, therapy=None, plan=None, **more):
    made = trial(rows, therapy or ["Massage"] * len(rows), plan)
    frame = loss_of_response(made, **more)
    return frame[frame["therapy"] == "Massage"].set_index("visit")


def test_numbers_at_risk_lost_and_kept_can_be_counted_by_hand():
    rows = [(10, 9, 5, 5, 5)] * 4 + [(10, 9, 5, 9, 9)] * 3 + [(10, 9, 5, 5, 9)] * 2 + [
        (10, 9, 5, 5, LOST), (10, 9, 9, 5, 5)
    ]  # fmt: skip
    table = counted(rows)
    assert table["at_risk"].to_list() == [10, 10, 6]
    assert table["lost"].fillna(0).to_list() == [0, 3, 2]
    assert table["kept"].to_list() == pytest.approx([1, 0.7, 0.7 * 4 / 6])
    assert table["weeks"].to_list() == [0, 14, 40]
    late = table.loc["W52"]
    assert late["conf_low"] < late["kept"] < late["conf_high"]


def test_where_nobody_lost_response_the_interval_is_not_a_point():
    table = counted([(10, 9, 5, 5, 5)] * 8)
    assert table.loc["W52", "kept"] == 1
    assert table.loc["W52", "conf_low"] == pytest.approx(8 / (8 + 1.959964**2), abs=1e-6)
    gone = counted([(10, 9, 5, 9, 9)] * 8)
    assert gone.loc["W26", "kept"] == pytest.approx(0, abs=1e-9)
    assert gone.loc["W26", "conf_high"] > 0.3
    assert gone.loc["W52", "at_risk"] == 0


def test_losses_of_fewer_patients_than_may_be_shown_are_shown_together_with_later_ones():
    rows = [(10, 9, 5, 5, 5)] * 8 + [(10, 9, 5, 9, 9)] * 2 + [(10, 9, 5, 5, 9)] * 4
    table = counted(rows, plan=study(minimum_count=5))
    assert table.loc["W26", "masked"] and np.isnan(table.loc["W26", "kept"])
    assert table.loc["W52", "lost"] == 6
    assert table.loc["W52", "kept"] == pytest.approx(8 / 14)


@pytest.mark.parametrize(
    ("rows", "words"),
    [([(10, 9, 9, 9, 9)] * 3, "nobody responded"), ([(LOST, 9, 9, 9, 9)] * 3, "no baseline|nobody has"),
     ([(10, 9, 5, LOST, LOST)] * 3, "nobody was seen")],
)  # fmt: skip
def test_what_cannot_be_followed_is_a_row_with_a_note(rows, words):
    table = counted(rows)
    assert table["note"].str.contains(words).any()


def test_a_study_without_a_short_term_or_without_later_visits_says_so_or_stops_there():
    none = loss_of_response(random_trial(horizons={}))
    assert tuple(none.columns) == LOSS_COLUMNS
    assert none["note"].str.contains("no short-term visit").all()
    last = loss_of_response(random_trial(horizons={"W52": "short"}))
    assert (last["visit"] == "W52").all()
    change = loss_of_response(random_trial(), Threshold("change", 2.0, "points"))
    assert (change["definition"] == "at least 2 points better").all()
