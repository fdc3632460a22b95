"""One structure and its data in a well-posed basis, ready for a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.mmrm.basis import Basis, working_statistics
from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.design import Design
from analysis.mmrm.identify import judge, refuse_too_few, refuse_unidentified
from analysis.mmrm.information import Information, information
from analysis.mmrm.mivque import refuse_unpublished, starting_stack, starting_values
from analysis.mmrm.optimise import Optimum, maximise
from analysis.mmrm.sas import emulate_sas, scale_shift
from analysis.mmrm.stack import Stack
from analysis.mmrm.start import starting_covariance
from analysis.mmrm.statistics import SufficientStatistics


@dataclass(frozen=True, slots=True)
class Workspace:
    """What a search works on.

    Attributes
    ----------
    stack : Stack
    basis : Basis
    model : CovarianceModel
    reml : bool
    offset : float
        −2 log-likelihood in units of the outcome, less that of the working basis.
    visits : tuple of str
        Positions of the covariance in words, for messages.
    """

    stack: Stack
    basis: Basis
    model: CovarianceModel
    reml: bool
    offset: float
    visits: tuple[str, ...]

    @classmethod
    def of(
        cls, statistics: SufficientStatistics, model: CovarianceModel, reml: bool,
        visits: Sequence[str], groups: Sequence[object],
    ) -> Workspace:  # fmt: skip
        """Set up a search.

        Raises
        ------
        ModelError
            The covariance cannot be estimated from these data, and why.
        """
        if model.name == "us":
            refuse_unidentified(statistics, visits, groups)
        working, basis = working_statistics(statistics)
        refuse_too_few(statistics, basis, model, visits, groups)
        stack = Stack.of(working)
        size = len(basis.kept) if reml else 0
        offset = (stack.n_obs - size) * 2 * np.log(basis.scale)
        offset += basis.log_determinant() if reml else 0.0
        return cls(stack, basis, model, reml, float(offset), tuple(visits))

    def search(self, as_sas: Design | None = None) -> tuple[Optimum, Information]:
        """The maximum and what is known of Σ there.

        Parameters
        ----------
        as_sas : Design, optional
            Emulate SAS on data of this design; the emulation reads their order from it.

        Raises
        ------
        ModelError
            There is no maximum to stand on, and why.
        """
        if as_sas is not None:
            refuse_unpublished(self.model, as_sas)
            seen = starting_stack(self.stack, self.basis, self.model, as_sas)
            begin = starting_values(seen, self.model, self.reml)
            optimum = emulate_sas(self.stack, self.model, self.reml, self.offset, begin)
        else:
            start = self.model.start(starting_covariance(self.stack, self.reml))
            optimum = maximise(self.stack, self.model, start, self.reml)
        values = self.model.natural_values(optimum.theta)
        shift = scale_shift(self.model, values, optimum.curvature) if as_sas is not None else 0.0
        known = information(
            self.stack, self.model, values, optimum.point, optimum.curvature, shift
        )
        return optimum, judge(optimum, known, self.model, self.visits)
