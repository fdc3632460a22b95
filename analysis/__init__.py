"""Lasting Relief: how much relief a pain therapy gives soon, how much lasts, how sure it is.

The names below are loaded when they are first used, so that `import analysis` stays quick.
"""

from __future__ import annotations

from importlib import import_module

_PLACES = {
    "read_study": "analysis.studies.load",
    "read_trial": "analysis.intake",
    "check_study": "analysis.intake",
    "draft_study": "analysis.draft",
    "MMRM": "analysis.mmrm.model",
    "estimate_relief": "analysis.relief",
    "Study": "analysis.studies.records",
    "Trial": "analysis.trial.records",
}

__all__ = sorted(_PLACES)


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'analysis' has no attribute {name!r}; it has {__all__}")
    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return __all__
