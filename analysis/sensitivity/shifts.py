"""Relief along shifts of missing values, for every therapy: curves and surfaces to draw."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.schema import Horizon
from analysis.sensitivity.setting import Setting
from analysis.sensitivity.tipping_points import Shifted, shift, tipping_points

Array = NDArray[np.float64]

CURVE_COLUMNS = ("therapy", "shift", "estimate", "conf_low", "conf_high", "p_value")
SURFACE_COLUMNS = ("therapy", "shift", "comparator_shift", "estimate", "conf_low", "conf_high")
# A curve goes a little beyond the tipping points, and no further than half the scale.
BEYOND, FURTHEST = 1.3, 0.5
POINTS, GRID = 61, 31


def shift_range(setting: Setting, horizon: Horizon = "long") -> float:
    """How far to shift for a picture: beyond the tipping points that the scale allows.

    In units of the instrument; at least one and a half minimal important changes (a tenth of the
    scale where none is known), at most half the scale.
    """
    width = setting.instrument.high - setting.instrument.low
    least = 1.5 * (setting.instrument.minimal_important_change or width / 15)
    tips = tipping_points(setting, (horizon,))["tip"].abs()
    seen = tips[tips <= FURTHEST * width]
    far = float(min(max(least, BEYOND * seen.max()) if len(seen) else least, FURTHEST * width))
    # Two digits: the same picture on every machine, and ends that can be read.
    return float(f"{far:.2g}")


def tipping_curves(
    setting: Setting | None, horizon: Horizon = "long", shifts: Array | None = None
) -> pd.DataFrame:
    """Relief of every therapy along a shift of its own missing values, missing at random at 0.

    Parameters
    ----------
    setting : Setting or None
        None, where the trial cannot be laid out, has no rows.
    horizon : {"short", "long"}
    shifts : ndarray, optional
        Units of the instrument, positive when worse; over `shift_range` when left out.

    Returns
    -------
    pandas.DataFrame
        `CURVE_COLUMNS`; none for a therapy of which nothing is missing.
    """
    if setting is None:
        return _together([], CURVE_COLUMNS)
    shifts = _around(setting, horizon, POINTS) if shifts is None else np.asarray(shifts)
    alpha = 1 - setting.study.model.confidence
    parts = []
    for found in _all(setting, horizon):
        along = np.zeros((len(shifts), len(found.tipping.components)))
        along[:, 0] = shifts
        frame = found.tipping.at(along, alpha).rename(columns={"therapy": "shift"})
        parts.append(frame.assign(therapy=found.therapy)[list(CURVE_COLUMNS)])
    return _together(parts, CURVE_COLUMNS)


def tipping_surfaces(
    setting: Setting | None, horizon: Horizon = "long", shifts: Array | None = None
) -> pd.DataFrame:
    """Relief of every therapy over shifts of its own and of the comparator's missing values.

    Parameters
    ----------
    setting, horizon, shifts
        As in `tipping_curves`.

    Returns
    -------
    pandas.DataFrame
        `SURFACE_COLUMNS`, a grid for each therapy; empty without a comparator.
    """
    if setting is None:
        return _together([], SURFACE_COLUMNS)
    shifts = _around(setting, horizon, GRID) if shifts is None else np.asarray(shifts)
    alpha = 1 - setting.study.model.confidence
    names = {"therapy": "shift", "comparator": "comparator_shift"}
    parts = [
        found.tipping.surface(shifts, shifts, alpha=alpha).rename(columns=names).assign(
            therapy=found.therapy)[list(SURFACE_COLUMNS)]
        for found in _all(setting, horizon) if found.comparator
    ]  # fmt: skip
    return _together(parts, SURFACE_COLUMNS)


def _around(setting: Setting, horizon: Horizon, points: int) -> Array:
    far = shift_range(setting, horizon)
    return np.linspace(-far, far, points)


def _all(setting: Setting, horizon: Horizon) -> list[Shifted]:
    """Every therapy that has something to shift."""
    found = []
    for therapy in (name for name in setting.therapies if name != setting.comparator):
        try:
            found.append(shift(setting, therapy, horizon))
        except ModelError:
            continue  # `tipping_points` says why.
    return found


def _together(parts: list[pd.DataFrame], columns: tuple[str, ...]) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(columns))
