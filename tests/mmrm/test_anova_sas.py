"""Type II and III tests against the listing of SAS PROC MIXED that R's mmrm publishes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.mmrm import MMRM

# SAS stops when its criterion moves by less than 1e-8: F and degrees of freedom have 5 digits.
SAS_STOPS = 1e-5
# Started, moved and stopped as SAS, what is left is rounding of its printed digits.
EMULATED = 1e-10
FORMULAS = {
    "FEV1 ~ ARMCD*FEV1_BL, ar1": "FEV1 ~ ARMCD * FEV1_BL",
    "FEV1 ~ ARMCD*SEX + ARMCD:FEV1_BL (+ ARMCD, SEX), ar1": "FEV1 ~ ARMCD * SEX + ARMCD:FEV1_BL",
}


def _sorted(terms: pd.Series, mark: str) -> list[str]:
    return [":".join(sorted(term.split(mark))) for term in terms]


@pytest.mark.parametrize(("emulate", "tolerance"), [(None, SAS_STOPS), ("sas", EMULATED)])
@pytest.mark.parametrize("type", ["II", "III"])
@pytest.mark.parametrize("model", list(FORMULAS))
def test_oracle_6_fev_has_the_tests_of_sas(
    shared_data, shared_reference, model, type, emulate, tolerance
):
    frame = pd.read_csv(shared_data / "reference" / "fev_data.csv")
    frame["SEX"] = pd.Categorical(frame["SEX"], ["Male", "Female"])
    fit = MMRM.from_formula(
        FORMULAS[model], frame, subject="USUBJID", visit="AVISIT", covariance="ar1"
    ).fit(emulate=emulate)
    listing = pd.read_csv(shared_reference / "sas_published_fev_type2_type3.csv")
    theirs = listing[(listing["model"] == model) & (listing["type"] == type)]
    theirs = theirs.assign(term=_sorted(theirs["Effect"], "*")).set_index("term")
    table = fit.anova(type)
    ours = table.assign(term=_sorted(table["term"], ":")).set_index("term").loc[theirs.index]
    assert len(ours) == len(table)
    np.testing.assert_array_equal(ours["num_df"], theirs["NumDF"])
    np.testing.assert_allclose(ours["statistic"], theirs["FValue"], rtol=tolerance)
    np.testing.assert_allclose(ours["denom_df"], theirs["DenDF"], rtol=tolerance)
    np.testing.assert_allclose(ours["p_value"], theirs["ProbF"], rtol=tolerance)
