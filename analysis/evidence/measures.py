"""An estimate of a trial on a common scale: arms put together, one comparator, positive is relief."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.evidence.effect_sizes import small_sample_factor
from analysis.evidence.estimates import Estimate, Row
from analysis.evidence.spread import UsualSpread

Array = NDArray[np.float64]
Measure = Literal["MD", "SMD", "ROM"]
UNITS: Mapping[str, str] = MappingProxyType(
    {"MD": "points of 100", "SMD": "standard deviations", "ROM": "log ratio of means"}
)
# The comparator of a trial is its control arm, or else its sham arm; of equals the last in arms.csv.
ROLE_ORDER = ("control", "sham", "active")


@dataclass(frozen=True, eq=False, slots=True)
class Measured:
    """A trial's result on a common scale.

    Attributes
    ----------
    study, scale, basis : str
    week, weeks_after : float
    nodes : tuple of str, length m
        The comparator first.
    effect : ndarray, shape (m − 1,)
        Of the other nodes, positive for more relief than with the comparator.
    covariance : ndarray, shape (m − 1, m − 1)
    n : ndarray, shape (m,)
        Patients of each node.
    how, sources : tuple of str
    """

    study: str
    scale: str
    basis: str
    week: float
    weeks_after: float
    nodes: tuple[str, ...]
    effect: Array
    covariance: Array
    n: Array
    how: tuple[str, ...]
    sources: tuple[str, ...]


def measured(
    estimate: Estimate, arms: Sequence[Row], scale: Row, measure: Measure, usual: UsualSpread
) -> Measured | str:
    """Put an estimate on a common scale, or say why that cannot be done.

    Parameters
    ----------
    estimate : Estimate
    arms : sequence of mapping
        Arms of the trial with `arm`, `node`, `role`.
    scale : mapping
        Its row of `scales.csv`.
    measure : {"MD", "SMD", "ROM"}
    usual : UsualSpread
        Where a standard deviation for "SMD" is looked for when the estimate has none.

    Returns
    -------
    Measured or str
        The reason in words.
    """
    if scale["better"] == "unclear":
        return "direction of the scale is unclear"
    sign = 1.0 if scale["better"] == "higher" else -1.0
    scaled = {"MD": _rescaled, "SMD": _standardised, "ROM": _ratios}[measure](
        estimate, scale, usual
    )
    if isinstance(scaled, str):
        return scaled
    effect, covariance, how = scaled
    nodes = _nodes([arm for arm in arms if arm["arm"] in estimate.arms])
    if len(nodes) < 2:
        return "its arms are the same therapy"
    node = {arm["arm"]: arm["node"] for arm in arms}
    names = [node[arm] for arm in estimate.arms]
    together, merged = _averages(names, nodes, estimate.n)
    against = np.hstack([-np.ones((len(nodes) - 1, 1)), np.eye(len(nodes) - 1)]) @ together
    return Measured(
        study=estimate.study, scale=estimate.scale, basis=estimate.basis, week=estimate.week,
        weeks_after=estimate.weeks_after, nodes=nodes, effect=sign * against @ effect,
        covariance=against @ covariance @ against.T,
        n=(together > 0) @ np.nan_to_num(estimate.n) + _unknown(together, estimate.n),
        how=tuple(text for text in (*estimate.how, how, merged) if text),
        sources=estimate.sources,
    )  # fmt: skip


def _nodes(arms: Sequence[Row]) -> tuple[str, ...]:
    """Names of the arms in the order of their table, each once, the comparator first."""
    order = [ROLE_ORDER.index(arm["role"]) for arm in arms]
    first = [arm["node"] for arm, place in zip(arms, order, strict=True) if place == min(order)][-1]
    return tuple(dict.fromkeys([first, *(arm["node"] for arm in arms)]))


def _averages(names: list[str], nodes: tuple[str, ...], n: Array) -> tuple[Array, str]:
    """Weights of arms in the average of each node, by size, and what was put together."""
    member = np.array([[name == node for name in names] for node in nodes], dtype=np.float64)
    weights = member * np.nan_to_num(n)
    unknown = np.isnan(_unknown(member, n))
    weights[unknown] = member[unknown]
    merged = [node for node, row in zip(nodes, member, strict=True) if row.sum() > 1]
    told = f"arms put together: {', '.join(merged)}" if merged else ""
    return weights / weights.sum(axis=1, keepdims=True), told


def _unknown(member: Array, n: Array) -> Array:
    """0 for nodes whose arms all have a known size, NaN for the others."""
    lacking = (member > 0) & ~np.isfinite(n)[None, :]
    return np.where(lacking.any(axis=1), np.nan, 0.0)


def _rescaled(
    estimate: Estimate, scale: Row, usual: UsualSpread
) -> tuple[Array, Array, str] | str:
    """Points of 100 of the range of the scale."""
    width = float(scale["highest"]) - float(scale["lowest"])
    if not np.isfinite(width):
        return "range of the scale is not known"
    factor = 100 / width
    return factor * estimate.effect, factor**2 * estimate.covariance, ""


def _standardised(
    estimate: Estimate, scale: Row, usual: UsualSpread
) -> tuple[Array, Array, str] | str:
    """Standard deviations within arms, corrected for small samples (docs/methods.md, published trials)."""
    spread, how = _standardiser(estimate, scale, usual)
    if not np.isfinite(spread):
        return "no standard deviation to standardise with"
    total = float(estimate.n.sum())
    factor, extra = 1.0, np.zeros_like(estimate.covariance)
    centred = estimate.effect - np.nanmean(estimate.effect)
    if np.isfinite(total):
        factor = float(small_sample_factor(total - len(estimate.n)))
        # g g' of any two differences of arms, over 2N: the uncertainty of the standard deviation.
        g = factor * centred / spread
        extra = np.outer(g, g) / (2 * total)
    exact = estimate.basis == "final" and not how and np.isfinite(total)
    sampling = np.diag(1 / estimate.n) if exact else estimate.covariance / spread**2
    return factor * centred / spread, sampling + extra, how


def _standardiser(estimate: Estimate, scale: Row, usual: UsualSpread) -> tuple[float, str]:
    """Standard deviation of scores: of the visit, else of baseline, else of the scale."""
    if estimate.basis == "final" and np.isfinite(estimate.within_sd):
        return estimate.within_sd, ""
    study, name = estimate.study, estimate.scale
    width = float(scale["highest"] - scale["lowest"])
    steps = {
        "SD of final scores": usual.final.get((study, name, estimate.week), np.nan),
        "SD at baseline": usual.baseline.get((study, name), np.nan),
        "SD of change": estimate.within_sd if estimate.basis == "change" else np.nan,
        "median SD of the scale": usual.scale.get(name, np.nan),
        f"median SD of scales of {scale['outcome']}": (
            usual.outcome.get(scale["outcome"], np.nan) * width
        ),
    }
    for words, value in steps.items():
        if np.isfinite(value):
            return float(value), f"standardised by the {words}"
    return float("nan"), ""


def _ratios(
    estimate: Estimate, scale: Row, usual: UsualSpread
) -> tuple[Array, Array, str] | str:
    """Logs of means, for final scores above 0 on a scale that begins at 0."""
    if estimate.basis != "final":
        return "a ratio needs the means of final scores"
    if float(scale["lowest"]) != 0 or not (estimate.effect > 0).all():
        return "a ratio needs means above 0 on a scale that begins at 0"
    relative = np.diag(estimate.covariance) / estimate.effect**2
    return np.log(estimate.effect) + relative / 2, np.diag(relative), ""
