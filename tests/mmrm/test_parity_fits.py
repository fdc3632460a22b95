"""The engine against R's mmrm at its optimum: unstructured, plain, grouped and weighted."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pandas as pd
import pytest
from parity import COLUMNS, LOCATION, check_entry, check_method, close, close_rows, read, weights_of
from reference_models import BCVA, FEV, PAIN, bcva, fev, pain150

from analysis.mmrm import MMRM

# methods: oracle 7, -2 REML log-likelihood of the BCVA example at its optimum.
BCVA_OPTIMUM = 32071.029737729
_SANDWICH = ("Empirical", "EmpiricalJackknife", "EmpiricalBiasReduced")
KENWARD_ROGER = ("KenwardRoger", "KenwardRogerLinear")
PLAIN = ("Satterthwaite", "BetweenWithin", "Residual")
WITH_SANDWICH = (
    *(f"{name}_Satterthwaite" for name in _SANDWICH),
    *(f"{name}_Residual" for name in _SANDWICH),
    "Empirical_BetweenWithin",
)
ALL = (*PLAIN, *KENWARD_ROGER, *WITH_SANDWICH)
# Kenward and Roger's method is for REML.
BY_ML = (*PLAIN, *WITH_SANDWICH)
FEV_FITS = {
    "mmrm_fev_us_reml": ({}, ALL),
    "mmrm_fev_us_ml": ({"reml": False}, BY_ML),
    "mmrm_fev_us_weighted_reml": ({"weighted": True}, ALL),
    "mmrm_fev_us_grouped_reml": ({"grouped": True}, ALL),
}
BASE_BY_VISIT = "chg ~ base * visit + sex + therapy * visit"
PAIN_FITS = {
    "own_pain150_us_reml": ({}, ALL),
    "own_pain150_us_ml": ({"reml": False}, BY_ML),
    "own_pain150_us_base_by_visit": (
        {"formula": BASE_BY_VISIT},
        ("Satterthwaite", *KENWARD_ROGER),
    ),
    "own_pain150_us_grouped": (
        {"grouped": True},
        ("Satterthwaite", *KENWARD_ROGER, "Empirical_Satterthwaite"),
    ),
    "own_pain150_us_weighted": ({"weighted": True}, ("Satterthwaite", *KENWARD_ROGER)),
}
BCVA_METHODS = (
    "Satterthwaite", *KENWARD_ROGER, "BetweenWithin", *(f"{name}_Residual" for name in _SANDWICH),
)  # fmt: skip
# R's name of the sandwich in `empirical_satterthwaite_one_contrast`: ours.
BCVA_SANDWICH = {"Empirical": "CR0", "Empirical-Jackknife": "CR3", "Empirical-Bias-Reduced": "CR2"}
RELIEF = ("Satterthwaite", "KenwardRogerLinear")


def _cases(fits):
    return [(name, method) for name, (_, methods) in fits.items() for method in methods]


@cache
def _pain_model(name: str) -> MMRM:
    return PAIN.model(pain150(), **PAIN_FITS[name][0])


@pytest.fixture(scope="module")
def fev_model(shared_data):
    return cache(lambda name: FEV.model(fev(shared_data), **FEV_FITS[name][0]))


@pytest.fixture(scope="module")
def bcva_model(shared_data) -> MMRM:
    return BCVA.model(bcva(shared_data))


def _terms_of_formula(formula: str) -> str:
    return re.sub(r" \+ us\(.*", "", formula)


@pytest.mark.parametrize("name", PAIN_FITS)
def test_pain150_fits_as_in_r(name):
    reference = read(name)
    model = _pain_model(name)
    expected = PAIN_FITS[name][0].get("formula", PAIN.formula)
    assert _terms_of_formula(reference["formula"]) == expected
    assert reference["reml"] == model.reml
    check_entry(model.fit(), reference, reference["coef_names"])


@pytest.mark.parametrize(("name", "method"), _cases(PAIN_FITS))
def test_pain150_has_the_standard_errors_and_df_of_r(name, method):
    reference = read(name)
    check_method(_pain_model(name), reference["methods"], method, reference["coef_names"], "us")


@pytest.mark.parametrize("name", FEV_FITS)
def test_fev_fits_as_in_r(fev_model, shared_reference, name):
    reference = read(name, shared_reference)
    model = fev_model(name)
    assert _terms_of_formula(reference["formula"]) == FEV.formula
    assert reference["reml"] == model.reml
    check_entry(model.fit(), reference, reference["coef_names"])


@pytest.mark.parametrize(("name", "method"), _cases(FEV_FITS))
def test_fev_has_the_standard_errors_and_df_of_r(fev_model, shared_reference, name, method):
    reference = read(name, shared_reference)
    check_method(fev_model(name), reference["methods"], method, reference["coef_names"], "us")


def test_a_hypothesis_written_twice_counts_once(fev_model, shared_reference):
    reference = read("mmrm_fev_us_reml", shared_reference)
    expected = reference["methods"]["Satterthwaite"]["F_interaction"]
    fit = fev_model("mmrm_fev_us_reml").fit(df="satterthwaite")
    matrix = weights_of(fit, expected["L"], reference["coef_names"])
    test = fit.wald_test(np.concatenate([matrix, matrix[:1]]))
    assert test.num_df == expected["num_df"]
    close(test.statistic, expected["F"], "statistic")


BCVA_ELSEWHERE = ("empirical_satterthwaite_one_contrast", "default_optimizer")


def test_bcva_fits_as_in_r(bcva_model, shared_reference):
    reference = read("mmrm_bcva_us_reml", shared_reference)
    fit = bcva_model.fit()
    check_entry(fit, reference, reference["coef_names"], elsewhere=BCVA_ELSEWHERE)
    assert abs(-2 * fit.llf - BCVA_OPTIMUM) < 1e-6


@pytest.mark.parametrize("method", BCVA_METHODS)
def test_bcva_has_the_standard_errors_and_df_of_r(bcva_model, shared_reference, method):
    reference = read("mmrm_bcva_us_reml", shared_reference)
    check_method(bcva_model, reference["methods"], method, reference["coef_names"], "us")


@pytest.mark.parametrize("name", BCVA_SANDWICH)
def test_bcva_sandwich_has_the_df_of_bell_and_mccaffrey(bcva_model, shared_reference, name):
    reference = read("mmrm_bcva_us_reml", shared_reference)
    expected = reference["empirical_satterthwaite_one_contrast"][name]
    fit = bcva_model.fit(df="satterthwaite", vcov=BCVA_SANDWICH[name])
    row = check_entry(fit, {"contrast": expected}, reference["coef_names"])
    assert row == len(set(expected) & set(COLUMNS))


def _not_further_than_the_optimum(ours: pd.DataFrame, ordinary, tight, only) -> None:
    """An ordinary run stops early; we may be no further from it than the optimum is."""
    for name in ("est", "se", "df"):
        if COLUMNS[name] not in only:
            continue
        stopped = np.array([row[name] for row in ordinary])
        ended = np.array([row[name] for row in tight])
        found = ours[COLUMNS[name]].to_numpy()
        slack = np.abs(stopped) * (1e-6 if name == "df" else 1e-7)
        assert np.all(np.abs(found - stopped) <= np.abs(ended - stopped) + slack), name


def _in_order_of_r(fit, rows) -> pd.DataFrame:
    terms = [row["term"] for row in rows]
    return fit.contrast(weights_of(fit, np.eye(len(terms)), terms)).frame


def test_an_ordinary_run_of_r_is_as_far_from_us_as_from_its_own_optimum(
    fev_model, shared_reference
):
    ordinary = read("mmrm_fev_us_default_tolerance", shared_reference)
    tight = read("mmrm_fev_us_reml", shared_reference)
    close(ordinary["logLik_tight"], tight["logLik"], "loglik")
    assert ordinary["max_abs_gradient_default"] > 1e3 * ordinary["max_abs_gradient_tight"]
    model = fev_model("mmrm_fev_us_reml")
    shift, spread, freedom = (
        ordinary[f"max_{name}"] for name in ("diff_est_in_se", "rel_diff_se", "rel_diff_df")
    )
    assert ordinary["max_rel_diff_df_kr"] == pytest.approx(freedom, rel=1e-6)
    assert ordinary["max_rel_diff_se_kr"] < 1e-4
    for name in ("Satterthwaite", "KenwardRoger"):
        rows = ordinary[f"coefficients_default_{name}"]
        df = "satterthwaite" if name == "Satterthwaite" else "kenward-roger"
        fit = model.fit(df=df)
        assert 0 < fit.llf - ordinary["logLik_default"] < 3e-6
        ours = _in_order_of_r(fit, rows)
        only = (*LOCATION, "std_error") if name == "Satterthwaite" else LOCATION
        _not_further_than_the_optimum(ours, rows, tight["methods"][name]["coefficients"], only)
        r = pd.DataFrame(rows)
        # The file's own greatest distances, with room for the digits it is written in.
        room = 1 + 1e-3
        assert np.abs(ours["df"] / r["df"] - 1).max() <= freedom * room
        if name == "Satterthwaite":
            far = np.abs(ours["estimate"] - r["est"]) / ours["std_error"]
            assert far.max() <= shift * room
            assert np.abs(ours["std_error"] / r["se"] - 1).max() <= spread * room
    varcor, end = (np.array(d["values"]) for d in (ordinary["varcor_default"], tight["varcor"]))
    allowed = np.abs(varcor - end) + 1e-6 * np.abs(varcor)
    assert np.all(np.abs(fit.covariance.to_numpy() - varcor) <= allowed)


def test_an_ordinary_run_of_r_on_bcva_is_as_far_from_us_as_from_its_own_optimum(
    bcva_model, shared_reference
):
    tight = read("mmrm_bcva_us_reml", shared_reference)
    ordinary = tight["default_optimizer"]
    assert set(ordinary) == {"logLik", "max_abs_gradient", "coefficients"}
    assert ordinary["max_abs_gradient"] > 1e3 * tight["max_abs_gradient"]
    fit = bcva_model.fit(df="satterthwaite")
    assert 0 < fit.llf - ordinary["logLik"] < 3e-5
    rows = ordinary["coefficients"]
    ends = tight["methods"]["Satterthwaite"]["coefficients"]
    only = (*LOCATION, "std_error")
    _not_further_than_the_optimum(_in_order_of_r(fit, rows), rows, ends, only)


@pytest.mark.parametrize("method", RELIEF)
def test_relief_short_long_and_its_loss_agree_with_r(method):
    reference = read(f"own_pain150_relief_{method}")
    assert reference["method"] == method
    vcov = "model" if method == "Satterthwaite" else "kenward-roger-linear"
    df = "satterthwaite" if method == "Satterthwaite" else "kenward-roger"
    fit = _pain_model("own_pain150_us_reml").fit(df=df, vcov=vcov)
    asked: dict[str, dict[str, float]] = {}
    for therapy in ("ACU", "SHAM"):
        arm, last = f"therapy[T.{therapy}]", "visit[T.W52]"
        asked[f"{therapy} short"] = {arm: 1, f"{arm}:visit[T.W12]": 1}
        asked[f"{therapy} long"] = {arm: 1, f"{arm}:{last}": 1}
        loss = {f"{arm}:{last}": 1, f"{arm}:visit[T.W12]": -1}
        asked[f"{therapy} long_minus_short"] = loss
    table = fit.contrast(asked)
    rows = pd.DataFrame(reference["rows"])
    rows.index = rows["therapy"] + " " + rows["what"]
    assert list(rows.index) == list(asked)
    close_rows(table.frame.set_index("contrast"), rows.drop(columns=["therapy", "what"]), None)
    joint = pd.DataFrame(table.cov, index=list(asked), columns=list(asked))
    for therapy, expected in reference["cov_short_long"].items():
        ours = joint.loc[f"{therapy} short", f"{therapy} long"]
        # A covariance of estimates is a product of two standard errors.
        close(np.sqrt(ours), np.sqrt(expected), "std_error")
