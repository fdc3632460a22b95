"""A trial laid out for sensitivity analysis: one imputation model, one analysis, every strategy."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from analysis.errors import ModelError
from analysis.estimands import apply_estimand
from analysis.imputation.analyse import Ancova, ancova
from analysis.imputation.courses import Course
from analysis.imputation.estimand import analysis_formula
from analysis.imputation.jackknife import ConditionalMean, Refits, conditional_mean, refit
from analysis.imputation.whole import WholeTrial, whole_trial
from analysis.instruments import Instrument, find_instrument
from analysis.relief.questions import Question, questions_of
from analysis.sensitivity.departure import departures
from analysis.studies.records import Measure, Study
from analysis.trial.records import Trial

# Strategies that refer to no other therapy.
WITHOUT_REFERENCE = ("missing at random", "last mean carried forward")
METHOD = "conditional mean imputation, ANCOVA at each visit, jackknife"


@dataclass(frozen=True, eq=False)
class Setting:
    """What every sensitivity analysis of a trial shares.

    Attributes
    ----------
    study : Study
    measure : Measure
    instrument : Instrument
    refits : Refits
        The imputation model on all patients and without each patient (or cluster).
    means : ConditionalMean
        Under missing at random, with and without each patient (or cluster).
    random : Course
        LS means of the completed scores under missing at random.
    questions : tuple of Question
    departures : pandas.DataFrame
        When patients were gone for good; see `analysis.sensitivity.departure`.
    left_out : pandas.DataFrame
        `reason`, `n`: patients who could not enter. Who has a baseline but no value after it can.
    formula : str
        Of the imputation model.
    """

    study: Study
    measure: Measure
    instrument: Instrument
    refits: Refits = field(repr=False)
    means: ConditionalMean = field(repr=False)
    random: Course = field(repr=False)
    questions: tuple[Question, ...] = field(repr=False)
    departures: pd.DataFrame = field(repr=False)
    left_out: pd.DataFrame = field(repr=False)
    formula: str

    @property
    def analysis(self) -> Ancova:
        """The analysis of completed scores, at each visit."""
        return self.random.analysis

    @property
    def therapies(self) -> tuple[str, ...]:
        """Therapies that can be analysed, in the study's order."""
        return tuple(str(arm) for arm in self.refits.panel.arms)

    @property
    def comparator(self) -> str:
        """The comparator; empty where there is none, or it has nobody."""
        return self.study.comparator if self.study.comparator in self.therapies else ""

    def allows(self, strategy: str) -> bool:
        """Whether a strategy can be asked for: some need a comparator to refer to."""
        return bool(self.comparator) or strategy in WITHOUT_REFERENCE

    def question(self, horizon: str) -> Question:
        """The question that asks for relief at a horizon."""
        asked = (q for q in self.questions if (q.quantity, q.horizon) == ("relief", horizon))
        return next(asked)


def set_up(trial: Trial, measure: str | None = None, cluster: str | None = None) -> Setting:
    """Lay a trial out and fit its imputation model, with all patients and without each.

    The data are those of the primary estimand. The imputation model has the study's formula, by
    default baseline and therapy by visit and the covariates, with the first covariance of the study
    that can be estimated; the completed scores are analysed at each visit with the same terms,
    without the visit.

    Parameters
    ----------
    trial : Trial
    measure : str, optional
        Name of the measure; the primary one when left out.
    cluster : {"site", "therapist"}, optional
        Leave out whole clusters instead of patients.

    Raises
    ------
    ModelError
        Nothing to analyse, no baseline, or the engine's reason.
    """
    trial = apply_estimand(trial, None, measure).trial
    study, chosen = trial.study, trial.measure(measure)
    whole = whole_trial(trial, measure)
    if "baseline" not in whole.frame:
        raise ModelError(
            f"Nobody has a value of {chosen.label} at baseline, and imputation stands on it. Map "
            "the baseline visit in the study file."
        )
    gone = departures(trial, whole.frame)
    events = gone[["patient", "visit", "kind"]].assign(strategy="MAR")
    known = study.comparator in whole.therapies
    reference = study.comparator if known else whole.therapies[0]
    refits = _refits(whole, events, reference, cluster)
    panel = refits.panel
    analysis = ancova(panel, analysis_formula(study, panel), baseline="baseline")
    means = conditional_mean(refits, analysis)
    instrument = find_instrument(chosen.instrument, study.instruments)
    return Setting(
        study=study, measure=chosen, instrument=instrument, refits=refits, means=means,
        random=Course(
            analysis, means.estimate, means.frequentist_cov, METHOD, direction=instrument.direction
        ),
        questions=tuple(questions_of(study, whole.visits)),
        departures=gone, left_out=whole.left_out, formula=whole.formula,
    )  # fmt: skip


def _refits(
    whole: WholeTrial, events: pd.DataFrame, reference: str, cluster: str | None
) -> Refits:
    """Fits with the first structure that can be estimated, as in the main analysis."""
    named = whole.trial.study.model.covariance
    refused: dict[str, str] = {}
    # One visit has one variance, whatever structure is named.
    for structure in named if len(whole.visits) > 1 else named[:1]:
        try:
            panel = whole.lay_out(events, reference, cluster=cluster, covariance=structure)
            return refit(panel, by_cluster=cluster is not None)
        except ModelError as error:
            refused[structure] = str(error)
    if len(set(refused.values())) == 1:
        raise ModelError(refused[named[0]])
    told = " ".join(f"{structure}: {reason}" for structure, reason in refused.items())
    raise ModelError(f"None of the covariances could be estimated. {told}")
