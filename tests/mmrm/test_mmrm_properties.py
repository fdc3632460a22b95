"""Closed forms, invariances and limits of the engine (oracles of methods.md section 17)."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small_trial import FORMULA, fitted, made_up

from analysis.errors import ModelError
from analysis.mmrm import MMRM, SufficientStatistics

# Closed forms and invariances hold up to rounding of a sum of a few hundred terms.
EXACT = 1e-9


def test_oracle_3_complete_data_give_least_squares_per_visit_and_the_pooled_covariance():
    data = made_up(2, missing=0.0)
    fit = fitted(data, "y ~ arm * visit")
    wide = data.pivot(index="id", columns="visit", values="y")
    arm = data.groupby("id")["arm"].first()
    residual = wide - wide.groupby(arm).transform("mean")
    np.testing.assert_allclose(fit.covariance, residual.T @ residual / (len(wide) - 2), rtol=EXACT)
    means = fit.lsmeans("arm", by="visit").frame.set_index(["arm", "visit"])["estimate"]
    np.testing.assert_allclose(means.unstack("visit"), wide.groupby(arm).mean(), rtol=EXACT)


def test_oracle_5_one_visit_is_ordinary_least_squares():
    data = made_up(3, visits=1, missing=0.0)
    fit = fitted(data, "y ~ arm")
    groups = [part["y"] for _, part in data.groupby("arm")]
    t, p = stats.ttest_ind(groups[1], groups[0])
    assert fit.tvalues["arm[T.new]"] == pytest.approx(t, rel=EXACT)
    assert fit.df["arm[T.new]"] == pytest.approx(len(data) - 2, rel=EXACT)
    assert fit.pvalues["arm[T.new]"] == pytest.approx(p, rel=1e-7)


def test_oracle_5_two_complete_visits_give_the_paired_t_test():
    data = made_up(4, visits=2, missing=0.0).query("arm == 'new'")
    fit = fitted(data, "y ~ visit")
    wide = data.pivot(index="id", columns="visit", values="y")
    t, _ = stats.ttest_rel(wide["v1"], wide["v0"])
    assert fit.tvalues["visit[T.v1]"] == pytest.approx(t, rel=EXACT)
    assert fit.df["visit[T.v1]"] == pytest.approx(len(wide) - 1, rel=1e-8)


def test_oracle_11_statistics_of_parts_add_up_to_those_of_the_whole():
    data = made_up(5)
    whole = MMRM.from_formula(FORMULA, data, subject="id", visit="visit")
    cut = data["id"] < "p030"
    parts = [
        MMRM.from_formula(FORMULA, part, subject="id", visit="visit").statistics
        for part in (data[cut], data[~cut])
    ]
    merged = MMRM(whole.design, parts[0] + parts[1]).fit()
    np.testing.assert_allclose(merged.params, whole.fit().params, rtol=EXACT)
    np.testing.assert_allclose(merged.bse, whole.fit().bse, rtol=EXACT)
    assert isinstance(parts[0], SufficientStatistics)


def test_oracle_11_the_order_of_rows_does_not_matter():
    data = made_up(6)
    shuffled = data.sample(frac=1, random_state=7)
    np.testing.assert_allclose(fitted(shuffled).params, fitted(data).params, rtol=EXACT)


def test_oracle_12_units_of_outcome_and_covariate_do_not_matter():
    data = made_up(8)
    fit = fitted(data)
    turned = fitted(data.assign(y=100 - 10 * data["y"], base=1e6 + 25.4 * data["base"]))
    name = "arm[T.new]:visit[T.v3]"
    assert turned.params[name] == pytest.approx(-10 * fit.params[name], rel=EXACT)
    assert turned.bse[name] == pytest.approx(10 * fit.bse[name], rel=1e-8)
    assert turned.df[name] == pytest.approx(fit.df[name], rel=1e-6)
    assert turned.params["base"] == pytest.approx(-10 * fit.params["base"] / 25.4, rel=1e-8)


def test_a_collinear_column_is_not_estimable_and_changes_nothing_else():
    data = made_up(9).assign(twice=lambda d: 2 * d["base"] + 1)
    fit, plain = fitted(data, "y ~ base + twice + arm * visit"), fitted(data)
    assert np.isnan(fit.params["twice"])
    assert "not estimable" in str(fit.summary())
    np.testing.assert_allclose(fit.params.drop("twice"), plain.params, rtol=EXACT)
    assert fit.contrast({"gone": {"twice": 1.0}}).frame["note"].iloc[0].startswith("not estimable")


def test_an_empty_cell_gives_an_lsmean_that_is_not_estimable():
    data = made_up(10)
    data.loc[(data["arm"] == "new") & (data["visit"] == "v3"), "y"] = np.nan
    frame = fitted(data).lsmeans("arm", by="visit").frame.set_index(["arm", "visit"])
    assert np.isnan(frame.loc[("new", "v3"), "estimate"])
    assert frame.loc[("new", "v3"), "n"] == 0
    assert np.isfinite(frame.loc[("a_usual", "v3"), "estimate"])


def test_contrasts_of_lsmeans_agree_with_differences_of_means():
    means = fitted(made_up(11)).lsmeans("arm", by="visit")
    table = means.contrast("comparator", comparator="a_usual")
    cells = means.frame.set_index(["arm", "visit"])["estimate"].unstack("arm")
    np.testing.assert_allclose(table.estimate, cells["new"] - cells["a_usual"], rtol=EXACT)
    np.testing.assert_allclose(np.diag(table.cov), table.std_error**2, rtol=EXACT)


def _one_per_arm(data):
    return data[data["id"].isin(["p000", "p001"])]


def _never_together(data):
    early = data["id"] < "p030"
    keep = (early & data["visit"].isin(["v0", "v1"])) | (~early & data["visit"].isin(["v2", "v3"]))
    return data[keep]


def _copied_visit(data):
    full = made_up(12, missing=0.0)
    copied = full[full["visit"] == "v1"].assign(visit="v2")
    return pd.concat([full[full["visit"] != "v2"], copied])


@pytest.mark.parametrize(
    ("change", "formula", "message"),
    [
        (lambda d: pd.concat([d, d.iloc[[0, 1, 2, 3]]]), FORMULA, "repeat a combination"),
        (_one_per_arm, FORMULA, "Too few|cannot carry|never|No patient"),
        (lambda d: d.assign(y=3.0), FORMULA, "does not vary"),
        (_never_together, FORMULA, "No patient has values at both"),
        (_copied_visit, FORMULA, "determine each other"),
        (lambda d: d.assign(y=np.nan), FORMULA, "No row is left"),
        (lambda d: d, "y ~ nothing", "do not have.*nothing"),
        (lambda d: d, "y ~ arm *", "cannot be read"),
        (lambda d: d, "y + base ~ arm", "left side"),
        (lambda d: d.assign(y=d["y"].astype(str)), FORMULA, "must hold numbers"),
        (lambda d: d.drop(columns="id"), FORMULA, "not a column"),
        (lambda d: d.assign(y=d["y"] * 1e200), FORMULA, "values up to"),
        (lambda d: d.assign(y=d["y"].where(d["visit"] != "v1", 5.0)), FORMULA, "5 at v1"),
        (lambda d: pd.concat([d, d[["base"]]], axis=1), FORMULA, "more than one column called"),
        (lambda d: d[d["id"] == "p000"], FORMULA, "cannot carry"),
        (lambda d: d.to_dict(), FORMULA, "pandas DataFrame"),
        (lambda d: d, "y ~ __import__('os').getcwd()", "cannot be read|do not have"),
        (lambda d: d, "", "outcome ~ terms"),
    ],
)
def test_data_that_cannot_be_fitted_are_refused_in_words(change, formula, message):
    with pytest.raises(ModelError, match=message):
        fitted(change(made_up(12)), formula)


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda fit: fit.lsmeans("nothing"), "cannot be used for LS means"),
        (lambda fit: fit.lsmeans("arm", by="arm"), "twice"),
        (lambda fit: fit.lsmeans("arm", weights="observed"), "use one of"),
        (lambda fit: fit.lsmeans("arm").contrast("comparator", comparator="x"), "not a level"),
        (lambda fit: fit.contrast([[1.0, 2.0]]), "finite numbers in"),
        (lambda fit: fit.contrast({"a": {"nothing": 1.0}}), "weighs"),
        (lambda fit: fit.wald_test(np.zeros((2, len(fit.params)))), "all weights are 0"),
    ],
)
def test_questions_a_fit_cannot_answer_are_refused_in_words(ask, message):
    with pytest.raises(ModelError, match=message):
        ask(fitted(made_up(15)))


def test_hostile_names_are_escaped_in_the_summary():
    data = made_up(16).rename(columns={"arm": "<script>"})
    html = fitted(data, "y ~ base + `<script>` * visit").summary()._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html


def test_oracle_12_a_covariate_far_from_zero_is_not_taken_for_a_constant():
    data = made_up(17)
    near, far = fitted(data).params, fitted(data.assign(base=1e8 + data["base"])).params
    # The offset leaves eight of sixteen digits to the covariate.
    np.testing.assert_allclose(far.drop("Intercept"), near.drop("Intercept"), rtol=1e-6)


def test_visits_on_very_different_scales_give_the_same_test():
    data = made_up(18)
    stretched = data.assign(y=data["y"].where(data["visit"] != "v1", 1e3 * data["y"]))
    formula = "y ~ 0 + arm:visit"
    means, wide = (
        fitted(d, formula).lsmeans("arm", by="visit").contrast() for d in (data, stretched)
    )
    np.testing.assert_allclose(wide.frame["statistic"], means.frame["statistic"], rtol=1e-6)
    np.testing.assert_allclose(wide.df, means.df, rtol=1e-6)


@pytest.mark.parametrize(
    "term", ["poly(base, 2)", "bs(base, df=4)", "np.log(base)", "{base**2}"]
)
def test_transformed_covariates_fit_and_have_lsmeans(term):
    frame = fitted(made_up(19), f"y ~ {term} + arm * visit").lsmeans("arm", by="visit").frame
    assert np.isfinite(frame["estimate"]).all()


def test_a_visit_nobody_attended_is_left_out_and_said():
    data = made_up(13)
    data["visit"] = pd.Categorical(data["visit"], ["v0", "v1", "never", "v2", "v3"])
    fit = fitted(data)
    assert "never" not in fit.covariance.columns
    assert any("never" in note for note in fit.design.notes)


def test_the_callers_frame_is_not_changed_and_the_summary_repeats_itself():
    data = made_up(14)
    before = data.copy(deep=True)
    texts = {str(fitted(data).summary()) for _ in range(2)}
    pd.testing.assert_frame_equal(data, before)
    assert len(texts) == 1
