"""Text files as clinics and spreadsheets write them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from analysis.errors import DataError
from analysis.readers.table import Table, read_table
from analysis.studies.records import Data

# A million columns are refused from the header alone; reading them would take far longer.
SECONDS_TO_REFUSE = 1.0
# The size of the registry file, with room for a busy machine; 0.5 s when idle.
SECONDS_TO_READ = 3.0


def read(folder: Path, raw: bytes | str, name: str = "a.csv", **data: object) -> Table:
    path = folder / name
    path.write_bytes(raw.encode() if isinstance(raw, str) else raw)
    return read_table(path, Data(outcomes=name, **data))


def refusal(folder: Path, raw: bytes | str, name: str = "a.csv", **data: object) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, raw, name, **data)
    assert caught.value.findings is not None and len(caught.value.findings) == 1
    return str(caught.value)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_common_delimiter_is_found(tmp_path, delimiter):
    lines = ["id x note", "1 3.5 a", "2 4 b"]
    text = "\n".join(line.replace(" ", delimiter) for line in lines)
    frame = read(tmp_path, text).frame
    assert frame["x"].tolist() == ["3.5", "4"]
    assert list(frame.columns) == ["id", "x", "note"]


def test_decimal_commas_do_not_pass_for_delimiters(tmp_path):
    frame = read(tmp_path, "id;pain;age\n1;3,5;40\n2;4,25;50\n").frame
    assert frame["pain"].tolist() == ["3,5", "4,25"]


def test_spaces_and_commas_inside_quotes_stay_in_their_cell(tmp_path):
    frame = read(tmp_path, 'id,what\n1,"pain, back; neck"\n2, a b c\n').frame
    assert frame["what"].tolist() == ["pain, back; neck", " a b c"]


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_every_line_end_gives_the_same_rows(tmp_path, end):
    frame = read(tmp_path, end.join(["id,x", "1,2", "3,4"]) + end).frame
    assert frame["x"].tolist() == ["2", "4"]
    assert frame.index.tolist() == [2, 3]


def test_rows_are_numbered_as_the_spreadsheet_does(tmp_path):
    frame = read(tmp_path, 'id,x\n1,"two\nlines"\n\n3,4\n').frame
    assert frame.index.tolist() == [2, 4]
    assert frame["x"].tolist() == ["two\nlines", "4"]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_unicode_encodings_are_found(tmp_path, encoding):
    table = read(tmp_path, "id,naïve\n1,é\n2,ü\n3,x\n".encode(encoding))
    assert table.frame["naïve"].tolist() == ["é", "ü", "x"]
    assert table.notes == ()


def test_latin_1_is_read_with_a_note(tmp_path):
    table = read(tmp_path, "id,what\n1,crâne\n2,5 € Müller\n".encode("cp1252"))
    assert table.frame["what"].tolist() == ["crâne", "5 € Müller"]
    (note,) = table.notes
    assert note["rule"] == "encoding" and note["file"] == "a.csv"
    assert "Windows-1252" in note["message"] and "line 2" in note["message"]


def test_a_wrong_declared_encoding_is_refused(tmp_path):
    raw = "id\né\n".encode("cp1252")
    assert "line 2 is not text in utf-8" in refusal(tmp_path, raw, encoding="utf-8")
    assert "'klingon', which is not known" in refusal(tmp_path, raw, encoding="klingon")


def test_everything_is_text_and_nothing_is_interpreted(tmp_path):
    frame = read(tmp_path, "id,a,b\n007,NA,\n1e3,null,-\n").frame
    assert frame.to_numpy().tolist() == [["007", "NA", ""], ["1e3", "null", "-"]]
    assert all(str(kind) == "str" for kind in frame.dtypes)


def test_an_empty_file_is_refused(tmp_path):
    assert "empty (0 bytes)" in refusal(tmp_path, b"")
    assert "holds no text" in refusal(tmp_path, b"\n\n")


def test_ragged_rows_are_refused_with_their_rows(tmp_path):
    message = refusal(tmp_path, "id,what\n1,a\n2,a,b\n\n3\n")
    assert "the header (row 1) has 2 cells, but row 3 has 3, row 5 has 1" in message
    assert "Put quotes around" in message


def test_a_title_above_the_header_is_refused_with_advice(tmp_path):
    message = refusal(tmp_path, "Pain in 2004\n\nid,pain\n1,2\n")
    assert "the header (row 1) has 1 cell, but row 3 has 2" in message
    assert "delete lines above the header" in message


def test_empty_cells_after_the_last_column_do_no_harm(tmp_path):
    frame = read(tmp_path, "id,x,,\n1,2,,\n3,4,,\n").frame
    assert list(frame.columns) == ["id", "x"]


def test_duplicate_column_names_are_refused(tmp_path):
    assert "names 'pain' more than once" in refusal(tmp_path, "id,pain,pain\n1,2,3\n")


def test_row_names_of_r_are_left_aside_with_a_note(tmp_path):
    table = read(tmp_path, ',id\n"1",7\n"2",8\n')
    assert table.frame["id"].tolist() == ["7", "8"]
    assert [note["rule"] for note in table.notes] == ["unnamed_column"]


def test_a_column_with_data_and_no_name_is_refused(tmp_path):
    assert "no name for column B" in refusal(tmp_path, "id,,x\n1,2,3\n")


def test_an_open_quotation_mark_is_refused(tmp_path):
    assert "quotation marks" in refusal(tmp_path, 'id,x\n1,"open\n2,3\n')


def test_a_million_columns_are_refused_quickly(tmp_path):
    raw = ",".join(f"c{n}" for n in range(1_000_000)) + "\n" + ",".join("1" * 1_000_000) + "\n"
    (tmp_path / "a.csv").write_text(raw)
    start = time.process_time()
    with pytest.raises(DataError, match="at most 10,000 are read"):
        read_table(tmp_path / "a.csv", Data(outcomes="a.csv"))
    assert time.process_time() - start < SECONDS_TO_REFUSE


def test_columns_beyond_the_limit_are_refused_in_a_short_header_too(tmp_path):
    header = ",".join(f'"{n}"' for n in range(10_001))
    assert "10,001 columns" in refusal(tmp_path, header + "\n")


def test_binary_data_called_csv_are_refused(tmp_path):
    assert "not text but binary" in refusal(tmp_path, b"\x00\x01\x02\x00\x00\x00" * 100)
    assert "holds an Excel workbook" in refusal(tmp_path, b"PK\x03\x04rest")
    assert "holds Parquet" in refusal(tmp_path, b"PAR1rest")


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match=r"no\.csv: the file is not there"):
        read_table(tmp_path / "no.csv", Data(outcomes="no.csv"))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(DataError, match="this is a folder"):
        read_table(tmp_path / "folder.csv", Data(outcomes="folder.csv"))


def test_an_unknown_ending_is_refused_with_those_that_are_known(tmp_path):
    assert ".csv, .tsv" in refusal(tmp_path, "id\n1\n", "a.docx")
    assert "Save it as .xlsx" in refusal(tmp_path, b"\xd0\xcf\x11\xe0", "a.xls")


def test_the_declared_delimiter_is_used(tmp_path):
    assert read(tmp_path, "id;a,b\n1;2,3\n", delimiter=";").frame["a,b"].tolist() == ["2,3"]
    assert read(tmp_path, "id\ta\n1\t2\n", delimiter="\\t").frame["a"].tolist() == ["2"]
    assert "must be one character" in refusal(tmp_path, "id\n", delimiter="::")


def test_the_digest_is_that_of_the_bytes(tmp_path):
    table = read(tmp_path, "id\n1\n")
    # printf 'id\n1\n' | sha256sum
    assert table.sha256 == "7cde7fb64fd82bd152710cf238e017b9ab46c0592483edc067ba4f6c75fac108"


def test_the_registry_reads_in_good_time(shared_data):
    start = time.process_time()
    table = read_table(shared_data / "trials" / "alter2021_choir_registry.csv", Data(outcomes="a"))
    assert time.process_time() - start < SECONDS_TO_READ
    assert table.frame.shape == (21_659, 92)


def test_originals_with_carriage_returns_read_like_their_conversions(shared_data):
    trials = shared_data / "trials"
    for name in ("xoverBOCF", "xoverPP", "Parallel", "Baselines", "Demographics", "Dose"):
        file = f"dinat2015_{name}.csv"
        ours = read_table(trials / "original" / file, Data(outcomes=file)).frame
        assert len(ours) > 100
        assert ours.equals(read_table(trials / file, Data(outcomes=file)).frame)
