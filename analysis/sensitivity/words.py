"""Whether conclusions survive, as sentences: what would have to be true for them to change."""

from __future__ import annotations

import pandas as pd

from analysis.sensitivity.conclusion import LESS, MORE, NOTHING, UNCLEAR, conclusions
from analysis.sensitivity.strategies import ANCHORED, Sensitivity
from analysis.studies.records import Study

# Shifts below this are told as such.
SMALLEST = 0.01
_SAID = {
    MORE: "more relief than with {other}", LESS: "less relief than with {other}",
    UNCLEAR: "no clear difference from {other}",
}  # fmt: skip


def survival_sentences(relief: pd.DataFrame, found: Sensitivity, study: Study) -> list[str]:
    """Say of every therapy whether its long-term conclusion survives.

    Parameters
    ----------
    relief : pandas.DataFrame
        Result frame of the main analysis.
    found : Sensitivity
    study : Study

    Returns
    -------
    list of str
        One a therapy; one in all where the question cannot be asked.
    """
    if found.setting is None:
        texts = [f"Whether the conclusions survive other assumptions cannot be said: {found.refused}"]
    elif not found.setting.comparator:
        why = "The study has no comparator"
        if study.comparator:
            why = f"Nobody with {study.comparator}, the comparator, was seen after the start"
        texts = [
            f"{why}, so there is no conclusion about an effect that other assumptions about missing "
            "patients could change."
        ]
    else:
        frame = conclusions(relief, found, ("long",))
        texts = [_of_therapy(row, found, study) for _, row in frame.iterrows()]
    return [_simulated(text, study) for text in texts]


def what_would_change(relief: pd.DataFrame, found: Sensitivity, study: Study) -> str:
    """One paragraph: under which assumptions the long-term conclusions hold, and what tips them."""
    if found.setting is None or not found.setting.comparator:
        return survival_sentences(relief, found, study)[0]
    frame = conclusions(relief, found, ("long",))
    clear = frame[frame["conclusion"].isin([MORE, LESS])]
    other = study.comparator
    if frame["conclusion"].eq(NOTHING).all():
        return _simulated("In the long term nothing can be said, so no assumption changes it.", study)
    if clear.empty:
        text = (
            f"In the long term no therapy was clearly different from {other}, so there is no claim "
            "that patients who were not seen could overturn."
        )
        return _simulated(" ".join([text, *_hidden(frame, found)]), study)
    parts = [f"In the long term {_count(len(clear), len(frame))} clearly different from {other}."]
    tried = clear[clear["strategies"] > 0]
    if len(tried):
        held = tried[tried["same"] == tried["strategies"]]
        parts.append(
            f"{_survived(len(held), len(tried))} under every other assumption that was tried"
            f"{_exceptions(tried, held)}."
        )
    parts += [
        f"For {therapy} no other assumption could be tried."
        for therapy in clear.loc[clear["strategies"] == 0, "therapy"]
    ]
    for _, row in clear.iterrows():
        parts.append(_needed(row, found))
    parts += _hidden(frame, found)
    if clear["tip"].notna().any():
        parts.append("Whether any of this is true cannot be seen in the data.")
    return _simulated(" ".join(parts), study)


def _of_therapy(row: pd.Series, found: Sensitivity, study: Study) -> str:
    therapy = row["therapy"]
    if row["conclusion"] == NOTHING:
        return f"With {therapy}, nothing can be said in the long term."
    said = _SAID[row["conclusion"]].format(other=study.comparator)
    start = f"With {therapy}, the long-term conclusion ({said})"
    if row["strategies"] and row["same"] == row["strategies"]:
        text = f"{start} survives every other assumption about patients who were not seen"
    elif row["strategies"]:
        text = (
            f"{start} does not survive every assumption about patients who were not seen: it changes "
            f"under {_list(_strategies(row['others']))}"
        )
    else:
        text = f"{start} could not be tried under other assumptions"
    if row["conclusion"] == UNCLEAR:
        return f"{text}."
    return f"{text}. {_needed(row, found)}"


def _needed(row: pd.Series, found: Sensitivity) -> str:
    """How far off those not seen must have been."""
    assert found.setting is not None
    therapy, unit = row["therapy"], found.setting.instrument.unit
    if pd.isna(row["tip"]):
        if "is missing there" in row["note"]:
            return f"No long-term value of {therapy} is missing."
        return f"For {therapy}, {row['note']}."
    way = "worse" if row["tip"] > 0 else "better"
    amount = f"{_size(row['tip'])} {unit}"
    if pd.notna(row["important"]):
        amount += f" ({_size(row['important'])} minimal important changes)"
    text = (
        f"For {therapy} it would take patients not seen who were {amount} {way} than patients like "
        "them who were"
    )
    return f"{text}, which is more than the scale allows." if not row["possible"] else f"{text}."


def _size(shift: float) -> str:
    """A shift as shown: a small one keeps a digit that is not 0."""
    if abs(shift) < SMALLEST:
        return f"less than {SMALLEST}"
    return f"{abs(shift):.{1 if abs(shift) >= 10 * SMALLEST else 2}f}"


def _hidden(frame: pd.DataFrame, found: Sensitivity) -> list[str]:
    """Therapies that some assumption makes look clearly different though the data do not."""
    unclear = frame[(frame["conclusion"] == UNCLEAR) & (frame["same"] < frame["strategies"])]
    if unclear.empty:
        return []
    names = _list(list(unclear["therapy"]))
    return [
        f"For {names} some assumptions would make a difference that the main analysis does not "
        "show; no weight should be put on that."
    ]


def _count(n: int, of: int) -> str:
    if of == 1:
        return "the therapy was"
    return f"{n} of {of} therapies {'was' if n == 1 else 'were'}"


def _survived(held: int, clear: int) -> str:
    if clear == 1:
        return "That conclusion holds" if held else "That conclusion does not hold"
    if not held:
        return "None of these conclusions holds"
    if held == clear:
        return "These conclusions hold"
    return f"{held} of these {clear} conclusions {'holds' if held == 1 else 'hold'}"


def _exceptions(clear: pd.DataFrame, held: pd.DataFrame) -> str:
    lost = clear.drop(held.index)
    if lost.empty:
        return ""
    said = [
        f"{row['therapy']} changes under {_list(_strategies(row['others']))}"
        for _, row in lost.iterrows()
    ]
    return f": {'; '.join(said)}"


def _strategies(joined: str) -> list[str]:
    """Names of strategies; one that fails with the anchored variance only is named with it."""
    names = joined.split("; ")
    plain = [name for name in names if not name.endswith(ANCHORED)]
    return [
        name if not name.endswith(ANCHORED) else f"{name.removesuffix(ANCHORED)} (information-anchored)"
        for name in names
        if not (name.endswith(ANCHORED) and name.removesuffix(ANCHORED) in plain)
    ]


def _list(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _simulated(text: str, study: Study) -> str:
    return f"Simulated data: {text[0].lower()}{text[1:]}" if study.simulated else text
