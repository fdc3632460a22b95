"""Reasons why a covariance cannot be estimated: found before the fit, or read off its end."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.mmrm.basis import Basis
from analysis.mmrm.covariance import CovarianceModel
from analysis.mmrm.information import Information
from analysis.mmrm.optimise import Optimum, collinear, collinearity
from analysis.mmrm.statistics import SufficientStatistics

Array = NDArray[np.float64]

# Structures to which the order of visits means nothing. Those of several outcomes list the visits
# once for each, so their numbers start again.
ORDERLESS = ("us", "cs", "csh", "diag", "un@un", "un@cs", "un@ar1")
NAMED_AT_MOST = 5
# A correlation this close to the end of its range stands at it.
BOUNDARY = 1e-6


def refuse_unidentified(
    statistics: SufficientStatistics, visits: Sequence[object], groups: Sequence[object]
) -> None:
    """Refuse an unstructured covariance with a pair of visits that no patient has.

    The likelihood does not know that pair's covariance; only positive definiteness bounds it.

    Raises
    ------
    ModelError
        Names the pairs.
    """
    for group, together in zip(groups, statistics.pair_counts(), strict=True):
        rows, columns = np.nonzero(np.tril(together == 0))
        never = [
            f"{visits[k]} with {visits[j]}" if j != k else f"{visits[j]} at all"
            for j, k in zip(rows.tolist(), columns.tolist(), strict=True)
        ]
        if not never:
            continue
        more = len(never) - NAMED_AT_MOST
        rest = f" and {more} more pairs" if more > 0 else ""
        where = "" if group is None else f" in group {group}"
        raise ModelError(
            f"No patient{where} has values at both of these visits: "
            f"{'; '.join(never[:NAMED_AT_MOST])}{rest}. An unstructured covariance needs each pair "
            "in at least one patient: leave a visit out, merge two, or choose another covariance."
        )


def order_notes(structure: str, visits: Sequence[str]) -> tuple[str, ...]:
    """A warning where the structure relies on the order of visits and their names count otherwise.

    Text is ordered alphabetically, which puts week 12 before week 2.
    """
    counted = [re.findall(r"\d+", visit)[-1:] for visit in visits]
    if structure in ORDERLESS or not all(counted):
        return ()
    numbers = [int(found[0]) for found in counted]
    if numbers == sorted(numbers):
        return ()
    return (
        f"The covariance {structure!r} takes the visits in this order: {', '.join(visits)}. If "
        "that is not the order in time, make the column categorical with its levels in order.",
    )


def refuse_too_few(
    statistics: SufficientStatistics, basis: Basis, model: CovarianceModel,
    visits: Sequence[object], groups: Sequence[object],
) -> None:  # fmt: skip
    """Refuse fewer values than parameters, and visits too thin for an unstructured covariance.

    Raises
    ------
    ModelError
        How many there are and how many are needed.
    """
    m = statistics.n_visits
    if model.name == "us":
        for group, together in zip(groups, statistics.pair_counts(), strict=True):
            for visit, count in zip(visits, np.diag(together), strict=True):
                if count <= m:
                    where = "" if group is None else f" of group {group}"
                    raise ModelError(
                        f"Too few patients{where} at visit {visit}: {count} have a value, and an "
                        f"unstructured covariance of {m} visits needs more than {m} at each. Add "
                        "patients, leave visits out, or choose a covariance with fewer parameters."
                    )
    free = statistics.n_obs - len(basis.kept)
    if free < model.size:
        raise ModelError(
            f"Too few values: {statistics.n_obs} values less {len(basis.kept)} coefficients leave "
            f"{free} for {model.size} covariance parameters. Add patients, or simplify the formula "
            "or the covariance."
        )


def judge(
    optimum: Optimum, known: Information | None, model: CovarianceModel, visits: Sequence[object]
) -> Information:
    """The information about Σ at the end of a search, if it is an end to stand on.

    Raises
    ------
    ModelError
        Visits that determine each other, a parameter at its boundary, or no maximum.
    """
    smallest, vector = collinearity(optimum.point.sigma)
    worst = np.argsort(-np.abs(vector))[:2]
    names = " and ".join(str(visits[k]) for k in sorted(worst))
    if collinear(model, optimum.point.sigma):
        raise ModelError(
            f"The values at visits {names} determine each other (smallest eigenvalue of the "
            f"correlation between visits {smallest:.1e}). Look for a visit copied from another, "
            "for values carried forward, or for too few patients."
        )
    if known is not None:
        return known
    if model.name == "us":
        raise ModelError(
            "The covariance between visits is not determined by these data: the likelihood has no "
            f"maximum, it rises as the visits (foremost {names}) come to determine each other. "
            "There are too few patients for this many visits: leave visits out, merge them, or "
            "choose a covariance with fewer parameters."
        )
    raise ModelError(
        f"The covariance {model.name!r} is not determined by these data: the likelihood has no "
        f"maximum inside its range{_edge(optimum, model)}. Choose another covariance."
    )


def _edge(optimum: Optimum, model: CovarianceModel) -> str:
    """Which correlation ran to the end of its range, as words."""
    values = model.natural_values(optimum.theta)
    labels = model.structure.labels * model.n_groups
    near = [
        f"{label} = {value:.3g}"
        for label, value in zip(labels, values, strict=True)
        if label.startswith("rho") and 1 - abs(value) < BOUNDARY
    ]
    return f"; at its boundary: {', '.join(near)}" if near else ""
