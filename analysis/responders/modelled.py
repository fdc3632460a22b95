"""The probability of responding under the model of relief (docs/methods.md section 12)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special

from analysis.relief.model import FittedTrial
from analysis.responders.completed import patient_grid
from analysis.responders.definition import Scores, Window
from analysis.responders.risks import Risks
from analysis.trial.records import Trial

Array = NDArray[np.float64]

# Gauss-Legendre nodes of the bivariate normal integral: 1e-10 up to a correlation of 0.98.
NODES = 64
# Correlations are kept this far from ±1, where two horizons would be one.
APART = 1e-9
KNOWN_COVARIANCE = "the covariance between visits is taken as known"


@dataclass(frozen=True, slots=True)
class ModelRows:
    """Design rows of every patient under every therapy.

    Attributes
    ----------
    people : ndarray of int, shape (n,)
        Positions of the patients in the trial.
    therapies : tuple of str, length K
        Therapies in the model.
    visits : tuple of str, length v
    rows : ndarray, shape (K, v, n, p)
        In the estimable columns.
    estimable : ndarray of bool, shape (K, v)
    """

    people: NDArray[np.int64]
    therapies: tuple[str, ...]
    visits: tuple[str, ...]
    rows: Array
    estimable: NDArray[np.bool_]


def model_rows(
    trial: Trial, model: FittedTrial, scores: Scores, visits: tuple[str, ...]
) -> ModelRows:
    """Design rows of every patient that the model can read, had they had each therapy.

    Parameters
    ----------
    visits : tuple of str
        Those of the model are kept.
    """
    grid = patient_grid(trial, model, scores)
    kept = tuple(visit for visit in model.visits if visit in visits)
    first = grid[grid["visit"] == model.visits[0]]
    people = first.index.to_numpy() // len(scores.visits)
    estimates = model.fit.estimates
    rows = np.empty((len(model.therapies), len(kept), len(first), len(estimates.kept)))
    estimable = np.ones(rows.shape[:2], dtype=bool)
    for k, therapy in enumerate(model.therapies):
        for v, visit in enumerate(kept):
            frame = first.assign(
                therapy=pd.Categorical([therapy] * len(first), model.therapies),
                visit=pd.Categorical([visit] * len(first), model.visits),
            )
            full = model.fit.design.rows(frame)
            estimable[k, v] = estimates.estimable(full).all()
            rows[k, v] = full[:, estimates.kept]
    return ModelRows(people, model.therapies, kept, rows, estimable)


def modelled_risks(
    model: FittedTrial, known: ModelRows, scores: Scores, need: Array, window: Window,
    therapies: tuple[str, ...],
) -> Risks:  # fmt: skip
    """Mean over patients of the probability to improve by what each of them needs.

    P(improvement ≥ need) = Φ((turn (baseline − μ) − need) / σ) for a patient with modelled mean μ,
    bivariate for sustained response; averaged over the same patients for every therapy, whoever
    had which. By the delta method with the covariance of coefficients and the inverse information
    of the covariance parameters, as if independent. No correction for scores in whole steps.

    Parameters
    ----------
    model : FittedTrial
    known : ModelRows
    scores : Scores
    need : ndarray, shape (n,)
        See `analysis.responders.definition.needed`.
    window : Window
    therapies : tuple of str, length K

    Returns
    -------
    Risks

    References
    ----------
    Wason and Seaman 2013, Stat Med 32:4639 (augmented binary method), for the idea.
    """
    judged = ~np.isnan(need[known.people])
    people = known.people[judged]
    n = np.array([(scores.therapy[people] == therapy).sum() for therapy in therapies])
    absent = [visit for visit in window.visits if visit not in known.visits]
    k = len(therapies)
    risk, cov, notes = np.full(k, np.nan), np.full((k, k), np.nan), [""] * k
    slopes: dict[int, tuple[Array, Array]] = {}
    for place, therapy in enumerate(therapies):
        notes[place] = _why_not(known, therapy, absent, len(people), window)
        if not notes[place]:
            rows = known.rows[known.therapies.index(therapy)][:, judged]
            risk[place], *found = _probability(model, known, scores, rows, people, need, window)
            slopes[place] = (found[0], found[1])
    places = list(slopes)
    unsure = _covariance_spread(model)
    if places:
        beta = np.array([slopes[p][0] for p in places]) @ model.fit.estimates.root
        own = beta @ beta.T
        if unsure is not None:
            sigma = np.array([slopes[p][1] for p in places])
            own = own + sigma @ unsure @ sigma.T
        cov[np.ix_(places, places)] = own
    method = f"{model.facts.method}; normal probability, delta method"
    method = method if unsure is not None else f"{method}; {KNOWN_COVARIANCE}"
    return Risks(risk[None], cov[None], np.inf, n, method, tuple(notes))


def _why_not(
    known: ModelRows, therapy: str, absent: list[str], people: int, window: Window
) -> str:
    if absent:
        return f"not estimable: nobody has a value at {', '.join(absent)}"
    if therapy not in known.therapies:
        return f"not estimable: {therapy} has no follow-up"
    if not people:
        return "not estimable: no patient can be judged"
    visits = [known.visits.index(visit) for visit in window.visits]
    if not known.estimable[known.therapies.index(therapy)][visits].all():
        when = ", ".join(window.visits)
        return f"not estimable: the model does not determine {therapy} at {when}"
    return ""


def _probability(
    model: FittedTrial, known: ModelRows, scores: Scores, rows: Array, people: NDArray[np.int64],
    need: Array, window: Window,
) -> tuple[float, Array, Array]:  # fmt: skip
    """Mean probability, and its slopes in the coefficients and the covariance's elements."""
    sigma = model.fit.estimates.sigma[0]
    weights = _weights(model.visits, window)
    inside = _weights(known.visits, window)
    means = np.einsum("jv,vnp->jnp", inside, rows)
    spread = weights @ sigma @ weights.T
    error = np.sqrt(np.diag(spread))
    room = scores.turn * (scores.baseline[people] - means @ model.fit.estimates.beta) - need[people]
    z = room / error[:, None]
    if len(window.parts) == 1:
        value, slope_z, slope_rho = special.ndtr(z[0]), _density(z), np.zeros(z.shape[1])
    else:
        rho = float(np.clip(spread[0, 1] / error.prod(), APART - 1, 1 - APART))
        value, slope_z, slope_rho = bivariate_normal(z[0], z[1], rho)
    beta = np.einsum("jn,jnp->p", -scores.turn * slope_z / error[:, None], means) / len(people)
    inner = np.diag((slope_z * -z / 2).mean(axis=1) / np.diag(spread))
    if len(window.parts) == 2:
        pull = slope_rho.mean()
        inner = inner - np.diag(pull * rho / 2 / np.diag(spread))
        inner[0, 1] = inner[1, 0] = pull / error.prod() / 2
    whole = weights.T @ inner @ weights
    i, j = np.tril_indices(len(sigma))
    return float(value.mean()), beta, np.where(i == j, 1.0, 2.0) * whole[i, j]


def _weights(visits: tuple[str, ...], window: Window) -> Array:
    """Weights of the visits that make the mean of each part, shape (parts, visits)."""
    return np.array([[(visit in part) / len(part) for visit in visits] for part in window.parts])


def _density(z: Array) -> Array:
    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def bivariate_normal(h: Array, k: Array, rho: float) -> tuple[Array, Array, Array]:
    """P(X ≤ h, Y ≤ k) of standard normal X, Y with that correlation, and its slopes.

    Returns
    -------
    value : ndarray, shape (n,)
    slopes : ndarray, shape (2, n)
        In h and in k.
    slope_rho : ndarray, shape (n,)
        In the correlation: the bivariate density (Plackett 1954, Biometrika 41:351).

    References
    ----------
    Drezner and Wesolowsky 1990, J Stat Comput Simul 35:101, the integral over the correlation.
    """
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    top = np.arcsin(rho)
    angle = top * (nodes + 1) / 2
    sine, cosine = np.sin(angle)[:, None], np.cos(angle)[:, None]
    inner = np.exp(-(h * h + k * k - 2 * h * k * sine) / (2 * cosine**2))
    value = special.ndtr(h) * special.ndtr(k) + top / (4 * np.pi) * weights @ inner
    rest = np.sqrt(1 - rho * rho)
    slopes = np.array([_density(h) * special.ndtr((k - rho * h) / rest),
                       _density(k) * special.ndtr((h - rho * k) / rest)])  # fmt: skip
    density = np.exp(-(h * h + k * k - 2 * rho * h * k) / (2 * rest**2)) / (2 * np.pi * rest)
    return np.clip(value, 0.0, 1.0), slopes, density


def _covariance_spread(model: FittedTrial) -> Array | None:
    """Covariance of the elements on and below the diagonal of Σ, where these are the parameters."""
    fit = model.fit
    size = len(model.visits)
    if fit.covariance_name != "us" or len(fit.estimates.sigma) > 1:
        return None
    spread = np.asarray(fit.cov_covariance_params(), dtype=np.float64)
    whole = spread.shape == (size * (size + 1) // 2,) * 2 and np.isfinite(spread).all()
    return spread if whole else None
