"""How much of a difference is left later, within the same trial, on the same scale."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd

from analysis.errors import ModelError
from analysis.evidence.effects import ranked_results
from analysis.evidence.measures import Measure, Measured
from analysis.evidence.published import Published
from analysis.evidence.selection import Selection
from analysis.evidence.windows import SINCE_RANDOMISATION, Windows
from analysis.relief.fieller import fieller_set

# Correlation of a trial's estimates at both horizons where nobody prints it.
BETWEEN_HORIZONS = 0.5

PAIR_COLUMNS = (
    "study", "label", "therapy", "comparator", "scale", "basis", "week_short", "short", "se_short",
    "week_long", "long", "se_long", "lost", "se_lost", "retention", "conf_low", "conf_high", "kind",
)  # fmt: skip


def within_trial_pairs(
    published: Published, outcome: Literal["pain", "function"], *,
    windows: Windows = SINCE_RANDOMISATION, horizons: tuple[str, str] = ("short", "long"),
    measure: Measure = "MD", selection: Selection | None = None,
    correlation: float = BETWEEN_HORIZONS, comparators: Sequence[str] = (),
) -> pd.DataFrame:  # fmt: skip
    """Relief against the comparator at two horizons of the same trial and scale.

    Parameters
    ----------
    published : Published
    outcome : {"pain", "function"}
    windows : Windows
    horizons : tuple of str
        The earlier window and the later one.
    measure : {"MD", "SMD", "ROM"}
    selection : Selection, optional
    correlation : float
        Of a trial's two estimates; they have patients in common.
    comparators : sequence of str
        Only comparisons with these, also where the trial's own comparator was a third arm; each
        trial's own comparator where left out.

    Returns
    -------
    pandas.DataFrame
        Columns `PAIR_COLUMNS`. `retention` is long / short with its 95 % Fieller set: an
        "interval"; a "complement", everything but what lies between `conf_high` and `conf_low`; or
        the "whole line", where the data say nothing.

    Raises
    ------
    ModelError
        A correlation that is not between −1 and 1.
    """
    if not -1 < correlation < 1:
        raise ModelError(
            f"The correlation between horizons is {correlation:g}: it must lie between −1 and 1."
        )
    early, late = (
        ranked_results(published, outcome, name, windows, measure, selection)[0]
        for name in horizons
    )
    rows = [
        row
        for study, results in early.items()
        for row in _pairs(results, late.get(study, []), correlation, tuple(comparators))
    ]
    frame = pd.DataFrame([{"label": published.label(row["study"]), **row} for row in rows])
    return frame.reindex(columns=list(PAIR_COLUMNS))


def _pairs(
    early: list[Measured], late: list[Measured], correlation: float, wanted: tuple[str, ...]
) -> Iterator[dict[str, Any]]:
    """Rows of the first result that was had at both horizons in one way."""
    for one in early:
        for other in late:
            common = [name for name in other.nodes if name in one.nodes]
            if (one.scale, one.basis) != (other.scale, other.basis) or len(common) < 2:
                continue
            # The comparator of the later visit; the earlier one may have had another arm as well.
            against = next((name for name in common if name in wanted), "" if wanted else common[0])
            for name in common:
                if against and name != against:
                    yield _row(one, other, name, against, correlation)
            return


def _row(
    one: Measured, other: Measured, name: str, against: str, correlation: float
) -> dict[str, Any]:
    short, se_short = _value(one, name, against)
    long, se_long = _value(other, name, against)
    shared = correlation * se_short * se_long
    found = fieller_set(long, short, se_long**2, se_short**2, shared, lambda ratio: np.inf)
    return {
        "study": one.study, "therapy": name, "comparator": against, "scale": one.scale,
        "basis": one.basis, "week_short": one.week, "short": short, "se_short": se_short,
        "week_long": other.week, "long": long, "se_long": se_long, "lost": short - long,
        "se_lost": float(np.sqrt(se_short**2 + se_long**2 - 2 * shared)),
        "retention": long / short if short else np.nan, "conf_low": found.low,
        "conf_high": found.high, "kind": found.kind,
    }  # fmt: skip


def _value(result: Measured, name: str, against: str) -> tuple[float, float]:
    """Difference of two nodes of a result, and its standard error."""
    rows = np.vstack([np.zeros(len(result.effect)), np.eye(len(result.effect))])
    row = rows[result.nodes.index(name)] - rows[result.nodes.index(against)]
    return float(row @ result.effect), float(np.sqrt(row @ result.covariance @ row))
