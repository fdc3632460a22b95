"""Five hundred small designs: a maximum that nothing beats, or a refusal with its reason."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from plain_likelihood import (
    HETEROGENEOUS,
    NOWHERE,
    Patients,
    deviance,
    objective,
    parameters,
    patients,
    structure_map,
)
from scipy import optimize

from analysis.errors import ModelError
from analysis.mmrm import MMRM

DESIGNS = 500
# How far beside its end a search starts, as a share of each parameter.
BESIDE = 0.05
# Log-likelihood by which nothing may be better.
BETTER = 1e-6
# Rounding of a log-likelihood, relative to its size.
ROUNDING = 1e-9
# A search has left for the boundary, where a likelihood without a maximum rises for ever, if the
# smallest eigenvalue of its correlation matrix, or a standard deviation in units of the start, is
# below this.
BOUNDARY = 1e-6
# What counts as flat at the end of a search, for a log-likelihood of order 100 to 1000.
FLAT = 1e-2
STRUCTURES = (
    "cs", "csh", "ar1", "ar1h", "toep", "toeph", "ad", "adh", "diag", "sp_exp", "sp_gau",
)  # fmt: skip
REASONS = "determine|Too few|No patient has|cannot carry|does not vary|boundary"
# Refusals that say the likelihood has no maximum: here the independent optimiser must find none.
NO_MAXIMUM = "determine"
FORMULA = "y ~ base + arm * visit"
# Refusals among the 270 unstructured and the 230 structured designs, at most.
MOST_REFUSED = {"us": 90, "structured": 15}


@dataclass(frozen=True)
class Case:
    """A small trial and the structure asked for."""

    data: pd.DataFrame
    covariance: str
    reml: bool


def _sigma(rng: np.random.Generator, m: int) -> np.ndarray:
    """Equal or unequal scales; correlation middling, or so high that visits nearly agree."""
    lags = np.abs(np.subtract.outer(np.arange(m), np.arange(m)))
    scale = 10 ** rng.uniform(0, 3, m) if rng.random() < 0.3 else rng.uniform(1, 2, m)
    if rng.random() < 0.2:
        correlation = 0.999 ** lags
    else:
        fades = rng.choice([0.0, 1.0])
        correlation = np.where(lags == 0, 1.0, rng.uniform(0.2, 0.8) ** (lags**fades))
    return np.outer(scale, scale) * correlation


def case(seed: int) -> Case:
    """A design of the grid: 2 to 8 visits, 8 to 200 patients, up to 60 % missing."""
    rng = np.random.default_rng([3, seed])
    m = int(rng.integers(2, 9))
    n = int(np.exp(rng.uniform(np.log(8), np.log(200))))
    sigma = _sigma(rng, m)
    errors = rng.standard_normal((n, m)) @ np.linalg.cholesky(sigma).T
    base, arm = rng.normal(6, 1.4, n), np.arange(n) % 2
    values = 0.4 * base[:, None] + errors - arm[:, None] * np.linspace(1, 0.2, m)
    rate = rng.uniform(0, 0.6)
    if rng.random() < 0.5:
        gone = rng.random((n, m)) < rate
    else:
        # The visit from which a patient is gone, so that on average this share is missing.
        leaves = np.where(rng.random(n) < min(1.0, 2 * rate), rng.integers(1, m + 1, n), m + 1)
        gone = np.arange(1, m + 1) > leaves[:, None]
    # Somebody attends every visit, so that all of the schedule is in the model.
    gone[0, gone.all(axis=0)] = False
    frame = pd.DataFrame(
        {
            "id": np.repeat([f"p{k:03d}" for k in range(n)], m),
            "visit": np.tile([f"v{k}" for k in range(m)], n),
            "arm": np.repeat(np.where(arm, "new", "a_usual"), m),
            "base": np.repeat(base, m),
            "y": np.where(gone, np.nan, values).ravel(),
        }
    )
    covariance = "us" if rng.random() < 0.5 else str(rng.choice(STRUCTURES))
    return Case(frame, covariance, bool(rng.random() < 0.75))


def _design(frame: pd.DataFrame) -> np.ndarray:
    """The formula's columns written out; the first of a collinear set is kept."""
    arm = (frame["arm"] == "new").to_numpy(dtype=float)
    visits = sorted(frame["visit"].unique())[1:]
    dummies = [(frame["visit"] == v).to_numpy(dtype=float) for v in visits]
    base = frame["base"].to_numpy() - 6
    columns = [np.ones(len(frame)), base, arm, *dummies, *(arm * d for d in dummies)]
    kept: list[np.ndarray] = []
    for column in columns:
        basis = np.linalg.qr(np.array(kept).T)[0] if kept else np.zeros((len(frame), 1))
        rest = column - basis @ (basis.T @ column)
        if np.linalg.norm(rest) > 1e-7 * np.linalg.norm(column):
            kept.append(column)
    return np.array(kept).T


def _neutral(data: Patients, covariance: str, unit: np.ndarray) -> np.ndarray:
    """Hardly correlated visits with their own variances, or one where the structure has one."""
    spread = unit
    if covariance != "us" and covariance not in HETEROGENEOUS:
        spread = np.full_like(unit, np.sqrt(np.mean(unit**2)))
    lags = np.abs(np.subtract.outer(np.arange(len(unit)), np.arange(len(unit))))
    # A spatial correlation is positive and flat near zero: no search gets away from there.
    weak = 0.1**lags if covariance.startswith("sp_") else np.eye(len(unit))
    return parameters(covariance, np.outer(spread, spread) * weak, unit)


def _beside(goal, end: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A start near an end, nearer where the first choice is no covariance matrix."""
    step = BESIDE * end * rng.standard_normal(len(end))
    while goal(end + step)[0] >= NOWHERE:
        step = step / 2
    return end + step


def _inside(sigma: np.ndarray, unit: np.ndarray) -> bool:
    """Whether a matrix is away from the boundary."""
    spread = np.sqrt(np.diag(sigma))
    smallest = np.linalg.eigvalsh(sigma / np.outer(spread, spread))[0]
    return bool(smallest > BOUNDARY and np.min(spread / unit) > BOUNDARY)


@dataclass(frozen=True)
class Verdict:
    """What became of a design.

    Attributes
    ----------
    refusal : str or None
        What a refusal said.
    warned : str or None
        A warning: neither a fit nor a refusal.
    wrongly : bool
        A refusal for want of a maximum, although a search ended at one.
    gap : float
        Difference between two computations of our log-likelihood, relative.
    beaten : tuple of str
        Searches that ended higher.
    """

    seed: int
    covariance: str
    refusal: str | None = None
    warned: str | None = None
    wrongly: bool = False
    gap: float = 0.0
    beaten: tuple[str, ...] = ()


def _search(goal, start: np.ndarray) -> optimize.OptimizeResult:
    return optimize.minimize(goal, start, jac=True, method="BFGS", options={"gtol": 1e-4})


def _judge_refusal(seed: int, asked: Case, plain: Patients, reason: str) -> Verdict:
    if not re.search(NO_MAXIMUM, reason):
        return Verdict(seed, asked.covariance, reason)
    unit = np.array([plain.y[seen, j].std() for j, seen in enumerate(plain.seen.T)])
    # A visit with one value has no spread of its own.
    unit[unit == 0] = unit.max()
    to_sigma = structure_map(asked.covariance, unit)
    goal = objective(plain, to_sigma, asked.reml)
    found = _search(goal, _neutral(plain, asked.covariance, unit))
    ended = _inside(to_sigma(found.x), unit) and np.abs(found.jac).max() < FLAT
    return Verdict(seed, asked.covariance, reason, wrongly=bool(ended))


def judge(seed: int) -> Verdict:
    """Fit a design and let an independent optimiser try to do better, from beside and from afar."""
    asked = case(seed)
    used = asked.data.dropna(subset=["y"])
    plain = patients(used, _design(used), "y", "id", "visit")
    try:
        fit = MMRM.from_formula(
            FORMULA, asked.data, subject="id", visit="visit", covariance=asked.covariance,
            reml=asked.reml,
        ).fit(df="satterthwaite")  # fmt: skip
    except ModelError as error:
        return _judge_refusal(seed, asked, plain, str(error))
    except Warning as warning:
        return Verdict(seed, asked.covariance, warned=str(warning))
    sigma = fit.covariance.to_numpy()
    unit = np.sqrt(np.diag(sigma))
    ours = deviance(plain, sigma, asked.reml)[0]
    to_sigma = structure_map(asked.covariance, unit)
    goal = objective(plain, to_sigma, asked.reml)
    end = parameters(asked.covariance, sigma, unit)
    starts = {
        "beside": _beside(goal, end, np.random.default_rng([4, seed])),
        "neutral": _neutral(plain, asked.covariance, unit),
    }
    ends = {name: _search(goal, start).x for name, start in starts.items()}
    beaten = [
        name
        for name, found in ends.items()
        if goal(found)[0] < ours - 2 * BETTER and _inside(to_sigma(found), unit)
    ]
    gap = abs(-2 * fit.llf - ours) / abs(ours)
    return Verdict(seed, asked.covariance, gap=gap, beaten=tuple(beaten))


@pytest.fixture(scope="module")
def verdicts() -> list[Verdict]:
    return [judge(seed) for seed in range(DESIGNS)]


def _seeds(verdicts: list[Verdict]) -> list[tuple[int, str]]:
    return [(verdict.seed, verdict.covariance) for verdict in verdicts]


def test_every_search_ends_in_a_fit_or_a_refusal_and_never_in_a_warning(verdicts):
    assert not [(v.seed, v.covariance, v.warned) for v in verdicts if v.warned]


def test_no_search_finds_anything_better_than_a_fit(verdicts):
    assert not _seeds([verdict for verdict in verdicts if verdict.beaten])


def test_the_likelihood_of_a_fit_is_that_of_the_plain_sum_over_patients(verdicts):
    assert max(verdict.gap for verdict in verdicts) < ROUNDING


def test_every_refusal_names_its_reason_and_most_designs_are_fitted(verdicts):
    refused = [verdict for verdict in verdicts if verdict.refusal]
    assert not [v.refusal for v in refused if not re.search(REASONS, v.refusal)]
    kinds = Counter("us" if v.covariance == "us" else "structured" for v in refused)
    assert len(verdicts) == DESIGNS
    # A third of the unstructured designs have too few patients for a matrix of that many visits, or
    # a likelihood without a maximum. A structure with few parameters seldom has.
    assert MOST_REFUSED["us"] // 2 < kinds["us"] <= MOST_REFUSED["us"]
    assert kinds["structured"] <= MOST_REFUSED["structured"]


def test_a_refusal_for_want_of_a_maximum_is_right(verdicts):
    wrong = [verdict for verdict in verdicts if verdict.wrongly]
    assert not _seeds(wrong)
