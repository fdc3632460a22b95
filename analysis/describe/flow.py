"""Flow of patients: from the file to the analysis."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.describe.grid import therapy_of, values_grid
from analysis.describe.masking import without_few
from analysis.trial.records import Trial

FLOW_COLUMNS = ("stage", "detail", "week", "therapy", "n")


def flow(trial: Trial, measure: str | None = None) -> pd.DataFrame:
    """Count patients at every stage, per therapy.

    Parameters
    ----------
    trial : Trial
    measure : str, optional
        Name of the measure; the primary one when left out.

    Returns
    -------
    pandas.DataFrame
        `stage`, `detail`, `week`, `therapy` (empty: not known per therapy), `n`. Stages in order:
        "in file"; "set aside" (detail: the reason); "randomised" (as the study file says, where it
        does for every arm); "allocated" (patients of the trial); "baseline"; "seen" (detail: the
        visit); "short term" and "long term" (a value at one of those visits at least); "analysed":
        a baseline value, every covariate of the model, and a value after baseline. `n` (Int64) is
        missing where it would tell of fewer patients than `study.minimum_count`, except for
        "randomised", which the study file says itself.
    """
    rows = [*_in_file(trial), *_per_therapy(trial, measure)]
    frame = pd.DataFrame(rows, columns=list(FLOW_COLUMNS))
    frame = frame.astype({"stage": "str", "detail": "str", "therapy": "str", "n": "int64"})
    return frame.assign(n=_shown(frame, trial.study.minimum_count))


def _shown(frame: pd.DataFrame, minimum: int) -> pd.Series:
    """Counts of a stage as parts of its sum; of those set aside, as parts of all in the file."""
    planned = frame["stage"] == "randomised"
    shown = frame["n"].astype("Int64")
    groups = frame["stage"] + ": " + frame["detail"].where(frame["stage"] != "set aside", "")
    for _, part in frame[~planned].groupby(groups[~planned], sort=False)["n"]:
        shown[part.index] = without_few(part, minimum)
    aside = shown[frame["stage"] == "set aside"]
    # One reason alone would be the difference between those in the file and those allocated.
    lone = aside.isna().any() and len(aside) == 1
    return shown.mask((frame["stage"] == "in file") & lone)


def _in_file(trial: Trial) -> Iterator[tuple[str, str, float, str, int]]:
    account = trial.account[trial.account["item"] == "patient"]
    if account.empty:
        yield "in file", "", float("nan"), "", len(trial.patients)
        return
    # A patients file and an outcomes file both count patients; the one that has most is the roster.
    counts = account[account["step"] == "in"]
    file = counts.loc[counts["n"].astype(int).idxmax(), "file"]
    account = account[account["file"] == file]
    for step, stage in (("in", "in file"), ("set aside", "set aside")):
        for _, row in account[account["step"] == step].iterrows():
            reason = str(row["reason"]) if step == "set aside" else ""
            yield stage, reason, float("nan"), "", int(row["n"])


def _per_therapy(
    trial: Trial, measure: str | None
) -> Iterator[tuple[str, str, float, str, int]]:
    study = trial.study
    grid = values_grid(trial, measure)
    therapy = therapy_of(trial)
    stages: list[tuple[str, str, float, pd.Series]] = [
        ("allocated", "", float("nan"), pd.Series(True, index=grid.index))
    ]
    baseline = study.baseline_visit
    complete = _covariates_known(trial)
    if baseline is not None:
        known = grid[baseline.name].notna()
        stages.append(("baseline", baseline.name, baseline.week, known))
        complete = complete & known
    follow = [visit.name for visit in study.followup]
    for visit in study.followup:
        stages.append(("seen", visit.name, visit.week, grid[visit.name].notna()))
    for horizon in ("short", "long"):
        names = [visit.name for visit in study.horizon(horizon)]
        if names:
            seen = grid[names].notna().any(axis=1)
            stages.append((f"{horizon} term", ", ".join(names), float("nan"), seen))
    analysed = complete & grid[follow].notna().any(axis=1)
    stages.append(("analysed", "", float("nan"), analysed))
    arms = study.therapy.arms if study.therapy else ()
    if arms and all(arm.randomised is not None for arm in arms):
        planned = {arm.label: int(arm.randomised or 0) for arm in arms}
        for label in study.therapies:
            yield "randomised", "", float("nan"), label, planned[label]
    for stage, detail, week, true in stages:
        for label in study.therapies:
            yield stage, detail, week, label, int((true & (therapy == label)).sum())


def _covariates_known(trial: Trial) -> pd.Series:
    patients = trial.patients.set_index("patient")
    names = [c.name for c in trial.study.covariates if c.model and c.name in patients.columns]
    return patients[names].notna().all(axis=1)
