"""Who took part, who was lost, and what was seen: counts and summaries, never a patient's row."""

from analysis.describe.baseline import baseline_table
from analysis.describe.course import observed_course
from analysis.describe.events import events_table
from analysis.describe.flow import flow
from analysis.describe.missingness import missing_patterns, missingness, visits_together

__all__ = [
    "baseline_table", "events_table", "flow", "missing_patterns", "missingness", "observed_course",
    "visits_together",
]  # fmt: skip
