"""Harms in sentences, tables and figures: plain, and harmless whatever a study is called."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from events_trial import CARE, CUPPING, event, study, trial

from analysis.figures import labels_of, plot_harm_kinds, plot_relief_harm, save
from analysis.harms import estimate_harms, harm_sentences, relief_and_harm
from analysis.proportions import difference_interval
from analysis.schema import result_frame
from analysis.tables import harm_differences_table, harm_rates_table, harms_table, number, withdrawals_table
from analysis.trial.records import Trial

HOSTILE = "<script>alert(1)</script>"


def said(rows, expected=(), **changes) -> dict[str, str]:
    chosen = study(**changes)
    harms = estimate_harms(trial(rows, chosen=chosen))
    return dict(zip(chosen.therapies, harm_sentences(harms, chosen, expected), strict=True))


def relief_frame(therapies: tuple[str, ...], comparator: str) -> pd.DataFrame:
    return result_frame([
        {"analysis": "main", "quantity": "relief", "horizon": "long", "therapy": therapy,
         "comparator": other, "estimate": 1.0 + k, "conf_low": 0.2 + k, "conf_high": 1.8 + k,
         "n_therapy": 30}
        for k, therapy in enumerate(therapies)
        for other in dict.fromkeys(["", comparator])
        if other != therapy
    ])  # fmt: skip


def test_none_recorded_says_what_cannot_be_ruled_out() -> None:
    text = said([event("A01")])[CUPPING]
    assert "no adverse event was recorded among 40 patients" in text
    assert "up to 8.8 % of patients cannot be ruled out" in text


def test_not_recorded_is_said_and_is_not_none() -> None:
    for text in said([], events=None).values():
        assert "adverse events were not recorded in this study" in text
        assert "ruled out" not in text


def test_seriousness_that_was_not_recorded_is_said() -> None:
    text = said([event("B01", serious=None)], events={"kind": "kind", "kinds": {"a": "adverse_event"}})
    assert "Which events were serious was not recorded." in text[CUPPING]


def test_a_difference_is_claimed_only_where_the_interval_leaves_out_none() -> None:
    clear = said([event(f"B{n:02d}") for n in range(1, 21)])[CUPPING]
    assert "This risk is 50.0 percentage points higher than with Usual care" in clear
    unclear = said([event("B01"), event("A01")])[CUPPING]
    assert "could not be told from that with Usual care" in unclear
    fewer = said([event(f"A{n:02d}") for n in range(1, 21)])[CUPPING]
    assert "50.0 percentage points lower" in fewer


def test_a_small_number_is_a_range_and_not_hidden() -> None:
    text = said([event("B01", serious=True)], minimum_count=5)[CUPPING]
    assert "between 1 and 4 of 40 patients had at least one adverse event" in text
    assert "Between 1 and 4 of 40 patients had at least one serious adverse event" in text


def test_marks_are_called_expected_only_where_the_study_says_so() -> None:
    events = [event(f"B{n:02d}", "Cup marks") for n in range(1, 9)]
    assert "expected" not in said(events)[CUPPING]
    text = said(events, expected=("cup  marks",))
    assert "expected of the procedure: Cup marks (8)." in text[CUPPING]
    assert "8 of 40 patients" in text[CUPPING]
    assert "expected" not in text[CARE]


def test_simulated_and_observational_studies_say_so() -> None:
    events = [event(f"B{n:02d}") for n in range(1, 21)]
    assert all(t.startswith("Simulated data: with ") for t in said(events, simulated=True).values())
    assert "Patients were not randomised" in said(events, design="observational")[CUPPING]


def test_one_group_is_called_all_patients() -> None:
    chosen = study(therapy=None)
    made = trial([event("A01")], chosen=chosen)
    assert harm_sentences(estimate_harms(made), chosen)[0].startswith("In all patients, 1 of 40 patients")


def test_the_plane_holds_both_intervals_and_says_what_is_missing() -> None:
    harms = estimate_harms(trial([event("A01"), event("B01")]))
    plane = relief_and_harm(relief_frame((CARE, CUPPING), CARE), harms, CARE)
    row = plane.iloc[0]
    difference = harms.rows("risk difference").iloc[0]
    assert (row["therapy"], row["relief"], row["harm"]) == (CUPPING, 2.0, 0.0)
    assert row["harm_high"] == difference["conf_high"] and row["relief_high"] == 2.8
    assert (row["n_relief"], row["n_harm"]) == (30, 40)
    alone = relief_and_harm(relief_frame((CARE,), CARE), harms)
    assert list(alone["therapy"]) == [CARE, CUPPING] and np.isnan(alone["relief"].iloc[1])


def drawn(made: Trial) -> list:
    harms, labels = estimate_harms(made), labels_of(made.study)
    plane = relief_and_harm(relief_frame(made.study.therapies, made.study.comparator), harms,
                            made.study.comparator)  # fmt: skip
    return [plot_relief_harm(plane, labels), plot_harm_kinds(harms.frame, labels)]


MANY = tuple(f"Therapy {k}" for k in range(5))
STUDIES = {
    "plain": study(), "masked": study(minimum_count=5), "no events": study(events=None),
    "hostile": study((HOSTILE, "$\\alpha_{x"), HOSTILE), "no comparator": study(comparator=""),
    "one group": study(therapy=None), "five": study(MANY, MANY[0]),
}  # fmt: skip


@pytest.mark.parametrize("name", STUDIES)
def test_figures_and_tables_answer_every_kind_of_study(name, tmp_path) -> None:
    events = [] if name == "no events" else [event("A01", HOSTILE), event("A02", "$x_{1"), event("A03")]
    made = trial(events, chosen=STUDIES[name])
    for ax in drawn(made):
        svg, png = save(ax.figure, tmp_path / "figure")
        assert png.read_bytes().startswith(b"\x89PNG")
        assert "<script" not in svg.read_text(encoding="utf-8")
        assert "more harm" in ax.get_xlabel() + ax.get_ylabel()
    harms = estimate_harms(made)
    comparator = made.study.comparator
    for table in (harms_table(harms), harm_rates_table(harms), withdrawals_table(harms),
                  harm_differences_table(harms, comparator, kinds=True)):  # fmt: skip
        assert "<script" not in table._repr_html_()
        assert all(len(row) == len(table.columns) for row in table.rows)


def test_no_scale_is_drawn_where_adverse_events_were_not_recorded() -> None:
    chosen = study(events=None)
    harms = estimate_harms(trial([], chosen=chosen))
    kinds = plot_harm_kinds(harms.frame, labels_of(chosen))
    plane = plot_relief_harm(
        relief_and_harm(relief_frame(chosen.therapies, CARE), harms, CARE), labels_of(chosen)
    )
    assert "not recorded" in kinds.get_title(loc="left")
    assert not [*kinds.get_xticks(), *plane.get_xticks(), *plane.get_yticks()]


def test_the_dots_stand_at_the_risks() -> None:
    harms = estimate_harms(trial([event("B01"), event("B02"), event("A01")]))
    ax = plot_harm_kinds(harms.frame, labels_of(study()))
    dots = [line.get_xdata()[0] for line in ax.lines if len(line.get_xdata()) == 1]
    risks = harms.frame[(harms.frame["analysis"] == "risk")]
    risks = risks[risks["measure"].str.startswith("adverse_event")]
    assert sorted(dots) == pytest.approx(sorted(100 * risks["estimate"]))


def test_tables_say_what_they_hold() -> None:
    harms = estimate_harms(trial([event("B01"), event("B02", "moved", kind="lost")]))
    assert harms_table(harms).rows[0] == (
        "any", "0 of 40 (0.0 %; 0.0 to 8.8 %)", "1 of 40 (2.5 %; 0.1 to 13.2 %)",
    )  # fmt: skip
    assert withdrawals_table(harms).rows[-1] == ("lost: moved", "0", "1 (2.5 %)")
    low, high = (number(100 * end) for end in difference_interval(1, 40, 0, 40, "miettinen_nurminen"))
    shown = harm_differences_table(harms, CARE).rows[0]
    assert shown == ("any", CUPPING, f"2.5 ({low} to {high})", "not estimable")
