"""Who had what: counting, masking, and every spoilt trial answered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from events_trial import CARE, CUPPING, event, study, trial

from analysis.errors import ModelError
from analysis.harms import estimate_harms, withdrawals_beside_harms
from analysis.proportions import difference_interval, risk_interval
from analysis.trial.records import Trial, empty_events

# Arithmetic on a few doubles.
EXACT = 1e-12


def one(frame: pd.DataFrame) -> pd.Series:
    assert len(frame) == 1, frame
    return frame.iloc[0]


def cell(harms, therapy: str, scope: str = "any", what: str = "", kind: str = "adverse_event"):
    cells = harms.cells
    return one(cells[
        (cells["kind"] == kind) & (cells["scope"] == scope) & (cells["what"] == what)
        & (cells["therapy"] == therapy)
    ])  # fmt: skip


def test_a_patient_counts_once_in_a_risk_and_every_event_in_a_rate() -> None:
    harms = estimate_harms(trial([event("B01", week=1), event("B01", week=3), event("B02", "faint")]))
    risk = one(harms.rows("risk", therapy=CUPPING))
    assert (risk["estimate"], risk["n_therapy"]) == (2 / 40, 40)
    # 40 patients over 10 weeks: 3 events in 4 times 100 patient-weeks.
    assert one(harms.rows("rate", therapy=CUPPING))["estimate"] == pytest.approx(3 / 4, abs=EXACT)
    named = one(harms.rows("risk", "adverse_event: soreness", CUPPING))
    assert named["estimate"] == 1 / 40


def test_patient_years_are_patient_weeks_of_another_length() -> None:
    events = [event("B01")]
    weeks = one(estimate_harms(trial(events)).rows("rate", therapy=CUPPING))
    years = one(estimate_harms(trial(events), per="100 patient-years").rows("rate", therapy=CUPPING))
    for name in ("estimate", "conf_low", "conf_high"):
        assert years[name] == pytest.approx(weeks[name] * 365.25 / 7, rel=EXACT)


def test_none_of_forty_is_not_safe() -> None:
    harms = estimate_harms(trial([event("A01")]))
    row = one(harms.rows("risk", therapy=CUPPING))
    assert (row["estimate"], row["conf_low"]) == (0, 0)
    assert round(row["conf_high"], 4) == 0.0881
    assert one(harms.rows("risk difference"))["conf_high"] > 0


def test_time_ends_with_the_last_visit_or_the_last_dated_event() -> None:
    made = trial([event("B01", kind="lost", week=4.0), event("B02", week=12.0)], each=2)
    gone = (made.outcomes["patient"] == "B01") & (made.outcomes["week"] == 10)
    harms = estimate_harms(Trial(made.study, made.patients, made.outcomes[~gone], made.events))
    assert cell(harms, CUPPING)["weeks"] == 4 + 12
    assert cell(harms, CARE)["weeks"] == 20


def test_events_that_do_not_count_are_set_aside_with_a_reason() -> None:
    harms = estimate_harms(trial([
        event("B01"), event("B01"), event("B02", week=-1), event("Z99"), event("B03", week=None),
        event("B03", week=None),
    ]))  # fmt: skip
    assert cell(harms, CUPPING)["patients"] == 2
    # Without a week the same row twice may be two events.
    assert cell(harms, CUPPING)["events"] == 3
    said = dict(zip(harms.set_aside["reason"].str.split().str[0], harms.set_aside["n"], strict=True))
    assert said == {"before": 1, "of": 1, "the": 1}


def test_spellings_of_one_name_are_one_kind() -> None:
    harms = estimate_harms(trial([event("B01", "Soreness"), event("B02", " soreness "),
                                  event("B03", "Soreness")]))  # fmt: skip
    assert cell(harms, CUPPING, "named", "Soreness")["patients"] == 3


def test_a_study_cannot_name_a_kind_that_passes_for_a_total() -> None:
    harms = estimate_harms(trial([event("B01", "serious"), event("B02", "adverse_event")]))
    assert one(harms.rows("risk", "adverse_event, serious", CUPPING))["estimate"] == 0
    assert one(harms.rows("risk", therapy=CUPPING))["estimate"] == 2 / 40


def test_a_small_count_becomes_a_range_that_holds_every_interval_in_it() -> None:
    harms = estimate_harms(trial([event("B01"), event("B02")], chosen=study(minimum_count=5)))
    row, counted = one(harms.rows("risk", therapy=CUPPING)), cell(harms, CUPPING)
    assert np.isnan(row["estimate"]) and row["note"] == "1 to 4 patients"
    assert pd.isna(counted["patients"]) and pd.isna(counted["events"])
    assert (row["conf_low"], row["conf_high"]) == (risk_interval(1, 40)[0], risk_interval(4, 40)[1])
    assert np.isnan(one(harms.rows("rate", therapy=CUPPING))["estimate"])
    difference = one(harms.rows("risk difference"))
    for n in range(1, 5):
        low, high = difference_interval(n, 40, 0, 40, "miettinen_nurminen")
        assert difference["conf_low"] <= low and high <= difference["conf_high"]


def test_the_frame_of_a_masked_count_is_the_same_whatever_the_count() -> None:
    frames = [
        estimate_harms(trial([event(f"B0{k}") for k in range(1, n + 1)], chosen=study(minimum_count=5)))
        for n in (1, 4)
    ]  # fmt: skip
    pd.testing.assert_frame_equal(frames[0].frame, frames[1].frame)
    pd.testing.assert_frame_equal(frames[0].cells, frames[1].cells)


def test_a_masked_count_cannot_be_found_from_the_others() -> None:
    events = [event(f"B{n:02d}", "bruise") for n in range(1, 11)]
    events += [event(f"B{n:02d}", "faint") for n in range(11, 15)]
    harms = estimate_harms(trial(events, chosen=study(minimum_count=5)))
    assert cell(harms, CUPPING)["patients"] == 14
    for what in ("bruise", "faint"):
        assert pd.isna(cell(harms, CUPPING, "named", what)["patients"])
        assert pd.isna(cell(harms, CUPPING, "named", what)["events"])
    hidden = cell(harms, CUPPING, "named", "bruise")
    assert (hidden["at_least"], hidden["at_most"]) == (5, 14)


def test_unknown_seriousness_widens_the_interval_upwards() -> None:
    harms = estimate_harms(trial([event("B01", serious=True), event("B02", serious=None)]))
    counted, row = cell(harms, CUPPING, "serious"), one(
        harms.rows("risk", "adverse_event, serious", CUPPING)
    )
    assert (counted["patients"], counted["at_most"]) == (1, 2)
    assert (row["conf_low"], row["conf_high"]) == (risk_interval(1, 40)[0], risk_interval(2, 40)[1])


def test_what_was_not_recorded_is_missing_and_not_none() -> None:
    chosen = study(events={"kind": "kind", "kinds": {"adverse_event": "adverse_event"}})
    harms = estimate_harms(trial([event("B01", serious=None, related=None)], chosen=chosen))
    for measure in ("adverse_event, serious", "adverse_event, related", "lost"):
        rows = harms.rows("risk", measure)
        assert rows[["estimate", "conf_low", "conf_high"]].isna().all(axis=None)
        assert set(rows["note"]) == {"not recorded"}
    assert harms.recorded and not harms.withdrawals_recorded


def test_a_ratio_to_none_is_not_estimable() -> None:
    row = one(estimate_harms(trial([event("B01")])).rows("risk ratio"))
    assert np.isnan(row["estimate"]) and row["note"] == "not estimable: nobody with Usual care had one"


def test_the_order_of_rows_does_not_matter_and_the_caller_keeps_his_frames() -> None:
    made = trial([event(f"{letter}{n:02d}", what, n, serious=n % 3 == 0)
                  for letter, what in (("A", "faint"), ("B", "bruise")) for n in range(1, 9)])  # fmt: skip
    before = made.events.copy(deep=True)
    turned = Trial(
        made.study, made.patients[::-1], made.outcomes.sample(frac=1, random_state=1),
        made.events.sample(frac=1, random_state=2),
    )  # fmt: skip
    one_way, other = estimate_harms(made), estimate_harms(turned)
    pd.testing.assert_frame_equal(one_way.frame, other.frame)
    pd.testing.assert_frame_equal(one_way.cells, other.cells)
    pd.testing.assert_frame_equal(made.events, before)


def test_new_names_for_therapies_change_names_only() -> None:
    events = [event("A01"), event("B01"), event("B02", "faint")]
    plain = estimate_harms(trial(events)).frame
    named = estimate_harms(trial(events, chosen=study(("<b>Z</b>", "a"), "<b>Z</b>"))).frame
    back = {"<b>Z</b>": CARE, "a": CUPPING}
    named = named.replace({"therapy": back, "comparator": back})
    named["note"] = named["note"].str.replace("<b>Z</b>", CARE, regex=False)
    pd.testing.assert_frame_equal(plain, named)


def test_a_therapy_without_patients_is_a_note() -> None:
    made = trial([event("A01")], chosen=study((CARE, CUPPING, "Nobody's")))
    there = made.patients["therapy"] != "Nobody's"
    harms = estimate_harms(Trial(made.study, made.patients[there], made.outcomes, made.events))
    rows = harms.frame[harms.frame["therapy"] == "Nobody's"]
    assert rows[["estimate", "conf_low", "conf_high"]].isna().all(axis=None)
    assert rows["note"].str.contains("no patients").all()


@pytest.mark.parametrize("week", [0.0, None])
def test_every_event_at_week_zero_or_undated_has_an_answer(week) -> None:
    harms = estimate_harms(trial([event(f"B{n:02d}", week=week) for n in range(1, 41)]))
    assert one(harms.rows("risk", therapy=CUPPING))["conf_high"] == 1


def test_nobody_followed_has_a_risk_and_no_rate() -> None:
    made = trial([event("B01", week=None)])
    harms = estimate_harms(Trial(made.study, made.patients, made.outcomes.iloc[:0], made.events))
    assert one(harms.rows("risk", therapy=CUPPING))["estimate"] == 1 / 40
    assert one(harms.rows("rate", therapy=CUPPING))["note"] == "not estimable: nobody was followed"


def test_without_a_comparator_or_without_events_there_is_still_an_answer() -> None:
    alone = estimate_harms(trial([event("B01")], chosen=study(comparator="")))
    assert alone.rows("risk difference").empty and len(alone.rows("risk")) == 2
    made = trial([], chosen=study(events=None))
    for events in (made.events, empty_events()):
        harms = estimate_harms(Trial(made.study, made.patients, made.outcomes, events))
        assert not harms.recorded
        assert harms.frame["estimate"].isna().all()
        assert set(harms.frame.loc[harms.frame["analysis"] == "risk", "note"]) == {"not recorded"}
        assert withdrawals_beside_harms(harms)["note"].eq("not recorded").all()


def test_what_cannot_be_counted_is_refused_in_words() -> None:
    made = trial([event("B01")])
    twice = pd.concat([made.patients, made.patients.iloc[:1]])
    with pytest.raises(ModelError, match=r"1 patients stand more than once .*A01"):
        estimate_harms(Trial(made.study, twice, made.outcomes, made.events))
    with pytest.raises(ModelError, match="choose one"):
        estimate_harms(made, per="decades")


def test_reasons_stand_beside_harms_where_somebody_gave_them() -> None:
    harms = estimate_harms(trial([
        event("B01", "moved", kind="lost"), event("B02", "moved", kind="lost"),
        event("A01", "no effect", kind="stopped_therapy"), event("B01"),
    ]))  # fmt: skip
    frame = withdrawals_beside_harms(harms)
    of = frame[frame["therapy"] == CUPPING].set_index(["item", "reason"])["patients"]
    assert of.to_dict() == {
        ("adverse event", ""): 1, ("serious adverse event", ""): 0, ("stopped therapy", ""): 0,
        ("lost", ""): 2, ("lost", "moved"): 2,
    }  # fmt: skip
