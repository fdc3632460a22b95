"""What one trial says on one scale at one visit: differences between its arms, with covariance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.evidence.conversions import pooled_sd
from analysis.evidence.sizes import EQUAL_SHARE

Array = NDArray[np.float64]
Basis = Literal["difference", "final", "change"]
BASES: tuple[Basis, ...] = ("difference", "final", "change")

# Share of a contrast's variance that its comparator has, where sizes of arms are not known.
HALF = 0.5


@dataclass(frozen=True, eq=False, slots=True)
class Estimate:
    """Arms of a trial on a scale at a visit.

    Attributes
    ----------
    study, scale, basis, kind : str
        `kind` is what was compared: "final" scores, "change", or "" where nobody says.
    week, weeks_after, distance : float
        Both clocks, and weeks from the target of the window.
    arms : tuple of str, length m
    effect : ndarray, shape (m,)
        In raw units of the scale, the first arm 0 where only differences are known.
    covariance : ndarray, shape (m, m)
        Of `effect`; singular where only differences are known.
    n : ndarray, shape (m,)
        NaN where nobody says.
    sd : ndarray, shape (m,)
        Of the scores (or changes) behind the means; NaN for printed differences.
    how, sources : tuple of str
        Conversions, and keys of the sources.
    """

    study: str
    scale: str
    basis: Basis
    kind: str
    week: float
    weeks_after: float
    distance: float
    arms: tuple[str, ...]
    effect: Array
    covariance: Array
    n: Array
    sd: Array
    how: tuple[str, ...]
    sources: tuple[str, ...]

    @property
    def within_sd(self) -> float:
        """Standard deviation within arms."""
        return pooled_sd(self.n, self.sd)


def estimates_from_arms(outcomes: pd.DataFrame) -> Iterator[Estimate]:
    """Estimates from printed arm means, of final scores and of changes.

    Parameters
    ----------
    outcomes : pandas.DataFrame
        Rows of one trial inside a window (`Spread.outcomes` with `distance`); those without a
        standard error are passed over.
    """
    usable = outcomes[outcomes["se_used"].notna()]
    for (scale, week, kind), rows in usable.groupby(["scale", "week", "kind"], sort=False):
        if kind == "baseline" or len(rows) < 2:
            continue
        yield Estimate(
            study=str(rows["study"].iloc[0]), scale=str(scale), basis=kind, kind=str(kind),
            week=float(week), weeks_after=float(rows["weeks_after"].iloc[0]),
            distance=float(rows["distance"].iloc[0]), arms=tuple(rows["arm"]),
            effect=rows["mean"].to_numpy(), covariance=np.diag(rows["se_used"].to_numpy() ** 2),
            n=rows["size"].to_numpy(), sd=rows["sd_used"].to_numpy(),
            how=_unique([part for text in rows["conversion"] for part in text.split("; ")]),
            sources=_unique(rows["source"]),
        )  # fmt: skip


def estimates_from_contrasts(contrasts: pd.DataFrame, sizes: pd.DataFrame) -> Iterator[Estimate]:
    """Estimates from printed differences between arms.

    Parameters
    ----------
    contrasts : pandas.DataFrame
        Rows of one trial inside a window (`Spread.contrasts` with `distance`); those without a
        standard error are passed over.
    sizes : pandas.DataFrame
        `size` of each arm and `how` it is known ("" where it was counted), by its name.

    Notes
    -----
    Two differences that share an arm are correlated. Where arms' own spreads are not printed, the
    shared arm is given the part of each variance that its size implies, (1/n_c) / (1/n_a + 1/n_c),
    a half where sizes are not known.
    """
    usable = contrasts[contrasts["se_used"].notna()]
    for _, rows in usable.groupby(["scale", "week", "kind"], sort=False):
        yield from _joined(rows, sizes)


def _joined(rows: pd.DataFrame, sizes: pd.DataFrame) -> Iterator[Estimate]:
    """One estimate for each set of arms that differences join."""
    # By name, so that the order of rows in the file decides nothing.
    rows = rows.sort_values(["against", "arm"], kind="stable")
    for arms, chosen in _trees(rows["arm"].tolist(), rows["against"].tolist()):
        part = rows.iloc[chosen]
        place = {arm: k for k, arm in enumerate(arms)}
        pairs = np.array(
            [[place[a], place[b]] for a, b in zip(part["arm"], part["against"], strict=True)]
        )
        incidence = np.zeros((len(part), len(arms)))
        incidence[np.arange(len(part)), pairs[:, 0]] = 1.0
        incidence[np.arange(len(part)), pairs[:, 1]] = -1.0
        mine = sizes.loc[list(arms)]
        n = mine["size"].to_numpy(dtype=np.float64)
        covariance, how = _covariance(part["se_used"].to_numpy(), pairs, incidence, n)
        # The first arm is 0; the differences then say where the others are.
        inverse = np.linalg.inv(incidence[:, 1:])
        effect = np.append(0.0, inverse @ part["difference"].to_numpy())
        whole = np.zeros((len(arms), len(arms)))
        whole[1:, 1:] = inverse @ covariance @ inverse.T
        yield Estimate(
            study=str(part["study"].iloc[0]), scale=str(part["scale"].iloc[0]),
            basis="difference", kind=str(part["kind"].iloc[0]), week=float(part["week"].iloc[0]),
            weeks_after=float(part["weeks_after"].iloc[0]),
            distance=float(part["distance"].iloc[0]), arms=arms, effect=effect, covariance=whole,
            n=n, sd=np.full(len(arms), np.nan), how=_unique([*part["conversion"], how, *_guessed(mine)]),
            sources=_unique(part["source"]),
        )  # fmt: skip


def _guessed(sizes: pd.DataFrame) -> list[str]:
    """Only what was guessed is told: a difference is not made with sizes that were assigned."""
    return [how for how in sizes["how"] if how == EQUAL_SHARE]


def _trees(one: Sequence[str], other: Sequence[str]) -> list[tuple[tuple[str, ...], list[int]]]:
    """Arms joined by differences, and the rows that join them without going round in a circle."""
    group: dict[str, int] = {}
    members: dict[int, tuple[list[str], list[int]]] = {}
    for row, (a, b) in enumerate(zip(one, other, strict=True)):
        for arm in (b, a):
            if arm not in group:
                group[arm] = len(group)
                members[group[arm]] = ([arm], [])
        left, right = group[a], group[b]
        if left == right:
            continue
        keep, gone = min(left, right), max(left, right)
        arms, rows = members.pop(gone)
        members[keep][0].extend(arms)
        members[keep][1].extend([*rows, row])
        group.update(dict.fromkeys(arms, keep))
    return [(tuple(arms), sorted(rows)) for arms, rows in members.values()]


def _covariance(
    se: Array, pairs: NDArray[np.int64], incidence: Array, n: Array
) -> tuple[Array, str]:
    """Covariance of differences from their standard errors and the sizes of the arms."""
    known = bool(np.isfinite(n).all())
    inverse = 1 / n if known else np.ones_like(n)
    share = inverse / (inverse[pairs[:, :1]] + inverse[pairs[:, 1:]])
    # Spread that each arm gives each difference, with its sign; 0 for arms that are not in it.
    parts = incidence * np.sqrt(share) * se[:, None]
    covariance = parts @ parts.T
    if len(se) == 1:
        return covariance, ""
    rule = "sizes of arms" if known else f"a share of {HALF:g}"
    return covariance, f"covariance of the shared arm from {rule}"


def _unique(values: Sequence[str] | pd.Series) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(value) for value in values if value))
