"""Network meta-analysis by generalised least squares (docs/methods.md, networks of trials)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg

from analysis.distributions import t_critical, t_two_sided
from analysis.errors import ModelError
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.direct import all_patients, direct_between, direct_evidence, therapy_evidence
from analysis.evidence.pieces import require_one_piece
from analysis.evidence.tau_squared import (
    Heterogeneity,
    TauMethod,
    Whitened,
    check_tau2,
    heterogeneity_of,
    whiten,
)  # fmt: skip
from analysis.schema import Horizon, result_frame

Array = NDArray[np.float64]
Model = Literal["random", "common"]
Test = Literal["z", "t", "hartung-knapp", "hartung-knapp-truncated"]
TESTS: tuple[str, ...] = ("z", "t", "hartung-knapp", "hartung-knapp-truncated")

SHOWN = ("estimate", "std_error", "conf_low", "conf_high", "p_value")
NO_REPLICATION = "no spare contrasts: heterogeneity cannot be estimated and is taken as 0"


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """A fitted network.

    Attributes
    ----------
    contrasts : Contrasts
    therapies : tuple of str, length T
        Alphabetical.
    reference : str
        The therapy that others are shown against; no result depends on it.
    model : {"random", "common"}
    test : str
        Normal, t, or Hartung and Knapp's t with the spread of the trials in the standard error.
    level : float
        Of the intervals.
    estimate : ndarray, shape (T,)
        Relief with each therapy less relief with the reference.
    covariance : ndarray, shape (T, T)
        Of `estimate`; 0 in the row of the reference.
    heterogeneity : Heterogeneity
        `tau2` is 0 in a common-effect model.
    df : float
        Degrees of freedom of the intervals; infinite for a normal reference.
    loglik : float
        Restricted log-likelihood, or the full one where τ² is by ML; without ½ log |X'X|.
    note : str
    """

    contrasts: Contrasts
    therapies: tuple[str, ...]
    reference: str
    model: Model
    test: Test
    level: float
    estimate: Array
    covariance: Array
    heterogeneity: Heterogeneity
    df: float
    loglik: float
    note: str = ""

    def __repr__(self) -> str:
        return self.summary()

    @property
    def tau2(self) -> float:
        """Variance of true effects between trials."""
        return self.heterogeneity.tau2

    @property
    def method(self) -> str:
        """One line for the result frame, with trials, τ² and I²."""
        h = self.heterogeneity
        spread = "" if self.model == "common" else f", τ² {h.tau2:.3g} ({h.method})"
        i2 = "" if np.isnan(h.i2) else f", I² {100 * h.i2:.0f} %"
        trials = len(self.contrasts.studies)
        test = "" if self.test == "z" else f", {self.test}"
        return f"network meta-analysis, {self.model} effects{spread}{i2}, {trials} trials{test}"

    def position(self, therapy: str) -> int:
        """Place of a therapy in `therapies`."""
        if therapy not in self.therapies:
            known = ", ".join(self.therapies)
            raise ModelError(f"The network has no {therapy!r}; it has {known}.")
        return self.therapies.index(therapy)

    def combine(self, weights: Array) -> pd.DataFrame:
        """Linear combinations of the therapies' effects, weights of shape (rows, T).

        Returns
        -------
        pandas.DataFrame
            `estimate`, `std_error`, `df`, `statistic`, `p_value`, `conf_low`, `conf_high`.
        """
        estimate = weights @ self.estimate
        error = np.sqrt(np.einsum("ij,jk,ik->i", weights, self.covariance, weights))
        return inference(estimate, error, self.df, self.level)

    def effects(self, comparator: str | None = None) -> pd.DataFrame:
        """Every therapy against one, with what stands behind the number.

        Parameters
        ----------
        comparator : str, optional
            The reference when left out.

        Returns
        -------
        pandas.DataFrame
            `therapy`, `comparator`, the columns of `combine`, `predict_low`, `predict_high` (true
            relief in a new trial), `trials` and `patients` that compared the two directly,
            `network_trials`, `network_patients`, `tau2`, `i2`. Patients are those of trials that
            say how many they had.
        """
        against = self.reference if comparator is None else comparator
        base = self.position(against)
        rows = [place for place in range(len(self.therapies)) if place != base]
        weights = np.eye(len(self.therapies))[rows]
        weights[:, base] -= 1
        names = [self.therapies[place] for place in rows]
        table = pd.DataFrame({"therapy": names, "comparator": against})
        table = table.join(self.combine(weights))
        reach = self._prediction(table["std_error"].to_numpy())
        table["predict_low"] = table["estimate"] - reach
        table["predict_high"] = table["estimate"] + reach
        return table.join(self._behind(names, against))

    def tidy(self, comparator: str | None = None, *, horizon: Horizon = "") -> pd.DataFrame:
        """`effects` in the result frame's shape (`analysis.schema.RESULT_COLUMNS`).

        Parameters
        ----------
        comparator : str, optional
        horizon : {"short", "long", ""}
        """
        table = self.effects(comparator)
        counts, direct = therapy_evidence(self.contrasts), direct_evidence(self.contrasts)
        numbers = ("therapy", "comparator", "estimate", "std_error", "df", "statistic", "p_value",
                   "conf_low", "conf_high")  # fmt: skip
        return result_frame({
            **{name: row[name] for name in numbers},
            "analysis": "network", "estimand": f"mean difference in published trials, {self.model}",
            "measure": self.contrasts.measure, "quantity": "relief", "horizon": horizon,
            "n_therapy": counts[row["therapy"]].counted,
            "n_comparator": counts[row["comparator"]].counted, "method": self.method,
            "note": direct_between(direct, row["therapy"], row["comparator"]).words,
        } for row in table.to_dict("records"))  # fmt: skip

    def summary(self, comparator: str | None = None) -> str:
        """The fit as text: one line of facts, one of heterogeneity, a line a therapy."""
        h = self.heterogeneity
        table = self.effects(comparator)
        shown = table[["therapy", *SHOWN, "trials"]]
        lines = [
            f"{self.method}; {len(self.therapies)} therapies, {len(self.contrasts)} contrasts",
            f"Q {h.q:.2f} on {h.df} df; τ² {h.tau2:.4g} ({100 * self.level:g} % {h.low:.4g} to "
            f"{h.high:.4g})",
            f"Relief against {table['comparator'].iloc[0]} ({self.contrasts.unit or 'own unit'})",
            shown.to_string(index=False, float_format=lambda value: f"{value:.3f}"),
        ]
        return "\n".join([*lines, *([self.note] if self.note else [])])

    def _prediction(self, error: Array) -> Array:
        """Half-width of the interval for a new trial; one degree of freedom is spent on τ²."""
        if self.model == "common" or self.heterogeneity.df < 2:
            return np.full(len(error), np.nan)
        quantile = t_critical((1 - self.level) / 2, self.heterogeneity.df - 1)
        return quantile * np.sqrt(error**2 + self.tau2)

    def _behind(self, names: list[str], against: str) -> pd.DataFrame:
        """Trials and patients, direct and in all, and heterogeneity, a row a therapy."""
        known, everyone = direct_evidence(self.contrasts), all_patients(self.contrasts)
        direct = [direct_between(known, name, against) for name in names]
        return pd.DataFrame({
            "trials": [found.trials for found in direct],
            "patients": [found.patients if found.trials else 0.0 for found in direct],
            "network_trials": everyone.trials, "network_patients": everyone.patients,
            "tau2": self.tau2, "i2": self.heterogeneity.i2,
        })  # fmt: skip


def fit_network(
    contrasts: Contrasts, reference: str | None = None, *, model: Model = "random",
    tau2: TauMethod | float = "REML", test: Test = "z", level: float = 0.95,
) -> Network:  # fmt: skip
    """Pool all trials of a network of therapies.

    Parameters
    ----------
    contrasts : Contrasts
    reference : str, optional
        The therapy in most trials when left out.
    model : {"random", "common"}
    tau2 : {"REML", "ML", "DL", "PM"} or float
        How the variance between trials is estimated, or its value.
    test : {"z", "t", "hartung-knapp", "hartung-knapp-truncated"}
        Reference of intervals. Hartung and Knapp's scales the standard errors by √(Q(τ²)/df); the
        truncated one never shrinks them.
    level : float

    Returns
    -------
    Network

    Raises
    ------
    ModelError
        A network in pieces, an unknown reference or option, a negative τ².

    References
    ----------
    Rücker 2012, Res Synth Methods 3:312; White et al. 2012, Res Synth Methods 3:111.
    """
    check_options(model, tau2, test, level)
    require_one_piece(contrasts)
    therapies = contrasts.therapies
    base = _reference(contrasts, reference)
    others = [place for place, name in enumerate(therapies) if name != base]
    rows = whitened(contrasts, contrasts.design(therapies)[:, others])
    h = heterogeneity_of(rows, 0.0 if model == "common" else tau2, level)
    coefficients, factor, _ = rows.fit(h.tau2)
    scale, df = interval_scale(rows.q(h.tau2), rows.df, test)
    estimate, covariance = np.zeros(len(therapies)), np.zeros((len(therapies),) * 2)
    estimate[others] = coefficients
    inverse = linalg.cho_solve((factor, False), np.eye(len(others)))
    covariance[np.ix_(others, others)] = scale * inverse
    unknown = model == "random" and isinstance(tau2, str) and not rows.df
    return Network(
        contrasts, therapies, base, model, test, level, estimate, covariance, h, df,
        rows.loglik(h.tau2, tau2 != "ML"), NO_REPLICATION if unknown else "",
    )  # fmt: skip


def between_trials(contrasts: Contrasts) -> Array:
    """U: 1 on the diagonal, ½ between rows of one trial that share an arm, shape (k, k)."""
    arms = contrasts.design(contrasts.therapies)
    names = np.array(contrasts.study)
    return np.where(names[:, None] == names, arms @ arms.T / 2, 0.0)


def whitened(contrasts: Contrasts, x: Array) -> Whitened:
    """Rows of these contrasts for design x (k, p), with the network's U."""
    return whiten(contrasts.effect, x, contrasts.covariance, between_trials(contrasts))


def inference(estimate: Array, error: Array, df: float, level: float) -> pd.DataFrame:
    """Statistic, p-value and interval of each estimate; NaN where the standard error is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(error > 0, estimate / error, np.nan)
    margin = t_critical((1 - level) / 2, df) * error
    return pd.DataFrame({
        "estimate": estimate, "std_error": error, "df": np.full(len(estimate), df),
        "statistic": statistic, "p_value": t_two_sided(statistic, df),
        "conf_low": estimate - margin, "conf_high": estimate + margin,
    })  # fmt: skip


def interval_scale(q: float, df: int, test: Test) -> tuple[float, float]:
    """What variances are multiplied by, and the degrees of freedom of intervals.

    Parameters
    ----------
    q : float
        Weighted residual sum of squares at the estimated spread between trials.
    df : int
        Rows less coefficients.
    test : str
    """
    if test == "z":
        return 1.0, np.inf
    if df < 1:
        raise ModelError(
            f"A {test} interval needs more contrasts than pin the effects; there are "
            f'{df} to spare: use test="z".'
        )
    if test == "t":
        return 1.0, float(df)
    return (max(1.0, q / df) if test == "hartung-knapp-truncated" else q / df), float(df)


def _reference(contrasts: Contrasts, reference: str | None) -> str:
    if reference is None:
        known = therapy_evidence(contrasts)
        return max(known, key=lambda name: known[name].trials)
    if reference not in contrasts.therapies:
        names = ", ".join(contrasts.therapies)
        raise ModelError(f"No trial has the reference {reference!r}; there are {names}.")
    return reference


def check_options(model: Any, tau2: Any, test: Any, level: float) -> None:
    """Refuse options of a network that do not exist."""
    for name, value, known in (("model", model, ("random", "common")), ("test", test, TESTS)):
        if value not in known:
            raise ModelError(f"{name} is {value!r}; it can be {', '.join(known)}.")
    check_tau2(tau2)
    if not 0 < level < 1:
        raise ModelError(f"level is {level}: it lies between 0 and 1, such as 0.95.")
