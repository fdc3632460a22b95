"""Files never seen before: each is read, or refused in words, quickly and within memory."""

from __future__ import annotations

import io
import random
import zipfile

import openpyxl
import pandas as pd
import pyreadstat
import pytest

from analysis.errors import DataError
from analysis.readers import probe
from analysis.readers.table import read_table
from analysis.studies.records import Data

NOISE = random.Random(1).randbytes(5000)
SHEET = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
END = "</sheetData></worksheet>"
ENTITIES = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "lol">'
    + "".join(f'<!ENTITY {chr(n + 1)} "{f"&{chr(n)};" * 10}">' for n in range(97, 106))
    + f']>{SHEET}<row r="1"><c r="A1" t="inlineStr"><is><t>&j;</t></is></c></row>{END}'
)  # fmt: skip


def workbook(sheet: str | None = None) -> bytes:
    """A workbook, with the XML of its sheet replaced."""
    book = openpyxl.Workbook()
    book.active.append(["id", "pain"])
    book.active.append(["P1", 3])
    whole = io.BytesIO()
    book.save(whole)
    changed = io.BytesIO()
    with (
        zipfile.ZipFile(whole) as source,
        zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as target,
    ):
        for name in source.namelist():
            text = source.read(name)
            swap = sheet is not None and name.endswith("sheet1.xml")
            target.writestr(name, sheet if swap else text)
    return changed.getvalue()


def read(path, raw: bytes, **data):
    path.write_bytes(raw)
    return read_table(path, Data(outcomes=path.name, **data))


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("a.csv", b"", "is empty"),
        ("a.csv", b"\n\r\n\n", "holds no text"),
        ("a.csv", b"\x00" * 100, "binary data"),
        ("a.csv", NOISE, "binary data|not text|cannot be read|NUL"),
        ("a.csv", b"<html><table><tr><td>id", "a web page"),
        ("a.csv", b"\n  <!DOCTYPE html><html>", "a web page"),
        ("a.csv", b"%PDF-1.7", "a PDF"),
        ("a.csv", workbook(), "holds an Excel workbook"),
        ("a.csv", b"x" * 20_000_000, "field larger than field limit"),
        ("a.csv", b"id," * 300_000, "at most 10,000 are read"),
        ("a.csv", b'id,pain\nP1,"3\nP2,4\n', "cannot be read"),
        ("a.csv", b"id,pain\nP1,3,4\n", "row 2 has 3"),
        ("a.csv", b"Trial of massage\n\nid,pain\nP1,3\n", "delete lines above the header"),
        ("a.json", b"{}", "the ending '.json' is not known"),
        ("a", b"id\n", "the ending '' is not known"),
        ("a.xls", NOISE, "old Excel format"),
        ("a.xlsx", NOISE, "but the file holds"),
        ("a.xlsx", b"PK\x03\x04" + NOISE, "is damaged"),
        ("a.xlsx", workbook(SHEET), r"cannot be (read|opened) \(ParseError\)"),
        ("a.xlsx", workbook(ENTITIES), "cannot be opened|cannot be read"),
        ("a.xlsx", workbook(SHEET + " " * 60_000_000 + END), "unpacks to"),
        ("a.xlsx", workbook(f'{SHEET}<row r="1"><c r="XFD1"><v>1</v></c></row>{END}'), "16,384 columns"),
        ("a.parquet", b"PAR1" + NOISE + b"PAR1", "Parquet file cannot be read"),
        ("a.sav", b"$FL2" + NOISE, "cannot be read"),
        ("a.dta", b"<stata_dta>" + NOISE, "cannot be read"),
        ("a.xpt", b"HEADER RECORD*******" + NOISE, "cannot be read"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)  # fmt: skip
def test_an_odd_file_is_refused_in_words(tmp_path, name, raw, message):
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / name, raw)
    assert str(caught.value).startswith(f"{name}: ") and caught.value.findings is not None


@pytest.mark.parametrize("encoding", ["rot13", "base64", "idna", "undefined", "\x00", "no-such"])
def test_an_encoding_that_is_none_is_refused(tmp_path, encoding):
    with pytest.raises(DataError, match="is not known"):
        read(tmp_path / "a.csv", b"id\nP1\n", encoding=encoding)


def test_a_lonely_cell_far_below_costs_nothing(tmp_path):
    cells = '<row r="1"><c r="A1" t="inlineStr"><is><t>id</t></is></c></row>'
    far = '<row r="1048576"><c r="A1048576"><v>7</v></c></row>'
    frame = read(tmp_path / "a.xlsx", workbook(SHEET + cells + far + END)).frame
    assert frame["id"].to_dict() == {1_048_576: 7}


def test_a_long_header_of_questions_is_read(tmp_path):
    names = [f"{n}. How strong was your pain, on a scale from 0 to 10? {'x' * 300}" for n in range(900)]
    text = ",".join(f'"{name}"' for name in names) + "\n" + ",".join("1" for _ in names) + "\n"
    assert list(read(tmp_path / "a.csv", text.encode()).frame.columns) == names


QUALTRICS = (
    "ResponseId,Q1,Finished\n"
    'Response ID,"How strong was your pain,\nall in all?",Finished\n'
    '"{""ImportId"":""_recordId""}","{""ImportId"":""QID1""}","{""ImportId"":""finished""}"\n'
    "R_1,3,True\nR_2,,False\n"
)  # fmt: skip


def test_rows_that_describe_the_questions_are_no_answers(tmp_path):
    table = read(tmp_path / "a.csv", QUALTRICS.encode())
    assert table.frame["ResponseId"].to_dict() == {4: "R_1", 5: "R_2"}
    assert table.descriptions["Q1"] == "How strong was your pain,\nall in all?"
    (note,) = table.notes
    assert (note["rule"], note["severity"], note["row"]) == ("survey_header", "note", 2)
    book = openpyxl.Workbook()
    for row in ("id", "Q1"), ("Id", "Pain?"), ('{"ImportId":"a"}', '{"ImportId":"b"}'), ("P1", 3):
        book.active.append(row)
    book.save(tmp_path / "a.xlsx")
    frame = read_table(tmp_path / "a.xlsx", Data(outcomes="a.xlsx")).frame
    assert frame["Q1"].tolist() == [3]


def test_an_answer_that_looks_like_a_mark_sets_nothing_aside(tmp_path):
    text = QUALTRICS.replace('"{""ImportId"":""_recordId""}"', "R_0")
    table = read(tmp_path / "a.csv", text.encode())
    assert len(table.frame) == 4 and not table.notes


def test_a_date_that_no_calendar_holds_is_refused(tmp_path):
    frame = pd.DataFrame({"DAY": [1.0e9, 2.0]})
    path = tmp_path / "a.xpt"
    pyreadstat.write_xport(frame, str(path), variable_format={"DAY": "DATE9."}, file_format_version=5)
    with pytest.raises(DataError, match=r"a\.xpt: the file cannot be read \(.*Export it again"):
        read_table(path, Data(outcomes="a.xpt"))


@pytest.mark.parametrize(
    ("code", "message"),
    [("import os; os.abort()", "is damaged and cannot be read"),
     ("import time; time.sleep(60)", "reading it does not end")],
)  # fmt: skip
def test_a_file_that_crashes_its_library_does_not_take_us_along(tmp_path, monkeypatch, code, message):
    (tmp_path / "a.sav").write_bytes(b"$FL2" + NOISE)
    monkeypatch.setattr(probe, "_CODE", code)
    with pytest.raises(DataError, match=message):
        probe.refuse_crashing(tmp_path / "a.sav", "read_sav", seconds=1.0)


def test_a_sound_file_passes_the_trial(tmp_path):
    pyreadstat.write_sav(pd.DataFrame({"id": ["P1"]}), str(tmp_path / "a.sav"))
    probe.refuse_crashing(tmp_path / "a.sav", "read_sav")
