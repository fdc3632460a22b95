"""Exports of surveys that put more than names above the answers (Qualtrics)."""

from __future__ import annotations

import pandas as pd

from analysis.readers.finding import Finding, finding

# Qualtrics writes three rows above the answers: names, the text of the questions, and these marks.
_MARK = '{"ImportId":'
# The marks stand in the second row below the names at the latest.
_LOOKED_AT = 2


def without_question_rows(
    frame: pd.DataFrame,
) -> tuple[pd.DataFrame, dict[str, str], list[Finding]]:
    """Set the rows aside with which Qualtrics describes its columns.

    Parameters
    ----------
    frame : DataFrame
        A table of texts, as it stands in the file. It is not changed.

    Returns
    -------
    tuple of DataFrame, dict and findings
        The answers, which keep their row numbers; the text of the question of each column; and a
        note where rows were set aside. A file without the marks comes back as it is.
    """
    for place in range(min(_LOOKED_AT, len(frame))):
        marks = [cell for cell in frame.iloc[place] if isinstance(cell, str) and cell]
        if not marks or not all(cell.startswith(_MARK) for cell in marks):
            continue
        above = frame.iloc[:place]
        texts = {} if above.empty else {
            str(name): str(text).strip() for name, text in above.iloc[-1].items() if pd.notna(text)
        }  # fmt: skip
        message = (
            f"The file is an export of Qualtrics: {place + 1} rows below the names hold the text "
            "of the questions and marks; they are no answers and were not read as such."
        )
        note = finding("survey_header", "note", message, row=int(frame.index[0]))
        return frame.iloc[place + 1 :], {k: t for k, t in texts.items() if t}, [note]
    return frame, {}, []
