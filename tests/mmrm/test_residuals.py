"""Residuals against R's mmrm and in closed form."""

from __future__ import annotations

import after_fit
import numpy as np
import pandas as pd
import pytest
from after_fit import made_up, model

from analysis.errors import ModelError
from analysis.mmrm import MMRM
from analysis.mmrm.residuals import residual_frame, residuals

# Both sides are at the optimum of the likelihood; what is left is the distance between optima.
ABSOLUTE = 1e-7
EXACT = 1e-10
KINDS = ("response", "pearson", "normalized")


@pytest.mark.parametrize("kind", KINDS)
def test_fev_residuals_agree_with_r(shared_data, shared_reference, kind):
    data = after_fit.fev(shared_data)
    table = pd.read_csv(shared_reference / "mmrm_fev_us_reml_residuals_predictions.csv")
    assert (table["USUBJID"] == data["USUBJID"]).all()
    fit = MMRM.from_formula(after_fit.FEV, data, subject="USUBJID", visit="AVISIT").fit()
    frame = residual_frame(fit.design, after_fit.estimates(fit), kind)
    expected = table[f"resid_{kind}"].dropna()
    assert list(frame.index) == list(expected.index)
    np.testing.assert_allclose(frame["residual"], expected, atol=ABSOLUTE)
    np.testing.assert_allclose(frame["fitted"], table.loc[frame.index, "marginal_fit"], rtol=1e-7)


@pytest.mark.parametrize("options", [{}, {"weights": "w"}, {"group": "arm", "weights": "w"}])
def test_normalised_residuals_are_the_whitened_ones_of_each_patient(options):
    data = made_up(11).sample(frac=1, random_state=1)
    design = model("y ~ base + arm * visit", data, **options).design
    spread = np.linspace(1, 2, 4)
    sigma = np.outer(spread, spread) * (0.4 + 0.6 * np.eye(4))
    sigma = np.stack([sigma, 2 * sigma + np.eye(4)])[: len(design.groups)]
    estimates = after_fit.at_covariance(design, sigma)
    frames = {kind: residual_frame(design, estimates, kind) for kind in KINDS}
    assert list(frames["response"].index) == list(data.dropna(subset="y").index)
    for _, rows in design.frame.reset_index().groupby("id", observed=True):
        rows = rows.sort_values("visit")
        group = int(len(sigma) > 1 and rows["arm"].iloc[0] == "new")
        visits = rows["visit"].cat.codes.to_numpy()
        cov = sigma[group][np.ix_(visits, visits)]
        if "weights" in options:
            cov = cov / np.sqrt(np.outer(rows["w"], rows["w"]))
        parts = {kind: frames[kind].loc[rows["index"], "residual"].to_numpy() for kind in KINDS}
        white = np.linalg.solve(np.linalg.cholesky(cov), parts["response"])
        np.testing.assert_allclose(parts["normalized"], white, rtol=EXACT, atol=EXACT)
        pearson = parts["response"] / np.sqrt(np.diag(cov))
        np.testing.assert_allclose(parts["pearson"], pearson, rtol=EXACT)


def test_residuals_do_not_depend_on_the_order_of_rows_and_add_to_the_fitted_value():
    data = made_up(12)
    one, other = (
        model("y ~ base + arm * visit", frame).fit() for frame in (data, data.iloc[::-1])
    )
    mine = residual_frame(one.design, after_fit.estimates(one), "normalized")
    theirs = residual_frame(other.design, after_fit.estimates(other), "normalized")
    np.testing.assert_allclose(theirs.loc[mine.index, "residual"], mine["residual"], atol=1e-6)
    raw = residual_frame(one.design, after_fit.estimates(one))
    np.testing.assert_allclose(raw["fitted"] + raw["residual"], raw["observed"], rtol=EXACT)
    np.testing.assert_array_equal(raw["observed"], data.loc[raw.index, "y"])


def test_an_unknown_kind_of_residual_is_named():
    design = model("y ~ base + arm * visit", made_up(13)).design
    estimates = after_fit.at_covariance(design, np.eye(4)[None])
    with pytest.raises(ModelError, match="'deviance' is not known; allowed: response, pearson"):
        residuals(design.blocks(), estimates, "deviance")
