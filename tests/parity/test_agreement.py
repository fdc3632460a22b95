"""The tables of agreement: complete, the same on every machine, and unable to hide a difference."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ReliefError
from analysis.figures import plot_agreement
from analysis.parity import (
    PAIN,
    agreed_digits,
    agreement_by_method,
    agreement_by_quantity,
    agreement_by_sas_method,
    agreement_with_r,
    agreement_with_sas,
    parity_sentence,
    real_data,
    reference_beside,
)
from analysis.parity.agreement import FLOOR, bounded
from analysis.parity.pairs import QUANTITIES, Pair
from analysis.parity.studies import FEV

REFERENCE = Path(__file__).parents[1] / "reference"
FILE = "own_pain150_us_base_by_visit"


@pytest.fixture(scope="module")
def pain() -> pd.DataFrame:
    return PAIN.read(REFERENCE / "pain150.csv")


@pytest.fixture(scope="module")
def found(pain) -> pd.DataFrame:
    return agreement_with_r(PAIN, pain, REFERENCE, [FILE])


def _rows(*differences: float, promised: float = 1e-6) -> pd.DataFrame:
    return pd.DataFrame(
        {"data": "R", "quantity": "df", "structure": "us", "method": "residual", "values": 1,
         "difference": differences, "promised": promised}
    )  # fmt: skip


def _numbers(value: object) -> int:
    if isinstance(value, dict):
        if value.get("L") == []:
            return 0
        return sum(_numbers(part) for name, part in value.items() if name != "L")
    if isinstance(value, list):
        return sum(map(_numbers, value))
    return int(isinstance(value, int | float) and not isinstance(value, bool))


def test_every_number_of_a_file_is_counted(found):
    reference = json.loads((REFERENCE / f"{FILE}.json").read_text(encoding="utf-8"))
    methods = reference["methods"]
    one = {name: sum(_numbers(v) for k, v in entry.items() if k in QUANTITIES)
           for name, entry in methods.items()}  # fmt: skip
    counted = found.groupby("method")["values"].sum()
    assert counted["Satterthwaite"] == one["Satterthwaite"]
    assert counted["Kenward-Roger, first order"] == one["KenwardRogerLinear"]
    # R's default is compared in estimates and degrees of freedom, R's linear variant in everything.
    assert one["KenwardRogerLinear"] < counted["Kenward-Roger"] < 2 * one["KenwardRogerLinear"]
    # The gradient at which R stopped is no number of ours.
    fit = sum(_numbers(v) for k, v in reference.items() if k in QUANTITIES)
    assert counted["the fit"] == fit - 1


def test_all_of_them_keep_the_promise(found):
    assert (found["difference"] <= found["promised"]).all()
    assert f"{found['values'].sum():,} numbers" in parity_sentence(found)
    assert "every one of them" in parity_sentence(found)


def test_a_number_that_is_off_is_told(pain, tmp_path):
    reference = json.loads((REFERENCE / f"{FILE}.json").read_text(encoding="utf-8"))
    reference["methods"]["Satterthwaite"]["coefficients"][3]["df"] *= 1 + 1.5e-5
    (tmp_path / f"{FILE}.json").write_text(json.dumps(reference), encoding="utf-8")
    frame = agreement_with_r(PAIN, pain, tmp_path, [FILE])
    assert "beyond the promise are some of: degrees of freedom" in parity_sentence(frame)
    row = agreement_by_quantity(frame).loc[("degrees of freedom", "R, pain150")]
    assert (row["largest difference"], row["promised"]) == ("≤\xa02e-5", "≤\xa01e-6")
    by_method = agreement_by_method(frame)
    assert by_method.loc[("us", "Satterthwaite"), "degrees of freedom"] == "≤\xa02e-5"
    assert by_method.loc[("us", "Kenward-Roger"), "degrees of freedom"] != "≤\xa02e-5"


@pytest.mark.parametrize(
    ("difference", "shown"),
    [(0.0, "equal"), (1e-16, "≤\xa01e-9"), (9.9e-10, "≤\xa01e-9"), (1.2e-9, "≤\xa02e-9"), (2e-7, "≤\xa02e-7"),
     (3e-4, "≤\xa05e-4"), (7e-3, "≤\xa01e-2"), (1e-3, "≤\xa01e-3")],
)  # fmt: skip
def test_a_difference_is_shown_as_a_bound_above_it(difference, shown):
    table = agreement_by_quantity(_rows(difference))
    assert table["largest difference"].item() == shown


def test_a_bound_is_never_below_its_difference():
    differences = 10 ** np.random.default_rng(1).uniform(-16, 0, 1000)
    bounds = bounded(_rows(*differences))["bound"].to_numpy()
    assert np.all(bounds >= differences)
    assert np.all(bounds <= np.maximum(2.5 * differences, FLOOR) * (1 + 1e-9))


def test_rounding_of_another_machine_changes_no_cell(found):
    rng = np.random.default_rng(2)
    moved = found.assign(difference=found["difference"] * rng.uniform(0.5, 2, len(found)))
    pd.testing.assert_frame_equal(agreement_by_method(found), agreement_by_method(moved))


def test_a_promise_below_the_floor_is_shown_as_itself():
    row = agreement_by_quantity(_rows(1e-14, promised=1e-10)).iloc[0]
    assert (row["largest difference"], row["promised"]) == ("≤\xa01e-10", "≤\xa01e-10")


def test_differences_are_in_the_unit_of_the_tolerance():
    pair = Pair("estimate", np.array([1.0 + 1e-8, 1e-9]), np.array([1.0, 0.0]))
    # A zero counts as the size at which the absolute tolerance takes over: 1e-9 / 1e-7.
    np.testing.assert_allclose(pair.differences(), [1e-8 / 1.01, 1e-7], rtol=1e-6)
    assert pair.promised == 1e-7


def test_the_figure_shows_a_point_for_each_quantity_and_data_set(found):
    frame = agreed_digits(pd.concat([found, found.assign(data="another")]))
    axes = plot_agreement(frame)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["R, pain150", "another"]
    points = [line.get_xdata() for line in axes.lines]
    assert sum(map(len, points)) == len(frame)
    assert min(map(min, points)) >= -np.log10(frame["promised"].map(lambda d: 10**-d).max())


def test_sas_is_met_to_its_stopping_rule_and_emulated_to_the_last_digits(
    shared_data, shared_reference
):
    data = FEV.read(shared_data / "reference" / "fev_data.csv")
    listing = shared_reference / "sas_published_fev_arm_effect.csv"
    frame = agreement_with_sas(FEV, data, listing)
    assert (frame["difference"] <= frame["promised"]).all()
    assert set(frame["data"]) == {"SAS", "SAS, emulated"}
    table = agreement_by_sas_method(frame)
    assert len(table) == 32
    assert (table["all three, iterations repeated"] == "≤\xa01e-10").all()
    # Where R's second-order term is R's alone, we are nearer to SAS than R is.
    assert table.loc[("us", "DDFM=KR"), "standard error, R's mmrm"] == "≤\xa02e-2"
    assert table.loc[("us", "DDFM=KR"), "standard error"] == "≤\xa01e-4"


def test_folders_of_real_data_are_asked_for_by_name(monkeypatch, tmp_path):
    monkeypatch.setenv("PAIN_DATA", str(tmp_path / "data"))
    for folder in (real_data, reference_beside):
        with pytest.raises(ReliefError, match="PAIN_DATA"):
            folder()
    (tmp_path / "data" / "reference").mkdir(parents=True)
    (tmp_path / "reference").mkdir()
    assert real_data().parent.name == "data"
    assert reference_beside().parent == tmp_path
    monkeypatch.delenv("PAIN_DATA")
    with pytest.raises(ReliefError, match="Set it"):
        real_data()
