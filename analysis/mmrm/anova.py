"""Type II and III tests: one joint F test for each term of a formula."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from formulaic import Formula
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.baseline import at_reference
from analysis.mmrm.contrasts import NOT_ESTIMABLE
from analysis.mmrm.design import Design
from analysis.mmrm.margins import ROWS

if TYPE_CHECKING:
    from analysis.mmrm.results import MMRMResults

Array = NDArray[np.float64]
Index = NDArray[np.int64]

# Directions whose length is below this share of the longest are rounding.
NEGLIGIBLE = 1e-9
# Without patients' rows, numeric columns take made-up values around their means: any values that
# are not all on a line say the same about which hypotheses there are.
SEED = 20240229
POINTS_PER_COLUMN = 2
# Rows turned into columns at a time: bounds memory without costing speed.
ROWS_AT_ONCE = 50_000


@dataclass(frozen=True, slots=True)
class Term:
    """A term of the formula, in columns with one for each level of its categorical factors.

    Attributes
    ----------
    name : str
    classes, numbers : frozenset of str
        Its categorical and its numeric factors.
    columns : ndarray of int
        Its columns among all terms' indicators.
    reference : ndarray of bool
        Whether a column belongs to the first level of a factor.
    """

    name: str
    classes: frozenset[str]
    numbers: frozenset[str]
    columns: Index
    reference: NDArray[np.bool_]

    def within(self, other: Term) -> bool:
        """Whether this term is contained in `other`: same numeric factors, fewer classes."""
        return self.numbers == other.numbers and self.classes < other.classes


@dataclass(frozen=True, slots=True)
class Indicators:
    """Terms of a design, and as many rows as tell the columns' cross-products.

    Attributes
    ----------
    terms : tuple of Term
    design : ndarray, shape (k, p)
        Rows with the same cross-products as the design's.
    columns : ndarray, shape (k, P)
        The same rows in one column for each level.
    """

    terms: tuple[Term, ...]
    design: Array
    columns: Array


@dataclass(frozen=True, slots=True)
class Factor:
    """Values of one factor of a formula: indicators of all levels, or numbers.

    Attributes
    ----------
    values : ndarray, shape (n, c)
    is_class : bool
    """

    values: Array
    is_class: bool


def anova(fit: MMRMResults, type: Literal["II", "III"] = "III") -> pd.DataFrame:
    """F tests of each term of the formula.

    A term is contained in another that has the same numeric factors and more categorical ones (SAS'
    rule). Both types leave out terms that do not contain the tested one, and differ in those that
    do:

    - "II" adjusts for all terms that do not contain it, in the metric of X'X, as SAS and R's mmrm
      do; R's car weighs by the covariance of the coefficients instead and gives other tests.
    - "III" makes the hypothesis orthogonal to the estimable functions of the terms that contain
      it. With no cell empty it says that LS means with equal weights are equal, and does not
      depend on how many patients are in each cell. A term whose numeric interaction is in the
      model (arm with arm × baseline) is tested where that numeric column is 0: centre it.

    With a baseline that arms share (clda), the tests are those of data in which the arm is at its
    reference level at that visit: type III tests the arm's effect averaged over the other visits,
    and arm × visit whether it differs among them.

    Denominator degrees of freedom of several rows depend on the rows chosen (the F statistic does
    not). As in R's mmrm: type II takes the term's own coefficients, type III the differences of
    all levels but the last from the average level.

    Parameters
    ----------
    fit : MMRMResults
    type : {"II", "III"}

    Returns
    -------
    pandas.DataFrame
        `term`, `num_df`, `denom_df`, `statistic` (F), `p_value`, `note`. A term that the data do
        not determine has `num_df` 0 and a note.

    Raises
    ------
    ModelError
        An unknown type; patients' rows that are needed and not at hand.

    References
    ----------
    Goodnight 1980, Commun Stat A 9:167 (SAS technical report R-101).
    """
    if type not in ("II", "III"):
        raise ModelError(f"type={type!r} is not known; use 'II' or 'III'.")
    full = read_indicators(fit.design, type == "II" or bool(fit.params.isna().any()))
    hypothesis = type_two if type == "II" else type_three
    rows = []
    for term in full.terms:
        if not term.classes and not term.numbers:
            continue
        matrix = hypothesis(full, term)
        row = {"term": term.name, "num_df": 0, "denom_df": np.nan, "statistic": np.nan,
               "p_value": np.nan, "note": NOT_ESTIMABLE}  # fmt: skip
        if len(matrix):
            test = fit.wald_test(matrix)
            row |= {"num_df": test.num_df, "denom_df": test.denom_df, "note": "",
                    "statistic": test.statistic, "p_value": test.p_value}  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows, columns=["term", "num_df", "denom_df", "statistic", "p_value", "note"])


def read_indicators(design: Design, patients: bool) -> Indicators:
    """Terms of the design and the cross-products of its columns.

    Parameters
    ----------
    design : Design
    patients : bool
        Whether the cross-products of the patients' rows are needed. Otherwise any rows will do
        where the patients' are not at hand.

    Raises
    ------
    ModelError
        The patients' rows are not at hand.
    """
    names = [[str(factor.expr) for factor in term.factors if str(factor.expr) != "1"]
             for term in Formula(design.formula).rhs]  # fmt: skip
    needed = list(dict.fromkeys(name for term in names for name in term))
    frame = at_reference(
        _frame(design, patients, needed), design.equal_at, design.roles.visit, design.levels
    )
    root = np.zeros((0, 0))
    computed = {name: _computed(name, frame) for name in needed if not _is_column(design, name)}
    terms: list[Term] = []
    for start in range(0, len(frame), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        part = frame.iloc[rows]
        factors = {
            name: Factor(computed[name].values[rows], computed[name].is_class)
            if name in computed else _column(design, name, part) for name in needed
        }  # fmt: skip
        terms, blocks = _terms(names, factors, len(part))
        both = np.concatenate([design.rows(part), *blocks], axis=1)
        stacked = np.concatenate([root, both]) if root.size else both
        # The stubs overlook mode="r".
        root = np.linalg.qr(stacked, mode="r")  # type: ignore[assignment]
    size = len(design.columns)
    return Indicators(tuple(terms), root[:, :size], root[:, size:])


def _terms(
    names: list[list[str]], factors: dict[str, Factor], n: int
) -> tuple[list[Term], list[Array]]:
    """Terms, and their columns: products of their factors' columns."""
    terms, blocks, start = [], [], 0
    for term in names:
        values, reference = np.ones((n, 1)), np.zeros(1, dtype=bool)
        for name in term:
            factor = factors[name]
            values = (values[:, :, None] * factor.values[:, None, :]).reshape(n, -1)
            first = (np.arange(factor.values.shape[1]) == 0) & factor.is_class
            reference = (reference[:, None] | first).ravel()
        classes = frozenset(name for name in term if factors[name].is_class)
        stop = start + values.shape[1]
        terms.append(Term(
            ":".join(term), classes, frozenset(term) - classes, np.arange(start, stop), reference
        ))  # fmt: skip
        blocks.append(values)
        start = stop
    return terms, blocks


def _is_column(design: Design, name: str) -> bool:
    return name in design.margins.factors or name in design.margins.totals


def _column(design: Design, name: str, frame: pd.DataFrame) -> Factor:
    if name in design.margins.totals:
        return Factor(frame[[name]].to_numpy(dtype=np.float64), False)
    levels = design.margins.factors[name]
    codes = pd.Categorical(frame[name], categories=levels).codes
    return Factor((codes[:, None] == np.arange(len(levels))).astype(np.float64), True)


def _computed(expression: str, frame: pd.DataFrame) -> Factor:
    """Columns of a factor that formulaic computes, from all rows, as when the model was read."""
    matrix = Formula(f"0 + {expression}").get_model_matrix(frame, context={}, output="numpy")
    kinds = {state[0].value for state in matrix.model_spec.encoder_state.values()}
    return Factor(np.asarray(matrix, dtype=np.float64), "categorical" in kinds)


def _frame(design: Design, patients: bool, needed: list[str]) -> pd.DataFrame:
    """The rows used or, where those are not at hand and any will do, made-up ones."""
    if design.frame is not None:
        return design.frame
    if patients or not all(_is_column(design, name) for name in needed):
        raise ModelError(
            "These tests need the patients' rows, and only their statistics are here. Fit the "
            "model with MMRM.from_formula on the data, or test with wald_test."
        )
    means, cells = design.margins.means, design.margins.cells.drop(columns=ROWS)
    times = 1 + POINTS_PER_COLUMN * len(means)
    columns: dict[str, object] = {
        name: pd.Categorical.from_codes(np.repeat(cells[name].to_numpy(), times), categories=levels)
        for name, levels in design.margins.factors.items()
    }
    draw = np.random.default_rng(SEED)
    for name, mean in means.items():
        columns[name] = mean + max(1.0, abs(mean)) * draw.normal(size=len(cells) * times)
    return pd.DataFrame(columns)


def type_two(full: Indicators, term: Term) -> Array:
    """Rows of the Type II hypothesis of a term, shape (q, p).

    With X₀ the columns of terms that do not contain it, X₁ its own without the reference levels,
    X₂ those of terms that do, and M = I − X₀(X₀'X₀)⁻X₀':
    L₀ = 0, L₁ = I, L₂ = (X₁'MX₁)⁻¹X₁'MX₂.
    """
    rest = [t.columns for t in full.terms if t is not term and not term.within(t)]
    basis = _span(full.columns[:, np.concatenate(rest)]) if rest \
        else np.zeros((len(full.columns), 0))  # fmt: skip
    # Columns of reference levels come last, so the others are the ones that are kept.
    own = full.columns[:, term.columns[np.argsort(term.reference, kind="stable")]]
    left = own - basis @ (basis.T @ own)
    picked = _first_independent(left, np.linalg.norm(own, axis=0))
    if not len(picked):
        return np.zeros((0, full.design.shape[1]))
    one = left[:, picked]
    turned, triangle = np.linalg.qr(one)
    turned -= basis @ (basis.T @ turned)
    result: Array = np.linalg.solve(triangle, turned.T @ full.design)
    return result


def type_three(full: Indicators, term: Term) -> Array:
    """Rows of the Type III hypothesis of a term, shape (q, p).

    Among the estimable functions (the row space of the indicators) those without weights on terms
    that do not contain it, and orthogonal to those on the terms that contain it alone. Rows are
    the projections on that space of the term's own columns, as many as are independent.
    """
    scaled = full.columns / _unit(full)
    left, lengths, right = np.linalg.svd(scaled, full_matrices=False)
    rank = int((lengths > NEGLIGIBLE * lengths[0]).sum())
    right = right[:rank]
    over = [t.columns for t in full.terms if term.within(t)]
    involved = np.concatenate([term.columns, *over])
    rest = np.setdiff1d(np.arange(scaled.shape[1]), involved)
    free = _null(right[:, rest])
    above = _null(right[:, np.setdiff1d(np.arange(scaled.shape[1]), np.concatenate([*over]))]) \
        if over else np.zeros((0, rank))  # fmt: skip
    space = _span((free - free @ above.T @ above).T).T
    if not len(space):
        return np.zeros((0, full.design.shape[1]))
    own = space @ right[:, term.columns]
    turned = _span(own.T)
    picked = _first_independent(turned.T, np.ones(len(term.columns)))
    mixing = turned[picked] @ turned.T @ np.linalg.pinv(own)
    inverse = (left[:, :rank] / lengths[:rank]).T @ full.design
    return mixing @ space @ inverse / _unit(full)[term.columns[0]]


def _unit(full: Indicators) -> Array:
    """One unit for all columns with the same numeric factors, shape (P,)."""
    unit = np.ones(full.columns.shape[1])
    for numbers in {term.numbers for term in full.terms}:
        columns = np.concatenate([t.columns for t in full.terms if t.numbers == numbers])
        longest = float(np.linalg.norm(full.columns[:, columns], axis=0).max(initial=0.0))
        unit[columns] = longest or 1.0
    return unit


def _span(matrix: Array) -> Array:
    """Orthonormal basis of the space that the columns span."""
    length = np.linalg.norm(matrix, axis=0)
    if not length.any():
        return np.zeros((len(matrix), 0))
    scaled = matrix / np.where(length > NEGLIGIBLE * length.max(), length, np.inf)
    turned, lengths, _ = np.linalg.svd(scaled, full_matrices=False)
    return turned[:, lengths > NEGLIGIBLE * lengths[0]]


def _null(matrix: Array) -> Array:
    """Orthonormal rows c with c @ matrix = 0, where matrix has orthonormal or shorter rows."""
    turned, lengths, _ = np.linalg.svd(matrix, full_matrices=True)
    rank = int((lengths > NEGLIGIBLE).sum())
    return turned[:, rank:].T


def _first_independent(matrix: Array, lengths: Array) -> Index:
    """Positions of the columns that the columns before them do not give."""
    picked: list[int] = []
    basis = np.zeros((len(matrix), 0))
    for k in range(matrix.shape[1]):
        column = matrix[:, k] - basis @ (basis.T @ matrix[:, k])
        column -= basis @ (basis.T @ column)
        if np.linalg.norm(column) > np.sqrt(NEGLIGIBLE) * lengths[k]:
            picked.append(k)
            basis = np.column_stack([basis, column / np.linalg.norm(column)])
    return np.array(picked, dtype=np.int64)
