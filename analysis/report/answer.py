"""The index page's content, made from a trial and its estimates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from analysis.describe import baseline_table
from analysis.harms import harm_lines
from analysis.report.about import about_study, limits_of, who_took_part
from analysis.report.analysed import Analysed
from analysis.report.blocks import Block, table_block
from analysis.report.drawings import Figure
from analysis.report.site import Answer, Section
from analysis.responders import MULTIPLE, responder_sentences
from analysis.sensitivity import survival_sentences
from analysis.sentences import headline, method_sentence, relief_sentences
from analysis.tables import (
    Table,
    account_table,
    adjusted_table,
    baseline_as_table,
    findings_table,
    harm_differences_table,
    harms_table,
    left_out_table,
    relief_by_estimand_table,
    relief_table,
    responder_differences_table,
    responders_table,
)
from analysis.trial.records import Trial
from analysis.validate.readable import counted, summary

LOST = (
    "Patients were lost, and nobody saw what became of them. Each line says whether other "
    "assumptions about them would change the conclusion."
)
COUNTED = (
    "A mean can hide that some gained much and others nothing. Those not seen can be counted in "
    "several ways; the way is named with each number."
)
HARMED = "None recorded is not the same as none: each line says what cannot be ruled out."


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
        Figures there are, by name.
    files : sequence of (str, str)
        Files beside the page, and what they hold.
    """
    trial, relief = analysed.trial, analysed.relief
    study, frame = trial.study, relief.frame
    return Answer(
        title=study.title,
        simulated=study.simulated,
        headline=headline(frame, study),
        who=who_took_part(trial),
        forest=figures["forest"].block if "forest" in figures else None,
        sections=[part for part in _sections(analysed, figures) if part.says_something],
        about=about_study(study),
        limits=limits_of(study),
        description=study.description,
        warnings=_warnings(trial, analysed.complaints),
        files=files,
        source=_source(trial),
    )


def journal_tables(analysed: Analysed) -> list[Table]:
    """The tables of a manuscript, in the order in which a journal prints them."""
    trial, study = analysed.trial, analysed.trial.study
    frame, level, found = analysed.relief.frame, study.model.confidence, analysed.responders
    definition = str(found.frame["estimand"].iloc[0])
    compared = [
        relief_table(frame, study.comparator, level), adjusted_table(frame, level),
        responder_differences_table(found, definition, study.comparator, MULTIPLE, level),
        harm_differences_table(analysed.harms, study.comparator, level),
    ] if study.comparator else []  # fmt: skip
    return [
        baseline_as_table(baseline_table(trial), study.minimum_count),
        *compared[:2], relief_table(frame, "", level),
        relief_by_estimand_table(analysed.answers.frame, level),
        responders_table(found, definition, level), *compared[2:3],
        harms_table(analysed.harms, level), *compared[3:],
    ]  # fmt: skip


def _sections(analysed: Analysed, figures: Mapping[str, Figure]) -> list[Section]:
    trial, relief, study = analysed.trial, analysed.relief, analysed.trial.study
    frame, level = relief.frame, study.model.confidence
    reliefs = [relief_table(frame, "", level)]
    if study.comparator:
        reliefs.insert(0, relief_table(frame, study.comparator, level))
    definition = str(analysed.responders.frame["estimand"].iloc[0])
    plain = relief_sentences(frame, study) if study.comparator else ()
    noticed = summary(trial.findings)
    found = [findings_table(noticed)] if len(noticed) else []
    return [
        Section("In plain words", sentences=plain),
        Section(
            "The numbers", blocks=[*_tables(reliefs[:1]), *_drawn(figures, "durability")],
            more=[*_tables(reliefs[1:]), *_drawn(figures, "durability_alone")],
            folded="Each therapy alone: what a clinic sees, and not what the therapy did",
        ),
        Section(
            "How sure is that?", LOST, survival_sentences(frame, analysed.sensitivity, study),
            _drawn(figures, "strategies"),
            _tables([relief_by_estimand_table(analysed.answers.frame, level)]),
            "The same question with other answers to what happened after the start",
        ),
        Section(
            "Who responded?", COUNTED, responder_sentences(analysed.responders, study),
            more=_tables([responders_table(analysed.responders, definition, level)]),
            folded="Responders under every way of counting",
        ),
        Section(
            "Who was harmed?", HARMED, harm_lines(analysed.harms, study),
            _drawn(figures, "relief_harm") if analysed.harms.recorded else (),
            _tables([harms_table(analysed.harms, level)]) if analysed.harms.recorded else (),
            "Every kind of adverse event",
        ),
        Section("How it was computed", method_sentence(frame, study, relief.model.facts)),
        Section(
            "What was noticed in the data", "" if found else "The checks found nothing to report.",
            blocks=_tables(found),
            more=_tables([account_table(trial), left_out_table(relief.model.left_out)]),
            folded="Where every row, value and patient went",
        ),
    ]  # fmt: skip


def _tables(tables: Iterable[Table]) -> list[Block]:
    return [table_block(table) for table in tables]


def _drawn(figures: Mapping[str, Figure], *names: str) -> list[Block]:
    return [figures[name].block for name in names if name in figures]


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
