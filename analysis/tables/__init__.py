"""Frames as tables for people: one rounding for text and HTML, everything escaped, no ids and no dates."""

from analysis.tables.answers import (
    answers_table,
    edges_table,
    families_table,
    halves_table,
    own_table,
)
from analysis.tables.claims import (
    claim_sources_table,
    claims_table,
    tests_of_claims_table,
    verdicts_table,
)
from analysis.tables.estimand import estimand_table, handling_table, relief_by_estimand_table
from analysis.tables.fit import covariance_table, fit_table, left_out_table, residual_table
from analysis.tables.followup import course_table, missingness_table, patterns_table, together_table
from analysis.tables.harms import (
    harm_differences_table,
    harm_rates_table,
    harms_table,
    relief_harm_table,
    withdrawals_table,
)
from analysis.tables.intake import account_table, findings_table
from analysis.tables.league import league_table
from analysis.tables.network import (
    additivity_table,
    combinations_table,
    correlation_table,
    definitions_table,
    kept_table,
    network_table,
    ranks_table,
    split_table,
    spread_table,
)
from analysis.tables.numerals import digits_for, number, p_value, with_interval
from analysis.tables.patients import baseline_as_table, events_as_table, flow_table
from analysis.tables.published import (
    coverage_table,
    effects_table,
    left_out_trials_table,
    pairs_table,
)
from analysis.tables.relief import adjusted_table, lsmeans_table, relief_table
from analysis.tables.responders import (
    judged_table,
    kept_response_table,
    responder_curve_table,
    responder_differences_table,
    responders_table,
)
from analysis.tables.sensitivity import departures_table, strategies_table, tipping_table
from analysis.tables.table import Table
from analysis.tables.truth import truth_table

__all__ = [
    "Table", "account_table", "additivity_table", "adjusted_table", "answers_table",
    "baseline_as_table", "claim_sources_table", "claims_table", "combinations_table",
    "correlation_table", "course_table", "covariance_table", "coverage_table",
    "definitions_table", "departures_table", "digits_for", "edges_table", "effects_table",
    "estimand_table", "events_as_table", "families_table", "findings_table", "fit_table",
    "flow_table", "halves_table", "handling_table", "harm_differences_table", "harm_rates_table",
    "harms_table", "judged_table", "kept_response_table", "kept_table", "league_table",
    "left_out_table", "left_out_trials_table", "lsmeans_table", "missingness_table",
    "network_table", "number", "own_table", "p_value", "pairs_table", "patterns_table",
    "ranks_table", "relief_by_estimand_table", "relief_harm_table", "relief_table",
    "residual_table", "responder_curve_table", "responder_differences_table", "responders_table",
    "split_table", "spread_table", "strategies_table", "tests_of_claims_table", "tipping_table",
    "together_table", "truth_table", "verdicts_table", "with_interval", "withdrawals_table",
]  # fmt: skip
