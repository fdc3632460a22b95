"""Who had what, by therapy: the counts that may be shown, from which everything else is computed."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

from analysis.harms.followup import Followup
from analysis.studies.records import Study

HARM = "adverse_event"
LEFT = ("stopped_therapy", "lost")
ANY, SERIOUS, RELATED, NAMED = "any", "serious", "related", "named"
CELL_COLUMNS = (
    "kind", "scope", "what", "therapy", "patients", "at_least", "at_most", "events", "of", "weeks",
    "masked", "note",
)  # fmt: skip
KEY = ["kind", "scope", "what", "therapy"]
NOT_RECORDED = "not recorded"
UNSURE = "of some events it is not known whether they belong here"
HIDDEN = "hidden: the number would tell another that may not be shown"


def count_cells(study: Study, followup: Followup) -> pd.DataFrame:
    """Count patients and events, and mask what describes too few patients.

    Parameters
    ----------
    study : Study
        Its `minimum_count` says how many patients a cell must have to be shown.
    followup : Followup

    Returns
    -------
    pandas.DataFrame
        One row for each kind of event ("adverse_event", "stopped_therapy", "lost"), scope ("any",
        "serious", "related": adverse events only; "named": each `what`) and therapy.

        `patients` (with at least one), `events`, `of` (patients of the therapy), `weeks` (their
        time under observation); `at_least` and `at_most`: what the number of patients can be.
        These differ where the count is masked (more than none, fewer than the minimum: 1 to 4),
        where it is hidden because with the others it would tell that of a masked cell, and where it
        is not known of every event whether it was serious or related. All are missing where
        nothing was recorded. `note` says which. Names of events are shown however rare they are:
        a harm must not vanish because it is rare.
    """
    counts = _counts(followup)
    cells = _grid(study, followup).merge(counts, on=KEY, how="left")
    numbers = ["patients", "possible", "events"]
    cells[numbers] = cells[numbers].fillna(0).astype("int64")
    cells["note"] = np.where(_recorded(study, followup, cells), "", NOT_RECORDED)
    cells = _masked(cells, study.minimum_count)
    cells = _hidden(cells, study.minimum_count)
    counted = ["patients", "at_least", "at_most", "events"]
    cells[counted] = cells[counted].astype("Int64")
    # Events add up over kinds, so those of every kind would tell those of one that is masked.
    group = cells.groupby(["kind", "scope", "therapy"])["masked"].transform("any")
    cells.loc[(cells["scope"] == NAMED) & group & (cells["at_most"] > 0), "events"] = pd.NA
    cells.loc[cells["note"] == NOT_RECORDED, counted] = pd.NA
    return cells[list(CELL_COLUMNS)]


def is_recorded(study: Study, followup: Followup, kind: str) -> bool:
    """Whether events of this kind could have been written down at all."""
    mapped = study.events is not None and kind in study.events.kinds.values()
    return mapped or bool((followup.events["kind"] == kind).any())


def _grid(study: Study, followup: Followup) -> pd.DataFrame:
    """Every cell, whether or not anything happened in it."""
    events = followup.events
    wanted = [(HARM, scope, "") for scope in (ANY, SERIOUS, RELATED)]
    wanted += [(kind, ANY, "") for kind in LEFT]
    for kind in (HARM, *LEFT):
        names = events.loc[events["kind"] == kind, "what"].value_counts()
        order = sorted(names.index, key=lambda name: (-names[name], name))
        wanted += [(kind, NAMED, name) for name in order if name]
    rows = [(*key, therapy) for key, therapy in product(wanted, study.therapies)]
    grid = pd.DataFrame(rows, columns=KEY).astype("str")
    by = followup.patients.groupby("therapy")["weeks"]
    grid["of"] = grid["therapy"].map(by.size()).fillna(0).astype("int64")
    grid["weeks"] = grid["therapy"].map(by.sum()).fillna(0.0).astype("float64")
    return grid


def _counts(followup: Followup) -> pd.DataFrame:
    """Patients who had it, patients who may have had it, and events, where there are any."""
    events = followup.events[followup.events["kind"].isin([HARM, *LEFT])]
    harms = events[events["kind"] == HARM]
    pieces = [events.assign(scope=ANY, what="", sure=True)]
    for scope in (SERIOUS, RELATED):
        may = harms[harms[scope].fillna(True).astype(bool)]
        pieces.append(may.assign(scope=scope, what="", sure=may[scope].fillna(False).astype(bool)))
    pieces.append(events[events["what"] != ""].assign(scope=NAMED, sure=True))
    long = pd.concat(pieces)[[*KEY, "patient", "sure"]]
    keys = dict.fromkeys(KEY, "str")
    long = long.astype({**keys, "sure": bool})
    sure = long[long["sure"]].groupby(KEY)["patient"].agg(patients="nunique", events="size")
    possible = long.groupby(KEY)["patient"].nunique().rename("possible")
    return possible.to_frame().join(sure).reset_index().astype(keys)


def _recorded(study: Study, followup: Followup, cells: pd.DataFrame) -> pd.Series:
    kinds = {kind: is_recorded(study, followup, kind) for kind in (HARM, *LEFT)}
    harms = followup.events[followup.events["kind"] == HARM]
    columns = {
        SERIOUS: study.events and study.events.serious,
        RELATED: study.events and study.events.related,
    }
    # Where nobody had an adverse event at all, nobody had a serious one.
    scopes = {
        scope: column is not None or harms.empty or bool(harms[scope].notna().any())
        for scope, column in columns.items()
    }
    by_scope = cells["scope"].map(lambda scope: scopes.get(scope, True))
    return cells["kind"].map(kinds).astype(bool) & by_scope.astype(bool)


def _masked(cells: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Fewer patients than the minimum, but more than none, become "1 to that"."""
    few, of = minimum - 1, cells["of"]
    n, possible = cells["patients"], cells["possible"]
    masked = (n > 0) & (n < minimum)
    # How many more it may be is a small number too, and is rounded up.
    extra = (possible - n).where((possible == n) | (possible - n >= minimum), few)
    most = (n + extra).where(n >= minimum, possible.clip(lower=few).where(possible > 0, 0))
    note = cells["note"].mask((cells["note"] == "") & masked, f"1 to {few} patients")
    unsure = (possible > n) & (note == "")
    return cells.assign(
        patients=n.astype("Int64").mask(masked), events=cells["events"].astype("Int64").mask(masked),
        at_least=n.where(~masked, 1), at_most=np.minimum(most, of), masked=masked,
        note=note.mask(unsure, UNSURE),
    )  # fmt: skip


def _hidden(cells: pd.DataFrame, minimum: int) -> pd.DataFrame:
    """Hide counts that would tell what a masked one hides.

    Everybody with an event has one of a named kind, if all are named; so the total without the
    kinds that are shown is the least that the masked ones hold together. Where that is more than
    one patient for each, the smallest kind that is shown is hidden too.
    """
    cells = cells.copy()
    named = cells[(cells["scope"] == NAMED) & (cells["note"] != NOT_RECORDED)]
    totals = cells[cells["scope"] == ANY].set_index(["kind", "therapy"])["patients"]
    for key, part in named.groupby(["kind", "therapy"], sort=False):
        shown = part[~part["masked"] & (part["patients"] > 0).fillna(False)]
        total = totals[key]
        if pd.isna(total) or shown.empty:
            continue
        if int(total) - int(shown["patients"].sum()) > int(part["masked"].sum()) > 0:
            place = shown["patients"].astype("int64").idxmin()
            cells.loc[place, ["patients", "events"]] = pd.NA
            cells.loc[place, ["at_least", "at_most"]] = minimum, int(total)
            cells.loc[place, ["masked", "note"]] = True, HIDDEN
    return cells
