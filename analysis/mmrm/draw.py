"""New outcomes drawn from a fit: whole patients, or what is missing given what was observed."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.cohorts import cohorts, laws
from analysis.mmrm.design import Design
from analysis.mmrm.estimates import Estimates
from analysis.mmrm.predict import conditional_rows
from analysis.mmrm.rows import Rows, read_rows

Array = NDArray[np.float64]
Parameters = Literal["fixed", "sampled"]
Seed = int | np.random.Generator


def simulate(
    design: Design,
    estimates: Estimates,
    data: pd.DataFrame | None = None,
    *,
    n_draws: int = 1,
    seed: Seed,
    parameters: Parameters = "fixed",
    conditional: bool = False,
    covariances: Array | None = None,
) -> Array:
    """Draw outcomes of rows from the fitted model.

    Parameters
    ----------
    design : Design
    estimates : Estimates
    data : pandas.DataFrame, optional
        Rows to draw for, patients known or new; the rows used if left out.
    n_draws : int
    seed : int or numpy.random.Generator
        The same seed gives the same numbers on every machine (PCG64; residuals and parameters have
        streams of their own, so residuals do not depend on `parameters`).
    parameters : {"fixed", "sampled"}
        At the estimate, or each draw with coefficients from N(β̂, Φ).
    conditional : bool
        Keep the outcomes that `data` have and draw the others given them (imputation).
    covariances : ndarray, shape (n_draws, groups, m, m), optional
        Σ of each draw for sampled parameters (`covariance_draws`); the estimate if left out.

    Returns
    -------
    ndarray, shape (n_draws, N)
        In the order of the rows; NaN where a row cannot be used (see `read_rows`).

    Raises
    ------
    ModelError
        Rows that the model cannot read, an unknown option, or covariances of another shape.
    """
    _refuse_options(estimates, n_draws, parameters, covariances)
    data = design.frame if data is None else data
    if data is None:
        raise ModelError("The rows of the fit are not at hand. Pass the data to draw outcomes for.")
    rows = read_rows(design, estimates, data, "patient", needs_outcome=conditional)
    noise, source = _streams(seed)
    normal = noise.standard_normal((n_draws, len(rows.usable)))
    beta = np.broadcast_to(estimates.beta, (n_draws, len(estimates.beta)))
    if parameters == "sampled":
        beta = beta + source.standard_normal(beta.shape) @ lower_root(estimates.root).T
    if covariances is None:
        drawn = _outcomes(rows, estimates, beta, normal, conditional)
    else:
        drawn = np.concatenate([
            _outcomes(rows, _moved(estimates, sigma), beta[[k]], normal[[k]], conditional)
            for k, sigma in enumerate(covariances)
        ])  # fmt: skip
    drawn[:, ~rows.usable] = np.nan
    return drawn


def _refuse_options(
    estimates: Estimates, n_draws: int, parameters: str, covariances: Array | None
) -> None:
    if parameters not in get_args(Parameters):
        raise ModelError(
            f"parameters={parameters!r} is not known; allowed: {', '.join(get_args(Parameters))}."
        )
    if not isinstance(n_draws, int | np.integer) or n_draws < 1:
        raise ModelError(f"n_draws={n_draws!r} must be a whole number from 1.")
    if covariances is None:
        return
    if parameters == "fixed":
        raise ModelError(
            "Covariances of each draw go with parameters='sampled'; fixed ones are at the estimate."
        )
    if np.shape(covariances) != (n_draws, *estimates.sigma.shape):
        raise ModelError(
            f"The covariances have shape {np.shape(covariances)}; {n_draws} draws need "
            f"{(n_draws, *estimates.sigma.shape)}."
        )


def generator_of(seed: Seed) -> np.random.Generator:
    """The source of random numbers that a seed stands for.

    Raises
    ------
    ModelError
        It is neither a whole number from 0 nor a Generator.
    """
    if isinstance(seed, np.random.Generator):
        return seed
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise ModelError(f"seed={seed!r} must be a whole number from 0, or a numpy Generator.")
    return np.random.Generator(np.random.PCG64(int(seed)))


def _streams(seed: Seed) -> tuple[np.random.Generator, np.random.Generator]:
    """Sources of the residuals and of the parameters."""
    try:
        noise, source = generator_of(seed).spawn(2)
    except TypeError as error:
        raise ModelError(
            "This Generator cannot be split into streams. Make it with numpy.random.default_rng."
        ) from error
    return noise, source


def covariance_stream(seed: Seed) -> np.random.Generator:
    """A source for drawing covariances that `simulate` with the same seed does not use.

    Raises
    ------
    ModelError
        A seed that is none.
    """
    generator = generator_of(seed)
    return generator.spawn(1)[0] if isinstance(seed, np.random.Generator) else generator.spawn(3)[2]


def lower_root(root: Array) -> Array:
    """The lower triangular root of root root', which does not depend on which root it was."""
    # The stubs overlook mode="r".
    triangle = np.linalg.qr(root.T, mode="r").T  # type: ignore[attr-defined]
    return triangle * np.where(np.diag(triangle) < 0, -1.0, 1.0)


def _moved(estimates: Estimates, sigma: Array) -> Estimates:
    return Estimates(
        estimates.kept, estimates.beta, estimates.root, sigma, estimates.dropped, estimates.alias
    )


def _outcomes(
    rows: Rows, estimates: Estimates, beta: Array, normal: Array, conditional: bool
) -> Array:
    """Means and errors of the usable rows for each row of `beta`; shape (draws, N)."""
    order = rows.order
    known = np.zeros(len(order), dtype=bool)
    contrasts, shift = rows.design, np.zeros(len(rows.usable))
    if conditional:
        contrasts, shift, _ = conditional_rows(rows, estimates)
        known = ~np.isnan(rows.outcome[order])
    values = beta @ contrasts.T + shift
    codes = (rows.subject[order], rows.visit[order], rows.group[order])
    for cohort in cohorts(*codes, known):
        place = order[cohort.rows]
        factors = laws(cohort, estimates.sigma).factors(cohort)[cohort.pattern]
        errors = factors @ np.moveaxis(normal[:, place], 0, 2)
        errors /= np.sqrt(rows.precision[place])[..., None]
        values[:, place] += np.moveaxis(errors, 2, 0)
    return values
