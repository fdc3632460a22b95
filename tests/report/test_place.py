"""Where a report goes: whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.errors import ReliefError
from analysis.report.place import default_output, refuse_foreign, replaced_whole
from analysis.report.results import PROVENANCE_NAME


def report_in(folder: Path, text: str) -> None:
    with replaced_whole(folder) as fresh:
        (fresh / PROVENANCE_NAME).write_text("{}")
        (fresh / "index.html").write_text(text)


def test_a_new_report_takes_the_place_of_the_old_one(tmp_path):
    output = tmp_path / "reports" / "trial"
    report_in(output, "old")
    (output / "left_over.svg").write_text("old")
    report_in(output, "new")
    assert sorted(p.name for p in output.iterdir()) == ["index.html", PROVENANCE_NAME]
    assert (output / "index.html").read_text() == "new"
    assert [p.name for p in output.parent.iterdir()] == ["trial"]


def test_a_failed_run_leaves_the_previous_report_whole(tmp_path):
    output = tmp_path / "trial"
    report_in(output, "old")
    with pytest.raises(ValueError, match="halfway"), replaced_whole(output) as fresh:
        (fresh / "index.html").write_text("half")
        raise ValueError("halfway")
    assert (output / "index.html").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["trial"]


def test_ctrl_c_leaves_the_previous_report_whole(tmp_path):
    output = tmp_path / "trial"
    report_in(output, "old")
    with pytest.raises(KeyboardInterrupt), replaced_whole(output):
        raise KeyboardInterrupt
    assert (output / "index.html").read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["trial"]


def test_two_reports_at_once_leave_one_of_them_whole(tmp_path):
    output = tmp_path / "trial"
    with replaced_whole(output) as first:
        (first / PROVENANCE_NAME).write_text("first")
        with replaced_whole(output) as second:
            (second / PROVENANCE_NAME).write_text("second")
        assert (output / PROVENANCE_NAME).read_text() == "second"
    assert (output / PROVENANCE_NAME).read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["trial"]


def test_a_folder_with_other_files_is_refused_and_kept(tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work")
    with pytest.raises(ReliefError, match="no report, and they would be replaced"):
        report_in(tmp_path, "new")
    assert (tmp_path / "thesis.docx").read_text() == "years of work"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(ReliefError, match="is not a folder"):
        refuse_foreign(tmp_path / "out")


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ReliefError, match="cannot be written"):
        report_in(tmp_path / "file" / "below", "new")


@pytest.mark.parametrize(
    ("study", "name"),
    [("open/vickers2004.yml", "vickers2004"), ("simulated/study.yml", "simulated")],
)
def test_a_report_is_called_after_its_study(tmp_path, study, name):
    assert default_output(tmp_path / study, Path("here")) == Path("here/reports") / name
