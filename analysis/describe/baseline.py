"""Patients at baseline, per therapy, with standardised differences."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analysis.describe.grid import therapy_of, values_grid
from analysis.describe.masking import mask_counts
from analysis.instruments import find_instrument
from analysis.trial.records import Trial

BASELINE_COLUMNS = (
    "characteristic", "level", "unit", "kind", "therapy", "n", "mean", "sd", "count", "percent",
    "masked", "small", "difference", "between",
)  # fmt: skip
MISSING = "missing"


@dataclass(frozen=True, slots=True)
class _Characteristic:
    label: str
    unit: str
    values: pd.Series


def baseline_table(trial: Trial) -> pd.DataFrame:
    """Summarise the baseline score of every measure and every covariate, per therapy.

    The standardised difference of a number is the difference of means over the root of the mean of
    the two variances; that of a level is the same with its proportions (Austin 2009, Stat Med,
    doi:10.1002/sim.3697, equations 1 and 2). The largest absolute one between any therapy and the
    comparator stands in the overall row. No test: what randomisation made has no cause to seek.

    Returns
    -------
    pandas.DataFrame
        One row per characteristic, level and therapy (empty: overall). `kind` "number" fills `n`,
        `mean`, `sd`; "level" fills `n` (patients), `count`, `percent`. `masked`: fewer patients
        than `study.minimum_count` (`small`), or one from which such a number could be worked out.
        `difference` and `between` (the therapy it is about) in the overall rows.
    """
    therapy = therapy_of(trial)
    rows: list[dict[str, Any]] = []
    for item in _characteristics(trial):
        if isinstance(item.values.dtype, pd.CategoricalDtype):
            rows += _levels(trial, item, therapy)
        else:
            rows += _number(trial, item, therapy)
    frame = pd.DataFrame(rows, columns=list(BASELINE_COLUMNS))
    kinds = {"n": "Int64", "count": "Int64", "mean": "float64", "sd": "float64",
             "percent": "float64", "difference": "float64", "masked": "bool",
             "small": "bool"}  # fmt: skip
    return frame.astype(kinds)


def _characteristics(trial: Trial) -> Iterator[_Characteristic]:
    study = trial.study
    if study.baseline_visit is not None:
        for measure in study.measures:
            values = values_grid(trial, measure.name)[study.baseline_visit.name]
            if values.notna().any():
                unit = find_instrument(measure.instrument, study.instruments).unit
                yield _Characteristic(f"{measure.label}, baseline", unit, values)
    patients = trial.patients.set_index("patient")
    for covariate in study.covariates:
        if covariate.name in patients.columns:
            label = covariate.label or covariate.name
            yield _Characteristic(label, covariate.unit or "", patients[covariate.name])


def _groups(trial: Trial, therapy: pd.Series) -> dict[str, np.ndarray]:
    """Who belongs to each therapy; overall comes last, under the empty name."""
    groups = {label: (therapy == label).to_numpy() for label in trial.study.therapies}
    return {**groups, "": np.ones(len(therapy), dtype=bool)}


def _number(
    trial: Trial, item: _Characteristic, therapy: pd.Series
) -> Iterator[dict[str, Any]]:
    values = item.values.reindex(therapy.index).to_numpy(dtype=float)
    groups = _groups(trial, therapy)
    known = {name: values[member & ~np.isnan(values)] for name, member in groups.items()}
    few = {name: len(part) < trial.study.minimum_count for name, part in known.items()}
    # One therapy masked alone could be worked out from the overall mean and the others.
    hide_overall = few[""] or sum(few[label] for label in trial.study.therapies) == 1
    moments = {
        name: (float(part.mean()), float(part.var(ddof=1)))
        for name, part in known.items() if len(part) > 1 and not few[name]
    }  # fmt: skip
    difference, between = _largest(moments, trial.study.comparator)
    for name, part in known.items():
        masked = few[name] or (name == "" and hide_overall)
        row: dict[str, object] = {
            "characteristic": item.label, "level": "", "unit": item.unit, "kind": "number",
            "therapy": name, "n": None if masked else len(part), "masked": masked,
            "small": few[name], "between": "",
        }  # fmt: skip
        if not masked:
            row |= {"mean": part.mean(), "sd": part.std(ddof=1) if len(part) > 1 else np.nan}
        if name == "":
            row |= {"difference": difference, "between": between}
        yield row


def _levels(trial: Trial, item: _Characteristic, therapy: pd.Series) -> Iterator[dict[str, Any]]:
    values = item.values.reindex(therapy.index)
    levels = [str(level) for level in values.cat.categories]
    text = values.astype("object").where(values.notna(), MISSING).astype(str).to_numpy()
    if values.isna().any():
        levels.append(MISSING)
    groups = _groups(trial, therapy)
    counts = np.array([[int((text[m] == v).sum()) for m in groups.values()] for v in levels])
    totals = [int(member.sum()) for member in groups.values()]
    masked = mask_counts(counts, trial.study.minimum_count)
    for i, level in enumerate(levels):
        moments = {}
        for j, name in enumerate(groups):
            if totals[j] and not masked[i, j]:
                share = counts[i, j] / totals[j]
                moments[name] = (share, share * (1 - share))
        difference, between = _largest(moments, trial.study.comparator)
        for j, name in enumerate(groups):
            shown = not masked[i, j]
            yield {
                "characteristic": item.label, "level": level, "unit": "", "kind": "level",
                "therapy": name, "n": totals[j], "masked": not shown,
                "small": bool(counts[i, j] < trial.study.minimum_count),
                "count": counts[i, j] if shown else None,
                "percent": 100 * counts[i, j] / totals[j] if shown and totals[j] else np.nan,
                "difference": difference if name == "" else np.nan,
                "between": between if name == "" else "",
            }  # fmt: skip


def _largest(moments: dict[str, tuple[float, float]], comparator: str) -> tuple[float, str]:
    """Largest absolute standardised difference to the comparator, and whose it is."""
    if not comparator or comparator not in moments:
        return float("nan"), ""
    mean, variance = moments[comparator]
    found = (float("nan"), "")
    for name, (other, spread) in moments.items():
        pooled = np.sqrt((variance + spread) / 2)
        if name in ("", comparator) or not pooled > 0:
            continue
        size = abs(other - mean) / pooled
        if not size <= found[0]:
            found = (float(size), name)
    return found
