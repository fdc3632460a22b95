"""What one trial says on one scale at one visit: differences between its arms, with covariance."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from analysis.evidence.conversions import pooled_sd
from analysis.evidence.sizes import EQUAL_SHARE

Array = NDArray[np.float64]
Basis = Literal["difference", "final", "change"]
# A row of a table, its columns by name.
Row = Mapping[str, Any]
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


def estimates_from_arms(outcomes: Sequence[Row]) -> Iterator[Estimate]:
    """Estimates from printed arm means, of final scores and of changes.

    Parameters
    ----------
    outcomes : sequence of mapping
        Rows of one trial inside a window (`Spread.outcomes` with `distance`); those without a
        standard error are passed over.
    """
    for (scale, week, kind), rows in _grouped(outcomes):
        if kind == "baseline" or len(rows) < 2:
            continue
        first = rows[0]
        effect, se, n, sd = (
            np.array([row[name] for row in rows], dtype=np.float64)
            for name in ("mean", "se_used", "size", "sd_used")
        )
        yield Estimate(
            study=str(first["study"]), scale=scale, basis=kind, kind=kind,
            week=week, weeks_after=float(first["weeks_after"]), distance=float(first["distance"]),
            arms=tuple(row["arm"] for row in rows), effect=effect, covariance=np.diag(se**2), n=n, sd=sd,
            how=_unique([part for row in rows for part in row["conversion"].split("; ")]),
            sources=_unique([row["source"] for row in rows]),
        )  # fmt: skip


def estimates_from_contrasts(
    contrasts: Sequence[Row], sizes: Mapping[str, tuple[float, str]]
) -> Iterator[Estimate]:
    """Estimates from printed differences between arms.

    Parameters
    ----------
    contrasts : sequence of mapping
        Rows of one trial inside a window (`Spread.contrasts` with `distance`); those without a
        standard error are passed over.
    sizes : mapping of str to (float, str)
        Patients of each arm, by its name, and how they are known ("" where they were counted).

    Notes
    -----
    Two differences that share an arm are correlated. Where arms' own spreads are not printed, the
    shared arm is given the part of each variance that its size implies, (1/n_c) / (1/n_a + 1/n_c),
    a half where sizes are not known.
    """
    for _, rows in _grouped(contrasts):
        yield from _joined(rows, sizes)


def _grouped(rows: Sequence[Row]) -> Iterator[tuple[tuple[str, float, Any], list[Row]]]:
    """Rows with a standard error and a week, by scale, week and kind, in the order of their first."""
    found: dict[tuple[str, float, Any], list[Row]] = {}
    for row in rows:
        if not (math.isnan(row["se_used"]) or math.isnan(row["week"])):
            found.setdefault((row["scale"], row["week"], row["kind"]), []).append(row)
    yield from found.items()


def _joined(rows: Sequence[Row], sizes: Mapping[str, tuple[float, str]]) -> Iterator[Estimate]:
    """One estimate for each set of arms that differences join."""
    # By name, so that the order of rows in the file decides nothing.
    rows = sorted(rows, key=lambda row: (row["against"], row["arm"]))
    for arms, chosen in _trees([row["arm"] for row in rows], [row["against"] for row in rows]):
        part = [rows[place] for place in chosen]
        first = part[0]
        place = {arm: k for k, arm in enumerate(arms)}
        pairs = np.array([[place[row["arm"]], place[row["against"]]] for row in part])
        incidence = np.zeros((len(part), len(arms)))
        incidence[np.arange(len(part)), pairs[:, 0]] = 1.0
        incidence[np.arange(len(part)), pairs[:, 1]] = -1.0
        n = np.array([sizes[arm][0] for arm in arms], dtype=np.float64)
        covariance, how = _covariance(np.array([row["se_used"] for row in part]), pairs, incidence, n)
        # The first arm is 0; the differences then say where the others are.
        inverse = np.linalg.inv(incidence[:, 1:])
        effect = np.append(0.0, inverse @ np.array([row["difference"] for row in part]))
        whole = np.zeros((len(arms), len(arms)))
        whole[1:, 1:] = inverse @ covariance @ inverse.T
        # Only what was guessed is told: a difference is not made with sizes that were assigned.
        guessed = [known for _, known in (sizes[arm] for arm in arms) if known == EQUAL_SHARE]
        yield Estimate(
            study=str(first["study"]), scale=str(first["scale"]), basis="difference",
            kind=str(first["kind"]), week=float(first["week"]),
            weeks_after=float(first["weeks_after"]), distance=float(first["distance"]), arms=arms,
            effect=effect, covariance=whole, n=n, sd=np.full(len(arms), np.nan),
            how=_unique([*(row["conversion"] for row in part), how, *guessed]),
            sources=_unique([row["source"] for row in part]),
        )  # fmt: skip


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


def _unique(values: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(value) for value in values if value))
