"""The engine against the published listings of SAS PROC MIXED: FEV1 ~ ARMCD, nine structures."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from reference_models import FEV, fev

from analysis.errors import ModelError

LISTING = "sas_published_fev_arm_effect.csv"
FORMULA = "FEV1 ~ ARMCD"
ARM = "ARMCD[T.TRT]"
STRUCTURES = ("us", "cs", "csh", "ar1", "ar1h", "toep", "toeph", "adh")
# This listing used two coordinates, of which VISITN2 is a random number of each row: at equal steps
# sp_exp would repeat ar1, and it does not. No schedule has such times (methods: section 1.4).
OWN_TIMES = "sp_exp"
# SAS's name of the covariance of the estimates: ours.
KENWARD_ROGER = {"kr": "kenward-roger", "kr(linear)": "kenward-roger-linear"}
# SAS stops early, at a relative Hessian criterion of 1e-8 (methods: section 8.4). The worst of its
# listings is 1.2e-4 off the optimum in a standard error and 4e-4 in degrees of freedom.
STOPPED = 2e-4
STOPPED_DF = 1e-3
# With SAS's own start, steps and stopping rule nothing is left but rounding of its 15 digits
# (oracle 6 of methods: section 17).
EMULATED = 1e-10
# R's mmrm in the same listing ended at the optimum.
OPTIMUM = 1e-7
OPTIMUM_DF = 1e-6
# Printed by SAS for us, with eight decimals.
HISTORY = (3668.64862630, 3667.97607884, 3667.96276376)
DECIMALS = 1e-8
# Printed by SAS for FEV1 ~ 1, first three iterations: full likelihood, and a covariance an arm.
ML_HISTORY = {
    "csh": (3785.69206032, 3784.68460420, 3784.63181470),
    "ar1h": (3740.38463715, 3739.94923064, 3739.94416707),
    "toeph": (3723.97117660, 3722.35434629, 3722.29192210),
    "toep": (3863.88173088, 3857.25442916, 3857.00809450),
    "ar1": (3876.17236449, 3875.95386791, 3875.95352406),
    "adh": (3713.82096231, 3713.25130778, 3713.24501787),
}
GROUPED_HISTORY = {
    "cs": (3915.42143509, 3915.41985780),
    "csh": (3764.60731530, 3764.55230713, 3764.55218946),
    "ar1h": (3724.98333819, 3724.36860131, 3724.36099760),
    "toeph": (3733.10604147, 3714.85122756, 3707.29806583),
    "adh": (3689.01550504, 3688.84357899, 3688.84024388),
}
# methods: section 8.4.
US_ESTIMATE, US_STD_ERROR, US_DF = 3.81972492174648, 0.66124382270307, 160.733266403768


@pytest.fixture(scope="module")
def listing(shared_reference) -> pd.DataFrame:
    return pd.read_csv(shared_reference / LISTING)


@pytest.fixture(scope="module")
def model(shared_data):
    data = fev(shared_data)
    return cache(
        lambda structure, weighted=False: FEV.model(
            data, structure, formula=FORMULA, weighted=weighted
        )
    )


def _row(listing: pd.DataFrame, structure: str, ddfm: str) -> pd.Series:
    chosen = listing[(listing["structure"] == structure) & (listing["sas_ddfm"] == ddfm)]
    assert len(chosen) == 1
    return chosen.iloc[0]


def _sandwich_row(listing: pd.DataFrame, structure: str, weighted: bool) -> pd.Series:
    chosen = listing[
        (listing["structure"] == structure)
        & (listing["kind"] == "Empirical sandwich")
        & (listing["weighted"] == weighted)
    ]
    assert len(chosen) == 1
    return chosen.iloc[0]


def _arm(fit) -> pd.Series:
    return fit.tidy().set_index("term").loc[ARM]


@pytest.mark.parametrize("ddfm", KENWARD_ROGER)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_kenward_roger_agrees_with_sas_up_to_its_stopping_rule(model, listing, structure, ddfm):
    expected = _row(listing, structure, ddfm)
    ours = _arm(model(structure).fit(df="kenward-roger", vcov=KENWARD_ROGER[ddfm]))
    assert ours["estimate"] == pytest.approx(expected["sas_est"], rel=STOPPED)
    assert ours["std_error"] == pytest.approx(expected["sas_se"], rel=STOPPED)
    assert ours["df"] == pytest.approx(expected["sas_df"], rel=STOPPED_DF)
    for mine, theirs in (("conf_low", "sas_lower"), ("conf_high", "sas_upper")):
        # A limit is the estimate and two standard errors.
        room = STOPPED * (abs(expected["sas_est"]) + 2 * expected["sas_se"])
        assert ours[mine] == pytest.approx(expected[theirs], abs=room)
    assert ours["estimate"] == pytest.approx(expected["mmrm_est"], rel=OPTIMUM)
    assert ours["df"] == pytest.approx(expected["mmrm_df"], rel=OPTIMUM_DF)
    if ddfm == "kr(linear)":
        assert ours["std_error"] == pytest.approx(expected["mmrm_se"], rel=OPTIMUM)


@pytest.mark.parametrize("structure", ["us", "cs", "toep"])
def test_kenward_roger_needs_no_second_order_term_where_sas_prints_none(model, listing, structure):
    printed = {_row(listing, structure, ddfm)["sas_se"] for ddfm in KENWARD_ROGER}
    assert len(printed) == 1
    default, linear = (
        _arm(model(structure).fit(df="kenward-roger", vcov=vcov))["std_error"]
        for vcov in KENWARD_ROGER.values()
    )
    assert default == pytest.approx(linear, rel=1e-12)


@pytest.mark.parametrize("structure", ["csh", "ar1", "ar1h", "toeph", "adh"])
def test_the_second_order_term_has_the_sign_and_size_that_sas_prints(model, listing, structure):
    """A difference of two standard errors of one run hardly depends on where the run stopped."""
    kept, dropped = (_row(listing, structure, ddfm)["sas_se"] for ddfm in KENWARD_ROGER)
    default, linear = (
        _arm(model(structure).fit(df="kenward-roger", vcov=vcov))["std_error"]
        for vcov in KENWARD_ROGER.values()
    )
    assert default - linear == pytest.approx(kept - dropped, rel=0.01)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_the_sandwich_agrees_with_empirical_of_sas(model, listing, structure, weighted):
    expected = _sandwich_row(listing, structure, weighted)
    ours = _arm(model(structure, weighted).fit(vcov="CR0"))
    assert ours["estimate"] == pytest.approx(expected["sas_est"], rel=STOPPED)
    assert ours["std_error"] == pytest.approx(expected["sas_se"], rel=STOPPED)
    assert ours["estimate"] == pytest.approx(expected["mmrm_est"], rel=OPTIMUM)
    assert ours["std_error"] == pytest.approx(expected["mmrm_se"], rel=OPTIMUM)


@pytest.mark.parametrize("ddfm", KENWARD_ROGER)
@pytest.mark.parametrize("structure", STRUCTURES)
def test_oracle_6_emulating_sas_gives_the_digits_it_printed(model, listing, structure, ddfm):
    expected = _row(listing, structure, ddfm)
    fit = model(structure).fit(df="kenward-roger", vcov=KENWARD_ROGER[ddfm], emulate="sas")
    ours = _arm(fit)
    for mine, theirs in (
        ("estimate", "sas_est"),
        ("std_error", "sas_se"),
        ("df", "sas_df"),
        ("conf_low", "sas_lower"),
        ("conf_high", "sas_upper"),
    ):
        assert ours[mine] == pytest.approx(expected[theirs], rel=EMULATED), mine


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("structure", STRUCTURES)
def test_oracle_6_emulating_sas_gives_the_digits_of_its_sandwich(model, listing, structure, weighted):
    expected = _sandwich_row(listing, structure, weighted)
    ours = _arm(model(structure, weighted).fit(vcov="CR0", emulate="sas"))
    assert ours["estimate"] == pytest.approx(expected["sas_est"], rel=EMULATED)
    assert ours["std_error"] == pytest.approx(expected["sas_se"], rel=EMULATED)


def test_emulating_sas_repeats_its_iteration_history(model):
    fit = model("us").fit(df="kenward-roger", emulate="sas")
    np.testing.assert_allclose(fit.log["value"].to_numpy()[-3:], HISTORY, rtol=0, atol=DECIMALS)
    ours = _arm(fit)
    assert ours["estimate"] == pytest.approx(US_ESTIMATE, rel=EMULATED)
    assert ours["std_error"] == pytest.approx(US_STD_ERROR, rel=EMULATED)
    assert ours["df"] == pytest.approx(US_DF, rel=EMULATED)


@pytest.mark.parametrize("structure", ML_HISTORY)
def test_oracle_6_emulating_sas_repeats_its_iterations_by_full_likelihood(shared_data, structure):
    found = FEV.model(fev(shared_data), structure, formula="FEV1 ~ 1", reml=False)
    values = found.fit(emulate="sas").log["value"].to_numpy()[1:4]
    np.testing.assert_allclose(values, ML_HISTORY[structure], rtol=0, atol=DECIMALS)


@pytest.mark.parametrize("structure", GROUPED_HISTORY)
def test_oracle_6_emulating_sas_repeats_its_iterations_by_arm(shared_data, structure):
    found = FEV.model(fev(shared_data), structure, formula="FEV1 ~ 1", grouped=True)
    printed = GROUPED_HISTORY[structure]
    values = found.fit(emulate="sas").log["value"].to_numpy()[1 : len(printed) + 1]
    np.testing.assert_allclose(values, printed, rtol=0, atol=DECIMALS)


@pytest.mark.parametrize(("structure", "grouped"), [("ar1", True), ("toep", True), ("diag", False)])
def test_emulating_sas_is_refused_where_no_listing_shows_how_it_begins(
    shared_data, structure, grouped
):
    found = FEV.model(fev(shared_data), structure, formula=FORMULA, grouped=grouped)
    with pytest.raises(ModelError, match=f"cannot be had for covariance='{structure}'.*known from"):
        found.fit(emulate="sas")


def test_without_emulation_the_search_goes_on_to_the_optimum_that_sas_stopped_short_of(model):
    fit = model("us").fit(df="kenward-roger")
    assert -2 * fit.llf < HISTORY[-1] - 1e-9


def test_the_listing_holds_the_structures_tested_and_one_with_times_of_each_row(listing):
    assert set(listing["structure"]) == {*STRUCTURES, OWN_TIMES}
    assert set(listing["sas_ddfm"]) == {*KENWARD_ROGER, "(default, not compared)"}
    assert len(listing) == (len(STRUCTURES) + 1) * (len(KENWARD_ROGER) + 2)
    spatial, equal_steps = (_row(listing, name, "kr")["sas_est"] for name in (OWN_TIMES, "ar1"))
    assert abs(spatial / equal_steps - 1) > 1e-3
