"""The engine against R's mmrm at its optimum: numbers pinned here and beside the project."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.mmrm import MMRM

REFERENCE = Path(__file__).parents[1] / "reference"
# The reference fits end with Newton steps at a gradient below 1e-9; what is left is rounding.
RELATIVE = 1e-7
RELATIVE_DF = 1e-5
ABSOLUTE_LOGLIK = 1e-7
FEV = "FEV1 ~ RACE + SEX + ARMCD * AVISIT"
# methods: oracle 7, -2 REML log-likelihood of the BCVA example at its optimum.
BCVA_OPTIMUM = 32071.029737729


def _r_name(name: str) -> str:
    """R's name of a coefficient; the parts of an interaction in alphabetical order."""
    plain = re.sub(r"\[T\.(.*?)\]", r"\1", name).replace("Intercept", "(Intercept)")
    return ":".join(sorted(plain.replace("((", "(").replace("))", ")").split(":")))


def _check_coefficients(fit, reference: dict) -> None:
    rows = pd.DataFrame(reference["methods"]["Satterthwaite"]["coefficients"])
    rows = rows.assign(term=rows["term"].map(_r_name)).set_index("term")
    ours = fit.tidy().assign(term=lambda t: t["term"].map(_r_name))
    ours = ours.set_index("term").loc[rows.index]
    for mine, theirs in (("estimate", "est"), ("std_error", "se"), ("conf_low", "lower")):
        np.testing.assert_allclose(ours[mine], rows[theirs], rtol=RELATIVE, atol=1e-9)
    np.testing.assert_allclose(ours["df"], rows["df"], rtol=RELATIVE_DF)
    np.testing.assert_allclose(ours["p_value"], rows["p"], rtol=1e-5, atol=1e-12)
    assert abs(fit.llf - reference["logLik"]) < ABSOLUTE_LOGLIK
    assert abs(fit.aic - reference["AIC"]) < 2 * ABSOLUTE_LOGLIK
    assert abs(fit.bic - reference["BIC"]) < 2 * ABSOLUTE_LOGLIK
    assert fit.converged


def _check_lsmeans(fit, reference: dict, arm: str, visit: str) -> None:
    cells = reference["methods"]["Satterthwaite"]["emmeans_equal"]
    means = fit.lsmeans(arm, by=visit)
    rows = pd.DataFrame(cells["means"]).set_index([arm, visit])
    ours = means.frame.set_index([arm, visit]).loc[rows.index]
    np.testing.assert_allclose(ours["estimate"], rows["emmean"], rtol=RELATIVE)
    np.testing.assert_allclose(ours["std_error"], rows["SE"], rtol=RELATIVE)
    np.testing.assert_allclose(ours["df"], rows["df"], rtol=RELATIVE_DF)
    comparator = str(means.frame[arm].iloc[0])
    theirs = pd.DataFrame(cells["contrasts"])
    theirs = theirs[theirs["contrast"].str.endswith(f" - {comparator}")]
    theirs = theirs.set_index(["contrast", visit])
    table = means.contrast("comparator", comparator=comparator).frame.set_index(["contrast", visit])
    table = table.loc[theirs.index]
    assert len(table) == len(means.frame) - means.frame[visit].nunique()
    for mine, name in (("estimate", "estimate"), ("std_error", "SE"), ("statistic", "t.ratio")):
        np.testing.assert_allclose(table[mine], theirs[name], rtol=RELATIVE, atol=1e-9)
    np.testing.assert_allclose(table["df"], theirs["df"], rtol=RELATIVE_DF)


def _check_interaction_test(fit, reference: dict) -> None:
    method = reference["methods"]["Satterthwaite"]
    order = {_r_name(name): k for k, name in enumerate(fit.params.index)}
    theirs = [order[_r_name(row["term"])] for row in method["coefficients"]]
    expected = method["F_interaction"]
    matrix = np.zeros((len(expected["L"]), len(order)))
    matrix[:, theirs] = expected["L"]
    # One row twice: the repeated hypothesis must not count as a further degree of freedom.
    test = fit.wald_test(np.concatenate([matrix, matrix[:1]]))
    plain = fit.wald_test(matrix)
    assert test.num_df == plain.num_df == expected["num_df"]
    assert plain.statistic == pytest.approx(expected["F"], rel=RELATIVE)
    assert plain.denom_df == pytest.approx(expected["denom_df"], rel=RELATIVE_DF)
    assert plain.p_value == pytest.approx(expected["p"], rel=RELATIVE_DF)
    assert test.statistic == pytest.approx(expected["F"], rel=RELATIVE)


@pytest.fixture(scope="module")
def pain150() -> pd.DataFrame:
    frame = pd.read_csv(REFERENCE / "pain150.csv")
    frame["therapy"] = pd.Categorical(frame["therapy"], ["USUAL", "SHAM", "ACU"])
    return frame


@pytest.mark.parametrize(
    ("name", "formula", "reml"),
    [
        ("own_pain150_us_reml", "chg ~ base + sex + age + therapy * visit", True),
        ("own_pain150_us_ml", "chg ~ base + sex + age + therapy * visit", False),
        ("own_pain150_us_base_by_visit", None, True),
    ],
)
def test_pain150_agrees_with_r(pain150, name, formula, reml):
    reference = json.loads((REFERENCE / f"{name}.json").read_text())
    if formula is None:
        formula = re.sub(r" \+ us\(.*", "", reference["formula"])
    fit = MMRM.from_formula(formula, pain150, subject="patient", visit="visit", reml=reml).fit()
    assert fit.nobs == reference["n_obs"]
    _check_coefficients(fit, reference)
    _check_lsmeans(fit, reference, "therapy", "visit")
    # The reference for baseline by visit was run without a joint test: its L is empty.
    jointly = bool(reference["methods"]["Satterthwaite"]["F_interaction"]["L"])
    assert jointly == ("base * visit" not in formula)
    if jointly:
        _check_interaction_test(fit, reference)


@pytest.fixture(scope="module")
def fev(shared_data) -> pd.DataFrame:
    return pd.read_csv(shared_data / "reference" / "fev_data.csv").assign(
        RACE=lambda d: pd.Categorical(d["RACE"], ["Asian", "Black or African American", "White"]),
        SEX=lambda d: pd.Categorical(d["SEX"], ["Male", "Female"]),
    )


@pytest.mark.parametrize("reml", [True, False])
def test_fev_agrees_with_r(fev, shared_reference, reml):
    name = "mmrm_fev_us_reml.json" if reml else "mmrm_fev_us_ml.json"
    reference = json.loads((shared_reference / name).read_text())
    fit = MMRM.from_formula(FEV, fev, subject="USUBJID", visit="AVISIT", reml=reml).fit()
    assert (fit.nobs, fit.n_subjects) == (537, 197)
    _check_coefficients(fit, reference)
    _check_lsmeans(fit, reference, "ARMCD", "AVISIT")
    _check_interaction_test(fit, reference)


def test_bcva_reaches_its_optimum(shared_data):
    data = pd.read_csv(shared_data / "reference" / "bcva_data.csv", dtype={"USUBJID": str})
    formula = "BCVA_CHG ~ BCVA_BL + RACE + ARMCD * AVISIT"
    fit = MMRM.from_formula(formula, data, subject="USUBJID", visit="AVISIT").fit()
    assert abs(-2 * fit.llf - BCVA_OPTIMUM) < 1e-6
