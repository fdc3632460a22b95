"""The pooled answer of several trials, with all that has to stand beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict, get_args

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.distributions import chi2_tail, f_tail, normal_critical, t_critical, t_two_sided
from analysis.errors import ModelError
from analysis.evidence.entries import Entries
from analysis.evidence.heterogeneity import Spread, Tau2, q_profile, typical_variance
from analysis.schema import Horizon, Quantity, result_frame

Array = NDArray[np.float64]
Interval = Literal["normal", "t", "hartung-knapp", "hartung-knapp-floor"]
PredictionDf = Literal["k-2", "k-1", "as interval"]

INTERVAL_WORDS = {
    "normal": "normal interval", "t": "t interval", "hartung-knapp": "Hartung-Knapp interval",
    "hartung-knapp-floor": "Hartung-Knapp interval with factor at least 1",
}  # fmt: skip


class Words(TypedDict, total=False):
    """Words of `MetaAnalysis.tidy` that say what was pooled."""

    therapy: str
    comparator: str
    measure: str
    quantity: Quantity
    horizon: Horizon
    visit: str
    week: float
    certainty: str


@dataclass(frozen=True, eq=False)
class MetaAnalysis:
    """Trials pooled by weighted least squares.

    Attributes
    ----------
    entries : Entries
    exog : ndarray, shape (k, p)
        Columns of the mean: ones alone, or moderators too.
    names : tuple of str
    tau2_method : str
        "common" for one true effect.
    interval : {"normal", "t", "hartung-knapp", "hartung-knapp-floor"}
    params : ndarray, shape (p,)
    cov : ndarray, shape (p, p)
        With the factor of Hartung and Knapp where that was asked for.
    df : float
        k − p; infinite for a normal interval.
    spread : Spread
        tau², Q, I², H².
    llf, aic, bic : float
        Restricted where tau² is by REML, else full likelihood.
    r2 : float
        Percent of tau² that moderators explain; NaN without moderators.
    notes : tuple of str
        What a reader has to know.
    shared_tau2 : bool
        tau² comes from other groups of trials too, so this group has no interval of its own for it.
    """

    entries: Entries
    exog: Array
    names: tuple[str, ...]
    tau2_method: Tau2
    interval: Interval
    params: Array
    cov: Array
    df: float
    spread: Spread
    llf: float
    aic: float
    bic: float
    r2: float
    notes: tuple[str, ...]
    shared_tau2: bool = False

    @property
    def tau2(self) -> float:
        """Between-trial variance; NaN for one trial."""
        return self.spread.tau2

    @property
    def bse(self) -> Array:
        """Standard errors."""
        return np.sqrt(np.diag(self.cov))

    @property
    def tvalues(self) -> Array:
        """Estimates over their standard errors."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.params / self.bse

    @property
    def pvalues(self) -> Array:
        """Two-sided p-values against 0."""
        return t_two_sided(self.tvalues, self.df)

    @property
    def weights(self) -> Array:
        """Share of each trial in the pooled effect, in percent."""
        raw = 1 / (self.entries.variance + np.nan_to_num(self.tau2))
        return 100 * raw / raw.sum()

    def conf_int(self, alpha: float = 0.05) -> Array:
        """Intervals, shape (p, 2)."""
        half = t_critical(alpha / 2, self.df) * self.bse
        return np.column_stack([self.params - half, self.params + half])

    def predict(self, x: ArrayLike | None = None) -> tuple[float, float]:
        """Mean effect and its standard error at moderators.

        Parameters
        ----------
        x : array_like, shape (p,), optional
            With the 1 of the intercept; only the intercept when left out.
        """
        at = np.eye(len(self.params))[0] if x is None else np.asarray(x, dtype=np.float64)
        if at.shape != self.params.shape:
            raise ModelError(
                f"{at.size} values were given for {len(self.params)} columns: {self.names}."
            )
        return float(at @ self.params), float(np.sqrt(at @ self.cov @ at))

    def prediction_interval(
        self, alpha: float = 0.05, df: PredictionDf = "k-2", x: ArrayLike | None = None
    ) -> tuple[float, float]:
        """Where the true effect of a new trial lies.

        Parameters
        ----------
        alpha : float
        df : {"k-2", "k-1", "as interval"}
            Degrees of freedom: k − p − 1 (Higgins, Thompson and Spiegelhalter 2009; Riley 2011),
            k − p, or those of the interval of the mean, as R's metafor does.
        x : array_like, shape (p,), optional
            As in `predict`.

        Returns
        -------
        tuple of float
            NaN where it cannot be told: common effects, one trial, or no degree of freedom left.

        References
        ----------
        Higgins, Thompson and Spiegelhalter 2009, J R Stat Soc A 172:137.
        """
        if df not in get_args(PredictionDf):
            raise ModelError(
                f"df={df!r} is not known; allowed: {', '.join(get_args(PredictionDf))}."
            )
        free = {"k-2": self.spread.q_df - 1, "k-1": self.spread.q_df, "as interval": self.df}[df]
        if self.tau2_method == "common" or free < 1 or np.isnan(self.tau2):
            return np.nan, np.nan
        mean, error = self.predict(x)
        half = float(t_critical(alpha / 2, free) * np.sqrt(error**2 + self.tau2))
        return mean - half, mean + half

    def tau2_conf_int(self, alpha: float = 0.05) -> pd.DataFrame:
        """Q-profile interval of tau² and what follows from it.

        Returns
        -------
        pandas.DataFrame
            Rows tau2, tau, i2, h2; columns estimate, conf_low, conf_high. NaN for one trial, and
            for a tau² that groups share.
        """
        if self.spread.q_df == 0 or self.shared_tau2:
            values, typical = (np.nan,) * 3, np.nan
        else:
            y, v = self.entries.effect, self.entries.variance
            values = (self.tau2, *q_profile(y, v, self.exog, alpha))
            typical = typical_variance(v, self.exog)
        tau2 = np.array(values)
        rows = [tau2, np.sqrt(tau2), 100 * tau2 / (tau2 + typical), 1 + tau2 / typical]
        return pd.DataFrame(
            rows, ["tau2", "tau", "i2", "h2"], ["estimate", "conf_low", "conf_high"]
        )

    def wald(self, which: ArrayLike | None = None) -> tuple[float, int, float, float]:
        """Test that coefficients are all 0: statistic, its degrees of freedom, p.

        Parameters
        ----------
        which : array_like of int, optional
            Places; all moderators, or the intercept where it stands alone.

        Returns
        -------
        tuple
            Chi-square with m and infinite degrees of freedom for a normal interval, else F with m
            and k − p.
        """
        p = len(self.params)
        places = np.arange(1 if p > 1 else 0, p) if which is None else np.asarray(which)
        b, part = self.params[places], self.cov[np.ix_(places, places)]
        m, statistic = len(places), float(b @ np.linalg.solve(part, b))
        if np.isinf(self.df):
            return statistic, m, np.inf, chi2_tail(statistic, m)
        return statistic / m, m, self.df, f_tail(statistic / m, m, self.df)

    @property
    def method(self) -> str:
        """How it was pooled, in words."""
        if np.isnan(self.tau2):
            return "one trial, normal interval"
        model = (
            "common effect"
            if self.tau2_method == "common"
            else f"random effects ({self.tau2_method})"
        )
        return f"{model}, {INTERVAL_WORDS[self.interval]}"

    def summary_frame(self, alpha: float = 0.05, df: PredictionDf = "k-2") -> pd.DataFrame:
        """The pooled effect in one row, with trials, patients and heterogeneity.

        Parameters
        ----------
        alpha : float
            One minus the level of every interval in the row.
        df : {"k-2", "k-1", "as interval"}
            Of the prediction interval.
        """
        low, high = self.conf_int(alpha)[0]
        tau2 = self.tau2_conf_int(alpha).loc["tau2"]
        predicted = self.prediction_interval(alpha, df)
        return pd.DataFrame([{
            "trials": self.entries.k, "patients": self.entries.patients, "estimate": self.params[0],
            "std_error": self.bse[0], "conf_low": low, "conf_high": high, "p_value": self.pvalues[0],
            "predict_low": predicted[0], "predict_high": predicted[1], "tau2": self.tau2,
            "tau2_low": tau2["conf_low"], "tau2_high": tau2["conf_high"], "q": self.spread.q,
            "q_df": self.spread.q_df, "q_p": self.spread.q_p, "i2": self.spread.i2,
            "method": self.method, "note": " ".join(self.notes),
        }]).astype({"patients": "Int64"})  # fmt: skip

    def forest_frame(self, alpha: float = 0.05, df: PredictionDf = "k-2") -> pd.DataFrame:
        """Each trial and the pooled effect below, as `figures.plot_pooled_forest` takes them.

        Returns
        -------
        pandas.DataFrame
            `row` (trial, pooled, prediction), `study`, `estimate`, `conf_low`, `conf_high`,
            `std_error`, `weight` (percent), `n_therapy`, `n_comparator`, `note`. Intervals of
            trials are normal.
        """
        e, half = self.entries, normal_critical(alpha / 2) * np.sqrt(self.entries.variance)
        trials = pd.DataFrame({
            "row": "trial", "study": e.study, "estimate": e.effect, "conf_low": e.effect - half,
            "conf_high": e.effect + half, "std_error": np.sqrt(e.variance), "weight": self.weights,
            "n_therapy": e.n_therapy, "n_comparator": e.n_comparator, "note": "",
        })  # fmt: skip
        low, high = self.conf_int(alpha)[0]
        predicted = self.prediction_interval(alpha, df)
        pooled = pd.DataFrame({
            "row": ["pooled", "prediction"], "study": ["Pooled", "A new trial"],
            "estimate": self.params[0], "conf_low": [low, predicted[0]],
            "conf_high": [high, predicted[1]], "std_error": [self.bse[0], np.nan],
            "weight": [100.0, np.nan], "n_therapy": e.n_therapy.sum(),
            "n_comparator": e.n_comparator.sum(), "note": self.heterogeneity,
        })  # fmt: skip
        frame = pd.concat([trials, pooled], ignore_index=True)
        # A control arm that was split between contrasts leaves halves of patients.
        counts = ["n_therapy", "n_comparator"]
        return frame.assign(**{name: frame[name].round().astype("Int64") for name in counts})

    @property
    def heterogeneity(self) -> str:
        """Trials, patients and heterogeneity in one line."""
        e, s = self.entries, self.spread
        least = "" if e.patients is not None else "at least "
        people = f"{least}{e.known_patients:,} patients" if e.known_patients else "patients not known"
        if e.k == 1:
            return f"1 trial, {people}; heterogeneity cannot be told"
        p = "p < 0.001" if s.q_p < 0.001 else f"p = {s.q_p:.3f}"
        tau2 = "" if self.tau2_method == "common" else f", τ² {self.tau2:.3g}"
        return f"{e.k} trials, {people}; I² {s.i2:.0f} %{tau2}, Q {s.q:.1f} on {s.q_df}, {p}"

    def tidy(
        self, *, therapy: str = "", comparator: str = "", measure: str = "", quantity: Quantity = "relief",
        horizon: Horizon = "", visit: str = "", week: float = np.nan, estimand: str = "",
        certainty: str = "", alpha: float = 0.05,
    ) -> pd.DataFrame:  # fmt: skip
        """The pooled effect, and the effect of a new trial, as rows of a result frame.

        Parameters
        ----------
        therapy, comparator, measure, quantity, horizon, visit, week, estimand
            Words for the columns of `analysis.schema.RESULT_COLUMNS`.
        certainty : str
            A judgement, such as GRADE's, that stands in the note of the pooled effect.
        alpha : float

        Returns
        -------
        pandas.DataFrame
            Rows with `estimand` "mean over trials" (or the one given) and "a new trial"; trials,
            patients and heterogeneity stand in `note`.
        """
        shared = {
            "analysis": "pairwise", "measure": measure, "quantity": quantity, "horizon": horizon,
            "therapy": therapy, "comparator": comparator, "visit": visit, "week": week,
            "estimate": self.params[0], "n_therapy": _total(self.entries.n_therapy),
            "n_comparator": _total(self.entries.n_comparator),
        }  # fmt: skip
        low, high = self.conf_int(alpha)[0]
        predicted = self.prediction_interval(alpha)
        judged = [f"certainty: {certainty}"] if certainty else []
        notes = [self.heterogeneity, *judged, *(note.rstrip(".") for note in self.notes)]
        return result_frame([
            {**shared, "estimand": estimand or "mean over trials", "std_error": self.bse[0],
             "df": self.df, "statistic": self.tvalues[0], "p_value": self.pvalues[0],
             "conf_low": low, "conf_high": high, "method": self.method,
             "note": ". ".join(notes)},
            {**shared, "estimand": "a new trial", "conf_low": predicted[0], "conf_high": predicted[1],
             "method": "prediction interval, t with k − 2",
             "note": "" if np.isfinite(predicted[0]) else "needs random effects and three trials"},
        ])  # fmt: skip


def _total(counts: Array) -> int | None:
    total = float(counts.sum())
    return round(total) if np.isfinite(total) else None
