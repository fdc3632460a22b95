"""Rules about therapies and the patients in them."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.readers.finding import Finding, finding
from analysis.trial.records import Trial
from analysis.validate.places import file_of


def patients_in_two_arms(trial: Trial) -> Iterator[Finding]:
    """A patient who stands in the patients frame more than once."""
    patients = trial.patients
    for patient, part in patients[patients["patient"].duplicated(keep=False)].groupby("patient"):
        therapies = sorted({str(t) for t in part["therapy"].dropna()})
        if len(therapies) > 1:
            message = (
                f"The patient is in the therapies {', '.join(therapies)}. Give the therapy "
                "assigned at the start, once."
            )
            yield finding("two_arms", "error", message, file=_roster(trial), column=_column(trial),
                          patient=str(patient))  # fmt: skip
        else:
            message = "The patient stands here more than once. Keep one row a patient."
            yield finding("duplicate_patient", "error", message, file=_roster(trial),
                          patient=str(patient))  # fmt: skip


def patients_without_therapy(trial: Trial) -> Iterator[Finding]:
    """Patients whose therapy is not one of the study's."""
    patients = trial.patients
    for patient in patients["patient"][patients["therapy"].isna()]:
        message = (
            f"The patient has none of the study's therapies ({', '.join(trial.study.therapies)}). "
            "Correct the therapy, or add it under therapy.arms."
        )
        yield finding("unknown_therapy", "error", message, file=_roster(trial),
                      column=_column(trial), patient=patient)  # fmt: skip


def sizes_of_arms(trial: Trial) -> Iterator[Finding]:
    """Arms whose size is not what the study file says was randomised."""
    therapy = trial.study.therapy
    if therapy is None:
        return
    declared = {a.label: a.randomised for a in therapy.arms if a.randomised is not None}
    counts = trial.patients["therapy"].value_counts()
    found = {label: int(counts.get(label, 0)) for label in declared}
    if found == declared:
        return
    sizes = "; ".join(
        f"{label} has {found[label]} patients, {declared[label]} were randomised"
        for label in declared
        if found[label] != declared[label]
    )
    swapped = sorted(found.values()) == sorted(declared.values())
    hint = (
        "The sizes fit when labels are exchanged: the labels of the arms may be swapped. Check the "
        "codes under therapy.arms against the protocol."
        if swapped
        else "Check the codes under therapy.arms, the filters, and that the file is complete; "
        "correct 'randomised' if the data are right."
    )
    yield finding("arm_sizes", "error", f"{sizes}. {hint}", file=_roster(trial),
                  column=_column(trial))  # fmt: skip


def small_arms(trial: Trial) -> Iterator[Finding]:
    """Therapies with one patient or none."""
    counts = trial.patients["therapy"].value_counts()
    for label in trial.study.therapies:
        count = int(counts.get(label, 0))
        if count < 2:
            message = (
                f"{label} has {count or 'no'} patient{'' if count == 1 else 's'}; nothing can be "
                "said about it with any certainty, and a model may refuse it. Check its code "
                "under therapy.arms, or take it out of the study file."
            )
            yield finding("one_patient_arm", "warning", message, file=_roster(trial),
                          column=_column(trial), value=label)  # fmt: skip


def arms_without_followup(trial: Trial) -> Iterator[Finding]:
    """Therapies whose patients have no value of the primary measure after baseline."""
    study = trial.study
    names = [visit.name for visit in study.followup]
    outcomes = trial.outcomes[trial.outcomes["measure"] == study.primary.name]
    followed = outcomes["patient"][outcomes["visit"].isin(names)]
    patients = trial.patients
    seen = patients[patients["patient"].isin(followed)]["therapy"].value_counts()
    there = patients["therapy"].value_counts()
    for label in study.therapies:
        if there.get(label, 0) and not seen.get(label, 0):
            message = (
                f"{label} has {int(there[label])} patients and no value of {study.primary.name} "
                "after baseline; its relief cannot be estimated."
            )
            yield finding("therapy_without_followup", "warning", message, file=file_of(trial),
                          value=label)  # fmt: skip


def missing_comparator(trial: Trial) -> Iterator[Finding]:
    """A study without a comparator."""
    if not trial.study.comparator:
        message = (
            "The study has no comparator: it can say how patients fared, not what a therapy did."
        )
        yield finding("no_comparator", "note", message)


def _roster(trial: Trial) -> str:
    return file_of(trial, "patients") or file_of(trial)


def _column(trial: Trial) -> str:
    return trial.study.therapy.column if trial.study.therapy else ""
