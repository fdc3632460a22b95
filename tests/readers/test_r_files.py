"""Data frames in files of R: written here by rdata, read back, or refused in words."""

from __future__ import annotations

import bz2
import datetime
import gzip
import lzma
import random
import struct
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import rdata
from r_writing import Frame, Vector, factor, integers, named, texts, write
from rdata.conversion.to_r import build_r_object
from rdata.parser import RObjectType

from analysis.errors import DataError
from analysis.readers import r_objects
from analysis.readers.table import read_table
from analysis.studies.records import Data

SMALL = Frame({"id": texts("P1", "P2", "P3"), "pain": np.array([3.5, np.nan, 4.0])})
END = struct.pack(">i", 254)


def read(path, **data):
    return read_table(path, Data(outcomes=path.name, **data))


def frame_of(path, **columns):
    return read(write(path, {"d": Frame(columns)})).frame


@pytest.mark.parametrize("name", ["a.rda", "a.RData", "a.rds"])
@pytest.mark.parametrize("file_format", ["xdr", "ascii"])
@pytest.mark.parametrize("compression", [None, "gzip", "bzip2", "xz"])
def test_every_way_to_save_a_data_frame_reads_alike(tmp_path, name, file_format, compression):
    content = SMALL if name.endswith("rds") else {"d": SMALL}
    path = write(tmp_path / name, content, file_format=file_format, compression=compression)
    frame = read(path).frame
    assert frame["id"].tolist() == ["P1", "P2", "P3"]
    assert frame["pain"].tolist()[::2] == [3.5, 4.0] and np.isnan(frame["pain"].iloc[1])
    assert frame.index.tolist() == [2, 3, 4]


@pytest.mark.parametrize("version", [2, 3])
def test_both_versions_of_the_format_are_read(tmp_path, version):
    assert read(write(tmp_path / "a.rds", SMALL, format_version=version)).frame.shape == (3, 2)


def test_factors_become_their_labels_and_missing_stays_missing(tmp_path):
    frame = frame_of(
        tmp_path / "a.rda", arm=factor([2, None, 1], ["Usual care", "Massage"]),
        grade=factor([1, 1, 2], ["low", "high"], "ordered", "factor"),
    )  # fmt: skip
    assert frame["arm"].tolist() == ["Massage", None, "Usual care"]
    assert frame["grade"].tolist() == ["low", "low", "high"]


def test_integers_logicals_and_texts_keep_what_is_missing(tmp_path):
    path = write(tmp_path / "a.rda", {"d": Frame({
        "n": integers(1, None, -3), "yes": np.ma.array([True, False, True], mask=[0, 0, 1]),
        "t": texts("é", None, ""), "x": np.array([np.nan, np.inf, 1e-300]),
    })})  # fmt: skip
    table = read(path)
    frame = table.frame
    assert frame["n"].isna().tolist() == [False, True, False] and frame["n"].iloc[2] == -3
    assert frame["yes"].tolist() == [True, False, None]
    assert table.labels["yes"] == {True: "TRUE", False: "FALSE"}
    assert frame["t"].tolist() == ["é", None, ""]
    assert frame["x"].tolist()[1:] == [np.inf, 1e-300]


def test_dates_and_times_are_those_that_r_shows(tmp_path):
    days = Vector(np.array([0.0, np.nan, 19000.9]), {"class": texts("Date")})
    whole = Vector(integers(-719162, None, 2932896), {"class": texts("Date")})
    # 2024-03-31 00:30 UTC is 01:30 in Berlin, half an hour before the clock jumps.
    zone = {"class": texts("POSIXct", "POSIXt"), "tzone": texts("Europe/Berlin")}
    times = Vector(np.array([1711845000.0, np.nan, 1711848600.0]), zone)
    frame = frame_of(tmp_path / "a.rda", day=days, whole=whole, time=times)
    assert frame["day"].tolist() == [datetime.date(1970, 1, 1), None, datetime.date(2022, 1, 8)]
    assert frame["whole"].tolist() == [datetime.date(1, 1, 1), None, datetime.date(9999, 12, 31)]
    assert frame["time"].tolist() == [
        datetime.datetime(2024, 3, 31, 1, 30), None, datetime.datetime(2024, 3, 31, 3, 30),
    ]  # fmt: skip


def test_a_time_without_a_zone_is_read_as_utc_with_a_note(tmp_path):
    for zone in ("", "Nowhere/Town"):
        about = {"class": texts("POSIXct", "POSIXt"), "tzone": texts(zone)}
        table = read(write(tmp_path / "a.rda", {"d": Frame({"t": Vector(np.array([3600.0]), about)})}))
        assert table.frame["t"].tolist() == [datetime.datetime(1970, 1, 1, 1)]
        (note,) = table.notes
        assert (note["rule"], note["severity"], note["column"]) == ("no_time_zone", "note", "t")


def test_a_day_beyond_the_calendar_stays_a_number(tmp_path):
    days = Vector(np.array([1e12, -np.inf, 0.0]), {"class": texts("Date")})
    assert frame_of(tmp_path / "a.rda", d=days)["d"].tolist() == [1e12, -np.inf, datetime.date(1970, 1, 1)]


def test_text_that_says_it_is_a_date_stays_text(tmp_path):
    assert frame_of(tmp_path / "a.rda", d=Vector(texts("x"), {"class": texts("Date")}))["d"].tolist() == ["x"]


def test_labels_of_haven_stay_beside_the_values(tmp_path):
    labelled = {
        "class": texts("haven_labelled", "vctrs_vctr", "double"), "label": texts("Treatment"),
        "labels": named(np.array([1.0, 2.0]), "Usual care", "Massage"),
    }  # fmt: skip
    words = {"class": texts("haven_labelled"), "labels": named(texts("m"), "male")}
    table = read(write(tmp_path / "a.rda", {"d": Frame({
        "arm": Vector(np.array([1.0, 2.0, np.nan]), labelled), "sex": Vector(texts("m", "f", None), words),
    })}))  # fmt: skip
    assert table.labels["arm"] == {1.0: "Usual care", 2.0: "Massage"}
    assert table.labels["sex"] == {"m": "male"}
    assert table.descriptions == {"arm": "Treatment"}
    assert table.frame["arm"].tolist()[:2] == [1.0, 2.0]


def test_values_declared_missing_are_missing_with_a_note(tmp_path):
    about = {"class": texts("haven_labelled_spss", "haven_labelled"), "na_values": np.array([99.0]),
             "na_range": np.array([-9.0, -1.0])}  # fmt: skip
    table = read(write(tmp_path / "a.rds", Frame({"pain": Vector(np.array([3.0, 99.0, -5.0]), about)})))
    assert table.frame["pain"].isna().tolist() == [False, True, True]
    assert "declares -5.0, 99.0 as missing; 2 values" in table.notes[0]["message"]


def test_long_integers_and_sequences_are_numbers(tmp_path):
    raw = np.array([2**53 + 1, np.iinfo(np.int64).min], dtype=np.int64).view(np.float64)
    frame = frame_of(tmp_path / "a.rda", id=Vector(raw, {"class": texts("integer64")}), n=pd.RangeIndex(4, 6))
    assert frame["id"].tolist() == [2**53 + 1, None]
    assert frame["n"].tolist() == [4, 5]


def test_text_made_of_numbers_and_not_yet_written_out_is_text(tmp_path):
    # as.character(1:3) is kept as the numbers until somebody asks for a text.
    def deferred(_: object, converter: object):
        kind = [converter.convert_to_r_sym(part) for part in ("deferred_string", "base")]
        number = converter.convert_to_r_object(RObjectType.STR.value)
        tail = build_r_object(RObjectType.NILVALUE)
        info = tail
        for part in reversed([*kind, number]):
            info = build_r_object(RObjectType.LIST, value=(part, info))
        values = [converter.convert_to_r_object(v) for v in (integers(1, None, 30), integers(0))]
        state = build_r_object(RObjectType.LIST, value=tuple(values))
        return build_r_object(RObjectType.ALTREP, value=(info, state, tail))

    known = {**rdata.conversion.to_r.DEFAULT_CLASS_MAP, range: deferred}
    rdata.write_rds(tmp_path / "b.rds", range(3), constructor_dict=known)
    (found,) = r_objects.contents_of(tmp_path / "b.rds").objects
    assert [text.value for text in found[1].value] == [b"1", None, b"30"]


def test_names_of_rows_that_say_something_are_a_column(tmp_path):
    path = write(tmp_path / "a.rda", {"d": Frame({"x": np.array([1.0, 2.0])}, ["P1", "P2"])})
    assert read(path).frame["(row names)"].tolist() == ["P1", "P2"]
    path = write(tmp_path / "b.rda", {"d": Frame({"x": np.array([1.0, 2.0])}, ["1", "2"])})
    assert list(read(path).frame) == ["x"]


def test_tibbles_and_data_tables_are_data_frames(tmp_path):
    for classes in (("tbl_df", "tbl", "data.frame"), ("data.table", "data.frame")):
        path = write(tmp_path / "a.rds", Frame({"x": np.array([1.0])}, classes=classes))
        assert read(path).frame["x"].tolist() == [1.0]


def test_what_is_no_plain_column_is_left_out_with_a_note(tmp_path):
    matrix = Vector(np.array([1.0, 2.0, 3.0, 4.0]), {"dim": integers(2, 2)})
    odd = Frame({"x": np.array([1.0, 2.0]), "m": matrix, "z": [1, 2]})
    table = read(write(tmp_path / "a.rda", {"d": odd}))
    assert list(table.frame) == ["x"]
    assert [(note["rule"], note["column"]) for note in table.notes] == [
        ("column_left_out", "m"), ("column_left_out", "z"),
    ]  # fmt: skip


def test_the_data_frame_is_found_among_other_objects(tmp_path):
    content = {"note": texts("made in May"), "pain": SMALL, "k": np.array([1.0])}
    assert len(read(write(tmp_path / "a.RData", content)).frame) == 3


def test_of_several_data_frames_the_study_file_names_one(tmp_path):
    wide = Frame({"y": np.array([7.0])})
    path = write(tmp_path / "a.rda", {"long": SMALL, "x": np.array([1.0]), "wide": wide})
    with pytest.raises(DataError, match=r"several data frames: 'long', 'wide'\. Name one .* data\.sheet"):
        read(path)
    assert list(read(path, sheet="wide").frame) == list(read(path, sheet=2).frame) == ["y"]
    for wrong in ("x", 3, 0):
        with pytest.raises(DataError, match=f"no data frame '{wrong}'; the file holds 'long', 'wide'"):
            read(path, sheet=wrong)
    with pytest.raises(DataError, match=r"holds one without a name\. Leave data\.sheet out"):
        read(write(tmp_path / "a.rds", SMALL), sheet="long")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ({"m": Vector(np.array([1.0, 2.0]), {"dim": integers(1, 2)})}, r"'m \(matrix\)'"),
        ({"l": [SMALL, 1], "v": texts("a")}, r"'l \(list\)', 'v \(vector\)'"),
        (np.array([1.0]), r"'an object \(vector\)'"),
        (None, r"'an object \(NULL\)'"),
    ],
    ids=["matrix", "list and vector", "bare vector", "NULL"],
)
def test_a_file_without_a_data_frame_says_what_it_holds(tmp_path, content, what):
    path = write(tmp_path / ("a.rda" if isinstance(content, dict) else "a.rds"), content)
    with pytest.raises(DataError, match=f"holds no data frame, but {what}. Save one in R"):
        read(path)


def closure(code: str) -> bytes:
    """A workspace with a function whose body would call `code`, and its arguments a promise."""
    symbol = struct.pack(">iiii", 1, 0x00040009, len(code), 0)[:12] + code.encode()
    call = struct.pack(">i", 6) + symbol + END
    name = struct.pack(">iii", 1, 0x00040009, 1) + b"f"
    function = struct.pack(">i", 0x403) + struct.pack(">i", 253) + END + call
    versions = struct.pack(">iii", 2, 0x40201, 0x20300)
    return b"RDX2\nX\n" + versions + struct.pack(">i", 0x402) + name + function + END


def test_code_in_a_file_is_not_run(tmp_path, monkeypatch):
    ran = []
    for name in ("system", "popen"):
        monkeypatch.setattr(f"os.{name}", lambda *args: ran.append(args))
    monkeypatch.setattr("builtins.eval", lambda *args: ran.append(args))
    (tmp_path / "a.rda").write_bytes(closure("os.system"))
    with pytest.raises(DataError, match=r"'f \(function\)'"):
        read(tmp_path / "a.rda")
    assert ran == []


@pytest.mark.parametrize(
    ("name", "raw", "message"),
    [
        ("a.rda", b"id,pain\nP1,3\n", "says data of R, but the file holds text"),
        ("a.rds", b"PK\x03\x04", "says data of R, but the file holds an Excel workbook"),
        ("a.csv", b"RDX3\nX\n", "says text, but the file holds data of R"),
        ("a.rda", gzip.compress(b"id,pain\nP1,3\n"), "is none of R"),
        ("a.rda", b"RDX3\nX\n", r"damaged, or is none of R"),
        ("a.rds", b"X\n\x00\x00", r"damaged, or is none of R"),
        ("a.rds", b"A\nid\n", r"damaged, or is none of R"),
        ("a.rda", b"RDX3\n", "is none of R"),
        ("a.rda", b"\x1f\x8b\x08 and nothing more", "damaged and cannot be unpacked|cut off"),
        ("a.rda", gzip.compress(b"RDX3\nX\n" + bytes(900))[:-9], "its end is missing|cannot be unpacked"),
        ("a.rda", bz2.compress(b"RDX3\nX\n")[:-3], "its end is missing"),
        ("a.rda", lzma.compress(b"RDX3\nX\n")[:20], "its end is missing|cannot be unpacked"),
    ],
    ids=lambda value: value[:28] if isinstance(value, str) else "",
)
def test_a_file_that_is_none_of_r_or_damaged_is_refused_in_words(tmp_path, name, raw, message):
    (tmp_path / name).write_bytes(raw)
    with pytest.raises(DataError, match=message) as caught:
        read(tmp_path / name)
    assert str(caught.value).startswith(f"{name}: ") and caught.value.findings is not None


def header(version: int = 2) -> bytes:
    return b"X\n" + struct.pack(">iii", version, 0x40201, 0x20300)


@pytest.mark.parametrize(
    "raw",
    [
        header() + struct.pack(">ii", 19, 300_000) + END * 300_000,
        header() + struct.pack(">iii", 21, 2_000_000_000, 1),
        header() + struct.pack(">iii", 21, 4_000_000, 1) + END * 4_000_000,
        header() + struct.pack(">ii", 14, -1) + bytes(80),
        header() + struct.pack(">ii", 16, 2_000_000_000) + END,
        header() + struct.pack(">i", 0x402) * 5_000 + END,
    ],
    ids=["300,000 nothings", "a list of 2e9 places", "a list of 4e6 places", "less than nothing",
         "2e9 texts", "a thousand deep"],
)  # fmt: skip
def test_a_bomb_is_refused(tmp_path, raw):
    (tmp_path / "a.rds").write_bytes(gzip.compress(raw))
    with pytest.raises(DataError, match=r"than (is|are) read|is damaged"):
        read(tmp_path / "a.rds")


def test_a_file_that_unpacks_to_far_more_than_it_is_is_refused(tmp_path):
    for name, pack in (("a", gzip.compress), ("b", bz2.compress), ("c", lzma.compress)):
        (tmp_path / f"{name}.rda").write_bytes(pack(b"RDX3\nX\n" + bytes(30_000_000)))
        with pytest.raises(DataError, match=r"unpacks to more than 20,000,000 bytes\. Save the data frame"):
            read(tmp_path / f"{name}.rda")


def test_a_sequence_that_would_fill_the_memory_is_refused(tmp_path):
    rdata.write_rds(tmp_path / "a.rds", pd.RangeIndex(1, 2_000_000_000))
    with pytest.raises(DataError, match="more than is read of a file of R"):
        read(tmp_path / "a.rds")


def test_a_vector_of_another_package_is_refused_by_its_name(tmp_path):
    rdata.write_rds(tmp_path / "a.rds", pd.RangeIndex(1, 3), compression=None)
    raw = (tmp_path / "a.rds").read_bytes()
    (tmp_path / "a.rds").write_bytes(raw.replace(b"compact_intseq", b"vroom_chr_____"))
    with pytest.raises(DataError, match=r"a package of R keeps in a form of its own \(vroom_chr"):
        read(tmp_path / "a.rds")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"a": np.array([1.0]), "b": np.array([1.0, 2.0])}, "parts do not fit together"),
        ({"f": factor([3], ["one"])}, "parts do not fit together"),
        ({"f": factor([0], ["one"])}, "parts do not fit together"),
        ({"f": Vector(np.array([1.0]), factor([1], ["a"]).attributes)}, "parts do not fit"),
        ({"f": Vector(integers(1), {"class": texts("factor")})}, "parts do not fit together"),
        ({"": np.array([1.0])}, "no name|empty"),
        ({"a": np.array([1.0]), " a ": np.array([1.0])}, "'a' more than once"),
        ({}, "has no columns"),
        ({"a": [1.0]}, "no column of the data frame can be read"),
    ],
    ids=["lengths", "level", "level 0", "factor of numbers", "no levels", "no name", "name twice",
         "no columns", "lists only"],
)  # fmt: skip
def test_a_data_frame_that_does_not_fit_together_is_refused(tmp_path, columns, message):
    path = write(tmp_path / "a.rds", Frame(columns))
    with pytest.raises(DataError, match=message):
        read(path)


def test_text_in_another_encoding_is_found_or_declared(tmp_path):
    # Version 2 with text that says no encoding, as R on Windows wrote it for years.
    raw = header() + struct.pack(">iiii", 16, 1, 9, 5) + b"Th\xe9\xef\xdf"
    about = (
        struct.pack(">iiii", 0x402, 1, 0x40009, 5) + b"names" + struct.pack(">iiii", 16, 1, 0x40009, 1) + b"t"
        + struct.pack(">iiii", 0x402, 1, 0x40009, 5) + b"class"
        + struct.pack(">iiii", 16, 1, 0x40009, 10) + b"data.frame" + END
    )  # fmt: skip
    column = raw[len(header()) :]
    (tmp_path / "a.rds").write_bytes(header() + struct.pack(">ii", 0x313, 1) + column + about)
    table = read(tmp_path / "a.rds")
    assert table.frame["t"].tolist() == ["Théïß"] and table.notes[0]["rule"] == "encoding"
    declared = read(tmp_path / "a.rds", encoding="iso8859_7")
    assert declared.frame["t"].tolist() == [b"Th\xe9\xef\xdf".decode("iso8859_7")]
    assert not declared.notes
    with pytest.raises(DataError, match=r"data\.encoding is 'rot13', which is not known"):
        read(tmp_path / "a.rds", encoding="rot13")


def test_spoilt_files_are_read_or_refused_and_nothing_else(tmp_path):
    content = {"d": Frame({
        "id": texts("P1", "P2"), "arm": factor([1, 2], ["a", "b"]), "n": integers(1, None),
        "day": Vector(np.array([0.0, 1.0]), {"class": texts("Date"), "label": texts("Day")}),
        "time": Vector(np.array([0.0, 1.0]), {"class": texts("POSIXct"), "tzone": texts("UTC")}),
        "s": Vector(np.array([0.0, 1.0]), {"labels": named(np.array([1.0]), "x"), "na_values": integers(0)}),
        "k": pd.RangeIndex(1, 3),
    })}  # fmt: skip
    refused = 0
    for file_format in ("xdr", "ascii"):
        raw = write(tmp_path / "a.rda", content, file_format=file_format, compression=None).read_bytes()
        for number in range(400):
            rng = random.Random(number)
            spoilt = bytearray(raw)
            for _ in range(rng.choice((1, 1, 2, 6))):
                place = rng.randrange(7, len(spoilt))
                spoilt[place] = rng.choice((0, 1, 9, 16, 19, 238, 254, 255, rng.randrange(256)))
            if rng.random() < 0.2:
                del spoilt[rng.randrange(7, len(spoilt)) :]
            (tmp_path / "b.rda").write_bytes(spoilt)
            try:
                read(tmp_path / "b.rda")
            except DataError as error:
                refused += 1
                assert len(str(error)) > 30
    assert 200 < refused < 800


def test_texts_come_fast_and_the_same_text_is_kept_once(tmp_path):
    many = Frame({"t": texts(*(["Usual care", "Massage", "None"] * 3_000))})
    path = write(tmp_path / "a.rds", many)
    (found,) = r_objects.contents_of(path).objects
    column = found[1].value[0].value
    assert len(column) == 9_000 and len({id(part) for part in column}) == 3
    assert all(a is not b for a, b in pairwise(column[:3]))
