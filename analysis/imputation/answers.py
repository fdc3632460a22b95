"""The answers of several estimands side by side, each by the method that it needs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from analysis.errors import ModelError
from analysis.estimands import EstimandData, apply_estimand
from analysis.imputation.estimand import Variance, estimand_relief
from analysis.relief.estimate import estimate_relief
from analysis.schema import result_frame
from analysis.studies.records import Estimand
from analysis.trial.records import Trial


@dataclass(frozen=True, eq=False, slots=True)
class Answers:
    """Relief under several estimands.

    Attributes
    ----------
    frame : pandas.DataFrame
        Result frame; `estimand` tells the answers apart. An estimand that cannot be estimated is
        one row with the reason.
    data : tuple of EstimandData
        What was analysed under each estimand that is possible in the study.
    """

    frame: pd.DataFrame
    data: tuple[EstimandData, ...] = field(repr=False)


def relief_by_estimand(
    trial: Trial, estimands: Iterable[Estimand | str] | None = None, measure: str | None = None, *,
    variance: Variance = "frequentist",
) -> Answers:  # fmt: skip
    """Estimate relief under every estimand of a study, without adjustment for several therapies.

    A mixed model where it can, and conditional mean imputation with a jackknife for an estimand
    with a reference-based strategy.

    Parameters
    ----------
    trial : Trial
    estimands : iterable of Estimand or str, optional
        All of the study, the primary one first, when left out.
    measure : str, optional
        Instead of the estimands' own.
    variance : {"frequentist", "anchored"}
        Of the imputed answers.

    Returns
    -------
    Answers
    """
    study = trial.study
    chosen = (study.estimand, *study.supplementary) if estimands is None else tuple(estimands)
    frames, data = [], []
    for estimand in chosen:
        try:
            applied = apply_estimand(trial, estimand, measure)
            data.append(applied)
            if applied.reference_based:
                frame = estimand_relief(trial, estimand, measure, variance=variance).frame
            else:
                frame = estimate_relief(trial, measure, estimand, adjust=False).frame
        except ModelError as error:
            name = estimand if isinstance(estimand, str) else estimand.name
            said = {"analysis": "main", "estimand": name, "note": f"not estimable: {error}"}
            frame = result_frame([said])
        frames.append(frame[frame["analysis"] == "main"])
    found = pd.concat(frames, ignore_index=True) if frames else result_frame([])
    return Answers(found, tuple(data))
