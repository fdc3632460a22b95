"""Relief of every therapy under each assumption about values that were not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from analysis.errors import ModelError
from analysis.imputation.courses import Course, relief_frame
from analysis.imputation.jackknife import conditional_mean
from analysis.imputation.strategies import Strategy, last_mean
from analysis.schema import result_frame
from analysis.sensitivity.setting import METHOD, Setting, set_up
from analysis.trial.records import Trial

RANDOM = "missing at random"
"""Name of the assumption that those not seen are like those of their therapy with the same values before."""
ANCHORED = ", information-anchored"
"""Ending of an analysis whose standard errors keep the share of information that was lost."""

STRATEGIES: dict[str, str | Strategy] = {
    RANDOM: "MAR", "last mean carried forward": last_mean, "copy increments in reference": "CIR",
    "copy reference": "CR", "jump to reference": "JR",
}  # fmt: skip
"""Assumptions by the names that are shown, from the mildest to the harshest by custom."""


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """Relief under every strategy.

    Attributes
    ----------
    frame : pandas.DataFrame
        Result frame; `analysis` is the strategy, alone for the frequentist variance (over repeated
        trials) and with ", information-anchored" for the variance that loses as much as it would
        under missing at random.
    setting : Setting or None
        None where the trial cannot be laid out; the frame's notes then say why.
    refused : str
        Why, or empty.
    """

    frame: pd.DataFrame
    setting: Setting | None
    refused: str = ""


def compare_strategies(
    trial: Trial, measure: str | None = None, cluster: str | None = None
) -> Sensitivity:
    """Estimate relief under each strategy for patients who were gone for good.

    Parameters
    ----------
    trial : Trial
    measure : str, optional
        Name of the measure; the primary one when left out.
    cluster : {"site", "therapist"}, optional
        Jackknife over whole clusters.

    Returns
    -------
    Sensitivity
        Strategies that refer to a reference need a comparator. What cannot be estimated is a row
        with a note, or, where nothing can, `refused` says why.

    References
    ----------
    Carpenter, Roger and Kenward 2013, J Biopharm Stat 23:1352; conditional means: Wolbers et al
    2022, Pharm Stat 21:1246; anchored: Cro, Carpenter and Kenward 2019, J R Stat Soc A 182:623.
    """
    try:
        setting = set_up(trial, measure, cluster)
    except ModelError as error:
        return Sensitivity(result_frame([]), None, str(error))
    named = [name for name in STRATEGIES if setting.allows(name)]
    parts = [part for name in named for part in _under(setting, name)]
    frame = pd.concat(parts, ignore_index=True)
    return Sensitivity(frame.assign(measure=setting.measure.name), setting)


def _under(setting: Setting, name: str) -> list[pd.DataFrame]:
    """Both frames of a strategy; where it is refused, a row for each relief with the reason."""
    if name == RANDOM:
        # Nothing to anchor: both variances are the same.
        return [_frame(setting, setting.random, name)]
    try:
        refits = setting.refits.under(STRATEGIES[name])
        found = conditional_mean(refits, setting.analysis, setting.means)
    except ModelError as error:
        return [_refused(setting, name, str(error))]
    frames = []
    for ending, cov in (("", found.frequentist_cov), (ANCHORED, found.anchored_cov)):
        if np.isfinite(cov).all():
            course = replace(
                setting.random, estimate=found.estimate, cov=cov, method=METHOD + ending
            )
            frames.append(_frame(setting, course, name + ending))
    return frames


def _frame(setting: Setting, course: Course, name: str) -> pd.DataFrame:
    frame = relief_frame(
        course, setting.questions, comparator=setting.comparator or setting.therapies[0],
        analysis=name, alpha=1 - setting.study.model.confidence,
    )  # fmt: skip
    # Without a comparator nothing is compared, though the imputation needs a reference.
    return frame if setting.comparator else frame[frame["comparator"] == ""]


def _refused(setting: Setting, name: str, reason: str) -> pd.DataFrame:
    others = [therapy for therapy in setting.therapies if therapy != setting.comparator]
    return result_frame(
        {"analysis": name, "quantity": "relief", "horizon": horizon, "therapy": therapy,
         "comparator": setting.comparator, "note": f"not estimable: {reason}"}
        for horizon in ("short", "long") for therapy in others
    )  # fmt: skip
