"""The covariance of all patients: one structure, with parameters of its own in each group."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.covariance.coordinates import Coordinates
from analysis.mmrm.covariance.structure import Structure, find_structure
from analysis.mmrm.covariance.unstructured import pairs

Array = NDArray[np.float64]
System = Literal["search", "natural"]


@dataclass(frozen=True)
class CovarianceModel:
    """A structure for each of several groups of patients.

    Parameters of all groups follow each other: x has n_groups × k elements.

    Attributes
    ----------
    name : str
        Of the structure, in `STRUCTURES`.
    structure : Structure
    n_groups : int
    """

    name: str
    structure: Structure
    n_groups: int

    @classmethod
    def of(
        cls, name: str, visits: Sequence[object], measures: Sequence[object],
        times: Sequence[float] | None, n_groups: int,
    ) -> CovarianceModel:  # fmt: skip
        """The structure of that name for these visits; see `find_structure`."""
        when = None if times is None else np.array(times, dtype=np.float64)
        structure = find_structure(
            name, [str(visit) for visit in visits], when, [str(measure) for measure in measures]
        )
        return cls("us" if len(visits) * len(measures) == 1 else name, structure, n_groups)

    @property
    def size(self) -> int:
        """Number of parameters of all groups."""
        return self.n_groups * len(self.structure.labels)

    @property
    def logged(self) -> NDArray[np.bool_]:
        """Which search coordinates are logarithms of a standard deviation."""
        return np.tile(self.structure.logged, self.n_groups)

    def start(self, sigma: Array) -> Array:
        """Search coordinates near positive definite matrices (groups, m, m)."""
        return np.concatenate([self.structure.start(one) for one in sigma])

    def natural_values(self, theta: Array) -> Array:
        """Natural parameters at search coordinates."""
        return np.concatenate([self.structure.natural_values(part) for part in self._parts(theta)])

    def sigma(self, x: Array, system: System = "search") -> Array:
        """Covariance of each group; shape (groups, m, m)."""
        one = self._system(system)
        return np.array([one.sigma(part) for part in self._parts(x)])

    def jacobian(self, x: Array, system: System = "search") -> Array:
        """Derivatives of the elements of Σ (lower triangle by rows, groups one after the other)."""
        one = self._system(system)

        def part(values: Array, _: int) -> Array:
            first = one.first(values)
            rows, columns = pairs(first.shape[1])
            return first[:, rows, columns].T

        return self._diagonal(x, part)

    def bend(self, x: Array, weights: Array, system: System = "search") -> Array:
        """Second derivatives of Σ_groups tr(weights Σ) for symmetric weights (groups, m, m)."""
        one, k = self._system(system), len(self.structure.labels)
        return self._diagonal(
            x, lambda values, g: np.broadcast_to(one.bend(values, weights[g]), (k, k))
        )

    def second_total(self, x: Array, weights: Array) -> Array | None:
        """Σ_hj weights_hj ∂²Σ/∂x_h∂x_j in natural parameters, or None where all are 0.

        Parameters
        ----------
        x : ndarray, shape (n_groups k,)
        weights : ndarray, shape (n_groups k, n_groups k)

        Returns
        -------
        ndarray, shape (groups, m, m)
        """
        k = len(self.structure.labels)
        totals = []
        for g, values in enumerate(self._parts(x)):
            second = self.structure.natural.second(values)
            if second is None:
                return None
            own = weights[g * k : (g + 1) * k, g * k : (g + 1) * k]
            totals.append(np.tensordot(own, second, axes=2))
        return np.array(totals)

    def _system(self, system: System) -> Coordinates:
        return self.structure.search if system == "search" else self.structure.natural

    def _parts(self, x: Array) -> Array:
        return x.reshape(self.n_groups, -1)

    def _diagonal(self, x: Array, make: Callable[[Array, int], Array]) -> Array:
        blocks = [make(values, g) for g, values in enumerate(self._parts(x))]
        if len(blocks) == 1:
            return np.asarray(blocks[0])
        rows, columns = (np.cumsum([0, *(block.shape[k] for block in blocks)]) for k in (0, 1))
        result = np.zeros((rows[-1], columns[-1]))
        for g, block in enumerate(blocks):
            result[rows[g] : rows[g + 1], columns[g] : columns[g + 1]] = block
        return result
