"""Tables say what their frames hold, rounded the same way everywhere, and harmlessly."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from analysis.relief.facts import FitFacts
from analysis.schema import result_frame
from analysis.studies.records import Study
from analysis.tables import (
    Table,
    adjusted_table,
    baseline_as_table,
    course_table,
    covariance_table,
    digits_for,
    estimand_table,
    events_as_table,
    findings_table,
    fit_table,
    flow_table,
    lsmeans_table,
    missingness_table,
    number,
    p_value,
    patterns_table,
    relief_table,
    residual_table,
    together_table,
    truth_table,
    with_interval,
)  # fmt: skip

HOSTILE = "<script>alert(1)</script>"


def a_row(quantity: str, horizon: str, estimate: float, **more: object) -> dict[str, object]:
    return {
        "analysis": "main", "measure": "pain", "quantity": quantity, "horizon": horizon,
        "therapy": "Cupping", "comparator": "Care", "estimate": estimate, "conf_low": estimate - 0.6,
        "conf_high": estimate + 0.6, "p_value": 0.0004, "n_therapy": 40, "n_comparator": 38,
        "method": "made up", **more,
    }  # fmt: skip


def a_frame() -> pd.DataFrame:
    return result_frame([
        a_row("relief", "short", 1.2), a_row("relief", "long", 0.9, p_value=0.0312),
        a_row("loss", "", -1.2, p_value=0.5), a_row("retention", "", 0.75, p_value=None),
    ])  # fmt: skip


class Cells(HTMLParser):
    """Tags with their attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(1.25, 1, "1.2"), (-0.04, 1, "0.0"), (-1.26, 1, "−1.3"), (np.nan, 1, ""), (0.30000000004, 2, "0.30"),
     (1e6, 0, "1000000"), (-0.6, 0, "−1")],
)  # fmt: skip
def test_numbers_have_fixed_digits_and_one_minus_sign(value, digits, text) -> None:
    assert number(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.00099, "<0.001"), (0.001, "0.001"), (0.0496, "0.050"), (1.0, "1.000"), (np.nan, "")],
)
def test_p_values_have_three_decimals_and_a_floor(value, text) -> None:
    assert p_value(value) == text


def test_text_and_html_hold_the_same_cells() -> None:
    table = Table("Caption", ("therapy", "n"), (("A", "10"), ("B", "7")), "A note.")
    cells = Cells(table._repr_html_())
    assert cells.text == ["Caption", "therapy", "n", "A", "10", "B", "7", "A note."]
    assert repr(table) == "Caption\ntherapy   n\nA        10\nB         7\nA note."


def test_html_has_scopes_and_numbers_stand_right() -> None:
    table = Table("c", ("a", "b", "c"), (("x", "1", "word"),), words=(2,))
    tags = Cells(table._repr_html_()).tags
    assert [attrs["scope"] for tag, attrs in tags if tag == "th"] == ["col", "col", "col", "row"]
    assert [attrs["style"] for tag, attrs in tags if tag == "td"] == [
        "text-align: right", "text-align: left",
    ]  # fmt: skip


def test_hostile_words_are_shown_and_never_run() -> None:
    html = Table(HOSTILE, (HOSTILE, "b"), ((HOSTILE, HOSTILE),), HOSTILE)._repr_html_()
    cells = Cells(html)
    assert cells.text == [HOSTILE, HOSTILE, "b", HOSTILE, HOSTILE, HOSTILE]
    assert "script" not in [tag for tag, _ in cells.tags]


def test_relief_table_gives_estimates_intervals_p_and_n() -> None:
    table = relief_table(a_frame(), "Care")
    assert table.columns[:3] == ("therapy", "short term", "p")
    assert table.rows == ((
        "Cupping", "1.2 (0.6 to 1.8)", "<0.001", "0.9 (0.3 to 1.5)", "0.031",
        "−1.2 (−1.8 to −0.6)", "0.500", "0.75 (0.15 to 1.35)", "", "40 / 38; 40 / 38",
    ),)  # fmt: skip


def test_relief_alone_has_no_p_value() -> None:
    frame = a_frame().assign(comparator="")
    assert "p" not in relief_table(frame).columns
    assert "from baseline" in relief_table(frame).caption


def test_what_cannot_be_estimated_says_why_below() -> None:
    note = "not estimable: the study has no long-term visit"
    frame = a_frame()
    frame.loc[frame["quantity"] == "loss", ["estimate", "conf_low", "conf_high", "p_value"]] = np.nan
    frame.loc[frame["quantity"] == "loss", "note"] = note
    table = relief_table(frame, "Care")
    assert "not estimable" in table.rows[0]
    assert note in table.note


@pytest.mark.parametrize(
    ("method", "low", "high", "words"),
    [("Fieller, interval", 0.4, 1.2, "0.80 (0.40 to 1.20)"),
     ("Fieller, complement", 3.0, -2.1, "0.80 (up to −2.10, or 3.00 and more)"),
     ("Fieller, whole line", np.nan, np.nan, "0.80 (any value)")],
)  # fmt: skip
def test_retention_says_its_kind_of_set_in_words(method, low, high, words) -> None:
    row = pd.Series({"estimate": 0.8, "conf_low": low, "conf_high": high, "method": method})
    assert with_interval(row, 2) == words


def test_an_interval_that_just_holds_zero_is_not_shown_as_if_it_ended_there() -> None:
    assert digits_for(a_frame()) == 1
    frame = a_frame()
    frame.loc[0, "conf_low"] = -0.03
    assert digits_for(frame) == 2
    assert relief_table(frame, "Care").rows[0][1] == "1.20 (−0.03 to 1.80)"


def test_truth_stands_beside_the_estimate_of_the_same_measure() -> None:
    frame = a_frame()
    truth = frame.assign(analysis="truth", estimate=[1.0, 0.1, -1.2, 0.1])
    other = truth.assign(measure="anxiety", estimate=99.0)
    table = truth_table(frame, pd.concat([truth, other]))
    assert [row[3:] for row in table.rows] == [
        ("1.0", "yes"), ("0.1", "no"), ("−1.2", "yes"), ("0.10", "no"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("method", "truth", "answer"),
    [("Fieller, complement", 0.0, "no"), ("Fieller, complement", 5.0, "yes"),
     ("Fieller, complement", -3.0, "yes"), ("Fieller, whole line", 0.0, "yes")],
)  # fmt: skip
def test_truth_in_a_fieller_set_is_judged_by_its_kind(method, truth, answer) -> None:
    frame = result_frame([a_row("retention", "", 4.0, conf_low=3.0, conf_high=-2.0, method=method)])
    table = truth_table(frame, frame.assign(estimate=truth))
    assert table.rows[0][-1] == answer


def test_adjusted_table_has_three_kinds_of_p() -> None:
    main = a_row("relief", "short", 1.2, p_value=0.01)
    frame = result_frame([
        main, {**main, "analysis": "holm", "p_value": 0.02, "conf_low": None, "conf_high": None},
        {**main, "analysis": "simultaneous", "p_value": 0.03, "conf_low": 0.1, "conf_high": 2.3},
    ])  # fmt: skip
    row = adjusted_table(frame).rows[0]
    assert row[2:] == ("1.2 (0.1 to 2.3)", "0.010", "0.020", "0.030")
    assert "nothing to adjust" in adjusted_table(a_frame()).note


def test_modelled_means_stand_by_visit() -> None:
    frame = result_frame([a_row("mean", "", 4.0, visit="week 4", comparator="")])
    assert lsmeans_table(frame).rows == (("Cupping", "4.0 (3.4 to 4.6)"),)


def test_baseline_cells_are_masked_or_hidden_in_words() -> None:
    columns = ["characteristic", "level", "unit", "kind", "therapy", "n", "mean", "sd", "count",
               "percent", "masked", "small", "difference", "between"]  # fmt: skip
    rows = [
        ("Age", "", "years", "number", "Care", 20, 50.04, 10.0, None, None, False, False, None, ""),
        ("Age", "", "years", "number", "", 20, 50.04, np.nan, None, None, False, False, 0.123, "Care"),
        ("Sex", "f", "", "level", "Care", 20, None, None, None, None, True, True, None, ""),
        ("Sex", "f", "", "level", "", 20, None, None, None, None, True, False, None, ""),
        ("Sex", "m", "", "level", "Care", 20, None, None, 12, 60.0, False, False, None, ""),
        ("Sex", "m", "", "level", "", 20, None, None, 12, 60.0, False, False, None, ""),
    ]
    table = baseline_as_table(pd.DataFrame(rows, columns=columns), 5)
    assert table.rows == (
        ("Age, years", "50.0 (10.0; 20)", "50.0 (–; 20)", "0.12", "Care"),
        ("Sex: f", "<5", "hidden", "", ""), ("Sex: m", "12 (60 %)", "12 (60 %)", "", ""),
    )  # fmt: skip


def test_flow_has_a_total_and_a_column_per_therapy() -> None:
    rows = [("in file", "", np.nan, "", 1013), ("allocated", "", np.nan, "A", 500),
            ("allocated", "", np.nan, "B", 510)]  # fmt: skip
    frame = pd.DataFrame(rows, columns=["stage", "detail", "week", "therapy", "n"])
    table = flow_table(frame)
    assert table.columns == ("stage", "all", "A", "B")
    assert table.rows == (("in file", "1,013", "", ""), ("allocated", "1,010", "500", "510"))


def test_counts_of_followup_read_as_counts_and_percent() -> None:
    missing = pd.DataFrame({"therapy": ["A"], "visit": ["w4"], "week": [4.0], "expected": [20],
                            "observed": [15], "missing": [5], "percent": [25.0]})  # fmt: skip
    assert missingness_table(missing).rows == (("A", "20", "5 (25 %)"),)
    patterns = pd.DataFrame({"therapy": ["A"], "pattern": ["complete"], "n": [3], "percent": [60.0]})
    assert patterns_table(patterns).rows == (("A", "3 (60 %)"),)
    pairs = pd.DataFrame({"visit": ["w4", "w4", "w8", "w8"], "other": ["w4", "w8"] * 2,
                          "n": [9, 7, 7, 8]})  # fmt: skip
    assert together_table(pairs).rows == (("w4", "9", "7"), ("w8", "7", "8"))
    course = pd.DataFrame({"therapy": "A", "visit": ["w4", "w8", "w9"], "n": [9, 3, 0],
                           "mean": [2.0, np.nan, np.nan]})  # fmt: skip
    assert course_table(course).rows == (("A", "2.0 (9)", "not shown (3)", "–"),)


def test_events_show_patients_percent_and_events() -> None:
    frame = pd.DataFrame({
        "kind": "adverse_event", "therapy": ["A", "B"],
        "patients": pd.Series([10, None], dtype="Int64"),
        "events": pd.Series([12, None], dtype="Int64"), "of": [40, 40],
        "percent": [25.0, np.nan], "masked": [False, True],
    })  # fmt: skip
    assert events_as_table(frame, 5).rows == (("adverse event", "10 (25 %), 12", "<5"),)


def test_findings_without_rows_say_that_nothing_was_found() -> None:
    empty = pd.DataFrame(columns=["severity", "rule", "count", "message"])
    assert findings_table(empty).note == "Nothing was found."


def test_estimand_has_the_five_attributes() -> None:
    study = Study.model_validate({
        "title": "t", "design": "randomised", "data": {"outcomes": "x.csv"}, "layout": "long",
        "patient": "id",
        "estimands": [{"name": "No rescue", "events": {"rescue_medication": "hypothetical"}}],
        "therapy": {"column": "arm", "arms": [{"label": "A"}, {"label": "B"}], "comparator": "B"},
        "visits": {"schedule": [{"name": "w4", "week": 4, "horizon": "short"}]},
        "measures": [{"name": "pain", "label": "Pain", "instrument": "NRS", "primary": True,
                      "column": "v"}],
    })  # fmt: skip
    rows = dict(estimand_table(study).rows)
    assert list(rows) == ["Population", "Treatments", "Variable", "Intercurrent events",
                          "Summary measure"]  # fmt: skip
    assert rows["Treatments"] == "B, A; each against B"
    assert "rescue medication: hypothetical" in rows["Intercurrent events"]
    assert "long term: no visit" in rows["Variable"]


FACTS = FitFacts(
    formula="value ~ visit", visits=3, patients=1200, values=3400, patterns=5, covariance="unstructured",
    refused=(), errors="Kenward-Roger", df="Kenward-Roger", steps=1, decrement=2e-14, converged=True,
)  # fmt: skip


def test_the_fit_says_which_covariance_and_methods_were_used() -> None:
    rows = dict(fit_table(FACTS).rows)
    assert rows["Covariance between visits"] == "unstructured, the first choice"
    assert rows["Standard errors"] == rows["Degrees of freedom"] == "Kenward-Roger"
    assert (rows["Patients"], rows["Values"]) == ("1,200", "3,400 at 3 visits")
    assert rows["Search for the best fit"] == "converged after 1 step (Newton decrement below 1e-08)"
    assert dict(fit_table(replace(FACTS, visits=1, covariance="one variance")).rows)[
        "Covariance between visits"
    ] == "one variance"


def test_the_fit_says_why_the_first_covariance_was_not_used() -> None:
    other = replace(
        FACTS, covariance="Toeplitz", refused=(("unstructured", "nobody came twice"),),
        errors="sandwich CR2", df="Bell-McCaffrey", note="It stands in.", converged=False, steps=100,
        decrement=0.031,
    )  # fmt: skip
    table = fit_table(other)
    rows = dict(table.rows)
    assert rows["Covariance between visits"] == "Toeplitz, which stands in for unstructured"
    assert rows["Not used: unstructured"] == "nobody came twice"
    assert rows["Search for the best fit"].startswith("stopped after 100 steps before its end")
    assert table.note == "It stands in."


def test_correlations_stand_in_a_triangle() -> None:
    frame = pd.DataFrame({
        "visit": ["w4", "w8", "w8"], "other": ["w4", "w4", "w8"], "week": [4.0, 8.5, 8.5],
        "sd": [1.5, 2.0, 2.0], "correlation": [1.0, 0.625, 1.0],
    })  # fmt: skip
    table = covariance_table(frame, "points")
    assert table.columns == ("visit", "week", "SD (points)", "w4", "w8")
    assert table.rows == (("w4", "4", "1.50", "1.00", ""), ("w8", "8.5", "2.00", "0.62", "1.00"))


def test_residuals_of_too_few_values_are_not_shown() -> None:
    row = {"visit": "w4", "n": 30, "sd": 1.02, "q05": np.nan, "q10": np.nan, "q25": -0.7, "q50": 0.0,
           "q75": 0.7, "q90": np.nan, "q95": np.nan, "beyond_2": np.nan, "beyond_3": 0.0}  # fmt: skip
    table = residual_table(pd.DataFrame([row]), 5)
    assert table.columns[3:10] == ("5 %", "10 %", "25 %", "50 %", "75 %", "90 %", "95 %")
    assert table.rows == (
        ("w4", "30", "1.02", "–", "–", "−0.70", "0.00", "0.70", "–", "–", "<5", "0.0 %"),
    )  # fmt: skip
