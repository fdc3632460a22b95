"""What each figure shows, in words for those who cannot see it and for those who look again."""

from __future__ import annotations

from analysis.studies.records import Study

_SHOWN = {
    "flow": "Number of patients at each stage of the study, by therapy",
    "missingness": "Share of {outcome} values that are missing, by therapy and visit",
    "observed": "Mean {outcome} as observed, by therapy and week, with {level} intervals",
    "modelled": "Mean {outcome} from the model, by therapy and week, with {level} intervals",
    "covariance": (
        "Correlation of {outcome} at two visits of a patient, by the weeks between them (left), "
        "and standard deviation by week (right), as the model estimates them"
    ),
    "residuals": (
        "Residuals of {outcome} by visit, in standard deviations, beside the quantiles of a normal "
        "distribution (dotted)"
    ),
    "forest": "Short-term and long-term relief {against}, with {level} intervals",
    "durability": (
        "Short-term relief (across) and long-term relief (up) {against}, with regions that hold "
        "both with {level} confidence"
    ),
    "durability_alone": (
        "Change from baseline in the short term (across) and in the long term (up), with regions that "
        "hold both with {level} confidence and the minimal important change where one is known"
    ),
    "strategies": (
        "Short-term and long-term relief {against} under each assumption about patients who were "
        "gone, beside the main analysis, with {level} intervals"
    ),
    "tipping": (
        "Long-term relief {against} as the missing values of each therapy are taken to be worse "
        "(right) or better (left) than those of patients like them who stayed, with {level} intervals"
    ),
    "tipping_surface": (
        "Long-term relief {against} as the missing values of the comparator (across) and of each "
        "therapy (up) are shifted"
    ),
    "responders": (
        "Share of patients who responded in the long term, by therapy and by how those not seen are "
        "counted, and its difference from the comparator, with {level} intervals"
    ),
    "responder_curve": (
        "Percent of patients whose {outcome} improved by at least so much in the long term, by therapy"
    ),
    "kept_response": (
        "Percent of those who responded in the short term who still did, by therapy and week, with "
        "{level} intervals"
    ),
    "harm_kinds": "Risk of adverse events by kind and therapy, with exact {level} intervals",
    "relief_harm": (
        "Long-term relief {against} (across) and difference in the risk of any adverse event (up), "
        "with {level} intervals"
    ),
}
_READ = {
    "forest": (
        "A point to the right of the line at 0 is relief; an interval that crosses the line leaves "
        "open whether there is any."
    ),
    "durability": "On the diagonal nothing was lost; below it relief faded, above it relief grew.",
    "durability_alone": (
        "It also holds natural recovery and regression to the mean, so it is no effect of a therapy."
    ),
    "covariance": (
        "A patient who is above the mean at one visit tends to be above it at another; the lines show "
        "how much less so when more weeks lie between."
    ),
    "residuals": (
        "Where the bars end on the dotted lines the model describes the spread of scores well. Means "
        "of many patients need no more than roughly that."
    ),
    "strategies": (
        "Where the lines of a therapy lie on the same side of 0, its conclusion survives them all."
    ),
    "tipping": (
        "At 0 they are missing at random. A diamond marks where the interval reaches 0: there the "
        "conclusion changes."
    ),
    "tipping_surface": (
        "At the cross both are missing at random. Shaded: clearly more relief; hatched: clearly less; "
        "lines join equal relief. The further the cross lies inside a region, the more it takes."
    ),
    "responder_curve": "Those not seen are left out. The pale band holds for the whole curve.",
    "kept_response": (
        "When between two visits a response was lost is not known. Responders of different therapies "
        "were not made alike by randomisation."
    ),
    "harm_kinds": "An interval from 0 shows what cannot be ruled out where none was seen.",
    "relief_harm": "Right is more relief, down is less harm.",
    "observed": "Patients who were lost are missing from the later points.",
    "modelled": "All therapies are shown for the same average patient.",
}

FIGURES = tuple(_SHOWN)


def caption(figure: str, study: Study) -> str:
    """What a figure shows and how to read it.

    Parameters
    ----------
    figure : str
        Name of a figure, one of `FIGURES`.
    study : Study

    Returns
    -------
    str
        Plain text. Labels are the user's own and must be escaped where they are shown.
    """
    against = (
        f"against {study.comparator}" if study.comparator else "against each therapy's own baseline"
    )
    shown = _SHOWN[figure].format(
        outcome=study.primary.label, level=f"{100 * study.model.confidence:g} %", against=against
    )
    parts = [f"{shown}.", _READ.get(figure, ""), "Simulated data." if study.simulated else ""]
    return " ".join(part for part in parts if part)
