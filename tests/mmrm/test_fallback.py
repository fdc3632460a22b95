"""A structure that stands in for one that failed: what is said, and which errors are used."""

from __future__ import annotations

import numpy as np
import pytest
from small_trial import FORMULA, made_up

from analysis.errors import ModelError
from analysis.mmrm import MMRM

LIST = ("us", "toeph", "cs")


def apart(seed: int = 61):
    """A trial in which nobody has both of two visits."""
    data = made_up(seed)
    even = data["id"].isin(data["id"].unique()[::3])
    return data[~(data["visit"].eq("v1") & even) & ~(data["visit"].eq("v2") & ~even)]


def model(covariance=LIST) -> MMRM:
    return MMRM.from_formula(
        FORMULA, apart(), subject="id", visit="visit", covariance=covariance
    )


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
def test_a_structure_that_stands_in_has_a_sandwich_and_says_why(df):
    fit = model().fit(df=df)
    assert fit.covariance_name == "toeph"
    assert "No patient has values at both of these visits: v1 with v2" in fit.attempts[0].outcome
    assert (fit.inference.df, fit.inference.vcov) == ("satterthwaite", "CR2")
    assert fit.inference.df_label == "Bell-McCaffrey"
    assert "toeph stands in for us" in fit.inference.note
    assert fit.inference.note in str(fit.summary())
    asked = model("toeph").fit(vcov="CR2")
    np.testing.assert_array_equal(fit.bse, asked.bse)
    np.testing.assert_array_equal(fit.df, asked.df)


def test_the_first_structure_keeps_the_errors_asked_for():
    fit = model(("toeph", "us")).fit(df="kenward-roger")
    assert (fit.inference.df, fit.inference.vcov) == ("kenward-roger", "kenward-roger")
    assert fit.inference.df_label == "Kenward-Roger"
    assert not fit.inference.note


def test_errors_named_by_the_caller_are_kept_with_any_structure():
    fit = model().fit(df="kenward-roger", vcov="kenward-roger")
    assert fit.inference.vcov == "kenward-roger"
    assert model().fit(df="residual").inference.vcov == "model"


def test_where_no_structure_can_be_estimated_each_says_why():
    data = apart()
    few = data[data["id"].isin(data["id"].unique()[:2])]
    with pytest.raises(ModelError, match=r"None of the covariances.* us: .*toeph: .*cs: "):
        MMRM.from_formula(
            "y ~ visit", few, subject="id", visit="visit", covariance=LIST
        ).fit()
