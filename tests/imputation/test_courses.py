"""Relief under imputation, functions of the user's, and clusters left out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reference_trials import PAIN_ANALYSIS, pain_data, pain_panel

from analysis.errors import ModelError
from analysis.imputation import (
    Course,
    Custom,
    ancova,
    completed_frame,
    conditional_mean,
    lay_out,
    refit,
    relief_frame,
)
from analysis.relief.questions import Question

# Two ways to the same number differ by rounding.
ROUNDING = 1e-10
# Two searches for the same maximum, or for the same limit.
SAME = 1e-8
VISITS = ("W02", "W06", "W12", "W26", "W52")
SHORT, LONG = np.eye(5)[2], np.eye(5)[4]
AREA = np.array([3.0, 5.0, 10.0, 20.0, 13.0])
QUESTIONS = (
    Question("relief", "short", SHORT, ("W12",), 12.0, ("W12",)),
    Question("relief", "long", LONG, ("W52",), 52.0, ("W52",)),
    Question("loss", "", SHORT - LONG, (), np.nan, VISITS),
    Question("retention", "", None, (), np.nan, VISITS),
    Question("area", "", AREA, ("W52",), 52.0, VISITS),
    Question("relief", "", None, ("W99",), 99.0, (), "not estimable: nobody has a value at W99"),
)


@pytest.fixture(scope="module")
def pain():
    panel = pain_panel("JR", cluster="site")
    refits = refit(panel)
    analysis = ancova(panel, PAIN_ANALYSIS)
    return refits, analysis, conditional_mean(refits, analysis)


def _course(analysis, found, **options):
    return Course(analysis, found.estimate, found.frequentist_cov, "jackknife", **options)


def test_relief_is_the_turned_combination_of_the_visits_effects(pain):
    _, analysis, found = pain
    frame = relief_frame(_course(analysis, found, change=True), QUESTIONS, analysis="JR")
    usual, acu = found.estimate.reshape(2, 5)
    against = frame[(frame["comparator"] == "USUAL")].set_index(["quantity", "horizon"])["estimate"]
    effect = usual - acu
    assert against["relief", "short"] == pytest.approx(effect[2], abs=ROUNDING)
    assert against["loss", ""] == pytest.approx(effect[2] - effect[4], abs=ROUNDING)
    assert against["retention", ""] == pytest.approx(effect[4] / effect[2], abs=ROUNDING)
    assert against["area", ""] == pytest.approx(AREA @ effect, abs=ROUNDING)
    alone = frame[(frame["therapy"] == "ACU") & (frame["comparator"] == "")]
    alone = alone.set_index(["quantity", "horizon"])["estimate"]
    assert alone["relief", "long"] == pytest.approx(-acu[4], abs=ROUNDING)
    assert set(frame["analysis"]) == {"JR"}
    assert (frame["n_therapy"] == 50).all()


def test_the_error_of_loss_uses_the_covariance_of_short_and_long(pain):
    _, analysis, found = pain
    frame = relief_frame(_course(analysis, found, change=True), QUESTIONS)
    row = frame[(frame["quantity"] == "loss") & (frame["comparator"] == "USUAL")].iloc[0]
    replicates = found.replicates.reshape(-1, 2, 5)
    loss = (replicates[:, 0] - replicates[:, 1]) @ (SHORT - LONG)
    n = len(loss)
    assert row["std_error"] == pytest.approx(np.sqrt((n - 1) ** 2 / n * loss.var(ddof=1)), rel=ROUNDING)


def test_the_fieller_set_of_retention_is_where_long_minus_a_share_of_short_is_not_rejected(pain):
    _, analysis, found = pain
    course = _course(analysis, found, change=True)
    pair = [course.weights_of("ACU", weights) for weights in (LONG, SHORT)]
    ratio, limits = course.ratio(*pair)
    assert limits.kind == "interval" and limits.low < ratio < limits.high
    for limit in (limits.low, limits.high):
        assert course.inference(pair[0] - limit * pair[1])["p_value"] == pytest.approx(0.05, abs=SAME)


def test_a_score_and_its_change_tell_the_same_relief():
    data, events = pain_data()
    events = events.assign(strategy="CIR")
    frames = []
    for outcome, baseline in (("chg", None), ("pain", "base")):
        panel = lay_out(
            data, f"{outcome} ~ base * visit + sex + therapy * visit", subject="patient",
            visit="visit", arm="therapy", reference="USUAL", events=events,
        )  # fmt: skip
        analysis = ancova(panel, f"{outcome} ~ therapy + base + sex", baseline=baseline)
        found = conditional_mean(refit(panel), analysis)
        course = _course(analysis, found, change=baseline is None)
        frame = relief_frame(course, QUESTIONS)
        frames.append(frame[frame["quantity"] != "mean"][["estimate", "std_error", "conf_low"]])
    np.testing.assert_allclose(*frames, atol=SAME)


def test_without_a_baseline_relief_alone_is_a_row_with_a_note(pain):
    _, analysis, found = pain
    frame = relief_frame(_course(analysis, found), QUESTIONS)
    alone = frame[(frame["comparator"] == "") & (frame["quantity"] != "mean")]
    noted = alone.set_index(["quantity", "horizon"])["note"]
    assert noted["relief", "short"].str.contains("no baseline").all()
    assert (noted["loss", ""] == "").all()
    assert alone[alone["quantity"] == "loss"]["estimate"].notna().all()


def test_a_function_of_the_users_is_jackknifed_like_the_ancova(pain):
    refits, _, found = pain

    def difference(frame: pd.DataFrame) -> dict[str, float]:
        last = frame[frame["visit"] == "W52"]
        arm, sex = last["therapy"] == "ACU", last["sex"] == "M"
        rows = np.column_stack([np.ones(len(last)), arm, last["base"], sex])
        return {"difference": np.linalg.lstsq(rows.astype(float), last["chg"], rcond=None)[0][1]}

    own = conditional_mean(refits, Custom(refits.panel, difference, ("difference",)))
    weights = np.zeros(10)
    weights[4], weights[9] = -1, 1
    assert own.estimate[0] == pytest.approx(weights @ found.estimate, abs=ROUNDING)
    np.testing.assert_allclose(own.replicates[:, 0], found.replicates @ weights, atol=ROUNDING)
    np.testing.assert_allclose(own.anchored[:, 0], found.anchored @ weights, atol=ROUNDING)
    silent = Custom(refits.panel, lambda frame: {}, ("difference",))
    with pytest.raises(ModelError, match="must return numbers named difference"):
        conditional_mean(refits, silent)


def test_leaving_out_a_site_repeats_everything_without_it(pain):
    refits, analysis, _ = pain
    clustered = refit(refits.panel, by_cluster=True)
    found = conditional_mean(clustered, analysis)
    data, events = pain_data()
    sites = list(dict.fromkeys(data["site"]))
    assert len(found.replicates) == len(sites) and found.unit == "cluster"
    rest = data[data["site"] != sites[1]]
    events = events[events["patient"].isin(rest["patient"])].assign(strategy="JR")
    panel = lay_out(
        rest, "chg ~ base * visit + sex + therapy * visit", subject="patient", visit="visit",
        arm="therapy", reference="USUAL", events=events,
    )  # fmt: skip
    again = conditional_mean(refit(panel), ancova(panel, PAIN_ANALYSIS))
    np.testing.assert_allclose(found.replicates[1], again.estimate, atol=SAME)


def test_a_bootstraps_analysis_counts_a_patient_as_often_as_drawn(pain):
    _, analysis, found = pain
    drawn = np.random.default_rng(7).integers(0, 100, 100)
    counts = np.bincount(drawn, minlength=100).astype(float)
    chosen = analysis.of(drawn).estimate(found.completed[drawn])
    np.testing.assert_allclose(chosen, analysis.estimate(found.completed, counts), atol=ROUNDING)


def test_the_completed_frame_has_the_datas_names(pain):
    refits, _, found = pain
    frame = completed_frame(refits.panel, found.completed)
    assert {"patient", "visit", "week", "therapy", "chg", "base", "sex", "site"} <= set(frame)
    assert len(frame) == found.completed.size and frame["chg"].notna().all()


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("chg ~ base", "does not name the arm, 'therapy'"),
        ("chg ~ therapy + week", "needs week as one value a patient"),
        ("chg ~ therapy + visit", "needs visit as one value a patient"),
        ("chg ~ therapy + height", "needs height"),
        ("chg ~ therapy + base + I(2 * base)", "combinations of each other"),
    ],
)
def test_an_analysis_that_cannot_be_set_up_is_refused_in_words(pain, formula, said):
    with pytest.raises(ModelError, match=said):
        ancova(pain[0].panel, formula)


def test_a_baseline_without_numbers_is_refused(pain):
    with pytest.raises(ModelError, match="'sex' must hold numbers"):
        ancova(pain[0].panel, PAIN_ANALYSIS, baseline="sex")


def test_clusters_that_are_not_there_are_refused():
    with pytest.raises(ModelError, match="The panel has no clusters"):
        refit(pain_panel("JR"), by_cluster=True)
