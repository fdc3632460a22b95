"""What pooled effects are in closed form, at their limits, and when trials are few or wrong."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects

from analysis.errors import ModelError
from analysis.evidence.entries import enter
from analysis.evidence.heterogeneity import estimate_tau2, weighted
from analysis.evidence.influence import influence, leave_one_out
from analysis.evidence.pairwise import meta_regression, pool
from analysis.evidence.pooled import MetaAnalysis
from analysis.evidence.small_studies import egger, trim_and_fill
from analysis.evidence.subgroups import subgroups
from analysis.schema import RESULT_COLUMNS

# Arithmetic on doubles.
EXACT = 1e-10
Y = np.array([-1.2, -0.4, 0.3, -0.9, -0.1, -1.6])
V = np.array([0.10, 0.05, 0.20, 0.08, 0.03, 0.30])
NAMES = ["Ash", "Birch", "Cedar", "Elm", "Fir", "Gum"]


@pytest.fixture
def six():
    return enter(
        Y, V, NAMES, n_therapy=[40, 80, 20, 50, 130, 14], n_comparator=[41, 80, 21, 50, 128, 13]
    )


def test_paule_mandel_is_where_q_equals_its_degrees_of_freedom(six):
    tau2 = pool(six, tau2="PM").tau2
    assert weighted(Y, V, np.ones((6, 1)), tau2).rss == pytest.approx(5, rel=EXACT)


def test_reml_is_the_fixed_point_of_its_equation(six):
    tau2 = pool(six).tau2
    w = 1 / (V + tau2)
    mean = (w @ Y) / w.sum()
    step = (w**2 @ ((Y - mean) ** 2 - V)) / (w @ w) + 1 / w.sum()
    assert tau2 == pytest.approx(step, rel=EXACT)


def test_equal_variances_give_the_plain_variance_of_effects_minus_the_variance():
    for method in ("REML", "PM", "DL", "HE"):
        tau2 = estimate_tau2(Y, np.full(6, 0.1), np.ones((6, 1)), method)
        assert tau2 == pytest.approx(np.var(Y, ddof=1) - 0.1, rel=EXACT)


def test_hartung_and_knapp_with_equal_variances_is_the_t_test_of_the_effects():
    fit = pool(enter(Y, np.full(6, 0.1)), tau2="DL")
    plain = stats.ttest_1samp(Y, 0)
    assert fit.pvalues[0] == pytest.approx(plain.pvalue, rel=EXACT)
    assert list(fit.conf_int()[0]) == pytest.approx(list(plain.confidence_interval()), rel=EXACT)


def test_the_floor_keeps_hartung_and_knapps_interval_from_narrowing():
    close = enter([0.50, 0.51, 0.49], [0.1, 0.1, 0.1])
    bare, floor = (pool(close, interval=name) for name in ("hartung-knapp", "hartung-knapp-floor"))
    assert bare.bse[0] < 0.1 * floor.bse[0]
    assert floor.bse[0] == pytest.approx(np.sqrt(0.1 / 3), rel=EXACT)


@pytest.mark.parametrize(("method", "named"), [("DL", "dl"), ("PM", "pm")])
def test_statsmodels_gives_the_same_where_trials_differ(six, method, named):
    # Its Paule-Mandel stops at 1e-5 of Q unless told otherwise.
    extra = {"atol": 1e-12} if named == "pm" else {}
    theirs = combine_effects(Y, V, method_re=named, **extra)
    ours, scaled = (pool(six, tau2=method, interval=name) for name in ("normal", "hartung-knapp"))
    assert ours.tau2 == pytest.approx(theirs.tau2, rel=EXACT)
    assert ours.params[0] == pytest.approx(theirs.mean_effect_re, rel=EXACT)
    assert ours.bse[0] == pytest.approx(theirs.sd_eff_w_re, rel=EXACT)
    assert scaled.bse[0] == pytest.approx(theirs.sd_eff_w_re_hksj, rel=EXACT)
    common = pool(six, tau2="common")
    assert common.params[0] == pytest.approx(theirs.mean_effect_fe, rel=EXACT)
    assert (common.spread.q, common.spread.q_p) == pytest.approx(
        tuple(theirs.test_homogeneity()), rel=EXACT
    )


def test_statsmodels_lets_a_variance_and_i2_be_negative_where_trials_agree():
    agree = np.array([0.3, 0.5, 0.7]), np.array([0.1, 0.1, 0.2])
    theirs = combine_effects(*agree, method_re="dl")
    ours = pool(enter(*agree), tau2="DL")
    assert theirs.tau2 < 0 and theirs.i2 < 0
    assert ours.tau2 == 0 and ours.spread.i2 == 0
    assert "no more than by chance" in " ".join(ours.notes)


@pytest.mark.parametrize(
    "method", ["REML", "ML", "PM", "DL", "HE", "HS", "SJ", "EB", "PMM", "common"]
)
def test_equal_effects_give_that_effect_and_no_tau2(method):
    fit = pool(enter([0.7] * 4, [0.1, 0.2, 0.3, 0.4]), tau2=method, interval="normal")
    assert fit.tau2 == 0
    assert fit.params[0] == pytest.approx(0.7, rel=EXACT)
    assert fit.tau2_conf_int().loc["tau2", "conf_low"] == 0


def test_one_trial_is_its_own_answer_and_says_nothing_of_others():
    fit = pool(enter([2.0], [0.25], ["Ash"], n_therapy=[30], n_comparator=[31]))
    row, line = fit.summary_frame().iloc[0], fit.tidy().iloc[0]
    assert (row["trials"], row["patients"], row["estimate"], row["std_error"]) == (1, 61, 2.0, 0.5)
    assert row[["tau2", "i2", "q", "predict_low"]].isna().all()
    assert row["method"] == "one trial, normal interval"
    assert line["note"].startswith("1 trial, 61 patients; heterogeneity cannot be told")


def test_two_trials_with_hartung_and_knapp_come_with_a_warning():
    with pytest.warns(UserWarning, match="2 trials leave one degree of freedom"):
        fit = pool(enter([1.0, 2.0], [0.1, 0.1]))
    assert "normal" in " ".join(fit.notes)
    assert np.isnan(fit.prediction_interval()).all()
    assert np.isfinite(fit.prediction_interval(df="k-1")).all()
    assert pool(enter([1.0, 2.0], [0.1, 0.1]), interval="hartung-knapp-floor").df == 1


@pytest.mark.parametrize(("effect", "variance", "words"), [
    ([1.0, 2.0], [0.1, 0.0], r"1 of 2 trials have a variance of 0 or less \(Birch\)"),
    ([1.0, np.nan], [0.1, 0.1], r"1 of 2 trials have no effect \(Birch\)"),
    ([1.0, 2.0], [np.nan, 0.1], r"1 of 2 trials have no variance \(Ash\)"),
    ([1.0], [0.1, 0.1], "1 effects, 2 variances and 2 names"),
    ([], [], "No trial was given"),
])  # fmt: skip
def test_what_cannot_be_pooled_is_named(effect, variance, words):
    with pytest.raises(ModelError, match=words):
        enter(effect, variance, NAMES[: len(variance)])


def test_a_study_named_twice_is_refused_and_one_under_two_names_is_noted():
    with pytest.raises(ModelError, match="Ash: named more than once"):
        enter([1.0, 1.1, 2.0], [0.1, 0.1, 0.1], ["Ash", "Ash", "Elm"])
    fit = pool(enter([1.0, 1.0, 2.0], [0.1, 0.1, 0.1], ["Ash", "Ash (abstract)", "Elm"]))
    assert "Ash and Ash (abstract) have the same effect and variance" in fit.notes[0]


def test_order_unit_and_sign_do_not_matter(six):
    fit, order = pool(six), [3, 0, 5, 1, 4, 2]
    turned = pool(enter(-10 * Y[order], 100 * V[order]))
    assert turned.params[0] == pytest.approx(-10 * fit.params[0], rel=EXACT)
    assert turned.tau2 == pytest.approx(100 * fit.tau2, rel=EXACT)
    assert turned.spread.i2 == pytest.approx(fit.spread.i2, rel=EXACT)
    assert turned.tau2_conf_int().loc["tau2", "conf_high"] == pytest.approx(
        100 * fit.tau2_conf_int().loc["tau2", "conf_high"], rel=EXACT
    )


def test_the_result_frame_holds_trials_patients_heterogeneity_and_a_new_trial(six):
    frame = pool(six).tidy(
        therapy="Acupuncture", comparator="Sham acupuncture", horizon="long", week=52,
        certainty="low (risk of bias)",
    )  # fmt: skip
    assert "certainty: low (risk of bias)" in frame.loc[0, "note"]
    assert tuple(frame.columns) == RESULT_COLUMNS
    assert list(frame["estimand"]) == ["mean over trials", "a new trial"]
    assert list(frame["n_therapy"]) == [334, 334]
    assert "6 trials, 667 patients; I² " in frame.loc[0, "note"] and "τ² " in frame.loc[0, "note"]
    assert frame.loc[1, "conf_low"] < frame.loc[0, "conf_low"]


def test_the_forest_frame_has_weights_that_add_up(six):
    frame = pool(six).forest_frame()
    trials = frame[frame["row"] == "trial"]
    assert trials["weight"].sum() == pytest.approx(100, rel=EXACT)
    assert list(frame["row"])[-2:] == ["pooled", "prediction"]
    assert frame["n_therapy"].iloc[-1] == 334


def test_two_groups_with_one_tau2_are_a_meta_regression_on_the_group(six):
    group = ["acute", "acute", "acute", "chronic", "chronic", "chronic"]
    apart = subgroups(six, group, shared_tau2=True)
    joint = meta_regression(six, {"duration": group})
    assert apart.p == pytest.approx(joint.pvalues[1], rel=EXACT)
    means = apart.summary_frame()["estimate"]
    assert means[1] - means[0] == pytest.approx(joint.params[1], rel=EXACT)
    assert means[0] == pytest.approx(joint.params[0], rel=EXACT)
    assert apart.fits[0].tau2 == apart.fits[1].tau2 == pytest.approx(joint.tau2, rel=EXACT)


def test_groups_apart_are_pooled_apart_and_their_q_adds_up():
    bias = ["low", "low", "high", "high", "low", "high"]
    found = subgroups(enter(Y, V, NAMES), bias, order=["low", "high"], tau2="common")
    within = sum(fit.spread.q for fit in found.fits)
    assert within + found.statistic == pytest.approx(
        pool(enter(Y, V), tau2="common").spread.q, rel=EXACT
    )
    assert list(found.summary_frame()["group"]) == ["low", "high"]
    rows = found.tidy(therapy="Massage")
    assert list(rows["estimand"]) == ["mean over trials: low", "mean over trials: high"]


def test_a_group_with_one_trial_is_named(six):
    found = subgroups(six, ["sham", "none", "none", "none", "none", "none"])
    assert "One trial only: sham" in found.note
    with pytest.raises(ModelError, match="wet: in the trials or in the order"):
        subgroups(six, ["sham"] * 6, order=["sham", "wet"])
    with pytest.raises(ModelError, match="Birch: in no group"):
        subgroups(six, ["sham", "", *["none"] * 4])


def test_moderators_that_cannot_be_used_are_named(six):
    with pytest.raises(ModelError, match=r"dose is not known for 1 of 6 trials \(Cedar\)"):
        meta_regression(six, {"dose": [1, 2, np.nan, 4, 5, 6]})
    with pytest.raises(ModelError, match="The moderators say the same"):
        meta_regression(six, {"dose": [1, 2, 3, 4, 5, 6], "twice": [2, 4, 6, 8, 10, 12]})
    with pytest.raises(ModelError, match="6 trials cannot tell 6 coefficients"):
        meta_regression(six, {"name": NAMES})
    with pytest.raises(ModelError, match="tau2='MP' is not known"):
        pool(six, tau2="MP")


def test_the_trial_far_from_the_others_stands_out():
    far = enter([*Y, 6.0], [*V, 0.05], [*NAMES, "Yew"])
    frame = influence(pool(far)).set_index("study")
    assert frame["rstudent"].abs().idxmax() == "Yew"
    assert frame.loc["Yew", "influential"]
    left = leave_one_out(pool(far)).set_index("study")
    assert left["tau2"].idxmin() == "Yew"


def test_without_one_of_two_trials_the_other_stays():
    with pytest.warns(UserWarning):
        fit = pool(enter([1.0, 2.0], [0.1, 0.2], ["Ash", "Elm"]))
    assert list(leave_one_out(fit)["estimate"]) == [2.0, 1.0]
    with pytest.raises(ModelError, match="none can be left out"):
        influence(fit)


def test_an_even_funnel_is_left_alone_and_an_uneven_one_filled():
    errors = np.array([0.1, 0.2, 0.2, 0.3, 0.3, 0.4, 0.4])
    even = enter([0.5, 0.4, 0.6, 0.2, 0.8, 0.1, 0.9], errors**2)
    assert trim_and_fill(even).missing == 0
    uneven = enter([0.5, 0.55, 0.6, 0.9, 0.8, 1.4, 1.3], errors**2)
    filled = trim_and_fill(uneven)
    assert filled.side == "left" and filled.missing > 0
    assert filled.fit.params[0] < pool(uneven).params[0]
    assert filled.added.k == filled.missing
    test = egger(uneven)
    assert test.statistic > 0 and "7 trials" in test.note


def test_hartung_and_knapp_keep_their_level_with_five_trials():
    # 1,500 meta-analyses of five trials: Monte-Carlo standard error of 95 % is 0.56 points.
    rng, covered, trials = np.random.default_rng(20261125), {"hartung-knapp": 0, "normal": 0}, 1500
    for _ in range(trials):
        v = rng.uniform(0.02, 0.4, 5)
        y = rng.normal(0.3, np.sqrt(v + 0.1))
        for name in covered:
            low, high = pool(enter(y, v), tau2="DL", interval=name).conf_int()[0]
            covered[name] += low <= 0.3 <= high
    shares = {name: count / trials for name, count in covered.items()}
    error = np.sqrt(0.95 * 0.05 / trials)
    assert abs(shares["hartung-knapp"] - 0.95) < 3.5 * error
    assert shares["normal"] < 0.95 - 3 * error


def test_the_answer_is_frozen(six):
    fit = pool(six)
    assert isinstance(fit, MetaAnalysis)
    assert isinstance(fit.summary_frame(), pd.DataFrame)
    with pytest.raises(AttributeError):
        fit.df = 3
