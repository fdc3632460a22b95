"""A trial laid out for sensitivity analysis: one imputation model, one analysis, every strategy."""

from __future__ import annotations

from dataclasses import dataclass, field

import pandas as pd

from analysis.errors import ModelError
from analysis.imputation.analyse import Ancova, ancova
from analysis.imputation.courses import Course
from analysis.imputation.jackknife import Refits, conditional_mean, refit
from analysis.imputation.layout import lay_out
from analysis.instruments import Instrument, find_instrument
from analysis.relief.model import default_formula, model_frame
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

    The imputation model is that of relief in its default form: baseline and therapy by visit and
    the study's covariates, with an unstructured covariance. The completed scores are analysed at
    each visit with therapy, baseline and covariates.

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
    study, chosen = trial.study, trial.measure(measure)
    frame, left_out = _everyone(trial, measure)
    if "baseline" not in frame:
        raise ModelError(
            f"Nobody has a value of {chosen.label} at baseline, and imputation stands on it. Map "
            "the baseline visit in the study file."
        )
    therapies = list(frame["therapy"].cat.categories)
    visits, compared = list(frame["visit"].cat.categories), len(therapies) > 1
    formula = default_formula(study, len(visits) == 1, compared, True)
    gone = departures(trial, frame)
    if cluster is not None:
        named = trial.patients.set_index("patient")[cluster]
        frame = frame.assign(**{cluster: frame["patient"].map(named)})
    reference = study.comparator if study.comparator in therapies else therapies[0]
    panel = lay_out(
        frame, formula, subject="patient", visit="visit", arm="therapy", reference=reference,
        week="week", cluster=cluster, covariance="us" if len(visits) > 1 else "diag",
        events=gone[["patient", "visit", "kind"]].assign(strategy="MAR"),
    )  # fmt: skip
    refits = refit(panel, by_cluster=cluster is not None)
    analysis = ancova(panel, default_formula(study, True, compared, True), baseline="baseline")
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
    """Rows of the model of relief, and one without a value for who has nothing after baseline."""
    frame, left_out = model_frame(trial, measure)
    if frame.empty:
        raise ModelError(
            "No patient has a value after baseline that can be analysed. Check the visits and "
            "measures of the study file."
        )
    chosen = trial.measure(measure)
    names = [name for name in frame if name not in ("patient", "therapy", "visit", "week", "value")]
    patients = trial.patients.assign(baseline=trial.baseline(chosen.name).to_numpy())
    absent = patients[~patients["patient"].isin(frame["patient"])]
    absent = absent[absent[names].notna().all(axis=1) & absent["therapy"].isin(_present(frame["therapy"]))]
    for name in names:
        if isinstance(frame[name].dtype, pd.CategoricalDtype):
            absent = absent[absent[name].isin(frame[name].cat.categories)]
    visits = _present(frame["visit"])
    weeks = {visit.name: visit.week for visit in trial.study.followup}
    rows = absent[["patient", "therapy", *names]].assign(
        visit=visits[0], week=weeks[visits[0]], value=float("nan")
    )
    both = pd.concat([frame.astype({"therapy": str, "visit": str}), rows.astype({"therapy": str})])
    for name in names:
        both[name] = both[name].astype(frame[name].dtype)
    both = both.assign(
        therapy=pd.Categorical(both["therapy"], _present(frame["therapy"])),
        visit=pd.Categorical(both["visit"], visits),
    )
    return both.reset_index(drop=True), _still_out(left_out, len(absent))


def _present(column: pd.Series) -> list[str]:
    return list(column.cat.remove_unused_categories().cat.categories)


def _still_out(left_out: pd.DataFrame, back: int) -> pd.DataFrame:
    """Who is left out when those without a value after baseline, but with all else, are not."""
    first = left_out["reason"] == "no value after baseline"
    rest = left_out.assign(n=left_out["n"] - first * back)
    return rest[rest["n"] > 0].reset_index(drop=True)
