"""The structures by name, and what each does with the covariance of one group of patients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.covariance.coordinates import Coordinates, Linear, Scaled, Spread
from analysis.mmrm.covariance.correlation import (
    Ante,
    Correlation,
    autoregressive,
    exchangeable,
    exponential,
    gaussian,
    independent,
    toeplitz,
)
from analysis.mmrm.covariance.kronecker import Bare, Kronecker, Pinned
from analysis.mmrm.covariance.unstructured import LogCholesky, elements, pairs

Array = NDArray[np.float64]

STRUCTURES = {
    "us": "unstructured",
    "toeph": "heterogeneous Toeplitz",
    "toep": "Toeplitz",
    "ar1h": "heterogeneous autoregressive of order 1",
    "ar1": "autoregressive of order 1",
    "adh": "heterogeneous ante-dependence of order 1",
    "ad": "ante-dependence of order 1",
    "csh": "heterogeneous compound symmetry",
    "cs": "compound symmetry",
    "diag": "independent visits, a variance each",
    "sp_exp": "exponential in time",
    "sp_gau": "Gaussian in time",
    "un@un": "unstructured between outcomes, unstructured between visits (Kronecker)",
    "un@cs": "unstructured between outcomes, compound symmetry between visits (Kronecker)",
    "un@ar1": "unstructured between outcomes, autoregressive between visits (Kronecker)",
}
"""Structures by their short names, and what each stands for; the names are those of R's mmrm."""
ALIASES = {"un": "us", "ante1": "adh", "arh1": "ar1h", "ar(1)": "ar1", "sp_pow": "sp_exp"}


class Structure(Protocol):
    """Covariance of m visits, in coordinates for the search and in natural parameters.

    Attributes
    ----------
    search, natural : Coordinates
        `search` is unconstrained, or a step out of the positive definite matrices is refused.
    logged : ndarray of bool, shape (k,)
        Which search coordinates are logarithms of a standard deviation.
    labels : tuple of str
        Names of the k natural parameters.
    squared : ndarray of bool, shape (k,)
        Which natural parameters are in units of the outcome squared.
    """

    @property
    def search(self) -> Coordinates: ...

    @property
    def natural(self) -> Coordinates: ...

    @property
    def logged(self) -> NDArray[np.bool_]: ...

    @property
    def labels(self) -> tuple[str, ...]: ...

    @property
    def squared(self) -> NDArray[np.bool_]: ...

    def start(self, sigma: Array) -> Array:
        """Search coordinates near a positive definite matrix, exact if it has the structure."""

    def natural_values(self, theta: Array) -> Array:
        """Natural parameters of the matrix at search coordinates `theta`; shape (k,)."""


@dataclass(frozen=True)
class Unstructured:
    """m (m + 1) / 2 free elements."""

    search: LogCholesky
    natural: Linear
    logged: NDArray[np.bool_]
    labels: tuple[str, ...]

    @classmethod
    def of(cls, visits: Sequence[object]) -> Unstructured:
        """For the visits named."""
        rows, columns = pairs(len(visits))
        names = [str(visit) for visit in visits]
        labels = tuple(
            f"var[{names[a]}]" if a == b else f"cov[{names[a]},{names[b]}]"
            for a, b in zip(rows, columns, strict=True)
        )
        return cls(LogCholesky(len(names)), elements(len(names)), rows == columns, labels)

    @property
    def squared(self) -> NDArray[np.bool_]:
        return np.ones(len(self.labels), dtype=np.bool_)

    def start(self, sigma: Array) -> Array:
        return self.search.coordinates(sigma)

    def natural_values(self, theta: Array) -> Array:
        return self.search.sigma(theta)[pairs(self.search.m)]


@dataclass(frozen=True)
class ScaledCorrelation:
    """One standard deviation, or one a visit, and a correlation with few parameters.

    Natural parameters are variances and correlations; or, where Σ is linear in variances and
    covariances, those.
    """

    search: Scaled
    natural: Coordinates
    logged: NDArray[np.bool_]
    labels: tuple[str, ...]
    correlation: Correlation

    @classmethod
    def of(
        cls, visits: Sequence[object], correlation: Correlation, heterogeneous: bool,
        linear: Mapping[str, Array] | None = None,
    ) -> ScaledCorrelation:  # fmt: skip
        """For the visits named.

        Parameters
        ----------
        visits : sequence
        correlation : Correlation
        heterogeneous : bool
            A standard deviation for each visit, or one for all.
        linear : mapping of str to ndarray, optional
            For a structure that is linear in variances and covariances x, Σ = Σ_h x_h B_h: their
            names and the B_h.
        """
        spread = Spread(heterogeneous, True, len(visits))
        search = Scaled(spread, correlation.search())
        variances = [f"var[{visit}]" for visit in visits] if heterogeneous else ["variance"]
        labels = (*variances, *correlation.labels)
        natural: Coordinates
        if linear is None:
            natural = Scaled(Spread(heterogeneous, False, len(visits)), correlation.expand)
        else:
            natural, labels = Linear(np.array(list(linear.values()))), tuple(linear)
        logged = np.arange(len(labels)) < spread.size
        return cls(search, natural, logged, labels, correlation)

    @property
    def squared(self) -> NDArray[np.bool_]:
        return self.logged | isinstance(self.natural, Linear)

    def start(self, sigma: Array) -> Array:
        size = self.search.spread.size
        variance = np.diag(sigma) if size > 1 else np.array([np.diag(sigma).mean()])
        deviation = np.sqrt(np.diag(sigma))
        rho = self.correlation.start(sigma / np.outer(deviation, deviation))
        return np.concatenate([0.5 * np.log(variance), self.correlation.unbounded(rho)])

    def natural_values(self, theta: Array) -> Array:
        size = self.search.spread.size
        if isinstance(self.natural, Linear):
            basis = self.natural.basis.reshape(len(self.labels), -1).T
            solved = np.linalg.lstsq(basis, self.search.sigma(theta).ravel(), rcond=None)[0]
            return np.asarray(solved, dtype=np.float64)
        return np.concatenate(
            [np.exp(2 * theta[:size]), self.correlation.bounded(theta[size:])]
        )


@dataclass(frozen=True)
class KroneckerStructure:
    """A ⊗ B: A unstructured between outcomes, B between visits with its first element 1."""

    search: Kronecker
    natural: Kronecker
    logged: NDArray[np.bool_]
    labels: tuple[str, ...]
    n_measures: int
    correlation: Correlation | None

    @classmethod
    def of(
        cls, measures: Sequence[object], visits: Sequence[object], correlation: Correlation | None
    ) -> KroneckerStructure:
        """For the outcomes and visits named; B is unstructured where `correlation` is None."""
        outer, q = Unstructured.of(measures), len(measures)
        n = len(outer.labels)
        inner: Coordinates
        inner_natural: Coordinates
        if correlation is None:
            free = Unstructured.of(visits)
            inner, inner_natural = Pinned(free.search, 0.0), Pinned(free.natural, 1.0)
            labels, logged = free.labels[1:], free.logged[1:]
        else:
            inner, inner_natural = Bare(correlation.search()), Bare(correlation.expand)
            labels, logged = correlation.labels, np.zeros(len(correlation.labels), dtype=bool)
        return cls(
            Kronecker(outer.search, inner, n), Kronecker(outer.natural, inner_natural, n),
            np.concatenate([outer.logged, logged]), (*outer.labels, *labels), q, correlation,
        )  # fmt: skip

    @property
    def squared(self) -> NDArray[np.bool_]:
        return np.arange(len(self.labels)) < self.search.n_outer

    def start(self, sigma: Array) -> Array:
        q = self.n_measures
        blocks = sigma.reshape(q, len(sigma) // q, q, -1)
        within = [blocks[a, :, a, :] / blocks[a, 0, a, 0] for a in range(q)]
        inner = np.mean(within, axis=0)
        between = np.einsum("ajbj->jab", blocks) / np.diag(inner)[:, None, None]
        theta = LogCholesky(q).coordinates(between.mean(axis=0))
        if self.correlation is None:
            free = LogCholesky(len(inner)).coordinates(inner / inner[0, 0])
            return np.concatenate([theta, free[1:]])
        deviation = np.sqrt(np.diag(inner))
        rho = self.correlation.start(inner / np.outer(deviation, deviation))
        return np.concatenate([theta, self.correlation.unbounded(rho)])

    def natural_values(self, theta: Array) -> Array:
        n = self.search.n_outer
        outer = self.search.outer.sigma(theta[:n])[pairs(self.n_measures)]
        if self.correlation is not None:
            return np.concatenate([outer, self.correlation.bounded(theta[n:])])
        inner = self.search.inner.sigma(theta[n:])
        return np.concatenate([outer, inner[pairs(len(inner))][1:]])


def structure_name(name: str) -> str:
    """Our name of a structure that may be called by SAS's.

    Raises
    ------
    ModelError
        A name that is not known.
    """
    known = str(name).lower()
    known = ALIASES.get(known, known)
    if known not in STRUCTURES:
        raise ModelError(
            f"covariance={name!r} is not known; the structures are {', '.join(STRUCTURES)}."
        )
    return known


def find_structure(
    name: str,
    visits: Sequence[object],
    times: Array | None = None,
    measures: Sequence[object] = (None,),
) -> Structure:
    """The structure of that name for these visits.

    Parameters
    ----------
    name : str
        One of `STRUCTURES`; SAS's names work too.
    visits : sequence
        Labels of the m visits.
    times : ndarray, shape (m,), optional
        When the visits are; needed by structures in time, 1 to m when left out.
    measures : sequence
        Labels of several outcomes per patient.

    Raises
    ------
    ModelError
        A name that is not known, or that does not go with the number of outcomes.
    """
    known = structure_name(name)
    if "@" in known:
        if len(measures) < 2 or len(visits) < 2:
            raise ModelError(
                f"covariance={name!r} is for several outcomes at several visits: name the column "
                "that says which outcome a row holds with measure=."
            )
        inner = {"un": None, "cs": exchangeable, "ar1": autoregressive}
        chosen = inner[known.split("@")[1]]
        return KroneckerStructure.of(measures, visits, chosen and chosen(len(visits)))
    if len(measures) > 1:
        visits = [f"{measure} {visit}" for measure in measures for visit in visits]
        if known != "us":
            raise ModelError(
                f"covariance={name!r} is for one outcome per patient; with several use 'us', "
                "'un@un', 'un@cs' or 'un@ar1'."
            )
    m = len(visits)
    if known == "us" or m == 1:
        return Unstructured.of(visits)
    return _scaled(known, visits, np.arange(1.0, m + 1) if times is None else times)


def _scaled(name: str, visits: Sequence[object], times: Array) -> ScaledCorrelation:
    m = len(visits)
    plain, heterogeneous = name.removesuffix("h"), name.endswith("h") or name == "diag"
    correlation: Correlation = {
        "cs": lambda: exchangeable(m),
        "toep": lambda: toeplitz(m),
        "ar1": lambda: autoregressive(m),
        "ad": lambda: Ante(m),
        "diag": lambda: independent(m),
        "sp_exp": lambda: exponential(times),
        "sp_gau": lambda: gaussian(times),
    }[plain]()
    linear: dict[str, Array] | None = None
    if name == "cs":
        linear = {"covariance": np.ones((m, m)), "residual": np.eye(m)}
    elif name == "toep":
        lags = {f"cov[{lag}]": mark for lag, mark in enumerate(toeplitz(m).marks, start=1)}
        linear = {"variance": np.eye(m), **lags}
    return ScaledCorrelation.of(visits, correlation, heterogeneous, linear)
