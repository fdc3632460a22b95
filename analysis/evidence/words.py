"""What the pooled trials say, and what nobody looked at, in sentences made from the numbers."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from analysis.evidence.components import ComponentNetwork
from analysis.evidence.own_study import OwnStudy
from analysis.evidence.pieces import pieces
from analysis.evidence.published import Published
from analysis.evidence.selection import Selection, nodes_of_arms
from analysis.evidence.synthesis import Synthesis
from analysis.evidence.timecourse import TimeCourse
from analysis.evidence.windows import SINCE_RANDOMISATION, coverage

# p-value below which a test is said to speak against what it tests.
DOUBT = 0.05
HALF_A_YEAR = 26.0


def scope_sentences(synthesis: Synthesis) -> list[str]:
    """How many trials and patients there are at each horizon, and what nothing joins."""
    found = []
    for horizon, contrasts in zip(("Short", "Long"), synthesis.contrasts, strict=True):
        parts = pieces(contrasts)
        apart = [part for part in parts if synthesis.fit.reference not in part]
        patients = np.array([contrasts.patients(study) for study in contrasts.studies])
        silent = int(np.isnan(patients).sum())
        least = f"at least {np.nansum(patients):,.0f}" if silent else f"{patients.sum():,.0f}"
        found.append(
            f"{horizon} term, {synthesis.windows.name}: {_count(len(contrasts.studies), 'trial')} "
            f"with {least} patients compare {len(contrasts.therapies)} therapies."
        )
        if apart:
            names = "; ".join(_listed(part, synthesis.published) for part in apart)
            base = synthesis.published.name_of(synthesis.fit.reference)
            found.append(
                f"No trial joins these to {base} in the {horizon.lower()} term, so nothing is said "
                f"of them against it: {names}."
            )
    return found


def spread_sentences(synthesis: Synthesis) -> list[str]:
    """How much trials differ, and whether ways round the network agree."""
    found = []
    for row in synthesis.spread().itertuples(index=False):
        where = f"{row.horizon.capitalize()} term, {row.definition}"
        if np.isnan(row.i2):
            found.append(f"{where}: too few trials to tell how much they differ.")
            continue
        text = (
            f"{where}: true effects vary between trials with a standard deviation of "
            f"{np.sqrt(row.tau2):.1f} points (95 % interval {np.sqrt(row.tau2_low):.1f} to "
            f"{np.sqrt(row.tau2_high):.1f}); I² is {100 * row.i2:.0f} %."
        )
        if np.isfinite(row.p_between):
            doubt = row.p_allowed < DOUBT
            text += (
                f" Direct and indirect ways {'do not agree' if doubt else 'do not clearly disagree'}"
                f" ({_p(row.p_between)} if trials of one design differed by chance alone, "
                f"{_p(row.p_allowed)} with τ² = {row.tau2_within:.3g} among them)."
            )
        found.append(text)
    note = synthesis.fit.between.note
    return [*found, f"{synthesis.windows.name.capitalize()}, {note}."] if note else found


def additivity_sentence(components: ComponentNetwork) -> str:
    """Whether combinations relieve as much as the sum of their parts, at each τ² that was tried."""
    rows = components.additivity
    tested = rows[rows["df"] > 0]
    if tested.empty:
        return "No trial lets a combination be told from the sum of its parts."
    parts = [
        f"{'against' if row.p_value < DOUBT else 'not clearly against'} additivity with τ² = "
        f"{row.tau2:.3g} ({_p(row.p_value)})"
        for row in tested.itertuples(index=False)
    ]
    return f"The trials speak {' and '.join(parts)}."


def course_sentences(fit: TimeCourse) -> list[str]:
    """How well the course fits, and what was taken for granted."""
    statistic, df, p = fit.lack_of_fit()
    if not df:
        first = "The trials have too few visits to test this course."
    else:
        verdict = "does not fit well" if p < DOUBT else "is not contradicted by the visits"
        first = f"The course {verdict} (χ² {statistic:.1f} on {df}, {_p(p)})."
    return [first, *(f"{note[:1].upper()}{note[1:]}." for note in fit.notes)]


def missing_sentences(published: Published, therapies: Iterable[str]) -> list[str]:
    """What nobody looked at: the latest visit of each therapy, and shams that nobody used."""
    counted = coverage(published, [SINCE_RANDOMISATION], by="node")
    found = []
    for name in therapies:
        rows = counted[counted["therapy"] == name]
        label = published.name_of(name).capitalize()
        latest = rows["latest_week"].max()
        if rows.empty or not rows["trials"].sum():
            found.append(f"{label}: no trial.")
        elif latest <= HALF_A_YEAR:
            found.append(f"{label}: no visit after week {latest:g}, so none after half a year.")
        elif not rows.loc[rows["horizon"] == "long", "trials"].sum():
            found.append(f"{label}: no visit after week {latest:g}, so none after a year.")
    return found


def sham_sentences(published: Published, pairs: Iterable[tuple[str, tuple[str, ...]]]) -> list[str]:
    """Therapies that no trial compared with a sham of their own.

    Parameters
    ----------
    published : Published
    pairs : iterable of (str, tuple of str)
        A therapy and the shams that would do.
    """
    arms = nodes_of_arms(published, Selection()).groupby("study")["node"].agg(set)
    found = []
    for therapy, shams in pairs:
        trials = sum(therapy in names and bool(names & set(shams)) for names in arms)
        if not trials:
            label = published.name_of(therapy)
            found.append(
                f"{label.capitalize()}: no trial compares it with a sham, so what it does cannot be "
                "told from what people expect of it."
            )
    return found


def own_sentences(own: OwnStudy) -> list[str]:
    """Where the trial of the study file stands: what it adds, and whether it agrees."""
    published, found = own.published, []
    if own.same:
        twice = "" if own.placement is None else (
            ", which is left out of the published ones here so that no patient counts twice"
        )  # fmt: skip
        found.append(f"{own.label} is the published trial {published.label(own.same)}{twice}.")
    if own.placement is None:
        return [*found, f"{own.label} has no place among the published trials. {own.reason}"]
    taken = [
        f"{one} is taken as {published.name_of(node)}" for one, node in own.names.items()
        if one.casefold() != published.name_of(node).casefold()
    ]  # fmt: skip
    changes = own.changes()
    new = changes["published"].isna()
    return [
        *found,
        f"{own.label} has {_count(len(own.names), 'therapy', 'therapies')} that published trials "
        f"have too{': ' + '; '.join(taken) if taken else ''}.",
        "The published trials are of low back pain. A study file does not say where pain is: see "
        "whether the people are alike before relying on what follows.",
        f"{own.label} makes {_count(len(changes), 'comparison')} at the two horizons; {int(new.sum())} "
        "of them had no published answer.",
        *_narrower(changes[~new], own.label), _agrees(own.agreement(), own.label),
    ]  # fmt: skip


def _narrower(old: pd.DataFrame, label: str) -> list[str]:
    if old.empty:
        return []
    low, high = 100 * old["narrower"].min(), 100 * old["narrower"].max()
    return [
        f"Where there was one, its interval becomes {low:.0f} % to {high:.0f} % narrower with "
        f"{_inside(label)}."
    ]


def _agrees(agreement: pd.DataFrame, label: str) -> str:
    together = agreement.iloc[-1]
    if not together["df"]:
        return f"Nothing that {_inside(label)} found can be held against published trials."
    verdict = "disagrees with" if together["p_value"] < DOUBT else "does not disagree with"
    return (
        f"Taken together, {_inside(label)} {verdict} what they predict for a new trial (χ² "
        f"{together['statistic']:.1f} on {int(together['df'])}, {_p(together['p_value'])})."
    )


def _inside(label: str) -> str:
    """A label within a sentence."""
    return label[:1].lower() + label[1:]


def _listed(names: Iterable[str], published: Published) -> str:
    return ", ".join(published.name_of(name) for name in names)


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
