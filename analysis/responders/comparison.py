"""Rows of a result frame: each therapy's responders, and how they compare with the comparator's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from analysis.proportions import METHOD_WORDS, DifferenceMethod
from analysis.responders.counts import Counts, difference, proportion, ratio
from analysis.responders.number_needed import number_needed
from analysis.responders.risks import (
    Pooling,
    Risks,
    risk_difference,
    risk_ratio,
    single_risk,
)

Row = dict[str, Any]


def counted_rows(
    counts: Counts, therapies: tuple[str, ...], comparator: str, minimum: int,
    method: DifferenceMethod, alpha: float,
) -> Iterator[Row]:  # fmt: skip
    """Proportions, and differences and ratios against the comparator, from counts.

    Parameters
    ----------
    counts : Counts
    therapies : tuple of str, length K
    comparator : str
        Empty where there is none.
    minimum : int
        A therapy with fewer patients, or with fewer responders or non-responders but more than
        none, is not shown, and no comparison that would tell it.
    method : {"newcombe", "miettinen_nurminen"}
    alpha : float
    """
    pairs = [(int(x), int(n)) for x, n in zip(counts.responders, counts.n, strict=True)]
    hidden = [masked(x, n, minimum) for x, n in pairs]
    for k, therapy in enumerate(therapies):
        x, n = pairs[k]
        row = {"quantity": "responders", "therapy": therapy, "n_therapy": n, "method": "Wilson"}
        yield row | ({"note": hidden[k]} if hidden[k] else proportion(x, n, alpha))
        if not comparator or therapy == comparator:
            continue
        c = therapies.index(comparator)
        base = {"therapy": therapy, "comparator": comparator, "n_therapy": n,
                "n_comparator": pairs[c][1]}  # fmt: skip
        if note := hidden[k] or hidden[c]:
            yield from ({**base, "quantity": name, "note": note} for name in COMPARED)
            continue
        cells, names = (x, n, *pairs[c]), (therapy, comparator)
        gap = difference(*cells, method, alpha)
        yield {**base, "quantity": "risk_difference", "method": METHOD_WORDS[method], **gap}
        yield {**base, "quantity": "risk_ratio", "method": "log, Katz",
               **ratio(*cells, alpha, names)}  # fmt: skip
        yield {**base, "quantity": "odds_ratio", "method": "log, Woolf",
               **ratio(*cells, alpha, names, odds=True)}  # fmt: skip
        yield _needed(base, gap, METHOD_WORDS[method])


COMPARED = ("risk_difference", "risk_ratio", "odds_ratio", "number_needed")


def risk_rows(
    risks: Risks, therapies: tuple[str, ...], comparator: str, minimum: int, pool: Pooling,
    alpha: float, hidden: list[str] | None = None,
) -> Iterator[Row]:  # fmt: skip
    """The same rows from estimated risks with their covariance.

    Parameters
    ----------
    risks : Risks
    therapies, comparator, minimum, alpha
        As in `counted_rows`; here only the number of patients is compared with the minimum.
    pool : callable
        Joins estimates of several completed data sets.
    hidden : list of str, optional
        Why a therapy is not shown, or empty, by therapy.
    """
    fewer = f"fewer than {minimum} patients: not shown"
    notes = [fewer if 0 < n < minimum else "" for n in risks.n]
    if hidden is not None:
        notes = [one or other for one, other in zip(notes, hidden, strict=True)]
    for k, therapy in enumerate(therapies):
        base = {"therapy": therapy, "n_therapy": int(risks.n[k]), "method": risks.method}
        found = {"note": notes[k]} if notes[k] else single_risk(risks, k, pool, alpha)
        yield {**base, "quantity": "responders", **found}
        if not comparator or therapy == comparator:
            continue
        c = therapies.index(comparator)
        base |= {"comparator": comparator, "n_comparator": int(risks.n[c])}
        if note := notes[k] or notes[c]:
            yield from ({**base, "quantity": name, "note": note} for name in COMPARED)
            continue
        gap = risk_difference(risks, k, c, pool, alpha)
        yield {**base, "quantity": "risk_difference", **gap}
        yield {**base, "quantity": "risk_ratio", **risk_ratio(risks, k, c, pool, alpha)}
        yield {**base, "quantity": "odds_ratio", **risk_ratio(risks, k, c, pool, alpha, odds=True)}
        yield _needed(base, gap, risks.method)


def masked(responders: int, n: int, minimum: int) -> str:
    """Why a count is not shown, or empty; none at all may be shown, as in tables of events."""
    if 0 < n < minimum:
        return f"fewer than {minimum} patients: not shown"
    if 0 < responders < minimum or 0 < n - responders < minimum:
        return f"fewer than {minimum} patients responded or did not: not shown"
    return ""


def _needed(base: Row, gap: Row, method: str) -> Row:
    """Number needed from a row of a difference."""
    row = {**base, "quantity": "number_needed", "method": method}
    if "estimate" not in gap:
        return {**row, "note": gap["note"]}
    low, high = (float(gap.get(end, math.nan)) for end in ("conf_low", "conf_high"))
    found = number_needed(float(gap["estimate"]), low, high)
    if kind := found.pop("method", ""):
        row["method"] = f"{method}, {kind}"
    return row | found
