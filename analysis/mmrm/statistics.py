"""Sufficient statistics: what the likelihood needs of the data, by missingness pattern.

Patients of one covariance group who attended the same visits form a pattern. For a pattern with m_g
visits the cross-products of the rows z_ij = (x_ij, y_ij) between all its visits are enough
(docs/methods.md section 2). They are kept as a square root: a matrix F with F'F equal to the
cross-products, whose rows act like patients. A root costs half the digits that cross-products cost,
and never has more rows than m_g (p + 1).

Weights are inside the rows: a precision weight w_ij multiplies row z_ij by its square root and adds
its logarithm to `log_weights`; a patient's weight ω_i multiplies all rows of the patient by its
square root and counts the patient ω_i times in `weight`.

Statistics are not anonymous: a pattern of one patient is that patient's row
(`SufficientStatistics.patients_by_pattern`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Unpack

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.baseline import EqualAt
from analysis.mmrm.batches import read_batches
from analysis.mmrm.centring import Change
from analysis.mmrm.design import Design
from analysis.mmrm.patterns import Block, Pattern, merge
from analysis.mmrm.reading import (
    Constants,
    Levels,
    extremes,
    patterns_of,
    read_frame,
    refuse_constant_visits,
)
from analysis.mmrm.reduction import reduce_block
from analysis.mmrm.roles import RoleColumns
from analysis.mmrm.storage import read, write
from analysis.mmrm.union import united

__all__ = ["Block", "Pattern", "SufficientStatistics"]


@dataclass(frozen=True, slots=True, eq=False)
class SufficientStatistics:
    """Everything the Gaussian likelihood needs of a data set.

    Attributes
    ----------
    columns : tuple of str
        Names of the p columns of the design.
    n_visits : int
        Number of rows m of the covariance: visits, times outcomes.
    patterns : tuple of Pattern
        In order of group, then visits. Rows are in stored columns, centred and scaled
        (`Design.change`): numerically near zero, and the same model.
    n_groups : int
        Number of covariance groups.
    log_weights : float
        Σ ω_i log w_ij over all values; 0 without precision weights.
    design : Design or None
        Formula, levels, roles, margins; without patients' rows.
    """

    columns: tuple[str, ...]
    n_visits: int
    patterns: tuple[Pattern, ...] = field(repr=False)
    n_groups: int = 1
    log_weights: float = 0.0
    design: Design | None = field(default=None, repr=False)

    @classmethod
    def from_frame(
        cls, formula: str, data: pd.DataFrame, *, subject: str, visit: str,
        group: str | None = None, weights: str | None = None, subject_weights: str | None = None,
        measure: str | None = None, levels: Levels | None = None, centre: Constants | None = None,
        scale: Constants | None = None, clda: EqualAt | None = None,
        like: SufficientStatistics | None = None,
    ) -> SufficientStatistics:  # fmt: skip
        """Reduce a frame.

        Parameters
        ----------
        formula : str
            `outcome ~ terms`; one row of `data` is a patient at a visit. Rows without a value are
            left out and counted.
        data : pandas.DataFrame
            Never changed.
        subject, visit : str
            Columns that say whose and which visit a row is.
        group, weights, subject_weights, measure : str, optional
            Columns with the covariance group, the precision weight of a row, the weight of a
            patient, and which of several outcomes a row holds.
        levels : mapping of str to sequence, optional
            Levels of categorical columns, kept also where nobody has one; needed where parts of the
            data that are to be added do not all hold every level.
        centre, scale : mapping of str to float, optional
            Constants taken from numeric columns and the outcome before they are summed up. They
            change no result, only its rounding. Left out: rounded means and standard deviations.
        clda : tuple of (str, object), optional
            A factor of the formula and the visit at which all its levels share one mean; see
            `MMRM.from_formula`.
        like : SufficientStatistics, optional
            Of the same formula. Its levels are taken where none are declared, and what its
            transforms learnt (a spline's knots, the centres of `poly`), so that the two can be
            added.

        Raises
        ------
        ModelError
            The model cannot be set up with these data, and why.
        """
        roles: RoleColumns = {
            "subject": subject, "visit": visit, "group": group, "weights": weights,
            "subject_weights": subject_weights, "measure": measure,
        }  # fmt: skip
        return cls._of(
            read_frame(formula, data, roles, levels, centre, scale, clda=clda, like=_design(like))
        )

    @classmethod
    def with_rows(
        cls, formula: str, data: pd.DataFrame, levels: Levels | None = None,
        centre: Constants | None = None, scale: Constants | None = None,
        clda: EqualAt | None = None, **roles: Unpack[RoleColumns],
    ) -> tuple[Design, SufficientStatistics]:  # fmt: skip
        """The same as `from_frame`, and the design that keeps the rows."""
        design = read_frame(formula, data, roles, levels, centre, scale, clda=clda)
        return design, cls._of(design)

    @classmethod
    def from_batches(
        cls, formula: str, batches: Iterable[object], *, subject: str, visit: str,
        group: str | None = None, weights: str | None = None, subject_weights: str | None = None,
        measure: str | None = None, levels: Levels | None = None, centre: Constants | None = None,
        scale: Constants | None = None, progress: Callable[[int], None] | None = None,
        clda: EqualAt | None = None, like: SufficientStatistics | None = None,
    ) -> SufficientStatistics:  # fmt: skip
        """Reduce frames one after another, in one pass and the memory of one.

        Parameters
        ----------
        formula, subject, visit, group, weights, subject_weights, measure, clda
            As in `from_frame`.
        batches : iterable
            Frames, or an Arrow dataset, table, reader or iterable of record batches. All rows of a
            patient follow each other; they may go on in the next batch.
        levels : mapping of str to sequence, optional
            Levels of categorical columns; taken from the categorical types (Arrow dictionaries) of
            the first batch where left out.
        centre, scale : mapping of str to float, optional
            Left out: rounded means and standard deviations of the first batch.
        progress : callable, optional
            Called after each batch with the number of rows read so far.
        like : SufficientStatistics, optional
            As in `from_frame`. A formula whose transforms learn from all rows (splines, `poly`,
            `scale`, `C`) needs it: knots are quantiles, which one pass in bounded memory cannot
            give, and a second pass would read every file twice. Statistics of a sample do.

        Raises
        ------
        ModelError
            The batches cannot be read together, and why.
        """
        roles: RoleColumns = {
            "subject": subject, "visit": visit, "group": group, "weights": weights,
            "subject_weights": subject_weights, "measure": measure,
        }  # fmt: skip
        found = read_batches(
            formula, batches, roles, levels, centre, scale, progress, clda, _design(like)
        )
        return cls._from(*found)

    @classmethod
    def load(cls, path: str | Path) -> SufficientStatistics:
        """Read a file that `save` wrote; nothing in it is executed.

        Raises
        ------
        ModelError
            The file is absent, foreign, damaged, or of a newer version.
        """
        return cls._from(*read(path))

    def save(self, path: str | Path, overwrite: bool = False) -> None:
        """Write a file without patients' names, but with the rows of patterns of one patient.

        Parameters
        ----------
        path : str or Path
            The suffix is yours; the format is described in `analysis.mmrm.storage`.
        overwrite : bool
            Replace a file that is there.

        Raises
        ------
        ModelError
            The file exists, or these statistics cannot be described in one.
        """
        if self.design is None:
            raise ModelError(
                "These statistics have no design, so a file could not say what they are. Save "
                "those of from_frame or from_batches."
            )
        write(path, self.design, self.patterns, self.log_weights, overwrite)

    @property
    def change(self) -> Change:
        """From columns of the formula to the columns the patterns are in."""
        return Change.none(len(self.columns)) if self.design is None else self.design.change

    @property
    def n_subjects(self) -> int:
        """Number of patients with at least one value."""
        return sum(pattern.n for pattern in self.patterns)

    @property
    def n_obs(self) -> int:
        """Number of values."""
        return sum(pattern.n * len(pattern.visits) for pattern in self.patterns)

    @property
    def weighted_obs(self) -> float:
        """Number of values, each counted as often as its patient's weight says."""
        return float(sum(pattern.weight * len(pattern.visits) for pattern in self.patterns))

    def patients_by_pattern(self) -> dict[tuple[int, tuple[int, ...]], int]:
        """Patients of each (group, visits); a pattern of one patient discloses that patient."""
        return {pattern.key: pattern.n for pattern in self.patterns}

    def pair_counts(self) -> NDArray[np.int64]:
        """Patients with values at both of two visits, by group; shape (groups, m, m)."""
        counts = np.zeros((self.n_groups, self.n_visits, self.n_visits), dtype=np.int64)
        for pattern in self.patterns:
            counts[pattern.group][np.ix_(pattern.visits, pattern.visits)] += pattern.n
        return counts

    def __add__(self, other: SufficientStatistics) -> SufficientStatistics:
        """Statistics of both sets of patients together.

        Different centres and scales are reconciled; the first one's are kept.

        Raises
        ------
        ModelError
            The two have different formulas, levels, roles or constraints (`clda`).
        """
        if not isinstance(other, SufficientStatistics):
            return NotImplemented
        mine, theirs = ((s.columns, s.n_visits, s.n_groups) for s in (self, other))
        design, patterns = self.design, other.patterns
        if self.design is not None and other.design is not None:
            design, patterns = united(self.design, other.design, other.patterns)
        elif mine != theirs:
            raise ModelError(
                "These statistics cannot be added: they have different columns or visits "
                f"({self.n_visits} visits, columns {list(self.columns)} against {other.n_visits} "
                f"visits, columns {list(other.columns)}). Make both with the same formula and "
                "levels."
            )
        elif self.design is not None or other.design is not None:
            raise ModelError(
                "These statistics cannot be added: only one of them knows its formula. Make both "
                "with from_frame or from_batches."
            )
        return replace(
            self, patterns=merge([*self.patterns, *patterns]), design=design,
            log_weights=self.log_weights + other.log_weights,
        )  # fmt: skip

    def pooled(self) -> SufficientStatistics:
        """The same patients with one covariance for all groups."""
        patterns = merge([replace(pattern, group=0) for pattern in self.patterns])
        return replace(self, patterns=patterns, n_groups=1)

    def __repr__(self) -> str:
        what = "" if self.design is None else f" of {self.design.formula}"
        return (
            f"<SufficientStatistics{what}: {self.n_subjects} patients, {self.n_obs} values, "
            f"{self.n_visits} visits, {len(self.patterns)} patterns, {len(self.columns)} columns>"
        )

    @classmethod
    def from_block(
        cls, columns: tuple[str, ...], n_visits: int, n_groups: int, block: Block
    ) -> SufficientStatistics:
        """Reduce the rows of whole patients to statistics.

        Parameters
        ----------
        columns : tuple of str
            Names of the design's columns, p of them.
        n_visits, n_groups : int
            Number of scheduled visits and of covariance groups.
        block : Block
        """
        patterns = reduce_block(block, Change.none(len(columns)), n_visits)
        logs = 0.0
        if block.precision is not None:
            many = 1.0 if block.patient_weight is None else block.patient_weight
            logs = float((np.log(block.precision) * many).sum())
        return cls(columns, n_visits, patterns, n_groups, logs)

    @classmethod
    def _of(cls, design: Design) -> SufficientStatistics:
        rows = design.rows_used()
        refuse_constant_visits(design, *extremes(rows))
        return cls._from(design, *patterns_of(design, rows))

    @classmethod
    def _from(
        cls, design: Design, patterns: tuple[Pattern, ...], log_weights: float
    ) -> SufficientStatistics:
        return cls(
            design.columns, len(design.positions), patterns, len(design.groups), log_weights,
            design.without_rows(),
        )  # fmt: skip


def _design(like: SufficientStatistics | None) -> Design | None:
    if like is None:
        return None
    if not isinstance(like, SufficientStatistics) or like.design is None:
        raise ModelError(
            "like= must be statistics that know their formula: made by from_frame, from_batches or "
            "load."
        )
    return like.design
