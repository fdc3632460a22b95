"""Harms of every therapy as a result frame."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.errors import ModelError
from analysis.harms.cells import HARM, LEFT, count_cells, is_recorded
from analysis.harms.difference import difference_rows
from analysis.harms.followup import follow
from analysis.harms.incidence import WEEKS, Per, rate_rows, risk_rows
from analysis.schema import result_frame
from analysis.trial.records import Trial


@dataclass(frozen=True, slots=True)
class Harms:
    """Harms of every therapy, and the counts behind them.

    Attributes
    ----------
    frame : pandas.DataFrame
        Result frame, `quantity` "harm". `analysis` is "risk", "rate", "risk difference" or "risk
        ratio"; `measure` what is counted: "adverse_event" (any), "adverse_event, serious",
        "adverse_event, related", "adverse_event: " and the name of a kind, and, as risks only,
        "stopped_therapy" and "lost", each alone (any reason) and with a reason. Risks are shares,
        0 to 1. Where a count is masked, the estimate is missing and the interval holds that of
        every count it can be; `note` says so.
    cells : pandas.DataFrame
        Counts that may be shown (`analysis.harms.cells.count_cells`).
    recorded : bool
        Whether adverse events were recorded; if not, none in the frame says nothing.
    withdrawals_recorded : bool
        Whether stopping the therapy or loss was recorded.
    set_aside : pandas.DataFrame
        `reason` and `n`: rows of events that do not count.
    per : str
        Unit of rates.
    """

    frame: pd.DataFrame
    cells: pd.DataFrame
    recorded: bool
    withdrawals_recorded: bool
    set_aside: pd.DataFrame
    per: Per

    def rows(self, analysis: str, measure: str = HARM, therapy: str | None = None) -> pd.DataFrame:
        """Rows of one analysis and one thing counted; every therapy when none is named."""
        frame = self.frame
        chosen = (frame["analysis"] == analysis) & (frame["measure"] == measure)
        return frame[chosen if therapy is None else chosen & (frame["therapy"] == therapy)]


def estimate_harms(trial: Trial, *, per: Per = "100 patient-weeks") -> Harms:
    """Estimate risks, rates and their differences for adverse events and withdrawals.

    Every patient of a therapy counts, from randomisation to the last visit with a value or the
    last dated event, whichever is later; a patient counts once in a risk, every event in a rate.

    Parameters
    ----------
    trial : Trial
    per : {"100 patient-weeks", "100 patient-years"}
        Unit of rates; a year has 365.25 days.

    Returns
    -------
    Harms
        What cannot be estimated is a row with NaN and a note.

    Raises
    ------
    ModelError
        A patient stands twice, or rates are asked for per something else.
    """
    if per not in WEEKS:
        raise ModelError(f"Rates are per {' or per '.join(WEEKS)}, not per {per!r}: choose one.")
    study, followup = trial.study, follow(trial)
    level = study.model.confidence
    cells = count_cells(study, followup)
    rows = [
        *risk_rows(cells, level), *rate_rows(cells, level, per),
        *difference_rows(cells, study.comparator, level),
    ]  # fmt: skip
    return Harms(
        frame=result_frame(rows),
        cells=cells,
        recorded=is_recorded(study, followup, HARM),
        withdrawals_recorded=any(is_recorded(study, followup, kind) for kind in LEFT),
        set_aside=followup.set_aside,
        per=per,
    )
