"""The iterations of SAS PROC MIXED, for those who must reproduce its digits.

SAS starts at MIVQUE0, takes full Newton steps in the elements of Σ and stops when the relative
Hessian criterion falls below 1e-8, which is before the maximum: most differences between SAS and
other programs in the fifth digit come from there (docs/methods.md section 10.1).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.likelihood import Point, curvature, evaluate, minimum_norm_equations
from analysis.mmrm.optimise import Optimum, Rung
from analysis.mmrm.stack import Stack

Array = NDArray[np.float64]

# SAS's CONVH criterion, and its largest number of iterations.
CONVH = 1e-8
MAX_ITERATIONS = 50


def emulate_sas(
    stack: Stack, model: CovarianceModel, reml: bool, offset: float
) -> Optimum:
    """Iterate as PROC MIXED does, and stop where it stops.

    Parameters
    ----------
    stack : Stack
    model : CovarianceModel
        Unstructured.
    reml : bool
    offset : float
        −2 log-likelihood in the units of the outcome less that of the working basis: SAS's
        criterion is relative to its size.

    Raises
    ------
    ModelError
        A structure other than unstructured, or iterations that leave the positive definite
        matrices.
    """
    if model.name != "us":
        raise ModelError(
            f"emulate='sas' is for covariance='us'; for {model.name!r} SAS's iterations are not "
            "documented. Without it estimates and standard errors agree with SAS to its stopping "
            "rule."
        )
    values = minimum_norm(stack, model)
    log: list[Rung] = []
    for iteration in range(MAX_ITERATIONS):
        point = _at(stack, model, values, reml, iteration)
        bent = curvature(stack, point)
        step = np.linalg.solve(bent.hessian, bent.gradient)
        decrement = float(bent.gradient @ step)
        name = "newton" if iteration else "mivque0"
        log.append(Rung(iteration, name, point.value, decrement, 0))
        if abs(decrement) < CONVH * abs(point.value + offset):
            theta = model.start(point.sigma)
            return Optimum(theta, point, bent, True, tuple(log))
        values = values - step
    raise ModelError(
        f"emulate='sas' did not converge within {MAX_ITERATIONS} iterations. Fit without it."
    )


def minimum_norm(stack: Stack, model: CovarianceModel) -> Array:
    """MIVQUE0 estimates of the elements of Σ: quadratic, unbiased, best where Ω = I."""
    identity = np.broadcast_to(
        np.eye(stack.n_visits), (model.n_groups, stack.n_visits, stack.n_visits)
    )
    point = evaluate(stack, identity, reml=True)
    if point is None:
        raise ModelError("emulate='sas' cannot start: the design is not of full rank.")
    matrix, right = minimum_norm_equations(stack, point)
    return np.linalg.solve(matrix, right)


def _at(
    stack: Stack, model: CovarianceModel, values: Array, reml: bool, iteration: int
) -> Point:
    point = evaluate(stack, model.sigma(values, "natural"), reml)
    if point is None:
        raise ModelError(
            f"emulate='sas': the covariance after {iteration} iterations is not positive "
            "definite, as SAS would say of it too. Fit without it."
        )
    return point
