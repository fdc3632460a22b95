"""Hostile text in every field does nothing in a report, and nothing in it names a patient."""

from __future__ import annotations

import csv
import json
import os
import re
import zipfile
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.report.__main__ import main
from analysis.schema import UNSEEN

PAGE = "<img src=x onerror=alert(1)>"
SCRIPT = "</title></style></script><script>alert(2)</script>"
FORMULA = "=HYPERLINK('http://example.org','x')"
LINK = "[click](javascript:alert(3)) `x` **y** $\\alpha$ {{7*7}} {% raw %}"
STEER = "red\x1b[31m\u202egnp"
ARMS = (FORMULA, f"Massage {PAGE}", f"{LINK}")
SECRET, UNUSED, NAMED = "SECRET-", "HIDDEN-NAME", "WHO-FELL"
VISITS = (f"start {PAGE}", "+later", f"@last {SCRIPT[:40]}")
WEEKS = (0, 8, 52)
PATIENTS = 45
# How a spreadsheet starts a formula; a plain number may start with a sign.
FORMULA_START = re.compile(r"^[=+\-@\t\r]")
NUMBER = re.compile(r"^-?[0-9.]+(e[-+]?[0-9]+)?$|^-?inf$")


def outcomes() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    rows = [
        {"who": f"{SECRET}{k:03d}", "name": f"{UNUSED}-{k}", "arm": ARMS[k % 3], "week": week,
         "place": (PAGE, FORMULA)[k % 2], "sex": (SCRIPT, "-1+1", "m")[k % 3],
         "score": int(np.clip(rng.normal(6 - k % 3 - 0.02 * week, 1.5), 0, 10).round())}
        for k in range(PATIENTS) for week in WEEKS
        if not (week == 52 and k % 9 == 4)
    ]  # fmt: skip
    # Rows that checks notice and name: a visit that is not in the schedule.
    extra = {**rows[0], "week": 99}
    return pd.DataFrame([*rows, extra])


def events() -> pd.DataFrame:
    kinds = ("fall", "stop", "fall", "gone")
    return pd.DataFrame({
        "who": [f"{SECRET}{k:03d}" for k in range(0, PATIENTS, 2)],
        "kind": [kinds[k % 4] for k in range(23)], "week": [4 + k for k in range(23)],
        "what": [(PAGE, STEER, SCRIPT)[k % 3] for k in range(23)], "comment": NAMED,
    })  # fmt: skip


def write_hostile(folder: Path) -> Path:
    """A study with hostile text in every field that takes text, and in the files' names."""
    odd = os.name == "nt" or "=1 <b onclick=alert(4)>"
    data, happened, study = (
        ("scores.csv", "events.csv", "mine.yml") if odd is True
        else (f"{odd}.csv", f"{odd} events.csv", f"{odd} &amp; $x$.yml")
    )  # fmt: skip
    outcomes().to_csv(folder / data, index=False)
    events().to_csv(folder / happened, index=False)
    content = {
        "title": f"Trial {SCRIPT} {LINK}", "description": f"{PAGE} {LINK}", "design": "randomised",
        "data": {"outcomes": data, "events": happened, "licence": SCRIPT, "citation": f"{PAGE} {LINK}"},
        "layout": "long", "patient": "who", "site": "place",
        "therapy": {"column": "arm", "comparator": ARMS[0], "arms": [{"label": a} for a in ARMS]},
        "visits": {"column": "week", "schedule": [
            {"name": name, "week": week, "code": week,
             **({"baseline": True} if not week else {"horizon": ("short", "long")[week == 52]})}
            for name, week in zip(VISITS, WEEKS, strict=True)]},
        "measures": [{"name": "pain", "label": f"Pain {PAGE}", "instrument": "NRS", "column": "score"}],
        "covariates": [{"name": "sex", "column": "sex", "label": SCRIPT, "type": "category"}],
        "filters": [{"column": "sex", "drop": ["x"], "reason": f"{PAGE} {FORMULA}"}],
        "events": {"patient": "who", "kind": "kind", "week": "week", "what": "what", "kinds": {
            "fall": "adverse_event", "stop": "stopped_therapy", "gone": "lost"}},
        "estimands": [{"name": f"{SCRIPT}", "population": f"{PAGE} {LINK}"}],
    }  # fmt: skip
    path = folder / study
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("leaks")
    assert main([str(write_hostile(folder)), "--output", str(folder / "report")]) == 0
    return folder / "report"


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
