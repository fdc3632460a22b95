"""However a command ends: the earlier report is whole, and the last words say what to do."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import nbformat
import nbformat.v4 as v4
import pytest

from analysis.errors import DataError, ReliefError
from analysis.report import __main__ as command
from analysis.report import place
from analysis.report.ending import ended, tell
from analysis.report.execute import Job, run_notebooks
from analysis.report.place import refuse_unwritable, replaced_whole
from analysis.report.results import PROVENANCE_NAME

# Far longer than anything here takes, so that a hang fails instead of waiting for ever.
SECONDS = 60
OLD = {PROVENANCE_NAME: "{}", "index.html": "old"}
SLOW = """
import sys, time
from pathlib import Path
from analysis.report.ending import ended
from analysis.report.place import replaced_whole

def report():
    with replaced_whole(Path(sys.argv[1])) as folder:
        (folder / "provenance.json").write_text("half")
        print("begun", flush=True)
        time.sleep(float(sys.argv[2]))
        (folder / "index.html").write_text(sys.argv[3])

sys.exit(ended(report, "No report was made.", "Stopped; an earlier report is as it was."))
"""


@pytest.fixture
def output(tmp_path) -> Path:
    """An earlier report."""
    folder = tmp_path / "trial"
    folder.mkdir()
    for name, text in OLD.items():
        (folder / name).write_text(text)
    return folder


def whole(folder: Path) -> bool:
    """Whether the earlier report is as it was, and nothing was left beside it."""
    held = {path.name: path.read_text() for path in folder.iterdir()}
    return held == OLD and [path.name for path in folder.parent.iterdir()] == [folder.name]


def slow(output: Path, seconds: float, text: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, str(output), str(seconds), text], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def raising(error: BaseException):
    def task(*_, **__):
        raise error

    return task


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_full_or_failing_disk_leaves_the_earlier_report(output, code):
    with pytest.raises(ReliefError, match=os.strerror(code)) as caught, replaced_whole(output) as fresh:
        (fresh / "index.html").write_text("half")
        raise OSError(code, os.strerror(code))
    assert "and run the report again" in str(caught.value)
    assert ("Free some space" in str(caught.value)) == (code == errno.ENOSPC)
    assert whole(output)


def test_a_place_that_is_read_only_is_told_before_the_analysis(output, monkeypatch):
    denied = raising(PermissionError(errno.EROFS, "Read-only file system"))
    monkeypatch.setattr(place.tempfile, "mkdtemp", denied)
    with pytest.raises(ReliefError, match=r"cannot be written to .*Read-only.*Name another folder"):
        refuse_unwritable(output)
    assert whole(output)


def test_a_look_whether_a_place_can_be_written_to_leaves_nothing(output):
    refuse_unwritable(output)
    refuse_unwritable(output.parent / "not" / "yet" / "there")
    assert whole(output)


@pytest.mark.parametrize("stop", [KeyboardInterrupt(), PermissionError(errno.EACCES, "held open")])
def test_a_stop_between_the_two_moves_puts_the_earlier_report_back(output, monkeypatch, stop):
    true, moves = os.rename, []

    def rename(one, other):
        moves.append(other)
        if Path(one).name == "new":
            raise stop
        true(one, other)

    monkeypatch.setattr(place.os, "rename", rename)
    with pytest.raises((KeyboardInterrupt, ReliefError)), replaced_whole(output) as fresh:
        (fresh / "index.html").write_text("new")
    assert moves
    assert whole(output)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_clears_up_and_leaves_the_earlier_report(output, number):
    with slow(output, SECONDS, "new") as child:
        assert child.stdout.readline() == "begun\n"
        child.send_signal(number)
        _, told = child.communicate(timeout=SECONDS)
    assert child.returncode == 128 + number
    assert told == "Stopped; an earlier report is as it was.\n"
    assert whole(output)


def test_of_two_commands_at_once_one_report_stands_whole(output):
    with slow(output, 0.5, "one") as one, slow(output, 0.5, "two") as two:
        assert [child.wait(timeout=SECONDS) for child in (one, two)] == [0, 0]
    assert (output / "index.html").read_text() in {"one", "two"}
    assert sorted(path.name for path in output.iterdir()) == ["index.html", PROVENANCE_NAME]
    assert [path.name for path in output.parent.iterdir()] == [output.name]


def test_a_kernel_that_dies_is_told_with_what_to_do(tmp_path):
    cells = [v4.new_code_cell("study_file = ''"), v4.new_code_cell("import os; os._exit(1)")]
    cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(v4.new_notebook(cells=cells), tmp_path / "1.ipynb")
    with pytest.raises(ReliefError, match=r"1\.ipynb stopped in code cell 2: its kernel ended, .*again"):
        run_notebooks([Job(tmp_path / "1.ipynb", tmp_path / "a.yml")])


def test_a_fault_of_the_program_is_told_without_traceback_and_without_data(monkeypatch, capfd, tmp_path):
    monkeypatch.setattr(command, "build_report", raising(KeyError("SECRET-P07 scored 9")))
    assert command.main([str(tmp_path / "a.yml")]) == 1
    told = capfd.readouterr().err
    assert "a fault of the program and not of your data: KeyError in analysis/report/" in told
    assert "SECRET" not in told and "Traceback" not in told


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough memory. Close other programs"),
        (OSError(errno.ENOSPC, "No space left on device", "/full"), "No space left on device (/full)"),
        (DataError("row 2 has no patient"), "row 2 has no patient"),
    ],
)
def test_what_the_system_says_is_told_in_words(capfd, error, words):
    assert ended(raising(error), "No report was made.", "") == 1
    told = capfd.readouterr().err
    assert told.startswith("No report was made.\n") and words in told and "Traceback" not in told


def test_a_study_file_whose_name_cannot_be_written_is_refused_at_once(tmp_path, capfd):
    assert command.main([str(tmp_path / "a\udcffb.yml"), "--output", str(tmp_path / "out")]) == 1
    assert "'a\\udcffb.yml' holds a character that cannot be seen" in capfd.readouterr().err


def test_text_from_files_cannot_steer_the_terminal(capfd):
    tell("arm 'Mass\x1b[2Jage\u202e\x07'\nnext")
    assert capfd.readouterr().err == "arm 'Mass\\x1b[2Jage\\u202e\\x07'\nnext\n"
