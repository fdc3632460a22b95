"""All rules over a trial."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pandas as pd

from analysis.readers.finding import Finding
from analysis.schema import SEVERITIES, finding_frame
from analysis.trial.records import Trial
from analysis.validate.arms import (
    arms_without_followup,
    missing_comparator,
    patients_in_two_arms,
    patients_without_therapy,
    sizes_of_arms,
    small_arms,
)
from analysis.validate.people import (
    constant_characteristics,
    impossible_characteristics,
    unknown_characteristics,
)
from analysis.validate.schedule import (
    missing_horizons,
    visits_never_together,
    visits_without_data,
)
from analysis.validate.scores import (
    absent_baselines,
    codes_among_scores,
    duplicate_visits,
    equal_values,
    impossible_scores,
)

CHECKS: tuple[Callable[[Trial], Iterator[Finding]], ...] = (
    duplicate_visits, impossible_scores, codes_among_scores, equal_values, absent_baselines,
    patients_in_two_arms, patients_without_therapy, sizes_of_arms, small_arms,
    arms_without_followup, missing_comparator, visits_without_data, visits_never_together,
    missing_horizons, impossible_characteristics, unknown_characteristics,
    constant_characteristics,
)  # fmt: skip


def check(trial: Trial) -> pd.DataFrame:
    """Every finding about a trial: those from reading it, then those of every rule.

    Parameters
    ----------
    trial : Trial
        From files or from the simulator. It is not changed.

    Returns
    -------
    pandas.DataFrame
        Columns `analysis.schema.FINDING_COLUMNS`, errors first. What reading already said about a
        patient and a column is not said twice.
    """
    said = trial.findings
    known = set(zip(said["rule"], said["patient"], said["column"], strict=True))
    new = [
        found
        for rule in CHECKS
        for found in rule(trial)
        if not found["patient"]
        or found["visit"]
        or (found["rule"], found["patient"], found["column"]) not in known
    ]
    every = pd.concat([said, finding_frame(new)], ignore_index=True).drop_duplicates()
    order = every["severity"].map({severity: n for n, severity in enumerate(SEVERITIES)})
    return every.loc[order.sort_values(kind="stable").index].reset_index(drop=True)
