"""Contrasts of therapies over time, checked, with the covariance between those of one trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError

Array = NDArray[np.float64]
Within = Literal["ar1", "cs"]

NEEDED = ("study", "therapy", "comparator", "week", "effect", "se")


@dataclass(frozen=True, eq=False)
class Followups:
    """n contrasts of K therapies with one reference.

    Attributes
    ----------
    rows : pandas.DataFrame
        `study`, `therapy`, `comparator`, `week`, `effect`, `se`, and counts where given.
    reference : str
    therapies : tuple of str
        K of them, without the reference, in the order of the caller's rows.
    design : ndarray, shape (n, K)
        1 for the therapy, −1 for the comparator of each contrast.
    sampling : ndarray, shape (n, n)
        Covariance of the contrasts from patients.
    between : ndarray, shape (n, n)
        What tau² multiplies.
    assumed : str
        What was taken for granted about correlations, in words.
    """

    rows: pd.DataFrame
    reference: str
    therapies: tuple[str, ...]
    design: Array
    sampling: Array
    between: Array
    assumed: str

    @property
    def week(self) -> Array:
        """Week of the visit that each contrast belongs to, shape (n,)."""
        return self.rows["week"].to_numpy(dtype=np.float64)

    @property
    def effect(self) -> Array:
        """Relief against the comparator of the trial at that visit, shape (n,)."""
        return self.rows["effect"].to_numpy(dtype=np.float64)

    def about(self, therapy: str) -> pd.DataFrame:
        """Contrasts that a therapy is part of."""
        return self.rows[(self.rows["therapy"] == therapy) | (self.rows["comparator"] == therapy)]


def follow(
    frame: pd.DataFrame,
    *,
    reference: str | None = None,
    within: Within = "ar1",
    rho: float = 0.5,
    shared: float = 0.5,
    between_visits: float = 1.0,
) -> Followups:
    """Put contrasts over time together for a model of their course.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a contrast and visit: `study`, `therapy`, `comparator`, `week` (of one clock),
        `effect` (positive is better) and `se`. Optional: `se_comparator`, the standard error of
        the comparator's arm mean, which contrasts of one trial share; `n_therapy`,
        `n_comparator`. All contrasts of a trial are against one comparator.
    reference : str, optional
        Therapy whose course is 0; the most frequent comparator when left out.
    within : {"ar1", "cs"}
        Correlation of one contrast at two visits of a trial: `rho` to the number of visits
        between them, or `rho` for any two.
    rho : float
        From 0 to below 1. Trials do not print it; vary it.
    shared : float
        Correlation of two contrasts of a trial at one visit, where `se_comparator` is not given:
        one half for arms of one size.
    between_visits : float
        Correlation of a trial's own deviation at two visits: 1 when a trial that is better than
        others early is so later too.

    Returns
    -------
    Followups

    Raises
    ------
    ModelError
        Columns that are missing, numbers that are not, a standard error of 0, a contrast given
        twice, a trial with two comparators, therapies that no chain of trials joins to the
        reference.
    """
    rows = _read(frame)
    _refuse_options(within, rho, shared, between_visits)
    reference = str(rows["comparator"].mode()[0]) if reference is None else reference
    _refuse_pieces(rows, reference)
    named = dict.fromkeys([*frame["therapy"].astype(str), *frame["comparator"].astype(str)])
    therapies = tuple(name for name in named if name != reference)
    design = np.stack([
        (rows["therapy"] == name).to_numpy(float) - (rows["comparator"] == name).to_numpy(float)
        for name in therapies
    ], axis=1)  # fmt: skip
    sampling, between = _covariances(rows, within, rho, shared, between_visits)
    words = (
        f"visits of a trial correlate by {within} with {rho:g}; deviations of a trial at two "
        f"visits correlate by {between_visits:g}"
    )
    return Followups(rows, reference, therapies, design, sampling, between, words)


def _read(frame: pd.DataFrame) -> pd.DataFrame:
    missing = [name for name in NEEDED if name not in frame.columns]
    if missing:
        raise ModelError(
            f"The contrasts lack {', '.join(missing)}. Give one row a contrast and visit with "
            f"{', '.join(NEEDED)}."
        )
    if frame.empty:
        raise ModelError("No contrast was given, so no course can be shown. Show it as empty.")
    optional = ("se_comparator", "n_therapy", "n_comparator")
    rows = frame[[*NEEDED, *(name for name in optional if name in frame.columns)]].copy()
    for name in ("study", "therapy", "comparator"):
        rows[name] = rows[name].astype(str)
    for name in ("week", "effect", "se", *(set(rows.columns) & {"se_comparator"})):
        rows[name] = pd.to_numeric(rows[name], errors="coerce")
        bad = ~np.isfinite(rows[name])
        if name.startswith("se"):
            bad |= rows[name] <= 0
        if name == "week":
            bad |= rows[name] < 0
        if bad.any():
            raise ModelError(
                f"{name} of {int(bad.sum())} contrasts is missing or not possible "
                f"({_named(rows[bad])}). Leave them out, or see their source."
            )
    same = rows["therapy"] == rows["comparator"]
    if same.any():
        raise ModelError(f"A therapy is set against itself ({_named(rows[same])}).")
    twice = rows.duplicated(["study", "therapy", "week"], keep=False)
    if twice.any():
        raise ModelError(
            f"{int(twice.sum())} contrasts repeat a study, therapy and week "
            f"({_named(rows[twice])}). Keep one outcome for each."
        )
    several = rows.groupby("study", sort=False)["comparator"].nunique()
    if (several > 1).any():
        raise ModelError(
            f"{', '.join(several.index[several > 1][:5])}: contrasts of one trial are against "
            "several comparators. Give all of a trial against one of its arms."
        )
    return rows.sort_values(["study", "week", "therapy"], kind="stable").reset_index(drop=True)


def _named(rows: pd.DataFrame) -> str:
    first = rows.head(3)
    text = "; ".join(
        f"{s}, {t}, week {w:g}"
        for s, t, w in zip(first["study"], first["therapy"], first["week"], strict=True)
    )
    return text + (f" and {len(rows) - 3} more" if len(rows) > 3 else "")


def _refuse_options(within: str, rho: float, shared: float, between_visits: float) -> None:
    if within not in get_args(Within):
        raise ModelError(f"within={within!r} is not known; allowed: {', '.join(get_args(Within))}.")
    for name, value in (("rho", rho), ("shared", shared)):
        if not 0 <= value < 1:
            raise ModelError(f"{name} = {value:g}; it must be from 0 to below 1.")
    if not 0 <= between_visits <= 1:
        raise ModelError(f"between_visits = {between_visits:g}; it must be from 0 to 1.")


def _refuse_pieces(rows: pd.DataFrame, reference: str) -> None:
    """Every therapy must be joined to the reference by trials."""
    pairs = list(zip(rows["therapy"], rows["comparator"], strict=True))
    known = {name for pair in pairs for name in pair}
    if reference not in known:
        raise ModelError(f"{reference} is in no trial; the reference can be {', '.join(known)}.")
    joined, before = {reference}, 0
    while len(joined) > before:
        before = len(joined)
        joined |= {name for pair in pairs if joined & set(pair) for name in pair}
    if apart := sorted(known - joined):
        raise ModelError(
            f"No chain of trials joins {', '.join(apart)} to {reference}: the network is in "
            "pieces. Model each piece with a reference of its own."
        )


def _covariances(
    rows: pd.DataFrame, within: Within, rho: float, shared: float, between_visits: float
) -> tuple[Array, Array]:
    """Sampling covariance of the contrasts, and the pattern of their deviations."""
    study = rows["study"].to_numpy()
    together = study[:, None] == study
    alike = rows["therapy"].to_numpy()[:, None] == rows["therapy"].to_numpy()
    week = rows["week"].to_numpy(dtype=np.float64)
    visit = rows.groupby("study")["week"].rank(method="dense").to_numpy()
    lag = np.abs(visit[:, None] - visit) if within == "ar1" else week[:, None] != week
    over_time = np.power(rho, lag.astype(np.float64))
    se = rows["se"].to_numpy(dtype=np.float64)
    usual = np.sqrt(shared) * se
    common = rows["se_comparator"].to_numpy(float) if "se_comparator" in rows else usual
    if (common >= se).any():
        raise ModelError(
            "se_comparator is not smaller than the standard error of the contrast "
            f"({_named(rows[common >= se])}). It is that of one arm's mean."
        )
    own = np.sqrt(se**2 - common**2)
    sampling = together * over_time * (alike * np.outer(own, own) + np.outer(common, common))
    once = np.where(week[:, None] == week, 1.0, between_visits)
    return sampling, together * once * np.where(alike, 1.0, 0.5)
