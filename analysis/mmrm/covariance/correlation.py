"""Patterns of correlation between visits: C(ρ) with its derivatives (docs/methods.md section 4.1)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

Array = NDArray[np.float64]
Expansion = tuple[Array, Array, Array]

# A starting correlation stays this share of the range away from where the matrix is singular.
START_MARGIN = 0.02
# Smallest eigenvalue of a starting matrix, and the share of ρ kept while it is below: where visits
# all but determine each other the likelihood is too steep for a step to be found.
START_EIGENVALUE, START_SHRINKAGE = 1e-3, 0.95


class Correlation(ABC):
    """Correlation matrix of m visits with r parameters."""

    bounds: tuple[float, float] = (-1.0, 1.0)

    @property
    @abstractmethod
    def labels(self) -> tuple[str, ...]:
        """Names of the r parameters."""

    @abstractmethod
    def expand(self, rho: Array) -> Expansion:
        """C (m, m), its first (r, m, m) and second (r, r, m, m) derivatives."""

    @abstractmethod
    def read(self, matrix: Array) -> Array:
        """Parameters (r,) that come nearest to a correlation matrix: averages of its elements."""

    def start(self, matrix: Array) -> Array:
        """`read`, kept inside the bounds."""
        low, high = self.bounds
        margin = START_MARGIN * (high - low)
        return np.clip(self.read(matrix), low + margin, high - margin)

    def unbounded(self, rho: Array) -> Array:
        """Coordinates φ on the whole line with ρ = low + (high − low) / (1 + exp(−φ))."""
        low, high = self.bounds
        return logit((rho - low) / (high - low))

    def bounded(self, phi: Array) -> Array:
        """The inverse of `unbounded`."""
        low, high = self.bounds
        return low + (high - low) * expit(phi)

    def search(self) -> Callable[[Array], Expansion]:
        """`expand` in the coordinates φ, by the chain rule."""
        width = self.bounds[1] - self.bounds[0]

        def expand(phi: Array) -> Expansion:
            c, dc, ddc = self.expand(self.bounded(phi))
            share = expit(phi)
            slope = width * share * (1 - share)
            ddc = ddc * (slope[:, None] * slope)[:, :, None, None]
            index = np.arange(len(phi))
            ddc[index, index] += (slope * (1 - 2 * share))[:, None, None] * dc
            return c, slope[:, None, None] * dc, ddc

        return expand


def _mean_by(matrix: Array, marks: Array) -> Array:
    """Mean of the elements of `matrix` that each mark picks; marks are (r, m, m)."""
    return np.einsum("rab,ab->r", marks, matrix) / marks.sum(axis=(1, 2))


@dataclass(frozen=True)
class Marked(Correlation):
    """C = I + Σ_l ρ_l B_l with marks B_l: linear in the correlations.

    Attributes
    ----------
    marks : ndarray, shape (r, m, m)
    labels : tuple of str
    bounds : tuple of float
    """

    marks: Array
    labels: tuple[str, ...] = ()
    bounds: tuple[float, float] = (-1.0, 1.0)

    def expand(self, rho: Array) -> Expansion:
        r, m, _ = self.marks.shape
        c = np.eye(m) + np.tensordot(rho, self.marks, axes=1)
        return c, self.marks, np.zeros((r, r, m, m))

    def read(self, matrix: Array) -> Array:
        return _mean_by(matrix, self.marks)


def independent(m: int) -> Marked:
    """No correlation."""
    return Marked(np.zeros((0, m, m)))


def exchangeable(m: int) -> Marked:
    """One correlation for all pairs; positive definite for ρ in (−1/(m − 1), 1)."""
    return Marked(np.ones((1, m, m)) - np.eye(m), ("rho",), (-1.0 / (m - 1), 1.0))


def toeplitz(m: int) -> Marked:
    """One correlation for each number of visits between two visits."""
    lags = np.abs(np.subtract.outer(np.arange(m), np.arange(m)))
    marks = np.array([lags == lag for lag in range(1, m)], dtype=np.float64)
    return Marked(marks, tuple(f"rho[{lag}]" for lag in range(1, m)))


@dataclass(frozen=True)
class Power(Correlation):
    """C_jk = ρ^d_jk.

    Attributes
    ----------
    distance : ndarray, shape (m, m)
    bounds : tuple of float
        Negative ρ only where distances are whole numbers.
    """

    distance: Array
    bounds: tuple[float, float] = (-1.0, 1.0)
    labels: tuple[str, ...] = ("rho",)

    def expand(self, rho: Array) -> Expansion:
        d = self.distance
        c, one, two = (
            np.where(factor == 0, 0.0, factor * np.power(rho[0], np.where(factor == 0, 1.0, power)))
            for factor, power in ((np.ones_like(d), d), (d, d - 1), (d * (d - 1), d - 2))
        )
        return c, one[None], two[None, None]

    def read(self, matrix: Array) -> Array:
        """From the pairs of visits that are nearest to each other."""
        d = self.distance
        nearest = d[d > 0].min()
        value = float(matrix[np.isclose(d, nearest)].mean())
        return np.array([np.sign(value) * abs(value) ** (1 / nearest)])

    def start(self, matrix: Array) -> Array:
        """`read`, kept inside the bounds and where the matrix is well away from singular."""
        rho = super().start(matrix)
        while np.linalg.eigvalsh(self.expand(rho)[0])[0] < START_EIGENVALUE:
            rho = START_SHRINKAGE * rho
        return rho


@dataclass(frozen=True)
class Ante(Correlation):
    """Ante-dependence of order 1: C_jk is the product of the ρ of neighbours between j and k.

    Attributes
    ----------
    m : int
    """

    m: int
    between: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        low = np.minimum.outer(np.arange(self.m), np.arange(self.m))
        high = np.maximum.outer(np.arange(self.m), np.arange(self.m))
        step = np.arange(self.m - 1)[:, None, None]
        object.__setattr__(self, "between", (low <= step) & (step < high))

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(f"rho[{j + 1},{j}]" for j in range(1, self.m))

    def expand(self, rho: Array) -> Expansion:
        r, inside = self.m - 1, self.between
        factors = np.where(inside, rho[:, None, None], 1.0)
        # The product without a factor is formed anew: dividing it out fails at ρ = 0.
        one = np.array([inside[h] * np.delete(factors, h, 0).prod(0) for h in range(r)])
        two = np.zeros((r, r, self.m, self.m))
        for h in range(r):
            for j in range(h):
                rest = np.delete(factors, (h, j), 0).prod(0)
                two[h, j] = two[j, h] = inside[h] * inside[j] * rest
        return factors.prod(0), one.reshape(r, self.m, self.m), two

    def read(self, matrix: Array) -> Array:
        return np.diagonal(matrix, offset=1).copy()


def autoregressive(m: int) -> Power:
    """ρ to the number of visits between."""
    lags = np.abs(np.subtract.outer(np.arange(m), np.arange(m))).astype(np.float64)
    return Power(lags)


def exponential(times: Array) -> Power:
    """ρ to the time between."""
    return Power(np.abs(np.subtract.outer(times, times)), (0.0, 1.0))


def gaussian(times: Array) -> Power:
    """ρ to the squared time between."""
    return Power(np.subtract.outer(times, times) ** 2, (0.0, 1.0))
