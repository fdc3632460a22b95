"""Contrasts from what papers print: arms with mean and SD, or all pairs with standard errors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.evidence.contrasts import Contrasts
from analysis.schema import Direction

Array = NDArray[np.float64]

# Of the standard error: how far the printed pairs of one trial may be from adding up. Published
# tables are rounded; more than this is another set of patients or a slip.
ADDS_UP = 0.1


def contrasts_from_arms(
    arms: pd.DataFrame, *, direction: Direction = "lower_is_better", measure: str = "relief",
    unit: str = "",
) -> Contrasts:  # fmt: skip
    """Contrasts of means from a frame with one row an arm.

    Parameters
    ----------
    arms : pandas.DataFrame
        Columns `study`, `therapy`, `mean`, `sd`, `n`. The first arm of each trial is the one that
        its others are compared with.
    direction : {"lower_is_better", "higher_is_better"}
        Of `mean`; the effects are turned so that positive is more relief.
    measure, unit : str

    Raises
    ------
    ModelError
        A missing column or value, a standard deviation of 0, fewer than 1 patient, a trial of one
        arm, or an arm named twice in a trial.

    Notes
    -----
    The variance of an arm is sd²/n; contrasts that share an arm have its variance as covariance.
    """
    table = _columns(arms, ("study", "therapy"), ("mean", "sd", "n"))
    _check_arms(table)
    sign = _sign(direction)
    first = ~table.duplicated("study").to_numpy()
    base = table.groupby("study", sort=False).transform("first")
    variance = (table["sd"] ** 2 / table["n"]).to_numpy()
    shared = (base["sd"] ** 2 / base["n"]).to_numpy()[~first]
    rest, base = table[~first], base[~first]
    names = rest["study"].to_numpy()
    same = names[:, None] == names
    return Contrasts(
        tuple(rest["study"]), tuple(rest["therapy"]), tuple(base["therapy"]),
        sign * (rest["mean"] - base["mean"]).to_numpy(),
        same * shared[:, None] + np.diag(variance[~first]),
        (rest["n"] + base["n"]).to_numpy(), measure, unit, base["n"].to_numpy(),
    )  # fmt: skip


def contrasts_from_pairs(
    pairs: pd.DataFrame, *, direction: Direction = "higher_is_better", measure: str = "relief",
    unit: str = "",
) -> Contrasts:  # fmt: skip
    """Contrasts from a frame with every pair of arms of every trial.

    Parameters
    ----------
    pairs : pandas.DataFrame
        Columns `study`, `therapy`, `comparator`, `effect`, `std_error`; `n` (patients in the two
        arms) where it is known. A trial of m arms has m(m − 1)/2 rows.
    direction : {"lower_is_better", "higher_is_better"}
        Of the effect as given.
    measure, unit : str

    Raises
    ------
    ModelError
        A missing column or value, a pair that is missing or there twice, or pairs of one trial
        that do not add up.

    Notes
    -----
    Standard errors of all pairs give the covariance of the rows that are kept:
    cov(y_ac, y_bc) = (v_ac + v_bc − v_ab) / 2.
    """
    table = _columns(pairs, ("study", "therapy", "comparator"), ("effect", "std_error"))
    table["n"] = _sizes(pairs) if "n" in pairs else np.nan
    sign = _sign(direction)
    blocks = [_one_trial(str(name), part) for name, part in table.groupby("study", sort=False)]
    kept = pd.concat([rows for rows, _ in blocks], ignore_index=True)
    covariance = np.zeros((len(kept), len(kept)))
    at = 0
    for _, block in blocks:
        covariance[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return Contrasts(
        tuple(kept["study"]), tuple(kept["therapy"]), tuple(kept["comparator"]),
        sign * kept["effect"].to_numpy(), covariance, kept["n"].to_numpy(), measure, unit,
        kept["n_comparator"].to_numpy(),
    )  # fmt: skip


def _sign(direction: str) -> float:
    """What turns a difference so that positive is more relief."""
    if direction not in get_args(Direction):
        raise ModelError(f"direction is {direction!r}; it can be {', '.join(get_args(Direction))}.")
    return -1.0 if direction == "lower_is_better" else 1.0


def _sizes(pairs: pd.DataFrame) -> Array:
    """Patients of each pair; missing where the frame has nothing, which is not a word."""
    n = pd.to_numeric(pairs["n"], errors="coerce").to_numpy(dtype=np.float64)
    for row in np.flatnonzero(np.isnan(n) & pairs["n"].notna().to_numpy()):
        raise ModelError(
            f"{pairs['study'].iloc[row]} has {str(pairs['n'].iloc[row])!r} for n of "
            f"{pairs['therapy'].iloc[row]}: give a number, or leave it empty."
        )
    return n


def _one_trial(study: str, part: pd.DataFrame) -> tuple[pd.DataFrame, Array]:
    """Rows of a trial against one arm, and their covariance, from all its pairs."""
    arms = tuple(dict.fromkeys([*part["comparator"], *part["therapy"]]))
    one, other = (pd.Index(arms).get_indexer(part[name]) for name in ("therapy", "comparator"))
    for row in np.flatnonzero(one == other):
        raise ModelError(f"{study} compares {arms[one[row]]} with itself: correct the arm's name.")
    met = np.zeros((len(arms), len(arms)), dtype=np.int64)
    np.add.at(met, (one, other), 1)
    for row, column in np.argwhere(np.triu(met + met.T) > 1):
        raise ModelError(f"{study} has {arms[row]} against {arms[column]} twice: keep one row.")
    effect, variance, n = (np.full(met.shape, np.nan) for _ in range(3))
    effect[one, other], effect[other, one] = part["effect"], -part["effect"]
    for matrix, values in ((variance, part["std_error"] ** 2), (n, part["n"])):
        matrix[one, other] = matrix[other, one] = values
        np.fill_diagonal(matrix, 0.0)
    np.fill_diagonal(effect, 0.0)
    _check_pairs(study, arms, effect, variance)
    # Of patients as of variances: the shared arm is what two pairs have and the third has not.
    people = _shared(n)[0, 1] if len(arms) > 2 else np.nan
    rows = pd.DataFrame({
        "study": study, "therapy": arms[1:], "comparator": arms[0], "effect": effect[1:, 0],
        "n": n[1:, 0], "n_comparator": people,
    })  # fmt: skip
    return rows, _shared(variance)


def _shared(pairs: Array) -> Array:
    """What rows against the first arm have in common, (v_i1 + v_j1 − v_ij) / 2."""
    return (pairs[1:, :1] + pairs[:1, 1:] - pairs[1:, 1:]) / 2


def _check_pairs(study: str, arms: tuple[str, ...], effect: Array, variance: Array) -> None:
    """Every pair is there, and the pairs of one trial add up."""
    m = len(arms)
    for one, other in np.argwhere(np.isnan(effect)):
        raise ModelError(
            f"{study} has {m} arms but no row for {arms[one]} against {arms[other]}: give all "
            f"{m * (m - 1) // 2} pairs, or the arms themselves."
        )
    implied = effect[:, :1] - effect[:, 0]
    for one, other in np.argwhere(np.abs(implied - effect) > ADDS_UP * np.sqrt(variance)):
        raise ModelError(
            f"{study} says {effect[one, other]:.4g} for {arms[one]} against {arms[other]}, but its "
            f"other pairs give {implied[one, other]:.4g}: correct the pair, or give the arms."
        )


def _columns(frame: pd.DataFrame, words: Sequence[str], numbers: Sequence[str]) -> pd.DataFrame:
    """A copy of the columns that are needed, with text and numbers as such."""
    lacking = [name for name in (*words, *numbers) if name not in frame.columns]
    if lacking:
        raise ModelError(f"The frame has no column {', '.join(lacking)}: add it, or rename one.")
    if not len(frame):
        raise ModelError("The frame has no rows: there is nothing to pool.")
    table = pd.DataFrame({name: frame[name].astype(str).to_numpy() for name in words})
    for name in numbers:
        values = pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=np.float64)
        for row in np.flatnonzero(~np.isfinite(values)):
            raise ModelError(
                f"{table['study'][row]} has {str(frame[name].iloc[row])!r} for {name} of "
                f"{table['therapy'][row]}: give a number, or leave the trial out."
            )
        table[name] = values
    return table


def _check_arms(table: pd.DataFrame) -> None:
    for column, word in (("sd", "standard deviation"), ("n", "number of patients")):
        for row in np.flatnonzero(table[column].to_numpy() <= 0):
            raise ModelError(
                f"{table['study'][row]} has a {word} of {table[column][row]:g} in the arm "
                f"{table['therapy'][row]}: look it up, or leave the trial out."
            )
    for row in np.flatnonzero(table.duplicated(["study", "therapy"]).to_numpy()):
        raise ModelError(
            f"{table['study'][row]} has the arm {table['therapy'][row]} twice: merge the two arms, "
            "or give them different names."
        )
    sizes = table.groupby("study", sort=False).size()
    alone = [str(name) for name in sizes.index[sizes < 2]]
    if alone:
        raise ModelError(f"{', '.join(alone)} has one arm only: it compares nothing; leave it out.")
