"""`run.py draft` and `run.py check`: what they print, and what their exit codes mean."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from small_study import content, csv_text, sound_rows, write_study

import analysis
from analysis.draft.__main__ import main as draft
from analysis.draft.check import main as check
from analysis.errors import StudyError
from analysis.intake import check_study
from analysis.studies.yaml_text import parse_yaml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def data(tmp_path):
    path = tmp_path / "my data.csv"
    path.write_text(csv_text(sound_rows()), encoding="utf-8")
    return path


def test_draft_writes_beside_the_data_and_lists_its_questions(data, capsys):
    assert draft([str(data)]) == 0
    said = capsys.readouterr().out
    path = data.with_suffix(".yml")
    assert f"A study file to start from is in {path}" in said
    assert "  1. What is the study called?" in said
    assert f"python3 run.py check {path}" in said
    assert check([str(path)]) == 0


def test_a_draft_is_a_start_that_check_accepts_or_says_what_to_answer(data, capsys):
    text = data.read_text().replace("pain", "score")
    data.write_text(text)
    assert draft([str(data)]) == 0
    assert "measures[0].instrument is missing" in capsys.readouterr().out
    assert check([str(data.with_suffix(".yml"))]) == 1
    said = capsys.readouterr().err
    assert "measures[0].instrument is missing" in said and "(1 problem)" in said


def test_draft_again_leaves_the_first_as_it_is(data, capsys):
    assert draft([str(data)]) == 0
    path = data.with_suffix(".yml")
    before = path.read_bytes()
    assert draft([str(data)]) == 1
    assert "is there already and is not replaced" in capsys.readouterr().err
    assert path.read_bytes() == before
    other = data.with_name("second.yml")
    assert draft([str(data), "--output", str(other)]) == 0
    assert other.exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["no.csv"], "the file is not there"),
        ([".", "--output", "x.yml"], "a folder, not a file"),
        (["my data.csv", "--dictionary", "my data.csv"], "is no REDCap data dictionary"),
        (["my data.csv", "--patients", "no.csv"], "the file is not there"),
        (["my data.csv", "--output", "no folder/x.yml"], "not in the folder of the study file"),
    ],
)
def test_draft_refuses_in_words(data, monkeypatch, capsys, words, message):
    monkeypatch.chdir(data.parent)
    assert draft(words) == 1
    said = capsys.readouterr().err
    assert said.startswith("No study file was written.") and message in said
    assert [path.name for path in data.parent.iterdir()] == [data.name]


def test_a_draft_names_the_schema_that_editors_use(data):
    path = ROOT / "data" / "patients" / "no.yml"
    assert draft([str(data)]) == 0
    line = data.with_suffix(".yml").read_text(encoding="utf-8").splitlines()[0]
    assert line.startswith("# yaml-language-server: $schema=")
    schema = (data.parent / line.partition("$schema=")[2]).resolve()
    assert schema == ROOT / "data" / "study.schema.json" and schema.is_file()
    assert not path.exists()


def test_check_prints_findings_only_and_says_by_its_code_whether_to_go_on(tmp_path, capsys):
    rows = sound_rows()
    path = write_study(tmp_path, pain_csv=rows)
    assert check([str(path)]) == 0
    assert "No errors. Next: python3 run.py report" in capsys.readouterr().out
    rows[3]["pain"] = 12
    write_study(tmp_path, pain_csv=rows)
    assert check([str(path)]) == 1
    said = capsys.readouterr().out
    assert "12 is no possible score" in said and "1 error" in said
    assert sorted(p.name for p in tmp_path.iterdir()) == ["pain.csv", "study.yml"]
    assert check([str(tmp_path / "no.yml")]) == 1
    assert "no study file no.yml" in capsys.readouterr().err


def test_check_study_gives_errors_warnings_and_notes_as_a_frame(tmp_path):
    rows = [row for row in sound_rows() if row["visit"] != "week 26"]
    rows[0]["pain"] = 12
    findings = analysis.check_study(write_study(tmp_path, pain_csv=rows))
    assert findings["severity"].tolist() == ["error", "warning"]
    study = content()
    study["site"] = "nowhere"
    assert "missing_column" in set(check_study(write_study(tmp_path, study))["rule"])
    with pytest.raises(StudyError):
        check_study(write_study(tmp_path, content() | {"data": {"outcomes": "no.csv"}}))


@pytest.mark.parametrize("module", ["analysis.draft", "analysis.draft.check"])
def test_the_modules_are_commands(module, tmp_path):
    command = [sys.executable, "-P", "-m", module, str(tmp_path / "no.csv")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path,
                          env={"PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 1 and "Traceback" not in done.stderr and done.stderr
    assert subprocess.run([*command[:-1]], capture_output=True, cwd=tmp_path,
                          env={"PYTHONPATH": str(ROOT)}).returncode == 2  # fmt: skip


def test_a_draft_is_yaml_with_the_keys_in_the_order_of_the_reference(data):
    draft([str(data)])
    keys = list(parse_yaml(data.with_suffix(".yml").read_text(encoding="utf-8"), "d")[0])
    assert keys == ["title", "design", "data", "layout", "patient", "therapy", "visits", "measures",
                    "covariates"]  # fmt: skip
