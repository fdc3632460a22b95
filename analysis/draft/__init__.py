"""Before an analysis: a study file drafted from the data, and the findings about a study file."""

from analysis.draft.study import Draft, draft_study, sketch_study

__all__ = ["Draft", "draft_study", "sketch_study"]
