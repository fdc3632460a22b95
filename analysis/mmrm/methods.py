"""Standard errors and degrees of freedom by every method, put together from the pieces of a fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.ddf import column_levels, column_levels_of_statistics
from analysis.mmrm.design import Design
from analysis.mmrm.estimates import Estimates
from analysis.mmrm.inference import (
    SANDWICHES,
    BellMcCaffrey,
    BetweenWithin,
    Degrees,
    Inference,
    Residual,
    Satterthwaite,
    settle,
)
from analysis.mmrm.information import Information
from analysis.mmrm.kenward_roger import adjusted_covariance
from analysis.mmrm.optimise import Optimum
from analysis.mmrm.sandwich import sandwich
from analysis.mmrm.stack import Stack
from analysis.mmrm.statistics import SufficientStatistics

Array = NDArray[np.float64]


def infer(
    stack: Stack, model: CovarianceModel, optimum: Optimum, known: Information, design: Design,
    statistics: SufficientStatistics, estimates: Estimates, df: str, vcov: str | None,
) -> Inference:  # fmt: skip
    """The methods asked for, ready to be applied to contrasts.

    Parameters
    ----------
    stack, model, optimum, known, estimates
        The fit.
    design : Design
        Gives the patients' rows, which a sandwich needs.
    statistics : SufficientStatistics
        In columns of the formula.
    df, vcov : str
        As in `MMRM.fit`.

    Raises
    ------
    ModelError
        Methods that do not go together, or patients' rows that are not at hand.
    """
    df, vcov = settle(df, vcov, optimum.point.reml)
    size = len(estimates.kept)
    cov, note, spread = np.eye(size), "", None
    if vcov.startswith("kenward-roger"):
        cov, note = _adjusted(stack, model, optimum, known, linear=vcov.endswith("linear"))
        vcov = "kenward-roger-linear" if note else vcov
    elif vcov in SANDWICHES:
        spread = sandwich(design.blocks, estimates, vcov)
        cov = spread.standard
    degrees: Degrees
    if df == "residual":
        degrees = Residual(stack.n_obs - size)
    elif df == "between-within":
        degrees = BetweenWithin(
            column_levels_of_statistics(statistics, estimates.kept) if design.observations is None
            else column_levels(design.blocks(), estimates.kept)
        )  # fmt: skip
    elif spread is not None:
        degrees = BellMcCaffrey(spread)
    else:
        degrees = Satterthwaite(known)
    return Inference(df, vcov, cov, degrees, known, note)


def _adjusted(
    stack: Stack, model: CovarianceModel, optimum: Optimum, known: Information, linear: bool
) -> tuple[Array, str]:
    """Kenward and Roger's covariance; without second derivatives where those spoil it."""
    adjusted = adjusted_covariance(stack, model, optimum.point, known, linear)
    if linear or np.linalg.eigvalsh(adjusted)[0] > 0:
        return adjusted, ""
    note = (
        "Kenward-Roger's covariance with second derivatives is not positive definite here; they "
        "were left out (vcov='kenward-roger-linear')."
    )
    return adjusted_covariance(stack, model, optimum.point, known, linear=True), note
