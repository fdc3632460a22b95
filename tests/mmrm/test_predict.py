"""Predictions against R's mmrm, in closed form, and of rows that lack something."""

from __future__ import annotations

import after_fit
import numpy as np
import pandas as pd
import pytest
from after_fit import made_up, model
from scipy import stats

from analysis.errors import ModelError
from analysis.mmrm import MMRM
from analysis.mmrm.predict import predict

# Both sides are at the optimum of the likelihood; what is left is the distance between optima.
RELATIVE = 1e-7
EXACT = 1e-9
FORMULA = "y ~ base + arm * visit"
SPREAD = np.linspace(1, 2, 4)
SIGMA = np.outer(SPREAD, SPREAD) * (0.4 + 0.6 * np.eye(4))


@pytest.fixture(scope="module")
def fit():
    return model(FORMULA, made_up(21)).fit()


@pytest.fixture(scope="module")
def estimates(fit):
    return after_fit.estimates(fit)


def test_fev_predictions_agree_with_r(shared_data, shared_reference):
    data = after_fit.fev(shared_data)
    table = pd.read_csv(shared_reference / "mmrm_fev_us_reml_residuals_predictions.csv")
    fit = MMRM.from_formula(after_fit.FEV, data, subject="USUBJID", visit="AVISIT").fit()
    pieces = (fit.design, after_fit.estimates(fit), data)
    given = predict(*pieces, conditional=True, interval="confidence")
    assert (given["note"] == "").all()
    for ours, theirs in (
        ("predicted", "fit"), ("std_error", "se"), ("conf_low", "lwr"), ("conf_high", "upr")
    ):  # fmt: skip
        np.testing.assert_allclose(given[ours], table[f"conditional_{theirs}"], rtol=RELATIVE)
    plain = predict(*pieces)
    np.testing.assert_allclose(plain["predicted"], table["marginal_fit"], rtol=RELATIVE)
    np.testing.assert_allclose(plain["std_error"], table["marginal_se"], rtol=RELATIVE)


@pytest.mark.parametrize(
    "options", [{}, {"weights": "w"}, {"group": "arm"}, {"group": "arm", "weights": "w"}]
)
def test_conditional_predictions_equal_the_formula_for_each_patient(options):
    data = made_up(22).sample(frac=1, random_state=2)
    design = model(FORMULA, data, **options).design
    sigma = np.stack([SIGMA, 2 * SIGMA + np.eye(4)])[: len(design.groups)]
    estimates = after_fit.at_covariance(design, sigma)
    found = predict(design, estimates, data, conditional=True, interval="prediction")
    assert list(found.index) == list(data.index)
    levels = {name: data[name].astype("category") for name in ("arm", "visit")}
    x = pd.DataFrame(design.rows(data.assign(**levels)), index=data.index)
    for _, rows in data.groupby("id"):
        visits = rows["visit"].str[1:].astype(int).to_numpy()
        cov = sigma[int(len(sigma) > 1 and rows["arm"].iloc[0] == "new")][np.ix_(visits, visits)]
        if "weights" in options:
            cov = cov / np.sqrt(np.outer(rows["w"], rows["w"]))
        seen = rows["y"].notna().to_numpy()
        z = x.loc[rows.index].to_numpy()
        slope = np.linalg.solve(cov[np.ix_(seen, seen)], cov[np.ix_(seen, ~seen)]).T
        mu = z @ estimates.beta
        ours = found.loc[rows.index[~seen]]
        guess = mu[~seen] + slope @ (rows["y"].to_numpy()[seen] - mu[seen])
        np.testing.assert_allclose(ours["predicted"], guess, rtol=EXACT)
        inner = z[~seen] - slope @ z[seen]
        own = inner @ estimates.cov @ inner.T
        np.testing.assert_allclose(ours["std_error"] ** 2, np.diag(own), rtol=EXACT)
        left = cov[np.ix_(~seen, ~seen)] - slope @ cov[np.ix_(seen, ~seen)]
        np.testing.assert_allclose(
            ours["std_error_prediction"] ** 2, np.diag(own + left), rtol=EXACT
        )
        kept = found.loc[rows.index[seen]]
        np.testing.assert_array_equal(kept["predicted"], rows["y"][seen])
        assert (kept["std_error_prediction"] == 0).all()


def test_a_patient_without_values_is_predicted_by_the_formula_alone(fit, estimates):
    data = made_up(21).head(8).assign(y=np.nan, id=["one"] * 4 + ["two"] * 4)
    given = predict(fit.design, estimates, data, conditional=True, interval="prediction")
    plain = predict(fit.design, estimates, data, interval="prediction")
    pd.testing.assert_frame_equal(given, plain)
    total = plain["std_error"] ** 2 + np.tile(np.diag(fit.covariance), 2)
    np.testing.assert_allclose(plain["std_error_prediction"] ** 2, total, rtol=EXACT)


def test_intervals_use_students_t_where_degrees_of_freedom_are_given(fit, estimates):
    data = made_up(21).head(4)
    frame = predict(
        fit.design, estimates, data, interval="confidence", alpha=0.1,
        degrees_of_freedom=lambda rows: np.full(len(rows), 7.0),
    )  # fmt: skip
    margin = stats.t.isf(0.05, 7) * frame["std_error"]
    np.testing.assert_allclose(frame["conf_high"] - frame["predicted"], margin, rtol=EXACT)
    np.testing.assert_allclose(frame["predicted"] - frame["conf_low"], margin, rtol=EXACT)
    means = fit.lsmeans("arm", by="visit").frame
    point = pd.DataFrame(
        {"arm": means["arm"], "visit": means["visit"], "base": fit.design.margins.means["base"]}
    )
    same = predict(fit.design, estimates, point)
    np.testing.assert_allclose(same["predicted"], means["estimate"], rtol=EXACT)
    np.testing.assert_allclose(same["std_error"], means["std_error"], rtol=1e-7)


def test_a_row_that_lacks_a_value_is_nan_with_a_note_and_the_others_stay(fit, estimates):
    data = made_up(21).head(8)
    holes = data.copy()
    holes.loc[1, "base"] = np.nan
    holes.loc[2, "base"] = np.inf
    holes.loc[3, "visit"] = None
    before = holes.copy(deep=True)
    for conditional in (False, True):
        frame = predict(fit.design, estimates, holes, conditional=conditional)
        assert list(frame["note"][1:4]) == ["no value of base"] * 2 + ["no value of visit"]
        assert frame["predicted"][1:4].isna().all()
        assert frame["predicted"][4:].notna().all()
    pd.testing.assert_frame_equal(holes, before)
    whole = predict(fit.design, estimates, data, conditional=True)
    pd.testing.assert_frame_equal(frame.iloc[4:], whole.iloc[4:])


def test_a_transform_without_a_value_is_noted_and_one_beyond_its_range_is_refused():
    data = made_up(23)
    fit = model("y ~ np.log(base) + arm * visit", data).fit()
    frame = predict(fit.design, after_fit.estimates(fit), data.head(4).assign(base=[-1, 2, 3, 4]))
    assert list(frame["note"]) == ["the formula has no value here", "", "", ""]
    assert list(frame["predicted"].isna()) == [True, False, False, False]
    fit = model("y ~ bs(base, df=4) + arm * visit", data).fit()
    with pytest.raises(ModelError, match="cannot be applied to these rows"):
        predict(fit.design, after_fit.estimates(fit), data.head(4).assign(base=99.0))


def test_a_cell_that_nobody_was_in_is_not_estimable():
    data = made_up(24)
    data.loc[(data["arm"] == "new") & (data["visit"] == "v3"), "y"] = np.nan
    fit = model(FORMULA, data).fit()
    frame = predict(fit.design, after_fit.estimates(fit), data, conditional=True)
    cell = (data["arm"] == "new") & (data["visit"] == "v3")
    assert frame.loc[cell, "predicted"].isna().all()
    assert frame.loc[cell, "note"].str.startswith("not estimable").all()
    assert frame.loc[~cell, "predicted"].notna().all()


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda d: d.assign(arm="other"), {}, "'arm' holds levels .* not seen: other"),
        (lambda d: d.assign(visit="v9"), {"conditional": True}, "'visit' holds levels .*: v9"),
        (lambda d: d.drop(columns="base"), {}, r"The data lack \['base'\]"),
        (lambda d: d.drop(columns="y"), {"conditional": True}, r"The data lack \['y'\]"),
        (lambda d: d.assign(base="low"), {}, "'base' holds .* values; it held numbers"),
        (lambda d: pd.concat([d, d]), {"conditional": True}, "8 rows repeat a combination of id"),
        (lambda d: pd.concat([d, d["base"]], axis=1), {}, "more than one column called"),
        (lambda d: d.to_numpy(), {}, "The data are a ndarray"),
        (lambda d: d, {"interval": "tolerance"}, "interval='tolerance' is not known"),
        (lambda d: d, {"interval": "confidence", "alpha": 5}, "alpha=5 is one minus"),
    ],
)
def test_what_cannot_be_predicted_is_refused_with_its_reason(
    fit, estimates, change, options, message
):
    with pytest.raises(ModelError, match=message):
        predict(fit.design, estimates, change(made_up(21).head(8)), **options)


def test_conditional_predictions_of_a_weighted_fit_need_the_weight_of_every_row():
    data = made_up(25)
    design = model(FORMULA, data, weights="w").design
    estimates = after_fit.at_covariance(design, SIGMA[None])
    with pytest.raises(ModelError, match=r"The data lack \['w'\]"):
        predict(design, estimates, data.drop(columns="w"), conditional=True)
    with pytest.raises(ModelError, match="weights in 'w' must be positive"):
        predict(design, estimates, data.assign(w=-1.0), conditional=True)
    data.loc[0, "w"] = np.nan
    frame = predict(design, estimates, data, conditional=True)
    assert list(frame.index[frame["note"] == "no value of w"]) == [0]
    assert predict(design, estimates, data.drop(columns="w"))["predicted"].notna().all()
