"""The trial of a study file among the published ones, or in a sentence why it has no place there."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pandas as pd

from analysis.errors import ModelError
from analysis.evidence.bivariate import fit_two_horizons
from analysis.evidence.own_rows import own_contrasts
from analysis.evidence.own_trial import Placement, place_trial
from analysis.evidence.published import Published, plain_name
from analysis.evidence.synthesis import Synthesis
from analysis.relief.estimate import estimate_relief
from analysis.studies.records import Study
from analysis.trial.records import Trial

# Scales of pain on which a point means the same; published relief is in points of 100 of their range.
PAIN_SCALES = ("NRS", "VAS10", "VAS100", "BPI_INTENSITY")
LEAST_SHARED = 2
# Characters of a register or journal number, from which it cannot stand in a text by chance.
SHORTEST = 8


@dataclass(frozen=True, eq=False)
class OwnStudy:
    """Where the trial of a study file stands.

    Attributes
    ----------
    label : str
        What it is called, "simulated" included.
    names : dict
        From its therapies to those of the published trials, where there is one.
    placement : Placement or None
    reason : str
        Why it has no place; "" where it has one.
    same : str
        Published trial that it is, so that it does not count twice; "" where none.
    simulated : bool
    published : Published
        For the names that people write.
    """

    label: str
    names: dict[str, str]
    placement: Placement | None
    reason: str
    same: str
    simulated: bool
    published: Published

    def changes(self) -> pd.DataFrame:
        """`Placement.changes` with names for people; no row where the trial has no place."""
        return self._named(self.placement.changes() if self.placement else pd.DataFrame())

    def agreement(self) -> pd.DataFrame:
        """`Placement.agreement` with names for people; no row where the trial has no place."""
        return self._named(self.placement.agreement() if self.placement else pd.DataFrame())

    def _named(self, table: pd.DataFrame) -> pd.DataFrame:
        return self.published.named(table)


def published_names(study: Study, published: Published) -> dict[str, str]:
    """Therapies of a study file that published trials have, by their names in the network.

    A name of the study file fits when it is that of a therapy, its label, or one of the names in
    `also_called`, whatever the case and punctuation.
    """
    known = {plain: node for plain, node, _ in published.names()}
    found = {name: known.get(plain_name(name), "") for name in study.therapies}
    return {name: node for name, node in found.items() if node}


def place_study(trial: Trial, synthesis: Synthesis) -> OwnStudy:
    """Put the trial of a study file into the published network.

    Parameters
    ----------
    trial : Trial
        With its study file.
    synthesis : Synthesis
        Of pain.

    Returns
    -------
    OwnStudy
        Without a placement where the study has nothing to compare, another outcome, or therapies
        that no published trial has; never an error for what a study file may be.
    """
    study, published = trial.study, synthesis.published
    label = "This trial (simulated)" if study.simulated else "This trial"
    names, same = published_names(study, published), _same(study, published)

    def without_place(reason: str) -> OwnStudy:
        return OwnStudy(label, names, None, reason, same, study.simulated, published)

    if reason := _unfit(study, names):
        return without_place(reason)
    try:
        own = own_contrasts(
            estimate_relief(trial), study, names, label=label,
            called=synthesis.pair.short.measure, unit=synthesis.pair.short.unit,
        )  # fmt: skip
        others = synthesis.pair.without([same]) if same else synthesis.pair
        placement = place_trial(others, own, synthesis.fit.reference)
    except ModelError as error:
        return without_place(str(error))
    return OwnStudy(label, names, placement, "", same, study.simulated, published)


def own_plane(own: OwnStudy, synthesis: Synthesis) -> pd.DataFrame:
    """Published relief, loss and retention with those that the trial found beside them.

    Returns
    -------
    pandas.DataFrame
        A result frame with names for people; the trial's therapies start with own or simulated. Published
        rows only where the trial has no place, or was not compared with the same reference.
    """
    published, frame = synthesis.published, synthesis.tidy().assign(analysis="main")
    if own.placement is None:
        return frame
    base, mine = synthesis.fit.reference, own.placement.own
    if base not in mine.short.therapies or base not in mine.long.therapies:
        return frame
    alone = published.named(fit_two_horizons(mine, base, model="common").tidy())
    called = ("simulated: " if own.simulated else "own: ") + alone["therapy"]
    return pd.concat([frame, alone.assign(analysis="main", therapy=called)], ignore_index=True)


def _unfit(study: Study, names: dict[str, str]) -> str:
    """Why a study cannot be compared, before anything is estimated."""
    if not study.comparator:
        return "The study names no comparator, so it says nothing of one therapy against another."
    if study.design != "randomised":
        return "The study is not randomised, and the published trials are."
    if study.primary.instrument not in PAIN_SCALES:
        return (
            f"Its primary outcome, {study.primary.label}, is not on a scale of pain that the "
            f"published trials share ({', '.join(PAIN_SCALES)})."
        )
    nodes = list(names.values())
    if twice := sorted({node for node in nodes if nodes.count(node) > 1}):
        return (
            f"Two of its arms are one therapy among the published trials ({', '.join(twice)}), and "
            "cannot stand for it both."
        )
    if len(names) < LEAST_SHARED:
        count = "None" if not names else "Only one"
        return (
            f"{count} of its therapies ({', '.join(study.therapies)}) has a name that published "
            "trials know. Add the name to also_called in data/published/therapies.csv if it is "
            "one of those."
        )
    return ""


def _same(study: Study, published: Published) -> str:
    """Published trial whose register or journal number the study file gives."""
    text = f"{study.title} {study.description} {study.data.citation or ''}".casefold()
    for row in published.studies.itertuples(index=False):
        number = str(row.identifier).casefold()
        whole = rf"(?<!\w){re.escape(number)}(?!\w)"
        if len(number) >= SHORTEST and re.search(whole, text):
            return str(row.study)
    return ""

