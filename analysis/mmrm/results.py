"""What a fit says, in statsmodels' words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.anova import anova
from analysis.mmrm.combination import Combinations, read_weights
from analysis.mmrm.contrasts import ALWAYS_ZERO, NOT_ESTIMABLE, Contrasts, WaldTest, t_inference
from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.covariance_draws import draw_covariances
from analysis.mmrm.draw import covariance_stream, simulate
from analysis.mmrm.fitted import Fitted
from analysis.mmrm.grid import Weights
from analysis.mmrm.lsmeans import LSMeans, least_squares_means
from analysis.mmrm.predict import predict
from analysis.mmrm.residuals import residual_frame
from analysis.mmrm.summary import Summary, summarise

Array = NDArray[np.float64]


class MMRMResults(Fitted):
    """Fitted mixed model for repeated measures.

    Names follow statsmodels. Coefficients that the data do not determine are NaN ("not estimable").
    """

    @cached_property
    def params(self) -> pd.Series:
        """Coefficients, in columns of the formula."""
        values = np.full(len(self.design.columns), np.nan)
        values[self.estimates.kept] = self.estimates.beta
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
        """Degrees of freedom of the coefficients."""
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
        """Covariance of the coefficients, of the kind asked for (`vcov`)."""
        size = len(self.design.columns)
        values = np.full((size, size), np.nan)
        root, kept = self.estimates.root, self.estimates.kept
        values[np.ix_(kept, kept)] = root @ self.inference.cov @ root.T
        names = pd.Index(self.design.columns)
        return pd.DataFrame(values, index=names, columns=names)

    def contrast(
        self,
        matrix: Combinations,
        names: Sequence[str] | None = None,
        alpha: float = 0.05,
        null: float = 0.0,
    ) -> Contrasts:
        """Linear combinations L β with their degrees of freedom and joint covariance.

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
        weights, labels = read_weights(matrix, names, self.design.columns)
        lost = ~self.estimates.estimable(weights)
        inner = weights[:, self.estimates.kept]
        rows = inner @ self.estimates.root
        estimate, degrees = inner @ self.estimates.beta, self.inference.degrees(rows, inner)
        cov = rows @ self.inference.cov @ rows.T
        if lost.any():
            estimate[lost], degrees[lost] = np.nan, np.nan
            cov[lost, :], cov[:, lost] = np.nan, np.nan
        error = np.sqrt(np.maximum(np.diag(cov), 0.0))
        error[error == 0] = np.nan
        table = {"contrast": labels, **t_inference(estimate, error, degrees, alpha, null)}
        nothing = np.where(weights.any(axis=1), "", ALWAYS_ZERO)
        table["note"] = np.where(lost, NOT_ESTIMABLE, nothing).astype(object)
        return Contrasts(table, weights, cov, self)

    def wald_test(self, matrix: Combinations) -> WaldTest:
        """Joint F test of L β = 0.

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
        weights, labels = read_weights(matrix, None, self.design.columns)
        lost = [labels[k] for k in np.flatnonzero(~self.estimates.estimable(weights))]
        inner = weights[:, self.estimates.kept]
        if lost or not inner.any():
            why = f"{lost} are not estimable" if lost else "all weights are 0"
            raise ModelError(f"This joint test cannot be made: {why}. Leave those rows out.")
        rows, estimate = inner @ self.estimates.root, inner @ self.estimates.beta
        return self.inference.joint(rows, inner, estimate)

    def lsmeans(
        self,
        specs: str | Sequence[str],
        by: str | Sequence[str] | None = None,
        weights: Weights = "equal",
        at: Mapping[str, Any] | None = None,
        alpha: float = 0.05,
        alternative: Literal["two-sided", "greater", "less"] = "two-sided",
        data: pd.DataFrame | None = None,
    ) -> LSMeans:
        """LS means of a factor (or a combination of factors), within levels of `by`.

        Numeric columns are held at their mean over the rows used (as SAS and R's emmeans do).

        Parameters
        ----------
        specs, by : str or sequence of str
            Names of factors in the formula, or of the visit.
        weights : {"equal", "proportional", "counterfactual"}
            How other factors are averaged. "equal": each combination of levels alike (SAS LSMEANS).
            "proportional": by its share of the rows used (R's emmeans). "counterfactual": the
            average over the patients, each counted once with their own covariates, had all had
            this level at this visit. It is the only one with a causal reading where covariates
            interact with the arm: differences are then effects in these patients, not in a patient
            with average covariates. Covariates that change within a patient are taken from the
            patient's first row; an unnamed visit is averaged with equal weights. Standard errors
            take the patients' covariates as given.
        at : mapping, optional
            Values to use instead: a number or a list of numbers for a numeric column (a list adds
            the column to `by`), a level or a list of levels for a factor.
        alpha : float
            One minus the confidence level.
        alternative : {"two-sided", "greater", "less"}
            One-sided intervals have one finite bound, the lower for "greater".
        data : pandas.DataFrame, optional
            For "counterfactual": the patients to average over (for instance all randomised), by
            default those with a value used.

        Raises
        ------
        ModelError
            Unknown names, levels or options; counterfactual weights without patients.
        """
        return least_squares_means(self, specs, by, weights, at, alpha, alternative, data)

    def anova(self, type: Literal["II", "III"] = "III") -> pd.DataFrame:
        """F tests of each term of the formula; see `analysis.mmrm.anova.anova`."""
        return anova(self, type)

    @property
    def resid(self) -> pd.Series:
        """Observed minus fitted, of the rows used, with the index of the data."""
        return self.residuals()["residual"].rename("resid")

    @property
    def fittedvalues(self) -> pd.Series:
        """Fitted means of the rows used, with the index of the data."""
        return self.residuals()["fitted"].rename("fittedvalues")

    def residuals(
        self, kind: Literal["response", "pearson", "normalized"] = "response"
    ) -> pd.DataFrame:
        """Residuals of the rows used; see `analysis.mmrm.residuals.residual_frame`."""
        return residual_frame(self.design, self.estimates, kind)

    def predict(
        self,
        data: pd.DataFrame | None = None,
        conditional: bool = False,
        interval: Literal["confidence", "prediction"] | None = None,
        alpha: float = 0.05,
    ) -> pd.DataFrame:
        """Means of rows, or what a patient's own values say of the patient's other visits.

        Normal quantiles, as R's mmrm has them; see `analysis.mmrm.predict.predict`.

        Parameters
        ----------
        data : pandas.DataFrame, optional
            The rows used when left out.
        conditional, interval, alpha
            As there.
        """
        rows = self.design.frame if data is None else data
        if rows is None:
            raise ModelError("This fit has no patients' rows; pass data=.")
        return predict(
            self.design, self.estimates, rows, conditional=conditional, interval=interval,
            alpha=alpha,
        )  # fmt: skip

    def simulate(
        self,
        data: pd.DataFrame | None = None,
        n_draws: int = 1,
        *,
        seed: int | np.random.Generator,
        conditional: bool = False,
        parameters: Literal["fixed", "sampled", "all"] = "fixed",
    ) -> Array:
        """New outcomes from the fitted model, (n_draws, N); see `analysis.mmrm.draw.simulate`.

        `parameters="all"` draws the covariance of each draw too (`draw_covariances`), which
        "sampled" leaves at the estimate.
        """
        covariances = None
        if parameters == "all":
            covariances = self.draw_covariances(n_draws, seed=covariance_stream(seed))
            parameters = "sampled"
        return simulate(
            self.design, self.estimates, data, n_draws=n_draws, seed=seed, parameters=parameters,
            conditional=conditional, covariances=covariances,
        )  # fmt: skip

    def draw_covariances(self, n_draws: int, *, seed: int | np.random.Generator) -> Array:
        """Covariances from the normal approximation to what the fit knows of Σ.

        The approximation is made in the unbounded coordinates of the structure, so that every draw
        has the structure and is positive definite; see `analysis.mmrm.covariance_draws`.

        Parameters
        ----------
        n_draws : int
        seed : int or numpy.random.Generator

        Returns
        -------
        ndarray, shape (n_draws, groups, m, m)

        Raises
        ------
        ModelError
            Hardly any draw would be positive definite, or an option is not known.
        """
        model = CovarianceModel.of(
            self.covariance_name, self.design.visits, self.design.measures, self.times,
            len(self.groups),
        )  # fmt: skip
        return draw_covariances(
            model, self.estimates.sigma, self.natural.to_numpy(), self.natural_cov, n_draws, seed
        )

    def tidy(self) -> pd.DataFrame:
        """Coefficients as a frame: term, estimate, std_error, df, statistic, p_value, interval."""
        return self._table.frame.rename(columns={"contrast": "term"}).copy()

    def summary(self) -> Summary:
        """What was fitted and what came out, as text or HTML; no dates, no paths."""
        return summarise(self)

    def __repr__(self) -> str:
        return (
            f"<MMRMResults: {self.nobs} values of {self.n_subjects} patients at "
            f"{len(self.design.visits)} visits, {self.covariance_name}, "
            f"{'REML' if self.reml else 'ML'} log-likelihood {self.llf:.4f}>"
        )
