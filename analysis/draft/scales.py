"""Which instrument a column may hold, by its name and by what its values can be."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.draft.columns import CODES, Column
from analysis.draft.names import apart
from analysis.instruments import INSTRUMENTS

# Key of the instrument, words that name it. The first whose range holds the values is taken.
_NAMED: tuple[tuple[str, str], ...] = (
    ("RMDQ", r"rmdq|rmq|roland"),
    ("ODI", r"odi|oswestry"),
    ("BPI_INTERFERENCE", r"bpi.*interf|brief pain.*interf"),
    ("BPI_INTENSITY", r"bpi.*(intens|sever)|brief pain.*(intens|sever)"),
    ("PEG", r"\bpeg\b"),
    ("PROMIS_PAIN_INTERFERENCE", r"promis.*interf"),
    ("PROMIS_PHYSICAL_FUNCTION", r"promis.*phys"),
    ("PROMIS_ANXIETY", r"promis.*anx"),
    ("PROMIS_DEPRESSION", r"promis.*dep"),
    ("PROMIS_SLEEP_DISTURBANCE", r"promis.*sleep"),
    ("SF36_PAIN", r"\bsf ?36\b.*(pain|\bbp\b)|bodily pain"),
    ("NRS", r"\bnrs\b|nprs|numeric(al)? (pain )?rating"),
    ("VAS10", r"\bvas\b|visual analog"),
    ("VAS100", r"\bvas\b|visual analog"),
)  # fmt: skip
_PAIN = re.compile(r"pain|schmerz|douleur|dolor|\bnrs\b|\bvas\b|headache|migraine")
_NO_SCORE = re.compile(r"\bmed|medic|drug|dose|mqs|cost|killer|duration|years|since")
# A name without an instrument: pain on a scale that its values suggest.
_BY_RANGE = ("NRS", "VAS10", "VAS100")


@dataclass(frozen=True, slots=True)
class Scale:
    """What is guessed about the values of one measure; `reason` and `doubts` are for the draft."""

    instrument: str | None
    missing_codes: tuple[int, ...]
    reason: str
    doubts: tuple[str, ...] = ()


def speaks_of_pain(column: Column) -> bool:
    """Whether name or description of a column are about pain, and not about drugs against it."""
    text = f"{apart(column.name)} {apart(column.description)}"
    # "painmeds": the word for drugs need not stand alone.
    return bool(_PAIN.search(text)) and not _NO_SCORE.search(_PAIN.sub(" ", text))


def names_instrument(column: Column) -> bool:
    """Whether name or description of a column name an instrument."""
    text = f"{apart(column.name)} {apart(column.description)}"
    return any(re.search(pattern, text) for _, pattern in _NAMED)


def scale_of(columns: Sequence[Column], text: str = "") -> Scale:
    """Guess the instrument of a measure and its codes for missing values.

    Parameters
    ----------
    columns : sequence of Column
        One in a long file, one for each visit in a wide one.
    text : str
        What the measure is called, where the file calls it anything beside the columns' names.

    Returns
    -------
    Scale
        Neither reason nor doubts repeat a value, except codes that stand for missing.
    """
    values = np.unique(np.concatenate([column.values for column in columns]))
    values = values[~np.isnan(values)]
    spoken = " ".join(
        dict.fromkeys([apart(text), *(f"{apart(c.name)} {apart(c.description)}" for c in columns)])
    )
    codes = _codes_apart(values)
    for key, pattern in _NAMED:
        if re.search(pattern, spoken):
            inside, more = _inside(key, values)
            if inside:
                return _named(key, more)
    if _PAIN.search(spoken):
        for key in _BY_RANGE:
            inside, more = _inside(key, values)
            if inside and (key != "NRS" or _whole(values)):
                return _by_range(key, more)
    doubt = (
        "which instrument is this? Give the key of one listed in docs/study_file.md, or define it "
        "under 'instruments' with its lowest and highest score and which way is better."
    )
    named = next((key for key, pattern in _NAMED if re.search(pattern, spoken)), None)
    if named is not None:
        doubt = f"the name speaks of {named}, but values lie outside its range; {doubt}"
    return Scale(None, codes, "", (doubt, *_about_codes(codes)))


def _named(key: str, codes: tuple[int, ...]) -> Scale:
    instrument = INSTRUMENTS[key]
    reason = (
        f"Guess: {key}, because the name says so and the values fit {instrument.low:g} to "
        f"{instrument.high:g}."
    )
    return Scale(key, codes, reason, _about_codes(codes))


def _by_range(key: str, codes: tuple[int, ...]) -> Scale:
    instrument = INSTRUMENTS[key]
    reason = f"Guess: {key}, because it is about pain and the values fit its range."
    doubt = (
        f"is this the {instrument.name[0].lower()}{instrument.name[1:]}, {instrument.low:g} to "
        f"{instrument.high:g}, where {instrument.direction.split('_')[0]} is better?"
    )
    return Scale(key, codes, reason, (doubt, *_about_codes(codes)))


def _about_codes(codes: tuple[int, ...]) -> tuple[str, ...]:
    if not codes:
        return ()
    listed = ", ".join(map(str, codes))
    return (f"does {listed} mean missing? It stands apart from the scores, as such codes do.",)


def _inside(key: str, values: np.ndarray) -> tuple[bool, tuple[int, ...]]:
    """Whether the values fit an instrument once codes outside its range are taken for missing."""
    low, high = INSTRUMENTS[key].low, INSTRUMENTS[key].high
    outside = values[(values < low) | (values > high)]
    rest = len(values) - len(outside)
    # A small positive number below the range, as 8 where scores begin at 10, is no code.
    codes = tuple(int(v) for v in outside if v in CODES and not 0 <= v < low)
    return rest > 0 and len(codes) == len(outside), codes


def _codes_apart(values: np.ndarray) -> tuple[int, ...]:
    """Codes that stand apart from the scores: negative, or twice as large as any score."""
    code = np.array([v in CODES for v in values], dtype=bool)
    scores = values[~code]
    top = scores.max(initial=0.0)
    far = code & ((values < min(0.0, scores.min(initial=0.0))) | (values / 2 > max(10.0, top)))
    return tuple(int(v) for v in values[far])


def codes_of(column: Column) -> tuple[int, ...]:
    """Codes for missing in a number that is no score, such as an age of -99."""
    values = np.unique(column.values[~np.isnan(column.values)])
    return _codes_apart(values)


def _whole(values: np.ndarray) -> bool:
    return bool((values == np.floor(values)).all())
