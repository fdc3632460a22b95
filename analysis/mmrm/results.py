"""What a fit says, in statsmodels' words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.linalg import cho_factor, cho_solve, solve_triangular

from analysis.errors import ModelError
from analysis.mmrm.basis import Basis
from analysis.mmrm.contrasts import NOT_ESTIMABLE, Contrasts, WaldTest, t_inference
from analysis.mmrm.design import Design
from analysis.mmrm.lsmeans import LSMeans, reference_rows
from analysis.mmrm.optimise import Optimum
from analysis.mmrm.satterthwaite import degrees_of_freedom, joint_degrees_of_freedom
from analysis.mmrm.statistics import SufficientStatistics
from analysis.mmrm.summary import Summary, summarise

Array = NDArray[np.float64]

# Combinations of a joint test whose variance is below this share of the largest repeat the others.
RANK_SHARE = 1e-8
# A contrast belongs to the estimable space if it departs from it by less than this share.
ESTIMABLE_TOLERANCE = 1e-8


@dataclass(frozen=True)
class MMRMResults:
    """Fitted mixed model for repeated measures.

    Names follow statsmodels. Coefficients that the data do not determine are NaN ("not estimable").

    Attributes
    ----------
    design : Design
        Formula, columns, visits, rows left out.
    statistics : SufficientStatistics
        In the working basis.
    optimum : Optimum
        End of the search and its log.
    reml : bool
    """

    design: Design
    statistics: SufficientStatistics
    basis: Basis
    optimum: Optimum
    reml: bool

    @cached_property
    def _cov_kept(self) -> Array:
        half = solve_triangular(self.basis.triangle, self.optimum.point.root)
        return self.basis.scale**2 * (half @ half.T)

    @cached_property
    def _cov_theta(self) -> Array:
        """Inverse of the observed information, ½ × second derivatives of −2 log-likelihood."""
        hessian = self.optimum.curvature.hessian
        scale = np.sqrt(np.diag(hessian))
        factor = cho_factor(hessian / np.outer(scale, scale), lower=True)
        return 2 * cho_solve(factor, np.eye(len(scale))) / np.outer(scale, scale)

    @cached_property
    def params(self) -> pd.Series:
        """Coefficients, in columns of the formula."""
        values = np.full(len(self.design.columns), np.nan)
        values[self.basis.kept] = self.basis.coefficients(self.optimum.point.beta)
        return pd.Series(values, index=pd.Index(self.design.columns), name="params")

    @cached_property
    def _table(self) -> Contrasts:
        return self.contrast(np.eye(len(self.design.columns)), names=list(self.design.columns))

    def _column(self, name: str, called: str) -> pd.Series:
        values = self._table.frame[name].to_numpy()
        return pd.Series(values, index=pd.Index(self.design.columns), name=called)

    @property
    def bse(self) -> pd.Series:
        """Standard errors of the coefficients."""
        return self._column("std_error", "bse")

    @property
    def df(self) -> pd.Series:
        """Satterthwaite degrees of freedom of the coefficients."""
        return self._column("df", "df")

    @property
    def tvalues(self) -> pd.Series:
        """Coefficients divided by their standard errors."""
        return self._column("statistic", "tvalues")

    @property
    def pvalues(self) -> pd.Series:
        """Two-sided p-values."""
        return self._column("p_value", "pvalues")

    def conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Confidence intervals of the coefficients; columns 0 and 1, as in statsmodels."""
        table = self.contrast(np.eye(len(self.design.columns)), alpha=alpha).frame
        bounds = table[["conf_low", "conf_high"]].to_numpy()
        return pd.DataFrame(bounds, index=pd.Index(self.design.columns), columns=[0, 1])

    def cov_params(self) -> pd.DataFrame:
        """Model-based covariance of the coefficients, (X'Ω⁻¹X)⁻¹."""
        size = len(self.design.columns)
        values = np.full((size, size), np.nan)
        values[np.ix_(self.basis.kept, self.basis.kept)] = self._cov_kept
        names = pd.Index(self.design.columns)
        return pd.DataFrame(values, index=names, columns=names)

    @property
    def covariance(self) -> pd.DataFrame:
        """Estimated covariance between visits of a patient, in units of the outcome squared."""
        visits = pd.Index(self.design.visits, name="visit")
        values = self.basis.scale**2 * self.optimum.point.sigma
        return pd.DataFrame(values, index=visits, columns=visits)

    @property
    def llf(self) -> float:
        """(Restricted) log-likelihood, with the constant of SAS PROC MIXED and R's mmrm."""
        size = len(self.basis.kept) if self.reml else 0
        value = self.optimum.point.value
        value += (self.statistics.n_obs - size) * 2 * np.log(self.basis.scale)
        if self.reml:
            value += self.basis.log_determinant()
        return float(-value / 2)

    @property
    def aic(self) -> float:
        """Akaike's criterion, counting covariance parameters only (as SAS and R's mmrm do)."""
        return -2 * self.llf + 2 * self.n_cov_params

    @property
    def bic(self) -> float:
        """Schwarz's criterion with the number of patients, counting covariance parameters only."""
        return float(-2 * self.llf + self.n_cov_params * np.log(self.n_subjects))

    @property
    def n_cov_params(self) -> int:
        """Number of covariance parameters, m (m + 1) / 2."""
        return len(self.optimum.curvature.gradient)

    @property
    def nobs(self) -> int:
        """Number of values used."""
        return self.statistics.n_obs

    @property
    def n_subjects(self) -> int:
        """Number of patients with at least one value used."""
        return self.statistics.n_subjects

    @property
    def n_dropped(self) -> dict[str, int]:
        """Rows left out, by reason."""
        return dict(self.design.dropped)

    @property
    def converged(self) -> bool:
        """Whether the search ended at a maximum."""
        return self.optimum.converged

    @property
    def patterns(self) -> pd.DataFrame:
        """Missingness patterns: one column a visit (attended or not) and `n` patients."""
        rows = []
        for pattern in self.statistics.patterns:
            seen = set(pattern.visits)
            rows.append([k in seen for k in range(len(self.design.visits))] + [pattern.n])
        return pd.DataFrame(rows, columns=[*self.design.visits, "n"])

    @property
    def log(self) -> pd.DataFrame:
        """Each step of the search: its kind, −2 log-likelihood (`value`), Newton decrement."""
        offset = -2 * self.llf - self.optimum.point.value
        rows = [
            {"iteration": r.iteration, "step": r.step, "value": r.value + offset,
             "decrement": r.decrement, "halvings": r.halvings}
            for r in self.optimum.log
        ]  # fmt: skip
        return pd.DataFrame(rows)

    def contrast(
        self,
        matrix: Array | Sequence[Sequence[float]] | Mapping[str, Mapping[str, float]],
        names: Sequence[str] | None = None,
        alpha: float = 0.05,
        null: float = 0.0,
    ) -> Contrasts:
        """Linear combinations L β with Satterthwaite degrees of freedom and joint covariance.

        Parameters
        ----------
        matrix : array of shape (k, p), or mapping
            Weights of the coefficients; a mapping gives, per name, weights by coefficient.
        names : sequence of str, optional
            Names of the rows.
        alpha : float
            One minus the confidence level.
        null : float
            Value under the null hypothesis of the statistic and the p-value.

        Raises
        ------
        ModelError
            A matrix of the wrong shape, or an unknown coefficient.
        """
        weights, labels = self._weights(matrix, names)
        kept, alias = self.basis.kept, self.basis.alias
        inside = weights[:, kept] @ alias
        gap = np.abs(weights[:, self.basis.dropped] - inside).sum(axis=1)
        lost = gap > ESTIMABLE_TOLERANCE * np.abs(weights).sum(axis=1)
        inner = weights[:, kept]
        estimate = inner @ self.basis.coefficients(self.optimum.point.beta)
        cov = inner @ self._cov_kept @ inner.T
        point, bent = self.optimum.point, self.optimum.curvature
        degrees = degrees_of_freedom(
            self.basis.contrast(inner), point.cov, bent.slopes, self._cov_theta
        )
        estimate[lost], degrees[lost] = np.nan, np.nan
        cov[lost, :], cov[:, lost] = np.nan, np.nan
        error = np.sqrt(np.maximum(np.diag(cov), 0.0))
        error[error == 0] = np.nan
        frame = pd.DataFrame(
            {"contrast": labels, **t_inference(estimate, error, degrees, alpha, null)}
        )
        frame["note"] = np.where(lost, NOT_ESTIMABLE, "")
        return Contrasts(frame, weights, cov)

    def wald_test(
        self, matrix: Array | Sequence[Sequence[float]] | Mapping[str, Mapping[str, float]]
    ) -> WaldTest:
        """Joint F test of L β = 0 with Satterthwaite's denominator degrees of freedom.

        Rows that repeat each other are counted once.

        Parameters
        ----------
        matrix : array of shape (k, p), or mapping
            As in `contrast`.

        Raises
        ------
        ModelError
            A row that is not estimable, or no row that is not zero.
        """
        rows = self.contrast(matrix)
        lost = list(rows.frame.loc[rows.frame["note"] != "", "contrast"])
        if lost or not rows.cov.any():
            why = f"{lost} are not estimable" if lost else "all weights are 0"
            raise ModelError(f"This joint test cannot be made: {why}. Leave those rows out.")
        spread, turn = np.linalg.eigh(rows.cov)
        inner = turn[:, spread > RANK_SHARE * spread[-1]].T @ rows.matrix
        table = self.contrast(inner)
        statistic = float(np.mean(table.frame["statistic"] ** 2))
        denominator = joint_degrees_of_freedom(table.df)
        p_value = float(stats.f.sf(statistic, len(inner), denominator)) if denominator else np.nan
        return WaldTest(statistic, len(inner), denominator, p_value)

    def _weights(
        self,
        matrix: Array | Sequence[Sequence[float]] | Mapping[str, Mapping[str, float]],
        names: Sequence[str] | None,
    ) -> tuple[Array, list[str]]:
        size = len(self.design.columns)
        if isinstance(matrix, Mapping):
            rows = pd.DataFrame(0.0, index=list(matrix), columns=list(self.design.columns))
            for name, parts in matrix.items():
                unknown = sorted(set(parts) - set(self.design.columns))
                if unknown:
                    raise ModelError(
                        f"contrast {name!r} weighs {unknown}; coefficients are "
                        f"{list(self.design.columns)}."
                    )
                for column, weight in parts.items():
                    rows.loc[name, column] = float(weight)
            return rows.to_numpy(), [str(name) for name in matrix]
        weights = np.atleast_2d(np.asarray(matrix, dtype=np.float64))
        if weights.ndim != 2 or weights.shape[1] != size or not np.all(np.isfinite(weights)):
            raise ModelError(
                f"A contrast matrix needs finite numbers in {size} columns, one per coefficient; "
                f"this one has shape {weights.shape}."
            )
        labels = [f"c{k + 1}" for k in range(len(weights))] if names is None else list(names)
        if len(labels) != len(weights):
            raise ModelError(f"{len(labels)} names for {len(weights)} contrasts.")
        return weights, labels

    def lsmeans(
        self,
        specs: str | Sequence[str],
        by: str | Sequence[str] | None = None,
        weights: Literal["equal"] = "equal",
        alpha: float = 0.05,
    ) -> LSMeans:
        """LS means of a factor (or a combination of factors), within levels of `by`.

        Parameters
        ----------
        specs, by : str or sequence of str
            Names of factors in the formula, or of the visit.
        weights : {"equal"}
            Other factors are averaged with equal weight per level; numeric columns are held at
            their mean over the rows used.
        alpha : float
            One minus the confidence level.
        """
        if weights != "equal":
            raise ModelError(f"weights={weights!r} is not known; use 'equal'.")
        specs = (specs,) if isinstance(specs, str) else tuple(specs)
        by = () if by is None else (by,) if isinstance(by, str) else tuple(by)
        names = (*by, *specs)
        keys, rows = reference_rows(self.design, names)
        table = self.contrast(rows, alpha=alpha)
        frame = pd.DataFrame({name: [key[k] for key in keys] for k, name in enumerate(names)})
        for name in ("estimate", "std_error", "df", "conf_low", "conf_high"):
            frame[name] = table.frame[name]
        frame["n"] = self.design.margins.patients(names, keys)
        frame["note"] = table.frame["note"]
        return LSMeans(frame, rows, table.cov, specs, by, self)

    def tidy(self) -> pd.DataFrame:
        """Coefficients as a frame: term, estimate, std_error, df, statistic, p_value, interval."""
        return self._table.frame.rename(columns={"contrast": "term"}).copy()

    def summary(self) -> Summary:
        """What was fitted and what came out, as text or HTML; no dates, no paths."""
        return summarise(self)

    def __repr__(self) -> str:
        return (
            f"<MMRMResults: {self.nobs} values of {self.n_subjects} patients at "
            f"{len(self.design.visits)} visits, {'REML' if self.reml else 'ML'} log-likelihood "
            f"{self.llf:.4f}>"
        )
