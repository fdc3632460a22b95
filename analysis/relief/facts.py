"""How a model was fitted, in words that sentences, tables and the result frame share."""

from __future__ import annotations

import re
from dataclasses import dataclass

from analysis.mmrm import MMRMResults
from analysis.mmrm.covariance import STRUCTURES


@dataclass(frozen=True, slots=True)
class FitFacts:
    """What was fitted and how it went.

    Attributes
    ----------
    formula : str
    visits, patients, values, patterns : int
        Visits after baseline in the model, patients and values used, patterns of missing visits.
    covariance : str
        The covariance between visits that was used.
    refused : tuple of (str, str)
        Covariances named before it that could not be estimated, and why.
    errors, df : str
        How standard errors and degrees of freedom are made; the same word where they are one
        method.
    steps : int
        Of the search.
    decrement : float
        Newton decrement before its last step, in units of −2 log-likelihood.
    converged : bool
    note : str
        What had to be done otherwise than asked, and why.
    """

    formula: str
    visits: int
    patients: int
    values: int
    patterns: int
    covariance: str
    refused: tuple[tuple[str, str], ...]
    errors: str
    df: str
    steps: int
    decrement: float
    converged: bool
    note: str = ""

    @property
    def method(self) -> str:
        """One line for the result frame."""
        if self.visits == 1:
            return "linear model, REML"
        instead = "".join(f" ({name} refused: {why})" for name, why in self.refused[:1])
        inference = self.df if self.errors == self.df else f"{self.errors}, {self.df}"
        return f"MMRM, {self.covariance}{instead}, REML, {inference}"


def facts_of(fit: MMRMResults) -> FitFacts:
    """Read the facts off a fit."""
    visits, inference = len(fit.design.visits), fit.inference
    known = fit.log["decrement"].dropna()
    passed = fit.attempts[:-1]
    return FitFacts(
        formula=fit.design.formula,
        visits=visits,
        patients=fit.n_subjects,
        values=fit.nobs,
        patterns=len(fit.patterns),
        covariance=fit.covariance_label if visits > 1 else "one variance",
        refused=tuple((STRUCTURES[one.covariance], _reason(one.outcome)) for one in passed),
        errors=inference.vcov_label,
        df=inference.df_label,
        steps=len(fit.rungs) - 1,
        decrement=float(known.iloc[-1]) if len(known) else 0.0,
        converged=bool(fit.converged),
        note=inference.note,
    )


def _reason(outcome: str) -> str:
    """The fact of an engine's refusal, without the advice after it, as part of a sentence."""
    fact = re.split(r"\. (?=[A-Z])", outcome, maxsplit=1)[0].rstrip(".")
    return fact[:1].lower() + fact[1:]
