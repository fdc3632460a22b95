"""Estimands under imputation: from a trial and an estimand to a panel, and to relief."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from analysis.errors import ModelError
from analysis.estimands import EstimandData, apply_estimand
from analysis.imputation.analyse import Ancova, ancova
from analysis.imputation.courses import Course, relief_frame
from analysis.imputation.jackknife import ConditionalMean, conditional_mean, refit
from analysis.imputation.panel import Panel
from analysis.imputation.strategies import Strategy, causal
from analysis.imputation.whole import whole_trial
from analysis.instruments import find_instrument
from analysis.mmrm.formula import parse
from analysis.relief.questions import questions_of
from analysis.studies.records import Estimand, Handling, Study
from analysis.trial.records import Trial

Variance = Literal["frequentist", "anchored"]


@dataclass(frozen=True, eq=False, slots=True)
class EstimandRelief:
    """Relief under an estimand by imputation, and what it was made of.

    Attributes
    ----------
    frame : pandas.DataFrame
        Result frame, as `estimate_relief` makes it, without adjustment for several therapies.
    data : EstimandData
    panel : Panel
    analysis : Ancova
    found : ConditionalMean
    """

    frame: pd.DataFrame
    data: EstimandData
    panel: Panel = field(repr=False)
    analysis: Ancova = field(repr=False)
    found: ConditionalMean = field(repr=False)


def lay_out_estimand(
    data: EstimandData, *, cluster: str | None = None, separate: bool = False,
    covariance: str | None = None,
) -> Panel:  # fmt: skip
    """Lay the data of an estimand out for imputation, each event with its strategy.

    Patients without any value after baseline are there too. A reference-based event has the
    strategy that the estimand supposes; what other strategies set aside is missing at random, with
    the kind of event kept. Visits at which nobody has a value are left out.

    Parameters
    ----------
    data : EstimandData
    cluster : str, optional
        "site" or "therapist", for a clustered jackknife.
    separate : bool
        A covariance for each arm.
    covariance : str, optional
        The first that the study names when left out.

    Raises
    ------
    ModelError
        There is nothing to lay out or nobody of a therapy, or `lay_out` says why not.
    """
    study, whole = data.trial.study, whole_trial(data.trial)
    if whole.silent:
        raise ModelError(
            f"No patient of {whole.silent[0]} has a value after baseline under the estimand "
            f"{data.estimand.name!r}. Leave the therapy out of the study file."
        )
    return whole.lay_out(
        _events(data, whole.frame, whole.visits), study.comparator or study.therapies[0],
        cluster=cluster, separate=separate, covariance=covariance,
    )  # fmt: skip


def _events(data: EstimandData, frame: pd.DataFrame, visits: list[str]) -> pd.DataFrame:
    """The event of each patient with the first visit it affects and its strategy."""
    weeks = np.array([v.week for v in data.trial.study.followup if v.name in visits])
    deciding = data.deciding[data.deciding["patient"].isin(frame["patient"])]
    place = np.searchsorted(weeks, deciding["week"].to_numpy(dtype=np.float64))
    there = place < len(visits)
    deciding, place = deciding[there], place[there]
    strategies: list[str | Strategy] = [
        _strategy(data.estimand.handling(kind)) for kind in deciding["kind"]
    ]
    return pd.DataFrame(
        {
            "patient": deciding["patient"].to_numpy(),
            "visit": np.array(visits, dtype=object)[place],
            "strategy": pd.Series(strategies, dtype="object"),
            "kind": deciding["kind"].to_numpy(),
        }
    )


def _strategy(handling: Handling) -> str | Strategy:
    if handling.strategy != "reference_based" or handling.assumption is None:
        return "MAR"
    if handling.assumption == "causal":
        return causal(handling.k0 or 0.0, handling.k1 or 0.0)
    return handling.assumption


def estimand_relief(
    trial: Trial, estimand: Estimand | str | None = None, measure: str | None = None, *,
    variance: Variance = "frequentist", cluster: str | None = None,
) -> EstimandRelief:  # fmt: skip
    """Estimate relief under an estimand by conditional mean imputation with a jackknife.

    Any strategy can be asked for; without a reference-based one, what is missing is imputed as
    missing at random.

    Parameters
    ----------
    trial : Trial
    estimand : Estimand or str, optional
        A record, or the name of one in the study file; the primary one when left out.
    measure : str, optional
    variance : {"frequentist", "anchored"}
        Over repeated trials, or anchored to the information that missing values lose.
    cluster : str, optional
        "site" or "therapist": left out whole, instead of patient by patient.

    Raises
    ------
    ModelError
        The estimand is impossible, or its data cannot be imputed or analysed, and why.

    References
    ----------
    Wolbers et al 2022, Pharm Stat 21:1246; anchored: Lu 2021, Pharm Stat 20.
    """
    data = apply_estimand(trial, estimand, measure)
    if data.estimand.summary != "difference_in_means":
        raise ModelError(
            f"The estimand {data.estimand.name!r} compares shares of responders, and relief is a "
            "mean. Name an estimand with the summary difference_in_means."
        )
    study = data.trial.study
    panel = lay_out_estimand(data, cluster=cluster)
    baseline = "baseline" if "baseline" in panel.covariates else None
    analysis = ancova(panel, analysis_formula(study, panel), baseline)
    found = conditional_mean(refit(panel, by_cluster=cluster is not None), analysis)
    cov = found.frequentist_cov if variance == "frequentist" else found.anchored_cov
    instrument = find_instrument(study.primary.instrument, study.instruments)
    course = Course(
        analysis, found.estimate, cov,
        f"conditional mean imputation, {variance} jackknife over {found.unit}s",
        direction=instrument.direction,
    )  # fmt: skip
    frame = relief_frame(
        course, questions_of(study, [str(visit) for visit in panel.visits]),
        comparator=study.comparator or None, analysis="main", alpha=1 - study.model.confidence,
    )  # fmt: skip
    named = {"estimand": data.estimand.name, "measure": study.primary.name}
    return EstimandRelief(frame.assign(**named), data, panel, analysis, found)


def analysis_formula(study: Study, panel: Panel) -> str:
    """Main effects of therapy, baseline and the covariates of the model, at each visit."""
    names = ["baseline", *(one.name for one in study.covariates if one.model)]
    if study.model.formula is not None:
        wanted = parse(study.model.formula).names
        names = [name for name in ("baseline", *(c.name for c in study.covariates)) if name in wanted]
    known = panel.covariates
    terms = [name for name in names if name in known and pd.Series(known[name]).nunique() > 1]
    return " + ".join(["value ~ therapy", *terms])
