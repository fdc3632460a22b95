"""A form in a notebook that drafts a study file, for those who do not write YAML."""

from analysis.widgets.form import StudyForm
from analysis.widgets.plan import Choices, Plan, plan_of

__all__ = ["Choices", "Plan", "StudyForm", "plan_of"]
