"""A trial laid out as patients by visits, and its missing values imputed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.strategies import Strategy, applied, find_strategy, strategy_name
from analysis.mmrm import MMRM
from analysis.mmrm.estimates import Estimates

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]

# Names shown in a message before it ends with "...".
NAMED = 5


@dataclass(frozen=True, eq=False)
class Parameters:
    """Parameters of the imputation model: one set, or R sets stacked along a first axis.

    Attributes
    ----------
    beta : ndarray, shape (p,) or (R, p)
        Coefficients of all columns of the formula; 0 for a column that adds nothing to the others.
    sigma : ndarray, shape (groups, m, m) or (R, groups, m, m)
        Covariance between visits by covariance group.
    """

    beta: Array
    sigma: Array

    @classmethod
    def of(cls, estimates: Estimates) -> Parameters:
        """The parameters that a fit estimated."""
        beta = np.zeros(len(estimates.kept) + len(estimates.dropped))
        beta[estimates.kept] = estimates.beta
        return cls(beta, estimates.sigma)

    @classmethod
    def stack(cls, sets: list[Parameters]) -> Parameters:
        """Several sets as one stack."""
        return cls(np.stack([s.beta for s in sets]), np.stack([s.sigma for s in sets]))


@dataclass(frozen=True, eq=False)
class Panel:
    """n patients by m visits: values, design rows of the imputation model, events and strategies.

    Attributes
    ----------
    outcome : ndarray, shape (n, m)
        NaN where missing; values after an event that were observed are here.
    own, reference : ndarray, shape (n, m, p)
        Design rows with the patient's own arm and with the reference arm.
    arm : ndarray of int, shape (n,)
        Position in `arms`.
    arms : tuple
        Labels, in the order of the data's levels.
    reference_arm : int
        Position of the reference in `arms`.
    group : ndarray of int, shape (n,)
        Covariance group: of the arm where arms have a covariance each, else 0.
    reference_group : int
        Covariance group of the reference arm.
    event : ndarray of int, shape (n,)
        Position of the first visit affected by the patient's event; m where there is none.
    strategy : ndarray of int, shape (n,)
        Position in `strategies`; 0, MAR, for patients without an event.
    strategies : tuple of (str or function)
    kind : ndarray of object, shape (n,)
        Kind of the event; empty text where there is none or it is not told.
    modelled : ndarray of bool, shape (n, m)
        Observed values that the imputation model may use: all but those at or after an event whose
        strategy is not MAR.
    cluster : ndarray of int, shape (n,), or None
        Site or therapist.
    patients, visits : tuple
    weeks : ndarray, shape (m,)
        When the visits are.
    covariates : ndarray of object or float, by name, shape (n,) each
        Columns that do not change between visits, for the analysis of the completed values.
    arm_name : str
        Column of the data with the arm.
    model : MMRM
        The imputation model on the values that it may use.
    """

    outcome: Array
    own: Array
    reference: Array
    arm: Integers
    arms: tuple[object, ...]
    reference_arm: int
    group: Integers
    reference_group: int
    event: Integers
    strategy: Integers
    strategies: tuple[str | Strategy, ...]
    kind: NDArray[np.object_]
    modelled: Flags
    cluster: Integers | None
    patients: tuple[object, ...]
    visits: tuple[object, ...]
    weeks: Array
    covariates: dict[str, NDArray] = field(repr=False)
    arm_name: str
    model: MMRM = field(repr=False)

    @property
    def shape(self) -> tuple[int, int]:
        """Number of patients and of visits."""
        n, m = self.outcome.shape
        return n, m

    @cached_property
    def missing(self) -> Flags:
        """Values to be imputed; shape (n, m)."""
        return np.isnan(self.outcome)

    def determined_by(self, estimates: Estimates) -> Panel:
        """The same, with NaN for design rows whose mean this fit does not determine.

        A mean that nobody informs (an arm without a modelled value at a visit) then cannot enter an
        imputed value unnoticed: `impute` refuses it, and does not where the strategy needs it not.
        """
        if not len(estimates.dropped):
            return self
        made = []
        for rows in (self.own, self.reference):
            flat = rows.reshape(-1, rows.shape[-1])
            known = estimates.estimable(flat)[:, None]
            made.append(np.where(known, flat, np.nan).reshape(rows.shape))
        return replace(self, own=made[0], reference=made[1])

    def of(self, patients: Integers) -> Panel:
        """The panel of these rows, which may repeat; the imputation model is left as it is."""
        by_patient = ("outcome", "own", "reference", "arm", "group", "event", "strategy", "kind",
                      "modelled")  # fmt: skip
        return replace(
            self, **{name: getattr(self, name)[patients] for name in by_patient},
            cluster=None if self.cluster is None else self.cluster[patients],
            patients=tuple(self.patients[i] for i in patients),
            covariates={name: column[patients] for name, column in self.covariates.items()},
        )  # fmt: skip

    def under(self, named: str | Strategy) -> Panel:
        """The same events under one strategy, with the imputation model left as it is.

        Which values the model may use does not change: to let it use values after the event, lay
        the panel out with MAR.
        """
        find_strategy(named)
        strategy = (self.event < self.shape[1]).astype(np.int64)
        return replace(self, strategy=strategy, strategies=("MAR", named))


@dataclass(frozen=True, eq=False, slots=True)
class Cell:
    """Patients with one covariance group, event, strategy and pattern of missing values.

    Attributes
    ----------
    patients : ndarray of int
        Rows of the panel.
    seen : ndarray of bool, shape (m,)
    event, group : int
    strategy : str or function
    """

    patients: Integers
    seen: Flags
    event: int
    group: int
    strategy: str | Strategy


def cells(panel: Panel) -> Iterator[Cell]:
    """Cells of the panel that have values to impute."""
    m = panel.shape[1]
    random = np.array([find_strategy(s) is find_strategy("MAR") for s in panel.strategies])
    event = np.where(random[panel.strategy], m, panel.event)
    strategy = np.where(event < m, panel.strategy, 0)
    incomplete = np.flatnonzero(panel.missing.any(axis=1))
    if not len(incomplete):
        return
    keys = np.column_stack([panel.group, event, strategy, panel.missing])[incomplete]
    found, where = np.unique(keys, axis=0, return_inverse=True)
    where = where.ravel()
    for number, key in enumerate(found):
        named = panel.strategies[key[2]] if key[1] < m else "MAR"
        yield Cell(
            incomplete[where == number], key[3:] == 0, int(key[1]), int(key[0]), named
        )


@dataclass(frozen=True, eq=False, slots=True)
class Filled:
    """A cell imputed: what is needed to add noise to it.

    Attributes
    ----------
    cell : Cell
    sigma : ndarray, shape (..., m, m)
        Covariance between visits under the strategy.
    slope : ndarray, shape (..., missing, seen)
        Regression of missing on seen values.
    """

    cell: Cell
    sigma: Array
    slope: Array

    def factor(self) -> Array:
        """Lower triangle L, L L' the covariance of missing given seen; (..., missing, missing)."""
        seen = self.cell.seen
        rest = self.sigma[..., ~seen, :][..., ~seen]
        rest = rest - self.slope @ self.sigma[..., seen, :][..., ~seen]
        try:
            root = np.linalg.cholesky((rest + np.swapaxes(rest, -1, -2)) / 2)
        except np.linalg.LinAlgError as error:
            raise ModelError(_singular(self.cell)) from error
        return np.asarray(root, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Completed:
    """A panel whose missing values have been given their conditional mean.

    Attributes
    ----------
    panel : Panel
    mean : ndarray, shape (n, m) or (R, n, m)
        Observed values, and conditional means where they are missing.
    filled : tuple of Filled
    """

    panel: Panel
    mean: Array
    filled: tuple[Filled, ...] = field(repr=False)

    @cached_property
    def factors(self) -> tuple[Array, ...]:
        """Triangle of the conditional covariance by cell, made when first asked for."""
        return tuple(part.factor() for part in self.filled)

    def draw(self, rng: np.random.Generator) -> Array:
        """Values drawn from the imputation distribution, in the shape of `mean`."""
        return self.with_noise(rng.standard_normal(self.mean.shape))

    def with_noise(self, noise: Array) -> Array:
        """Values drawn with given standard normal numbers; those of observed values are unused.

        Parameters
        ----------
        noise : ndarray, shape of `mean` (or with further axes before it)
            A patient's numbers stand in the patient's row, so that they do not depend on how
            patients fall into cells.
        """
        shape = np.broadcast_shapes(self.mean.shape, noise.shape)
        drawn = np.array(np.broadcast_to(self.mean, shape))
        for part, factor in zip(self.filled, self.factors, strict=True):
            rows, lost = np.ix_(part.cell.patients, np.flatnonzero(~part.cell.seen))
            drawn[..., rows, lost] += noise[..., rows, lost] @ np.swapaxes(factor, -1, -2)
        return drawn


def impute(panel: Panel, parameters: Parameters) -> Completed:
    """Give every missing value its mean given the patient's observed values.

    E[y_? | y_!] = μ_? + Σ_?! Σ_!!⁻¹ (y_! − μ_!), with μ and Σ of the patient's strategy; all
    observed values of the patient condition it, also those after the event.

    Parameters
    ----------
    panel : Panel
    parameters : Parameters
        One set, or a stack of R.

    Raises
    ------
    ModelError
        A strategy is undefined for a patient's event, a mean is not determined by the data, or a
        covariance is singular.

    References
    ----------
    Carpenter, Roger and Kenward 2013, J Biopharm Stat 23:1352; Wolbers et al 2022, Pharm Stat
    21:1246.
    """
    own = _means(panel.own, parameters.beta)
    reference = _means(panel.reference, parameters.beta)
    mean = np.array(np.broadcast_to(panel.outcome, own.shape))
    filled = []
    for cell in cells(panel):
        chosen = cell.patients
        part, values = fill(
            panel, cell, own[..., chosen, :], reference[..., chosen, :], panel.outcome[chosen],
            parameters.sigma,
        )  # fmt: skip
        rows, lost = np.ix_(chosen, np.flatnonzero(~cell.seen))
        mean[..., rows, lost] = values
        filled.append(part)
    _refuse_undetermined(panel, mean)
    return Completed(panel, mean, tuple(filled))


def _means(rows: Array, beta: Array) -> Array:
    """Means of patients by visits, (n, m) or (R, n, m)."""
    n, m, p = rows.shape
    return (beta @ rows.reshape(n * m, p).T).reshape(*beta.shape[:-1], n, m)


def fill(
    panel: Panel, cell: Cell, own: Array, reference: Array, outcome: Array, sigma: Array
) -> tuple[Filled, Array]:
    """Conditional means, (..., patients, missing), from means and outcomes (..., patients, m)."""
    seen = cell.seen
    sigma_own = sigma[..., cell.group, :, :]
    sigma_ref = sigma_own
    if cell.group != panel.reference_group:
        sigma_ref = sigma[..., panel.reference_group, :, :]
    try:
        mean, covariance = applied(
            cell.strategy, own, reference, sigma_own, sigma_ref, cell.event, panel.weeks
        )
        across = covariance[..., seen, :][..., ~seen]
        slope = np.linalg.solve(covariance[..., seen, :][..., seen], across)
    except np.linalg.LinAlgError as error:
        raise ModelError(_singular(cell)) from error
    except ModelError as error:
        raise ModelError(f"{error} Patients: {listed(panel, cell.patients)}.") from error
    rest = outcome[..., seen] - mean[..., seen]
    return Filled(cell, covariance, np.swapaxes(slope, -1, -2)), mean[..., ~seen] + rest @ slope


def _singular(cell: Cell) -> str:
    return (
        "The covariance between visits is singular, so missing values cannot be imputed under "
        f"{strategy_name(cell.strategy)}. Choose a structure with fewer parameters, or leave out "
        "a visit that repeats another."
    )


def _refuse_undetermined(panel: Panel, mean: Array) -> None:
    lost = np.isnan(mean)
    if not lost.any():
        return
    lost = np.asarray(lost.reshape(-1, *panel.shape).any(axis=0))
    visits = [str(panel.visits[j]) for j in np.flatnonzero(lost.any(axis=0))]
    chosen = np.flatnonzero(lost.any(axis=1))
    arms = sorted({str(panel.arms[a]) for a in panel.arm[chosen]})
    raise ModelError(
        f"{len(chosen)} patients of {', '.join(arms)} ({listed(panel, chosen)}) cannot be imputed "
        f"at {', '.join(visits)}: no value that the imputation model may use says what their mean "
        "is there. Choose a strategy that needs no mean of that arm, or leave the visit out."
    )


def listed(panel: Panel, chosen: Integers) -> str:
    """The first few of the patients, by name."""
    names = [str(panel.patients[i]) for i in chosen[:NAMED]]
    return ", ".join(names) + (", ..." if len(chosen) > NAMED else "")
