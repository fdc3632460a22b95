"""Every printed mean and difference with a standard error, and how it came by it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.evidence.conversions import (
    CORRELATION,
    first_known,
    pooled_sd,
    sd_from_se,
    sd_of_change,
    se_from_interval,
    se_from_limit,
    se_from_p,
)
from analysis.evidence.published import Published
from analysis.evidence.sizes import arm_sizes

Array = NDArray[np.float64]
Borrow = Literal["none", "baseline", "scale"]


@dataclass(frozen=True, eq=False, slots=True)
class Spread:
    """Rows of outcomes and contrasts with a standard error, where one can be had.

    Attributes
    ----------
    outcomes : pandas.DataFrame
        As in the file, with `outcome`, `lowest`, `highest`, `better`, `choice` of the scale;
        `size` (patients counted), `sd_used`, `se_used` in units of the scale, and `conversion`:
        what was done, "" where all of it was printed.
    contrasts : pandas.DataFrame
        The same with `se_used` and `conversion`.
    """

    outcomes: pd.DataFrame
    contrasts: pd.DataFrame


def with_spread(
    published: Published, *, correlation: float = CORRELATION, borrow: Borrow = "baseline"
) -> Spread:
    """Fill in standard deviations and errors that can be worked out, and say how.

    Parameters
    ----------
    published : Published
    correlation : float
        Of baseline and follow-up, where the spread of a change has to be worked out.
    borrow : {"none", "baseline", "scale"}
        Where an arm has no spread at a visit: leave it without, take that of its baseline (or of
        all arms of the trial at baseline), or else the median of all trials on the same scale.

    Returns
    -------
    Spread
        A standard deviation or error of 0 counts as unknown; `check_published` names it.
    """
    scales = published.scales.drop(columns=["row", "label"])
    outcomes = published.outcomes.merge(scales, on="scale", how="left")
    outcomes = outcomes.merge(arm_sizes(published), on=["study", "arm"], how="left")
    seen = outcomes["n"].notna()
    counted = outcomes["entry_how"].mask(seen, "").to_numpy()
    size = outcomes["n"].fillna(outcomes["entry"]).to_numpy()
    outcomes = outcomes.assign(size=size)
    printed, how = _printed(outcomes)
    lent, source = _lent(outcomes, printed, correlation, borrow)
    sd, borrowed = first_known({"": printed, "borrowed": lent})
    how = np.where(borrowed == "borrowed", source, how)
    se, exact = first_known({
        "printed": _positive(outcomes["se"]),
        "interval": _positive(se_from_interval(outcomes["conf_low"], outcomes["conf_high"])),
        "sd": sd / np.sqrt(size),
    })  # fmt: skip
    counted = np.where((exact == "sd") | (how != ""), counted, "")
    outcomes = outcomes.assign(
        sd_used=sd,
        se_used=se,
        conversion=[_joined(a, b) for a, b in zip(how, counted, strict=True)],
    )
    return Spread(outcomes.drop(columns=["entry", "entry_how"]), _contrasts(published, scales))


def scale_sds(outcomes: pd.DataFrame) -> pd.Series:
    """Median of the printed standard deviations of scores on each scale, over arms and visits."""
    scores = outcomes[(outcomes["kind"] != "change") & (outcomes["sd"] > 0)]
    return scores.groupby("scale")["sd"].median()


def baseline_sds(outcomes: pd.DataFrame) -> dict[Hashable, float]:
    """Standard deviation at baseline within the arms of each trial, by study and scale."""
    return _within(outcomes[outcomes["kind"] == "baseline"], ["study", "scale"])


@dataclass(frozen=True, eq=False, slots=True)
class UsualSpread:
    """Standard deviations of scores that a standardised difference can be made with.

    Attributes
    ----------
    final : mapping of tuple to float
        Within the arms of a trial at a visit, by study, scale and week.
    baseline : mapping of tuple to float
        By study and scale.
    scale : mapping of str to float
        Median over arms and visits, by scale.
    outcome : mapping of str to float
        Median as a share of the range of the scale, by outcome.
    """

    final: Mapping[Hashable, float]
    baseline: Mapping[Hashable, float]
    scale: Mapping[Hashable, float]
    outcome: Mapping[Hashable, float]


def usual_spread(published: Published) -> UsualSpread:
    """What standard deviations of scores are in the trials, on the scales, for the outcomes."""
    outcomes = published.outcomes.assign(size=published.outcomes["n"])
    scores = outcomes[(outcomes["kind"] != "change") & (outcomes["sd"] > 0)]
    scales = published.scales.set_index("scale").reindex(scores["scale"])
    share = scores["sd"] / (scales["highest"] - scales["lowest"]).to_numpy()
    return UsualSpread(
        final=_within(outcomes[outcomes["kind"] == "final"], ["study", "scale", "week"]),
        baseline=baseline_sds(outcomes), scale=scale_sds(outcomes).to_dict(),
        outcome=share.groupby(scales["outcome"].to_numpy()).median().to_dict(),
    )  # fmt: skip


def _within(outcomes: pd.DataFrame, key: list[str]) -> dict[Hashable, float]:
    places: dict[Hashable, list[int]] = {}
    for place, name in enumerate(_names(outcomes, key)):
        places.setdefault(name, []).append(place)
    size, sd = outcomes["size"].to_numpy(), _positive(outcomes["sd"])
    return {name: pooled_sd(size[rows], sd[rows]) for name, rows in places.items()}


def _names(outcomes: pd.DataFrame, key: list[str]) -> list[Hashable]:
    """Cells of the key of every row; as an index they would take most of the time."""
    return list(zip(*(outcomes[column].tolist() for column in key), strict=True))


def _printed(outcomes: pd.DataFrame) -> tuple[Array, NDArray[np.object_]]:
    """Standard deviation as printed, or from a printed error or interval."""
    size = outcomes["size"]
    interval = se_from_interval(outcomes["conf_low"], outcomes["conf_high"])
    return first_known({
        "": _positive(outcomes["sd"]),
        "SD from SE": _positive(sd_from_se(outcomes["se"], size)),
        "SD from 95 % interval": _positive(sd_from_se(interval, size)),
    })  # fmt: skip


def _lent(
    outcomes: pd.DataFrame, printed: Array, correlation: float, borrow: Borrow
) -> tuple[Array, NDArray[np.object_]]:
    """Spread that a row may borrow: from its own baseline, from its trial's, from its scale's."""
    nothing = np.full(len(outcomes), np.nan)
    if borrow == "none":
        return nothing, np.full(len(outcomes), "", dtype=object)
    own = _looked_up(outcomes, printed, "baseline", ["study", "arm", "scale"])
    baseline = baseline_sds(outcomes)
    trial = np.array([baseline.get(name, np.nan) for name in _names(outcomes, ["study", "scale"])])
    whole = (
        scale_sds(outcomes).reindex(outcomes["scale"]).to_numpy() if borrow == "scale" else nothing
    )
    before, where = first_known({
        "baseline SD of the arm": own, "baseline SD of the trial": trial,
        "median SD of the scale": whole,
    })  # fmt: skip
    final = _looked_up(outcomes, printed, "final", ["study", "arm", "scale", "week"])
    after = np.where(np.isfinite(final), final, before)
    change = (outcomes["kind"] == "change").to_numpy()
    lent = np.where(change, sd_of_change(before, after, correlation), before)
    names = [
        f"SD of change from {w}, r = {correlation:g}" if c else w
        for w, c in zip(where, change, strict=True)
    ]
    # At baseline there is nothing earlier to borrow from.
    lent[(outcomes["kind"] == "baseline").to_numpy()] = np.nan
    return lent, np.array(names, dtype=object)


def _looked_up(outcomes: pd.DataFrame, values: Array, kind: str, key: list[str]) -> Array:
    """Spread of the same arm in rows of another kind, NaN where there is none."""
    names, of_kind = _names(outcomes, key), outcomes["kind"] == kind
    # Of several rows the first counts, so it is put in last.
    rows = reversed(list(zip(names, values, of_kind, strict=True)))
    found = {name: value for name, value, there in rows if there}
    return np.array([found.get(name, np.nan) for name in names])


def _contrasts(published: Published, scales: pd.DataFrame) -> pd.DataFrame:
    contrasts = published.contrasts.merge(scales, on="scale", how="left")
    level = contrasts["level"].to_numpy()
    low, high = contrasts["conf_low"], contrasts["conf_high"]
    limit = np.where(low.isna(), high, np.where(high.isna(), low, np.nan))
    p_value = contrasts["p_value"].where((contrasts["p_value"] > 0) & (contrasts["p_value"] < 1))
    # A p-value of nothing: 0.5 stands in so that the formula runs, and its result is dropped.
    from_p = np.where(
        p_value.isna(), np.nan, se_from_p(contrasts["difference"], p_value.fillna(0.5))
    )
    se, how = first_known({
        "": _positive(contrasts["se"]),
        "SE from interval": _positive(se_from_interval(low, high, level)),
        "SE from one end of the interval": _positive(
            se_from_limit(contrasts["difference"], limit, level)
        ),
        "SE from p-value": _positive(from_p),
    })  # fmt: skip
    return contrasts.assign(se_used=se, conversion=how)


def _positive(values: object) -> Array:
    array = np.asarray(values, dtype=np.float64)
    return np.where(array > 0, array, np.nan)


def _joined(*parts: object) -> str:
    return "; ".join(str(part) for part in parts if part)
