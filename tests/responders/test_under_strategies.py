"""Responders by multiple imputation under every strategy for those who were gone."""

from __future__ import annotations

import numpy as np
import pytest
from response_trial import pick, random_trial

from analysis.errors import ModelError
from analysis.responders import estimate_responders
from analysis.responders.handling import MULTIPLE
from analysis.sensitivity import RANDOM, STRATEGIES, compare_strategies

THIRTY = "at least 30 % better"
OTHERS = [f"{MULTIPLE}, {name}" for name in STRATEGIES if name != RANDOM]
# Draws under missing at random by two methods differ by Monte-Carlo error, in shares.
NEAR = 0.06
ROUNDING = 1e-12


@pytest.fixture(scope="module")
def whole():
    made = random_trial(80, seed=8, lost=0.25)
    setting = compare_strategies(made).setting
    return made, setting, estimate_responders(made, setting=setting, n_draws=20)


def share(found, analysis, therapy):
    row = pick(found.frame, "responders", analysis=analysis, horizon="long", therapy=therapy,
               estimand=THIRTY)  # fmt: skip
    return row["estimate"]


def test_every_strategy_has_shares_and_differences_of_every_definition(whole):
    _, _, found = whole
    plain = found.frame[found.frame["analysis"] == MULTIPLE]
    for name in OTHERS:
        mine = found.frame[found.frame["analysis"] == name]
        keys = ["estimand", "horizon", "quantity", "therapy", "comparator", "n_therapy"]
        assert mine[keys].to_numpy().tolist() == plain[keys].to_numpy().tolist()
        assert mine["method"].str.contains("20 data sets, approximate Bayes").all()


def test_who_jumps_to_the_reference_responds_less_often_than_at_random(whole):
    made, _, found = whole
    at_random, jump = (share(found, name, "Massage") for name in (MULTIPLE, f"{MULTIPLE}, jump to reference"))
    assert jump < at_random
    for name in OTHERS:
        usual = share(found, MULTIPLE, "Usual care")
        assert share(found, name, "Usual care") == pytest.approx(usual, abs=NEAR)
    assert made.study.comparator == "Usual care"


def test_where_no_one_is_lost_every_strategy_counts_those_seen():
    made = random_trial(40, lost=0.0)
    found = estimate_responders(made, setting=compare_strategies(made).setting, n_draws=3)
    for name in OTHERS:
        for therapy in made.study.therapies:
            seen = share(found, "observed cases", therapy)
            assert share(found, name, therapy) == pytest.approx(seen, abs=ROUNDING)


def test_the_seed_alone_decides_the_draws(whole):
    made, setting, _ = whole
    one, again, other = (
        estimate_responders(made, setting=setting, n_draws=3, seed=seed).frame["estimate"].to_numpy()
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert (one != other)[~np.isnan(one)].any()


def test_without_a_setting_there_are_no_other_strategies(whole):
    frame = estimate_responders(whole[0], n_draws=3).frame
    assert not frame["analysis"].isin(OTHERS).any()


def test_where_nothing_can_be_drawn_every_strategy_says_why(whole, monkeypatch):
    made, setting, _ = whole

    def refuse(*given, **options):
        raise ModelError("Too few patients to draw from.")

    monkeypatch.setattr("analysis.responders.under.bootstrap_draws", refuse)
    frame = estimate_responders(made, setting=setting, n_draws=3).frame
    for name in OTHERS:
        mine = frame[frame["analysis"] == name]
        assert len(mine) and mine["estimate"].isna().all()
        assert mine["note"].str.contains("Too few patients to draw from").all()
    assert frame.loc[frame["analysis"] == MULTIPLE, "estimate"].notna().any()
