"""A set of parameters of one covariance matrix, with the matrix's derivatives in them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


class Coordinates(ABC):
    """Parameters x (k,) and the covariance Σ(x), (m, m)."""

    @abstractmethod
    def sigma(self, x: Array) -> Array:
        """Covariance matrix at x, symmetric, not always positive definite; shape (m, m)."""

    @abstractmethod
    def first(self, x: Array) -> Array:
        """∂Σ/∂x_h; shape (k, m, m)."""

    @abstractmethod
    def second(self, x: Array) -> Array | None:
        """∂²Σ/∂x_h∂x_j, shape (k, k, m, m); None where Σ is linear in x."""

    def bend(self, x: Array, weights: Array) -> Array | float:
        """Second derivatives of tr(weights Σ(x)); shape (k, k), or 0 where Σ is linear.

        Parameters
        ----------
        x : ndarray, shape (k,)
        weights : ndarray, shape (m, m)
            Symmetric.
        """
        second = self.second(x)
        return 0.0 if second is None else np.einsum("hjab,ab->hj", second, weights)


@dataclass(frozen=True)
class Linear(Coordinates):
    """Σ = Σ_h x_h B_h.

    Attributes
    ----------
    basis : ndarray, shape (k, m, m)
    """

    basis: Array

    def sigma(self, x: Array) -> Array:
        return np.tensordot(x, self.basis, axes=1)

    def first(self, x: Array) -> Array:
        return self.basis

    def second(self, x: Array) -> None:
        return None


@dataclass(frozen=True)
class Spread:
    """Standard deviations at the visits as functions of their parameters.

    Attributes
    ----------
    heterogeneous : bool
        One parameter a visit, or one for all.
    logged : bool
        Parameters are log standard deviations, or variances.
    m : int
    """

    heterogeneous: bool
    logged: bool
    m: int

    @property
    def size(self) -> int:
        """Number of parameters."""
        return self.m if self.heterogeneous else 1

    def expand(self, x: Array) -> tuple[Array, Array, Array]:
        """Standard deviations (m,), and their first and second derivatives (size, m).

        A parameter's second derivative is in itself only; mixed ones are 0.
        """
        part = np.exp(np.minimum(x, 300.0)) if self.logged else np.sqrt(x)
        one = part if self.logged else 0.5 / part
        two = part if self.logged else -0.25 / part**3
        if self.heterogeneous:
            return part, np.diag(one), np.diag(two)
        wide = np.ones((1, self.m))
        return part[0] * wide[0], one[0] * wide, two[0] * wide


@dataclass(frozen=True)
class Scaled(Coordinates):
    """Σ_jk = s_j s_k C_jk: standard deviations and a correlation matrix.

    Attributes
    ----------
    spread : Spread
    correlation : callable
        From its parameters (r,) to C (m, m), ∂C (r, m, m) and ∂²C (r, r, m, m).
    """

    spread: Spread
    correlation: Callable[[Array], tuple[Array, Array, Array]]

    def sigma(self, x: Array) -> Array:
        s = self.spread.expand(x[: self.spread.size])[0]
        return np.outer(s, s) * self.correlation(x[self.spread.size :])[0]

    def first(self, x: Array) -> Array:
        s, ds, _ = self.spread.expand(x[: self.spread.size])
        c, dc, _ = self.correlation(x[self.spread.size :])
        sides = ds[:, :, None] * s
        return np.concatenate([(sides + sides.transpose(0, 2, 1)) * c, np.outer(s, s) * dc])

    def second(self, x: Array) -> Array:
        n = self.spread.size
        s, ds, dds = self.spread.expand(x[:n])
        c, dc, ddc = self.correlation(x[n:])
        k, m = n + len(dc), len(s)
        result = np.empty((k, k, m, m))
        both = ds[:, None, :, None] * ds[None, :, None, :]
        both = both + both.transpose(0, 1, 3, 2)
        bent = dds[:, :, None] * s
        both[np.arange(n), np.arange(n)] += bent + bent.transpose(0, 2, 1)
        result[:n, :n] = both * c
        sides = ds[:, :, None] * s
        sides = sides + sides.transpose(0, 2, 1)
        mixed = sides[:, None] * dc[None]
        result[:n, n:], result[n:, :n] = mixed, mixed.transpose(1, 0, 2, 3)
        result[n:, n:] = np.outer(s, s) * ddc
        return result
