"""A trial with a row for everyone at every visit, laid out for imputation by its study."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from analysis.errors import ModelError
from analysis.imputation.layout import lay_out
from analysis.imputation.panel import Panel
from analysis.relief.model import formula_of, model_frame
from analysis.trial.records import Trial

SILENT = "nobody of the therapy was seen after baseline"


@dataclass(frozen=True, eq=False, slots=True)
class WholeTrial:
    """Everyone at every visit at which anyone was seen, with NaN where a value is missing.

    Attributes
    ----------
    trial : Trial
    frame : pandas.DataFrame
        As of `analysis.relief.model.model_frame`; visits and therapies are those that were seen.
    left_out : pandas.DataFrame
        `reason`, `n`: patients who could not enter. Who has a baseline but no value after it can.
    silent : tuple of str
        Therapies with patients of whom nobody was seen after baseline: not in the frame.
    """

    trial: Trial
    frame: pd.DataFrame
    left_out: pd.DataFrame
    silent: tuple[str, ...]

    @property
    def visits(self) -> list[str]:
        """Visits after baseline at which anyone was seen, in order."""
        return list(self.frame["visit"].cat.categories)

    @property
    def therapies(self) -> list[str]:
        """Therapies of which anyone was seen after baseline, in the study's order."""
        return list(self.frame["therapy"].cat.categories)

    @property
    def formula(self) -> str:
        """Formula of the imputation model: the study's, or the default."""
        return formula_of(self.trial.study, self.frame)

    def lay_out(
        self, events: pd.DataFrame, reference: str, *, cluster: str | None = None, separate: bool = False,
        covariance: str | None = None,
    ) -> Panel:  # fmt: skip
        """The panel that is to be imputed.

        Parameters
        ----------
        events : pandas.DataFrame
            `patient`, `visit`, `strategy`, `kind`, as for `lay_out`.
        reference : str
            Therapy that reference-based strategies refer to.
        cluster : str, optional
            "site" or "therapist", for a clustered jackknife.
        separate : bool
            A covariance for each arm.
        covariance : str, optional
            The first that the study names when left out.

        Raises
        ------
        ModelError
            `lay_out` says why not.
        """
        study, frame = self.trial.study, self.frame
        if cluster is not None:
            named = self.trial.patients.set_index("patient")[cluster]
            frame = frame.assign(**{cluster: frame["patient"].map(named)})
        return lay_out(
            frame, self.formula, subject="patient", visit="visit", arm="therapy",
            reference=reference, events=events, week="week", cluster=cluster, separate=separate,
            covariance=covariance or study.model.covariance[0],
        )  # fmt: skip


def whole_trial(trial: Trial, measure: str | None = None) -> WholeTrial:
    """Put a row for everyone at every visit at which anyone was seen.

    Therapies of which nobody was seen after baseline say nothing, and are left out whole.

    Parameters
    ----------
    trial : Trial
    measure : str, optional
        Name of the measure; the primary one when left out.

    Raises
    ------
    ModelError
        Nobody was seen after baseline.
    """
    frame, left_out = model_frame(trial, measure, every_visit=True)
    seen = frame[frame["value"].notna()]
    if seen.empty:
        raise ModelError(
            "No patient has a value after baseline that can be analysed, so nothing says how to "
            "impute. Check the visits and measures of the study file."
        )
    levels = {
        name: list(seen[name].cat.remove_unused_categories().cat.categories)
        for name in ("visit", "therapy")
    }
    unseen = frame[~frame["therapy"].isin(levels["therapy"])]
    frame = frame[frame["visit"].isin(levels["visit"]) & frame["therapy"].isin(levels["therapy"])]
    frame = frame.assign(
        **{name: pd.Categorical(frame[name].astype(str), known) for name, known in levels.items()}
    )
    if len(unseen):
        row = pd.DataFrame({"reason": [SILENT], "n": [unseen["patient"].nunique()]})
        left_out = pd.concat([left_out, row], ignore_index=True)
    silent = tuple(unseen["therapy"].astype(str).unique())
    return WholeTrial(trial, frame.reset_index(drop=True), left_out, silent)
