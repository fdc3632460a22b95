"""How much worse those not seen must have been before a conclusion changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.tipping import Tipping, dose, jackknife_tipping
from analysis.relief.questions import Question
from analysis.schema import Horizon
from analysis.sensitivity.setting import Setting

Array = NDArray[np.float64]

TIP_COLUMNS = (
    "therapy", "comparator", "horizon", "kind", "missing", "missing_comparator", "estimate",
    "conf_low", "conf_high", "slope", "tip", "important", "of_change", "note",
)  # fmt: skip
# Any kind of departure, and intermittent gaps.
EVERYONE = ""
NEVER = "no shift of these values changes the conclusion"


@dataclass(frozen=True, eq=False)
class Shifted:
    """Relief of a therapy as a function of how much worse missing patients were than assumed.

    Attributes
    ----------
    therapy, comparator : str
        The comparator is empty for change from baseline.
    horizon : {"short", "long"}
    kind : str
        Kind of departure whose patients are shifted; empty for every missing value.
    tipping : Tipping
        Shifts "therapy" and, where there is a comparator, "comparator": units of the instrument by
        which imputed values are worse than under missing at random.
    missing : tuple of int
        Values shifted by each.
    """

    therapy: str
    comparator: str
    horizon: Horizon
    kind: str
    tipping: Tipping = field(repr=False)
    missing: tuple[int, ...]


def shift(
    setting: Setting, therapy: str, horizon: Horizon = "long", kind: str = EVERYONE
) -> Shifted:
    """Set up the tipping of one therapy against the comparator, imputed as missing at random.

    Parameters
    ----------
    setting : Setting
    therapy : str
    horizon : {"short", "long"}
    kind : str
        Only patients with this kind of departure are shifted; see `Setting.departures`.

    Raises
    ------
    ModelError
        Relief at this horizon cannot be estimated, or nothing is missing there.
    """
    question, panel = setting.question(horizon), setting.refits.panel
    weights = _relief(setting, therapy, question, setting.comparator or None)
    worse = 1.0 if setting.instrument.direction == "lower_is_better" else -1.0
    arms = {"therapy": therapy} | ({"comparator": setting.comparator} if setting.comparator else {})
    kinds = None if kind == EVERYONE else [kind]
    doses = {name: dose(panel, arms=[arm], kinds=kinds, by_visit=worse) for name, arm in arms.items()}
    asked = [place for place, name in enumerate(panel.visits) if name in question.visits]
    missing = tuple(int((one[:, asked] != 0).sum()) for one in doses.values())
    if not missing[0]:
        raise ModelError(f"no value of {therapy} is missing there")
    tipping = jackknife_tipping(
        setting.refits, setting.analysis, weights, doses, means=setting.means
    )
    return Shifted(therapy, setting.comparator, horizon, kind, tipping, missing)


def tipping_points(
    setting: Setting | None, horizons: Sequence[Horizon] = ("short", "long"),
    kinds: Sequence[str] = (EVERYONE,),
) -> pd.DataFrame:  # fmt: skip
    """The shift of missing values at which the conclusion about each therapy changes.

    Shifts move patients of the therapy only, all by the same amount, away from what is expected of
    patients like them who stayed. A clear benefit is tipped by a shift for the worse, no clear
    difference by whichever smaller shift makes one.

    Parameters
    ----------
    setting : Setting or None
        None, where the trial cannot be laid out, has no rows.
    horizons : sequence of {"short", "long"}
    kinds : sequence of str
        Kinds of departure, each by itself; empty text is everyone.

    Returns
    -------
    pandas.DataFrame
        `TIP_COLUMNS`. `tip` in units of the instrument, positive when worse; `important` in minimal
        important changes; `of_change` as a multiple of the therapy's own change from baseline;
        `slope` is the change of the estimate for each unit. `note` says why there is none.
    """
    rows = [] if setting is None else [
        _row(setting, therapy, horizon, kind)
        for horizon in horizons for kind in kinds
        for therapy in setting.therapies if therapy != setting.comparator
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=list(TIP_COLUMNS))
    numbers = dict.fromkeys(TIP_COLUMNS[6:13], "float64")
    texts = dict.fromkeys(("therapy", "comparator", "horizon", "kind", "note"), "str")
    return frame.astype({**numbers, **texts, "missing": "Int64", "missing_comparator": "Int64"})


def _row(setting: Setting, therapy: str, horizon: Horizon, kind: str) -> dict[str, Any]:
    row: dict[str, Any] = {
        "therapy": therapy, "comparator": setting.comparator, "horizon": horizon, "kind": kind,
        "note": "",
    }  # fmt: skip
    try:
        found = shift(setting, therapy, horizon, kind)
    except ModelError as error:
        return row | {"note": f"not estimable: {error}"}
    tipping = found.tipping
    zero = np.zeros(len(tipping.components))
    alpha = 1 - setting.study.model.confidence
    now = tipping.at(zero[None, :], alpha).iloc[0]
    along = np.eye(len(zero))[0]
    tip = _nearest(tipping.tips(along, alpha), float(now["conf_low"]), float(now["conf_high"]))
    row |= {
        "missing": found.missing[0],
        "missing_comparator": found.missing[1] if len(found.missing) > 1 else None,
        "estimate": now["estimate"], "conf_low": now["conf_low"], "conf_high": now["conf_high"],
        "slope": float(tipping.slope[0]),
    }  # fmt: skip
    if tip is None:
        return row | {"note": NEVER}
    important = setting.instrument.minimal_important_change
    change = _own_change(setting, therapy, horizon)
    return row | {
        "tip": tip, "important": tip / important if important else np.nan,
        "of_change": tip / change if change else np.nan,
    }  # fmt: skip


def _nearest(tips: tuple[float, ...], low: float, high: float) -> float | None:
    """The first tipping point on the way to the worse of a benefit, to the better of a harm."""
    if low > 0:
        ahead = [tip for tip in tips if tip > 0]
    elif high < 0:
        ahead = [tip for tip in tips if tip < 0]
    else:
        ahead = list(tips)
    return min(ahead, key=abs) if ahead else None


def _own_change(setting: Setting, therapy: str, horizon: Horizon) -> float:
    """Mean improvement of the therapy from baseline under missing at random."""
    return float(_relief(setting, therapy, setting.question(horizon)) @ setting.random.estimate)


def _relief(
    setting: Setting, therapy: str, question: Question, against: str | None = None
) -> Array:
    """The combination of the course's estimates that answers the question."""
    if question.weights is None:
        raise ModelError(question.note)
    weights = setting.random.weights_of(therapy, question.weights, against)
    assert weights is not None  # the analysis of a Setting always has a baseline
    return weights
