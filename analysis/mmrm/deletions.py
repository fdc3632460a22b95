"""The likelihood without each of several patients, each at a covariance of its own.

Sums of products over a pattern, one for each pair of visits, are the same whoever is left out. They
stand for the rows of all; the patient's own are taken off what they give. A column that is 0 at a
visit takes no part in that visit's products, so columns are turned first so that most are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.covariance.unstructured import pairs
from analysis.mmrm.likelihood import by_parameter
from analysis.mmrm.patterns import compress
from analysis.mmrm.stack import Stack

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# A direction of the working columns, which have length 1, of which less than this stands at a visit
# has nothing there but rounding.
ABSENT = 1e-12
# Products kept in memory: 256 MB. More are summed anew whenever they are asked for.
KEPT = 2**25


@dataclass(frozen=True, slots=True)
class Moments:
    """Sums of products of a stack's rows.

    Attributes
    ----------
    stack : Stack
        Nothing is taken away from it.
    turn : ndarray, shape (p, p)
        Orthogonal; working columns times it are local columns.
    columns : tuple of ndarray of int
        For each visit, the local columns that are not 0 there, and last the outcome.
    kept : tuple of ndarray, or None
        What `products` gives, where there is room for it.
    """

    stack: Stack
    turn: Array
    columns: tuple[Integers, ...]
    kept: tuple[Array, ...] | None = field(default=None, repr=False)

    @classmethod
    def of(cls, stack: Stack) -> Moments:
        """Turn the columns of a stack and sum products of its rows."""
        found = cls(stack, *_local(stack))
        sizes = np.array([len(columns) for columns in found.columns])
        if len(stack.weight) * int(sizes.sum()) ** 2 > 2 * KEPT:
            return found
        return replace(found, kept=tuple(found._summed()))

    def products(self) -> Iterator[tuple[int, int, Array]]:
        """Pairs of visits a ≥ b, and sums over each pattern, (P, columns of a × columns of b)."""
        pair = pairs(self.stack.n_visits)
        yield from zip(*pair, self.kept or self._summed(), strict=True)

    def _summed(self) -> Iterator[Array]:
        rows = self.local(self.stack.rows)
        for a, b in zip(*pairs(self.stack.n_visits), strict=True):
            left, right = rows[:, a, self.columns[a]], rows[:, b, self.columns[b]]
            each = left[:, :, None] * right[:, None, :]
            yield np.add.reduceat(each.reshape(len(rows), -1), self.stack.starts, axis=0)

    def local(self, rows: Array) -> Array:
        """Rows (…, p + 1) of working columns and the outcome, in local columns."""
        return np.concatenate([rows[..., :-1] @ self.turn, rows[..., -1:]], axis=-1)


def _local(stack: Stack) -> tuple[Array, tuple[Integers, ...]]:
    """Turn of the columns that leaves as many as can be at one visit only; columns by visit."""
    p, m = stack.n_columns, stack.n_visits
    own = []
    for visit in range(m):
        elsewhere = compress(np.delete(stack.rows[..., :-1], visit, axis=1).reshape(-1, p))
        _, sizes, directions = np.linalg.svd(elsewhere)
        own.append(directions[int((sizes > ABSENT).sum()) :].T)
    ends = np.cumsum([part.shape[1] for part in own])
    if not ends[-1]:
        return np.eye(p), (np.arange(p + 1),) * m
    local = np.column_stack(own)
    # What is left of the space is at several visits.
    everywhere = np.linalg.qr(local, mode="complete")[0][:, ends[-1] :]
    shared = np.arange(ends[-1], p + 1)
    columns = [
        np.concatenate([np.arange(end - part.shape[1], end), shared])
        for part, end in zip(own, ends, strict=True)
    ]
    return np.column_stack([local, everywhere]), tuple(columns)


@dataclass(frozen=True, slots=True)
class Deletions:
    """N patients, each to be left out alone.

    Attributes
    ----------
    moments : Moments
        Of all patients.
    rows : ndarray, shape (N, m, p + 1)
        Of each patient in local columns, 0 at visits not attended.
    pattern : ndarray of int, shape (N,)
        Of each, among the stack's.
    weight : ndarray, shape (N,)
    reml : bool
    """

    moments: Moments
    rows: Array
    pattern: Integers
    weight: Array
    reml: bool

    def gradients(self, sigma: Array, chosen: Integers) -> Array:
        """Gradients of −2 log-likelihood in the elements of the covariance without each of `chosen`.

        Parameters
        ----------
        sigma : ndarray, shape (len(chosen), groups, m, m)
        chosen : ndarray of int

        Returns
        -------
        ndarray, shape (len(chosen), groups k)
            NaN where a covariance or the information is not definite.
        """
        stack, (inverses, beta, root) = self.moments.stack, self._solved(sigma, chosen)
        middle = _middle(beta, root, self.reml)
        number, pattern, rows = np.arange(len(chosen)), self.pattern[chosen], self.rows[chosen]
        spread = self._spread(middle)
        spread[number, pattern] -= rows @ middle @ rows.transpose(0, 2, 1)
        weights = np.tile(stack.weight, (len(chosen), 1))
        weights[number, pattern] -= self.weight[chosen]
        slope = weights[..., None, None] * inverses - inverses @ spread @ inverses
        groups = [slope[:, stack.group == group].sum(axis=1) for group in range(stack.n_groups)]
        flat = np.stack(groups, axis=1).reshape(-1, *slope.shape[2:])
        return by_parameter(2 * flat).reshape(len(chosen), -1)

    def least_squares(self, sigma: Array, chosen: Integers) -> tuple[Array, Array]:
        """Coefficients (N, p) in working columns and roots of their covariances (N, p, p).

        NaN where a covariance or the information is not definite; arguments as of `gradients`.
        """
        _, beta, root = self._solved(sigma, chosen)
        return beta @ self.moments.turn.T, self.moments.turn @ root

    def _solved(self, sigma: Array, chosen: Integers) -> tuple[Array, Array, Array]:
        """Inverses by pattern, (N, P, m, m), and β and its roots in local columns; NaN where not definite."""
        try:
            inverses, total = self._at(sigma, chosen)
            return inverses, *_least_squares(total)
        except np.linalg.LinAlgError:
            # One that is not definite spoils the call for all.
            if len(chosen) > 1:
                each = [self._solved(s[None], i[None]) for s, i in zip(sigma, chosen, strict=True)]
                inverses, beta, root = map(np.concatenate, zip(*each, strict=True))
                return inverses, beta, root
        stack, p = self.moments.stack, self.moments.stack.n_columns
        shapes = (1, *stack.seen.shape, stack.n_visits), (1, p), (1, p, p)
        inverses, beta, root = (np.full(shape, np.nan) for shape in shapes)
        return inverses, beta, root

    def _at(self, sigma: Array, chosen: Integers) -> tuple[Array, Array]:
        """Inverses by pattern, (N, P, m, m), and the others' [X y]'Ω⁻¹[X y], (N, p + 1, p + 1)."""
        stack, columns = self.moments.stack, self.moments.columns
        both = stack.seen[:, :, None] & stack.seen[:, None, :]
        np.linalg.cholesky(sigma)
        padded = np.where(both, sigma[:, stack.group], np.eye(stack.n_visits))
        half = np.linalg.inv(np.linalg.cholesky(padded))
        inverses = np.where(both, np.swapaxes(half, -1, -2) @ half, 0.0)
        rows, own = self.rows[chosen], inverses[np.arange(len(chosen)), self.pattern[chosen]]
        # Half of it, so that adding its mirror image counts everything once.
        total = -0.5 * np.swapaxes(rows, -1, -2) @ (own @ rows)
        for a, b, products in self.moments.products():
            known = inverses[:, :, a, b] @ products * (0.5 if a == b else 1.0)
            place = np.ix_(columns[a], columns[b])
            total[:, place[0], place[1]] += known.reshape(len(chosen), len(columns[a]), -1)
        return inverses, total + np.swapaxes(total, -1, -2)

    def _spread(self, middle: Array) -> Array:
        """Sums over each pattern's rows of x_a M x_b'; (N, P, m, m)."""
        stack, columns = self.moments.stack, self.moments.columns
        found = np.empty((len(middle), len(stack.weight), stack.n_visits, stack.n_visits))
        for a, b, products in self.moments.products():
            place = np.ix_(columns[a], columns[b])
            part = middle[:, place[0], place[1]].reshape(len(middle), -1) @ products.T
            found[:, :, a, b] = found[:, :, b, a] = part
        return found


def _least_squares(total: Array) -> tuple[Array, Array]:
    """β, (N, p), and roots of its covariance, (N, p, p), from [X y]'Ω⁻¹[X y]."""
    half = np.linalg.inv(np.linalg.cholesky(total[:, :-1, :-1]))
    root = np.swapaxes(half, -1, -2)
    return (root @ (half @ total[:, :-1, -1:]))[..., 0], root


def _middle(beta: Array, root: Array, reml: bool) -> Array:
    """M of which x M x' is a row's squared residual and, for REML, its leverage; (N, p + 1, p + 1)."""
    away = np.concatenate([-beta, np.ones((len(beta), 1))], axis=1)
    middle = away[:, :, None] * away[:, None, :]
    if reml:
        middle[:, :-1, :-1] += root @ np.swapaxes(root, -1, -2)
    return middle
