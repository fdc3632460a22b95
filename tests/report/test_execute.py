"""Notebooks run on a study: what is put in, what comes out, and how a failure is told."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import nbformat
import nbformat.v4 as v4
import pytest

from analysis.errors import ReliefError
from analysis.report.execute import Job, run_notebooks, running, warnings_in, with_study
from analysis.report.refresh import refresh, stored_notebooks

# A kernel starts within seconds, on a busy machine within a minute.
START_SECONDS = 60


def book(*cells: str, tagged: bool = True) -> nbformat.NotebookNode:
    notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in cells])
    if tagged:
        notebook.cells[0].metadata["tags"] = ["parameters"]
    for number, cell in enumerate(notebook.cells):
        cell.id = f"cell-{number}"
    return notebook


def saved(folder, name, *cells, tagged=True):
    path = folder / name
    nbformat.write(book(*cells, tagged=tagged), path)
    return path


def texts(notebook) -> list[str]:
    return [o.text for cell in notebook.cells for o in cell.outputs if o.output_type == "stream"]


def test_two_notebooks_run_side_by_side_on_the_study_named(tmp_path):
    cells = ("study_file = 'stored.yml'", "print(study_file[-8:])")
    paths = [saved(tmp_path, f"{k}.ipynb", *cells) for k in (1, 2)]
    before = [path.read_bytes() for path in paths]
    steps = []
    done = run_notebooks([Job(path, tmp_path / "mi$n'.yml") for path in paths], steps.append)
    assert [texts(notebook) for notebook in done] == [["mi$n'.yml"[-8:] + "\n"]] * 2
    assert [path.read_bytes() for path in paths] == before
    assert sorted((s.name, s.done, s.total) for s in steps) == [
        ("1", 1, 2), ("1", 2, 2), ("2", 1, 2), ("2", 2, 2),
    ]  # fmt: skip


def test_no_folder_of_this_computer_stays_in_the_notebook(tmp_path):
    path = saved(tmp_path, "1.ipynb", "study_file = 'a.yml'", "1 + 1")
    (done,) = run_notebooks([Job(path, tmp_path / "mine.yml")])
    assert done.cells[0].source == "study_file = 'mine.yml'"
    assert str(tmp_path) not in nbformat.writes(done)


def test_a_study_file_name_is_never_run_as_code():
    name = "x'; import os; y='"
    changed = with_study(book("study_file = 'a'"), name)
    scope: dict = {}
    exec(changed.cells[0].source, scope)
    assert scope["study_file"] == name


def test_a_notebook_without_a_place_for_the_study_is_refused():
    with pytest.raises(ReliefError, match="has 0 cells tagged 'parameters'"):
        with_study(book("1", tagged=False), "a.yml")


def test_a_failing_cell_is_told_with_its_number_and_leaves_no_kernel(tmp_path):
    bad = saved(tmp_path, "bad.ipynb", "study_file = ''", "raise ValueError('no pain here')")
    slow = saved(tmp_path, "slow.ipynb", "study_file = ''", "import time; time.sleep(60)")
    with pytest.raises(ReliefError, match=r"bad.ipynb stopped in code cell 2: ValueError: no pain"):
        run_notebooks([Job(bad, tmp_path / "a.yml"), Job(slow, tmp_path / "a.yml")])
    assert [t.name for t in threading.enumerate() if t.name == "notebooks"] == []


@pytest.mark.skipif(sys.platform == "win32", reason="a process cannot send itself Ctrl-C there")
def test_ctrl_c_is_passed_on_only_when_the_kernel_has_ended(tmp_path):
    # A process started in the background of a script may have Ctrl-C switched off.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    note = f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    path = saved(tmp_path, "slow.ipynb", "study_file = ''", note, "import time; time.sleep(60)")

    def press(step):
        if step.done == 2:
            os.kill(os.getpid(), signal.SIGINT)

    try:
        with pytest.raises(KeyboardInterrupt):
            run_notebooks([Job(path, tmp_path / "a.yml")], press)
    finally:
        signal.signal(signal.SIGINT, before)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_failure_beside_the_notebooks_is_told_and_leaves_no_kernel(tmp_path):
    note = f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))"
    path = saved(tmp_path, "slow.ipynb", "study_file = ''", note, "import time; time.sleep(60)")
    begun = threading.Event()

    def noted(step):
        if step.done == 2:
            begun.set()

    with (
        pytest.raises(ReliefError, match="no model"),
        running([Job(path, tmp_path / "a.yml")], noted),
    ):
        assert begun.wait(START_SECONDS)
        raise ReliefError("no model")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_report_tells_its_kernels_how_to_draw(tmp_path):
    path = saved(tmp_path, "1.ipynb", "study_file = ''", "import os; print(os.environ['DRAW'])")
    with running([Job(path, tmp_path / "a.yml")], variables={"DRAW": "once"}) as executed:
        assert texts(executed()[0]) == ["once\n"]
    assert "DRAW" not in os.environ


def test_a_missing_notebook_is_told_without_a_traceback(tmp_path):
    with pytest.raises(ReliefError, match=r"gone.ipynb is missing"):
        run_notebooks([Job(tmp_path / "gone.ipynb")])


def test_refreshing_twice_gives_the_same_bytes(tmp_path):
    path = saved(tmp_path, "1.ipynb", "study_file = 'a.yml'", "print(2)")
    assert refresh([path]) == [path]
    once = path.read_bytes()
    assert refresh([path]) == []
    assert path.read_bytes() == once
    stored = nbformat.reads(once.decode(), as_version=4)
    assert [cell.execution_count for cell in stored.cells] == [1, 2]
    assert all("execution" not in cell.metadata for cell in stored.cells)


def test_a_warning_stops_a_refresh_and_leaves_the_notebook(tmp_path):
    path = saved(tmp_path, "1.ipynb", "study_file = ''", "import warnings; warnings.warn('flat')")
    before = path.read_bytes()
    with pytest.raises(ReliefError, match="UserWarning: flat"):
        refresh([path])
    assert path.read_bytes() == before


def test_what_goes_to_the_error_stream_is_never_lost():
    notebook = book("x")
    notebook.cells[0].outputs = [v4.new_output("stream", name="stderr", text="odd line\n")]
    assert warnings_in(notebook) == ["odd line"]


def test_notebooks_on_real_data_come_last_and_only_when_asked_for(tmp_path):
    (tmp_path / "case_studies").mkdir()
    (tmp_path / "methods").mkdir()
    for name in ("02_b.ipynb", "01_a.ipynb", "case_studies/a.ipynb", "methods/c.ipynb"):
        (tmp_path / name).write_text("")
    assert [p.name for p in stored_notebooks(tmp_path, True)] == [
        "01_a.ipynb",
        "02_b.ipynb",
        "c.ipynb",
        "a.ipynb",
    ]
    assert [p.name for p in stored_notebooks(tmp_path, False)] == ["01_a.ipynb", "02_b.ipynb"]


def test_one_kernel_serves_several_notebooks_as_if_each_were_the_first(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir(), second.mkdir()
    # A module stays imported, and Python shows what it warns of once only.
    (tmp_path / "flat.py").write_text("import warnings\ndef flat():\n    warnings.warn('flat')\n")
    warn = f"import os, sys; sys.path.append({str(tmp_path)!r})\nimport flat; flat.flat()"
    where = "print(os.getpid(), os.path.basename(os.getcwd()))"
    one = saved(first, "1.ipynb", warn, where, tagged=False)
    two = saved(second, "2.ipynb", warn, where, "len(In)", tagged=False)
    steps = []
    with running([Job(one), Job(two, cost=2), Job(one)], steps.append, kernels=1) as executed:
        done = executed()
    # The longest first, and given back in the order they came in.
    assert [step.name for step in steps] == ["2"] * 3 + ["1"] * 4
    pids, folders = zip(*[texts(notebook)[-1].split() for notebook in done], strict=True)
    assert folders == ("first", "second", "first")
    assert len(set(pids)) == 1
    assert [warnings_in(notebook) for notebook in done] == [["UserWarning: flat"]] * 3
    assert [cell.execution_count for cell in done[2].cells] == [1, 2]
    with pytest.raises(ProcessLookupError):
        os.kill(int(pids[0]), 0)


def test_what_one_notebook_left_is_gone_in_the_next(tmp_path):
    one = saved(tmp_path, "1.ipynb", "left_over = 1", tagged=False)
    two = saved(tmp_path, "2.ipynb", "print(left_over)", tagged=False)
    with (
        pytest.raises(ReliefError, match=r"2.ipynb stopped in code cell 1: NameError"),
        running([Job(one), Job(two)], kernels=1) as executed,
    ):
        executed()


@pytest.mark.parametrize("spoil", [
    "get_ipython().reset = None",
    "import os, threading; threading.Timer(0.1, os._exit, [1]).start()",
], ids=["cannot be cleared", "dies when idle"])  # fmt: skip
def test_a_kernel_that_a_notebook_spoiled_is_replaced(tmp_path, spoil):
    one = saved(tmp_path, "1.ipynb", f"import os; print(os.getpid())\n{spoil}", tagged=False)
    two = saved(tmp_path, "2.ipynb", "import os; print(os.getpid())", tagged=False)

    def wait(step):
        # The notebook is told as done before its kernel is asked again.
        if step.name == "1":
            time.sleep(0.5)

    with running([Job(one), Job(two)], wait, kernels=1) as executed:
        before, after = (texts(notebook)[0].split() for notebook in executed())
    assert before[0] != after[0]
    for pid in (before[0], after[0]):
        with pytest.raises(ProcessLookupError):
            os.kill(int(pid), 0)


def test_a_report_does_not_wait_for_a_grammar_of_addresses():
    # jsonschema loads it for formats that no notebook and no study file has.
    code = "import sys, analysis.report.build; print('rfc3987_syntax' in sys.modules); import rfc3987_syntax"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (told.stdout, told.stderr) == ("False\n", "")
