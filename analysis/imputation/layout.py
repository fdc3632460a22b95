"""From a long frame and its events to a panel of patients by visits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.imputation.occurrences import NAMED, occurrences
from analysis.imputation.panel import Panel
from analysis.mmrm import MMRM
from analysis.mmrm.formula import parse

Array = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class _Columns:
    """Columns of the data by what they say."""

    outcome: str
    subject: str
    visit: str
    arm: str
    week: str | None

    def roles(self) -> list[str]:
        """Columns that must be there, besides those of the formula."""
        named = (self.outcome, self.subject, self.visit, self.arm, self.week)
        return [name for name in named if name is not None]


def lay_out(
    data: pd.DataFrame,
    formula: str,
    *,
    subject: str,
    visit: str,
    arm: str,
    reference: object,
    events: pd.DataFrame | None = None,
    week: str | None = None,
    cluster: str | None = None,
    separate: bool = False,
    covariance: str = "us",
    reml: bool = True,
) -> Panel:
    """Lay a trial out as patients by visits, ready to be imputed.

    Parameters
    ----------
    data : pandas.DataFrame
        A row is a patient at a visit; rows that are absent count as missing values. Never changed.
    formula : str
        Imputation model, `outcome ~ terms`.
    subject, visit, arm : str
        Columns. Visits come in the order of their categories, else of `week`, else alphabetically.
    reference : object
        The arm that reference-based strategies refer to.
    events : pandas.DataFrame, optional
        Columns named as `subject` and `visit` (the first visit affected), `strategy` (a name or a
        function) and, if wanted, `kind`. Without events every missing value is MAR. Of several
        events of a patient the first of those that are not MAR counts, which must be one; MAR
        changes nothing.
    week : str, optional
        Column with the scheduled week of a visit, the same for everyone; 1 to m when left out.
    cluster : str, optional
        Column with the site or therapist, for a clustered jackknife.
    separate : bool
        A covariance for each arm.
    covariance, reml
        As in `MMRM.from_formula`.

    Raises
    ------
    ModelError
        The data cannot be laid out or the model cannot be set up, and why.

    References
    ----------
    Which values the model may use: Wolbers et al 2022, Pharm Stat 21:1246, section 2.
    """
    parsed = parse(formula)
    columns = _Columns(parsed.outcome, subject, visit, arm, week)
    needed = sorted((parsed.names - {*columns.roles()}) & set(data.columns))
    _refuse_absent(data, columns, cluster)
    visits, weeks = _schedule(data, columns)
    grid = _grid(data, columns, visits, weeks)
    m = len(visits)
    patients = pd.Index(grid.frame[subject].iloc[::m])
    outcome = _outcome(grid.frame[parsed.outcome], grid.absent).reshape(-1, m)
    grid.frame[parsed.outcome] = outcome.ravel()
    covariates = {name: _constant(grid, name) for name in data if name not in columns.roles()}
    _fill(grid, covariates, needed)
    found = occurrences(events, subject, visit, patients, visits)
    modelled = ~np.isnan(outcome) & (np.arange(m) < found.bound(m)[:, None])
    arms, codes = _arms(grid, arm, reference)
    _refuse_unmodelled(modelled, codes, arms, visits)
    model = MMRM.from_formula(
        formula, grid.frame[modelled.ravel()], subject=subject, visit=visit,
        covariance=covariance, group=arm if separate else None, reml=reml,
        times=dict(zip(visits, weeks, strict=True)),
    )  # fmt: skip
    base = int(arms.get_loc(reference))
    own, other = (_rows(model, grid, arms, to).reshape(*outcome.shape, -1) for to in (None, base))
    return Panel(
        outcome=outcome, own=own, reference=other, arm=codes, arms=tuple(arms), reference_arm=base,
        group=codes if separate else np.zeros_like(codes), reference_group=base * separate,
        event=found.event, strategy=found.strategy, strategies=found.strategies, kind=found.kind,
        modelled=modelled, cluster=_clusters(grid, cluster), patients=tuple(patients),
        visits=tuple(visits), weeks=weeks, arm_name=arm, model=model,
        covariates={k: v for k, v in covariates.items() if v is not None},
    )  # fmt: skip


@dataclass(frozen=True, eq=False, slots=True)
class _Grid:
    """Every patient at every visit, patient by patient.

    Attributes
    ----------
    frame : pandas.DataFrame
        Rows that the data do not have repeat the patient's first row at another visit.
    absent : ndarray of bool
        Which rows those are.
    columns : _Columns
    m : int
    """

    frame: pd.DataFrame
    absent: NDArray[np.bool_]
    columns: _Columns
    m: int

    def names(self, rows: Integers | NDArray[np.bool_]) -> str:
        """Patients of the rows."""
        found = pd.unique(self.frame[self.columns.subject].to_numpy()[rows])
        return ", ".join(map(str, found[:NAMED])) + (", ..." if len(found) > NAMED else "")


def _refuse_absent(data: pd.DataFrame, columns: _Columns, cluster: str | None) -> None:
    if not len(data):
        raise ModelError("The data have no rows, so there is nothing to impute.")
    for name in [*columns.roles(), *([] if cluster is None else [cluster])]:
        if name not in data:
            raise ModelError(f"The data have no column {name!r}. They have {list(data.columns)}.")
    for name in (columns.subject, columns.visit, columns.arm):
        if data[name].isna().any():
            raise ModelError(
                f"{int(data[name].isna().sum())} rows have no {name}. Fill it in, or leave those "
                "rows out."
            )
    for name in filter(None, (columns.outcome, columns.week)):
        if not pd.api.types.is_numeric_dtype(data[name]):
            raise ModelError(f"Column {name!r} holds {data[name].dtype} values; it must hold numbers.")


def _schedule(data: pd.DataFrame, columns: _Columns) -> tuple[pd.Index, Array]:
    """Visits in order, and when they are."""
    column = data[columns.visit]
    ordered = isinstance(column.dtype, pd.CategoricalDtype)
    visits = column.cat.remove_unused_categories().cat.categories if ordered else None
    if columns.week is None:
        visits = pd.Index(sorted(column.unique(), key=str)) if visits is None else visits
        return visits, np.arange(1.0, len(visits) + 1)
    rows = data[[columns.visit, columns.week]].drop_duplicates().dropna()
    twice = rows[columns.visit][rows[columns.visit].duplicated()].unique()
    if len(twice):
        raise ModelError(
            f"Visit {twice[0]} has more than one {columns.week}. Give the scheduled week, which is "
            "the same for everyone."
        )
    labels = pd.Index(rows[columns.visit].astype(object))
    weeks = pd.Series(rows[columns.week].to_numpy(dtype=np.float64), index=labels)
    order = weeks.sort_values().index if visits is None else visits
    found = weeks.reindex(order).to_numpy()
    if len(order) < column.nunique() or np.isnan(found).any() or (np.diff(found) <= 0).any():
        raise ModelError(
            f"The visits {', '.join(map(str, order))} are in weeks {found.tolist()}; every visit "
            f"needs a {columns.week}, later than that of the visit before it."
        )
    return pd.Index(order), found


def _grid(data: pd.DataFrame, columns: _Columns, visits: pd.Index, weeks: Array) -> _Grid:
    m = len(visits)
    person, patients = pd.factorize(data[columns.subject])
    place = person * m + visits.get_indexer(pd.Index(data[columns.visit].astype(object)))
    row = np.full(len(patients) * m, -1)
    row[place] = np.arange(len(data))
    repeated = np.setdiff1d(np.arange(len(data)), row)
    if len(repeated):
        examples = data.iloc[repeated[:NAMED]]
        pairs = zip(examples[columns.subject], examples[columns.visit], strict=True)
        raise ModelError(
            f"{len(repeated)} rows repeat a patient's visit "
            f"({'; '.join(f'{a} at {b}' for a, b in pairs)}). Keep one row per patient and visit."
        )
    first = np.unique(person, return_index=True)[1]
    source = np.where(row < 0, np.repeat(first, m), row)
    frame = data.iloc[source].reset_index(drop=True)
    frame[columns.visit] = pd.Categorical.from_codes(np.tile(np.arange(m), len(patients)), visits)
    if columns.week is not None:
        frame[columns.week] = np.tile(weeks, len(patients))
    return _Grid(frame, row < 0, columns, m)


def _outcome(column: pd.Series, absent: NDArray[np.bool_]) -> Array:
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(absent | ~np.isfinite(values), np.nan, values)


def _constant(grid: _Grid, name: str) -> NDArray | None:
    """A column as one value a patient, missing where none is told; None if it changes."""
    try:
        codes, distinct = pd.factorize(grid.frame[name])
    except TypeError:
        # Lists and the like are no covariates.
        return None
    codes = np.where(grid.absent, -1, codes).reshape(-1, grid.m)
    largest = codes.max(axis=1)
    if ((codes >= 0) & (codes != largest[:, None])).any():
        return None
    values = pd.Series(distinct).reindex(largest)
    return values.astype(grid.frame[name].dtype).array if (largest >= 0).all() else values.array


def _fill(grid: _Grid, covariates: dict[str, NDArray | None], needed: list[str]) -> None:
    """Carry constant columns of the formula to all of a patient's rows, in the grid's frame."""
    for name in needed:
        values = covariates[name]
        if values is not None:
            column = pd.Series(values).repeat(grid.m)
            grid.frame[name] = column.set_axis(grid.frame.index)
        lost = grid.frame[name].isna().to_numpy() | (grid.absent & (values is None))
        if lost.any():
            raise ModelError(
                f"{int(lost.reshape(-1, grid.m).any(axis=1).sum())} patients have no value of "
                f"{name} at some visit ({grid.names(lost)}), so nothing can be imputed there. "
                "Fill it in, or leave it out of the formula, or leave those patients out."
            )


def _rows(model: MMRM, grid: _Grid, arms: pd.Index, arm: int | None) -> Array:
    """Design rows with everyone in one arm, or in their own."""
    frame = grid.frame
    if arm is not None:
        name = grid.columns.arm
        everyone = pd.Series(pd.Categorical.from_codes(np.full(len(frame), arm), arms))
        frame = frame.assign(**{name: everyone.astype(frame[name].dtype)})
    try:
        return model.design.rows(frame)
    except ModelError as error:
        raise ModelError(
            "Patients without a value that the imputation model may use cannot be placed in it. "
            f"{error} Merge the level with another, or leave those patients out."
        ) from error


def _arms(grid: _Grid, arm: str, reference: object) -> tuple[pd.Index, Integers]:
    """Arms in order, and each patient's."""
    if _constant(grid, arm) is None:
        codes = pd.factorize(grid.frame[arm])[0].reshape(-1, grid.m)
        rows = np.repeat((codes != codes[:, :1]).any(axis=1), grid.m)
        raise ModelError(
            f"Patients change their {arm} between visits ({grid.names(rows)}). Give every row the "
            "arm to which the patient was assigned."
        )
    made = pd.Categorical(grid.frame[arm].iloc[:: grid.m]).remove_unused_categories()
    if reference not in made.categories:
        raise ModelError(
            f"The reference {reference!r} is none of the arms of the data "
            f"({', '.join(map(str, made.categories))}). Name one of them."
        )
    return made.categories, made.codes.astype(np.int64)


def _refuse_unmodelled(
    modelled: NDArray[np.bool_], codes: Integers, arms: pd.Index, visits: pd.Index
) -> None:
    counts = np.stack([modelled[codes == k].sum(axis=0) for k in range(len(arms))])
    for k in np.flatnonzero(counts.sum(axis=1) == 0):
        raise ModelError(
            f"No patient of {arms[k]} has a value that the imputation model may use. Leave the arm "
            "out, or choose MAR for events that are followed by observed values."
        )
    for j in np.flatnonzero(counts.sum(axis=0) == 0):
        raise ModelError(
            f"Nobody has a value at {visits[j]} that the imputation model may use. Leave the visit "
            "out, or choose MAR for events that are followed by observed values."
        )


def _clusters(grid: _Grid, cluster: str | None) -> Integers | None:
    if cluster is None:
        return None
    values = _constant(grid, cluster)
    if values is None or pd.isna(values).any():
        raise ModelError(
            f"The cluster column {cluster!r} must hold one value for each patient, the same at "
            "every visit."
        )
    return pd.factorize(values)[0].astype(np.int64)
