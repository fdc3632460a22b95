"""Whether every therapy of a network is joined to every other, and what is thin in it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from analysis.errors import ModelError
from analysis.evidence.contrasts import Contrasts
from analysis.schema import finding_frame

Array = NDArray[np.float64]


def pieces(contrasts: Contrasts) -> tuple[tuple[str, ...], ...]:
    """Groups of therapies that trials join, the largest first."""
    names = contrasts.therapies
    rows = contrasts.design(names)
    count, label = connected_components(csr_array(rows.T @ rows), directed=False)
    found = [tuple(np.array(names)[label == piece].tolist()) for piece in range(count)]
    return tuple(sorted(found, key=lambda piece: (-len(piece), piece)))


def piece_of(contrasts: Contrasts, therapy: str) -> Contrasts:
    """The trials of the piece that holds this therapy."""
    for piece in pieces(contrasts):
        if therapy in piece:
            return contrasts.take(
                row for row, name in enumerate(contrasts.therapy) if name in piece
            )
    raise ModelError(f"No trial has {therapy}; there are {', '.join(contrasts.therapies)}.")


def require_one_piece(contrasts: Contrasts) -> None:
    """Refuse a network whose therapies cannot all be compared."""
    found = pieces(contrasts)
    if len(found) > 1:
        parts = "; ".join(f"({number}) {', '.join(p)}" for number, p in enumerate(found, start=1))
        raise ModelError(
            f"The network is in {len(found)} pieces that no trial joins: {parts}. Fit one piece "
            f"alone (piece_of), or add a trial that compares across them."
        )


def network_findings(contrasts: Contrasts) -> pd.DataFrame:
    """What a reader should know of a network before its numbers.

    Returns
    -------
    pandas.DataFrame
        Findings: a network in pieces (error), the same results under two names (warning), a therapy
        seen in one trial only and a trial of unknown size (notes).
    """
    rows = [*_apart(contrasts), *_repeated(contrasts), *_thin(contrasts), *_sizeless(contrasts)]
    return finding_frame(rows)


def _apart(contrasts: Contrasts) -> list[dict[str, object]]:
    found = pieces(contrasts)
    if len(found) == 1:
        return []
    return [
        {"rule": "network_in_pieces", "severity": "error", "column": "therapy",
         "value": ", ".join(piece),
         "message": f"piece {number} of {len(found)}: {', '.join(piece)}; no trial joins it to the "
                    "others"}
        for number, piece in enumerate(found, start=1)
    ]  # fmt: skip


def _repeated(contrasts: Contrasts) -> list[dict[str, object]]:
    """The same arms with the same numbers in two trials."""
    keys = pd.DataFrame({
        "therapy": contrasts.therapy, "comparator": contrasts.comparator,
        "effect": contrasts.effect, "variance": contrasts.variance,
    })  # fmt: skip
    found: dict[tuple[str, ...], str] = {}
    for _, part in keys.groupby(list(keys.columns), sort=False):
        studies = tuple(dict.fromkeys(contrasts.study[row] for row in part.index))
        if len(studies) > 1:
            therapy, comparator = part[["therapy", "comparator"]].iloc[0]
            found.setdefault(studies, f"{therapy} against {comparator}")
    return [
        {"rule": "repeated_study", "severity": "warning", "column": "study",
         "value": ", ".join(studies),
         "message": f"{', '.join(studies)} report the same effect and standard error for {what}: "
                    "if they are one trial, keep one of them"}
        for studies, what in found.items()
    ]  # fmt: skip


def _thin(contrasts: Contrasts) -> list[dict[str, object]]:
    of: dict[str, list[str]] = {name: [] for name in contrasts.therapies}
    for study in contrasts.studies:
        for arm in contrasts.arms_of(study):
            of[arm].append(study)
    return [
        {"rule": "one_trial", "severity": "note", "column": "therapy", "value": name,
         "message": f"{name} is seen in one trial only ({studies[0]}): its heterogeneity is "
                    "borrowed from the other trials"}
        for name, studies in of.items() if len(studies) == 1
    ]  # fmt: skip


def _sizeless(contrasts: Contrasts) -> list[dict[str, object]]:
    return [
        {"rule": "unknown_size", "severity": "note", "column": "n", "value": study,
         "message": f"{study} does not say how many patients it had: sums of patients leave it out"}
        for study in contrasts.studies if np.isnan(contrasts.patients(study))
    ]  # fmt: skip
