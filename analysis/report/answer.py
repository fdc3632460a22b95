"""The index page's content, made from a trial and its relief."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from analysis.report.about import about_study, limits_of
from analysis.report.analysed import Analysed
from analysis.report.site import Answer, Figure
from analysis.sensitivity import survival_sentences
from analysis.sentences import headline, method_sentence, relief_sentences
from analysis.tables import Table, account_table, findings_table, left_out_table, relief_table
from analysis.trial.records import Trial
from analysis.validate.readable import counted, summary

INDEX_FIGURES = ("forest", "durability", "durability_alone")


def answer_of(
    analysed: Analysed,
    figures: Mapping[str, Figure],
    files: Sequence[tuple[str, str]],
) -> Answer:
    """Everything the index page says.

    Parameters
    ----------
    analysed : Analysed
    figures : mapping of str to Figure
        Figures there are, by name; the page shows those in `INDEX_FIGURES`.
    files : sequence of (str, str)
        Files beside the page, and what they hold.
    """
    trial, relief = analysed.trial, analysed.relief
    study, frame = trial.study, relief.frame
    level = study.model.confidence
    tables = [relief_table(frame, "", level)]
    if study.comparator:
        tables.insert(0, relief_table(frame, study.comparator, level))
    return Answer(
        title=study.title,
        simulated=study.simulated,
        headline=headline(frame, study),
        sentences=relief_sentences(frame, study) if study.comparator else (),
        survival=survival_sentences(frame, analysed.sensitivity, study),
        method=method_sentence(frame, study, relief.model.facts),
        about=about_study(study),
        limits=limits_of(study),
        description=study.description,
        figures=[figures[name] for name in INDEX_FIGURES if name in figures],
        results=_html(tables),
        findings=_html([findings_table(summary(trial.findings))]) if len(trial.findings) else (),
        account=_html([account_table(trial), left_out_table(relief.model.left_out)]),
        warnings=_warnings(trial, analysed.complaints),
        files=files,
        source=_source(trial),
    )


def _html(tables: Sequence[Table]) -> list[Markup]:
    """Tables escape every cell themselves."""
    return [Markup(table._repr_html_()) for table in tables]


def _warnings(trial: Trial, complaints: Sequence[str]) -> list[str]:
    found = list(complaints)
    noticed = trial.findings[trial.findings["severity"] == "warning"]
    if len(noticed):
        found.append(f"The checks of the data gave {counted(noticed)}; see below what was noticed.")
    return found


def _source(trial: Trial) -> str:
    data = trial.study.data
    parts = [data.citation or "", f"Licence of the data: {data.licence}." if data.licence else ""]
    return " ".join(part for part in parts if part)
