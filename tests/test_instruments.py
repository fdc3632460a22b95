"""Instruments: what the registry holds and how one is found."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from analysis.instruments import INSTRUMENTS, Instrument, find_instrument

OWN = Instrument(key="MINE", name="Mine", low=0, high=4, direction="higher_is_better")


@pytest.mark.parametrize(
    ("key", "change", "source"),
    [
        ("NRS", 2, "Ostelo 2008"),
        ("VAS10", 1.5, "Ostelo 2008"),
        ("VAS100", 15, "Ostelo 2008"),
        ("RMDQ", 5, "Ostelo 2008"),
        ("ODI", 10, "Ostelo 2008"),
        ("BPI_INTERFERENCE", 1, "Dworkin 2008"),
    ],
)
def test_a_minimal_important_change_is_that_of_its_source(key, change, source):
    instrument = INSTRUMENTS[key]
    assert instrument.minimal_important_change == change
    assert source in instrument.citation and "doi:10." in instrument.citation


def test_an_instrument_without_a_minimal_important_change_says_so():
    without = [i for i in INSTRUMENTS.values() if i.minimal_important_change is None]
    assert {i.key for i in without} >= {"PEG", "SF36_PAIN", "HEADACHE", "BPI_INTENSITY"}
    assert all("minimal important change is given" in i.citation for i in without)


def test_only_health_and_function_scores_are_better_when_higher():
    higher = {key for key, i in INSTRUMENTS.items() if i.direction == "higher_is_better"}
    assert higher == {"SF36_PAIN", "PROMIS_PHYSICAL_FUNCTION"}


def test_ranges_hold_a_minimal_important_change():
    for instrument in INSTRUMENTS.values():
        width = instrument.high - instrument.low
        assert 0 < (instrument.minimal_important_change or width / 2) < width


def test_an_instrument_of_the_study_comes_before_a_registered_one():
    wide = Instrument(key="NRS", name="NRS, 0 to 20", low=0, high=20, direction="lower_is_better")
    assert find_instrument("NRS").high == 10
    assert find_instrument("NRS", [wide]).high == 20
    assert find_instrument("MINE", [OWN]) is OWN


def test_an_unknown_instrument_is_named_with_those_there_are():
    with pytest.raises(KeyError, match=r"'NRZ' is not known; there are NRS, VAS10.*MINE"):
        find_instrument("NRZ", [OWN])


def test_the_registry_cannot_be_changed():
    with pytest.raises(TypeError):
        INSTRUMENTS["NRS"] = OWN
    with pytest.raises(ValidationError, match="frozen"):
        INSTRUMENTS["NRS"].high = 100


@pytest.mark.parametrize("change", [0, -1, float("nan"), float("inf")])
def test_a_minimal_important_change_is_a_positive_number(change):
    with pytest.raises(ValidationError):
        Instrument.model_validate({**OWN.model_dump(), "minimal_important_change": change})
