"""The study files of the open trials, and the reference of the study file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from analysis.instruments import INSTRUMENTS, Instrument, find_instrument
from analysis.readers.table import read_table
from analysis.studies.load import read_study
from analysis.studies.records import (
    Arm,
    Covariate,
    Data,
    Estimand,
    Events,
    Filter,
    Handling,
    Measure,
    Model,
    Study,
    Therapy,
    Visit,
    Visits,
)  # fmt: skip
from analysis.studies.sources import locate

ROOT = Path(__file__).resolve().parents[2]
OPEN = ROOT / "data" / "open"
NAMES = ("alter2021", "ashar2022", "brashear1999", "vickers2004")
REFERENCE = (ROOT / "docs" / "study_file.md").read_text(encoding="utf-8")


def study(name):
    return read_study(OPEN / f"{name}.yml")


def test_every_study_file_in_the_folder_is_tested():
    assert tuple(sorted(path.stem for path in OPEN.glob("*.yml"))) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_an_open_study_names_licence_and_citation_and_way_to_its_data(name):
    data = study(name).data
    assert data.licence and "doi:10." in data.citation and len(data.sha256) == 64
    assert (data.url is None) != (data.obtain is None)
    if data.url is not None:
        assert re.match(r"https://raw\.githubusercontent\.com/[^/]+/[^/]+/[0-9a-f]{40}/", data.url)


@pytest.mark.parametrize("name", NAMES)
def test_an_open_study_finds_the_file_it_was_written_for(name, shared_data, monkeypatch):
    monkeypatch.setenv("PAIN_DATA", str(shared_data))
    path = locate(study(name), OPEN / f"{name}.yml", study(name).data.outcomes)
    header = read_table(path, study(name).data).frame.columns
    assert set(columns_of(study(name))) <= set(header)


def columns_of(study):
    """Every column of the outcomes file that a study file names."""
    yield from (*study.patient, *(rule.column for rule in study.filters))
    yield from (covariate.column for covariate in study.covariates)
    for measure in study.measures:
        yield from (*measure.columns.values(), *measure.requires.values())
        yield from filter(None, (measure.column, measure.baseline_column))
    yield from filter(None, (study.site, *(study.visits.column or ()), study.measure_column))
    yield from (() if study.therapy is None else (study.therapy.column,))
    yield from (() if study.events is None else (study.events.kind, study.events.what))


@pytest.mark.parametrize(
    ("name", "randomised", "short", "long"),
    [
        ("vickers2004", {"Usual care": 196, "Acupuncture": 205}, [13], [52]),
        (
            "ashar2022",
            {"Pain reprocessing therapy": 50, "Open-label placebo": 51, "Usual care": 50},
            [4],
            [],
        ),
        ("brashear1999", {"Placebo": 36, "5,000 U": 36, "10,000 U": 37}, [4], [16]),
    ],
)
def test_arms_and_horizons_are_those_of_the_trial_reports(name, randomised, short, long):
    trial = study(name)
    assert {arm.label: arm.randomised for arm in trial.therapy.arms} == randomised
    assert [visit.week for visit in trial.horizon("short")] == short
    assert [visit.week for visit in trial.horizon("long")] == long


def test_brashears_codes_are_those_that_the_arm_sizes_settle():
    assert {arm.code: arm.label for arm in study("brashear1999").therapy.arms} == {
        1: "10,000 U", 2: "5,000 U", 3: "Placebo",
    }  # fmt: skip


def test_the_registry_has_one_group_and_no_long_term_visit():
    registry = study("alter2021")
    assert registry.therapies == ("All patients",)
    assert registry.horizon("long") == ()


@pytest.mark.parametrize("name", NAMES)
def test_each_measure_has_an_instrument(name):
    trial = study(name)
    for measure in trial.measures:
        instrument = find_instrument(measure.instrument, trial.instruments)
        assert instrument.low < instrument.high


@pytest.mark.parametrize(
    ("section", "records"),
    [
        ("The study", {"": Study}),
        ("`data`", {"": Data}),
        ("`therapy`", {"": Therapy, "arms[].": Arm}),
        ("`visits`", {"": Visits, "schedule[].": Visit}),
        ("`measures[]`", {"": Measure}),
        ("`covariates[]`", {"": Covariate}),
        ("`filters[]`", {"": Filter}),
        ("`events`", {"": Events}),
        ("`estimands[]`", {"": Estimand, "events.KIND.": Handling}),
        ("`model`", {"": Model}),
        ("`instruments[]`", {"": Instrument}),
    ],
)
def test_the_reference_has_one_line_for_every_key_and_marks_those_needed(section, records):
    text = REFERENCE.split(f"\n### {section}\n")[1].split("\n## ")[0].split("\n### ")[0]
    documented = re.findall(r"^\| `([A-Za-z0-9_\[\].]+)`( \*)? \|", text, re.M)
    known = [
        (prefix + name, " *" if field.is_required() else "")
        for prefix, record in records.items()
        for name, field in record.model_fields.items()
    ]
    assert sorted(documented) == sorted(known)


def test_the_reference_lists_the_registered_instruments_as_they_are():
    rows = re.findall(r"^\| `([A-Z0-9_]+)` \| (.+) to (.+) \| (\w+) \| (.+) \|$", REFERENCE, re.M)
    registered = [
        (
            key,
            f"{instrument.low:g}",
            f"{instrument.high:g}",
            instrument.direction.split("_")[0],
            "none given"
            if instrument.minimal_important_change is None
            else f"{instrument.minimal_important_change:g}",
        )
        for key, instrument in INSTRUMENTS.items()
    ]
    assert rows == registered
