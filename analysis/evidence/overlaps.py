"""Trials and arms that must not be counted twice, and those that compare nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from analysis.evidence.published import Published
from analysis.readers.finding import Finding, finding

# Rows with a mean, spread and size in common that make two trials look like one.
SAME_ROWS = 2


def shared_arms(published: Published) -> Iterator[Finding]:
    """An arm that several differences of a trial share."""
    rows = published.contrasts
    for (study, scale, week), part in rows.groupby(["study", "scale", "week"], sort=False):
        met = pd.concat([part["arm"], part["against"]]).value_counts()
        for arm in met.index[met > 1]:
            mine = part[(part["arm"] == arm) | (part["against"] == arm)]
            others = len({*mine["arm"], *mine["against"]}) - 1
            if others < 2:
                continue
            numbers = ", ".join(map(str, mine["row"]))
            message = (
                f"{published.label(study)} compares {others} arms with the same arm ({arm}) on "
                f"{scale} at week {week:g} (rows {numbers}). Its patients count once: keep the "
                "covariance, as the contrasts here do."
            )
            yield finding("shared_control", "note", message, file="contrasts.csv",
                          row=int(mine["row"].iloc[0]), column="against", value=arm)  # fmt: skip


def overlapping_trials(published: Published) -> Iterator[Finding]:
    """Trials of one programme, whose patients may be the same."""
    studies = published.studies[published.studies["programme"] != ""]
    for programme, part in studies.groupby("programme", sort=False):
        if len(part) > 1:
            message = (
                f"{', '.join(part['label'])} come from one programme ({programme}) and may have "
                "patients in common. At most one of them is used."
            )
            yield finding("overlapping_trials", "warning", message, file="studies.csv",
                          row=int(part["row"].iloc[1]), column="programme",
                          value=programme)  # fmt: skip


def duplicated_studies(published: Published) -> Iterator[Finding]:
    """One trial under two names: the same identifier, or the same numbers."""
    studies = published.studies
    named = studies[studies["identifier"] != ""]
    for identifier, part in named.groupby("identifier", sort=False):
        if len(part) > 1:
            message = f"{', '.join(part['label'])} have the identifier {identifier}."
            yield _twice(part, message)
    seen = published.outcomes[published.outcomes["sd"].notna()]
    key = ["scale", "week", "kind", "n", "mean", "sd"]
    pairs = seen[["study", *key]].merge(seen[["study", *key]], on=key)
    pairs = pairs[pairs["study_x"] < pairs["study_y"]]
    for (one, other), part in pairs.groupby(["study_x", "study_y"]):
        rows = len(part.drop_duplicates(key))
        if rows >= SAME_ROWS:
            both = studies[studies["study"].isin([one, other])]
            message = f"{', '.join(both['label'])} have {rows} results in common to the last digit."
            yield _twice(both, message)


def single_arms(published: Published) -> Iterator[Finding]:
    """Trials of which one arm only was seen, and therapies that no trial compares with anything."""
    arms = published.arms.merge(published.therapies[["therapy", "node"]], on="therapy", how="left")
    seen = _seen(published).merge(arms[["study", "arm", "therapy", "node"]], on=["study", "arm"])
    counts = seen.groupby("study").agg(arms=("arm", "nunique"), nodes=("node", "nunique"))
    labels = published.studies.set_index("study")
    for study in counts.index[counts["arms"] == 1]:
        message = (
            f"{labels.loc[study, 'label']} has results of one arm only; it compares nothing. Add "
            "the other arm where the paper gives it."
        )
        yield finding("one_arm", "warning", message, file="studies.csv",
                      row=int(labels.loc[study, "row"]), column="study", value=study)  # fmt: skip
    for study in counts.index[(counts["arms"] > 1) & (counts["nodes"] == 1)]:
        message = (
            f"The arms of {labels.loc[study, 'label']} are the same therapy; it says nothing about "
            "that therapy against another."
        )
        yield finding("same_therapy", "note", message, file="studies.csv",
                      row=int(labels.loc[study, "row"]), column="study", value=study)  # fmt: skip
    compared = seen[seen["study"].isin(counts.index[counts["nodes"] > 1])]
    alone = sorted(set(seen["therapy"]) - set(compared["therapy"]))
    rows = published.therapies.set_index("therapy")["row"]
    for therapy in alone:
        message = (
            f"{therapy} is seen only in trials that compare it with nothing; it has no place in a "
            "network."
        )
        yield finding("therapy_in_one_arm", "warning", message, file="therapies.csv",
                      row=int(rows[therapy]), column="therapy", value=therapy)  # fmt: skip


def combined_therapies(published: Published) -> Iterator[Finding]:
    """Arms that got several therapies at once."""
    for therapy, part in published.arms.groupby("therapy", sort=False):
        if "+" in str(therapy):
            components = str(therapy).split("+")
            trials = ", ".join(published.label(study) for study in part["study"].unique())
            message = (
                f"{' and '.join(components)} were given together in {trials}. Their effect is that "
                "of both; a component model is needed to take it apart."
            )
            yield finding("combined_components", "note", message, file="arms.csv",
                          row=int(part["row"].iloc[0]), column="therapy",
                          value=str(therapy))  # fmt: skip


def loose_designs(published: Published) -> Iterator[Finding]:
    """Trials that were not randomised."""
    for _, row in published.studies[published.studies["randomised"] == "no"].iterrows():
        message = f"{row['label']} was not randomised; it is left out unless it is asked for."
        yield finding("not_randomised", "warning", message, file="studies.csv",
                      row=int(row["row"]), column="randomised", value=row["study"])  # fmt: skip


def sizes_at_entry(published: Published) -> Iterator[Finding]:
    """Trials whose sizes are those assigned, not those analysed."""
    rows = published.outcomes[
        (published.outcomes["counted"] == "assigned") & (published.outcomes["kind"] != "baseline")
    ]
    for study, part in rows.groupby("study", sort=False):
        message = (
            f"{published.label(study)} says how many were assigned, not how many were seen "
            f"({len(part)} rows); standard errors made of these numbers are a little too small."
        )
        yield finding("assigned_not_seen", "note", message, file="outcomes.csv",
                      row=int(part["row"].iloc[0]), column="n", value=study)  # fmt: skip


def _twice(part: pd.DataFrame, message: str) -> Finding:
    return finding("duplicated_study", "warning", f"{message} Keep one of them.",
                   file="studies.csv", row=int(part["row"].iloc[1]), column="study",
                   value=part["study"].iloc[1])  # fmt: skip


def _seen(published: Published) -> pd.DataFrame:
    """Study and arm of every result after baseline."""
    outcomes = published.outcomes[published.outcomes["kind"] != "baseline"]
    contrasts = published.contrasts
    other = contrasts.assign(arm=contrasts["against"])
    columns = ["study", "arm"]
    return pd.concat([outcomes[columns], contrasts[columns], other[columns]]).drop_duplicates()
