"""Estimands drive the mixed model and imputation: the same numbers as by hand, and as rbmi."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.estimands import apply_estimand
from analysis.imputation import (
    ancova,
    conditional_mean,
    estimand_relief,
    lay_out_estimand,
    refit,
    relief_by_estimand,
)
from analysis.imputation.strategies import Causal
from analysis.relief import estimate_relief
from analysis.schema import EVENT_COLUMNS
from analysis.studies.records import Estimand, Study
from analysis.tables import relief_by_estimand_table
from analysis.trial.records import Trial

REFERENCE = Path(__file__).parents[1] / "reference"
PAIN = json.loads((REFERENCE / "own_pain150_rbmi.json").read_text(encoding="utf-8"))["results"]
# Searches of a score and of its change end within this of each other.
SAME = 1e-8
WEEKS = {"W02": 2.0, "W06": 6.0, "W12": 12.0, "W26": 26.0, "W52": 52.0}
KINDS = {"STOPPED_THERAPY": "stopped_therapy", "RESCUE": "rescue_medication", "MOVED": "lost"}
CAUSAL = {"strategy": "reference_based", "assumption": "causal", "k0": 1, "k1": 0.9}
HANDLINGS = {"MAR": "treatment_policy"} | {
    name: {"strategy": "reference_based", "assumption": name} for name in ("JR", "CR", "CIR", "LMCF")
}
MIXED = {
    "stopped_therapy": HANDLINGS["JR"], "rescue_medication": HANDLINGS["CIR"],
    "lost": "treatment_policy",
}  # fmt: skip


def _estimand(**content) -> Estimand:
    return Estimand.model_validate({"name": "What if", "treatments": ["USUAL", "ACU"]} | content)


def _everything(strategy: str) -> dict[str, object]:
    return dict.fromkeys(KINDS.values(), HANDLINGS[strategy])


def _trial() -> Trial:
    """pain150 with its events, in the house's own columns."""
    data = pd.read_csv(REFERENCE / "pain150.csv")
    schedule = [{"name": "W00", "week": 0, "baseline": True}]
    horizons = {"W12": "short", "W52": "long"}
    schedule += [{"name": n, "week": w, "horizon": horizons.get(n, "")} for n, w in WEEKS.items()]
    study = Study.model_validate({
        "title": "pain150", "design": "randomised", "simulated": True, "layout": "long",
        "data": {"outcomes": "pain150.csv", "events": "pain150_events.csv"}, "patient": "patient",
        "therapy": {"column": "therapy", "comparator": "USUAL",
                    "arms": [{"label": t} for t in ("USUAL", "SHAM", "ACU")]},
        "visits": {"column": "visit", "schedule": schedule},
        "measures": [{"name": "pain", "label": "Pain", "instrument": "NRS", "column": "pain",
                      "primary": True}],
        "covariates": [{"name": "sex", "column": "sex", "type": "category"}],
        "events": {"kind": "reason", "kinds": KINDS, "visit": "visit"},
    })  # fmt: skip
    patients = data.drop_duplicates("patient").reset_index(drop=True)
    start = patients.assign(visit="W00", week=0.0, pain=patients["base"])
    outcomes = pd.concat([start, data])[["patient", "visit", "week", "pain"]].dropna()
    outcomes = outcomes.rename(columns={"pain": "value"}).assign(measure="pain")
    outcomes["row"] = pd.array(range(2, len(outcomes) + 2), dtype="Int64")
    patients = patients[["patient", "therapy", "sex"]].assign(sex=patients["sex"].astype("category"))
    events = pd.read_csv(REFERENCE / "pain150_events.csv")
    events = events.assign(week=events["visit"].map(WEEKS), kind=events["reason"].map(KINDS))
    events = events.reindex(columns=list(EVENT_COLUMNS))
    return Trial(study, patients, outcomes.reset_index(drop=True), events)


@pytest.fixture(scope="module")
def pain() -> Trial:
    return _trial()


def _against_usual(frame):
    rows = frame[(frame["quantity"] == "relief") & (frame["comparator"] == "USUAL")]
    rows = rows[(rows["therapy"] == "ACU") & (rows["horizon"] == "") & (rows["analysis"] == "main")]
    return rows.set_index("visit")


def _the_same(one, other):
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    np.testing.assert_allclose(one[numbers], other[numbers], atol=SAME)


@pytest.mark.parametrize("strategy", ["MAR", "JR", "CR", "CIR", "LMCF", "MIXED"])
def test_the_record_alone_gives_what_rbmi_gives(pain, strategy):
    case = f"{strategy}_shared_cov"
    events = MIXED if strategy == "MIXED" else _everything(strategy)
    found = _against_usual(estimand_relief(pain, _estimand(events=events)).frame)
    effects = {r["parameter"]: r for r in PAIN[case]["pooled"] if r["parameter"].startswith("trt_")}
    assert len(effects) == len(WEEKS)
    for visit in WEEKS:
        theirs = effects[f"trt_{visit}"]
        assert found.loc[visit, "estimate"] == pytest.approx(-theirs["est"], abs=SAME)
        assert found.loc[visit, "std_error"] == pytest.approx(theirs["se"], abs=SAME)


def test_without_events_every_strategy_imputes_alike(pain):
    calm = replace(pain, events=pain.events.iloc[:0])
    frames = [
        _against_usual(estimand_relief(calm, _estimand(events=_everything(name))).frame)
        for name in ("MAR", "JR", "CIR")
    ]
    _the_same(frames[0], frames[1])
    _the_same(frames[0], frames[2])


def test_hypothetical_is_the_fit_without_the_values_after_the_event(pain):
    one = _estimand(events={"stopped_therapy": "hypothetical"}, treatments=None)
    stops = pain.events[pain.events["kind"] == "stopped_therapy"].groupby("patient")["week"].min()
    start = stops.reindex(pain.outcomes["patient"]).to_numpy()
    gone = (pain.outcomes["week"].to_numpy() >= start) & (pain.outcomes["visit"] != "W00")
    assert gone.sum() > 0
    by_hand = estimate_relief(replace(pain, outcomes=pain.outcomes[~gone]))
    found = estimate_relief(pain, estimand=one)
    assert found.data.count("set_aside") == gone.sum()
    assert set(found.frame["estimand"]) == {"What if"}
    _the_same(found.frame, by_hand.frame)


def test_treatment_policy_is_the_fit_of_all_observed_values(pain):
    named = estimate_relief(pain, estimand=_estimand(treatments=None))
    _the_same(named.frame, estimate_relief(pain).frame)
    assert named.estimand.name == "What if" and named.data.count("kept") == len(pain.outcomes)


def test_a_composite_is_the_fit_with_the_failure_written_in(pain):
    failure = {"strategy": "composite", "value": "worst"}
    found = estimate_relief(
        pain, estimand=_estimand(events={"stopped_therapy": failure}, treatments=None)
    )
    stops = pain.events[pain.events["kind"] == "stopped_therapy"].groupby("patient")["week"].min()
    failed = pd.DataFrame(
        [(patient, visit, later, "pain", 10.0) for patient, week in stops.items()
         for visit, later in WEEKS.items() if later >= week],
        columns=["patient", "visit", "week", "measure", "value"],
    )  # fmt: skip
    keys = ["patient", "visit"]
    written = pd.MultiIndex.from_frame(failed[keys])
    rest = pain.outcomes[~pd.MultiIndex.from_frame(pain.outcomes[keys]).isin(written)]
    by_hand = replace(pain, outcomes=pd.concat([rest, failed.assign(row=pd.NA)], ignore_index=True))
    assert found.data.count("replaced", "filled") == len(failed) > found.data.count("replaced") > 0
    _the_same(found.frame, estimate_relief(by_hand).frame)


def test_a_mixed_model_alone_refuses_what_is_reference_based(pain):
    one = _estimand(events={"stopped_therapy": HANDLINGS["JR"]})
    with pytest.raises(ModelError, match=r"by reference.*Use analysis\.imputation\.estimand_relief"):
        estimate_relief(pain, estimand=one)
    with pytest.raises(ModelError, match="shares of responders"):
        estimate_relief(pain, estimand=_estimand(summary="difference_in_responders"))


def test_the_panel_has_every_patient_and_each_event_with_its_strategy(pain):
    data = apply_estimand(pain, _estimand(events=MIXED | {"lost": CAUSAL}))
    panel = lay_out_estimand(data)
    assert panel.shape == (100, 5)
    assert set(map(str, panel.strategies)) == {"MAR", "JR", "CIR", "causal(1, 0.9)"}
    assert any(isinstance(one, Causal) for one in panel.strategies)
    assert set(panel.kind) == {"", *KINDS.values()}
    assert (~panel.missing & ~panel.modelled).sum() == data.count("apart") > 0
    after = np.arange(5) >= np.where(panel.strategy > 0, panel.event, 5)[:, None]
    assert (panel.missing & after).sum() == data.count("to_impute") > 0


def test_an_estimand_that_is_hypothetical_keeps_the_kind_and_imputes_at_random(pain):
    one = _estimand(events={"stopped_therapy": "hypothetical"})
    panel = lay_out_estimand(apply_estimand(pain, one))
    assert panel.strategies == ("MAR",)
    assert "stopped_therapy" in set(panel.kind)
    np.testing.assert_array_equal(panel.modelled, ~panel.missing)


def test_the_anchored_variance_is_that_of_the_imputation(pain):
    one = _estimand(events=_everything("JR"))
    found = estimand_relief(pain, one, variance="anchored")
    panel = lay_out_estimand(found.data)
    again = conditional_mean(
        refit(panel), ancova(panel, "value ~ therapy + baseline + sex", "baseline")
    )
    errors = again.std_errors()["anchored"]
    mean = found.frame.query("quantity == 'mean' and therapy == 'ACU' and visit == 'W52'")
    assert mean["std_error"].iloc[0] == pytest.approx(errors["ACU, W52"], abs=SAME)
    assert "anchored jackknife" in mean["method"].iloc[0]


def test_all_estimands_stand_side_by_side_and_one_that_fails_says_why(pain):
    jump = _estimand(name="Jump", events={"stopped_therapy": HANDLINGS["JR"]})
    policy = _estimand(name="Policy")
    never = _estimand(name="Never", events={"adverse_event": "hypothetical"})
    answers = relief_by_estimand(pain, [policy, jump, never])
    frame = answers.frame
    assert list(frame["estimand"].unique()) == ["Policy", "Jump", "Never"]
    assert set(frame["analysis"]) == {"main"}
    _the_same(_against_usual(frame[frame["estimand"] == "Policy"]),
              _against_usual(estimate_relief(pain, estimand=policy).frame))  # fmt: skip
    _the_same(_against_usual(frame[frame["estimand"] == "Jump"]),
              _against_usual(estimand_relief(pain, jump).frame))  # fmt: skip
    refused = frame[frame["estimand"] == "Never"]
    assert refused["note"].tolist()[0].startswith("not estimable: The estimand 'Never' cannot")
    assert [data.estimand.name for data in answers.data] == ["Policy", "Jump"]
    table = relief_by_estimand_table(frame)
    assert [row[:2] for row in table.rows] == [("ACU", "Policy"), ("ACU", "Jump")]
    assert "Never: not estimable" in table.note


def test_a_whole_arm_lost_after_the_start_is_refused_and_no_traceback(pain):
    arm = pain.patients.loc[pain.patients["therapy"] == "ACU", "patient"]
    gone = pain.outcomes["patient"].isin(arm) & (pain.outcomes["visit"] != "W00")
    lost = replace(pain, outcomes=pain.outcomes[~gone].reset_index(drop=True))
    with pytest.raises(ModelError, match="No patient of ACU has a value"):
        estimand_relief(lost, _estimand(events=_everything("JR")))


def test_every_event_at_the_start_is_refused_where_nothing_may_be_modelled(pain):
    events = pain.patients[["patient"]].assign(week=0.0, kind="stopped_therapy")
    at_start = replace(pain, events=events.reindex(columns=list(EVENT_COLUMNS)))
    with pytest.raises(ModelError, match="No patient of USUAL has a value that the imputation"):
        estimand_relief(at_start, _estimand(events={"stopped_therapy": HANDLINGS["JR"]}))
    with pytest.raises(ModelError, match="No patient has a value after baseline"):
        estimate_relief(at_start, estimand=_estimand(events={"stopped_therapy": "hypothetical"}))


def test_a_reference_arm_without_patients_is_refused(pain):
    kept = pain.patients[pain.patients["therapy"] != "USUAL"].reset_index(drop=True)
    without = replace(pain, patients=kept)
    with pytest.raises(ModelError, match="The reference 'USUAL' is none of the arms of the data"):
        estimand_relief(without, _estimand(events=_everything("JR")))


def test_no_one_lost_needs_no_imputation_and_strategies_do_not_differ(pain):
    whole = pain.outcomes.groupby("patient")["visit"].transform("count") == 1 + len(WEEKS)
    kept = pain.patients["patient"].isin(pain.outcomes.loc[whole, "patient"])
    full = replace(pain, patients=pain.patients[kept].reset_index(drop=True),
                   outcomes=pain.outcomes[whole].reset_index(drop=True))  # fmt: skip
    frames = [
        _against_usual(estimand_relief(full, _estimand(events=_everything(name))).frame)
        for name in ("MAR", "JR")
    ]
    np.testing.assert_allclose(frames[0]["estimate"], frames[1]["estimate"], atol=SAME)
