"""Tables of assumptions, responders and relief beside harm: what they say, and what they keep back."""

from __future__ import annotations

import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from analysis.responders import Responders
from analysis.responders.estimate import COUNT_COLUMNS
from analysis.schema import result_frame
from analysis.sensitivity import ANCHORED, RANDOM, Sensitivity
from analysis.sensitivity.tipping_points import TIP_COLUMNS
from analysis.tables import (
    departures_table,
    judged_table,
    relief_harm_table,
    responder_curve_table,
    responder_differences_table,
    strategies_table,
    tipping_table,
)

CARE, MASSAGE, SCRIPT = "Usual care", "Massage", "<script>alert(1)</script>"
JUMP, MINIMUM = "jump to reference", 5
DEFINITION = "at least 30 % better"


def relief_row(analysis, therapy, estimate, horizon="long", note="", comparator=CARE):
    known = {"estimate": estimate, "conf_low": estimate - 0.6, "conf_high": estimate + 0.6}
    return {"analysis": analysis, "quantity": "relief", "horizon": horizon, "therapy": therapy,
            "comparator": comparator, "note": note, **({} if note else known)}  # fmt: skip


def found_of(rows, departures=None, comparator=CARE, therapies=(CARE, MASSAGE, SCRIPT)):
    gone = pd.DataFrame(departures or [], columns=["therapy", "kind"])
    setting = SimpleNamespace(comparator=comparator, therapies=therapies, departures=gone)
    return Sensitivity(result_frame(rows), setting)


def cells_of(table):
    return [cell for row in table.rows for cell in row]


def test_each_strategy_is_a_row_with_both_intervals_below_the_main_analysis():
    main = result_frame([relief_row("main", MASSAGE, 1.0), relief_row("main", MASSAGE, 9.0, "short")])
    found = found_of([
        relief_row(RANDOM, MASSAGE, 0.9), relief_row(JUMP, MASSAGE, 0.7),
        relief_row(JUMP + ANCHORED, MASSAGE, 0.7), relief_row(JUMP, SCRIPT, 0, note="not estimable: why"),
    ])  # fmt: skip
    table = strategies_table(main, found)
    assert [row[:2] for row in table.rows] == [
        ("main analysis (mixed model)", "1.0 (0.4 to 1.6)"), (RANDOM, "0.9 (0.3 to 1.5)"),
        (JUMP, "0.7 (0.1 to 1.3)"), (f"  {JUMP}, anchored", "0.7 (0.1 to 1.3)"),
    ]  # fmt: skip
    assert table.rows[2][2] == "not estimable" and table.note.endswith("not estimable: why")
    assert table.columns == ("analysis", MASSAGE, SCRIPT)
    assert SCRIPT not in table._repr_html_()


def test_without_a_comparator_strategies_show_the_change_from_baseline():
    main = result_frame([relief_row("main", MASSAGE, 2.0, comparator="")])
    rows = [relief_row(RANDOM, MASSAGE, 2.0, comparator="")]
    table = strategies_table(main, found_of(rows, comparator="", therapies=(MASSAGE,)))
    assert "change from baseline" in table.note and table.rows[0][1].startswith("2.0 (")


def test_a_trial_that_was_refused_has_tables_with_the_reason():
    refused = Sensitivity(result_frame([]), None, "Nobody has a value.")
    for table in (strategies_table(result_frame([]), refused), departures_table(refused, MINIMUM)):
        assert table.rows == () and table.note == "Nobody has a value."


def test_few_departures_are_not_told_and_none_are():
    gone = [(MASSAGE, "lost")] * 6 + [(MASSAGE, "stopped_therapy")] * 4 + [(CARE, "lost")]
    table = departures_table(found_of([], gone), MINIMUM)
    assert table.columns == ("therapy", "lost", "stopped therapy")
    assert table.rows == ((CARE, "<5", "hidden"), (MASSAGE, "hidden", "<5"), (SCRIPT, "0", "0"))


def tip_row(**known):
    row = dict.fromkeys(TIP_COLUMNS, np.nan) | {
        "therapy": MASSAGE, "horizon": "long", "kind": "", "missing": 7, "tip": 1.25,
        "important": 0.62, "of_change": 0.5, "note": "",
    }  # fmt: skip
    return row | known


def test_tipping_points_are_shown_with_masked_numbers_of_values():
    rows = [tip_row(), tip_row(missing=4), tip_row(missing=pd.NA, tip=np.nan, note="not estimable: why")]
    table = tipping_table(pd.DataFrame(rows).astype({"missing": "Int64"}), "points", MINIMUM)
    assert [row[2] for row in table.rows] == ["7", "<5", ""]
    assert table.rows[0][3:6] == ("1.25", "0.6", "0.5") and table.rows[2][-1] == "not estimable: why"
    assert "kind" not in table.columns
    by_kind = tipping_table(pd.DataFrame([tip_row(), tip_row(kind="lost")]), "points", MINIMUM)
    assert [row[2] for row in by_kind.rows] == ["all", "lost"] and "kind" in by_kind.columns


def judged(patients, no_baseline, below, seen=20, responders=9, hidden=False):
    rest = patients - no_baseline - below
    row = (DEFINITION, "long", MASSAGE, patients, no_baseline, below, rest, seen,
           None if hidden else responders, hidden)  # fmt: skip
    frame = pd.DataFrame([row], columns=list(COUNT_COLUMNS))
    return judged_table(Responders(result_frame([]), frame), DEFINITION, MINIMUM).rows[0][2:]


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ((40, 0, 0), ("40", "0", "0", "40", "9 of 20")),
        ((40, 8, 6), ("40", "8", "6", "26", "9 of 20")),
        # 40 less 36 would tell the four.
        ((40, 4, 0), ("40", "<5", "0", "not shown", "9 of 20")),
        ((40, 4, 3), ("40", "<5", "<5", "33", "9 of 20")),
        ((40, 4, 33), ("40", "<5", "33", "<5", "9 of 20")),
    ],
)  # fmt: skip
def test_who_can_be_judged_has_no_small_number_nor_one_that_tells_it(counts, shown):
    assert judged(*counts) == shown


def test_no_number_from_one_to_the_minimum_stands_in_a_table_of_counts():
    tables = [
        departures_table(found_of([], [(MASSAGE, k) for k in ("lost", "other") for _ in range(3)]), MINIMUM),
    ]  # fmt: skip
    small = [cell for table in tables for cell in cells_of(table) if re.fullmatch(r"[1-4]", cell)]
    shown = [cell for cell in judged(40, 4, 1, hidden=True) if re.fullmatch(r"[1-4]( of .*)?", cell)]
    assert small == [] and shown == []
    assert judged(40, 0, 0, hidden=True)[-1] == "not shown"


def test_a_number_needed_says_whom_it_benefits_in_words():
    rows = [
        {"analysis": "multiple imputation", "estimand": DEFINITION, "horizon": "long", "therapy": therapy,
         "comparator": CARE, "quantity": quantity, **numbers}
        for therapy, sign in ((MASSAGE, 1), (SCRIPT, -1))
        for quantity, numbers in (
            ("risk_difference", {"estimate": 0.1 * sign, "conf_low": -0.1, "conf_high": 0.3}),
            ("risk_ratio", {"estimate": 1.2, "conf_low": 0.8, "conf_high": 1.7}),
            ("odds_ratio", {"note": "fewer than 5 patients: not shown"}),
            ("number_needed", {"estimate": 10.0 * sign, "note": "NNTB 3.3 to ∞ to NNTH 10.0"}),
        )
    ]  # fmt: skip
    found = Responders(result_frame(rows), pd.DataFrame())
    table = responder_differences_table(found, DEFINITION, CARE, "multiple imputation")
    assert table.rows[0][2:] == ("10.0 (−10.0 to 30.0)", "1.20 (0.80 to 1.70)", "not shown",
                                 "NNTB 10.0 (NNTB 3.3 to ∞ to NNTH 10.0)")  # fmt: skip
    assert table.rows[1][-1].startswith("NNTH 10.0")
    assert responder_differences_table(found, DEFINITION, "", "x").note == "The study has no comparator."


def test_the_share_that_improved_by_at_least_so_much_holds_down_to_the_point_before():
    curve = pd.DataFrame({"therapy": MASSAGE, "horizon": "long", "change": [-1.0, 1.0, 3.0],
                          "proportion": [1.0, 0.6, 0.2]})  # fmt: skip
    table = responder_curve_table(curve)
    assert table.columns == ("therapy", "0.0", "0.5", "1.0", "1.5", "2.0", "2.5", "3.0")
    assert table.rows == ((MASSAGE, "60", "60", "60", "20", "20", "20", "20"),)
    wide = responder_curve_table(curve.assign(change=curve["change"] * 10))
    assert wide.columns == ("therapy", "0", "5", "10", "15", "20", "25", "30")
    tiny = responder_curve_table(curve.assign(change=curve["change"] / 10))
    assert tiny.columns[1:4] == ("0.00", "0.05", "0.10")
    assert responder_curve_table(curve.iloc[:1]).columns == ("therapy", "0")
    assert responder_curve_table(curve.iloc[:0]).note == "Nobody can be shown."


def test_relief_beside_harm_keeps_the_interval_of_a_number_that_is_not_shown():
    plane = pd.DataFrame({
        "therapy": [MASSAGE, SCRIPT], "comparator": CARE, "relief": [0.5, np.nan],
        "relief_low": [0.1, np.nan], "relief_high": [0.9, np.nan], "harm": [np.nan, 0.125],
        "harm_low": [0.01, -0.05], "harm_high": [0.2, 0.3], "note": ["", "relief: not estimable"],
    })  # fmt: skip
    table = relief_harm_table(plane, "points")
    assert table.rows[0] == (MASSAGE, "0.50 (0.10 to 0.90)", "1.0 to 20.0", "")
    assert table.rows[1] == (SCRIPT, "not estimable", "12.5 (−5.0 to 30.0)", "relief: not estimable")
    assert table.columns[2].endswith("risk difference, percentage points")
    alone = relief_harm_table(plane.assign(comparator=""), "points")
    assert alone.columns[2].endswith("risk, percent") and "Each therapy alone" in alone.note
    assert relief_harm_table(plane.iloc[:0], "points").rows == ()
