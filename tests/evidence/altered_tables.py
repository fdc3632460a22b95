"""Copies of the bundled tables with a few cells or rows changed."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

from analysis.evidence.layouts import LAYOUTS
from analysis.evidence.published import FOLDER

Rows = list[dict[str, str]]
Change = Callable[[Rows], object]


def altered(place: Path, **changes: Change) -> Path:
    """A folder of the bundled tables; each change gets the rows of its table as mappings."""
    for name in LAYOUTS:
        source = FOLDER / f"{name}.csv"
        target = place / source.name
        if name not in changes:
            shutil.copy(source, target)
            continue
        with source.open(encoding="utf-8", newline="") as stream:
            reader = csv.DictReader(stream)
            columns, rows = list(reader.fieldnames or []), list(reader)
        changes[name](rows)
        with target.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns, lineterminator="\n", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
    return place


def first(rows: Rows, **cells: str) -> dict[str, str]:
    """The first row with these cells."""
    return next(row for row in rows if all(row[name] == value for name, value in cells.items()))


def small_trial(
    name: str = "made", therapies: tuple[str, ...] = ("acupuncture", "usual_care")
) -> dict[str, Change]:
    """Changes that leave nothing but one trial of NRS 0-10, to be given its outcomes by a test."""
    roles = {"usual_care": "control", "sham_acupuncture": "sham", "wait_list": "control",
             "conventional_care": "control"}
    study = {
        "study": name, "label": name.capitalize(), "year": "2020", "identifier": "",
        "condition": "made up", "region": "low_back", "duration": "chronic", "randomised": "yes",
        "assigned": "", "programme": "", "note": "",
    }  # fmt: skip
    arms = [
        {"study": name, "arm": f"a{k}", "therapy": therapy, "role": roles.get(therapy, "active"),
         "assigned": "", "label": therapy}
        for k, therapy in enumerate(therapies)
    ]  # fmt: skip
    return {
        "studies": _only([study]), "arms": _only(arms), "outcomes": _only([]),
        "contrasts": _only([]), "responders": _only([]),
    }  # fmt: skip


def outcome(arm: str, mean: float | str, **cells: object) -> dict[str, str]:
    """A row of outcomes of the made-up trial: week 12, 50 patients and an SD of 2 if left out."""
    row = {
        "study": "made", "arm": arm, "scale": "NRS 0-10", "week": "12", "weeks_after": "8",
        "kind": "final", "n": "50", "counted": "analysed", "mean": str(mean), "sd": "2", "se": "",
        "conf_low": "", "conf_high": "", "adjusted": "", "source": "lowerbackpainnma", "note": "",
    }  # fmt: skip
    return row | {name: str(value) for name, value in cells.items()}


def contrast(arm: str, against: str, difference: float, **cells: object) -> dict[str, str]:
    """A row of contrasts of the made-up trial, at week 12."""
    row = {
        "study": "made", "arm": arm, "against": against, "scale": "NRS 0-10", "week": "12",
        "weeks_after": "8", "kind": "", "n": "", "counted": "", "difference": str(difference),
        "se": "", "conf_low": "", "conf_high": "", "level": "", "p_value": "", "adjusted": "",
        "source": "lowerbackpainnma", "note": "",
    }  # fmt: skip
    return row | {name: str(value) for name, value in cells.items()}


def made_trial(
    place: Path, outcomes: Rows, contrasts: Rows | None = None,
    therapies: tuple[str, ...] = ("acupuncture", "usual_care"),
) -> Path:  # fmt: skip
    """A folder with one made-up trial."""
    changes = small_trial(therapies=therapies)
    changes |= {"outcomes": _only(outcomes), "contrasts": _only(contrasts or [])}
    return altered(place, **changes)


def _only(rows: Rows) -> Change:
    def change(every: Rows) -> None:
        every[:] = rows

    return change
