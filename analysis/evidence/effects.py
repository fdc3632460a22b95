"""Effects of published trials at a horizon, as contrasts that every synthesis takes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.conversions import CORRELATIONS
from analysis.evidence.estimates import (
    Estimate,
    Row,
    estimates_from_arms,
    estimates_from_contrasts,
)
from analysis.evidence.layouts import OUTCOMES
from analysis.evidence.measures import UNITS, Measure, Measured, measured
from analysis.evidence.published import Published
from analysis.evidence.selection import Selection, chosen_studies, nodes_of_arms
from analysis.evidence.spread import Spread, UsualSpread, usual_spread, with_spread
from analysis.evidence.windows import (
    DEFINITIONS,
    SINCE_RANDOMISATION,
    Windows,
    nearest_visits,
)

Array = NDArray[np.float64]

# Of two printed differences the one of final scores counts before the one of changes.
_KINDS = ("final", "", "change")

DETAIL_COLUMNS = (
    "study", "label", "therapy", "comparator", "scale", "week", "weeks_after", "basis", "effect",
    "std_error", "n_therapy", "n_comparator", "how", "sources",
)  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class PublishedEffects:
    """What published trials found for one outcome at one horizon.

    Attributes
    ----------
    contrasts : Contrasts or None
        None where no trial can be used: an empty cell, to be shown as empty.
    detail : pandas.DataFrame
        A row a contrast, columns `DETAIL_COLUMNS`; `how` says what was worked out or borrowed.
    left_out : pandas.DataFrame
        Columns `study`, `label`, `reason`: every trial with results of this outcome in this window
        that is not used.
    """

    contrasts: Contrasts | None
    detail: pd.DataFrame
    left_out: pd.DataFrame


def published_effects(
    published: Published, outcome: Literal["pain", "function"], horizon: str, *,
    windows: Windows = SINCE_RANDOMISATION, measure: Measure = "MD",
    selection: Selection | None = None,
) -> PublishedEffects:  # fmt: skip
    """Relief with each therapy less that with the comparator of its trial.

    Parameters
    ----------
    published : Published
    outcome : {"pain", "function"}
    horizon : str
        One of the windows.
    windows : Windows
        Definition of the horizons.
    measure : {"MD", "SMD", "ROM"}
        Mean difference in points of 100, standardised mean difference, log ratio of means.
    selection : Selection, optional
        Which trials, and what of them.

    Returns
    -------
    PublishedEffects
        Positive effects are more relief. Of a trial's results inside the window one is used: on
        the scale that `scales.csv` puts first, at the visit nearest to the target (the later of
        two), with most arms, on the first basis of the selection, of final scores before changes.

    Raises
    ------
    ModelError
        An outcome or horizon that is not known.
    """
    ranked, left = ranked_results(published, outcome, horizon, windows, measure, selection)
    kept = [results[0] for results in ranked.values()]
    detail = _detail(kept, published)
    return PublishedEffects(_contrasts(kept, outcome, measure), detail, left)


def ranked_results(
    published: Published, outcome: str, horizon: str, windows: Windows, measure: Measure,
    selection: Selection | None,
) -> tuple[dict[str, list[Measured]], pd.DataFrame]:  # fmt: skip
    """Every usable result of each trial inside a window, the one to use first.

    Returns
    -------
    tuple of dict and DataFrame
        Results by trial, and the trials left out with their reason.
    """
    if outcome not in OUTCOMES:
        raise ModelError(f"The outcome is {outcome!r}: use one of {', '.join(OUTCOMES)}.")
    if measure not in UNITS:
        raise ModelError(f"The measure is {measure!r}: use one of {', '.join(UNITS)}.")
    choice = selection or Selection()
    spread = with_spread(published, correlation=choice.correlation, borrow=choice.borrow)
    inside = [_by_study(table) for table in _inside(spread, outcome, windows, horizon)]
    arms, usual = _by_study(nodes_of_arms(published, choice)), usual_spread(published)
    scales = {row["scale"]: row for row in published.scales.to_dict("records")}
    kept: dict[str, list[Measured]] = {}
    left: list[tuple[str, str, str]] = []
    for study, label, why in chosen_studies(published, choice).itertuples(index=False):
        found = [table.get(study, []) for table in inside]
        if not any(found):
            continue
        reason = why
        if not reason:
            results, reason = _ranked(found, arms.get(study, []), scales, usual, measure, choice)
            kept |= {study: results} if results else {}
        left += [(study, label, reason)] if reason else []
    return kept, pd.DataFrame(left, columns=["study", "label", "reason"])


def under_definitions(
    published: Published, outcome: Literal["pain", "function"], horizon: str, *,
    definitions: Iterable[Windows] = DEFINITIONS, measure: Measure = "MD",
    selection: Selection | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Effects of single trials under several definitions of the horizons, side by side.

    Returns
    -------
    pandas.DataFrame
        Columns `study`, `label`, `therapy`, `comparator`, then for each definition its week since
        randomisation and its effect; NaN where the trial has nothing in that window.
    """
    key = ["study", "label", "therapy", "comparator"]
    frames = [
        published_effects(
            published, outcome, horizon, windows=windows, measure=measure, selection=selection
        ).detail[[*key, "week", "effect"]]
        .set_index(key).rename(columns=lambda name, end=windows.name: f"{name}, {end}")
        for windows in definitions
    ]  # fmt: skip
    return pd.concat(frames, axis=1).reset_index()


def correlation_sensitivity(
    published: Published, outcome: Literal["pain", "function"], horizon: str, *,
    correlations: tuple[float, ...] = CORRELATIONS, windows: Windows = SINCE_RANDOMISATION,
    measure: Measure = "MD", selection: Selection | None = None,
) -> pd.DataFrame:  # fmt: skip
    """Effects under several correlations of baseline and follow-up, side by side.

    Returns
    -------
    pandas.DataFrame
        Rows whose effect or standard error depends on it: `label`, `therapy`, `comparator`,
        `correlation`, `effect`, `std_error`.
    """
    frames = [
        published_effects(
            published, outcome, horizon, windows=windows, measure=measure,
            selection=replace(selection or Selection(), correlation=value),
        ).detail.assign(correlation=value)
        for value in correlations
    ]  # fmt: skip
    every = pd.concat(frames, ignore_index=True)
    part = every[every["how"].str.contains("r = ")]
    columns = ["label", "therapy", "comparator", "correlation", "effect", "std_error"]
    return part[columns].sort_values(columns[:4], kind="stable").reset_index(drop=True)


def _inside(
    spread: Spread, outcome: str, windows: Windows, horizon: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    arms, differences = spread.outcomes, spread.contrasts
    later = (arms["kind"] != "baseline") & (arms["outcome"] == outcome)
    alike = differences["outcome"] == outcome
    return (
        nearest_visits(arms[later], windows, horizon),
        nearest_visits(differences[alike], windows, horizon),
    )


def _by_study(table: pd.DataFrame) -> dict[str, list[Row]]:
    """Rows of each trial; a frame for each would take most of the time."""
    found: dict[str, list[Row]] = {}
    for row in table.to_dict("records"):
        found.setdefault(row["study"], []).append(row)
    return found


def _ranked(
    found: list[list[Row]], arms: list[Row], scales: Mapping[str, Row], usual: UsualSpread,
    measure: Measure, choice: Selection,
) -> tuple[list[Measured], str]:  # fmt: skip
    """Usable results of a trial, best first, or the reason why there is none."""
    reasons: dict[str, None] = {}
    ranked: list[tuple[tuple[float, ...], Measured]] = []
    for estimate in _estimates(found, arms):
        if estimate.basis not in choice.bases:
            continue
        result = measured(estimate, arms, scales[estimate.scale], measure, usual)
        if isinstance(result, str):
            reasons[result] = None
            continue
        rank = (
            float(scales[estimate.scale]["choice"]), estimate.distance, -estimate.week,
            -float(len(result.nodes)), float(choice.bases.index(estimate.basis)),
            float(_KINDS.index(estimate.kind)),
        )  # fmt: skip
        ranked.append((rank, result))
    if ranked:
        return [result for _, result in sorted(ranked, key=lambda pair: pair[0])], ""
    if reasons:
        return [], "; ".join(reasons)
    outcomes, contrasts = found
    seen = {row["arm"] for row in (*outcomes, *contrasts)} | {row["against"] for row in contrasts}
    if len(seen) < 2:
        return [], "one arm only"
    return [], "no standard deviation, error, interval or p-value"


def _estimates(found: list[list[Row]], arms: list[Row]) -> Iterator[Estimate]:
    outcomes, contrasts = found
    counted = {row["arm"]: row["n"] for row in reversed(outcomes) if not math.isnan(row["n"])}
    sizes = {
        arm["arm"]: (counted[arm["arm"]], "") if arm["arm"] in counted else (arm["entry"], arm["entry_how"])
        for arm in arms
    }
    yield from estimates_from_arms(outcomes)
    yield from estimates_from_contrasts(contrasts, sizes)


def _contrasts(kept: list[Measured], outcome: str, measure: Measure) -> Contrasts | None:
    if not kept:
        return None
    sizes = [len(one.effect) for one in kept]
    covariance = np.zeros((sum(sizes), sum(sizes)))
    at = 0
    for one, size in zip(kept, sizes, strict=True):
        covariance[at : at + size, at : at + size] = one.covariance
        at += size
    return Contrasts(
        study=tuple(one.study for one in kept for _ in one.effect),
        therapy=tuple(name for one in kept for name in one.nodes[1:]),
        comparator=tuple(one.nodes[0] for one in kept for _ in one.effect),
        effect=np.concatenate([one.effect for one in kept]), covariance=covariance,
        n=np.concatenate([one.n[1:] + one.n[0] for one in kept]),
        measure=f"relief of {outcome}" if outcome == "pain" else "gain in function",
        unit=UNITS[measure],
        n_comparator=np.concatenate([np.full(len(one.effect), one.n[0]) for one in kept]),
    )  # fmt: skip


def _detail(kept: list[Measured], published: Published) -> pd.DataFrame:
    rows = [
        (
            one.study, published.label(one.study), name, one.nodes[0], one.scale, one.week,
            one.weeks_after, one.basis, one.effect[k], float(np.sqrt(one.covariance[k, k])),
            one.n[k + 1], one.n[0], "; ".join(one.how), "; ".join(one.sources),
        )
        for one in kept
        for k, name in enumerate(one.nodes[1:])
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(DETAIL_COLUMNS))
