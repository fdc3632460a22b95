"""A fit as its users know it: statsmodels' names, text and HTML, pickles, the same numbers anywhere."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from after_fit import made_up

from analysis.mmrm import MMRM

ROLES = {"subject": "id", "visit": "visit"}
FORMULA = "y ~ base + arm * visit"
ROOT = Path(__file__).parents[2]
# Sums in another order differ in the last digits; a search carries them to where it ends.
OTHER_ORDER = 1e-9


@pytest.fixture(scope="module")
def data():
    return made_up(41, patients=60)


@pytest.fixture(scope="module")
def fit(data):
    return MMRM.from_formula(FORMULA, data, **ROLES).fit(df="kenward-roger")


def test_the_names_of_statsmodels_hold_the_same_numbers_as_the_table(fit):
    table = fit.tidy().set_index("term")
    for name, column in (
        ("params", "estimate"), ("bse", "std_error"), ("df", "df"), ("tvalues", "statistic"),
        ("pvalues", "p_value"),
    ):  # fmt: skip
        np.testing.assert_array_equal(getattr(fit, name), table[column])
    np.testing.assert_array_equal(fit.conf_int(), table[["conf_low", "conf_high"]])
    np.testing.assert_allclose(np.sqrt(np.diag(fit.cov_params())), fit.bse)


def test_residuals_and_fitted_values_add_up_to_the_data(fit, data):
    used = data.dropna()
    np.testing.assert_array_equal(fit.resid.index, used.index)
    np.testing.assert_allclose(fit.resid + fit.fittedvalues, used["y"])
    np.testing.assert_allclose(fit.predict()["predicted"], fit.fittedvalues)


def test_a_fit_in_one_row_counts_what_was_used(fit, data):
    row = fit.glance().iloc[0]
    assert row["nobs"] == data["y"].notna().sum() == fit.patterns["n"] @ fit.patterns.iloc[:, :4].sum(axis=1)
    assert row["n_subjects"] == data.dropna()["id"].nunique()
    assert (row["covariance"], row["df"], row["vcov"]) == ("us", "kenward-roger", "kenward-roger")
    assert row["aic"] == pytest.approx(-2 * fit.llf + 20)


def test_a_pickled_fit_gives_the_same_answers_and_holds_no_patient(data):
    named = data.assign(id="secret" + data["id"])
    for options in ({"df": "kenward-roger"}, {"df": "between-within"}, {"vcov": "CR2"}):
        fit = MMRM.from_formula(FORMULA, named, **ROLES).fit(**options)
        content = pickle.dumps(fit)
        assert b"secret" not in content
        again = pickle.loads(content)
        pd.testing.assert_frame_equal(again.tidy(), fit.tidy())
        assert again.design.frame is None


def test_simulated_outcomes_have_the_model_they_came_from(fit):
    one, other = fit.simulate(seed=3, n_draws=2), fit.simulate(seed=3, n_draws=2)
    np.testing.assert_array_equal(one, other)
    assert one.shape == (2, fit.nobs)


def test_the_summary_says_what_was_used_and_has_no_date(fit):
    text = str(fit.summary())
    for said in ("unstructured", "REML", "Kenward-Roger", "60 with", "Converged             yes"):
        assert said in text
    assert str(fit.summary()) == text
    assert "<table" in fit.summary()._repr_html_()
    assert repr(fit).startswith("<MMRMResults: ")


@pytest.mark.parametrize("kind", ["category", "int", "numpy", "text", "timestamp"])
def test_visits_of_any_kind_give_the_same_fit(data, fit, kind):
    codes = data["visit"].str[1:].astype(int)
    visit = {
        "category": pd.Categorical(data["visit"], ["v0", "v1", "v2", "v3"]),
        "int": pd.Categorical(codes),
        "numpy": np.array(data["visit"], dtype=object),
        "text": data["visit"].astype("string"),
        "timestamp": pd.Categorical(pd.Timestamp("2024-01-01") + pd.to_timedelta(codes, unit="D")),
    }[kind]
    other = MMRM.from_formula(FORMULA, data.assign(visit=visit), **ROLES).fit(df="kenward-roger")
    np.testing.assert_allclose(other.params, fit.params, rtol=OTHER_ORDER)
    np.testing.assert_allclose(other.bse, fit.bse, rtol=OTHER_ORDER)


def test_the_number_of_threads_does_not_move_a_digit_that_is_shown():
    code = (
        "import sys; sys.path[:0] = ['tests/mmrm']\n"
        "from after_fit import made_up; from analysis.mmrm import MMRM\n"
        "data = made_up(42, patients=400)\n"
        f"fit = MMRM.from_formula({FORMULA!r}, data, subject='id', visit='visit').fit()\n"
        "print(fit.summary()); print(fit.tidy().round(9).to_csv())"
    )
    shown = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT,
            env={**os.environ, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads},
        ).stdout
        for threads in ("1", "2")
    ]  # fmt: skip
    assert shown[0] == shown[1]
    assert "arm[T.new]" in shown[0]
