"""The same network as a graph: therapies are nodes, precisions are conductances.

An independent way to the numbers of `network`, by the pseudo-inverse of a Laplacian, and the way to
evidence flow (Rücker 2012, Res Synth Methods 3:312).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.evidence.contrasts import Contrasts
from analysis.evidence.network import between_trials
from analysis.evidence.pieces import require_one_piece

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Graph:
    """A network of resistances.

    Attributes
    ----------
    therapies : tuple of str, length T
    laplacian : ndarray, shape (T, T)
        X'V⁻¹X over all arms. A trial of several arms enters with the weights that its own variance
        Laplacian gives its edges.
    pseudo_inverse : ndarray, shape (T, T)
    potential : ndarray, shape (T,)
        Relief of each therapy around their mean.
    """

    therapies: tuple[str, ...]
    laplacian: Array
    pseudo_inverse: Array
    potential: Array

    @property
    def weights(self) -> Array:
        """Conductance of every edge, shape (T, T); 0 where no trial compares the two."""
        weights = -self.laplacian.copy()
        np.fill_diagonal(weights, 0.0)
        return weights

    @property
    def resistance(self) -> Array:
        """Variance of every network estimate, L⁺_ii + L⁺_jj − 2 L⁺_ij, shape (T, T)."""
        diagonal = np.diag(self.pseudo_inverse)
        return diagonal[:, None] + diagonal - 2 * self.pseudo_inverse

    @property
    def differences(self) -> Array:
        """Relief with the row's therapy less relief with the column's, shape (T, T)."""
        return self.potential[:, None] - self.potential

    def flow(self, one: int, other: int) -> Array:
        """Evidence that flows along every edge when 1 goes in at `one` and out at `other`.

        The entries of H = BL⁺B'W for this pair, with a sign: flow[a, b] > 0 runs from a to b.
        """
        level = self.pseudo_inverse[:, one] - self.pseudo_inverse[:, other]
        return self.weights * (level[:, None] - level)


def network_graph(contrasts: Contrasts, tau2: float = 0.0) -> Graph:
    """Build the graph of a network with this variance between trials.

    Raises
    ------
    ModelError
        A network in pieces.
    """
    require_one_piece(contrasts)
    names = contrasts.therapies
    arms = contrasts.design(names)
    weighted = np.linalg.solve(contrasts.covariance + tau2 * between_trials(contrasts), arms)
    laplacian = arms.T @ weighted
    laplacian = (laplacian + laplacian.T) / 2
    # The null space of a connected graph is known: adding it back makes the matrix regular.
    constant = np.full(laplacian.shape, 1 / len(names))
    scale = np.trace(laplacian) / len(names)
    inverse = np.linalg.solve(laplacian + scale * constant, np.eye(len(names))) - constant / scale
    return Graph(names, laplacian, inverse, inverse @ (weighted.T @ contrasts.effect))
