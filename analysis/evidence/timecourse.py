"""A model of all visits of all trials: relief that peaks, fades, and may level off.

Frequentist model-based network meta-analysis (docs/methods.md section 17.2): contrasts over
time, trials' deviations with variance tau², one family of courses for all therapies.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.distributions import chi2_critical, chi2_tail
from analysis.errors import ConvergenceWarning, ModelError
from analysis.evidence.course_variance import ROUNDS, Criterion, End, derivatives, settle, span
from analysis.evidence.fades import Course, Family, course_of, half_times
from analysis.evidence.followups import Followups
from analysis.evidence.surface import Nodes, grid

Array = NDArray[np.float64]

# Places of half-time and share kept over which intervals are profiled.
PROFILED = (240, 61)


@dataclass(frozen=True, eq=False)
class TimeCourse:
    """Relief of therapies over weeks, as one curve fitted to all visits of all trials.

    Attributes
    ----------
    followups : Followups
    course : Course
    criterion : {"REML", "ML"}
        How tau² was estimated.
    tau2 : float
    best : Nodes
        The one solution (arrays of length 1).
    nodes : Nodes
        Solutions over half-times and shares kept at that tau², for profiles; `best` is the last.
    white : ndarray, shape (n, n)
    jacobian : ndarray, shape (n, p)
        Orthonormal columns that span the derivatives of the mean.
    llf : float
        Full log-likelihood; at its maximum over tau² too when `criterion` is ML.
    notes : tuple of str
    """

    followups: Followups
    course: Course
    criterion: Criterion
    tau2: float
    best: Nodes
    nodes: Nodes
    white: Array
    jacobian: Array
    llf: float
    notes: tuple[str, ...]

    @property
    def peak(self) -> Array:
        """Relief at the peak against the reference, shape (K,)."""
        return self.best.params[0, : len(self.followups.therapies)]

    @property
    def plateau(self) -> Array:
        """Relief that stays, shape (K,); NaN for a log-linear course, which has none."""
        if self.course.family == "log-linear":
            return np.full(len(self.peak), np.nan)
        return (
            self.best.params[0, len(self.peak) :]
            if self.course.own
            else self.peak * self.best.kept[0]
        )

    @property
    def half_time(self) -> float:
        """Weeks in which half of what fades is gone; NaN where nothing does."""
        return float(self.best.half_time[0]) if self.course.fades else np.nan

    @property
    def n_params(self) -> int:
        """Numbers in the mean: linear ones, half-time, share kept."""
        ends = self.course.kept_at()
        free = ends is not None and ends[0] < ends[1]
        return self.best.params.shape[1] + int(self.course.fades) + int(free)

    @property
    def aicc(self) -> float:
        """Corrected AIC by full likelihood, with tau² among the parameters; infinite if too few.

        References
        ----------
        Hurvich and Tsai 1989, Biometrika 76:297.
        """
        n, m = len(self.white), self.n_params + 1
        if n - m - 1 <= 0:
            return np.inf
        return -2 * self.llf + 2 * m + 2 * m * (m + 1) / (n - m - 1)

    def lack_of_fit(self) -> tuple[float, int, float]:
        """Test of the course against a free mean for each therapy and week.

        Returns
        -------
        tuple
            Chi-square, degrees of freedom and p: the weighted residual sum of squares of the course
            minus that of free means, at the same tau². 0 degrees of freedom and NaN where free means
            have no more numbers than the course.
        """
        f = self.followups
        cells = [
            f.design[:, k] * (f.week == week)
            for k in range(len(f.therapies)) for week in np.unique(f.week)
        ]  # fmt: skip
        q = span(self.white @ np.column_stack(cells))
        y = self.white @ f.effect
        free = float(np.sum((y - q @ (q.T @ y)) ** 2))
        df = q.shape[1] - self.jacobian.shape[1]
        if df <= 0:
            return np.nan, 0, np.nan
        statistic = max(float(self.best.rss[0]) - free, 0.0)
        return statistic, df, chi2_tail(statistic, df)

    def relief_at(self, weeks: ArrayLike, alpha: float = 0.05) -> pd.DataFrame:
        """Relief of each therapy against the reference at weeks, with profile intervals.

        Parameters
        ----------
        weeks : array_like
            Of the clock of the contrasts.
        alpha : float

        Returns
        -------
        pandas.DataFrame
            `therapy`, `week`, `estimate`, `conf_low`, `conf_high`: all values that some half-time
            and share kept allow, so intervals know that these are estimated; they need no standard
            error. tau² is taken as known.
        """
        t = np.atleast_1d(np.asarray(weeks, dtype=np.float64))
        if not (np.isfinite(t) & (t >= 0)).all():
            raise ModelError("Weeks must be numbers from 0 on.")
        slack = chi2_critical(alpha, 1) - (self.nodes.rss - self.best.rss[0])
        kept = slack >= 0
        kept[-1] = True
        nodes, slack = _chosen(self.nodes, kept), np.maximum(slack[kept], 0.0)
        first, second = self.course.functions(t, nodes.half_time)
        rows = []
        for k, therapy in enumerate(self.followups.therapies):
            value, variance = _combined(nodes, k, first, second, self.course.own)
            half = np.sqrt(slack[:, None] * variance)
            rows.append(pd.DataFrame({
                "therapy": therapy, "week": t, "estimate": value[-1],
                "conf_low": (value - half).min(axis=0), "conf_high": (value + half).max(axis=0),
            }))  # fmt: skip
        return pd.concat(rows, ignore_index=True)


def fit_time_course(
    followups: Followups,
    family: Family = "fade to plateau",
    *,
    peak_week: float | None = None,
    rise_half_time: float = 2.0,
    criterion: Criterion = "REML",
) -> TimeCourse:
    """Fit one family of courses to contrasts over time.

    Estimates P (and A or B) of each therapy, half-time and share kept where the family has them, by
    generalised least squares with covariance S + tau² U, and tau² by restricted likelihood in the
    model made linear at the estimate.

    Parameters
    ----------
    followups : Followups
    family : str
        See `analysis.evidence.fades`.
    peak_week : float, optional
        Week from which relief fades; the earliest week when left out.
    rise_half_time : float
        Weeks of the rise before the peak; matters only for visits before it.
    criterion : {"REML", "ML"}
        ML for AICc.

    Returns
    -------
    TimeCourse

    Raises
    ------
    ModelError
        Too few weeks or contrasts for the family, or a therapy seen at one week only that should
        have a plateau of its own.

    References
    ----------
    Pedder et al 2019, Res Synth Methods 10:267 (the Bayesian form). Golub and Pereyra 1973, SIAM J
    Numer Anal 10:413 (numbers solved out).
    """
    if criterion not in ("REML", "ML"):
        raise ModelError(f"criterion={criterion!r} is not known; use 'REML' or 'ML'.")
    course = course_of(family, followups.week, peak_week, rise_half_time)
    _refuse_untold(followups, course)
    tau2, found, white, end = settle(followups, course, criterion)
    if end == "moving":
        warnings.warn(
            f"tau² and the {family} course had not settled after {ROUNDS} rounds. Try a family with "
            "fewer numbers.", ConvergenceWarning, stacklevel=2,
        )  # fmt: skip
    nodes = _joined(grid(followups, course, white, PROFILED), found)
    n, log_det = len(white), -2 * float(np.log(np.diag(white)).sum())
    llf = -0.5 * (n * np.log(2 * np.pi) + log_det + float(found.rss[0]))
    return TimeCourse(
        followups, course, criterion, tau2, found, nodes, white,
        span(white @ derivatives(followups, course, found)), llf, _notes(followups, course, end),
    )  # fmt: skip


def compare_courses(
    followups: Followups,
    families: tuple[Family, ...] = ("constant", "fade", "fade to plateau", "log-linear"),
    *,
    peak_week: float | None = None,
    rise_half_time: float = 2.0,
) -> pd.DataFrame:
    """Families side by side by AICc and lack of fit.

    Returns
    -------
    pandas.DataFrame
        `family`, `parameters` (of the mean), `tau2`, `llf`, `aicc`, `delta` (to the least),
        `lack_of_fit`, `lack_df`, `lack_p`, `note`, by AICc; a family that cannot be fitted is a row
        with a note.
    """
    rows = []
    for family in families:
        row: dict[str, object] = {"family": family, "note": ""}
        try:
            fit = fit_time_course(
                followups,
                family,
                peak_week=peak_week,
                rise_half_time=rise_half_time,
                criterion="ML",
            )
        except ModelError as error:
            rows.append({**row, "aicc": np.inf, "note": str(error)})
            continue
        statistic, df, p = fit.lack_of_fit()
        rows.append({
            **row, "parameters": fit.n_params, "tau2": fit.tau2, "llf": fit.llf, "aicc": fit.aicc,
            "lack_of_fit": statistic, "lack_df": df, "lack_p": p,
        })  # fmt: skip
    columns = [
        "family", "parameters", "tau2", "llf", "aicc", "delta", "lack_of_fit", "lack_df", "lack_p",
        "note",
    ]  # fmt: skip
    frame = pd.DataFrame(rows).reindex(columns=columns).sort_values("aicc", kind="stable")
    least = frame["aicc"].min()
    delta = frame["aicc"] - least if np.isfinite(least) else np.nan
    return frame.assign(delta=delta).reset_index(drop=True)


def _refuse_untold(followups: Followups, course: Course) -> None:
    """Contrasts must be able to tell every number of the family, at values that hide none."""
    since = followups.week.clip(min=course.peak_week)
    once = [
        name for k, name in enumerate(followups.therapies)
        if course.own and len(np.unique(since[followups.design[:, k] != 0])) < 2
    ]  # fmt: skip
    if once:
        raise ModelError(
            f"{', '.join(once)}: seen at one week only from the peak on, so a {course.family} course "
            "of its own cannot be told. Use 'fade to plateau', which shares it, or leave it out."
        )
    k = len(followups.therapies)
    peaks = 1 + np.arange(k) / (2 * k)
    params = np.concatenate([peaks, 0.3 * peaks[::-1]]) if course.own else peaks
    ends = course.kept_at() or (np.nan, np.nan)
    generic = Nodes(
        half_times(course, followups.week, 3)[:1], np.array([0.7 * ends[0] + 0.3 * ends[1]]),
        np.zeros(1), params[None, :], np.zeros((1, 0, 0)),
    )  # fmt: skip
    columns = derivatives(followups, course, generic)
    if span(columns).shape[1] < columns.shape[1]:
        raise ModelError(
            f"{len(since)} contrasts cannot tell the {columns.shape[1]} numbers of {course.family!r}: "
            "more trials with three visits from the peak on would. Use a family with fewer numbers."
        )


def _notes(followups: Followups, course: Course, end: End) -> tuple[str, ...]:
    notes = [followups.assumed]
    early = int((followups.week < course.peak_week).sum())
    if early:
        notes.append(
            f"{early} contrasts before week {course.peak_week:g} stand on a rise with a half-time of "
            f"{course.rise_half_time:g} weeks, which is declared and not estimated"
        )
    if end == "untold":
        notes.append(
            "no two trials have the same contrast, so how much trials differ cannot be told and "
            "intervals know only of the patients"
        )
    return tuple(notes)


def _chosen(nodes: Nodes, which: NDArray[np.bool_]) -> Nodes:
    return Nodes(
        *(getattr(nodes, name)[which] for name in ("half_time", "kept", "rss", "params", "cov"))
    )


def _joined(nodes: Nodes, last: Nodes) -> Nodes:
    return Nodes(*(
        np.concatenate([getattr(nodes, name), getattr(last, name)])
        for name in ("half_time", "kept", "rss", "params", "cov")
    ))  # fmt: skip


def _combined(nodes: Nodes, k: int, first: Array, second: Array, own: bool) -> tuple[Array, Array]:
    """Value and variance of therapy k's relief at each node and week, shape (g, weeks)."""
    p, var = nodes.params[:, k, None], nodes.cov[:, k, k, None]
    if not own:
        factor = first + nodes.kept[:, None] * second
        return factor * p, factor**2 * var
    half = nodes.params.shape[1] // 2
    a, var_a, both = (
        one[:, None] for one in (nodes.params[:, half + k], nodes.cov[:, half + k, half + k],
                                 nodes.cov[:, k, half + k])
    )  # fmt: skip
    variance = first**2 * var + second**2 * var_a + 2 * first * second * both
    return first * p + second * a, np.maximum(variance, 0.0)
