"""Relief under every strategy: as by hand, as rbmi, and where strategies must agree."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from uncertain_trial import (
    CARE,
    CUPPING,
    MASSAGE,
    PAIN_WEEKS,
    REFERENCE,
    VISITS,
    pain_two,
    random_scores,
    relief_of,
    study,
    trial,
    upside_down,
    usual_trial,
)

from analysis.imputation import ancova, conditional_mean, lay_out, refit
from analysis.relief import estimate_relief
from analysis.sensitivity import ANCHORED, RANDOM, STRATEGIES, compare_strategies

# The same numbers by another path.
ROUNDING = 1e-12
# Fits to a score and to its change end within this of each other.
SAME = 1e-8
# A mixed model and imputation with an ANCOVA weigh a few gaps otherwise, in points of 0 to 10.
NEAR = 0.1
RBMI = json.loads((REFERENCE / "own_pain150_rbmi.json").read_text(encoding="utf-8"))["results"]


@pytest.fixture(scope="module")
def usual():
    made = usual_trial()
    return made, compare_strategies(made)


def test_missing_at_random_agrees_with_rbmi_on_pain150_at_every_visit():
    found = compare_strategies(pain_two())
    frame = found.frame[(found.frame["analysis"] == RANDOM) & (found.frame["quantity"] == "relief")]
    frame = frame[(frame["comparator"] == "USUAL") & (frame["horizon"] == "")].set_index("visit")
    pooled = {row["parameter"]: row for row in RBMI["MAR_shared_cov"]["pooled"]}
    assert list(frame.index) == list(PAIN_WEEKS)
    for visit, row in frame.iterrows():
        reference = pooled[f"trt_{visit}"]
        assert row["estimate"] == pytest.approx(-reference["est"], abs=SAME)
        assert row["std_error"] == pytest.approx(reference["se"], abs=SAME)
        limits = (-reference["uci"], -reference["lci"])
        assert (row["conf_low"], row["conf_high"]) == pytest.approx(limits, abs=SAME)


@pytest.mark.parametrize("name", [name for name in STRATEGIES if "last mean" not in name])
def test_strategies_are_those_of_imputation_used_by_hand(usual, name):
    made, found = usual
    later = ["week 4", "week 12", "week 52"]
    wide = made.outcomes.pivot(index="patient", columns="visit", values="value")
    rows = wide[later].reset_index().melt("patient", var_name="visit").merge(made.patients)
    rows = rows.assign(
        baseline=rows["patient"].map(wide["start"]),
        visit=pd.Categorical(rows["visit"], later), week=rows["visit"].map(VISITS),
    )  # fmt: skip
    # From the right, the first visits without a value: their number tells the first of them.
    seen = wide[later].notna().to_numpy()
    gone = np.cumsum(seen[:, ::-1], axis=1).astype(bool).argmax(axis=1)
    gone = np.where(seen.any(axis=1), gone, 3)
    events = pd.DataFrame({"patient": wide.index[gone > 0], "strategy": STRATEGIES[name],
                           "visit": [later[3 - k] for k in gone[gone > 0]]})  # fmt: skip
    assert {1, 2} <= set(gone)
    panel = lay_out(
        rows, "value ~ baseline * visit + therapy * visit", subject="patient", visit="visit",
        arm="therapy", reference=CARE, week="week", events=events,
    )  # fmt: skip
    by_hand = conditional_mean(refit(panel), ancova(panel, "value ~ therapy + baseline"))
    weights = np.zeros(len(by_hand.names))
    weights[list(by_hand.names).index(f"{CARE}, week 52")] = 1
    weights[list(by_hand.names).index(f"{MASSAGE}, week 52")] = -1
    for ending, cov in (("", by_hand.frequentist_cov), (ANCHORED, by_hand.anchored_cov)):
        if name == RANDOM and ending:
            continue
        row = relief_of(found.frame, name + ending, MASSAGE, "long", CARE)
        assert row["estimate"] == pytest.approx(weights @ by_hand.estimate, abs=SAME)
        assert row["std_error"] == pytest.approx(np.sqrt(weights @ cov @ weights), abs=SAME)


def test_missing_at_random_is_near_the_mixed_model(usual):
    made, found = usual
    main = estimate_relief(made).frame
    for horizon in ("short", "long"):
        one = relief_of(main, "main", MASSAGE, horizon, CARE)
        other = relief_of(found.frame, RANDOM, MASSAGE, horizon, CARE)
        assert other["estimate"] == pytest.approx(one["estimate"], abs=NEAR)
        assert other["std_error"] == pytest.approx(one["std_error"], rel=NEAR)


def test_oracle_9_the_comparator_itself_is_the_same_under_every_reference_based_strategy(usual):
    names = [name for name in STRATEGIES if "last mean" not in name]
    refits, analysis = usual[1].setting.refits, usual[1].setting.analysis
    completed = [conditional_mean(refits.under(STRATEGIES[n]), analysis).completed for n in names]
    mine = refits.panel.arm == refits.panel.reference_arm
    for other in completed[1:]:
        np.testing.assert_allclose(other[mine], completed[0][mine], atol=ROUNDING)
        assert np.abs(other[~mine] - completed[0][~mine]).max() > NEAR


def test_where_no_one_is_lost_every_strategy_is_missing_at_random():
    found = compare_strategies(usual_trial(lost=0.0))
    assert found.setting.departures.empty
    at_random = relief_of(found.frame, RANDOM, MASSAGE, "long", CARE)
    for name in STRATEGIES:
        row = relief_of(found.frame, name, MASSAGE, "long", CARE)
        numbers = ["estimate", "std_error", "conf_low", "conf_high"]
        assert row[numbers].tolist() == pytest.approx(at_random[numbers].tolist(), abs=ROUNDING)


def test_a_scale_on_which_more_is_better_gives_the_same_relief(usual):
    made, found = usual
    turned = compare_strategies(upside_down(made)).frame
    chosen = found.frame["quantity"] != "mean"
    assert (turned["quantity"] != "mean").tolist() == chosen.tolist()
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    np.testing.assert_allclose(turned.loc[chosen, numbers], found.frame.loc[chosen, numbers], atol=SAME)


def test_jumping_to_the_reference_takes_away_more_than_copying_its_increments(usual):
    frame = usual[1].frame
    jump, copy = (
        relief_of(frame, f"{name} reference", MASSAGE, "long", CARE)["estimate"]
        for name in ("jump to", "copy increments in")
    )
    assert jump < copy


def test_without_a_comparator_only_strategies_without_a_reference_are_asked():
    found = compare_strategies(trial({MASSAGE: random_scores()}))
    assert set(found.frame["analysis"]) == {
        RANDOM, "last mean carried forward", "last mean carried forward" + ANCHORED,
    }  # fmt: skip
    assert set(found.frame["comparator"]) == {""}
    row = relief_of(found.frame, RANDOM, MASSAGE, "long", "")
    assert row["conf_low"] < row["estimate"] < row["conf_high"]


def test_the_first_covariance_of_the_study_is_that_of_the_imputation_model():
    made = usual_trial(model={"covariance": ["ar1h"]})
    assert compare_strategies(made).setting.refits.panel.model.covariance == ("ar1h",)


def test_spatial_structures_have_the_weeks_of_the_schedule():
    made = usual_trial(model={"covariance": ["sp_exp"]})
    model = compare_strategies(made).setting.refits.panel.model
    assert model.times == (4.0, 12.0, 52.0)


def test_a_jackknife_over_therapists_leaves_out_each_of_them():
    made = trial(
        {CARE: random_scores(seed=1), MASSAGE: random_scores(seed=2), CUPPING: random_scores(seed=3)},
        plan=study((CARE, MASSAGE, CUPPING), therapist="therapist"),
    )
    made.patients["therapist"] = [f"T{k % 5}" for k in range(len(made.patients))]
    found = compare_strategies(made, cluster="therapist")
    assert found.setting.refits.unit == "cluster" and len(found.setting.refits.left.beta) == 5
    by_patient = compare_strategies(made)
    one, other = (
        relief_of(f.frame, RANDOM, CUPPING, "long", CARE) for f in (found, by_patient)
    )
    assert one["estimate"] == other["estimate"] and one["std_error"] != other["std_error"]
