"""LS means: weights, values of covariates, sides and margins, and what is not estimable."""

from __future__ import annotations

import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.errors import ModelError
from analysis.mmrm import MMRM

REFERENCE = Path(__file__).parents[1] / "reference"
# The reference fits end with Newton steps at a gradient below 1e-9; what is left is rounding.
RELATIVE = 1e-7
RELATIVE_DF = 1e-5
ROUNDING = 1e-10
WEIGHTS = {
    "emmeans_equal": "equal", "emmeans_proportional": "proportional",
    "emmeans_arm_average_equal": "equal",
}  # fmt: skip


def fitted(frame: pd.DataFrame, formula: str):
    return MMRM.from_formula(formula, frame, subject="patient", visit="visit").fit()


@pytest.fixture(scope="module")
def pain() -> pd.DataFrame:
    frame = pd.read_csv(REFERENCE / "pain150.csv")
    frame["therapy"] = pd.Categorical(frame["therapy"], ["USUAL", "SHAM", "ACU"])
    return frame


@pytest.fixture(scope="module")
def fit(pain):
    return fitted(pain, "chg ~ base + sex + age + therapy * visit")


@pytest.fixture(scope="module")
def by_base(pain):
    """Covariates interact with the arm and the visit."""
    return fitted(pain, "chg ~ base * therapy + sex * visit + therapy * visit")


def _check_against_r(fit, reference: dict, kind: str) -> None:
    cells = reference["methods"]["Satterthwaite"][kind]
    theirs = pd.DataFrame(cells["means"])
    names = [name for name in theirs.columns if name in fit.design.margins.factors]
    theirs = theirs.set_index(names)
    means = fit.lsmeans(names[0], by=names[1:] or None, weights=WEIGHTS[kind])
    ours = means.frame.set_index(names).loc[theirs.index]
    for mine, name in (("estimate", "emmean"), ("std_error", "SE"), ("conf_high", "upper.CL")):
        np.testing.assert_allclose(ours[mine], theirs[name], rtol=RELATIVE)
    np.testing.assert_allclose(ours["df"], theirs["df"], rtol=RELATIVE_DF)
    keys = ["contrast", *names[1:]]
    rows = pd.DataFrame(cells["contrasts"]).set_index(keys)
    table = means.contrast("comparator").frame.set_index(keys).loc[rows.index]
    for mine, name in (("estimate", "estimate"), ("std_error", "SE"), ("conf_low", "lower.CL")):
        np.testing.assert_allclose(table[mine], rows[name], rtol=RELATIVE, atol=ROUNDING)
    np.testing.assert_allclose(table["p_value"], rows["p.value"], rtol=RELATIVE_DF)


@pytest.mark.parametrize("kind", list(WEIGHTS))
@pytest.mark.parametrize("name", ["own_pain150_us_reml", "own_pain150_us_base_by_visit"])
def test_pain150_has_the_means_of_emmeans(pain, name, kind):
    reference = json.loads((REFERENCE / f"{name}.json").read_text())
    fit = fitted(pain, reference["formula"].split(" + us(")[0])
    _check_against_r(fit, reference, kind)


@pytest.mark.parametrize("kind", list(WEIGHTS))
def test_fev_has_the_means_of_emmeans(shared_data, shared_reference, kind):
    frame = pd.read_csv(shared_data / "reference" / "fev_data.csv").assign(
        SEX=lambda d: pd.Categorical(d["SEX"], ["Male", "Female"])
    )
    reference = json.loads((shared_reference / "mmrm_fev_us_reml.json").read_text())
    formula = reference["formula"].split(" + us(")[0]
    fit = MMRM.from_formula(formula, frame, subject="USUBJID", visit="AVISIT").fit()
    _check_against_r(fit, reference, kind)


def test_proportional_weights_are_joint_shares_of_rows(by_base):
    """Visit and sex are averaged together: their joint frequencies, not the product of margins."""
    frame = by_base.design.frame
    means = by_base.lsmeans("therapy", weights="proportional")
    cells = frame.groupby(["sex", "visit"], observed=True).size().reset_index(name="n")
    for level, row in zip(["USUAL", "SHAM", "ACU"], means.matrix, strict=True):
        grid = cells.assign(therapy=pd.Categorical([level] * len(cells), ["USUAL", "SHAM", "ACU"]),
                            base=frame["base"].mean())  # fmt: skip
        wanted = np.average(by_base.design.rows(grid), axis=0, weights=cells["n"])
        np.testing.assert_allclose(row, wanted, atol=ROUNDING)


def test_counterfactual_means_average_predictions_of_the_patients(by_base):
    frame = by_base.design.frame
    patients = frame.drop_duplicates("patient")
    means = by_base.lsmeans("therapy", by="visit", weights="counterfactual")
    assert means.keys[4] == ("W06", "SHAM")
    had = patients.assign(
        therapy=pd.Categorical(["SHAM"] * len(patients), ["USUAL", "SHAM", "ACU"]),
        visit=pd.Categorical(["W06"] * len(patients), frame["visit"].cat.categories),
    )
    wanted = by_base.design.rows(had) @ by_base.params.to_numpy()
    assert means.frame["estimate"][4] == pytest.approx(wanted.mean(), abs=ROUNDING)
    averaged = by_base.lsmeans("therapy", weights="counterfactual")
    np.testing.assert_allclose(averaged.matrix, means.matrix.reshape(5, 3, -1).mean(axis=0), atol=ROUNDING)


def test_counterfactual_patients_may_come_from_elsewhere(by_base, pain):
    used = by_base.lsmeans("therapy", by="visit", weights="counterfactual")
    again = by_base.lsmeans(
        "therapy", by="visit", weights="counterfactual",
        data=by_base.design.frame[["patient", "base", "sex"]].sample(frac=1, random_state=1),
    )  # fmt: skip
    np.testing.assert_allclose(again.matrix, used.matrix, atol=ROUNDING)
    women = pain[pain["sex"] == "F"]
    theirs = by_base.lsmeans("therapy", by="visit", weights="counterfactual", data=women)
    shifted = by_base.lsmeans("therapy", by="visit", weights="counterfactual", at={"sex": "F"})
    assert not np.allclose(theirs.matrix, used.matrix)
    assert not np.allclose(theirs.matrix, shifted.matrix)


def test_without_interactions_differences_do_not_depend_on_the_weights(fit):
    tables = [fit.lsmeans("therapy", by="visit", weights=w).contrast()
              for w in ("equal", "proportional", "counterfactual")]  # fmt: skip
    for table in tables[1:]:
        np.testing.assert_allclose(table.estimate, tables[0].estimate, atol=ROUNDING)
        np.testing.assert_allclose(table.cov, tables[0].cov, atol=ROUNDING)


def test_values_of_covariates_move_the_means_by_their_slopes(fit):
    low, high = (fit.lsmeans("therapy", by="visit", at={"base": b}) for b in (4.0, 6.0))
    np.testing.assert_allclose(
        high.frame["estimate"] - low.frame["estimate"], 2 * fit.params["base"], atol=ROUNDING
    )
    both = fit.lsmeans("therapy", by="visit", at={"base": [4, 6]})
    assert both.by == ("visit", "base")
    at_six = both.frame[both.frame["base"] == 6]
    np.testing.assert_allclose(at_six["estimate"], high.frame["estimate"], atol=ROUNDING)
    mean = fit.design.frame["base"].mean()
    plain = fit.lsmeans("therapy")
    np.testing.assert_allclose(fit.lsmeans("therapy", at={"base": mean}).matrix, plain.matrix, atol=ROUNDING)


def test_levels_of_factors_can_be_chosen(fit):
    women = fit.lsmeans("therapy", by="visit", at={"sex": "F", "visit": ["W12", "W52"]})
    assert list(dict.fromkeys(women.frame["visit"])) == ["W12", "W52"]
    both = fit.lsmeans(["sex", "therapy"], by="visit").frame.set_index(["visit", "therapy", "sex"])
    wanted = [both.loc[(v, t, "F"), "estimate"] for v, t in women.keys]
    np.testing.assert_allclose(women.frame["estimate"], wanted, atol=ROUNDING)


def test_slopes_are_contrasts_of_numeric_levels(by_base):
    means = by_base.lsmeans("base", by="therapy", at={"base": [4.0, 5.0]})
    slopes = means.contrast("consecutive").frame
    assert slopes["contrast"].iloc[0] == "5.0 - 4.0"
    extra = slopes["estimate"].iloc[2] - slopes["estimate"].iloc[0]
    assert extra == pytest.approx(by_base.params["base:therapy[T.ACU]"], abs=ROUNDING)


def test_one_sided_p_values_share_the_two_sided_one(fit):
    means = fit.lsmeans("therapy", by="visit")
    two, greater, less = (means.contrast(alternative=a).frame for a in ("two-sided", "greater", "less"))
    np.testing.assert_allclose(greater["p_value"] + less["p_value"], 1)
    np.testing.assert_allclose(2 * np.minimum(greater["p_value"], less["p_value"]), two["p_value"])
    assert np.isposinf(greater["conf_high"]).all()
    assert np.isneginf(less["conf_low"]).all()
    half = means.contrast(alpha=0.1).frame
    np.testing.assert_allclose(greater["conf_low"], half["conf_low"], rtol=1e-12)
    np.testing.assert_allclose(less["conf_high"], half["conf_high"], rtol=1e-12)
    bound = fit.lsmeans("therapy", by="visit", alternative="less").frame
    assert np.isneginf(bound["conf_low"]).all()


@pytest.mark.parametrize(("side", "edge"), [("greater", -1.0), ("less", 1.0)])
def test_a_margin_moves_the_null_to_its_side(fit, side, edge):
    table = fit.lsmeans("therapy", at={"visit": "W52"}).contrast("comparator", alternative=side, margin=1.0)
    frame = table.frame
    t = (frame["estimate"] - edge) / frame["std_error"]
    np.testing.assert_allclose(frame["statistic"], t)
    tail = stats.t.sf if side == "greater" else stats.t.cdf
    np.testing.assert_allclose(frame["p_value"], tail(t, frame["df"]))
    bound = frame["conf_low"] if side == "greater" else frame["conf_high"]
    beyond = bound > edge if side == "greater" else bound < edge
    np.testing.assert_array_equal(beyond, frame["p_value"] < 0.05)
    assert f"{side} than {edge:g}" in repr(table)


def test_equivalence_is_two_one_sided_tests(fit):
    means = fit.lsmeans("therapy", by="visit")
    both = means.contrast(alternative="equivalence", margin=1.2).frame
    sides = [means.contrast(alternative=a, margin=1.2).frame["p_value"] for a in ("greater", "less")]
    np.testing.assert_allclose(both["p_value"], np.maximum(*sides), rtol=1e-12)
    inside = (both["conf_low"] > -1.2) & (both["conf_high"] < 1.2)
    np.testing.assert_array_equal(inside, both["p_value"] < 0.05)


def test_families_are_strata_unless_all_rows_are_asked_for(fit):
    means = fit.lsmeans("therapy", by="visit")
    within = means.contrast("comparator", adjust="bonferroni").frame
    np.testing.assert_allclose(within["p_adjusted"], np.minimum(1, 2 * within["p_value"]))
    over = means.contrast("comparator", adjust="bonferroni", family="all").frame
    np.testing.assert_allclose(over["p_adjusted"], np.minimum(1, 10 * over["p_value"]))


@pytest.fixture(scope="module")
def clinics(pain):
    """Clinics lie in regions, and sham was never given at the last visit."""
    frame = pain[~((pain["therapy"] == "SHAM") & (pain["visit"] == "W52"))].copy()
    number = frame["patient"].str.extract(r"(\d+)")[0].astype(int)
    frame["clinic"] = (number % 4).map(dict(enumerate("abcd")))
    frame["region"] = np.where(frame["clinic"] == "d", "south", "north")
    return frame


def test_a_difference_may_be_estimable_where_neither_mean_is(clinics):
    fit = fitted(clinics, "chg ~ clinic + region + therapy + visit")
    means = fit.lsmeans("therapy")
    assert means.frame["estimate"].isna().all()
    assert means.frame["note"].str.startswith("not estimable").all()
    table = means.contrast("comparator").frame
    plain = fitted(clinics, "chg ~ clinic + therapy + visit").lsmeans("therapy").contrast("comparator")
    np.testing.assert_allclose(table["estimate"], plain.estimate, atol=1e-8)
    assert (table["note"] == "").all()


def test_an_empty_cell_is_a_row_with_a_note(clinics):
    means = fitted(clinics, "chg ~ base + therapy * visit").lsmeans("therapy", by="visit")
    empty = means.frame[(means.frame["visit"] == "W52") & (means.frame["therapy"] == "SHAM")]
    assert empty["estimate"].isna().all()
    assert empty["n"].tolist() == [0]
    table = means.contrast("comparator", adjust="holm", alternative="less", margin=0.5).frame
    last = table[table["visit"] == "W52"].set_index("contrast")
    assert last.loc["SHAM - USUAL", ["p_value", "p_adjusted", "conf_low", "conf_high"]].isna().all()
    assert last.loc["SHAM - USUAL", "note"].startswith("not estimable")
    assert last.loc["ACU - USUAL", "p_adjusted"] == last.loc["ACU - USUAL", "p_value"]


def test_tables_survive_pickling_and_hostile_names(pain):
    frame = pain.assign(visit=pain["visit"].replace("W52", "<script>alert(1)</script>"))
    fit = fitted(frame, "chg ~ therapy * visit")
    means = fit.lsmeans("therapy", by="visit", at={"therapy": ["USUAL", "ACU"]})
    table = means.contrast(adjust="max-t")
    for one in (means, table):
        assert "<script" not in one._repr_html_()
        assert "&lt;script&gt;" in one._repr_html_()
        again = pickle.loads(pickle.dumps(one))
        pd.testing.assert_frame_equal(again.to_frame(), one.frame)
        assert repr(again) == repr(one)
        assert len(one) == len(one.frame)
        assert one.to_frame() is not one.frame
    assert "within visit" in repr(table)


def _without_rows(fit):
    return replace(fit, design=type("D", (), {
        name: None if name == "frame" else getattr(fit.design, name)
        for name in ("frame", "roles", "margins", "variables", "columns", "formula", "rows")
    })())  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "message"),
    [
        (lambda f: f.lsmeans("base"), "at={name"),
        (lambda f: f.lsmeans([]), "names no factor"),
        (lambda f: f.lsmeans("therapy", at={"height": 1}), "the model knows"),
        (lambda f: f.lsmeans("therapy", at={"sex": "X"}), "its levels are"),
        (lambda f: f.lsmeans("therapy", at={"base": "low"}), "not a number"),
        (lambda f: f.lsmeans("therapy", at={"base": [1, np.nan]}), "finite numbers"),
        (lambda f: f.lsmeans("therapy", at={"base": [5, 5]}), "repeats a value"),
        (lambda f: f.lsmeans("therapy", alpha=5), "between 0 and 1"),
        (lambda f: f.lsmeans("therapy", alternative="lower"), "use one of"),
        (lambda f: f.lsmeans("therapy", data=pd.DataFrame()), "is for weights='counterfactual'"),
        (lambda f: f.lsmeans("therapy", weights="counterfactual", data=[1]), "pass a pandas"),
        (lambda f: f.lsmeans("therapy", weights="counterfactual", data=pd.DataFrame({"sex": ["F"]})),
         "lack the columns"),
        (lambda f: f.lsmeans("therapy", weights="counterfactual",
                             data=f.design.frame.assign(sex="X")), "150 patients .* not one of"),
        (lambda f: f.lsmeans("therapy", weights="counterfactual",
                             data=f.design.frame.assign(age="old")), "not a finite number"),
        (lambda f: f.lsmeans("therapy", weights="counterfactual", at={"sex": ["F", "M"]}), "each patient"),
        (lambda f: _without_rows(f).lsmeans("therapy", weights="counterfactual"), "as data="),
        (lambda f: f.lsmeans("therapy").contrast(margin=1), "A margin has a side"),
        (lambda f: f.lsmeans("therapy").contrast(margin=-1, alternative="less"), "positive number"),
        (lambda f: f.lsmeans("therapy").contrast(alternative="equivalence"), "needs a margin"),
        (lambda f: f.lsmeans("therapy").contrast(adjust="tukey"), "use one of"),
        (lambda f: f.lsmeans("therapy").contrast(family="visit"), "use one of"),
        (lambda f: f.lsmeans("therapy", at={"therapy": "ACU"}).contrast(), "nothing to compare"),
    ],
)  # fmt: skip
def test_means_that_cannot_be_are_refused_in_words(fit, ask, message):
    with pytest.raises(ModelError, match=message):
        ask(fit)
