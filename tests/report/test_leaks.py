"""Hostile text in every field does nothing in a report, and nothing in it names a patient."""

from __future__ import annotations

import csv
import json
import re
import zipfile
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pandas as pd
import pytest
from hostile_study import NAMED, PAGE, SECRET, STEER, UNUSED, write_hostile

from analysis.report.__main__ import main
from analysis.schema import UNSEEN

# How a spreadsheet starts a formula; a plain number may start with a sign.
FORMULA_START = re.compile(r"^[=+\-@\t\r]")
NUMBER = re.compile(r"^-?[0-9.]+(e[-+]?[0-9]+)?$|^-?inf$")


@pytest.fixture(scope="module")
def report(hostile_report) -> Path:
    return hostile_report("first")


def parts(folder: Path) -> dict[str, bytes]:
    """Bytes of every file of a report, and of every part of those that are archives."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(folder))
            found[name] = path.read_bytes()
            if zipfile.is_zipfile(path):
                with zipfile.ZipFile(path) as archive:
                    found |= {f"{name}/{part}": archive.read(part) for part in archive.namelist()}
    return found


class Active(HTMLParser):
    """Whatever of a page could do something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.inside = tag
        for name, value in attrs:
            text = re.sub(r"\s", "", (value or "")).lower()
            if name.startswith("on") or text.startswith(("javascript:", "vbscript:")) or text == "x":
                self.found.append(f"<{tag} {name}={value}>")

    def handle_data(self, data: str) -> None:
        if self.inside in ("script", "style") and "alert" in data:
            self.found.append(data)


def test_no_part_of_a_report_names_a_patient_or_holds_what_the_study_does_not_use(report):
    files = parts(report)
    assert {"index.html", "results.csv", "provenance.json"} <= set(files)
    assert {name for name in files if name.startswith("0")} >= {"03_how_sure.html"}
    for name, raw in files.items():
        text = unescape(unescape(raw.decode("utf-8", "ignore")))
        for secret in (SECRET, UNUSED, NAMED):
            assert secret not in text, f"{secret} in {name}"


def test_hostile_text_does_nothing_on_any_page(report):
    for path in report.rglob("*.html"):
        active = Active()
        active.feed(path.read_text(encoding="utf-8"))
        assert not active.found, path.name


def test_hostile_text_is_shown_as_it_is_written(report):
    text = unescape((report / "index.html").read_text(encoding="utf-8"))
    assert PAGE in text and "{{7*7}}" in text and "javascript:alert(3)" in text


def test_hostile_text_does_nothing_in_any_figure(report):
    drawn = list((report / "figures").glob("*.svg"))
    assert drawn
    for path in drawn:
        for element in ElementTree.parse(path).iter():
            name = str(element.tag).rpartition("}")[2]
            assert name not in ("script", "foreignObject", "a"), path.name
            links = [value for key, value in element.attrib.items() if key.endswith("href")]
            assert all(link.startswith(("#", "data:image/png;base64,")) for link in links), path.name
            assert not [key for key in element.attrib if key.lower().startswith("on")], path.name


def test_no_cell_of_a_table_is_a_formula_to_a_spreadsheet(report):
    tables = list(report.rglob("*.csv"))
    assert tables
    for path in tables:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            cells = [cell for row in csv.reader(stream) for cell in row]
        guilty = [c for c in cells if FORMULA_START.match(c.lstrip()) and not NUMBER.match(c)]
        assert not guilty, path.name


def test_characters_that_cannot_be_seen_are_shown_or_left_out(report):
    assert "red\\x1b[31m\\u202egnp" in (report / "results.csv").read_text(encoding="utf-8")
    for path in report.rglob("*"):
        if path.suffix in {".html", ".csv", ".json", ".svg"}:
            assert not UNSEEN.search(path.read_text(encoding="utf-8")), path.name


def test_the_same_study_gives_the_same_report(report, hostile_report):
    again = hostile_report("second")
    first, second = (
        {path.relative_to(top): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        for top in (report, again)
    )
    assert set(first) == set(second)
    assert not [name for name, content in first.items() if content != second[name]]


def test_files_for_programs_can_be_parsed(report):
    for path in report.rglob("*.json"):
        json.loads(path.read_text(encoding="utf-8"))


def test_the_researcher_is_told_which_patient_and_the_terminal_is_not_steered(tmp_path, capfd):
    study = write_hostile(tmp_path)
    (data,) = [p for p in tmp_path.iterdir() if p.suffix == ".csv" and "events" not in p.name]
    frame = pd.read_csv(data, dtype=str)
    frame.loc[3, "arm"] = STEER
    frame.loc[6, "score"] = STEER
    frame.to_csv(data, index=False)
    assert main([str(study), "--output", str(tmp_path / "out")]) == 1
    told = capfd.readouterr()
    assert f"{SECRET}001" in told.err and "red\\x1b[31m\\u202egnp" in told.err
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", told.out + told.err)
    assert not (tmp_path / "out").exists()
