"""Where an emulation of SAS begins: the visits its start takes patients to have had."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.mmrm import MMRM, SufficientStatistics
from analysis.mmrm.mivque import remembered_visits

VISITS = ["v1", "v2", "v3", "v4"]
# The search goes on to the same maximum whatever the order of the patients.
ROUNDING = 1e-9


def _trial(patients: dict[object, str], seed: int = 3) -> pd.DataFrame:
    """Patients and the digits of the visits they have a value at."""
    rng = np.random.default_rng(seed)
    rows = [(who, visit) for who in patients for visit in VISITS]
    y = rng.normal(5, 1, len(rows)) + np.repeat(rng.normal(0, 1, len(patients)), len(VISITS))
    seen = [visit[1] in patients[who] for who, visit in rows]
    frame = pd.DataFrame(rows, columns=["id", "visit"])
    return frame.assign(visit=pd.Categorical(frame["visit"], VISITS), y=np.where(seen, y, np.nan))


def _model(frame: pd.DataFrame, covariance: str, **roles: str) -> MMRM:
    return MMRM.from_formula("y ~ 1", frame, subject="id", visit="visit", covariance=covariance, **roles)


def _remembered(frame: pd.DataFrame) -> list[str]:
    design = _model(frame, "cs").design
    visits = [VISITS[k][1] for k in remembered_visits(design)]
    sizes = np.diff(np.append(design.observations.starts, len(visits)))
    cuts = np.cumsum(sizes)[:-1]
    return ["".join(part) for part in np.split(np.array(visits), cuts)]


def test_a_patient_with_as_many_values_as_the_one_before_is_taken_to_have_the_same_visits():
    assert _remembered(_trial({"a": "24", "b": "13", "c": "34", "d": "123", "e": "13"})) == [
        "24", "24", "24", "123", "13",
    ]  # fmt: skip


def test_patients_are_taken_in_the_order_of_their_labels():
    text = _trial({"P2": "12", "P10": "34"})
    assert _remembered(text) == ["34", "34"]
    assert _remembered(_trial({10: "34", 2: "12"})) == ["12", "12"]


def test_a_patient_without_a_value_ends_the_run():
    assert _remembered(_trial({"a": "24", "b": "", "c": "13"})) == ["24", "13"]


def _mixed(order: int) -> pd.DataFrame:
    kinds = ["1234", "13", "24", "124", "134", "14", "123", "23", "1234", "34"] * 6
    names = np.random.default_rng(order).permutation(len(kinds))
    return _trial({f"P{name:02d}": kind for name, kind in zip(names, kinds, strict=True)})


@pytest.mark.parametrize("covariance", ["toep", "ar1h"])
def test_labels_move_the_start_of_an_emulation_and_no_estimate_without_one(covariance):
    plain, emulated = (
        [_model(_mixed(order), covariance).fit(emulate=emulate) for order in (0, 1)]
        for emulate in (None, "sas")
    )
    assert plain[0].llf == pytest.approx(plain[1].llf, rel=ROUNDING)
    first, second = (fit.log["value"].iloc[0] for fit in emulated)
    assert abs(first - second) > 0.01
    for fit in emulated:
        assert fit.llf == pytest.approx(plain[0].llf, abs=1e-3)
        assert fit.llf <= plain[0].llf + ROUNDING


@pytest.mark.parametrize("covariance", ["us", "cs"])
def test_labels_move_no_start_where_pairs_of_visits_are_alike_or_apart(covariance):
    fits = [_model(_mixed(order), covariance).fit(emulate="sas") for order in (0, 1)]
    values = [fit.log["value"].to_numpy() for fit in fits]
    np.testing.assert_allclose(values[0], values[1], rtol=ROUNDING)


def test_an_emulation_that_needs_the_order_of_patients_asks_for_their_rows():
    statistics = SufficientStatistics.from_frame("y ~ 1", _mixed(0), subject="id", visit="visit")
    assert MMRM.from_statistics(statistics, covariance="cs").fit(emulate="sas").converged
    with pytest.raises(ModelError, match="needs the patients' rows"):
        MMRM.from_statistics(statistics, covariance="toep").fit(emulate="sas")


def test_patients_weights_are_nothing_that_sas_could_have_used():
    frame = _mixed(0)
    frame["often"] = 1.0 + (frame["id"] > "P30")
    with pytest.raises(ModelError, match="no patients' weights"):
        _model(frame, "us", subject_weights="often").fit(emulate="sas")
