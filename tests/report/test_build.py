"""A report from a study file to the folder, on studies that were made to break it."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from hostile_study import ARMS, PATIENTS, SCRIPT, SECRET, write_hostile
from jsonschema import Draft202012Validator

from analysis.report import build
from analysis.report.__main__ import main
from analysis.report.captions import FIGURES
from analysis.report.changes import compare_reports
from analysis.responders.handling import HANDLINGS, MULTIPLE, NON_RESPONSE, OBSERVED, STANDARDISED
from analysis.schema import RESULT_COLUMNS
from analysis.sensitivity import ANCHORED, RANDOM, STRATEGIES

PAGES = (
    "index.html", "01_the_data.html", "02_short_and_long_term_relief.html", "03_how_sure.html",
    "04_who_gets_better_and_who_is_harmed.html", "05_published_evidence.html", "06_claims.html",
    "methods.html", "data_dictionary.html", "provenance.html", "gallery.html",
)  # fmt: skip
NOTEBOOKS_OF_A_STUDY = tuple(name for name in build.NOTEBOOKS if name not in build.OF_NO_STUDY)
# Besides the main analysis and its adjustments for several therapies.
ALL_ANALYSES = {
    *STRATEGIES, *(name + ANCHORED for name in STRATEGIES if name != RANDOM), *HANDLINGS,
    *(f"{MULTIPLE}, {name}" for name in STRATEGIES if name != RANDOM),
    *(name + STANDARDISED for name in (OBSERVED, NON_RESPONSE)),
}  # fmt: skip

FILES = {"results.csv", "results.json", "results.schema.json", "tables.docx"}


def bare_study(folder: Path) -> Path:
    """One group, one visit, no baseline, no horizon: nothing to compare and little to say."""
    scores = np.random.default_rng(20).integers(0, 11, 20)
    frame = pd.DataFrame({"who": range(20), "week": 8, "score": scores})
    frame.to_csv(folder / "scores.csv", index=False)
    content = {
        "title": "Bare", "design": "observational", "data": {"outcomes": "scores.csv"},
        "layout": "long", "patient": "who",
        "visits": {"column": "week", "schedule": [{"name": "once", "week": 8, "code": 8}]},
        "measures": [{"name": "pain", "label": "Pain", "instrument": "NRS", "column": "score"}],
    }  # fmt: skip
    path = folder / "mine.yml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def hostile(hostile_report) -> Path:
    return hostile_report("first")


def test_the_report_holds_pages_results_figures_and_provenance(hostile):
    names = {str(p.relative_to(hostile)) for p in hostile.rglob("*") if p.is_file()}
    assert {*PAGES, "provenance.json"} | FILES <= names
    assert {"reference/index.html", "reference/figures.html"} <= names
    for figure in (
        "forest",
        "durability",
        "durability_alone",
        "modelled",
        "observed",
        "missingness",
        "flow",
    ):
        assert {f"figures/{figure}.svg", f"figures/{figure}.png"} <= names


@pytest.mark.parametrize("page", PAGES)
def test_hostile_words_of_a_study_are_shown_and_do_nothing(hostile, page):
    text = (hostile / page).read_text(encoding="utf-8")
    assert "<script" not in text.lower()
    assert "<img src=x" not in text
    assert SCRIPT in unescape(text)


def test_hostile_words_do_nothing_in_figures_opened_on_their_own(hostile):
    for path in (hostile / "figures").glob("*.svg"):
        assert "<script" not in path.read_text(encoding="utf-8").lower()


def test_the_tables_for_word_are_about_this_study(hostile):
    with zipfile.ZipFile(hostile / "tables.docx") as document:
        text = document.read("word/document.xml").decode("utf-8")
    assert f"Relief against {ARMS[0]}" in unescape(text)


def test_the_gallery_shows_each_figure_that_the_project_stores(hostile):
    stored = build.read_notebook(build.ROOT / "notebooks" / "gallery.ipynb")
    outputs = [output for cell in stored.cells for output in cell.get("outputs", ())]
    drawn = [one for one in outputs if "image/png" in one.get("data", {})]
    assert drawn
    assert (hostile / "gallery.html").read_text(encoding="utf-8").count("<img") == len(drawn)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_links_to_is_in_the_folder(hostile, page):
    links = re.findall(r'href="([^"#]+)"', (hostile / page).read_text(encoding="utf-8"))
    assert links
    assert not [link for link in links if not (hostile / link).is_file()]


def test_every_figure_of_the_captions_is_drawn_once_for_all_uses(hostile):
    shown = {path.stem for path in (hostile / "figures").glob("*.svg")}
    assert shown == {path.stem for path in (hostile / "figures").glob("*.png")} == set(FIGURES)


def test_the_results_for_programs_are_what_the_schema_in_the_folder_promises(hostile):
    schema, results = (
        json.loads((hostile / name).read_text(encoding="utf-8"))
        for name in ("results.schema.json", "results.json")
    )
    Draft202012Validator(schema).validate(results)
    assert not compare_reports(hostile, hostile / "results.json").any


def test_the_answer_says_of_each_therapy_who_responded_and_who_was_harmed(hostile):
    text = unescape((hostile / "index.html").read_text(encoding="utf-8"))
    assert f"With {ARMS[1]}," in text or f"with {ARMS[1]}," in text
    # Fewer responded with the comparator than may be shown.
    assert text.count("were at least 30 % better in the long term") == len(ARMS) - 1
    assert text.count("nothing can be said about patients at least 30 % better in the long term") == 1
    assert "Every kind of adverse event" in text
    assert f"{PATIENTS} patients; of these {PATIENTS} have a score in the short term" in text


def test_the_pages_say_how_to_cite_and_what_every_column_means(hostile):
    text = (hostile / "provenance.html").read_text(encoding="utf-8")
    assert "Lasting Relief contributors. Lasting Relief, version" in text
    text = (hostile / "data_dictionary.html").read_text(encoding="utf-8")
    assert all(f">{name}</th>" in text for name in RESULT_COLUMNS)


def test_no_folder_of_this_computer_is_named_in_the_report(hostile):
    for path in hostile.rglob("*"):
        if path.suffix in {".html", ".csv", ".json", ".svg"}:
            assert str(hostile.parent) not in path.read_text(encoding="utf-8"), path.name


def test_results_are_the_result_frame_and_hold_every_therapy_at_both_horizons(hostile):
    frame = pd.read_csv(hostile / "results.csv")
    assert tuple(frame.columns) == RESULT_COLUMNS
    relief = frame[
        (frame["quantity"] == "relief") & (frame["analysis"] == "main") & frame["horizon"].notna()
    ]
    assert set(relief["horizon"]) == {"short", "long"}
    assert relief["estimate"].notna().all()
    assert set(relief["therapy"]) == {"'" + ARMS[0], *ARMS[1:]}


def test_results_hold_every_assumption_handling_and_harm(hostile):
    frame = pd.read_csv(hostile / "results.csv").fillna({"analysis": ""})
    assert ALL_ANALYSES <= set(frame["analysis"])
    assert set(frame.loc[frame["quantity"] == "number_needed", "estimand"]) == {
        "at least 30 % better", "at least 50 % better", "at least 2 points better",
    }  # fmt: skip


def test_the_index_page_says_of_every_therapy_whether_its_conclusion_survives(hostile):
    text = unescape((hostile / "index.html").read_text(encoding="utf-8"))
    for therapy in ARMS[1:]:
        assert text.count(f"with {therapy}, the long-term conclusion (") == 1
    assert "No long-term value of" in text or "survives every other assumption" in text


def test_provenance_names_the_inputs_by_their_digest(hostile):
    record = json.loads((hostile / "provenance.json").read_text(encoding="utf-8"))
    names = [Path(one["name"]) for one in record["inputs"]]
    assert [name.suffix for name in names] == [".yml", ".csv", ".csv"]
    assert all((hostile.parent / name).is_file() for name in names)
    assert record["simulated"] is True


def test_a_bare_study_gives_a_report_that_claims_nothing(tmp_path, monkeypatch):
    # The other notebooks are the same whatever the study.
    monkeypatch.setattr(build, "NOTEBOOKS", NOTEBOOKS_OF_A_STUDY)
    output = tmp_path / "report"
    assert main([str(bare_study(tmp_path)), "--output", str(output)]) == 0
    text = unescape((output / "index.html").read_text(encoding="utf-8"))
    assert "There is no long-term visit" in text
    assert "cannot say what a therapy added" in text
    assert "Nothing can be said about harms: adverse events were not recorded" in text
    assert "Every kind of adverse event" not in text
    assert "Simulated" not in text


def test_data_with_errors_are_told_without_a_traceback_and_the_old_report_stays(
    hostile, tmp_path, capfd
):
    output = tmp_path / "report"
    shutil.copytree(hostile, output)
    study = write_hostile(tmp_path)
    (data,) = (path for path in tmp_path.glob("*.csv") if "events" not in path.name)
    lines = data.read_text().splitlines()
    data.write_text("\n".join([*lines, lines[1]]) + "\n")
    before = {p: p.read_bytes() for p in output.rglob("*") if p.is_file()}
    assert main([str(study), "--output", str(output)]) == 1
    told = capfd.readouterr().err
    assert told.startswith("No report was made.")
    assert "Traceback" not in told
    assert f"{SECRET}000" in told
    assert {p: p.read_bytes() for p in output.rglob("*") if p.is_file()} == before


def test_a_study_file_that_is_not_there_is_told_in_a_sentence(tmp_path, capfd):
    assert main([str(tmp_path / "none.yml"), "--output", str(tmp_path / "out")]) == 1
    assert "none.yml" in capfd.readouterr().err
    assert not (tmp_path / "out").exists()
