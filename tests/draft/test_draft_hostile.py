"""Names and levels that try to be more than text, and values that are nobody's business."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from secret_rows import THERAPIES, secret_rows
from small_study import sound_rows

from analysis.draft import draft_study, sketch_study
from analysis.draft.__main__ import said
from analysis.draft.page import Sketch, page_of, scalar
from analysis.errors import DataError, ReliefError, StudyError
from analysis.intake import read_trial
from analysis.schema import UNSEEN
from analysis.studies.load import read_study
from analysis.studies.yaml_text import parse_yaml

HOSTILE = (
    "pain: [x", "- pain", "pain # no comment", "pain\n# title: owned\ntitle: owned", "=cmd|'/C calc'!A1",
    "+pain", "@pain", "<script>alert('pain')</script>", "pain' \" \\", "\u202epain", "!!python/object:pain",
    "&pain", "*pain", "{pain}", "%TAG pain", "--- pain", "... pain", "pain\u2028x", "pain\x85x",
    "pain\x1b[31m", "pain\x07", "? pain", "| pain", "> pain", "`pain`", "pain, pain", "yes pain:", "~pain",
    "pain\ttab",
    "pain\r\nx: y", "schmerz\N{ZERO WIDTH SPACE}pain", "\N{GRINNING FACE} pain", "null", "true", "1e5", "0o7",
    "2004-01-01", "#pain", "  pain", "pain:", ": pain", "${jndi:ldap://pain}", "{{pain}}", "pain\ufeff",
)  # fmt: skip
# Names that a study file cannot hold or a table cannot have come back trimmed.
TRIMMED = {name: name.strip() for name in HOSTILE}


def table(path: Path, frame: pd.DataFrame) -> Path:
    frame.to_csv(path, index=False)
    return path


def printable(text: str) -> bool:
    """No character could steer a terminal or hide."""
    return all(line.isprintable() for line in text.split("\n"))


def written_out(text: str) -> str:
    """As the values of a data file are read: what cannot be seen stands there as its code."""
    return UNSEEN.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def harmless(text: str) -> None:
    """Every line is a comment or YAML, and no character could steer a terminal or hide."""
    assert printable(text), text
    content, _ = parse_yaml(text, "draft.yml")
    assert set(content) <= {
        "title", "design", "data", "layout", "patient", "site", "therapist", "therapy", "filters",
        "visits", "measure_column", "measures", "covariates",
    }  # fmt: skip


@pytest.mark.parametrize("text", [*HOSTILE, "", " ", "a" * 300, "\ud7ff\U0010ffff"])
def test_any_text_comes_back_from_yaml_as_it_was(text):
    inner = [{"c": text, "d": [text]}]
    sketch = Sketch({text or "k": {"a": text, text + "b": inner}, "z": [{"k": text, "n": 1}]})
    sketch.say(f"about {text!r}", text or "k")
    page, _ = page_of(sketch, ["heading"])
    if UNSEEN.search(text):
        with pytest.raises(StudyError, match="cannot be seen"):
            parse_yaml(page, "page.yml")
        assert printable(page)
        return
    assert parse_yaml(page, "page.yml")[0] == sketch.content
    assert scalar(text).isprintable()


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_of_a_column_is_quoted_and_inert(tmp_path, name):
    frame = pd.DataFrame(sound_rows()).rename(columns={"pain": name, "visit": "visit"})
    draft = draft_study(table(tmp_path / "d.csv", frame))
    if UNSEEN.search(name):
        assert "cannot be seen" in draft.problem and printable(draft.text)
        return
    harmless(draft.text)
    assert read_study(draft.path).primary.column == TRIMMED[name] if draft.problem == "" else True
    content = parse_yaml(draft.text, "d.yml")[0]
    assert content["title"] == "d"
    assert content["measures"][0]["column"] == TRIMMED[name]
    assert said(draft).replace("\n", "").isprintable()


@pytest.mark.parametrize("level", [level for level in HOSTILE if level.strip() not in ("null",)])
def test_hostile_therapies_and_visits_are_quoted_and_inert(tmp_path, level):
    rows = sound_rows(8)
    for row in rows:
        row["therapy"] = row["therapy"].replace("Massage", level)
        row["visit"] = row["visit"].replace("week 26", level)
        row["pain"] = row["pain"] % 9
    draft = draft_study(table(tmp_path / "d.csv", pd.DataFrame(rows)))
    harmless(draft.text)
    content = parse_yaml(draft.text, "d.yml")[0]
    labels = {str(arm.get("code", arm["label"])) for arm in content["therapy"]["arms"]}
    assert labels == {"Usual care", written_out(level.strip())}
    visits = [str(v.get("code", v["name"])) for v in content["visits"]["schedule"]]
    assert written_out(level.strip()) in visits


@pytest.mark.parametrize(
    "stem", ["a - b", "=cmd", "-x", "#", "<b>", "né", "a'b", "\u202ex", "x" * 200, "title"]
)
def test_a_hostile_name_of_a_file_is_quoted_and_inert(tmp_path, stem):
    path = table(tmp_path / f"{stem}.csv", pd.DataFrame(sound_rows()))
    draft = draft_study(path, output=tmp_path / "s.yml")
    if UNSEEN.search(stem):
        assert "cannot be seen" in draft.problem and printable(draft.text)
        return
    harmless(draft.text)
    assert draft.problem == ""
    assert len(read_trial(draft.path).patients) == 6


@pytest.mark.parametrize("stem", ["a\nb", "a: b"])
def test_a_file_name_that_study_files_refuse_is_refused(tmp_path, stem):
    path = table(tmp_path / f"{stem}.csv", pd.DataFrame(sound_rows()))
    with pytest.raises(ReliefError, match="Rename it"):
        draft_study(path)


def test_no_value_of_a_patient_is_repeated(tmp_path):
    frame, secrets = secret_rows()
    draft = draft_study(table(tmp_path / "d.csv", frame))
    spoken = f"{draft.text}\n{said(draft)}"
    assert not [secret for secret in secrets if secret in spoken]
    assert "quux" not in spoken.lower()
    assert all(therapy in draft.text for therapy in THERAPIES)
    assert "'Name', 'e-mail', 'date of birth'" in spoken
    assert read_study(draft.path).therapies == THERAPIES


@pytest.mark.parametrize("column", ["arm", "visit", "group", "treatment", "param"])
def test_names_of_patients_in_a_column_of_therapies_or_visits_are_not_repeated(tmp_path, column):
    frame, _ = secret_rows()
    frame[column] = frame["Name"] + (frame.index.astype(str) if column in ("visit", "param") else "")
    frame["value"] = frame["pain"]
    draft = sketch_study(table(tmp_path / "d.csv", frame.drop(columns="Name")))
    assert "Quux" not in draft.text and "Xanthippe" not in draft.text
    assert "quux" not in " ".join([*draft.questions, draft.problem]).lower()


def test_a_therapy_that_one_patient_has_is_counted_and_not_named(tmp_path):
    frame = pd.DataFrame(sound_rows(9))
    frame.loc[frame["id"] == "P08", "therapy"] = "Dr Quux's own mixture"
    draft = sketch_study(table(tmp_path / "d.csv", frame))
    assert "Quux" not in draft.text
    assert "1 more values of this column are held by one patient each" in draft.text.replace("\n  # ", " ")


def test_a_file_without_a_header_is_refused_without_its_values(tmp_path):
    frame, _ = secret_rows()
    frame[["patient_id", "age", "pain", "visit date", "e-mail"]].to_csv(
        tmp_path / "d.csv", index=False, header=False
    )
    with pytest.raises(DataError, match="looks like a record") as caught:
        draft_study(tmp_path / "d.csv")
    assert not re.search("ZQ|41.0|secret|2023", str(caught.value))
    assert not (tmp_path / "d.yml").exists()


@pytest.mark.parametrize(
    "raw", [b"", b"\x00\x01", b"<html>", b"id,id\n1,2\n", b"id,pain\n", b"PK\x03\x04x"]
)
def test_what_cannot_be_read_is_refused_in_words(tmp_path, raw):
    (tmp_path / "d.csv").write_bytes(raw)
    with pytest.raises(DataError, match=r"^d\.csv: "):
        draft_study(tmp_path / "d.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["d.csv"]


def test_a_name_too_long_for_a_study_file_is_counted(tmp_path):
    frame = pd.DataFrame(sound_rows()).assign(**{"q" * 500: 1})
    draft = sketch_study(table(tmp_path / "d.csv", frame))
    assert "1 columns have names of more than 400 characters" in draft.text.replace("\n# ", " ")
    assert "q" * 100 not in draft.text


def test_columns_of_every_kind_and_none_are_drafted(tmp_path):
    frames = [
        pd.DataFrame({"a": ["x"]}), pd.DataFrame({"a": [1]}), pd.DataFrame({"id": ["", ""]}),
        pd.DataFrame({"id": [1, 1], "visit": [1, 2]}), pd.DataFrame({"visit": ["baseline"] * 3}),
        pd.DataFrame({f"c{n}": [n, None] for n in range(300)}),
        pd.DataFrame({"id": [1, 2], "therapy": ["", ""], "pain_w0": [None, None], "pain_w4": [1, 2]}),
        pd.DataFrame({"id": [1, 1, 2, 2], "date": ["x", "2020-01-01", "", "5/6/2020"], "pain": [1, 2, 3, 4]}),
        pd.DataFrame({"USUBJID": ["a"], "PARAMCD": ["P"], "AVAL": [1]}),
        pd.DataFrame({"USUBJID": ["a", "a"], "PARAMCD": ["", "P"], "AVAL": [None, 1], "BASE": [1, 1]}),
    ]  # fmt: skip
    for number, frame in enumerate(frames):
        draft = draft_study(table(tmp_path / f"f{number}.csv", frame))
        harmless(draft.text)
        assert draft.questions
