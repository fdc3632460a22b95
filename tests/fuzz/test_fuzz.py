"""Two thousand spoilt studies: each ends in results or in a refusal that can be read.

None takes longer than 10 s or more than 1 GB, changes its input, or writes, starts or calls
anything. A failure names its number N; `PYTHONPATH=. python tests/fuzz/worker.py FOLDER N 1 N+1`
runs that mutant alone.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from mutate import PACKAGE_EVERY, mutant
from notebook_cells import run_cells
from seed_studies import seed_studies

from analysis.errors import ConvergenceWarning, ReliefError
from analysis.intake import read_trial
from analysis.relief import estimate_relief
from analysis.report import build

resource = pytest.importorskip("resource", reason="Windows cannot limit the memory of a process")

HERE = Path(__file__).parent
MUTANTS = 2_000
PROCESSES = min(os.cpu_count() or 1, 4)
SECONDS = 10
# Until a process that waits for ever is ended; all mutants take a minute on two idle cores.
PATIENCE = 1800
# Of all mutants so many and more must give results, or the estimators were hardly tried.
LEAST_RESULTS = MUTANTS // 10
# Mutants on which the notebooks are run, the first ones that can be analysed; one has a report made.
SAMPLE = 2
# Bytes a mutant ends with that are no text of ours.
FOREIGN = ("Traceback", "Error:", "Warning:", "<class", "object at 0x")


def _lines(first: int, folder: Path) -> list[dict[str, Any]]:
    """Outcomes of every n-th mutant from `first`; a process that dies is an outcome too."""
    found: list[dict[str, Any]] = []
    command = [sys.executable, str(HERE / "worker.py"), str(folder)]
    variables = {**os.environ, "PYTHONPATH": str(HERE.parents[1]), "OPENBLAS_NUM_THREADS": "1",
                 "MPLBACKEND": "agg"}  # fmt: skip
    while first < MUTANTS:
        folder.mkdir(exist_ok=True)
        numbers = [str(n) for n in (first, PROCESSES, MUTANTS)]
        done = subprocess.run([*command, *numbers], capture_output=True, text=True,
                              env=variables, timeout=PATIENCE)  # fmt: skip
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        found += [line for line in lines if "ended" in line]
        if done.returncode == 0:
            break
        begun = lines[-1].get("begun") if lines else None
        assert begun is not None, done.stderr
        died = {"number": begun, "ended": f"process died ({done.returncode})", "acts": [], "changed": False}
        found.append({**died, "message": done.stderr[-2000:], "seconds": 0.0})
        first = begun + PROCESSES
    return found


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory) -> list[dict[str, Any]]:
    folders = [tmp_path_factory.mktemp(f"mutants-{k}") for k in range(PROCESSES)]
    with ThreadPoolExecutor(PROCESSES) as pool:
        parts = pool.map(_lines, range(PROCESSES), folders)
        return [line for part in parts for line in part]


def test_every_mutant_ended(outcomes):
    assert sorted(line["number"] for line in outcomes) == list(range(MUTANTS))
    assert sum(line["ended"] == "result" for line in outcomes) >= LEAST_RESULTS


def test_no_mutant_ends_in_anything_but_results_or_a_refusal(outcomes):
    wrong = [line for line in outcomes if line["ended"] not in ("result", "refused")]
    assert not wrong, "\n\n".join(f"{line['number']}: {line['message']}" for line in wrong[:5])


def test_no_mutant_takes_longer_than_it_may(outcomes):
    slow = [(line["number"], line["seconds"]) for line in outcomes if line["seconds"] > SECONDS]
    assert not slow


def test_no_mutant_is_changed_and_none_makes_the_program_write_start_or_call(outcomes):
    assert not [line["number"] for line in outcomes if line["changed"]]
    assert not [(line["number"], line["acts"]) for line in outcomes if line["acts"]]


def test_every_refusal_is_in_words_of_ours(outcomes):
    texts = {line["number"]: line["message"] for line in outcomes if line["ended"] == "refused"}
    foreign = {n: text for n, text in texts.items() if any(word in text for word in FOREIGN)}
    short = {n: text for n, text in texts.items() if len(text) < 20}
    assert not foreign and not short


def test_every_seed_is_sound_and_mutants_are_the_same_each_time(tmp_path):
    for name, files in seed_studies().items():
        folder = tmp_path / name
        folder.mkdir()
        for file, raw in files.items():
            (folder / file).write_bytes(raw)
        assert len(read_trial(folder / "study.yml").patients) > 0
    assert all(mutant(n) == mutant(n) for n in range(0, MUTANTS, PACKAGE_EVERY + 1))


def _analysable(folder: Path) -> list[Path]:
    """Study files of mutants that can be analysed, of different seeds."""
    found: dict[str, Path] = {}
    number = 0
    while len(found) < SAMPLE:
        number += 1
        spoilt = mutant(number)
        if spoilt.seed in found:
            continue
        place = folder / str(number)
        place.mkdir()
        for name, raw in spoilt.files.items():
            (place / name).write_bytes(raw)
        try:
            estimate_relief(read_trial(place / "study.yml"))
        except ReliefError:
            continue
        found[spoilt.seed] = place / "study.yml"
    return list(found.values())


def test_the_notebooks_run_on_mutants_and_a_whole_report_is_made(tmp_path, monkeypatch):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        sample = _analysable(tmp_path)
        assert all(run_cells(study_file) for study_file in sample)
        # All have run; kernels for each of them would find nothing new.
        monkeypatch.setattr(build, "NOTEBOOKS", build.NOTEBOOKS[:1])
        made = build.build_report(sample[0], tmp_path / "report", say=lambda _: None)
    assert (made / "index.html").is_file() and (made / "results.csv").is_file()
