"""Analysis of completed values: ANCOVA at every visit, or a function of the user's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.panel import Panel, listed
from analysis.mmrm.design import Design
from analysis.mmrm.formula import parse
from analysis.mmrm.statistics import SufficientStatistics

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

# Share of a direction of the design that must be left by the patients counted.
ALONE = 1e-10
# Names that stand for the one visit of a model of patients; no data have them.
_WHO, _WHEN = "(patient)", "(visit)"


class Analysis(Protocol):
    """What turns completed values into estimates."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the estimates."""

    def estimate(self, values: Array, weights: Array | None = None) -> Array:
        """Estimates, (..., E), of values (..., n, m) with patients weighted (..., n)."""


@dataclass(frozen=True, eq=False)
class Ancova:
    """ANCOVA at each visit, whose estimates are the arms' LS means.

    LS means are standardised: the arm is set for every patient analysed and the predictions are
    averaged. All visits share a design, so that any combination over arms and visits has a joint
    covariance: that of x̄_a' (X'X)⁻¹ x̄_b times the residual covariance of two visits.

    Attributes
    ----------
    arms, visits : tuple
    basis : ndarray, shape (n, q)
        Orthonormal basis of the design's columns.
    settings : ndarray, shape (arms, n, q)
        Rows with the arm set, in that basis.
    baseline : ndarray, shape (n,), or None
        Baseline score: its mean is one more estimate, the last.
    panel : Panel
    """

    arms: tuple[object, ...]
    visits: tuple[object, ...]
    basis: Array = field(repr=False)
    settings: Array = field(repr=False)
    baseline: Array | None = field(repr=False)
    panel: Panel = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """"arm, visit" for each LS mean, arm by arm; "baseline" last where there is one."""
        means = tuple(f"{arm}, {visit}" for arm in self.arms for visit in self.visits)
        return means if self.baseline is None else (*means, "baseline")

    @property
    def df(self) -> int:
        """Residual degrees of freedom, n − q."""
        n, q = self.basis.shape
        return n - q

    def of(self, patients: NDArray[np.int64]) -> Ancova:
        """The analysis of these rows of the panel, which may repeat (a bootstrap)."""
        turned, triangle = np.linalg.qr(self.basis[patients])
        if np.abs(np.diag(triangle)).min() ** 2 < ALONE:
            raise ModelError(
                "These patients do not determine every coefficient of the analysis. Take terms out "
                "of its formula."
            )
        settings = np.linalg.solve(triangle.T, np.swapaxes(self.settings[:, patients], -1, -2))
        return replace(
            self, basis=turned, settings=np.swapaxes(settings, -1, -2),
            baseline=None if self.baseline is None else self.baseline[patients],
        )  # fmt: skip

    def estimate(self, values: Array, weights: Array | None = None) -> Array:
        """LS means by arm and visit.

        Parameters
        ----------
        values : ndarray, shape (..., n, m)
        weights : ndarray, shape (..., n), optional
            How often each patient counts; 0 leaves a patient out.

        Returns
        -------
        ndarray, shape (..., E)

        Raises
        ------
        ModelError
            Without the patients left out a coefficient cannot be estimated.
        """
        if weights is None:
            means = self.settings.mean(axis=1) @ (self.basis.T @ values)
            return self._with_baseline(means, self._mean_baseline(np.ones(len(self.basis))))
        n, q = self.basis.shape
        gram = weights @ (self.basis[:, :, None] * self.basis[:, None, :]).reshape(n, q * q)
        gram = gram.reshape(*weights.shape[:-1], q, q)
        rows_of = weights.reshape(-1, n)
        self._refuse_alone(gram, lambda place: np.flatnonzero(rows_of[place] == 0))
        coefficients = np.linalg.solve(gram, self.basis.T @ (weights[..., None] * values))
        share = weights / weights.sum(axis=-1, keepdims=True)
        rows = np.tensordot(share, self.settings, axes=(-1, 1))
        return self._with_baseline(rows @ coefficients, self._mean_baseline(weights))

    def remaining(self, cross: Array, values: Array, gone: Integers, starts: Integers) -> Array:
        """LS means by arm and visit without each unit: sums over all patients less the unit's.

        Parameters
        ----------
        cross : ndarray, shape (..., R, q, m), R or 1
            The basis' products with the completed values of all patients.
        values : ndarray, shape (..., k, m)
            Completed values of the patients left out, as they are in the sum of their unit.
        gone : ndarray of int, shape (k,)
            Rows of the patients left out, unit by unit.
        starts : ndarray of int, shape (R,)
            Where each unit starts in `gone`.

        Returns
        -------
        ndarray, shape (..., R, E)

        Raises
        ------
        ModelError
            Without a unit a coefficient cannot be estimated.
        """
        rows, ends = self.basis[gone], np.append(starts, len(gone))
        own = np.add.reduceat(rows[:, :, None] * rows[:, None, :], starts, axis=0)
        gram = self.basis.T @ self.basis - own
        self._refuse_alone(gram, lambda place: gone[ends[place] : ends[place + 1]])
        own = np.add.reduceat(rows[:, :, None] * values[..., None, :], starts, axis=-3)
        coefficients = np.linalg.solve(gram, cross - own)
        left = len(self.basis) - np.diff(ends)
        own = np.add.reduceat(self.settings[:, gone], starts, axis=1)
        settings = np.swapaxes(self.settings.sum(axis=1)[:, None] - own, 0, 1) / left[:, None, None]
        mean = None
        if self.baseline is not None:
            mean = (self.baseline.sum() - np.add.reduceat(self.baseline[gone], starts)) / left
        return self._with_baseline(settings @ coefficients, mean)

    def covariance(self, values: Array) -> Array:
        """Covariance of the LS means in one analysis, covariates held as they are; (..., E, E).

        The mean baseline, where there is one, counts as known.
        """
        rest = values - self.basis @ (self.basis.T @ values)
        spread = np.swapaxes(rest, -1, -2) @ rest / self.df
        rows = self.settings.mean(axis=1)
        arms = rows @ rows.T
        joint = np.einsum("ab,...jk->...ajbk", arms, spread)
        size = len(self.arms) * len(self.visits)
        joint = joint.reshape(*spread.shape[:-2], size, size)
        if self.baseline is None:
            return joint
        wider = np.zeros((*joint.shape[:-2], size + 1, size + 1))
        wider[..., :size, :size] = joint
        return wider

    def _mean_baseline(self, weights: Array) -> Array | None:
        if self.baseline is None:
            return None
        return np.asarray(weights @ self.baseline / weights.sum(axis=-1))

    @staticmethod
    def _with_baseline(means: Array, mean: Array | None) -> Array:
        flat = means.reshape(*means.shape[:-2], -1)
        if mean is None:
            return flat
        last = np.broadcast_to(mean[..., None], (*flat.shape[:-1], 1))
        return np.concatenate([flat, last], axis=-1)

    def _refuse_alone(self, gram: Array, without: Callable[[int], Integers]) -> None:
        weak = np.flatnonzero(np.linalg.eigvalsh(gram)[..., 0] < ALONE)
        if len(weak):
            raise ModelError(
                f"Without patient {listed(self.panel, without(int(weak[0])))} a coefficient of "
                "the analysis cannot be estimated. Take the term out of its formula, or merge levels."
            )


def ancova(panel: Panel, formula: str, baseline: str | None = None) -> Ancova:
    """Set up an ANCOVA at each visit.

    Parameters
    ----------
    panel : Panel
    formula : str
        `outcome ~ terms` with the arm and baseline covariates, without the visit.
    baseline : str, optional
        Column with the baseline of the outcome, where the outcome is a score and not its change.

    Raises
    ------
    ModelError
        The formula reads the visit or not the arm, a covariate changes between visits or is
        missing, or columns repeat each other.
    """
    frame = _patients(panel)
    parsed = parse(formula)
    if panel.arm_name not in parsed.names:
        raise ModelError(
            f"The analysis {formula!r} does not name the arm, {panel.arm_name!r}. Add it."
        )
    needed = {*parsed.names, *([baseline] if baseline else [])}
    absent = sorted(needed - {*frame.columns})
    if absent:
        raise ModelError(
            f"The analysis needs {', '.join(absent)} as one value a patient, and the data have no "
            "such column, or it changes between visits. Each visit is analysed on its own; leave "
            "visits and values at visits out of the formula."
        )
    if baseline is not None and not pd.api.types.is_numeric_dtype(frame[baseline].dtype):
        raise ModelError(f"The baseline {baseline!r} must hold numbers.")
    rows, design = _design_rows(panel, formula, frame.assign(**{parsed.outcome: 0.0}), baseline)
    basis, triangle = np.linalg.qr(rows)
    if np.abs(np.diag(triangle)).min() <= np.sqrt(ALONE) * np.linalg.norm(rows, axis=0).max():
        raise ModelError(
            f"Columns of the analysis {formula!r} are combinations of each other. Take terms out."
        )
    settings = []
    for label in panel.arms:
        dtype = frame[panel.arm_name].dtype
        one = pd.Series([label] * len(frame), index=frame.index, dtype=dtype)
        swapped = design.rows(frame.assign(**{panel.arm_name: one}))
        settings.append(np.linalg.solve(triangle.T, swapped.T).T)
    score = None if baseline is None else frame[baseline].to_numpy(dtype=np.float64)
    return Ancova(panel.arms, panel.visits, basis, np.stack(settings), score, panel)


def _patients(panel: Panel) -> pd.DataFrame:
    arm = pd.Categorical.from_codes(panel.arm, pd.Index(panel.arms))
    numeric = all(isinstance(label, int | float | np.number) for label in panel.arms)
    column = np.asarray(panel.arms)[panel.arm] if numeric else arm
    return pd.DataFrame({**panel.covariates, panel.arm_name: column})


def _design_rows(
    panel: Panel, formula: str, frame: pd.DataFrame, baseline: str | None
) -> tuple[Array, Design]:
    """Rows of all patients; the engine's reading of formulas, with one visit."""
    for name in sorted({*parse(formula).names, *([baseline] if baseline else [])}):
        lost = np.flatnonzero(frame[name].isna())
        if len(lost):
            raise ModelError(
                f"{len(lost)} patients have no value of {name} ({listed(panel, lost)}), which the "
                "analysis needs. Fill it in, or leave it out of the formula."
            )
    once = pd.Categorical(["once"] * len(frame))
    frame = frame.assign(**{_WHO: np.arange(len(frame)), _WHEN: once})
    design, _ = SufficientStatistics.with_rows(formula, frame, subject=_WHO, visit=_WHEN)
    return design.rows(frame), design


def completed_frame(panel: Panel, values: Array) -> pd.DataFrame:
    """Completed values as a long frame in the data's column names: a row a patient and visit.

    Parameters
    ----------
    panel : Panel
    values : ndarray, shape (n, m)
    """
    n, m = panel.shape
    roles = panel.model.design.roles
    patients = _patients(panel)
    first = pd.DataFrame({roles.subject: list(panel.patients)})
    frame = pd.concat([first, patients], axis=1).iloc[np.repeat(np.arange(n), m)]
    visit = pd.Categorical.from_codes(np.tile(np.arange(m), n), pd.Index(panel.visits))
    return frame.reset_index(drop=True).assign(
        **{roles.visit: visit, "week": np.tile(panel.weeks, n), roles.outcome: values.ravel()}
    )


@dataclass(frozen=True, eq=False)
class Custom:
    """An analysis of the user's.

    Attributes
    ----------
    panel : Panel
    function : callable
        From a completed frame (`completed_frame`) to numbers by name, the same names every time.
    names : tuple of str
        Names of those numbers.
    """

    panel: Panel
    function: Callable[[pd.DataFrame], Mapping[str, float]]
    names: tuple[str, ...]

    def estimate(self, values: Array, weights: Array | None = None) -> Array:
        """Call the function for each set of values; a patient counts as often as weighted.

        Raises
        ------
        ModelError
            A name is not among what the function returns, or its value is no number.
        """
        stacked = values.reshape(-1, *self.panel.shape)
        counts = np.ones(stacked.shape[:2]) if weights is None else weights
        counts = np.broadcast_to(counts, stacked.shape[:2]).astype(np.int64)
        found = [self._one(*pair) for pair in zip(stacked, counts, strict=True)]
        return np.array(found).reshape(*values.shape[:-2], len(self.names))

    def _one(self, values: Array, counts: NDArray[np.int64]) -> list[float]:
        frame = completed_frame(self.panel, values)
        frame = frame.iloc[np.repeat(np.arange(len(frame)), np.repeat(counts, self.panel.shape[1]))]
        found = self.function(frame.reset_index(drop=True))
        try:
            return [float(found[name]) for name in self.names]
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise ModelError(
                f"The analysis must return numbers named {', '.join(self.names)}; it returned "
                f"{found!r}."
            ) from error
