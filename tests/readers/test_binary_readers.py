"""Excel, Parquet, Stata, SPSS and SAS: written here, read back."""

from __future__ import annotations

import datetime
import zipfile

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyreadstat
import pytest

from analysis.errors import DataError
from analysis.readers.table import read_table
from analysis.studies.records import Data

FRAME = pd.DataFrame(
    {"id": ["P1", "P2", "P3"], "therapy": [1.0, 2.0, 1.0], "pain": [3.5, np.nan, 4.0]}
)
LABELS = {"therapy": {1: "Usual care", 2: "Massage"}}


def read(path, **data):
    return read_table(path, Data(outcomes=path.name, **data))


def workbook(path, *sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for title, rows in sheets:
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return path


def test_excel_keeps_types_and_rows(tmp_path):
    day = datetime.datetime(2004, 3, 15)
    rows = [["id", "pain", "day"], ["P1", 3.5, day], [None, None, None], ["P2", None, None]]
    frame = read(workbook(tmp_path / "a.xlsx", ("data", rows))).frame
    assert frame.index.tolist() == [2, 4]
    assert frame["pain"].tolist() == [3.5, None]
    assert frame.loc[2, "day"] == day


def test_the_sheet_is_chosen_by_name_or_number(tmp_path):
    path = workbook(
        tmp_path / "a.xlsx", ("notes", [["x"], [1]]), ("pain", [["id"], ["P1"]])
    )
    assert read(path, sheet="pain").frame["id"].tolist() == ["P1"]
    assert read(path, sheet=2).frame["id"].tolist() == ["P1"]
    first = read(path)
    assert first.frame["x"].tolist() == [1]
    assert "the sheets 'notes', 'pain'; the first was read" in first.notes[0]["message"]
    with pytest.raises(DataError, match="no sheet 'Pain'; the workbook has 'notes', 'pain'"):
        read(path, sheet="Pain")


def test_a_merged_header_is_refused(tmp_path):
    path = workbook(tmp_path / "a.xlsx", ("d", [["id", "pain", None], ["P1", 3, 4]]))
    book = openpyxl.load_workbook(path)
    book["d"].merge_cells("B1:C1")
    book.save(path)
    with pytest.raises(DataError, match=r"no name for column C.*Undo merged cells"):
        read(path)


def test_a_sheet_without_a_header_is_refused(tmp_path):
    with pytest.raises(DataError, match="row 1 of the sheet is empty"):
        read(workbook(tmp_path / "a.xlsx", ("d", [])))


def test_a_workbook_of_0_bytes_is_refused(tmp_path):
    (tmp_path / "a.xlsx").write_bytes(b"")
    with pytest.raises(DataError, match=r"a.xlsx: the file is empty \(0 bytes\)"):
        read(tmp_path / "a.xlsx")


def test_a_csv_called_xlsx_is_refused(tmp_path):
    (tmp_path / "a.xlsx").write_text("id,pain\n1,2\n")
    with pytest.raises(DataError, match="says an Excel workbook, but the file holds text"):
        read(tmp_path / "a.xlsx")


def test_a_zip_archive_called_xlsx_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.xlsx", "w") as archive:
        archive.writestr("pain.csv", "id\n1\n")
    with pytest.raises(DataError, match="not an Excel workbook"):
        read(tmp_path / "a.xlsx")
    (tmp_path / "b.xlsx").write_bytes(b"PK\x03\x04broken")
    with pytest.raises(DataError, match="the workbook is damaged"):
        read(tmp_path / "b.xlsx")


def test_parquet_comes_back_as_written(tmp_path):
    FRAME.to_parquet(tmp_path / "a.parquet")
    frame = read(tmp_path / "a.parquet").frame
    pd.testing.assert_frame_equal(frame.reset_index(drop=True), FRAME)
    assert frame.index.tolist() == [2, 3, 4]


def test_a_damaged_parquet_file_is_refused(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(DataError, match="Parquet file cannot be read"):
        read(tmp_path / "a.parquet")


def test_too_many_columns_are_refused_in_parquet(tmp_path):
    wide = pd.DataFrame(np.zeros((1, 10_001)), columns=[f"c{n}" for n in range(10_001)])
    wide.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(DataError, match="10,001 columns"):
        read(tmp_path / "a.parquet")


def test_stata_keeps_value_labels(tmp_path):
    pyreadstat.write_dta(FRAME, str(tmp_path / "a.dta"), variable_value_labels=LABELS)
    table = read(tmp_path / "a.dta")
    assert table.frame["therapy"].tolist() == [1.0, 2.0, 1.0]
    assert table.labels["therapy"] == LABELS["therapy"]


def test_stata_of_pandas_reads_too(tmp_path):
    FRAME.to_stata(tmp_path / "a.dta", write_index=False, version=114)
    assert read(tmp_path / "a.dta").frame["id"].tolist() == ["P1", "P2", "P3"]


def test_spss_keeps_labels_and_says_what_it_declares_missing(tmp_path):
    frame = FRAME.assign(pain=[3.5, 99.0, 99.0])
    pyreadstat.write_sav(
        frame, str(tmp_path / "a.sav"), variable_value_labels=LABELS, missing_ranges={"pain": [99]}
    )
    table = read(tmp_path / "a.sav")
    assert table.labels["therapy"] == LABELS["therapy"]
    assert table.frame["pain"].isna().tolist() == [False, True, True]
    (note,) = table.notes
    assert note["column"] == "pain"
    assert "declares 99.0 as missing; 2 values were read as missing" in note["message"]


@pytest.mark.parametrize("version", [5, 8])
def test_sas_transport_files_of_both_versions_read(tmp_path, version):
    pyreadstat.write_xport(FRAME, str(tmp_path / "a.xpt"), file_format_version=version)
    frame = read(tmp_path / "a.xpt").frame
    assert frame["pain"].isna().tolist() == [False, True, False]
    assert frame["id"].tolist() == ["P1", "P2", "P3"]


def test_a_damaged_sas_file_is_refused(tmp_path):
    (tmp_path / "a.xpt").write_bytes(b"HEADER RECORD*******LIBRARY" + b"x" * 50)
    with pytest.raises(DataError, match=r"a.xpt: the file cannot be read"):
        read(tmp_path / "a.xpt")
    magic = bytes.fromhex("000000000000000000000000c2ea8160")
    (tmp_path / "a.sas7bdat").write_bytes(magic + b"\x00" * 500)
    with pytest.raises(DataError, match=r"a.sas7bdat: the file cannot be read"):
        read(tmp_path / "a.sas7bdat")


def test_the_pilot_submission_reads_alike_from_xpt_and_csv(shared_data):
    folder = shared_data / "reference" / "adam"
    for name, shape in (("adsl", (254, 48)), ("adqscibc", (730, 36))):
        xpt, csv = read(folder / f"{name}.xpt").frame, read(folder / f"{name}.csv").frame
        assert xpt.shape == csv.shape == shape
        assert xpt["USUBJID"].tolist() == csv["USUBJID"].tolist()
        assert xpt["AGE"].tolist() == csv["AGE"].astype(float).tolist()


def test_a_parquet_file_whose_notes_to_pandas_are_damaged_is_refused_in_words(tmp_path):
    table = pa.table({"id": ["P1"], "pain": [3]}).replace_schema_metadata({"pandas": '{"columns" 1}'})
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"a\.parquet: the Parquet file cannot be read \(.*Write it again"):
        read_table(tmp_path / "a.parquet", Data(outcomes="a.parquet"))
