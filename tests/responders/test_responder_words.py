"""Sentences about responders claim a difference only where its interval leaves out none."""

from __future__ import annotations

import pandas as pd
import pytest
from response_trial import study

from analysis.responders import MULTIPLE, Responders, responder_sentences
from analysis.responders.estimate import COUNT_COLUMNS
from analysis.responders.handling import NON_RESPONSE
from analysis.schema import result_frame

CARE, MASSAGE, THIRTY = "Usual care", "Massage", "at least 30 % better"


def said(gap=None, handling=MULTIPLE, share=0.5, horizon="long", plan=None, needed=True):
    rows = []
    for therapy, other in ((CARE, ""), (MASSAGE, CARE)):
        base = {"analysis": handling, "estimand": THIRTY, "horizon": horizon, "therapy": therapy}
        known = {"estimate": share, "conf_low": 0.25, "conf_high": 0.75} if share is not None else {}
        rows.append({**base, "quantity": "responders", "note": "" if known else "why", **known})
        if other and gap:
            estimate, low, high = gap
            rows.append({**base, "quantity": "risk_difference", "comparator": other, "estimate": estimate,
                         "conf_low": low, "conf_high": high})  # fmt: skip
            if needed:
                rows.append({**base, "quantity": "number_needed", "comparator": other,
                             "estimate": 1 / estimate})  # fmt: skip
    found = Responders(result_frame(rows), pd.DataFrame(columns=list(COUNT_COLUMNS)))
    return responder_sentences(found, plan or study(), horizon)


def test_a_share_comes_with_its_interval_and_its_handling():
    assert said()[0] == (
        "With Usual care, 50 % of patients were at least 30 % better in the long term, with 95 % "
        "confidence between 25 % and 75 % (multiple imputation)."
    )


@pytest.mark.parametrize(
    ("gap", "told"),
    [
        ((0.2, 0.05, 0.35), "20.0 more of 100 than with Usual care (between 5.0 and 35.0), or one more for "
         "every 5.0 patients treated."),
        ((-0.2, -0.35, -0.05), "20.0 fewer of 100 than with Usual care (between 5.0 and 35.0), or one fewer "
         "for every 5.0 patients treated."),
        ((0.2, -0.05, 0.45), "this could not be told from Usual care: anything from 5.0 fewer to 45.0 more "
         "of 100 fits the data."),
        ((0.2, 0.0, 0.4), "this could not be told from Usual care: anything from 0.0 fewer to 40.0 more of "
         "100 fits the data."),
    ],
)  # fmt: skip
def test_a_difference_is_claimed_only_where_its_interval_leaves_out_none(gap, told):
    assert said(gap)[1].endswith(told)


def test_a_difference_without_a_number_needed_is_told_without_it():
    assert said((0.2, 0.05, 0.35), needed=False)[1].endswith("(between 5.0 and 35.0).")


def test_where_nothing_was_imputed_those_not_seen_count_as_failures():
    assert f"({NON_RESPONSE})" in said(handling=NON_RESPONSE)[0]


def test_nothing_is_said_of_what_cannot_be_estimated():
    assert said(share=None)[0] == (
        "With Usual care, nothing can be said about patients at least 30 % better in the long term."
    )
    assert "at both" in said(horizon="sustained")[1]


def test_simulated_data_are_named_in_every_sentence():
    texts = said(plan=study(simulated=True))
    assert len(texts) == 2 and all(text.startswith("Simulated data: with ") for text in texts)
