"""Trials made to break sensitivity analysis: an answer, or words that say why there is none."""

from __future__ import annotations

import html
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from uncertain_trial import CARE, CUPPING, MASSAGE, random_scores, study, trial, usual_trial

from analysis.figures import labels_of, plot_strategies, plot_tipping, plot_tipping_surface
from analysis.harms import estimate_harms
from analysis.imputation import relief_by_estimand
from analysis.relief import estimate_relief
from analysis.report.analysed import Analysed
from analysis.report.answer import answer_of
from analysis.responders import estimate_responders, responder_sentences
from analysis.schema import RESULT_COLUMNS
from analysis.sensitivity import (
    RANDOM,
    STRATEGIES,
    compare_strategies,
    conclusions,
    survival_sentences,
    tipping_curves,
    tipping_points,
    tipping_surfaces,
    what_would_change,
)
from analysis.tables import (
    departures_table,
    judged_table,
    responder_differences_table,
    responders_table,
    strategies_table,
    tipping_table,
)
from analysis.trial.records import Trial

NAN = np.nan


def an_arm_lost() -> Trial:
    """Nobody of the second therapy was seen after the start; of the third most were."""
    gone = random_scores(12, seed=2)
    gone[:, 1:] = NAN
    return trial({CARE: random_scores(12, 1), MASSAGE: gone, CUPPING: random_scores(12, 3)})


def reference_lost() -> Trial:
    gone = random_scores(12, seed=2)
    gone[:, 1:] = NAN
    return trial({CARE: gone, MASSAGE: random_scores(12, 1), CUPPING: random_scores(12, 3)})


def reference_absent() -> Trial:
    """The study file names a comparator that has no patients."""
    made = usual_trial()
    kept = made.patients["therapy"] != CARE
    people = made.patients[kept].reset_index(drop=True)
    rows = made.outcomes[made.outcomes["patient"].isin(people["patient"])].reset_index(drop=True)
    return replace(made, patients=people, outcomes=rows)


def lost_at_once() -> Trial:
    """Nobody was seen after the start."""
    scores = {name: random_scores(6, k) for k, name in enumerate((CARE, MASSAGE))}
    for rows in scores.values():
        rows[:, 1:] = NAN
    return trial(scores)


def events_at_the_start() -> Trial:
    """Everybody's events, of every kind, are at week 0."""
    made = usual_trial()
    rows = [(patient, 0.0, kind, "", None, None) for patient in made.patients["patient"]
            for kind in ("lost", "stopped_therapy", "rescue_medication")]  # fmt: skip
    return replace(made, events=pd.DataFrame(rows, columns=list(made.events.columns)))


def no_baseline() -> Trial:
    scores = {CARE: random_scores(seed=1)[:, 1:], MASSAGE: random_scores(seed=2)[:, 1:]}
    visits = {"week 4": 4.0, "week 12": 12.0, "week 52": 52.0}
    return trial(scores, plan=study(visits=visits))


def one_visit() -> Trial:
    scores = {CARE: random_scores(seed=1)[:, :2], MASSAGE: random_scores(seed=2)[:, :2]}
    visits = {"start": 0.0, "week 4": 4.0}
    return trial(scores, plan=study(visits=visits, horizons={"week 4": "long"}))


def all_equal() -> Trial:
    scores = {name: np.full((8, 4), 5.0) for name in (CARE, MASSAGE)}
    for rows in scores.values():
        rows[0, 3] = NAN
    return trial(scores)


MADE = {
    "an arm lost": an_arm_lost, "reference lost": reference_lost, "reference absent": reference_absent,
    "no one lost": lambda: usual_trial(lost=0.0), "lost at once": lost_at_once,
    "events at the start": events_at_the_start, "no baseline": no_baseline,
    "one group": lambda: trial({MASSAGE: random_scores()}), "one visit": one_visit,
    "one patient an arm": lambda: trial({CARE: random_scores(1), MASSAGE: random_scores(1, 2, lost=0)}),
    "two patients an arm": lambda: trial({CARE: random_scores(2), MASSAGE: random_scores(2, 2)}),
    "all equal": all_equal,
}  # fmt: skip
# Those whose imputation model, or the data, cannot say anything; words that must be in the reason.
REFUSED = {
    "lost at once": "No patient has a value after baseline", "no baseline": "at baseline",
    "one patient an arm": "cannot carry", "all equal": "does not vary",
}  # fmt: skip
# The model of relief refuses these too, and with it the report.
NO_RELIEF = ("lost at once", "one patient an arm", "all equal")


@pytest.fixture(scope="module", params=MADE)
def case(request):
    made = MADE[request.param]()
    before = made.patients.copy(), made.outcomes.copy(), made.events.copy()
    found = compare_strategies(made)
    for one, other in zip(before, (made.patients, made.outcomes, made.events), strict=True):
        pd.testing.assert_frame_equal(one, other)
    return request.param, made, found


def test_there_is_an_answer_or_a_reason(case):
    name, _, found = case
    assert list(found.frame.columns) == list(RESULT_COLUMNS)
    assert (found.setting is None) == bool(found.refused) == (name in REFUSED)
    if name in REFUSED:
        assert REFUSED[name] in found.refused and found.refused.endswith(".")
        return
    relief = found.frame[found.frame["quantity"] == "relief"]
    long = relief[(relief["horizon"] == "long") & (relief["analysis"] == RANDOM)]
    assert long["estimate"].notna().all() and len(long)
    assert found.frame.loc[found.frame["estimate"].isna(), "note"].ne("").all()
    compared = set(found.frame["comparator"]) - {""}
    assert compared == ({CARE} if found.setting.comparator else set())
    expected = {MASSAGE} if name in ("one group", "reference absent") else {CARE, MASSAGE}
    expected = {CARE, CUPPING} if name == "an arm lost" else expected
    expected = {MASSAGE, CUPPING} if name == "reference lost" else expected
    assert set(found.frame["therapy"]) == expected


def test_who_could_not_enter_is_counted(case):
    _, made, found = case
    if found.setting is not None:
        entered = len(found.setting.refits.panel.patients)
        assert entered + found.setting.left_out["n"].sum() == len(made.patients)


def test_tipping_has_a_number_or_a_note(case):
    _, _, found = case
    tips = tipping_points(found.setting)
    assert (tips["tip"].notna() | tips["note"].ne("")).all()
    told = tipping_table(tips, "points", 5)
    assert len(told.rows) == len(tips)
    for frame in (tipping_curves(found.setting), tipping_surfaces(found.setting)):
        assert np.isfinite(frame.drop(columns="therapy").to_numpy(dtype=float)).all()
    shown = tipping_curves(found.setting)["therapy"].unique()
    long = tips[tips["horizon"] == "long"]
    # A curve for every therapy of which something is missing.
    assert list(shown) == long.loc[long["missing"].notna(), "therapy"].tolist()


def _main(made):
    return estimate_relief(made).frame


def test_sentences_and_tables_and_figures_say_something_of_every_trial(case):
    name, made, found = case
    main = found.frame.iloc[:0] if name in NO_RELIEF else _main(made)
    table = conclusions(main, found)
    assert set(table["conclusion"]) <= {
        "more relief", "less relief", "no clear difference", "not estimable",
    }  # fmt: skip
    texts = [*survival_sentences(main, found, made.study), what_would_change(main, found, made.study)]
    assert all(text.endswith(".") and "nan" not in text for text in texts)
    for one in (strategies_table(main, found), departures_table(found, 5)):
        assert one.note and str(one) and "nan" not in str(one)
    labels = labels_of(made.study)
    axes = [
        *plot_strategies(main, found.frame, labels), *plot_tipping(tipping_curves(found.setting), labels),
        *plot_tipping_surface(tipping_surfaces(found.setting), labels),
    ]
    for ax in axes:
        ax.figure.draw_without_rendering()


def test_responders_come_under_every_strategy_or_with_a_reason(case):
    _, made, found = case
    responders = estimate_responders(made, setting=found.setting, n_draws=4)
    missing = responders.frame[responders.frame["estimate"].isna()]
    assert missing["note"].ne("").all()
    asked = {f"multiple imputation, {name}" for name in STRATEGIES if name != RANDOM}
    allowed = asked if found.setting and found.setting.comparator else {
        name for name in asked if found.setting and "last mean" in name
    }  # fmt: skip
    judged = responders.frame.loc[responders.frame["n_therapy"] > 0, "analysis"]
    assert {name for name in judged if name in asked} == (allowed if len(judged) else set())
    definition = responders.frame["estimand"].iloc[0]
    for text in responder_sentences(responders, made.study):
        assert text.endswith(".") and "nan" not in text
    for table in (
        judged_table(responders, definition, 5), responders_table(responders, definition),
        responder_differences_table(responders, definition, made.study.comparator, "multiple imputation"),
    ):
        assert "nan" not in str(table)


def test_the_index_page_says_of_every_trial_whether_conclusions_survive(case):
    name, made, found = case
    if name in NO_RELIEF:
        return
    relief = estimate_relief(made)
    analysed = Analysed(
        made, relief, relief_by_estimand(made), found,
        estimate_responders(made, relief.model, n_draws=2), estimate_harms(made), (),
    )  # fmt: skip
    answer = answer_of(analysed, {}, [])
    said = next(part.sentences for part in answer.sections if part.title == "How sure is that?")
    compared = found.setting is not None and found.setting.comparator
    # A line for every therapy, also for one of which nobody was seen.
    assert len(said) == (len(made.study.therapies) - 1 if compared else 1)
    if name == "an arm lost":
        assert said[0] == f"With {MASSAGE}, nothing can be said in the long term."
    assert all(html.unescape(text).endswith(".") for text in said)
    assert set(found.frame["analysis"]) <= set(analysed.frame["analysis"])
