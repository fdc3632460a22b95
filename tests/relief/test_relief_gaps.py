"""What cannot be estimated is a row that says why; the rest is estimated all the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pain_trial import WEEKS, pain150, pick, spoilt, study, without

from analysis.errors import ModelError
from analysis.relief import estimate_relief
from analysis.relief.model import default_formula, model_frame
from analysis.schema import RESULT_COLUMNS

ALL = ("USUAL", "SHAM", "ACU")


def test_a_study_without_long_term_visit_says_so():
    frame = estimate_relief(pain150(horizons={"W12": "short"})).frame
    for quantity, horizon in (("relief", "long"), ("loss", ""), ("retention", "")):
        row = pick(frame, quantity, "ACU", "USUAL", horizon)
        assert np.isnan(row["estimate"])
        assert row["note"] == "not estimable: the study has no long-term visit"
    assert np.isfinite(pick(frame, "relief", "ACU", "USUAL", "short")["estimate"])
    assert pick(frame, "area", "ACU")["week"] == 52


def test_a_visit_nobody_attended_is_a_row_with_a_note():
    frame = estimate_relief(without(pain150(), ALL, ("W52",))).frame
    late = frame[(frame["visit"] == "W52") & (frame["quantity"] != "area")]
    assert late["estimate"].isna().all()
    assert set(late["note"]) == {"not estimable: nobody has a value at W52"}
    assert set(late["quantity"]) == {"mean", "relief"}
    assert pick(frame, "area", "ACU")["visit"] == "W26"
    assert np.isfinite(pick(frame, "relief", "ACU", horizon="short")["estimate"])


def test_a_therapy_without_follow_up_is_a_row_with_a_note():
    frame = estimate_relief(without(pain150(), ("SHAM",), tuple(WEEKS))).frame
    gone = frame[frame["therapy"] == "SHAM"]
    assert gone["estimate"].isna().all()
    assert set(gone["note"]) == {"not estimable: SHAM has no follow-up"}
    assert np.isfinite(pick(frame, "relief", "ACU", horizon="short")["estimate"])


def test_a_comparator_without_follow_up_leaves_relief_alone():
    frame = estimate_relief(without(pain150(), ("USUAL",), tuple(WEEKS))).frame
    assert np.isnan(pick(frame, "relief", "ACU", horizon="short")["estimate"])
    assert np.isfinite(pick(frame, "relief", "ACU", "", "short")["estimate"])


def test_a_therapy_nobody_of_which_came_late_keeps_its_short_term():
    frame = estimate_relief(without(pain150(), ("ACU",), ("W52",))).frame
    late = pick(frame, "relief", "ACU", horizon="long")
    assert late["note"] == "not estimable: nobody with ACU has a value at W52"
    assert (late["n_therapy"], late["n_comparator"]) == (0, 32)
    assert np.isfinite(pick(frame, "relief", "ACU", horizon="short")["estimate"])
    assert np.isfinite(pick(frame, "relief", "SHAM", horizon="long")["estimate"])
    families = frame[frame["analysis"] == "holm"]
    assert set(zip(families["quantity"], families["horizon"], strict=True)) == {("relief", "short")}


def test_one_group_has_relief_alone_and_no_comparison():
    trial = pain150(therapy=None, design="observational", model={})
    relief = estimate_relief(spoilt(trial, trial.patients.assign(therapy="All patients")))
    assert relief.formula == "value ~ baseline * visit + sex + age"
    assert set(relief.frame["comparator"]) == {""}
    assert np.isfinite(pick(relief.frame, "relief", "All patients", "", "short")["estimate"])


@pytest.mark.parametrize("declared", [True, False])
def test_without_baseline_only_comparisons_and_losses_are_left(declared):
    trial = pain150(model={})
    chosen = trial.study
    if not declared:
        content = chosen.model_dump()
        measures = [content["measures"][0] | {"baseline_column": None}]
        schedule = content["visits"]["schedule"][1:]
        visits = {"column": "visit", "schedule": schedule}
        chosen = study(visits=visits, measures=measures, model={})
    outcomes = trial.outcomes[trial.outcomes["visit"] != "W00"]
    frame = estimate_relief(type(trial)(chosen, trial.patients, outcomes)).frame
    alone = pick(frame, "relief", "ACU", "", "short")
    assert alone["note"] == "not estimable: there is no baseline value"
    assert np.isnan(alone["estimate"])
    assert np.isfinite(pick(frame, "relief", "ACU", "USUAL", "short")["estimate"])
    assert np.isfinite(pick(frame, "loss", "ACU", "")["estimate"])


def test_a_formula_without_therapy_estimates_no_difference():
    frame = estimate_relief(pain150(model={"formula": "value ~ baseline + visit"})).frame
    row = pick(frame, "relief", "ACU", horizon="short")
    assert np.isnan(row["estimate"])
    assert row["note"] == "not estimable: the model's formula has no term for it"
    assert np.isfinite(pick(frame, "relief", "ACU", "", "short")["estimate"])


def test_patients_left_out_and_analysed_add_up():
    trial = without(pain150(), ("ACU",), ("W02", "W06", "W12"))
    patients = trial.patients.copy()
    patients.loc[patients.index[::7], "age"] = np.nan
    patients.loc[patients.index[1::9], "sex"] = np.nan
    nobody = trial.outcomes["patient"].isin(patients["patient"].iloc[3:5])
    first = (trial.outcomes["visit"] == "W00") & trial.outcomes["patient"].isin(
        patients["patient"].iloc[10:20]
    )
    trial = spoilt(trial, patients, trial.outcomes[~nobody & ~first])
    frame, left_out = model_frame(trial)
    assert frame["patient"].nunique() + left_out["n"].sum() == 150
    assert set(left_out["reason"]) == {
        "no value after baseline", "no value of baseline", "no value of age", "no value of sex",
    }  # fmt: skip
    assert estimate_relief(trial).fit.n_subjects == frame["patient"].nunique()


def test_a_covariate_that_the_formula_leaves_out_costs_no_patient():
    trial = pain150(model={"formula": "value ~ baseline + therapy * visit"})
    patients = trial.patients.assign(age=np.nan)
    frame, left_out = model_frame(spoilt(trial, patients))
    assert left_out.empty
    assert frame["patient"].nunique() == 150


def test_a_category_that_nobody_has_changes_nothing():
    trial = pain150()
    patients = trial.patients.assign(sex=trial.patients["sex"].cat.add_categories(["none"]))
    with_it = estimate_relief(spoilt(trial, patients)).frame
    pd.testing.assert_frame_equal(with_it, estimate_relief(trial).frame)


def test_a_category_that_everyone_has_is_harmless():
    trial = pain150()
    patients = trial.patients.assign(sex=pd.Categorical(["f"] * 150), age=40.0)
    frame = estimate_relief(spoilt(trial, patients)).frame
    assert np.isfinite(pick(frame, "relief", "ACU", horizon="short")["estimate"])


def test_the_default_formula_has_only_terms_that_the_data_can_carry():
    chosen = study()
    assert default_formula(chosen, False, True, True) == (
        "value ~ baseline * visit + sex + age + therapy * visit"
    )
    assert default_formula(chosen, False, False, False) == "value ~ visit + sex + age"
    assert default_formula(chosen, True, True, True) == "value ~ baseline + sex + age + therapy"
    assert default_formula(study(covariates=[]), True, False, False) == "value ~ 1"


def test_nothing_to_analyse_is_a_message():
    trial = pain150()
    with pytest.raises(ModelError, match="150 patients with no value after baseline"):
        estimate_relief(spoilt(trial, outcomes=trial.outcomes.iloc[:0]))


def test_equal_values_and_one_patient_an_arm_are_messages():
    trial = pain150(model={})
    with pytest.raises(ModelError):
        estimate_relief(spoilt(trial, outcomes=trial.outcomes.assign(value=5.0)))
    few = trial.patients.groupby("therapy").head(1)
    mine = trial.outcomes["patient"].isin(few["patient"])
    with pytest.raises(ModelError):
        estimate_relief(spoilt(trial, few, trial.outcomes[mine]))


def test_every_row_without_a_number_says_why():
    trial = without(pain150(horizons={"W12": "short"}), ("SHAM",), tuple(WEEKS))
    frame = estimate_relief(without(trial, ("ACU",), ("W26",))).frame
    assert tuple(frame.columns) == RESULT_COLUMNS
    empty = frame["estimate"].isna()
    assert empty.any()
    assert frame.loc[empty, "note"].str.startswith("not estimable: ").all()
    assert frame.loc[empty, ["std_error", "conf_low", "p_value"]].isna().all(axis=None)
