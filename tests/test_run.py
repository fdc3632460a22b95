"""run.py makes the environment once, makes it again when it must, and hands over to the task."""

from __future__ import annotations

import ast
import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MOST_LINES = 155
# A task that is told to stop does so at once; slower than this, it never heard.
STOP_SECONDS = 20


@pytest.fixture
def door(tmp_path, monkeypatch):
    """run.py in a folder of its own; commands are kept in `door.commands` and not run."""
    spec = importlib.util.spec_from_file_location("door", ROOT / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    environment = tmp_path / ".venv"
    python = environment / module.SCRIPTS / ("python" + module.SUFFIX)
    for name, value in {
        "ROOT": tmp_path, "LOCK": tmp_path / "requirements.lock", "ENVIRONMENT": environment,
        "TOOLS": tmp_path / ".tools", "PYTHON": python,
    }.items():  # fmt: skip
        monkeypatch.setattr(module, name, value)
    module.LOCK.write_text("numpy==1\n")
    module.commands, module.broken = [], ""

    def pretended(command, **_):
        module.commands.append(command)
        if module.broken and module.broken in command:
            raise subprocess.CalledProcessError(2, command)
        if "venv" in command:
            python.parent.mkdir(parents=True)
            python.touch()
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(module.subprocess, "run", pretended)
    monkeypatch.setattr(module.shutil, "which", lambda name: "uv" if name == "uv" else None)
    return module


def _made(door) -> int:
    """How often an environment was begun."""
    return sum("venv" in command for command in door.commands)


def test_the_environment_is_made_once_with_every_hash_checked(door):
    door.make_environment({})
    door.make_environment({})
    assert _made(door) == 1
    installs = [command for command in door.commands if "install" in command]
    assert "--require-hashes" in installs[0] and str(door.LOCK) in installs[0]
    # The build's own tools are in the lock too: nothing is fetched without a hash.
    assert installs[1][-4:] == ["--no-deps", "--no-build-isolation", "--editable", str(door.ROOT)]


def test_a_changed_lock_makes_it_again(door):
    door.make_environment({})
    door.LOCK.write_text("numpy==2\n")
    door.make_environment({})
    assert _made(door) == 2


def test_a_folder_that_was_moved_makes_it_again(door, tmp_path, monkeypatch):
    door.make_environment({})
    monkeypatch.setattr(door, "ROOT", tmp_path / "elsewhere")
    door.make_environment({})
    assert _made(door) == 2


@pytest.mark.parametrize("step", ["venv", "--require-hashes", "--editable"])
def test_an_environment_broken_off_is_made_again(door, step):
    door.make_environment({})
    before = door.LOCK.read_text()
    door.LOCK.write_text("numpy==2\n")
    door.broken = step
    with pytest.raises(subprocess.CalledProcessError):
        door.make_environment({})
    # Even with the old lock back, the half-made environment is not taken for a whole one.
    door.LOCK.write_text(before)
    door.broken = ""
    door.make_environment({})
    assert _made(door) == 3


def test_what_cannot_be_made_is_said_without_a_traceback(door, capsys):
    door.broken = "--require-hashes"
    assert door.main(["test"]) == 1
    assert "run the same command again" in capsys.readouterr().err


@pytest.mark.parametrize("version", [(3, 10), (3, 15)])
def test_another_python_is_looked_for_in_range(door, monkeypatch, capsys, version):
    monkeypatch.setattr(door.sys, "version_info", (*version, 1))
    assert door.base_python() == ">=3.11,<=3.14.99"
    assert f"This is Python 3.{version[1]}; the analysis needs 3.11 to 3.14" in capsys.readouterr().err


def test_a_python_in_range_is_built_on(door):
    base = Path(door.base_python())
    assert base.exists()
    # Not the one inside an environment, which may be removed before it is used.
    assert sys.prefix == sys.base_prefix or Path(sys.prefix) not in base.parents


def test_a_python_too_old_for_run_py_is_told_so(door, monkeypatch, capsys):
    monkeypatch.setattr(door.sys, "version_info", (3, 7, 17))
    assert door.main(["report"]) == 1
    assert "run this with Python 3.11 to 3.14" in capsys.readouterr().err
    assert not door.commands


def test_what_leads_python_astray_is_taken_away(door, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("PAIN_DATA", "data")
    variables = door.variables_for_tasks()
    assert not {"PYTHONDONTWRITEBYTECODE", "PYTHONPATH"} & set(variables)
    assert variables["OMP_NUM_THREADS"] == "3"
    assert variables["PAIN_DATA"] == os.path.abspath("data")
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert door.variables_for_tasks()["OMP_NUM_THREADS"] == "1"


@pytest.mark.parametrize(("words", "code"), [([], 2), (["reprot"], 2), (["--help"], 0)])
def test_an_unknown_task_shows_the_tasks(door, capsys, words, code):
    assert door.main(words) == code
    shown = capsys.readouterr().out
    assert all(f"run.py {task}" in shown for task in door.TASKS)
    assert not door.commands


@pytest.mark.parametrize(
    ("task", "here"), [("report", True), ("draft", True), ("check", True), ("lab", False)]
)
def test_files_are_meant_from_where_the_command_was_typed(door, monkeypatch, tmp_path, task, here):
    typed = tmp_path / "typed"
    typed.mkdir()
    monkeypatch.chdir(typed)
    monkeypatch.setattr(door, "PYTHON", Path(sys.executable))
    monkeypatch.setitem(door.TASKS, task, ["-c", "import os, sys; sys.exit(os.getcwd() == sys.argv[1])"])
    assert door.run_task(task, [str(typed.resolve())], dict(os.environ)) == here


def test_the_exit_code_and_the_words_are_the_tasks(door, monkeypatch, tmp_path):
    monkeypatch.setattr(door, "PYTHON", Path(sys.executable))
    # The test's own process must still end when it is asked to.
    monkeypatch.setattr(door.signal, "signal", lambda *_: None)
    ends = "import os, sys; sys.exit(5 + (sys.argv[1:] == ['a b']) + (os.getcwd() == {!r}))"
    monkeypatch.setitem(door.TASKS, "test", ["-c", ends.format(str(tmp_path.resolve()))])
    assert door.run_task("test", ["a b"], dict(os.environ)) == 7


@pytest.mark.skipif(os.name == "nt", reason="Windows sends Ctrl-C to a console, not to a process")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["ctrl-c", "sigterm"]
)
def test_a_signal_lets_the_task_clean_up_and_gives_its_exit_code(tmp_path, number, code):
    task = (
        "import signal, sys, time\n"
        "def stop(*_):\n    raise KeyboardInterrupt\n"
        "signal.signal(signal.SIGTERM, stop)\n"
        "try:\n    print('begun', flush=True); time.sleep(60)\n"
        f"except KeyboardInterrupt:\n    time.sleep(0.6); print('cleaned', flush=True); sys.exit({code})\n"
    )
    started = (
        "import importlib.util, os, signal, sys\n"
        # A test run in the background of a shell is born deaf to Ctrl-C.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"spec = importlib.util.spec_from_file_location('door', {str(ROOT / 'run.py')!r})\n"
        "door = importlib.util.module_from_spec(spec)\nspec.loader.exec_module(door)\n"
        f"from pathlib import Path\ndoor.PYTHON = Path(sys.executable)\n"
        f"door.TASKS['report'] = ['-c', {task!r}]\n"
        "sys.exit(door.run_task('report', [], dict(os.environ)))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", started], cwd=tmp_path, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with child:
        assert child.stdout.readline() == "begun\n"
        begun = time.monotonic()
        # Ctrl-C reaches all of a terminal's processes, a service is asked to end by its own.
        (os.killpg if number == signal.SIGINT else os.kill)(child.pid, number)
        out, err = child.communicate(timeout=STOP_SECONDS)
    assert (child.returncode, out, err) == (code, "cleaned\n", "")
    assert time.monotonic() - begun < STOP_SECONDS


def test_run_py_stays_small_and_readable_to_old_pythons():
    text = (ROOT / "run.py").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= MOST_LINES
    ast.parse(text, feature_version=(3, 8))
