"""Verdicts counted by hand, and the sentences that they make, from made-up frames."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from uncertain_trial import CARE, CUPPING, MASSAGE, study

from analysis.instruments import INSTRUMENTS
from analysis.schema import result_frame
from analysis.sensitivity import Sensitivity, conclusions, survival_sentences, what_would_change
from analysis.sensitivity.strategies import ANCHORED, RANDOM
from analysis.sensitivity.tipping_points import TIP_COLUMNS

JUMP, COPY = "jump to reference", "copy reference"
CLEAR, WORSE, UNCLEAR = (1.0, 0.5, 1.5), (-1.0, -1.5, -0.5), (0.2, -0.3, 0.7)
EXERCISE = "Exercise; at home"


def relief_row(analysis, therapy, numbers, horizon="long"):
    known = dict(zip(("estimate", "conf_low", "conf_high"), numbers, strict=True)) if numbers else {}
    return {"analysis": analysis, "quantity": "relief", "horizon": horizon, "therapy": therapy,
            "comparator": CARE, "note": "" if numbers else "not estimable: why"} | known  # fmt: skip


def asked(monkeypatch, main, strategies, tips=None, simulated=False, comparator=CARE):
    """Main frame, sensitivity and study of some therapies; tips by therapy as (tip, at random, note)."""
    therapies = (CARE, *main)
    plan = study(therapies, comparator="" if not comparator else None, simulated=simulated)
    rows = [relief_row(name, therapy, numbers)
            for therapy, by in strategies.items() for name, numbers in by.items()]  # fmt: skip
    setting = SimpleNamespace(comparator=comparator, therapies=therapies, study=plan,
                              instrument=INSTRUMENTS["NRS"])  # fmt: skip
    found = Sensitivity(result_frame(rows), setting)
    made = []
    for therapy in main:
        otherwise = 0.8, main[therapy] or CLEAR, ""
        tip, (estimate, low, high), note = (tips or {}).get(therapy, otherwise)
        row = dict.fromkeys(TIP_COLUMNS, np.nan) | {
            "therapy": therapy, "horizon": "long", "estimate": estimate, "conf_low": low,
            "conf_high": high, "tip": tip, "important": tip / 2, "missing": 7, "note": note,
        }  # fmt: skip
        made.append(row)
    monkeypatch.setattr(
        "analysis.sensitivity.conclusion.tipping_points", lambda *given: pd.DataFrame(made)
    )
    frame = result_frame([relief_row("main", therapy, numbers) for therapy, numbers in main.items()])
    return frame, found, plan


def test_strategies_with_the_same_verdict_are_counted_and_the_others_named(monkeypatch):
    frame, found, _ = asked(
        monkeypatch,
        {MASSAGE: CLEAR, CUPPING: UNCLEAR, EXERCISE: WORSE},
        {
            MASSAGE: {RANDOM: UNCLEAR, COPY: CLEAR, COPY + ANCHORED: CLEAR, JUMP: UNCLEAR,
                      JUMP + ANCHORED: WORSE},
            CUPPING: {RANDOM: UNCLEAR, COPY: UNCLEAR, JUMP: CLEAR, JUMP + ANCHORED: None},
            EXERCISE: {COPY: WORSE, JUMP: WORSE},
        },
    )
    table = conclusions(frame, found, iter(["long"]))
    assert table["conclusion"].tolist() == ["more relief", "no clear difference", "less relief"]
    # Missing at random is the main assumption, and what has no estimate says nothing.
    assert table["strategies"].tolist() == [4, 2, 2]
    assert table["same"].tolist() == [2, 1, 2]
    assert table["others"].tolist() == [f"{JUMP}; {JUMP}{ANCHORED}", JUMP, ""]
    assert table["missing"].tolist() == [7, 7, 7] and table["possible"].all()


def test_a_main_analysis_that_cannot_be_estimated_concludes_nothing(monkeypatch):
    frame, found, plan = asked(monkeypatch, {MASSAGE: None}, {MASSAGE: {JUMP: CLEAR}})
    row = conclusions(frame, found, ("long",)).iloc[0]
    assert (row["conclusion"], row["strategies"], row["same"]) == ("not estimable", 1, 0)
    assert survival_sentences(frame, found, plan) == [
        f"With {MASSAGE}, nothing can be said in the long term."
    ]
    assert what_would_change(frame, found, plan) == (
        "In the long term nothing can be said, so no assumption changes it."
    )


def test_a_tip_is_given_only_where_missing_at_random_stands_where_the_main_analysis_does(monkeypatch):
    frame, found, plan = asked(
        monkeypatch, {MASSAGE: CLEAR}, {MASSAGE: {JUMP: CLEAR}}, {MASSAGE: (-0.1, UNCLEAR, "")}
    )
    row = conclusions(frame, found, ("long",)).iloc[0]
    assert pd.isna(row["tip"]) and not row["possible"]
    told = "imputation as missing at random, with its jackknife, already gives no clear difference"
    assert told in row["note"] and told in survival_sentences(frame, found, plan)[0]


def test_one_therapy_is_told_in_the_singular(monkeypatch):
    frame, found, plan = asked(monkeypatch, {MASSAGE: CLEAR}, {MASSAGE: {COPY: CLEAR, JUMP: CLEAR}})
    assert survival_sentences(frame, found, plan) == [
        "With Massage, the long-term conclusion (more relief than with Usual care) survives every "
        "other assumption about patients who were not seen. For Massage it would take patients not "
        "seen who were 0.8 points (0.4 minimal important changes) worse than patients like them who "
        "were."
    ]
    text = what_would_change(frame, found, plan)
    assert "the therapy was clearly different from Usual care. That conclusion holds under every" in text
    assert text.endswith("Whether any of this is true cannot be seen in the data.")


def test_several_therapies_are_counted_and_the_exceptions_named(monkeypatch):
    frame, found, plan = asked(
        monkeypatch, {MASSAGE: CLEAR, CUPPING: WORSE, EXERCISE: UNCLEAR},
        {MASSAGE: {COPY: CLEAR, JUMP: UNCLEAR, JUMP + ANCHORED: UNCLEAR}, CUPPING: {JUMP: WORSE},
         EXERCISE: {JUMP: CLEAR}},
        {CUPPING: (-0.004, WORSE, "")},
    )  # fmt: skip
    text = what_would_change(frame, found, plan)
    assert "2 of 3 therapies were clearly different from Usual care" in text
    assert (
        "1 of these 2 conclusions holds under every other assumption that was tried: Massage "
        "changes under jump to reference."
    ) in text
    assert "For Cupping it would take patients not seen who were less than 0.01 points" in text
    assert "better than patients like them who were" in text
    # A semicolon in a name is part of the name.
    assert "For Exercise; at home some assumptions would make a difference" in text


def test_a_strategy_that_fails_with_the_anchored_variance_only_is_named_with_it(monkeypatch):
    frame, found, plan = asked(
        monkeypatch, {MASSAGE: CLEAR}, {MASSAGE: {JUMP: CLEAR, JUMP + ANCHORED: UNCLEAR}}
    )
    told = "it changes under jump to reference (information-anchored)."
    assert told in survival_sentences(frame, found, plan)[0]
    assert "That conclusion does not hold under every" in what_would_change(frame, found, plan)


def test_a_conclusion_on_which_nothing_could_be_tried_is_not_said_to_hold(monkeypatch):
    frame, found, plan = asked(monkeypatch, {MASSAGE: CLEAR}, {MASSAGE: {JUMP: None}})
    text = what_would_change(frame, found, plan)
    assert "For Massage no other assumption could be tried." in text
    assert "holds" not in text and "survives" not in text
    told = survival_sentences(frame, found, plan)[0]
    assert "could not be tried under other assumptions" in told


def test_no_clear_difference_makes_no_claim_to_overturn(monkeypatch):
    frame, found, plan = asked(monkeypatch, {MASSAGE: UNCLEAR}, {MASSAGE: {JUMP: UNCLEAR}})
    assert what_would_change(frame, found, plan) == (
        "In the long term no therapy was clearly different from Usual care, so there is no claim "
        "that patients who were not seen could overturn."
    )
    told = survival_sentences(frame, found, plan)
    assert told == [
        "With Massage, the long-term conclusion (no clear difference from Usual care) survives "
        "every other assumption about patients who were not seen."
    ]


@pytest.mark.parametrize(
    ("tip", "note", "told"),
    [
        (14.0, "", "which is more than the scale allows."),
        (np.nan, "not estimable: no value of Massage is missing there",
         "No long-term value of Massage is missing."),
        (np.nan, "no shift of these values changes the conclusion",
         "For Massage, no shift of these values changes the conclusion."),
    ],
)  # fmt: skip
def test_what_cannot_tip_is_told_in_words(monkeypatch, tip, note, told):
    frame, found, plan = asked(
        monkeypatch, {MASSAGE: CLEAR}, {MASSAGE: {JUMP: CLEAR}}, {MASSAGE: (tip, CLEAR, note)}
    )
    assert survival_sentences(frame, found, plan)[0].endswith(told)
    assert told in what_would_change(frame, found, plan)


def test_simulated_data_are_named_in_every_sentence(monkeypatch):
    frame, found, plan = asked(
        monkeypatch, {MASSAGE: CLEAR, CUPPING: None}, {MASSAGE: {JUMP: CLEAR}}, simulated=True
    )
    texts = [*survival_sentences(frame, found, plan), what_would_change(frame, found, plan)]
    assert len(texts) == 3
    assert all(text.startswith("Simulated data: ") for text in texts)


def test_without_a_comparator_or_a_layout_one_sentence_says_so(monkeypatch):
    frame, found, plan = asked(monkeypatch, {MASSAGE: CLEAR}, {}, comparator="")
    assert conclusions(frame, found).empty
    assert "has no comparator" in survival_sentences(frame, found, plan)[0]
    assert what_would_change(frame, found, plan) == survival_sentences(frame, found, plan)[0]
    frame, found, plan = asked(monkeypatch, {MASSAGE: CLEAR}, {})
    found.setting.comparator = ""
    told = survival_sentences(frame, found, plan)
    assert told[0].startswith("Nobody with Usual care, the comparator, was seen after the start, so")
    refused = Sensitivity(result_frame([]), None, "Nobody has a value of Pain at baseline.")
    assert survival_sentences(frame, refused, plan) == [
        "Whether the conclusions survive other assumptions cannot be said: Nobody has a value of "
        "Pain at baseline."
    ]
