"""Events after randomisation: how many patients had one."""

from __future__ import annotations

import pandas as pd

from analysis.describe.grid import therapy_of
from analysis.schema import EVENT_KINDS
from analysis.trial.records import Trial


def events_table(trial: Trial) -> pd.DataFrame:
    """Count patients with an event, per kind and therapy.

    Returns
    -------
    pandas.DataFrame
        `kind` (those that occur), `therapy`, `patients` (with one such event at least) and
        `events`, `of` (patients of the therapy), `percent`, `masked`: true where fewer patients
        than `study.minimum_count` but more than none had one; their counts are then missing.
    """
    therapy = therapy_of(trial)
    events = trial.events[trial.events["patient"].isin(therapy.index)]
    rows = []
    for kind in EVENT_KINDS:
        chosen = events[events["kind"] == kind]
        if chosen.empty:
            continue
        arm = chosen["patient"].map(therapy)
        for label in trial.study.therapies:
            own = chosen[arm == label]
            n, of = int(own["patient"].nunique()), int((therapy == label).sum())
            masked = 0 < n < trial.study.minimum_count
            counts = (None, None, of, None) if masked else (
                n, len(own), of, 100 * n / of if of else None
            )  # fmt: skip
            rows.append((kind, label, *counts, masked))
    frame = pd.DataFrame(
        rows, columns=["kind", "therapy", "patients", "events", "of", "percent", "masked"]
    )
    return frame.astype(
        {"patients": "Int64", "events": "Int64", "of": "Int64", "percent": "float64",
         "masked": "bool"}
    )  # fmt: skip
