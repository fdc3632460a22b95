"""No table tells of fewer patients than the study's minimum, nor lets one work such a number out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
from small_study import content, sound_rows, write_study

from analysis.describe import flow, missing_patterns, missingness, observed_course, visits_together
from analysis.describe.masking import hide_few
from analysis.figures import labels_of, plot_flow, plot_missingness
from analysis.intake import read_trial
from analysis.relief import estimate_relief
from analysis.tables import account_table, course_table, flow_table, left_out_table, missingness_table
from analysis.tables.numerals import count

MINIMUM = 5
# Larger than any number that is drawn, so that every way to fill hidden cells is tried.
MOST = 14


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """Thirty patients; three of massage were seen late, two have no age, one was set aside."""
    rng = np.random.default_rng(5)
    rows = [row | {"pain": int(np.clip(row["pain"] + rng.integers(-2, 3), 0, 10))} for row in sound_rows(30)]
    massage = [f"P{n:02d}" for n in range(1, 30, 2)]
    rows = [row for row in rows if row["visit"] != "week 26" or row["id"] not in massage[3:]]
    rows = [row | {"age": ""} if row["id"] in ("P00", "P01") else row for row in rows]
    rows = [row | {"ready": "no" if row["id"] == "P29" else "yes"} for row in rows]
    study = content() | {
        "minimum_count": MINIMUM,
        "filters": [{"column": "ready", "keep": ["yes"], "reason": "withdrew consent"}],
    }
    return read_trial(write_study(tmp_path_factory.mktemp("few"), study, pain_csv=rows))


@pytest.mark.parametrize("number", range(40))
def test_a_hidden_small_count_is_never_the_sum_less_the_others(number):
    rng = np.random.default_rng(number)
    counts = rng.integers(0, 12, rng.integers(2, 5))
    hidden = hide_few(counts, MINIMUM)
    small = (counts > 0) & (counts < MINIMUM)
    assert hidden[small].all() and (small.any() or not hidden.any())
    left = int(counts[hidden].sum())
    # What a reader knows: which cells are small by their sign, and the sum of those hidden.
    ways = [
        fill for fill in product(range(MOST), repeat=int(hidden.sum()))
        if sum(fill) == left
    ]  # fmt: skip
    assert not small.any() or len(ways) > 1


def test_the_flow_hides_few_and_the_total_with_them(trial):
    frame = flow(trial)
    late = frame[(frame["stage"] == "seen") & (frame["detail"] == "week 26")]
    assert late["n"].isna().all()
    assert frame.loc[frame["stage"].isin(["in file", "set aside"]), "n"].isna().all()
    rows = {row[0]: row[1:] for row in flow_table(frame).rows}
    assert rows["seen: week 26"] == ("hidden", "hidden", "hidden")
    assert rows["set aside: withdrew consent"][0] == "hidden"
    assert rows["allocated"] == ("29", "15", "14")


def test_missingness_and_course_hide_the_same_numbers(trial):
    missing, course = missingness(trial), observed_course(trial)
    late = missing["visit"] == "week 26"
    assert missing.loc[late, ["observed", "missing", "percent"]].isna().all(axis=None)
    assert course.loc[course["visit"] == "week 26", "n"].isna().all()
    massage = course[(course["visit"] == "week 26") & (course["therapy"] == "Massage")]
    assert massage["mean"].isna().all()
    assert [row[-1] for row in missingness_table(missing).rows] == ["hidden", "hidden"]
    assert course_table(course).rows[1][-1] == "not shown (hidden)"


def test_patterns_and_pairs_of_visits_hide_few(trial):
    patterns = missing_patterns(trial)
    massage = patterns[patterns["therapy"] == "Massage"].set_index("pattern")
    assert pd.isna(massage.loc["complete", "n"]) and pd.isna(massage.loc["complete", "percent"])
    assert massage["n"].isna().sum() >= 2
    assert not visits_together(trial)["n"].between(1, MINIMUM - 1).any()


def test_results_tell_no_number_below_the_minimum(trial):
    relief = estimate_relief(trial)
    for name in ("n_therapy", "n_comparator"):
        assert not relief.frame[name].between(1, MINIMUM - 1).any()
    long = relief.frame[(relief.frame["quantity"] == "relief") & (relief.frame["horizon"] == "long")]
    assert long["n_therapy"].isna().all()
    assert left_out_table(relief.model.left_out).rows == (("no value of age", "hidden"),)


def test_the_account_hides_patients_and_keeps_rows_and_values(trial):
    rows = account_table(trial).rows
    patients = {row[2:4]: row[4] for row in rows if row[1] == "patients"}
    assert patients[("set aside", "withdrew consent")] == "hidden"
    assert patients[("in", "")] == "hidden" and patients[("used", "")] == "29"
    assert all(row[4] != "hidden" for row in rows if row[1] != "patients")


def test_figures_say_hidden_where_tables_do(trial):
    labels = labels_of(trial.study)
    words = [text.get_text() for text in plot_flow(flow(trial), labels).texts]
    assert "hidden" in words and any("hidden  withdrew consent" in word for word in words)
    assert "–" in [text.get_text() for text in plot_missingness(missingness(trial), labels).texts]


def test_a_number_that_may_not_be_told_reads_as_hidden():
    assert (count(pd.NA), count(1234)) == ("hidden", "1,234")
