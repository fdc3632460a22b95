"""What was fitted: the data used, the covariance, the likelihood, and the way there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.mmrm.covariance import STRUCTURES
from analysis.mmrm.design import Design
from analysis.mmrm.estimates import Estimates
from analysis.mmrm.inference import Inference
from analysis.mmrm.optimise import Rung

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Attempt:
    """A covariance that was tried, and what became of it."""

    covariance: str
    grouped: bool
    outcome: str

    @property
    def label(self) -> str:
        """The covariance in a few letters."""
        return f"{self.covariance} by group" if self.grouped else self.covariance


@dataclass(frozen=True)
class Fitted:
    """The facts of a fit.

    Nothing of a patient is kept but `design.frame`, which is left out when a fit is pickled.

    Attributes
    ----------
    design : Design
        Formula, columns, visits, rows left out.
    estimates : Estimates
        Of the coefficients that the data determine, and of the covariance.
    inference : Inference
        How standard errors and degrees of freedom are made.
    llf : float
        (Restricted) log-likelihood, with the constant of SAS PROC MIXED and R's mmrm.
    reml, converged : bool
    natural : pandas.Series
        Covariance parameters as SAS has them: variances, covariances, correlations.
    natural_cov : ndarray, shape (k, k)
        Their covariance.
    patterns : pandas.DataFrame
        Missingness patterns: `group` if several, one column a visit (attended or not), `n`
        patients.
    rungs : tuple of Rung
        Steps of the search.
    attempts : tuple of Attempt
        Covariances tried; the last was used.
    groups : tuple
        Covariance groups; one of no name where all patients share a covariance.
    notes : tuple of str
        What a reader should know of the data and the covariance.
    times : tuple of float, or None
        When the visits are, for structures in time.
    """

    design: Design
    estimates: Estimates
    inference: Inference
    llf: float
    reml: bool
    converged: bool
    natural: pd.Series
    natural_cov: Array
    patterns: pd.DataFrame
    rungs: tuple[Rung, ...]
    attempts: tuple[Attempt, ...]
    groups: tuple[object, ...]
    notes: tuple[str, ...]
    times: tuple[float, ...] | None = None

    @property
    def covariance(self) -> pd.DataFrame | dict[object, pd.DataFrame]:
        """Estimated covariance between visits of a patient, in units of the outcome squared.

        A frame, or one for each covariance group.
        """
        positions = self.design.positions
        several = self.design.roles.measure is not None
        names = ["measure", "visit"] if several else ["visit"]
        visits = pd.MultiIndex.from_tuples(positions, names=names) if several else pd.Index(
            positions, name="visit"
        )  # fmt: skip
        frames = [pd.DataFrame(one, index=visits, columns=visits) for one in self.estimates.sigma]
        return frames[0] if len(frames) == 1 else dict(zip(self.groups, frames, strict=True))

    @property
    def covariance_name(self) -> str:
        """Structure of the covariance that was used: "us", "toeph", …"""
        return self.attempts[-1].covariance

    @property
    def covariance_label(self) -> str:
        """The same in words."""
        grouped = f", one for each of {len(self.groups)} groups" if len(self.groups) > 1 else ""
        return f"{STRUCTURES[self.covariance_name]}{grouped}"

    @property
    def covariance_params(self) -> pd.Series:
        """Covariance parameters as SAS has them: variances, covariances, correlations."""
        return self.natural.copy()

    def cov_covariance_params(self) -> pd.DataFrame:
        """Covariance of the covariance parameters: the inverse of their observed information."""
        return pd.DataFrame(self.natural_cov, index=self.natural.index, columns=self.natural.index)

    @property
    def aic(self) -> float:
        """Akaike's criterion, counting covariance parameters only (as SAS and R's mmrm do)."""
        return -2 * self.llf + 2 * self.n_cov_params

    @property
    def aicc(self) -> float:
        """Akaike's criterion with its correction for small samples, as SAS and R's mmrm have it."""
        k = self.n_cov_params
        size = max(k + 2, self.nobs - len(self.estimates.kept))
        return -2 * self.llf + 2 * k * size / (size - k - 1)

    @property
    def bic(self) -> float:
        """Schwarz's criterion with the number of patients, counting covariance parameters only."""
        return float(-2 * self.llf + self.n_cov_params * np.log(self.n_subjects))

    @property
    def n_cov_params(self) -> int:
        """Number of covariance parameters."""
        return len(self.natural)

    @property
    def nobs(self) -> int:
        """Number of values used."""
        visits = self.patterns[list(self.design.positions)].to_numpy(dtype=np.int64)
        return int(visits.sum(axis=1) @ self.patterns["n"].to_numpy())

    @property
    def n_subjects(self) -> int:
        """Number of patients with at least one value used."""
        return int(self.patterns["n"].sum())

    @property
    def n_dropped(self) -> dict[str, int]:
        """Rows left out, by reason."""
        return dict(self.design.dropped)

    @property
    def log(self) -> pd.DataFrame:
        """Each step of the search: its kind, −2 log-likelihood (`value`), Newton decrement."""
        return pd.DataFrame(
            {
                "iteration": [rung.iteration for rung in self.rungs],
                "step": [rung.step for rung in self.rungs],
                "value": [rung.value for rung in self.rungs],
                "decrement": [rung.decrement for rung in self.rungs],
                "halvings": [rung.halvings for rung in self.rungs],
            }
        )

    def glance(self) -> pd.DataFrame:
        """The fit in one row: counts, log-likelihood, criteria, covariance, methods."""
        return pd.DataFrame(
            {
                "nobs": [self.nobs], "n_subjects": [self.n_subjects], "llf": [self.llf],
                "aic": [self.aic], "aicc": [self.aicc], "bic": [self.bic],
                "covariance": [self.covariance_name], "n_cov_params": [self.n_cov_params],
                "method": ["REML" if self.reml else "ML"], "df": [self.inference.df],
                "vcov": [self.inference.vcov], "converged": [self.converged],
            }
        )  # fmt: skip
