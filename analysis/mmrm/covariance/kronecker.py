"""Several outcomes per patient: Σ = A ⊗ B, A between outcomes and B between visits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.covariance.coordinates import Coordinates

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pinned(Coordinates):
    """Coordinates of which the first is held: SAS sets the first element of B to 1."""

    inner: Coordinates
    value: float

    def _whole(self, x: Array) -> Array:
        return np.concatenate([[self.value], x])

    def sigma(self, x: Array) -> Array:
        return self.inner.sigma(self._whole(x))

    def first(self, x: Array) -> Array:
        return self.inner.first(self._whole(x))[1:]

    def second(self, x: Array) -> Array | None:
        second = self.inner.second(self._whole(x))
        return None if second is None else second[1:, 1:]


@dataclass(frozen=True)
class Kronecker(Coordinates):
    """Σ = A(x₁) ⊗ B(x₂), the parameters of A first.

    Attributes
    ----------
    outer, inner : Coordinates
        Of A and of B.
    n_outer : int
        Number of parameters of A.
    """

    outer: Coordinates
    inner: Coordinates
    n_outer: int

    def sigma(self, x: Array) -> Array:
        a, b = self.outer.sigma(x[: self.n_outer]), self.inner.sigma(x[self.n_outer :])
        return np.asarray(np.kron(a, b), dtype=np.float64)

    def first(self, x: Array) -> Array:
        one, two = x[: self.n_outer], x[self.n_outer :]
        a, b = self.outer.sigma(one), self.inner.sigma(two)
        return np.concatenate(
            [_products(self.outer.first(one), b[None])[:, 0],
             _products(a[None], self.inner.first(two))[0]]
        )  # fmt: skip

    def second(self, x: Array) -> Array:
        one, two = x[: self.n_outer], x[self.n_outer :]
        a, b = self.outer.sigma(one), self.inner.sigma(two)
        n, k, m = self.n_outer, len(x), len(a) * len(b)
        result = np.zeros((k, k, m, m))
        mixed = _products(self.outer.first(one), self.inner.first(two))
        result[:n, n:], result[n:, :n] = mixed, mixed.transpose(1, 0, 2, 3)
        bent = self.outer.second(one)
        if bent is not None:
            result[:n, :n] = _products(bent.reshape(n * n, *a.shape), b[None]).reshape(n, n, m, m)
        bent = self.inner.second(two)
        if bent is not None:
            r = k - n
            inner = _products(a[None], bent.reshape(r * r, *b.shape))
            result[n:, n:] = inner.reshape(r, r, m, m)
        return result


def _products(left: Array, right: Array) -> Array:
    """Kronecker products of every matrix on the left with every one on the right."""
    product = np.einsum("hab,jcd->hjacbd", left, right)
    m = left.shape[1] * right.shape[1]
    return product.reshape(len(left), len(right), m, m)


@dataclass(frozen=True)
class Bare(Coordinates):
    """A correlation matrix by itself.

    Attributes
    ----------
    correlation : callable
        As in `Scaled`.
    """

    correlation: Callable[[Array], tuple[Array, Array, Array]]

    def sigma(self, x: Array) -> Array:
        return self.correlation(x)[0]

    def first(self, x: Array) -> Array:
        return self.correlation(x)[1]

    def second(self, x: Array) -> Array:
        return self.correlation(x)[2]
