"""What each figure of published trials shows, in words for those who cannot see it."""

from __future__ import annotations

from analysis.evidence.synthesis import Synthesis

_SHOWN = {
    "network": (
        "Therapies on a circle, joined where trials compared them in the {horizon} term; area stands "
        "for patients, width for trials"
    ),
    "forest": (
        "Pooled relief of every therapy against {base} in the short term (left) and in the long term "
        "(right), with 95 % intervals; hollow where the evidence is indirect only"
    ),
    "plane": (
        "Short-term relief (across) and long-term relief (up) against {base}, with regions that hold "
        "both with 95 % confidence; on the diagonal nothing was lost, below it relief faded"
    ),
    "own_plane": (
        "Short-term relief (across) and long-term relief (up) against {base} in published trials and "
        "in the trial of the study file, with regions that hold both with 95 % confidence"
    ),
    "questions": (
        "Trials of each question in the {horizon} term with their 95 % intervals, the pooled effect as "
        "a diamond, and where a new trial would lie"
    ),
    "course": (
        "Relief of each therapy against {base} over weeks since randomisation, with 95 % bands, the "
        "trials, and when half of the relief is gone"
    ),
}


def evidence_caption(figure: str, synthesis: Synthesis, horizon: str = "") -> str:
    """What a figure shows, under which definition of the horizons.

    Parameters
    ----------
    figure : str
        A key of `_SHOWN`.
    synthesis : Synthesis
    horizon : {"short", "long", ""}
    """
    base = synthesis.published.name_of(synthesis.fit.reference)
    shown = _SHOWN[figure].format(base=base, horizon=horizon)
    return f"{shown}. Published trials of low back pain, {synthesis.windows.name}."
