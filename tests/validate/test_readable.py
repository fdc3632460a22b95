"""Findings for a terminal, and for a report that may name nobody."""

from __future__ import annotations

from analysis.readers.finding import finding
from analysis.schema import finding_frame
from analysis.validate.readable import MAX_EXAMPLES, counted, readable, summary

FOUND = finding_frame(
    [
        finding("no_long_term_visit", "note", "No visit is declared as long term."),
        finding("decimal_comma", "note", "Read with a decimal comma.", file="a.csv", column="x"),
        *(
            finding("outside_range", "error", f"{n} is no possible score for Jane.", file="a.csv",
                    row=n, column="pain", patient=f"JANE{n}", visit="week 4", value=n)
            for n in range(100, 100 + MAX_EXAMPLES + 5)
        ),
        finding("constant_column", "warning", "Sex is the same.", file="a.csv", column="sex"),
    ]
)  # fmt: skip


def test_readable_text_puts_errors_first_and_names_the_place():
    lines = readable(FOUND).splitlines()
    assert lines[0] == f"{MAX_EXAMPLES + 5} errors, 1 warning, 2 notes"
    assert lines[2].startswith(f"error: outside_range ({MAX_EXAMPLES + 5}). Scores lie outside")
    assert lines[3] == (
        "  a.csv, row 100, column pain, patient JANE100, visit week 4, value 100: "
        "100 is no possible score for Jane."
    )
    assert lines.index("warning: constant_column (1). A characteristic is the same for all "
                       "patients.") < lines.index(
        "note: no_long_term_visit (1). No visit is declared as long term.")  # fmt: skip


def test_readable_text_stops_after_enough_examples():
    text = readable(FOUND)
    assert text.count("no possible score") == MAX_EXAMPLES
    assert "  and 5 more" in text.splitlines()


def test_readable_text_cannot_steer_a_terminal():
    nasty = finding_frame(
        [finding("unknown_visit", "error", "bad \x1b[2J", file="a\n.csv", patient="\x07p")]
    )
    text = readable(nasty)
    assert "\x1b" not in text and "\x07" not in text
    assert text.splitlines()[-1] == "  a\\n.csv, patient \\x07p: bad \\x1b[2J"


def test_nothing_found_is_said():
    assert readable(finding_frame([])) == "Nothing was found."
    assert counted(finding_frame([])) == "no findings"
    assert summary(finding_frame([])).empty


def test_the_summary_counts_rules_and_names_nobody():
    frame = summary(FOUND)
    assert list(frame.columns) == ["rule", "severity", "count", "message"]
    assert frame["rule"].tolist() == [
        "outside_range", "constant_column", "no_long_term_visit", "decimal_comma",
    ]  # fmt: skip
    assert frame["count"].tolist() == [MAX_EXAMPLES + 5, 1, 1, 1]
    assert "JANE" not in frame.to_string() and "Jane" not in frame.to_string()
    assert frame["message"].iloc[0] == "Scores lie outside the range of the instrument."
    assert frame["message"].iloc[3] == "Read with a decimal comma."
