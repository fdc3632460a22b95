"""Two reports compared: what changed, by how much, and what is new or gone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_ard import odd_frame
from test_results import trial

from analysis.errors import ReliefError
from analysis.report.ard import write_analysis_results
from analysis.report.changes import ROUNDING, compare_reports, compare_results
from analysis.report.compare import main
from analysis.report.results import write_results
from analysis.schema import result_frame

ROOT = Path(__file__).resolve().parents[2]
BASE = {"analysis": "main", "measure": "pain", "quantity": "relief", "horizon": "short"}


def results(**changes) -> pd.DataFrame:
    """Two therapies; the first takes the changes."""
    first = {**BASE, "therapy": "A", "estimate": 1.0, "std_error": 0.5, "n_therapy": 9, **changes}
    return result_frame([first, {**BASE, "therapy": "B", "estimate": 2.0, "std_error": 0.5}])


def folder_of(place, frame):
    place.mkdir()
    write_results(frame, place / "results.csv")
    return place


def test_a_report_does_not_differ_from_itself():
    changes = compare_results(odd_frame(), odd_frame())
    assert (changes.any, changes.same) == (False, len(odd_frame()))


def test_a_number_that_changed_is_held_against_its_standard_error():
    changes = compare_results(results(), results(estimate=1.2))
    (row,) = changes.numbers.to_dict("records")
    assert (row["therapy"], row["number"], row["before"], row["after"]) == ("A", "estimate", 1.0, 1.2)
    np.testing.assert_allclose([row["difference"], row["in_errors"]], [0.2, 0.4])
    assert changes.same == 1


@pytest.mark.parametrize(("share", "differs"), [(0.5, False), (2.0, True)])
def test_only_a_difference_beyond_the_digits_of_the_files_is_one(share, differs):
    assert compare_results(results(), results(estimate=1 + share * ROUNDING)).any is differs


def test_an_estimate_that_is_no_longer_there_is_a_change():
    changes = compare_results(results(), results(estimate=None, note="not estimable"))
    (row,) = changes.numbers.to_dict("records")
    assert (row["before"], np.isnan(row["after"])) == (1.0, True)
    assert changes.words[["word", "before", "after"]].to_numpy().tolist() == [
        ["note", "", "not estimable"]
    ]


def test_counts_that_changed_are_told():
    changes = compare_results(results(), results(n_therapy=8))
    assert changes.numbers[["number", "before", "after"]].to_numpy().tolist() == [["n_therapy", 9, 8]]


def test_rows_that_came_and_went_are_told_apart():
    changes = compare_results(results(), results(therapy="C"))
    assert changes.appeared["therapy"].tolist() == ["C"]
    assert changes.vanished["therapy"].tolist() == ["A"]
    assert (len(changes.numbers), changes.same) == (0, 1)


def test_rows_that_share_a_key_are_compared_in_order():
    twice = pd.concat([results(), results(estimate=3.0)], ignore_index=True)
    changes = compare_results(twice, pd.concat([results(), results()], ignore_index=True))
    assert changes.numbers[["before", "after"]].to_numpy().tolist() == [[3.0, 1.0]]


def test_neither_frame_is_changed():
    before, after = results(), results(estimate=1.2)
    compare_results(before, after)
    pd.testing.assert_frame_equal(before, results())
    pd.testing.assert_frame_equal(after, results(estimate=1.2))


def test_a_label_that_a_spreadsheet_would_run_is_the_same_label_in_both_files(tmp_path):
    frame = results(therapy="=1+1")
    write_analysis_results(frame, trial().study, tmp_path / "results.json")
    changes = compare_reports(folder_of(tmp_path / "a", frame), tmp_path / "results.json")
    assert not changes.any


def test_the_command_says_what_changed_and_exits_as_diff_does(tmp_path, capsys):
    before = folder_of(tmp_path / "a", results())
    after = folder_of(tmp_path / "b", results(estimate=1.2, therapy="A"))
    assert main([str(before), str(before)]) == 0
    assert "Nothing differs: 2 estimates are the same" in capsys.readouterr().out
    assert main([str(before), str(after)]) == 1
    told = capsys.readouterr().out
    assert "Estimates that differ: 1; other numbers: 0; words: 0." in told
    assert "main, pain, relief, short, A: estimate 1 -> 1.2 (+0.4 standard errors)" in told
    assert main([str(before), str(tmp_path / "none")]) == 2
    assert "none cannot be read" in capsys.readouterr().err


def test_the_largest_change_comes_first_and_a_long_list_is_cut(tmp_path, capsys):
    rows = [{**BASE, "therapy": f"T{k}", "estimate": 0.0, "std_error": 1.0} for k in range(40)]
    later = [{**row, "estimate": float(k)} for k, row in enumerate(rows, start=1)]
    places = [folder_of(tmp_path / name, result_frame(r)) for name, r in (("a", rows), ("b", later))]
    assert main([*map(str, places)]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[lines.index("Estimates") + 1].strip().startswith("main, pain, relief, short, T39:")
    assert lines[-1] == "  ... and 10 more (--all shows them)"
    assert main([*map(str, places), "--all"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == len(lines) + 9


def test_a_label_cannot_steer_the_terminal(tmp_path, capsys):
    before = folder_of(tmp_path / "a", results(therapy="A\x1b[2J"))
    after = folder_of(tmp_path / "b", results(therapy="A\x1b[2J", estimate=2.0))
    assert main([str(before), str(after)]) == 1
    assert "\x1b" not in capsys.readouterr().out


def test_a_reader_who_stops_early_sees_no_traceback(tmp_path):
    rows = [{**BASE, "therapy": f"T{k}", "estimate": 0.0} for k in range(2000)]
    places = [
        str(folder_of(tmp_path / name, result_frame([{**row, "estimate": value} for row in rows])))
        for name, value in (("a", 0.0), ("b", 1.0))
    ]
    command = [sys.executable, "-m", "analysis.report.compare", *places, "--all"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, text=True
    ) as child:
        assert child.stdout.readline().startswith("Estimates that differ: 2,000")
        child.stdout.close()
        assert child.stderr.read() == ""
    assert child.returncode == 1


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("other.csv", b"a,b\n1,2\n"), ("empty.csv", b""), ("other.json", b"[1]"),
        ("broken.json", b"{"), ("bytes.csv", b"\xff\xfe\x00"),
        ("words.json", b'{"results": [{"analysis": 1}]}'),
    ],
)  # fmt: skip
def test_a_file_that_holds_no_results_is_refused_with_what_to_do(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ReliefError, match=r"Name a report's folder, its results\.csv"):
        compare_reports(tmp_path / name, tmp_path / name)
