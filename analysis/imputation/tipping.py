"""How far imputed values must be shifted to change a conclusion, in closed form.

Shifts δ_a d_a of imputed values move an estimate that is linear in the values by κ'δ, and its
variance is a quadratic in δ. Nothing is imputed or fitted again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.distributions import normal_critical, t_critical, t_quantile, t_two_sided
from analysis.errors import ModelError
from analysis.imputation.analyse import Ancova
from analysis.imputation.jackknife import ConditionalMean, Refits, conditional_mean, jackknife_cov
from analysis.imputation.panel import Panel, listed
from analysis.imputation.totals import fixed_without

Array = NDArray[np.float64]
Variance = Literal["frequentist", "anchored"]

# Of the sum of its terms: a leading coefficient this small is a linear equation's.
LINEAR = 1e-14
# Rounds of the search for a tipping point whose quantile depends on where it is; each gains digits.
ROUNDS = 60
SETTLED = 1e-13


@dataclass(frozen=True, eq=False)
class Tipping:
    """An estimate and its variance as functions of shifts δ of imputed values.

    Estimate θ + κ'δ, variance v₀ + 2 v₁'δ + δ'V₂δ (+ the part between imputations).

    Attributes
    ----------
    components : tuple of str
        Names of the A shifts.
    estimate : float
    slope : ndarray, shape (A,)
        κ: change of the estimate for each unit of a shift.
    constant : float
    linear : ndarray, shape (A,)
    quadratic : ndarray, shape (A, A)
        v₀, v₁ and V₂.
    between : float
        (1 + 1/M) B of multiple imputation, which shifts do not change; 0 for a jackknife.
    df : callable or None
        Degrees of freedom from the share of `between` in the variance (Barnard and Rubin 1999);
        None for a normal reference.
    """

    components: tuple[str, ...]
    estimate: float
    slope: Array
    constant: float
    linear: Array
    quadratic: Array
    between: float = 0.0
    df: Callable[[Array], Array] | None = field(default=None, repr=False)

    def at(self, delta: Array | Sequence[float] | float, alpha: float = 0.05) -> pd.DataFrame:
        """Estimate, interval and p-value at given shifts.

        Parameters
        ----------
        delta : array, shape (N, A), or (N,) for one shift
        alpha : float
            One minus the confidence level.

        Returns
        -------
        pandas.DataFrame
            A column for each shift; `estimate`, `std_error`, `df`, `statistic`, `p_value`,
            `conf_low`, `conf_high`.
        """
        shifts = np.asarray(delta, dtype=np.float64).reshape(-1, len(self.components))
        estimate = self.estimate + shifts @ self.slope
        variance = self._variance(shifts)
        error = np.sqrt(variance)
        df = self._df(variance)
        margin = t_quantile(1 - alpha / 2, df) * error
        with np.errstate(divide="ignore", invalid="ignore"):
            statistic = estimate / error
        frame = pd.DataFrame(shifts, columns=list(self.components))
        return frame.assign(
            estimate=estimate, std_error=error, df=df, statistic=statistic,
            p_value=t_two_sided(statistic, df),
            conf_low=estimate - margin, conf_high=estimate + margin,
        )  # fmt: skip

    def surface(self, *axes: Sequence[float] | Array, alpha: float = 0.05) -> pd.DataFrame:
        """`at` every combination of one sequence of values a shift, the last varying fastest.

        Raises
        ------
        ModelError
            There are more or fewer sequences than shifts.
        """
        if len(axes) != len(self.components):
            raise ModelError(
                f"The surface needs values for each of {', '.join(self.components)}; there are "
                f"{len(axes)} sequences."
            )
        mesh = np.meshgrid(*(np.asarray(axis, dtype=np.float64) for axis in axes), indexing="ij")
        return self.at(np.stack([part.ravel() for part in mesh], axis=1), alpha)

    def tips(
        self, direction: Sequence[float] | None = None, alpha: float = 0.05
    ) -> tuple[float, ...]:
        """Multiples of a direction at which 0 is a limit of the interval, rising.

        (θ + κt)² = c² V(t) is a quadratic equation in t, so these are exact. With degrees of
        freedom that depend on t the quantile c is that of the tipping point itself.

        Parameters
        ----------
        direction : sequence of float, shape (A,), optional
            Shifts at t = 1; all alike when left out.
        alpha : float

        Returns
        -------
        tuple of float
            None, one or two. Empty: no shift in this direction changes the conclusion.
        """
        a = len(self.components)
        along = np.ones(a) if direction is None else np.asarray(direction, dtype=np.float64)
        if along.shape != (a,) or not np.isfinite(along).all():
            names = ", ".join(self.components)
            raise ModelError(f"A direction needs a number for each of {names}.")
        found = self._roots(along, normal_critical(alpha / 2))
        if self.df is not None:
            settled = (self._settle(along, root, alpha) for root in found)
            found = tuple(root for root in settled if root is not None)
        return tuple(sorted(found))

    def tip(self, direction: Sequence[float] | None = None, alpha: float = 0.05) -> float | None:
        """The tipping point nearest to no shift; None where there is none."""
        found = self.tips(direction, alpha)
        return min(found, key=abs) if found else None

    def _variance(self, shifts: Array) -> Array:
        within = self.constant + 2 * shifts @ self.linear
        within = within + np.einsum("na,ab,nb->n", shifts, self.quadratic, shifts)
        return np.maximum(within, 0.0) + self.between

    def _df(self, variance: Array) -> Array:
        if self.df is None:
            return np.full(len(variance), np.inf)
        return np.asarray(self.df(self.between / variance), dtype=np.float64)

    def _roots(self, along: Array, quantile: float) -> tuple[float, ...]:
        kappa, square = float(self.slope @ along), quantile * quantile
        a = kappa**2 - square * float(along @ self.quadratic @ along)
        half = self.estimate * kappa - square * float(self.linear @ along)
        c = self.estimate**2 - square * (self.constant + self.between)
        if abs(a) <= LINEAR * kappa**2:
            return (-c / (2 * half),) if half else ()
        inside = half * half - a * c
        if inside < 0:
            return ()
        # Without cancellation: the larger root first, the other by their product c / a.
        q = -(half + np.copysign(np.sqrt(inside), half))
        return (float(q / a), float(c / q)) if q else (0.0,)

    def _settle(self, along: Array, root: float, alpha: float) -> float | None:
        for _ in range(ROUNDS):
            df = self._df(self._variance(root * along[None, :]))[0]
            found = self._roots(along, float(t_critical(alpha / 2, df)))
            if not found:
                return None
            before = root
            root = min(found, key=lambda one: abs(one - before))
            if abs(root - before) <= SETTLED * max(abs(root), 1.0):
                break
        return root


def dose(
    panel: Panel, *, arms: Sequence[object] | None = None, kinds: Sequence[str] | None = None,
    by_visit: Sequence[float] | float = 1.0, lag: Sequence[float] | None = None,
) -> Array:  # fmt: skip
    """What one unit of a shift adds to each imputed value.

    Parameters
    ----------
    panel : Panel
    arms : sequence, optional
        Labels of the arms shifted; all when left out.
    kinds : sequence of str, optional
        Kinds of event shifted; all patients, also those without an event, when left out.
    by_visit : float or sequence of float, shape (m,)
        For each visit.
    lag : sequence of float, shape (m,), optional
        Accumulate from the event on: at its k-th visit the visit's amount times lag[k] is added to
        what the visits before had. Only patients with an event are then shifted.

    Returns
    -------
    ndarray, shape (n, m)
        0 at observed values.
    """
    n, m = panel.shape
    amount = np.asarray(by_visit, dtype=np.float64)
    sizes = [amount.size] if lag is None else [amount.size, len(lag)]
    if any(size not in (1, m) for size in sizes) or not np.isfinite(amount).all():
        raise ModelError(f"A dose by visit, and its lag, need a number for each of the {m} visits.")
    unknown = [str(arm) for arm in arms or () if arm not in panel.arms]
    unknown += [kind for kind in kinds or () if kind not in set(panel.kind)]
    if unknown:
        known = ", ".join(sorted({*panel.kind} - {""})) or "none"
        raise ModelError(
            f"{', '.join(unknown)}: no such arm or kind of event. Arms are "
            f"{', '.join(map(str, panel.arms))}, kinds {known}."
        )
    made = np.broadcast_to(amount, (n, m))
    if lag is not None:
        since = np.arange(m) - panel.event[:, None]
        factor = np.broadcast_to(np.asarray(lag, dtype=np.float64), (m,))
        made = np.cumsum(np.where(since >= 0, made * factor[np.maximum(since, 0)], 0.0), axis=1)
    shifted = panel.missing.copy()
    if arms is not None:
        shifted &= np.isin(panel.arm, [panel.arms.index(arm) for arm in arms])[:, None]
    if kinds is not None:
        shifted &= np.isin(panel.kind.astype(str), list(kinds))[:, None]
    return np.where(shifted, made, 0.0)


def jackknife_tipping(
    refits: Refits, analysis: Ancova, weights: Array, doses: Mapping[str, Array],
    variance: Variance = "frequentist", means: ConditionalMean | None = None,
) -> Tipping:  # fmt: skip
    """The tipping of conditional-mean imputation with a jackknife.

    Every estimate without a unit is linear in δ, so the jackknife variance is a quadratic.

    Parameters
    ----------
    refits : Refits
    analysis : Ancova
    weights : ndarray, shape (E,)
        Combination of `analysis.names` that is of interest, such as a difference of two arms.
    doses : mapping of str to ndarray, shape (n, m)
        What one unit of each shift adds; see `dose`.
    variance : {"frequentist", "anchored"}
        As in `ConditionalMean`.
    means : ConditionalMean, optional
        Of these refits and this analysis, where they are at hand: the larger part of the work.

    References
    ----------
    Wolbers et al 2022, Pharm Stat 21:1246; anchored: Lu 2021, Pharm Stat 20; Cro, Carpenter and
    Kenward 2019, J R Stat Soc A 182:623.
    """
    if variance not in ("frequentist", "anchored"):
        raise ModelError(f"variance={variance!r} is not known; use 'frequentist' or 'anchored'.")
    panel = refits.panel
    stack = _doses(panel, doses)
    weights, moving = _weights(analysis, weights)
    found = conditional_mean(refits, analysis) if means is None else means
    replicates = found.replicates if variance == "frequentist" else found.anchored
    if np.isnan(replicates).any():
        raise ModelError(
            "The information-anchored variance holds on to missing at random, under which nothing "
            "says what some missing values are. Use variance='frequentist'."
        )
    moved = fixed_without(analysis, stack, refits.out) @ weights
    cov = jackknife_cov(np.vstack([replicates @ weights, moved]).T)
    return Tipping(
        tuple(doses), float(found.estimate @ weights), analysis.estimate(stack) @ moving,
        float(cov[0, 0]), cov[0, 1:], cov[1:, 1:],
    )  # fmt: skip


def rubin_tipping(
    analysis: Ancova, imputations: Iterable[Array], weights: Array, doses: Mapping[str, Array],
    df: Callable[[Array, int], Array] | None = None,
) -> Tipping:  # fmt: skip
    """The tipping of multiple imputation pooled by Rubin's rules.

    Shifts move every imputation alike, so the variance between imputations stays, and the mean
    variance within is a quadratic in δ.

    Parameters
    ----------
    analysis : Ancova
    imputations : iterable of ndarray, shape (R, n, m)
        Completed values, some imputations at a time.
    weights : ndarray, shape (E,)
    doses : mapping of str to ndarray, shape (n, m)
    df : callable, optional
        Degrees of freedom from the share (1 + 1/M) B / T and M; normal when left out.

    References
    ----------
    Rubin 1987, Multiple Imputation for Nonresponse in Surveys, section 3.3.
    """
    panel = analysis.panel
    stack = _doses(panel, doses)
    weights, moving = _weights(analysis, weights)
    k, m = len(analysis.arms), len(analysis.visits)
    rows = analysis.settings.mean(axis=1).T @ weights[: k * m].reshape(k, m)
    metric = rows.T @ rows / analysis.df
    rest = _residuals(analysis, stack)
    estimates, squares, crosses = [], [], []
    for values in imputations:
        estimates.append(analysis.estimate(values) @ weights)
        left = _residuals(analysis, values)
        squares.append(np.einsum("rnj,jk,rnk->r", left, metric, left, optimize=True))
        crosses.append(np.einsum("rnj,jk,ank->ra", left, metric, rest, optimize=True))
    found = np.concatenate(estimates) if estimates else np.zeros(0)
    n = len(found)
    if n < 2:
        raise ModelError(f"{n} imputations cannot show how much they differ. Draw at least 2.")
    return Tipping(
        tuple(doses), float(found.mean()), analysis.estimate(stack) @ moving,
        float(np.concatenate(squares).mean()), np.concatenate(crosses).mean(axis=0),
        np.einsum("anj,jk,bnk->ab", rest, metric, rest, optimize=True),
        float((1 + 1 / n) * found.var(ddof=1)),
        None if df is None else lambda share: df(share, n),
    )  # fmt: skip


def _residuals(analysis: Ancova, values: Array) -> Array:
    return values - analysis.basis @ (analysis.basis.T @ values)


def _weights(analysis: Ancova, weights: Array) -> tuple[Array, Array]:
    """Weights of the estimates, and those of them that a shift moves: not the baseline's."""
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != (len(analysis.names),):
        raise ModelError(
            f"weights has shape {given.shape}; it needs a number for each of the "
            f"{len(analysis.names)} estimates of the analysis."
        )
    moving = given.copy()
    if analysis.baseline is not None:
        moving[-1] = 0.0
    return given, moving


def _doses(panel: Panel, doses: Mapping[str, Array]) -> Array:
    """Doses as a stack, (A, n, m)."""
    if not doses:
        raise ModelError("No shift is given. Name at least one dose, such as those of `dose`.")
    for name, one in doses.items():
        if np.shape(one) != panel.shape or not np.isfinite(one).all():
            raise ModelError(
                f"The dose {name!r} must be numbers for {panel.shape} patients by visits."
            )
        seen = np.flatnonzero(((np.asarray(one) != 0) & ~panel.missing).any(axis=1))
        if len(seen):
            raise ModelError(
                f"The dose {name!r} shifts observed values ({listed(panel, seen)}). Only imputed "
                "values can be shifted; make it with `dose`."
            )
    return np.stack([np.asarray(one, dtype=np.float64) for one in doses.values()])
