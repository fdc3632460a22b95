"""A trial laid out for sensitivity analysis: one imputation model, one analysis, every strategy."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from analysis.errors import ModelError
from analysis.estimands import apply_estimand
from analysis.imputation.analyse import Ancova, ancova
from analysis.imputation.courses import Course
from analysis.imputation.estimand import analysis_formula
from analysis.imputation.jackknife import Refits, conditional_mean, refit
from analysis.imputation.layout import lay_out
from analysis.instruments import Instrument, find_instrument
from analysis.relief.model import formula_of, model_frame
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
        """Relief at a horizon."""
        asked = (q for q in self.questions if (q.quantity, q.horizon) == ("relief", horizon))
        return next(asked)


def set_up(trial: Trial, measure: str | None = None, cluster: str | None = None) -> Setting:
    """Lay a trial out and fit its imputation model, with all patients and without each.

    The data are those of the primary estimand. The imputation model has the study's formula, by
    default baseline and therapy by visit and the covariates, with an unstructured covariance; the
    completed scores are analysed at each visit with the same terms, without the visit.

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
    frame, left_out = _everyone(trial, measure)
    if "baseline" not in frame:
        raise ModelError(
            f"Nobody has a value of {chosen.label} at baseline, and imputation stands on it. Map "
            "the baseline visit in the study file."
        )
    therapies, visits = (list(frame[name].cat.categories) for name in ("therapy", "visit"))
    formula, gone = formula_of(study, frame), departures(trial, frame)
    if cluster is not None:
        named = trial.patients.set_index("patient")[cluster]
        frame = frame.assign(**{cluster: frame["patient"].map(named)})
    panel = lay_out(
        frame, formula, subject="patient", visit="visit", arm="therapy",
        reference=study.comparator if study.comparator in therapies else therapies[0],
        week="week", cluster=cluster, covariance="us" if len(visits) > 1 else "diag",
        events=gone[["patient", "visit", "kind"]].assign(strategy="MAR"),
    )  # fmt: skip
    refits = refit(panel, by_cluster=cluster is not None)
    analysis = ancova(panel, analysis_formula(study, panel), baseline="baseline")
    means = conditional_mean(refits, analysis)
    instrument = find_instrument(chosen.instrument, study.instruments)
    return Setting(
        study=study, measure=chosen, instrument=instrument, refits=refits,
        random=Course(
            analysis, means.estimate, means.frequentist_cov, METHOD, direction=instrument.direction
        ),
        questions=tuple(questions_of(study, visits)),
        departures=gone, left_out=left_out, formula=formula,
    )  # fmt: skip


def _everyone(trial: Trial, measure: str | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row for everyone at every visit that anyone attended, and who had to be left out.

    Therapies of which nobody was seen after baseline say nothing, and are left out whole.
    """
    frame, left_out = model_frame(trial, measure, every_visit=True)
    seen = frame[frame["value"].notna()]
    if seen.empty:
        raise ModelError(
            "No patient has a value after baseline that can be analysed. Check the visits and "
            "measures of the study file."
        )
    visits, therapies = (
        list(seen[name].cat.remove_unused_categories().cat.categories)
        for name in ("visit", "therapy")
    )
    silent = frame.loc[~frame["therapy"].isin(therapies), "patient"].nunique()
    frame = frame[frame["visit"].isin(visits) & frame["therapy"].isin(therapies)]
    frame = frame.assign(
        visit=pd.Categorical(frame["visit"].astype(str), visits),
        therapy=pd.Categorical(frame["therapy"].astype(str), therapies),
    )
    if silent:
        row = pd.DataFrame({"reason": ["nobody of the therapy was seen after baseline"], "n": [silent]})
        left_out = pd.concat([left_out, row], ignore_index=True)
    return frame.reset_index(drop=True), left_out
