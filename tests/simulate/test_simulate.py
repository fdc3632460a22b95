"""The bundled trial and simulated trials: the same bytes, honest rates, sound structure."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scenarios import ERRORS, arm, by_visit

from analysis.instruments import find_instrument
from analysis.intake import read_trial
from analysis.simulate import (
    BUNDLED_SEED,
    bundled_scenario,
    informative_loss_scenario,
    null_scenario,
    simulate,
    write_trial,
)

BUNDLED = Path(__file__).parents[2] / "data" / "simulated"
FILES = ("outcomes.csv", "patients.csv", "events.csv", "truth.csv", "study.yml")
PER_ARM = 4000
# Shares missing were set over all arms; log odds that differ between people move them a little.
SHARE_MISSING = 0.012


@pytest.fixture(scope="module")
def bundled():
    return simulate(bundled_scenario(), seed=BUNDLED_SEED)


@pytest.fixture(scope="module")
def large():
    return simulate(replace(bundled_scenario(), per_arm=PER_ARM), seed=5, truth_patients=0)


def test_the_bundled_files_are_what_the_simulator_makes(bundled, tmp_path):
    write_trial(bundled, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(FILES)
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (BUNDLED / name).read_bytes(), name


def test_files_have_unix_line_ends_and_end_with_one(bundled, tmp_path):
    write_trial(bundled, tmp_path)
    for name in FILES:
        raw = (tmp_path / name).read_bytes()
        assert b"\r" not in raw
        assert raw.endswith(b"\n")


def test_reading_the_files_back_gives_the_same_trial(bundled):
    again = read_trial(BUNDLED / "study.yml")
    assert again.study == bundled.study
    pd.testing.assert_frame_equal(again.patients, bundled.patients)
    pd.testing.assert_frame_equal(again.outcomes, bundled.outcomes)
    pd.testing.assert_frame_equal(again.events, bundled.events)
    pd.testing.assert_frame_equal(again.account, bundled.account)
    pd.testing.assert_frame_equal(again.truth, bundled.truth)


def test_the_bundled_trial_has_no_findings():
    assert read_trial(BUNDLED / "study.yml").findings.empty


def test_the_same_seed_gives_the_same_trial_and_another_seed_another():
    one, two, other = (simulate(null_scenario(), seed=s, truth_patients=0) for s in (3, 3, 4))
    pd.testing.assert_frame_equal(one.outcomes, two.outcomes)
    pd.testing.assert_frame_equal(one.events, two.events)
    assert not by_visit(one)["baseline"].equals(by_visit(other)["baseline"])


def test_one_purpose_does_not_shift_another():
    """Without blanks in companion measures, everything else stays as it was."""
    plain = simulate(bundled_scenario(), seed=1, truth_patients=0)
    loss = replace(bundled_scenario().loss, item_missing=0.0)
    filled = simulate(replace(bundled_scenario(), loss=loss), seed=1, truth_patients=0)
    pd.testing.assert_frame_equal(by_visit(plain), by_visit(filled))
    assert len(filled.outcomes) > len(plain.outcomes)


def test_scores_are_whole_steps_within_their_instruments(large):
    for measure, per_point in (("pain", 1), ("function", 1), ("anxiety", 10)):
        values = large.outcomes.loc[large.outcomes["measure"] == measure, "value"]
        record = find_instrument(large.measure(measure).instrument)
        assert values.min() >= record.low
        assert values.max() <= record.high
        assert np.array_equal(values, np.round(values * per_point) / per_point)
    assert set(by_visit(large)["week 8"].dropna()) == set(range(11))


def test_everybody_entered_above_the_threshold_and_is_in_one_arm(large):
    baseline = by_visit(large)["baseline"]
    assert baseline.notna().all()
    assert baseline.min() == 4
    assert large.patients["therapy"].value_counts().eq(PER_ARM).all()


def test_arms_are_balanced_within_sites(bundled):
    counts = pd.crosstab(bundled.patients["site"], bundled.patients["therapy"])
    assert set(counts.to_numpy().ravel()) == {15}


def test_as_many_miss_a_visit_as_set(large):
    missing = by_visit(large).isna().mean()
    for week, share in ((12, 0.08), (26, 0.12), (52, 0.20)):
        assert missing[f"week {week}"] == pytest.approx(share, abs=SHARE_MISSING)


def test_of_those_who_miss_the_last_visit_four_in_five_are_lost_for_good(large):
    missed = by_visit(large)["week 52"].isna().to_numpy()
    lost = large.events.loc[large.events["kind"] == "lost", "patient"]
    share = large.patients["patient"].isin(lost).to_numpy()[missed].mean()
    assert share == pytest.approx(0.80, abs=ERRORS * np.sqrt(0.16 / missed.sum()))


def test_nobody_returns_after_being_lost(large):
    lost = large.events[large.events["kind"] == "lost"].set_index("patient")["week"]
    seen = large.outcomes[large.outcomes["patient"].isin(lost.index)]
    assert (seen["week"] < seen["patient"].map(lost) + 0.1).all()


def test_those_whose_last_pain_was_higher_are_lost_more_often(large):
    """Odds of loss rise by 16 % a point, so those lost had 0.15 x variance more pain: about 0.6."""
    pain = by_visit(large)
    before = pain["week 26"].notna()
    lost = set(large.events.loc[large.events["kind"] == "lost", "patient"])
    gone = before & pain.index.isin(lost)
    difference = pain["week 26"][gone].mean() - pain["week 26"][before & ~gone].mean()
    assert difference == pytest.approx(0.15 * pain["week 26"].var(), abs=0.25)


def test_unseen_pain_drives_people_away_only_where_asked():
    """Given pain at week 26, pain that would follow is higher in the lost only if not at random."""
    gaps = []
    for scenario in (bundled_scenario(), informative_loss_scenario()):
        people = replace(scenario, per_arm=PER_ARM // 2)
        loss = replace(scenario.loss, missing=((52.0, 0.0),))
        kept = by_visit(simulate(replace(people, loss=loss), seed=8, truth_patients=0))
        seen = by_visit(simulate(people, seed=8, truth_patients=0))
        both = seen["week 26"].notna()
        change = (kept["week 52"] - kept["week 26"])[both]
        gaps.append(change[seen["week 52"].isna()].mean() - change[seen["week 52"].notna()].mean())
    # At random the gap is negative: who was in pain is lost, and such pain falls on average.
    assert gaps[0] < 0.1
    assert gaps[1] > 0.5


def test_harms_come_as_often_as_set(large):
    """A course that is broken off has fewer; a loss hides some: at most a fifth of them."""
    events = large.events[large.events["kind"] == "adverse_event"]
    for treatment in bundled_scenario().treatments:
        people = large.patients.loc[arm(large, treatment.label), "patient"]
        mine = events[events["patient"].isin(people)]
        for harm in treatment.harms:
            share = (mine["what"] == harm.what).sum() / PER_ARM
            error = ERRORS * np.sqrt(harm.risk / PER_ARM)
            assert 0.8 * harm.risk - error < share < harm.risk + error, harm


def test_background_events_are_five_percent_a_quarter_in_usual_care(large):
    people = large.patients.loc[arm(large, "Usual care"), "patient"]
    events = large.events[large.events["patient"].isin(people) & (large.events["week"] <= 13)]
    share = (events["kind"] == "adverse_event").mean() * len(events) / PER_ARM
    # About 3 % of the time before week 13 is lost to follow-up.
    assert share == pytest.approx(0.05 * 0.97, abs=ERRORS * np.sqrt(0.05 / PER_ARM))


def test_usual_care_starts_another_therapy_twice_as_often(large):
    started = set(large.events.loc[large.events["kind"] == "other_therapy", "patient"])
    began = large.patients["patient"].isin(started).to_numpy()
    usual, massage = (began[arm(large, name)].mean() for name in ("Usual care", "Massage"))
    assert 1.6 < usual / massage < 2.6
    assert usual == pytest.approx(0.20, abs=0.04)


@pytest.mark.parametrize("seed", [-1, 1.5, True])
def test_a_seed_that_is_no_whole_number_is_refused(seed):
    with pytest.raises(ValueError, match="whole number of 0 or more"):
        simulate(null_scenario(), seed=seed, truth_patients=0)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".csv")])
def test_every_column_of_the_bundled_files_is_explained(name):
    words = (BUNDLED.parent / "README.md").read_text(encoding="utf-8")
    header = (BUNDLED / name).read_text(encoding="utf-8").split("\n", 1)[0].split(",")
    cells = {cell.strip() for row in words.split("\n") for part in row.split("|")
             for cell in part.split(",")}  # fmt: skip
    assert set(header) <= cells
