"""Which trials and which of their rows enter a synthesis, decided before any result is seen."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.errors import ModelError
from analysis.evidence.conversions import CORRELATION
from analysis.evidence.estimates import BASES, Basis
from analysis.evidence.layouts import DURATIONS, REGIONS
from analysis.evidence.published import Published
from analysis.evidence.sizes import arm_sizes
from analysis.evidence.spread import Borrow


@dataclass(frozen=True, slots=True)
class Selection:
    """Which trials count, and what of them.

    Attributes
    ----------
    regions, durations : tuple of str
        Where the pain is and how long it has lasted at entry.
    randomised_only : bool
    one_per_programme : bool
        Of trials that may have patients in common only the first in the table is used.
    lump : bool
        Put arms together as the column `node` of `therapies.csv` says (waiting list with no
        treatment, usual care with conventional care); otherwise every name stays apart.
    bases : tuple of str
        In order of preference: printed differences between arms, final scores, changes.
    borrow : {"none", "baseline", "scale"}
        Where a spread that is missing may come from.
    correlation : float
        Of baseline and follow-up within patients.
    """

    regions: tuple[str, ...] = ("low_back",)
    durations: tuple[str, ...] = tuple(name for name in DURATIONS if name != "postpartum")
    randomised_only: bool = True
    one_per_programme: bool = True
    lump: bool = True
    bases: tuple[Basis, ...] = BASES
    borrow: Borrow = "baseline"
    correlation: float = CORRELATION

    def __post_init__(self) -> None:
        lists = {
            "regions": (self.regions, REGIONS), "durations": (self.durations, DURATIONS),
            "bases": (self.bases, BASES), "borrow": ((self.borrow,), ("none", "baseline", "scale")),
        }  # fmt: skip
        for name, (given, allowed) in lists.items():
            strange = [value for value in given if value not in allowed]
            if strange or not given:
                found = ", ".join(map(repr, strange)) or "empty"
                raise ModelError(f"{name} is {found}: choose from {', '.join(allowed)}.")


def chosen_studies(published: Published, selection: Selection) -> pd.DataFrame:
    """Every trial with the reason why it is left out before its results are looked at.

    Returns
    -------
    pandas.DataFrame
        Columns `study`, `label`, `reason`; the reason is "" for trials that are used.
    """
    studies = published.studies
    reason = pd.Series("", index=studies.index, dtype="str")
    elsewhere = ~studies["region"].isin(selection.regions)
    reason = reason.mask(elsewhere, "pain is in another place: " + studies["region"])
    other = ~studies["duration"].isin(selection.durations)
    reason = reason.mask((reason == "") & other, "population: " + studies["duration"])
    if selection.randomised_only:
        loose = studies["randomised"] == "no"
        reason = reason.mask((reason == "") & loose, "not randomised")
    if selection.one_per_programme:
        left = studies["programme"].where((reason == "") & (studies["programme"] != ""))
        again = left.notna() & left.duplicated()
        reason = reason.mask(
            again, "may share patients with another trial: " + studies["programme"]
        )
    return studies[["study", "label"]].assign(reason=reason)


def nodes_of_arms(published: Published, selection: Selection) -> pd.DataFrame:
    """Arms of all trials with the name under which they enter, `node`, and their size at entry."""
    known = published.therapies[["therapy", "kind", "node"]]
    arms = published.arms.merge(known, on="therapy", how="left")
    arms = arms.merge(arm_sizes(published), on=["study", "arm"], how="left")
    return arms if selection.lump else arms.assign(node=arms["therapy"])
