"""What every name in a report's files means, for the study at hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from analysis.instruments import find_instrument
from analysis.report.blocks import prose_block, table_block
from analysis.report.site import Page
from analysis.schema import RESULT_COLUMNS, Quantity
from analysis.studies.records import Covariate, Study
from analysis.tables import Table

COLUMNS = {
    "analysis": "main, or the name of another analysis: an adjustment, an assumption, a way of counting",
    "estimand": "the question, as the study file names it; what is counted, where that differs",
    "measure": "name of the measure, or of the adverse event",
    "quantity": "what is estimated; see the next table",
    "horizon": "short, long, sustained (responder at both), or empty",
    "therapy": "label of the therapy",
    "comparator": "label of the comparator; empty for a therapy alone",
    "visit": "name of the visit, where the estimate belongs to one",
    "week": "weeks from the start to that visit",
    "estimate": "the estimate; empty where there is none, and the note says why",
    "std_error": "standard error, in units of the estimate",
    "df": "degrees of freedom; inf where the interval is normal",
    "statistic": "test statistic of no difference, or of 0",
    "p_value": "two-sided p-value; empty where nothing is tested",
    "conf_low": "lower end of the confidence interval",
    "conf_high": "upper end of the confidence interval",
    "n_therapy": "patients of the therapy behind the estimate",
    "n_comparator": "patients of the comparator behind the estimate",
    "method": "how the number was made",
    "note": "why there is no estimate, or what to mind",
}
QUANTITIES: dict[Quantity, str] = {
    "mean": "modelled mean of the raw score, units of the instrument",
    "relief": "improvement, units of the instrument; positive is better",
    "loss": "short-term relief less long-term relief, units of the instrument",
    "retention": "long-term relief divided by short-term relief",
    "area": "relief summed over time, units of the instrument times weeks",
    "responders": "share of patients who responded, 0 to 1",
    "risk_difference": "share of responders less that of the comparator",
    "risk_ratio": "share of responders divided by that of the comparator",
    "odds_ratio": "odds of response divided by those of the comparator",
    "number_needed": "patients treated for one responder more; negative: for one fewer",
    "harm": "risk, rate, or their difference or ratio, as analysis says",
    "half_life": "weeks until half of the relief is gone (published trials)",
}


def dictionary_page(study: Study) -> Page:
    """The page that explains the study's variables and the columns of the results.

    Parameters
    ----------
    study : Study
    """
    results = Table(
        "Columns of results.csv", ("column", "what it holds"),
        tuple((name, COLUMNS[name]) for name in RESULT_COLUMNS), words=(1,),
    )  # fmt: skip
    quantities = Table(
        "Quantities", ("quantity", "what it is"),
        tuple((name, QUANTITIES[name]) for name in get_args(Quantity)), words=(1,),
    )  # fmt: skip
    blocks = [
        prose_block("Names as they stand in the files of this report, and the study that they belong to."),
        prose_block("The study's data", "h2"), *map(table_block, _of_study(study)),
        prose_block("The results", "h2"),
        prose_block(
            "results.csv has one row an estimate. results.json holds the same estimates, each with "
            "its statistics by name, label and value; results.schema.json describes it."
        ),
        table_block(results), table_block(quantities),
    ]  # fmt: skip
    return Page("data_dictionary", "What every column means", blocks)


def _of_study(study: Study) -> Iterator[Table]:
    yield Table("Therapies", ("therapy", "role"), tuple(
        (name, "comparator" if name == study.comparator else "therapy") for name in study.therapies
    ), words=(1,))  # fmt: skip
    yield Table("Visits", ("visit", "week", "weeks since the end of treatment", "used for"), tuple(
        (visit.name, f"{visit.week:g}",
         "" if visit.weeks_since_end is None else f"{visit.weeks_since_end:g}".replace("-", "−"),
         "baseline" if visit.baseline else f"{visit.horizon} term" if visit.horizon else "")
        for visit in study.visits.schedule
    ), words=(3,))  # fmt: skip
    yield Table(
        "Measures",
        ("measure", "label", "instrument", "range", "unit", "better", "minimal important change", "source"),
        tuple(_measures(study)), "Raw scores are kept as they are; only relief is turned.",
        (1, 2, 3, 4, 5, 7),
    )  # fmt: skip
    if study.covariates:
        yield Table(
            "Covariates", ("covariate", "label", "type", "unit, codes", "range"),
            tuple(_covariate(one) for one in study.covariates), words=(1, 2, 3, 4),
        )  # fmt: skip
    if study.events:
        kinds = study.events.kinds.items()
        rows = tuple((str(code), kind.replace("_", " ")) for code, kind in kinds)
        yield Table("Events", ("code", "what happened"), rows, words=(1,))


def _measures(study: Study) -> Iterator[tuple[str, ...]]:
    for measure in study.measures:
        instrument = find_instrument(measure.instrument, study.instruments)
        change = instrument.minimal_important_change
        yield (
            measure.name, measure.label, instrument.name, f"{instrument.low:g} to {instrument.high:g}",
            instrument.unit, instrument.direction.split("_")[0],
            "none given" if change is None else f"{change:g}", instrument.citation,
        )  # fmt: skip


def _covariate(one: Covariate) -> tuple[str, ...]:
    codes = ", ".join(f"{code}: {label}" for code, label in one.labels.items())
    limits = f"{one.range[0]:g} to {one.range[1]:g}" if one.range else ""
    return one.name, one.label or one.name, one.type, one.unit or codes, limits
