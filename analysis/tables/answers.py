"""Pooled answers to single questions, courses of relief, and one's own trial among the published."""

from __future__ import annotations

import numpy as np
import pandas as pd

from analysis.evidence.own_study import OwnStudy
from analysis.tables.numerals import number, p_value
from analysis.tables.table import Table

EMPTY = "no trial"
NO_PLACE = "The trial has no place among the published ones; the reason stands above."


def answers_table(answers: pd.DataFrame, unit: str) -> Table:
    """What trials say of each question at each horizon; an empty cell is a row that says so.

    Parameters
    ----------
    answers : pandas.DataFrame
        Of `analysis.evidence.questions.answers`.
    unit : str
    """
    rows = [
        (
            f"{row['therapy']} against {row['comparator']}", str(row["horizon"]),
            _cell(row, "estimate", "conf_low", "conf_high"),
            _cell(row, "common", "common_low", "common_high") if row["trials"] > 1 else "",
            _range(row["predict_low"], row["predict_high"]), _behind(row), str(row["certainty"]),
        )
        for _, row in answers.iterrows()
    ]  # fmt: skip
    columns = ("question", "horizon", "relief (95 % CI)", "if all trials share one effect",
               "a new trial", "trials, patients, heterogeneity", "certainty")  # fmt: skip
    note = (
        f"Direct comparisons only, in {unit}; positive is better. Random effects (REML) with Hartung "
        "and Knapp's interval, never narrower than the plain one: with two trials it says almost "
        "nothing, and the next column says what they would if they were alike. A new trial: 95 % "
        "prediction interval, from three trials on. Certainty by rule."
    )
    return Table("Single questions", columns, tuple(rows), note, (1, 5, 6))


def halves_table(*courses: tuple[str, pd.DataFrame]) -> Table:
    """Weeks until half of the relief is gone, never included.

    Parameters
    ----------
    *courses : (str, DataFrame)
        Name of the course, and what `weeks_until` gives of it. Therapies with one answer share a
        row.
    """
    rows, peaks = [], set()
    for course, halves in courses:
        peaks |= set(halves["peak_week"])
        for words, part in halves.groupby("words", sort=False):
            every = len(part) == len(halves) > 1
            named = "every therapy" if every else ", ".join(part["therapy"])
            one = part.iloc[0]
            ends = (_weeks(one[name]) for name in ("estimate", "conf_low", "conf_high"))
            rows.append((named, course, *ends, str(words)))
    columns = ("therapy", "course", "weeks", "at least", "at most", "in words")
    weeks = ", ".join(f"{week:g}" for week in sorted(peaks))
    note = (
        f"Weeks after week {weeks} since randomisation, with 95 % intervals. Courses with one "
        "half-time for all therapies give all of them one answer."
    )
    return Table("When half of the relief is gone", columns, tuple(rows), note, (1, 5))


def families_table(families: pd.DataFrame) -> Table:
    """Courses side by side by AICc and lack of fit (`compare_courses`)."""
    rows = [
        (
            str(row["family"]), number(row["parameters"], 0), number(row["tau2"], 1),
            number(row["delta"], 1) if np.isfinite(row["delta"]) else "",
            p_value(row["lack_p"]), str(row["note"]),
        )
        for _, row in families.iterrows()
    ]  # fmt: skip
    columns = ("course", "numbers", "τ²", "AICc above the least", "p of lack of fit", "note")
    note = (
        "By full likelihood, whose τ² is smaller than that of restricted likelihood, so that the "
        "test of fit is stricter here. A course that cannot be fitted has a note and no numbers."
    )
    return Table("Which course fits", columns, tuple(rows), note, (5,))


def own_table(own: OwnStudy, unit: str) -> Table:
    """What the trial of a study file adds to each comparison, and whether it agrees.

    No row where the trial has no place among the published ones.
    """
    agrees = own.agreement()
    rows = [
        (
            f"{row['therapy']} against {row['comparator']}", str(row["horizon"]),
            *(_cell(row, name, f"{name}_low", f"{name}_high", "no trial joins")
              for name in ("published", "own", "together")),
            _percent(row["share"]), _percent(row["narrower"]),
            _error(agrees.iloc[place]), p_value(agrees.iloc[place]["p_value"]),
        )
        for place, row in own.changes().iterrows()
    ]  # fmt: skip
    if rows:
        rows.append(("all together", *[""] * 7, p_value(agrees.iloc[-1]["p_value"])))
    columns = ("comparison", "horizon", "published", own.label, "together", "its share",
               "narrower by", "difference (SE)", "p")  # fmt: skip
    note = (
        f"Relief in {unit} (95 % CI; positive is better). Its share: that of the trial in the "
        "variance of the number together. Narrower: by how much the published interval shrinks. "
        "Difference: what it found less what the published trials predict for a new one; its error "
        "holds the trial's own, that of the published numbers, and the spread of true effects "
        "between trials."
    )
    title = "What the trial adds, and whether it agrees"
    return Table(title, columns, tuple(rows), note if rows else NO_PLACE, (1,))


def edges_table(edges: pd.DataFrame) -> Table:
    """Which therapies trials compared at each horizon, with trials and patients."""
    found = {
        (row["therapy"], row["comparator"], row["horizon"]): f"{row['trials']} ({_people(row)})"
        for _, row in edges.iterrows()
    }
    pairs = dict.fromkeys(key[:2] for key in found)
    rows = [(f"{one} against {other}", *(found.get((one, other, horizon), EMPTY)
             for horizon in ("short", "long"))) for one, other in pairs]  # fmt: skip
    note = (
        "Trials (patients in the two arms). At least: some of the trials do not say how many they "
        "had."
    )
    return Table("Direct comparisons", ("comparison", "short term", "long term"), tuple(rows), note)


def _people(row: pd.Series) -> str:
    if pd.isna(row["patients"]):
        return "not known"
    return f"{'at least ' if row['unsized'] else ''}{number(row['patients'], 0)}"


def _error(row: pd.Series) -> str:
    if pd.isna(row["difference"]):
        return ""
    return f"{number(row['difference'], 1)} ({number(row['std_error'], 1)})"


def _cell(row: pd.Series, middle: str, low: str, high: str, empty: str = EMPTY) -> str:
    if pd.isna(row[middle]):
        return empty
    return f"{number(row[middle], 1)} ({_range(row[low], row[high])})"


def _range(low: float, high: float) -> str:
    return "" if pd.isna(low) else f"{number(low, 1)} to {number(high, 1)}"


def _behind(row: pd.Series) -> str:
    return str(row["heterogeneity"]) if row["trials"] else "0 trials"


def _weeks(value: float) -> str:
    if np.isinf(value):
        return "never"
    return "at once" if value == 0 else number(value, 0)


def _percent(share: float) -> str:
    return "" if pd.isna(share) else f"{number(100 * share, 0)} %"
