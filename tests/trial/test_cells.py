"""One column as text, numbers and dates."""

from __future__ import annotations

import datetime

import numpy as np
import pandas as pd
import pytest

from analysis.trial.cells import Cells, cell_text, cells_of, code_key
from analysis.trial.dates import dates_of
from analysis.trial.numerals import numbers_of


def column(*texts: object, missing: tuple[str, ...] = ("NA", ".")) -> Cells:
    index = pd.RangeIndex(2, len(texts) + 2)
    return cells_of(pd.Series(list(texts), index=index, name="c", dtype="object"), missing)


def numbers(*texts: object, decimal: str | None = None, codes: tuple[object, ...] = ()):
    cells = column(*texts)
    return numbers_of(cells, np.ones(len(texts), bool), decimal=decimal, missing_codes=codes)


def dates(*texts: object, order: str | None = None):
    cells = column(*texts)
    return dates_of(cells, np.ones(len(texts), bool), order=order)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (" a ", "a"), (1.0, "1"), (2.5, "2.5"), (np.int64(3), "3"), (None, ""), (np.nan, ""),
        (True, "1"), (datetime.date(2004, 3, 5), "2004-03-05"), (pd.NaT, ""),
        (pd.Timestamp("2004-03-05"), "2004-03-05"), (b"x ", "x"), (1e20, "1e+20"),
        (pd.Timestamp("2004-03-05 10:30"), "2004-03-05 10:30:00"),
    ],
)  # fmt: skip
def test_cells_of_any_type_become_text(value, text):
    assert cell_text(value) == text


def test_one_code_is_the_same_however_it_is_written():
    assert {code_key(code) for code in ("1", 1, 1.0, "1.0", " 1 ", "01")} == {"1"}
    assert code_key("1a") == "1a" and code_key("-9") == code_key(-9.0) == "-9"


def test_signs_for_missing_are_blank():
    assert column("1", " NA", ".", "", None, "x").blank.tolist() == [False, *[True] * 4, False]


def test_lists_in_cells_become_text():
    assert column([1, 2], [1, 2]).text.tolist() == ["[1, 2]", "[1, 2]"]


def test_numbers_read_with_a_point():
    read = numbers("3.5", "-1", "+2", "1e1", ".5", "\N{MINUS SIGN}4", 7)
    assert read.values.tolist() == [3.5, -1, 2, 10, 0.5, -4, 7]
    assert read.findings == ()


def test_decimal_commas_are_found_and_told():
    read = numbers("3,5", "4", "10,25", None)
    assert read.values.tolist()[:3] == [3.5, 4, 10.25]
    (note,) = read.findings
    assert note["severity"] == "note" and "'3,5', '10,25'" in note["message"]


def test_declared_decimal_commas_need_no_note():
    assert numbers("3,5", decimal=",").findings == ()


def test_a_point_among_declared_decimal_commas_is_an_error():
    read = numbers("3,5", "4.5", decimal=",")
    assert read.findings[0]["row"] == 3
    assert "read with the decimal sign ','" in read.findings[0]["message"]


def test_a_comma_among_decimal_points_is_an_error():
    read = numbers("3.5", "4,5")
    assert read.unreadable.tolist() == [False, True]
    assert read.findings[0]["value"] == "4,5"


def test_thousands_or_decimals_are_not_guessed():
    (error,) = numbers("1,234", "5").findings
    assert error["severity"] == "error" and error["row"] == 2
    assert "could be read two ways (decimal comma or thousands)" in error["message"]
    assert numbers("1,234", decimal=",").values.tolist() == [1.234]
    assert numbers("0,125", "1,234").values.tolist() == [0.125, 1.234]


@pytest.mark.parametrize(
    "text", ["abc", "<5", "3-4", "5 mg", "inf", "1_000", "0x10", "nan?", "1 2"]
)
def test_text_that_is_no_number_is_an_error_with_its_row(text):
    (error,) = numbers("1", text).findings
    assert (error["rule"], error["row"], error["column"]) == ("unreadable_number", 3, "c")
    assert error["value"] == text and "missing_codes" in error["message"]


def test_missing_codes_are_counted_apart_from_blanks():
    read = numbers("-9", -9.0, "", "<undefined>", "9", codes=(-9, "<undefined>"))
    assert read.coded.tolist() == [True, True, False, True, False]
    assert read.blank.tolist() == [False, False, True, False, False]
    assert read.values[4] == 9 and not read.findings


def test_cells_that_do_not_count_raise_nothing():
    cells = column("1", "abc")
    read = numbers_of(cells, np.array([True, False]))
    assert read.findings == () and np.isnan(read.values[1])


@pytest.mark.parametrize(
    "text", ["2000-04-13", "2000/4/13", "13 Apr 2000", "13-APR-2000", "13APR2000", "13 April 2000",
             "2000-04-13T08:30:00", "13/04/2000", "13.4.2000", "4/13/2000"],
)  # fmt: skip
def test_dates_that_can_be_read_in_one_way_need_no_order(text):
    read = dates(text, datetime.datetime(2000, 4, 13))
    assert read.findings == () and read.days[0] == read.days[1]


def test_dates_that_could_be_read_two_ways_are_an_error():
    (error,) = dates("5/4/2000", "6/5/2000", "7/7/2000").findings
    assert (error["rule"], error["severity"], error["row"]) == ("ambiguous_date", "error", 2)
    assert "2 dates such as '5/4/2000' could be read two ways" in error["message"]
    assert "day_first or month_first" in error["message"]


def test_the_error_says_what_the_other_dates_can_only_be():
    (error,) = dates("5/4/2000", "13/04/2000", "24/12/2000").findings
    assert "day_first, as 2 other dates here can only be" in error["message"]
    (error,) = dates("5/4/2000", "04/13/2000").findings
    assert "month_first, as 1 other dates here can only be" in error["message"]


def test_a_declared_order_settles_it():
    day, month = (dates("5/4/2000", order=order).days[0] for order in ("day_first", "month_first"))
    assert (day, month) == tuple(dates("2000-04-05", "2000-05-04").days)


@pytest.mark.parametrize("text", ["5/4/00", "31/04/2000", "2000-02-30", "soon", "36620"])
def test_what_is_no_date_is_an_error_with_its_row(text):
    (error,) = dates(text).findings
    assert (error["rule"], error["row"]) == ("unreadable_date", 2)
    assert "Write it as 2004-03-15" in error["message"]


def test_a_date_against_the_declared_order_is_an_error():
    (error,) = dates("13/04/2000", order="month_first").findings
    assert "with dates declared as month_first" in error["message"]


def test_characters_that_cannot_be_seen_are_written_out():
    assert cell_text("a\x1b[31m\u202eb") == "a\\x1b[31m\\u202eb"
    assert cell_text("Übung\u00a0für\tzwei\n") == "Übung\u00a0für\tzwei"
