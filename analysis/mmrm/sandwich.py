"""Covariance of the coefficients from the spread between patients, whatever Σ is.

With whitened rows x̃_i = L_i⁻¹ X_i, residuals r̃_i = L_i⁻¹ r_i and H_ii = x̃_i Φ x̃_i' the sandwich is
Φ (Σ_i s_i s_i') Φ with scores s_i = x̃_i' A_i r̃_i; A_i is I (CR0), (I − H_ii)^(−1/2) (CR2) or
(I − H_ii)⁻¹ (CR3). There is no factor n/(n − 1). Degrees of freedom are those of Bell and McCaffrey
in one pass over the patients (docs/methods.md section 5.4).

Everything is done in the columns ẋ_i = x̃_i R with R R' = Φ, where Σ ẋ_i'ẋ_i = I.

Weights: a patient's weight ω_i acts as a precision weight of all rows of the patient does, that is
s_i = ω_i x̃_i' A_i r̃_i and H_ii = ω_i x̃_i Φ x̃_i' with the weighted Φ. CR3 then is the jackknife over
weighted patients, and CR2 is free of bias where Σ_i / ω_i is the patient's covariance. A weight of 2
is not two patients alike: two give Σ s s' twice, one of weight 2 gives it four times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.cohorts import cohorts
from analysis.mmrm.estimates import Estimates
from analysis.mmrm.statistics import Block

Array = NDArray[np.float64]
Kind = Literal["CR0", "CR2", "CR3"]
Blocks = Callable[[], Iterable[Block]]

# Eigenvalues of I − H_ii lie in [0, 1]. Below this the patient alone decides a direction: its
# residual there is 0 but for rounding (about 1e-15, and more with columns far from zero), and the
# pseudo-inverse leaves the direction out rather than divide rounding by rounding.
SINGULAR = 1e-8
# Numbers of adjusted design rows kept for later degrees of freedom (64 MB with their originals);
# larger data are read again.
NUMBERS_KEPT = 4_000_000


@dataclass(frozen=True, slots=True)
class Share:
    """What a set of patients adds to a sandwich.

    Attributes
    ----------
    subject : ndarray of int, shape (n,)
        Codes of the patients.
    design : ndarray, shape (n, s, p)
        ẋ_i.
    adjusted : ndarray, shape (n, s, p)
        A_i ẋ_i.
    score : ndarray, shape (n, p)
        R' s_i.
    saturated : int
        Patients with a direction that they alone decide (I − H_ii singular).
    """

    subject: NDArray[np.integer]
    design: Array
    adjusted: Array
    score: Array
    saturated: int


@dataclass(frozen=True, slots=True)
class Sandwich:
    """Sandwich covariance of the coefficients.

    Attributes
    ----------
    kind : {"CR0", "CR2", "CR3"}
    standard : ndarray, shape (p, p)
        Σ_i of R's_i s_i'R: the covariance in columns that make the model-based one the identity.
    n_subjects : int
    saturated : int
        Patients whose I − H_ii is singular, so that its pseudo-inverse was used.
    subject : ndarray of int, shape (n_subjects,), or None
        Codes of the patients behind `scores`, ascending.
    scores : ndarray, shape (n_subjects, p), or None
        Adjusted scores s_i of the patients; cov = Φ (Σ s_i s_i') Φ. On request.
    root : ndarray, shape (p, p)
        R.
    shares : callable
        Gives the patients' shares once more. Patients' data: leave it out when pickling.
    """

    kind: Kind
    standard: Array
    n_subjects: int
    saturated: int
    subject: NDArray[np.int64] | None
    scores: Array | None
    root: Array
    shares: Callable[[], Iterable[Share]]

    @property
    def cov(self) -> Array:
        """Covariance of the kept coefficients, R standard R'; shape (p, p)."""
        return self.root @ self.standard @ self.root.T

    def degrees_of_freedom(self, contrasts: Array) -> Array:
        """Bell–McCaffrey degrees of freedom of each row of `contrasts`, (k, p); shape (k,)."""
        return self.standard_degrees_of_freedom(np.atleast_2d(contrasts) @ self.root)

    def standard_degrees_of_freedom(self, rows: Array) -> Array:
        """The same for contrasts in columns that make the model-based covariance the identity."""
        return bell_mccaffrey(rows, self.shares())


def sandwich(
    blocks: Blocks, estimates: Estimates, kind: Kind = "CR0", *, scores: bool = False
) -> Sandwich:
    """Estimate the covariance of the coefficients from the spread between patients.

    Parameters
    ----------
    blocks : callable
        Gives the rows in blocks of whole patients, as often as asked (`Design.blocks`).
    estimates : Estimates
    kind : {"CR0", "CR2", "CR3"}
        No correction; the correction without bias where Σ is true (Bell and McCaffrey 2002); the
        jackknife over patients.
    scores : bool
        Return every patient's score too, for the joint covariance with another model.

    Raises
    ------
    ModelError
        An unknown kind.

    References
    ----------
    Liang and Zeger 1986; Bell and McCaffrey 2002; Pustejovsky and Tipton 2018 (equations 5 to 8).
    """
    if kind not in get_args(Kind):
        raise ModelError(f"vcov={kind!r} is not known; allowed: {', '.join(get_args(Kind))}.")
    root = estimates.root
    total = np.zeros_like(root)
    count = saturated = numbers = 0
    keep: list[Share] = []
    codes, values = [], []
    for share in _shares(blocks, estimates, kind):
        total += share.score.T @ share.score
        count, saturated = count + len(share.subject), saturated + share.saturated
        numbers += share.adjusted.size
        if numbers <= NUMBERS_KEPT:
            keep.append(share)
        else:
            keep.clear()
        if scores:
            codes.append(share.subject)
            values.append(np.linalg.solve(root.T, share.score.T).T)
    again = partial(iter, keep) if keep else partial(_shares, blocks, estimates, kind)
    who = what = None
    if scores:
        order = np.argsort(np.concatenate(codes), kind="stable")
        who, what = np.concatenate(codes)[order], np.concatenate(values)[order]
    return Sandwich(kind, (total + total.T) / 2, count, saturated, who, what, root, again)


def _shares(blocks: Blocks, estimates: Estimates, kind: Kind) -> Iterator[Share]:
    for block in blocks():
        yield from block_shares(block, estimates, kind)


def block_shares(block: Block, estimates: Estimates, kind: Kind) -> Iterator[Share]:
    """Give what the patients of a block add to a sandwich; sums over blocks are the whole."""
    width = np.ones(len(block.rows))
    for weight in (block.precision, block.patient_weight):
        width = width if weight is None else width * np.sqrt(weight)
    design = block.rows[:, estimates.kept]
    residual = block.rows[:, -1] - design @ estimates.beta
    rows = np.column_stack([design @ estimates.root, residual]) * width[:, None]
    for cohort in cohorts(block.subject, block.visit, block.group):
        whiteners = cohort.inverse_factors(estimates.sigma)[cohort.pattern]
        white = whiteners @ rows[cohort.rows]
        inner, errors = white[..., :-1], white[..., -1:]
        adjusted, saturated = _adjust(inner, kind)
        score = (np.swapaxes(adjusted, 1, 2) @ errors)[..., 0]
        yield Share(block.subject[cohort.rows[:, 0]], inner, adjusted, score, saturated)


def meat(block: Block, estimates: Estimates, kind: Kind) -> Array:
    """Σ s_i s_i' of the patients of a block in columns of the formula; adds up; shape (p, p)."""
    total = sum(
        (share.score.T @ share.score for share in block_shares(block, estimates, kind)),
        np.zeros_like(estimates.root),
    )
    half = np.linalg.solve(estimates.root.T, total)
    return np.linalg.solve(estimates.root.T, half.T)


def _adjust(design: Array, kind: Kind) -> tuple[Array, int]:
    """A_i ẋ_i of each patient, and how many have a singular I − H_ii."""
    if kind == "CR0":
        return design, 0
    leverage = design @ np.swapaxes(design, 1, 2)
    values, vectors = np.linalg.eigh(np.eye(design.shape[1]) - leverage)
    own = values < SINGULAR
    power = -0.5 if kind == "CR2" else -1.0
    gain = np.where(own, 0.0, np.where(own, 1.0, values) ** power)
    turned = np.swapaxes(vectors, 1, 2) @ design
    return vectors @ (gain[..., None] * turned), int(own.any(axis=1).sum())


def bell_mccaffrey(rows: Array, shares: Iterable[Share]) -> Array:
    """Degrees of freedom of the sandwich variance of contrasts, ν = (tr G)² / tr G².

    G_ij = δ_ij a_i'a_i − e_i'e_j with a_i = A_i ẋ_i u, e_i = ẋ_i'a_i and u = R'c, so that
    tr G = Σ d_i − Σ q_i and tr G² = Σ d_i² − 2 Σ d_i q_i + ‖Σ e_i e_i'‖² with d_i = a_i'a_i and
    q_i = e_i'e_i: sums over patients, no n × n matrix.

    Parameters
    ----------
    rows : ndarray, shape (k, p)
        Contrasts u', in columns that make the model-based covariance the identity.
    shares : iterable of Share

    Returns
    -------
    ndarray, shape (k,)
        NaN for a contrast that is all zero.

    References
    ----------
    Bell and McCaffrey 2002, equation 14; the working covariance is the fitted one.
    """
    turned = rows.T
    length = np.linalg.norm(turned, axis=0)
    turned = turned / np.where(length > 0, length, 1.0)
    p, k = turned.shape
    trace, square = np.zeros(k), np.zeros(k)
    spread = np.zeros((k, p, p))
    for share in shares:
        n, size = share.design.shape[:2]
        a = (share.adjusted.reshape(n * size, p) @ turned).reshape(n, size, k)
        e = np.swapaxes(share.design, 1, 2) @ a
        d, q = (a**2).sum(axis=1), (e**2).sum(axis=1)
        trace += (d - q).sum(axis=0)
        square += (d**2 - 2 * d * q).sum(axis=0)
        columns = np.ascontiguousarray(np.moveaxis(e, 2, 0))
        spread += np.swapaxes(columns, 1, 2) @ columns
    square += (spread**2).sum(axis=(1, 2))
    result = np.full(k, np.nan)
    known = (length > 0) & (trace > 0) & (square > 0)
    result[known] = trace[known] ** 2 / square[known]
    return result
