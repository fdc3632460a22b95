"""An estimand in five attributes, in a sentence, and its account in a table."""

from __future__ import annotations

from hand_made import EVENTS, LOST, OTHER, RESCUE, STOPPED, estimand, study, trial

from analysis.estimands import apply_estimand, attributes, estimand_sentence
from analysis.estimands.attributes import ATTRIBUTES
from analysis.tables import estimand_table, handling_table

MIXED = {
    STOPPED: {"strategy": "composite", "value": "worst"},
    RESCUE: "hypothetical",
    LOST: {"strategy": "reference_based", "assumption": "causal", "k0": 1, "k1": 0.5},
}


def test_the_five_attributes_say_what_the_record_says():
    one = estimand(population="Adults", who="age >= 40", long=[], events=MIXED)
    assert attributes(study(), one) == (
        "Adults (age >= 40)",
        "Usual care, Massage; each against Usual care",
        "Pain at short term: week 12; long term: no visit",
        "stopped therapy: composite (failure: the worst score 10); rescue medication: "
        "hypothetical; lost: reference-based (causal model, k0 1, k1 0.5); all others: treatment "
        "policy",
        "Difference in mean relief between therapies",
    )


def test_the_table_has_a_row_an_attribute_and_a_column_an_estimand():
    made = study(estimand(name="A"), estimand(name="B", summary="difference_in_responders"))
    table = estimand_table(made, made.estimands)
    assert table.columns == ("attribute", "A", "B")
    assert tuple(row[0] for row in table.rows) == ATTRIBUTES
    assert table.rows[4][1:] == (
        "Difference in mean relief between therapies", "Difference in the share of responders",
    )  # fmt: skip
    assert estimand_table(made).columns == ("attribute", "in this study")
    assert estimand_table(made, made.supplementary[0]).columns == ("attribute", "B")


def test_without_a_strategy_all_is_treatment_policy():
    assert attributes(study(), estimand())[3] == "all: treatment policy"
    assert attributes(study(events=None), estimand())[3] == "none is recorded"


def test_all_kinds_named_leaves_no_others():
    every = dict.fromkeys((STOPPED, RESCUE, OTHER, LOST), "hypothetical")
    assert "all others" not in attributes(study(), estimand(events=every))[3]


def test_the_methods_sentence_counts_what_was_done():
    said = estimand_sentence(apply_estimand(trial(), estimand(events=MIXED)))
    assert said == (
        "Estimand “What if”: the difference in mean relief between therapies in Pain at week 12 "
        "(short term) and week 26 (long term), each therapy against Usual care, in all patients in "
        "the study. After stopping therapy, scores count as failure: the worst score 10 (composite). "
        "After rescue medication, scores were set aside, as if the event had not happened "
        "(hypothetical). After loss to follow-up, scores that were not observed are imputed under the "
        "causal model (k0 1, k1 0.5), and scores that were observed are used in the analysis but not "
        "in the imputation model (reference-based). After another therapy, scores were used as they "
        "were observed (treatment policy). Of 28 observed scores of 8 patients 4 were set aside and 6 "
        "were replaced; 2 were "
        "filled in where none was observed; 2 that nobody saw are imputed by reference. Other scores "
        "that are missing are assumed to be missing "
        "at random."
    )


def test_the_methods_sentence_says_when_nothing_was_changed():
    said = estimand_sentence(apply_estimand(trial()))
    assert "Of 28 observed scores of 8 patients all were used as observed." in said
    assert said.count("(treatment policy)") == 1


def test_an_undated_event_is_told_in_the_sentence():
    undated = [(patient, float("nan"), RESCUE) for patient in ("M1", "U1")]
    one = estimand(events={RESCUE: "hypothetical"})
    said = estimand_sentence(apply_estimand(trial([*EVENTS, *undated]), one))
    assert "Rescue medication without a week changes nothing in 2 patients." in said
    said = estimand_sentence(apply_estimand(trial([*EVENTS, undated[0]]), one))
    assert "without a week changes nothing in fewer than 2 patients." in said


def test_the_account_table_counts_patients_and_values_and_masks_few():
    data = apply_estimand(trial(), estimand(events=MIXED))
    table = handling_table(data)
    assert table.columns == ("event: strategy", "Usual care", "Massage")
    rows = {row[0].split(":")[0]: row[1:] for row in table.rows}
    # M2 (week 5) and M4 (week 0) stopped first: 1 replaced and 1 filled, 2 replaced and 1 filled.
    assert rows["stopped therapy"] == ("<2", "2: 5")
    assert rows["rescue medication"] == ("<2", "<2")
    assert rows["other therapy"] == ("0", "0")
    assert "4 set aside, 6 replaced, 2 filled in, 0 kept out" in table.note


def test_a_study_without_events_has_an_account_that_says_so():
    data = apply_estimand(trial(events=()))
    assert [row[1:] for row in handling_table(data).rows] == [("0", "0")] * 3
    silent = trial(events=())
    object.__setattr__(silent, "study", study(events=None))
    table = handling_table(apply_estimand(silent))
    assert table.rows == () and table.note.startswith("The study records no events")
