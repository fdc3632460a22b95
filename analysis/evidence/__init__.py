"""What published trials say at both horizons, and where a trial of one's own stands among them."""

from analysis.evidence.captions import evidence_caption
from analysis.evidence.components import combinations, fit_components
from analysis.evidence.contribution import contributions, evidence_flow, trial_shares
from analysis.evidence.correlation import relief_by_correlation
from analysis.evidence.course_frame import band_frame, course_frame, points_frame
from analysis.evidence.effects import (
    correlation_sensitivity,
    published_effects,
    under_definitions,
)
from analysis.evidence.entries import Entries, enter
from analysis.evidence.followups import Followups, follow
from analysis.evidence.halving import weeks_until
from analysis.evidence.inconsistency import design_by_treatment, node_split
from analysis.evidence.influence import cumulative, influence, leave_one_out
from analysis.evidence.league import horizon_league
from analysis.evidence.network import fit_network
from analysis.evidence.own_study import OwnStudy, own_plane, place_study
from analysis.evidence.pairs import within_trial_pairs
from analysis.evidence.pairwise import meta_regression, pool
from analysis.evidence.pieces import network_findings
from analysis.evidence.pooled import MetaAnalysis
from analysis.evidence.published import Published, read_published
from analysis.evidence.questions import answers, answers_forest
from analysis.evidence.rank_change import rank_change
from analysis.evidence.ranks import rank_probabilities, rank_table
from analysis.evidence.responders import responder_effects
from analysis.evidence.small_studies import begg, egger, trim_and_fill
from analysis.evidence.subgroups import Subgroups, subgroups
from analysis.evidence.synthesis import Synthesis, side_by_side, synthesise
from analysis.evidence.tabulated import contrasts_from_arms, contrasts_from_pairs
from analysis.evidence.timecourse import TimeCourse, compare_courses, fit_time_course
from analysis.evidence.visits import published_visits
from analysis.evidence.windows import SINCE_RANDOMISATION, SINCE_TREATMENT, coverage

__all__ = [
    "SINCE_RANDOMISATION", "SINCE_TREATMENT", "Entries", "Followups", "MetaAnalysis", "OwnStudy",
    "Published", "Subgroups", "Synthesis", "TimeCourse", "answers", "answers_forest",
    "band_frame", "begg", "combinations", "compare_courses", "contrasts_from_arms",
    "contrasts_from_pairs", "contributions", "correlation_sensitivity", "course_frame",
    "coverage", "cumulative", "design_by_treatment", "egger", "enter", "evidence_caption",
    "evidence_flow", "fit_components", "fit_network", "fit_time_course", "follow",
    "horizon_league", "influence", "leave_one_out", "meta_regression", "network_findings",
    "node_split", "own_plane", "place_study", "points_frame", "pool", "published_effects",
    "published_visits", "rank_change", "rank_probabilities", "rank_table", "read_published",
    "relief_by_correlation", "responder_effects", "side_by_side", "subgroups", "synthesise",
    "trial_shares", "trim_and_fill", "under_definitions", "weeks_until", "within_trial_pairs",
]  # fmt: skip
