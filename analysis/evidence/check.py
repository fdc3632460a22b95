"""All rules over the tables of published evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

import pandas as pd

from analysis.evidence.claims import inconsistent_claims
from analysis.evidence.overlaps import (
    combined_therapies,
    duplicated_studies,
    loose_designs,
    overlapping_trials,
    shared_arms,
    single_arms,
    sizes_at_entry,
)
from analysis.evidence.published import Published
from analysis.evidence.traps import (
    change_beside_final,
    contrast_beside_arms,
    errors_as_deviations,
    intervals_of_unknown_level,
    missing_spread,
    unbelievable_means,
    unclear_directions,
    window_doubts,
    zero_spread,
)
from analysis.readers.finding import Finding
from analysis.schema import SEVERITIES, finding_frame

CHECKS: tuple[Callable[[Published], Iterator[Finding]], ...] = (
    zero_spread, unbelievable_means, missing_spread, errors_as_deviations, unclear_directions,
    overlapping_trials, duplicated_studies, single_arms, loose_designs, shared_arms,
    change_beside_final, contrast_beside_arms, combined_therapies, intervals_of_unknown_level,
    sizes_at_entry, window_doubts, inconsistent_claims,
)  # fmt: skip

MEANINGS: Mapping[str, str] = MappingProxyType({
    "zero_sd": "A spread of 0 would outweigh everything else.",
    "mean_outside_scale": "Means lie outside their scale.",
    "mean_at_end": "Means lie at the worst end of a scale.",
    "missing_sd": "Results have no spread.",
    "sd_is_se": "Standard deviations look like standard errors.",
    "direction_unclear": "Which end of a scale is better is unclear.",
    "scale_without_range": "The range of a scale is not known.",
    "overlapping_trials": "Trials may have patients in common.",
    "duplicated_study": "A trial seems to be there twice.",
    "one_arm": "Trials have results of one arm only.",
    "same_therapy": "The arms of a trial are the same therapy.",
    "therapy_in_one_arm": "A therapy is compared with nothing.",
    "not_randomised": "Trials were not randomised.",
    "shared_control": "Differences share an arm.",
    "change_beside_final": "Changes stand beside final scores of the same patients.",
    "contrast_beside_arms": "Differences stand beside the arms themselves.",
    "combined_components": "Therapies were given together.",
    "level_unknown": "Intervals have no known level.",
    "assigned_not_seen": "Sizes are those assigned, not those seen.",
    "clock_unknown": "Weeks since the end of treatment are not known.",
    "claim_certainty": "Verdict and certainty of a claim contradict each other.",
    "window_edge": "Visits lie near the edge of a window.",
})  # fmt: skip


def check_published(published: Published) -> pd.DataFrame:
    """Every finding about published trials; none is mended silently.

    Parameters
    ----------
    published : Published

    Returns
    -------
    pandas.DataFrame
        Columns `analysis.schema.FINDING_COLUMNS`, errors first. `value` names the study, arm,
        therapy or cell; `row` is the row of the file as a spreadsheet counts.
    """
    every = finding_frame(found for rule in CHECKS for found in rule(published))
    every = every.drop_duplicates()
    order = every["severity"].map({severity: n for n, severity in enumerate(SEVERITIES)})
    return every.loc[order.sort_values(kind="stable").index].reset_index(drop=True)


def counted_findings(findings: pd.DataFrame) -> pd.DataFrame:
    """Findings by rule: severity, rule, how many, and what the rule means."""
    counts = findings.groupby(["severity", "rule"], sort=False).size().rename("count").reset_index()
    meaning = [MEANINGS.get(rule, "") for rule in counts["rule"]]
    return counts.assign(message=meaning)
