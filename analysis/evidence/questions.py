"""The comparisons that people ask about, pooled from the trials that made them directly."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analysis.errors import ModelError
from analysis.evidence.certainty import certainty_of
from analysis.evidence.comparisons import direct_comparisons
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.entries import Entries, enter
from analysis.evidence.pairwise import pool
from analysis.evidence.pooled import MetaAnalysis
from analysis.evidence.published import Published
from analysis.evidence.synthesis import Synthesis


@dataclass(frozen=True, slots=True)
class Question:
    """A therapy against comparators that count as one.

    Attributes
    ----------
    therapy : str
    comparators : tuple of str
    words : str
        The comparators for people.
    """

    therapy: str
    comparators: tuple[str, ...]
    words: str


_OPEN, _OPEN_WORDS = ("usual_care", "no_treatment"), "usual care or nothing"
QUESTIONS = (
    Question("acupuncture", ("sham_acupuncture",), "sham acupuncture"),
    Question("acupuncture", _OPEN, _OPEN_WORDS),
    Question("dry_cupping", ("sham_cupping",), "sham cupping"),
    Question("dry_cupping", _OPEN, _OPEN_WORDS),
    Question("wet_cupping", ("sham_cupping",), "sham cupping"),
    Question("wet_cupping", _OPEN, _OPEN_WORDS),
    Question("massage", ("sham_massage",), "sham massage"),
    Question("massage", _OPEN, _OPEN_WORDS),
    Question("acupuncture+dry_cupping", ("acupuncture",), "acupuncture alone"),
    Question("acupuncture+dry_cupping", _OPEN, _OPEN_WORDS),
    Question("exercise", _OPEN, _OPEN_WORDS),
)
# What people ask about, seen in a trial or not.
LOOKED_FOR = (
    "acupuncture", "dry_cupping", "wet_cupping", "acupuncture+dry_cupping", "massage",
    "moxibustion", "exercise",
)  # fmt: skip
# Therapies whose course is followed, with what joins them.
FOLLOWED = (
    "acupuncture", "sham_acupuncture", "dry_cupping", "sham_cupping", "wet_cupping", "massage",
    "spinal_manipulation+exercise", "usual_care", "no_treatment",
)  # fmt: skip
# Rows of the league table, those of the questions above and what they are compared with.
COMPARED = (
    "usual_care", "no_treatment", "sham_acupuncture", "acupuncture", "sham_cupping", "dry_cupping",
    "wet_cupping", "acupuncture+dry_cupping", "massage",
)  # fmt: skip
# Therapies and the shams that would tell them from what people expect.
SHAMS = (
    ("acupuncture", ("sham_acupuncture",)), ("dry_cupping", ("sham_cupping",)),
    ("wet_cupping", ("sham_cupping",)), ("massage", ("sham_massage",)),
    ("acupuncture+dry_cupping", ("sham_acupuncture", "sham_cupping")),
)  # fmt: skip


def answers(synthesis: Synthesis, questions: Iterable[Question] = QUESTIONS) -> pd.DataFrame:
    """Pooled relief for every question and horizon, empty where no trial asked it.

    Returns
    -------
    pandas.DataFrame
        `definition`, `therapy`, `comparator`, `horizon`, the columns of
        `MetaAnalysis.summary_frame` (NaN and 0 trials where there is none), `common`,
        `common_low`, `common_high` (one true effect), `heterogeneity`, `certainty`.
    """
    rows = []
    for question, horizon, entries in _cells(synthesis, questions):
        row: dict[str, object] = {
            "definition": synthesis.windows.name, "horizon": horizon,
            "therapy": synthesis.published.name_of(question.therapy),
            "comparator": question.words, "trials": 0, "heterogeneity": "", "certainty": "none",
        }  # fmt: skip
        rows.append(row | ({} if entries is None else _pooled(question, entries, synthesis)))
    return pd.DataFrame(rows)


def answers_forest(
    synthesis: Synthesis, horizon: str, questions: Iterable[Question] = QUESTIONS
) -> pd.DataFrame:
    """Trials of every question at a horizon, a group a question, for `plot_pooled_forest`.

    One trial stands alone, because nothing is pooled; a new trial has a row where there are enough
    trials to tell what it would find.
    """
    frames = []
    for question, at, entries in _cells(synthesis, questions):
        if entries is None or at != horizon:
            continue
        fit = _fit(entries)
        rows = fit.forest_frame().assign(
            group=f"{synthesis.published.name_of(question.therapy)} against {question.words}",
            note=fit.heterogeneity,
        )
        told = (rows["row"] != "prediction") | rows["conf_low"].notna()
        frames.append(rows[rows["row"] == "trial"] if entries.k == 1 else rows[told])
    if not frames:
        raise ModelError(
            f"No trial asked any of these questions at the horizon {horizon!r}, so there is nothing to "
            "draw: show the table of answers, or ask for short or long."
        )
    return pd.concat(frames, ignore_index=True)


def _cells(
    synthesis: Synthesis, questions: Iterable[Question]
) -> Iterator[tuple[Question, str, Entries | None]]:
    for question in questions:
        for horizon, contrasts in zip(("short", "long"), synthesis.contrasts, strict=True):
            yield question, horizon, _entries(contrasts, question, synthesis.published)


def _entries(
    contrasts: Contrasts, question: Question, published: Published
) -> Entries | None:
    found = direct_comparisons(contrasts, question.therapy, question.comparators)
    if found.empty:
        return None
    return enter(
        found["effect"], found["std_error"] ** 2, [published.label(name) for name in found["study"]],
        n_therapy=found["n_therapy"], n_comparator=found["n_comparator"],
    )  # fmt: skip


def _fit(entries: Entries) -> MetaAnalysis:
    """Hartung and Knapp's interval, never narrower than the plain one: trials are few."""
    return pool(entries, interval="hartung-knapp-floor")


def _pooled(question: Question, entries: Entries, synthesis: Synthesis) -> dict[str, object]:
    fit, common = _fit(entries), pool(entries, tau2="common")
    row = fit.summary_frame().iloc[0].to_dict()
    low, high = common.conf_int()[0]
    judged = certainty_of(
        entries.k, float(entries.known_patients or np.nan),
        fit.spread.i2 / 100, row["conf_high"] - row["conf_low"],
        blinded=all(synthesis.published.is_sham(name) for name in question.comparators),
    )  # fmt: skip
    return row | {
        "common": common.params[0], "common_low": low, "common_high": high,
        "heterogeneity": fit.heterogeneity, "certainty": judged.words,
    }  # fmt: skip
