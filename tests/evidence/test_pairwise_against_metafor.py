"""Pooling agrees with R's metafor on two published sets of trials, number by number."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from analysis.evidence.entries import enter
from analysis.evidence.influence import cumulative, influence, leave_one_out
from analysis.evidence.pairwise import meta_regression, pool
from analysis.evidence.small_studies import begg, egger, trim_and_fill

# The files hold 15 digits and metafor's searches stop at 1e-12; the largest difference seen is 1.2e-11.
AGREES = 1e-9
# Of tau² and what follows from it, whose search is ours and metafor's.
TAU2 = 1e-8
INTERVALS = {"z": "normal", "t": "t", "knha": "hartung-knapp"}
FITS = 30
# metafor looks for the upper end of the interval of DerSimonian and Laird's tau² no further than ten times
# tau², and reports that end for the mean differences of Normand 1999: 2054.09 is 10 x 205.409. Its own
# intervals by other estimators, which are the same interval, go to 2889.45.
CAPPED = ("MD", "DL")
MEASURES = ("MD", "SMD", "SMDH", "ROM")


@pytest.fixture(scope="module")
def bcg(shared_reference):
    return json.loads((shared_reference / "meta_bcg.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def normand(shared_reference):
    return json.loads((shared_reference / "meta_normand1999.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def moderators(shared_data):
    with (shared_data / "reference" / "dat_bcg.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {
        "ablat": [float(row["ablat"]) for row in rows], "alloc": [row["alloc"] for row in rows],
        "year": [int(row["year"]) for row in rows],
    }  # fmt: skip


def asked(name):
    method, test = name.split("_")
    return {"tau2": "common" if method == "EE" else method, "interval": INTERVALS[test]}


def pairs_of(fit, reference):
    """Our number beside metafor's, for all that metafor gives."""
    wald = fit.wald()
    found = {
        "beta": (fit.params, list(reference["beta"].values())), "se": (fit.bse, reference["se"]),
        "stat": (fit.tvalues, reference["stat"]), "pval": (fit.pvalues, reference["pval"]),
        "ci_lb": (fit.conf_int()[:, 0], reference["ci_lb"]),
        "ci_ub": (fit.conf_int()[:, 1], reference["ci_ub"]), "vb": (fit.cov, reference["vb"]),
        "tau2": (fit.tau2, reference["tau2"]), "tau2_se": (fit.spread.tau2_se, reference["se_tau2"]),
        "i2": (fit.spread.i2, reference["I2"]), "h2": (fit.spread.h2, reference["H2"]),
        "r2": (fit.r2, reference["R2"]), "q": (fit.spread.q, reference["QE"]),
        "q_p": (fit.spread.q_p, reference["QEp"]), "wald": (wald[0], reference["QM"]),
        "wald_p": (wald[3], reference["QMp"]), "wald_df": (wald[1], reference["QMdf"][0]),
        "wald_df2": (wald[2], reference["QMdf"][1]), "df": (fit.df, reference["ddf"]),
        "llf": (fit.llf, reference["logLik"]), "aic": (fit.aic, reference["AIC"]),
        "bic": (fit.bic, reference["BIC"]), "k": (fit.entries.k, reference["k"]),
        "p": (len(fit.params), reference["p"]),
    }  # fmt: skip
    for key, df in (("pred", "as interval"), ("pred_Riley", "k-2")):
        if key in reference:
            low, high = fit.prediction_interval(df=df)
            found |= {f"{key} low": (low, reference[key]["pi_lb"])}
            found |= {f"{key} high": (high, reference[key]["pi_ub"])}
    if "confint_Q_profile" in reference:
        found["q_profile"] = (
            fit.tau2_conf_int().to_numpy(),
            reference["confint_Q_profile"]["values"],
        )
    return {name: pair for name, pair in found.items() if pair[1] is not None}


def numbers_in(entry):
    """How many numbers metafor gives of a fit; the mean in `pred` is `beta` again."""
    if isinstance(entry, dict):
        again = ("pred", "se", "ci_lb", "ci_ub") if "pi_lb" in entry else ()
        return sum(numbers_in(value) for key, value in entry.items() if key not in again)
    if isinstance(entry, list):
        return sum(numbers_in(value) for value in entry)
    return int(isinstance(entry, int | float))


def compared(fit, reference, left_out=()):
    """How many numbers agree; every one must."""
    count = 0
    for name, (ours, theirs) in pairs_of(fit, reference).items():
        if name in left_out:
            continue
        ours, theirs = np.ravel(np.asarray(ours, float)), np.ravel(np.asarray(theirs, float))
        tolerance = TAU2 if name in ("tau2", "tau2_se", "q_profile") else AGREES
        np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=AGREES, err_msg=name)
        count += len(theirs)
    return count


def test_every_estimator_and_interval_agrees_on_the_vaccine_trials(bcg):
    entry = bcg["random_effects"]
    assert len(entry["fits"]) == FITS
    entries = enter(entry["yi"], entry["vi"], bcg["study"])
    for name, fit in entry["fits"].items():
        assert compared(pool(entries, **asked(name)), fit) == numbers_in(fit)


@pytest.mark.parametrize("measure", MEASURES)
def test_every_estimator_and_interval_agrees_on_the_stroke_trials(normand, measure):
    entry = normand[measure]
    assert len(entry["fits"]) == FITS
    entries = enter(entry["yi"], entry["vi"])
    for name, fit in entry["fits"].items():
        left_out = ("q_profile",) if (measure, name.split("_")[0]) == CAPPED else ()
        count = compared(pool(entries, **asked(name)), fit, left_out)
        assert count == numbers_in(fit) - 12 * len(left_out)


def test_where_metafors_profile_stops_ours_is_metafors_by_another_estimator(normand):
    entry = normand["MD"]
    stopped = entry["fits"]["DL_z"]["confint_Q_profile"]["values"][0]
    assert stopped[2] == pytest.approx(10 * stopped[0], rel=AGREES)
    ours = pool(enter(entry["yi"], entry["vi"]), tau2="DL").tau2_conf_int().loc["tau2"]
    other = entry["fits"]["REML_z"]["confint_Q_profile"]["values"][0]
    assert list(ours[["conf_low", "conf_high"]]) == pytest.approx(other[1:], rel=TAU2)


@pytest.mark.parametrize("measure", ["OR", "RD", "PETO", "AS"])
def test_other_measures_of_the_vaccine_trials_agree(bcg, measure):
    entry = bcg["other_measures"][measure]
    fit = entry["REML_knha"]
    assert compared(pool(enter(entry["yi"], entry["vi"])), fit) == numbers_in(fit)


def test_petos_odds_ratio_is_the_common_effect_of_its_measure(bcg):
    entry, reference = bcg["other_measures"]["PETO"], bcg["peto_OR"]
    fit = pool(enter(entry["yi"], entry["vi"]), tau2="common")
    ours = [fit.params[0], fit.bse[0], *fit.conf_int()[0]]
    theirs = [reference[key] for key in ("est", "se", "ci_lb", "ci_ub")]
    np.testing.assert_allclose(ours, theirs, rtol=AGREES)


@pytest.mark.parametrize(("key", "names"), [
    ("metaregression_ablat", ("ablat",)), ("metaregression_ablat_alloc", ("ablat", "alloc")),
])  # fmt: skip
def test_meta_regression_agrees(bcg, moderators, key, names):
    entries = enter(bcg["random_effects"]["yi"], bcg["random_effects"]["vi"])
    chosen = {name: moderators[name] for name in names}
    for name, fit in bcg[key].items():
        ours = meta_regression(entries, chosen, **asked(name))
        assert compared(ours, fit) == numbers_in(fit)


def test_leaving_trials_out_and_adding_them_agrees(bcg, moderators):
    fit = pool(enter(bcg["random_effects"]["yi"], bcg["random_effects"]["vi"]), interval="normal")
    ours = leave_one_out(fit)
    keys = {
        "estimate": "estimate", "std_error": "se", "p_value": "pval", "conf_low": "ci.lb",
        "conf_high": "ci.ub", "q": "Q", "q_p": "Qp", "tau2": "tau2", "i2": "I2",
    }  # fmt: skip
    for mine, theirs in keys.items():
        values = [row[theirs] for row in bcg["leave_one_out_REML"]]
        np.testing.assert_allclose(ours[mine], values, rtol=TAU2, atol=AGREES, err_msg=mine)
    ours, reference = cumulative(fit, moderators["year"]), bcg["cumulative_REML_by_year"]
    for mine, theirs in keys.items():
        values = [row[theirs] for row in reference]
        # metafor says of one trial that it does not differ from others: 0. Here nothing is said.
        first = 1 if mine in ("q", "q_p", "tau2", "i2") else 0
        assert ours[mine].isna().sum() == first
        np.testing.assert_allclose(
            ours[mine][first:], values[first:], rtol=TAU2, atol=AGREES, err_msg=mine
        )


def test_influence_agrees(bcg):
    ours = influence(pool(enter(bcg["random_effects"]["yi"], bcg["random_effects"]["vi"])))
    names = {
        "rstudent": "rstudent", "dffits": "dffits", "cook": "cook.d", "cov_ratio": "cov.r",
        "tau2": "tau2.del", "q": "QE.del", "hat": "hat", "weight": "weight",
    }  # fmt: skip
    for mine, theirs in names.items():
        values = [row[theirs] for row in bcg["influence_REML"]]
        np.testing.assert_allclose(ours[mine], values, rtol=TAU2, atol=AGREES, err_msg=mine)
    assert [bool(row["inf"]) for row in bcg["influence_REML"]] == ours["influential"].to_list()


def test_small_study_effects_agree(bcg):
    entries, reference = (
        enter(bcg["random_effects"]["yi"], bcg["random_effects"]["vi"]),
        bcg["asymmetry"],
    )
    mixed, classical, rank = (
        egger(entries, interval="normal"),
        egger(entries, "regression"),
        begg(entries),
    )
    filled = trim_and_fill(entries, tau2="DL")
    ours = [
        mixed.statistic, mixed.p, classical.statistic, classical.df, classical.p, rank.statistic, rank.p,
        filled.missing, filled.fit.params[0], filled.fit.bse[0], filled.fit.tau2,
    ]  # fmt: skip
    theirs = [
        *(reference["egger_mixed"][key] for key in ("z", "p")),
        *(reference["egger_lm"][key] for key in ("t", "df", "p")),
        *(reference["begg"][key] for key in ("tau", "p")),
        *(reference["trimfill_DL"][key] for key in ("k0", "est", "se", "tau2")),
    ]
    np.testing.assert_allclose(ours, theirs, rtol=TAU2)
    assert filled.side == reference["trimfill_DL"]["side"]
