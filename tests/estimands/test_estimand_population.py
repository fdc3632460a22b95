"""Population, treatments and variable of an estimand."""

from __future__ import annotations

import numpy as np
import pytest
from hand_made import PAIN, estimand, study, trial

from analysis.errors import ModelError
from analysis.estimands import apply_estimand
from analysis.studies.conditions import Comparison, read_condition


def _who(made, who):
    return apply_estimand(made, estimand(who=who)).trial.patients["patient"].tolist()


@pytest.mark.parametrize(
    ("who", "patients"),
    [
        ("age >= 50", ["U3", "U4", "M3", "M4"]),
        ("age>=50 and sex == female", ["U3", "M3"]),
        ("sex != 'female' and baseline > 5", ["U2", "U4", "M2"]),
        ("age < 31", ["U1", "M1"]),
    ],
)
def test_a_condition_chooses_patients_by_what_is_known_at_baseline(who, patients):
    made = trial()
    data = apply_estimand(made, estimand(who=who))
    assert data.trial.patients["patient"].tolist() == patients
    assert set(data.trial.outcomes["patient"]) == set(patients)
    assert data.left_out["n"].sum() + len(patients) == len(PAIN)


def test_a_patient_whose_value_is_unknown_is_left_out_for_that_reason():
    made = trial()
    made.patients.loc[0, "age"] = np.nan
    data = apply_estimand(made, estimand(who="age >= 30"))
    assert data.left_out.to_numpy().tolist() == [["without a value of age", 1]]


def test_a_population_of_nobody_is_refused():
    with pytest.raises(ModelError, match=r"has no patients .*8 do not meet age > 90.*Widen 'who'"):
        apply_estimand(trial(), estimand(who="age > 90"))


@pytest.mark.parametrize(
    ("who", "why"),
    [
        ("age", "cannot be read at 'age'"),
        ("age >= 40 or sex == female", "cannot be read at 'or sex == female'"),
        ("__import__('os')", "cannot be read"),
        ("value > 3", "names 'value', which is not known at baseline"),
        ("ages > 3", "did you mean 'age'"),
        ("age > old", "'old', which is not a number"),
        ("sex > female", "a category takes == or !="),
        ("sex == woman", r"its labels are \['female', 'male'\]"),
        ("age >= 40 and", "cannot be read"),
        ("age > " + "9" * 500, "longer than 400"),
    ],
)
def test_a_condition_holds_comparisons_and_nothing_that_runs(who, why):
    with pytest.raises(ValueError, match=why):
        read_condition(study(), who)


def test_a_condition_is_read_into_its_comparisons():
    found = read_condition(study(), "baseline>=4 and sex == \"female\"")
    assert found == (Comparison("baseline", ">=", 4.0), Comparison("sex", "==", "female"))


def test_treatments_and_another_comparator_are_the_trials():
    data = apply_estimand(trial(), estimand(comparator="Massage"))
    assert data.trial.study.therapies == ("Massage", "Usual care")
    assert list(data.trial.patients["therapy"].cat.categories) == ["Massage", "Usual care"]
    one = apply_estimand(trial(), estimand(treatments=["Massage"]))
    assert (one.trial.study.therapies, one.trial.study.comparator) == (("Massage",), "")
    assert one.left_out.to_numpy().tolist() == [["with a therapy that is not compared", 4]]


def test_the_variable_has_horizons_of_its_own():
    data = apply_estimand(trial(), estimand(short=["week 4"], long=["week 12", "week 26"]))
    made = data.trial.study
    assert [visit.name for visit in made.horizon("short")] == ["week 4"]
    assert [visit.name for visit in made.horizon("long")] == ["week 12", "week 26"]
    assert apply_estimand(trial(), estimand(long=[])).trial.study.horizon("long") == ()


def test_the_estimand_is_the_only_one_of_its_study_and_the_measure_is_primary():
    data = apply_estimand(trial(), estimand(measure="function"))
    assert data.trial.study.primary.name == "function"
    assert data.trial.study.estimands == (data.estimand,)
    assert data.trial.outcomes.empty
