"""Relief under imputation: from LS means by arm and visit to a result frame."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.distributions import t_quantile, t_two_sided
from analysis.errors import ModelError
from analysis.imputation.analyse import Ancova
from analysis.relief.fieller import FiellerSet, fieller_set
from analysis.relief.questions import Question
from analysis.schema import result_frame

Array = NDArray[np.float64]

NO_BASELINE = "not estimable: there is no baseline value"
# Weights over visits that add up to less than this add up to 0: a loss, where the baseline cancels.
NOTHING = 1e-12
NO_COURSE = "not estimable: the schedule has no such visits"


@dataclass(frozen=True, eq=False)
class Course:
    """LS means of all arms at all visits with their joint covariance, whatever pooled them.

    Attributes
    ----------
    analysis : Ancova
        Arms, visits and the order of the estimates.
    estimate : ndarray, shape (E,)
    cov : ndarray, shape (E, E)
    method : str
        How they were made, in words.
    df : callable, optional
        Degrees of freedom of a combination of the estimates given as weights (E,); normal without.
    direction : {"lower_is_better", "higher_is_better"}
        Relief is positive when better.
    change : bool
        The outcome is a change from baseline, not a score.
    """

    analysis: Ancova
    estimate: Array
    cov: Array
    method: str
    df: Callable[[Array], float] | None = field(default=None, repr=False)
    direction: Literal["lower_is_better", "higher_is_better"] = "lower_is_better"
    change: bool = False

    def weights_of(
        self, arm: object, weights: Array, against: object | None = None
    ) -> Array | None:
        """Combination of the estimates that is a relief; None where it needs an unknown baseline.

        Parameters
        ----------
        arm : object
        weights : ndarray, shape (m,)
            Over relief at each visit.
        against : object, optional
            The comparator; the therapy alone, from baseline, when left out.

        Raises
        ------
        ModelError
            An arm is unknown, or the weights are not one a visit.
        """
        arms, m = self.analysis.arms, len(self.analysis.visits)
        for one in (arm, against):
            if one is not None and one not in arms:
                raise ModelError(f"{one!r} is none of the arms ({', '.join(map(str, arms))}).")
        if np.shape(weights) != (m,):
            raise ModelError(f"A course of {m} visits needs {m} weights, not {np.shape(weights)}.")
        turn = 1.0 if self.direction == "lower_is_better" else -1.0
        made = np.zeros((len(arms), m))
        made[arms.index(arm)] -= turn * weights
        row = np.zeros(len(self.estimate))
        if against is not None:
            made[arms.index(against)] += turn * weights
        elif not self.change:
            total = turn * float(np.sum(weights))
            if self.analysis.baseline is not None:
                row[-1] = total
            elif abs(total) > NOTHING:
                return None
        row[: made.size] = made.ravel()
        return row

    def inference(self, weights: Array, alpha: float = 0.05) -> dict[str, float]:
        """Estimate, standard error, test and interval of a combination of the estimates."""
        estimate = float(weights @ self.estimate)
        error = float(np.sqrt(max(float(weights @ self.cov @ weights), 0.0)))
        df = np.inf if self.df is None else float(self.df(weights))
        statistic = estimate / error if error else np.nan
        margin = float(t_quantile(1 - alpha / 2, df)) * error
        return {
            "estimate": estimate, "std_error": error, "df": df, "statistic": statistic,
            "p_value": float(t_two_sided(statistic, df)),
            "conf_low": estimate - margin, "conf_high": estimate + margin,
        }  # fmt: skip

    def ratio(self, long: Array, short: Array, alpha: float = 0.05) -> tuple[float, FiellerSet]:
        """Ratio of two combinations, with its Fieller set."""

        def df(ratio: float) -> float:
            if self.df is None:
                return np.inf
            return float(self.df(short if np.isinf(ratio) else long - ratio * short))

        pair = np.stack([long, short])
        a, b = (float(one) for one in pair @ self.estimate)
        (var_a, cov), (_, var_b) = pair @ self.cov @ pair.T
        found = fieller_set(a, b, float(var_a), float(var_b), float(cov), df, alpha)
        return (a / b if b else np.nan), found


def relief_frame(
    course: Course, questions: Sequence[Question], *, comparator: object | None = None,
    analysis: str = "", alpha: float = 0.05,
) -> pd.DataFrame:  # fmt: skip
    """Means, and relief, loss, retention and area of every arm, alone and against the comparator.

    Parameters
    ----------
    course : Course
    questions : sequence of Question
        As `analysis.relief.questions.questions_of` makes them for the course's visits.
    comparator : object, optional
        Label of the arm compared with; the reference of imputation when left out.
    analysis : str
        Name of the analysis in the frame, such as "JR".
    alpha : float
        One minus the confidence level.

    Returns
    -------
    pandas.DataFrame
        Result frame; counts are of patients analysed, all of whose values are complete.

    References
    ----------
    Fieller 1954, J R Stat Soc B 16:175, for retention.
    """
    panel = course.analysis.panel
    if comparator is None:
        comparator = panel.arms[panel.reference_arm]
    rows = [*_means(course, alpha)]
    for arm in panel.arms:
        for against in (None, comparator):
            if arm != against:
                rows += _answers(course, questions, arm, against, alpha)
    for row in rows:
        row["analysis"] = analysis
        row.setdefault("method", course.method)
        for label, count in (("therapy", "n_therapy"), ("comparator", "n_comparator")):
            if row.get(label) is not None:
                row[count] = int((panel.arm == panel.arms.index(row[label])).sum())
    return result_frame(rows)


def _means(course: Course, alpha: float) -> Iterator[dict[str, Any]]:
    panel, m = course.analysis.panel, course.analysis.panel.shape[1]
    for place, one in enumerate(np.eye(len(course.estimate))[: len(panel.arms) * m]):
        yield {
            "quantity": "mean", "therapy": panel.arms[place // m],
            "visit": panel.visits[place % m], "week": panel.weeks[place % m],
            **course.inference(one, alpha),
        }  # fmt: skip


def _answers(
    course: Course, questions: Sequence[Question], arm: object, against: object | None, alpha: float
) -> Iterator[dict[str, Any]]:
    short, long = (
        next((q for q in questions if (q.quantity, q.horizon) == ("relief", horizon)), None)
        for horizon in ("short", "long")
    )
    for question in questions:
        row = {
            "quantity": question.quantity, "horizon": question.horizon, "therapy": arm,
            "comparator": against, "visit": ", ".join(question.visits), "week": question.week,
            "note": question.note,
        }  # fmt: skip
        if question.note:
            yield row
        elif question.weights is not None:
            weights = course.weights_of(arm, question.weights, against)
            if weights is None:
                yield row | {"note": NO_BASELINE}
            else:
                yield row | course.inference(weights, alpha)
        elif short is None or long is None or short.weights is None or long.weights is None:
            yield row | {"note": NO_COURSE}
        else:
            pair = [course.weights_of(arm, one, against) for one in (long.weights, short.weights)]
            yield row | _retention(course, pair, alpha)


def _retention(course: Course, pair: list[Array | None], alpha: float) -> dict[str, Any]:
    long, short = pair
    if long is None or short is None:
        return {"note": NO_BASELINE}
    estimate, found = course.ratio(long, short, alpha)
    return {
        "estimate": estimate, "conf_low": found.low, "conf_high": found.high,
        "method": f"{course.method}; Fieller, {found.kind}",
    }  # fmt: skip
