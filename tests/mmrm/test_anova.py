"""Type II and III tests: R's numbers, empty and unbalanced cells, and invariances."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.mmrm import MMRM
from analysis.mmrm.anova import anova

REFERENCE = Path(__file__).parents[1] / "reference"
# The reference fits end with Newton steps at a gradient below 1e-9; what is left is rounding.
RELATIVE = 1e-7
RELATIVE_DF = 1e-5
# Two ways to the same rows of a hypothesis differ by rounding only.
ROUNDING = 1e-8


def fitted(frame: pd.DataFrame, formula: str):
    return MMRM.from_formula(formula, frame, subject="patient", visit="visit").fit()


def by_term(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(term=[":".join(sorted(t.split(":"))) for t in table["term"]]).set_index("term")


@pytest.fixture(scope="module")
def pain() -> pd.DataFrame:
    frame = pd.read_csv(REFERENCE / "pain150.csv")
    frame["therapy"] = pd.Categorical(frame["therapy"], ["USUAL", "SHAM", "ACU"])
    return frame


def _check_against_r(fit, reference: dict, type: str) -> None:
    theirs = by_term(pd.DataFrame(reference["methods"]["Satterthwaite"][f"anova_type_{type}"]))
    ours = by_term(fit.anova(type)).loc[theirs.index]
    assert len(ours) == len(fit.anova(type))
    assert (ours["num_df"] == theirs["Df"]).all()
    np.testing.assert_allclose(ours["statistic"], theirs["F"], rtol=RELATIVE)
    np.testing.assert_allclose(ours["denom_df"], theirs["Res.Df"], rtol=RELATIVE_DF)
    np.testing.assert_allclose(ours["p_value"], theirs["Pr(>F)"], rtol=RELATIVE_DF)


@pytest.mark.parametrize("type", ["II", "III"])
@pytest.mark.parametrize("name", ["own_pain150_us_reml", "own_pain150_us_base_by_visit"])
def test_pain150_has_the_tests_of_r(pain, name, type):
    reference = json.loads((REFERENCE / f"{name}.json").read_text())
    _check_against_r(fitted(pain, reference["formula"].split(" + us(")[0]), reference, type)


@pytest.mark.parametrize("type", ["II", "III"])
@pytest.mark.parametrize("name", ["fev", "bcva"])
def test_published_trials_have_the_tests_of_r(shared_data, shared_reference, name, type):
    frame = pd.read_csv(shared_data / "reference" / f"{name}_data.csv", dtype={"USUBJID": str})
    if name == "fev":
        frame["SEX"] = pd.Categorical(frame["SEX"], ["Male", "Female"])
    reference = json.loads((shared_reference / f"mmrm_{name}_us_reml.json").read_text())
    formula = reference["formula"].split(" + us(")[0]
    fit = MMRM.from_formula(formula, frame, subject="USUBJID", visit="AVISIT").fit()
    _check_against_r(fit, reference, type)


def test_type_three_says_that_ls_means_are_equal(pain):
    fit = fitted(pain, "chg ~ base + sex + age + therapy * visit")
    table = fit.anova().set_index("term")
    for name in ("therapy", "visit", "sex"):
        means = fit.lsmeans(name).contrast("comparator")
        equal = fit.wald_test(means.matrix)
        assert table.loc[name, "statistic"] == pytest.approx(equal.statistic, rel=ROUNDING)
        assert table.loc[name, "num_df"] == equal.num_df


@pytest.mark.parametrize("type", ["II", "III"])
def test_tests_do_not_depend_on_which_level_comes_first(pain, type):
    turned = pain.assign(
        therapy=pd.Categorical(pain["therapy"].astype(str), ["ACU", "USUAL", "SHAM"]),
        visit=pd.Categorical(pain["visit"], ["W52", "W02", "W12", "W06", "W26"]),
    )
    formula = "chg ~ base * therapy + sex * visit + therapy * visit"
    one, other = (fitted(d, formula).anova(type) for d in (pain, turned))
    np.testing.assert_allclose(one["statistic"], other["statistic"], rtol=1e-6)
    np.testing.assert_array_equal(one["num_df"], other["num_df"])


def test_types_agree_where_no_term_contains_another(pain):
    fit = fitted(pain, "chg ~ base + sex + therapy + visit")
    two, three = fit.anova("II"), fit.anova("III")
    np.testing.assert_allclose(two["statistic"], three["statistic"], rtol=ROUNDING)


def test_slopes_within_arms_are_one_term_of_as_many_rows(pain):
    fit = fitted(pain, "chg ~ therapy + visit + therapy:base")
    table = fit.anova().set_index("term")
    names = [name for name in fit.params.index if name.endswith(":base")]
    all_zero = fit.wald_test({name: {name: 1.0} for name in names})
    assert table.loc["therapy:base", "num_df"] == 3
    assert table.loc["therapy:base", "statistic"] == pytest.approx(all_zero.statistic, rel=ROUNDING)


def test_computed_terms_are_tested_whole(pain):
    table = fitted(pain, "chg ~ poly(base, 2) + log(age) + C(sex) + therapy * visit").anova()
    rows = table.set_index("term")["num_df"]
    assert rows.to_dict() == {
        "poly(base, 2)": 2, "log(age)": 1, "C(sex)": 1, "therapy": 2, "visit": 4, "therapy:visit": 8
    }


def test_an_empty_cell_takes_a_degree_of_freedom_from_the_interaction(pain):
    frame = pain[~((pain["therapy"] == "SHAM") & (pain["visit"] == "W52"))]
    fit = fitted(frame, "chg ~ base + therapy * visit")
    for type in ("II", "III"):
        table = fit.anova(type).set_index("term")
        assert table["num_df"].to_dict() == {"base": 1, "therapy": 2, "visit": 4, "therapy:visit": 7}
        assert table["p_value"].notna().all()


def test_type_three_of_two_arms_averages_the_visits_at_which_both_were_seen(pain):
    """What orthogonality to the interaction comes to, worked out by hand for one empty cell."""
    frame = pain[(pain["therapy"] != "ACU") & ~((pain["therapy"] == "SHAM") & (pain["visit"] == "W52"))]
    fit = fitted(frame, "chg ~ therapy * visit")
    differences = fit.lsmeans("therapy", by="visit").contrast()
    seen = differences.matrix[np.isfinite(differences.estimate)]
    assert len(seen) == 4
    wanted = fit.wald_test(seen.mean(axis=0, keepdims=True))
    table = fit.anova("III").set_index("term")
    assert table.loc["therapy", "statistic"] == pytest.approx(wanted.statistic, rel=ROUNDING)
    assert table.loc["therapy", "denom_df"] == pytest.approx(wanted.denom_df, rel=ROUNDING)


def test_a_term_the_data_do_not_determine_is_a_row_with_a_note(pain):
    number = pain["patient"].str.extract(r"(\d+)")[0].astype(int)
    frame = pain.assign(clinic=(number % 4).map(dict(enumerate("abcd"))))
    frame["region"] = np.where(frame["clinic"] == "d", "south", "north")
    table = fitted(frame, "chg ~ clinic + region + therapy + visit").anova("II").set_index("term")
    assert table.loc["region", "num_df"] == 0
    assert np.isnan(table.loc["region", "p_value"])
    assert table.loc["region", "note"].startswith("not estimable")
    assert table.loc["clinic", "num_df"] == 2
    assert table.loc["therapy", "note"] == ""


def _without_rows(fit):
    return replace(fit, design=fit.design.without_rows())


def test_type_three_needs_no_patients_where_the_formula_is_plain(pain):
    fit = fitted(pain, "chg ~ base * therapy + sex + therapy * visit")
    whole, bare = fit.anova("III"), anova(_without_rows(fit), "III")
    np.testing.assert_allclose(bare["statistic"], whole["statistic"], rtol=ROUNDING)
    np.testing.assert_allclose(bare["denom_df"], whole["denom_df"], rtol=ROUNDING)
    with pytest.raises(ModelError, match="need the patients' rows"):
        anova(_without_rows(fit), "II")
    computed = fitted(pain, "chg ~ log(base) + therapy * visit")
    with pytest.raises(ModelError, match="need the patients' rows"):
        anova(_without_rows(computed), "III")


def test_an_unknown_type_is_refused(pain):
    with pytest.raises(ModelError, match="use 'II' or 'III'"):
        fitted(pain, "chg ~ therapy + visit").anova("I")
