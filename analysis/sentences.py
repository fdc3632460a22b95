"""Results as sentences that a patient could read, which never say more than the interval allows.

A difference is claimed only where its interval leaves out 0; otherwise the sentence says what the
data still allow. Text of users is passed through as it is: showing it safely is the task of
`analysis.display`.
"""

from __future__ import annotations

import pandas as pd

from analysis.instruments import Instrument, find_instrument
from analysis.relief.facts import FitFacts
from analysis.schema import Horizon
from analysis.studies.records import Measure, Study, Visit

HORIZONS: tuple[Horizon, ...] = ("short", "long")
# More names than these make a list that nobody reads; then they are counted.
NAMES = 4
# A limit that is not 0 is never shown as 0: digits are added, up to these.
MOST_DIGITS = 6


def relief_sentences(frame: pd.DataFrame, study: Study) -> list[str]:
    """One statement per therapy: short term, long term, and what became of the relief.

    Parameters
    ----------
    frame : pandas.DataFrame
        Result frame of one measure.
    study : Study

    Returns
    -------
    list of str
        Every therapy but the comparator, against it; without a comparator, every therapy by itself.
    """
    therapies = [name for name in study.therapies if name != study.comparator]
    main = frame[frame["analysis"] == "main"]
    sentences = []
    for therapy in therapies:
        rows = main[(main["therapy"] == therapy) & (main["comparator"] == study.comparator)]
        say = _against if study.comparator else _alone
        text = say(rows, study, _measure(frame, study), therapy)
        simulated = f"Simulated data: {text[0].lower()}{text[1:]}"
        sentences.append(simulated if study.simulated else text)
    return sentences


def headline(frame: pd.DataFrame, study: Study) -> str:
    """The answer in one or two sentences: which therapies were better, and when.

    Judged by simultaneous intervals where there are several comparisons.
    """
    if not study.comparator:
        return " ".join(relief_sentences(frame, study))
    rows = frame[(frame["quantity"] == "relief") & (frame["comparator"] != "")]
    several = bool((rows["analysis"] == "simultaneous").any())
    parts = []
    for horizon in HORIZONS:
        here = rows[(rows["horizon"] == horizon) & rows["estimate"].notna()]
        family = here[here["analysis"] == "simultaneous"]
        # A family of one has no simultaneous interval: its own is the same.
        family = here[here["analysis"] == "main"] if family.empty else family
        parts.append(f"in the {horizon} term {_verdict(family, study)}")
    level = f"{_level(study)} confidence intervals"
    how = f"{level} that hold for all therapies at once" if several else level
    start = "Simulated data: " if study.simulated else ""
    text = f"{start}{'; '.join(parts)} (judged by {how})."
    return f"{text[0].upper()}{text[1:]}{_caution(study)}"


def method_sentence(frame: pd.DataFrame, study: Study, facts: FitFacts) -> str:
    """What was done, as a methods section would say it, and why not otherwise."""
    inference = (
        f"{facts.df} standard errors and degrees of freedom"
        if facts.errors == facts.df
        else f"standard errors: {facts.errors}; {facts.df} degrees of freedom"
    )
    how = (
        f"at {facts.visits} visits after baseline was analysed with a mixed model for repeated "
        f"measures ({facts.formula}; {facts.covariance} covariance, restricted maximum likelihood, "
        f"{inference}; {_level(study)} confidence intervals)"
        if facts.visits > 1
        else f"at one visit after baseline was analysed with a linear model ({facts.formula}; "
        f"{_level(study)} confidence intervals)"
    )
    refused = "; ".join(f"{name} ({why})" for name, why in facts.refused)
    instead = f" Covariances named before could not be estimated: {refused}." if refused else ""
    return (
        f"{_measure(frame, study).label} of {facts.patients} patients {how}.{instead} Values missing "
        "are assumed to be missing at random given the model."
    )


def _measure(frame: pd.DataFrame, study: Study) -> Measure:
    """The measure that the frame is about."""
    names = set(frame["measure"])
    return next((m for m in study.measures if names == {m.name}), study.primary)


def _level(study: Study) -> str:
    return f"{100 * study.model.confidence:g} %"


def _caution(study: Study) -> str:
    if study.design == "randomised":
        return ""
    return " Patients were not randomised, so a difference may have other causes than the therapy."


def _verdict(family: pd.DataFrame, study: Study) -> str:
    """Who had more relief than the comparator, who less, and who could not be told from it."""
    if family.empty:
        return "nothing can be said"
    more = list(family.loc[family["conf_low"] > 0, "therapy"])
    less = list(family.loc[family["conf_high"] < 0, "therapy"])
    unclear = len(family) - len(more) - len(less)
    said = [
        f"{_listed(names, len(family))} had {word} relief than {study.comparator}"
        for names, word in ((more, "more"), (less, "less"))
        if names
    ]
    if not said:
        name = family["therapy"].iloc[0] if len(family) == 1 else "none of the therapies"
        could = "could not" if len(family) == 1 else "could"
        return f"{name} {could} be told from {study.comparator}"
    return " and ".join([*said, *([f"{unclear} could not be told from it"] if unclear else [])])


def _listed(names: list[str], of: int) -> str:
    if len(names) > NAMES:
        return f"{len(names)} of {of} therapies"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _clock(visits: tuple[Visit, ...]) -> str:
    """The visits of a horizon on both clocks: since the start, and since the end of treatment."""
    weeks = _joined([f"{visit.week:g}" for visit in visits])
    text = f"{'weeks' if len(visits) > 1 else 'week'} {weeks} after the start"
    ends = [visit.weeks_since_end for visit in visits]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends):
        return text
    if set(known) == {0.0}:
        return f"{text}, at the end of treatment"
    if max(known) <= 0:
        return f"{text}, during treatment"
    if min(known) < 0:
        return f"{text}, during treatment and up to {_weeks(max(known))} after it ended"
    after = _joined([f"{end:g}" for end in known])
    return f"{text}, {after} {'week' if after == '1' else 'weeks'} after treatment ended"


def _weeks(value: float) -> str:
    return "1 week" if value == 1 else f"{value:g} weeks"


def _joined(texts: list[str]) -> str:
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def _when(study: Study, horizon: Horizon) -> str:
    visits = study.horizon(horizon)
    return f"in the {horizon} term" + (f" ({_clock(visits)})" if visits else "")


def _row(rows: pd.DataFrame, quantity: str, horizon: Horizon) -> pd.Series | None:
    """The estimate, or None where there is none."""
    part = rows[(rows["quantity"] == quantity) & (rows["horizon"] == horizon)]
    return part.iloc[0] if len(part) and pd.notna(part["estimate"].iloc[0]) else None


def _digits(*values: float) -> int:
    """Digits that show each value other than 0 as other than 0, at least one."""
    for digits in range(1, MOST_DIGITS):
        if all(value == 0 or round(abs(value), digits) > 0 for value in values):
            return digits
    return MOST_DIGITS


def _number(value: float, digits: int) -> str:
    text = f"{round(float(value), 9):.{digits}f}"
    return (text.lstrip("-") if float(text) == 0 else text).replace("-", "−")


def _size(row: pd.Series, level: str, unit: str) -> tuple[str, str]:
    """How large a clear difference is, and between which limits, both without sign."""
    ends = sorted(abs(float(row[name])) for name in ("conf_low", "conf_high"))
    digits = _digits(*ends)
    amount = f"{_number(abs(row['estimate']), digits)} {unit}"
    low, high = (_number(end, digits) for end in ends)
    return amount, f"with {level} confidence between {low} and {high}"


def _open(row: pd.Series, unit: str) -> str:
    """An interval that holds 0, in words."""
    digits = _digits(row["conf_low"], row["conf_high"])
    worse, better = (_number(abs(row[name]), digits) for name in ("conf_low", "conf_high"))
    return f"anything from {worse} {unit} worse to {better} {unit} better fits the data"


def _against(rows: pd.DataFrame, study: Study, measure: Measure, therapy: str) -> str:
    """A therapy beside the comparator at both horizons, and what became of the difference."""
    instrument = find_instrument(measure.instrument, study.instruments)
    found = {horizon: _row(rows, "relief", horizon) for horizon in HORIZONS}
    says = {
        horizon: None if row is None else _difference(row, study, instrument, _when(study, horizon))
        for horizon, row in found.items()
    }
    text = f"With {therapy}, {_sentence(says, study, measure)}."
    became = _became_of_it(rows, study, instrument)
    claimed = any(row is not None and _clear(row) for row in found.values())
    return " ".join(filter(None, [text, became])) + (_caution(study) if claimed else "")


def _sentence(says: dict[Horizon, str | None], study: Study, measure: Measure) -> str:
    """What is said at each horizon, with the measure as its subject, named once."""
    parts, subject = [], measure.label
    for horizon, said in says.items():
        if said is None:
            parts.append(f"nothing can be said {_when(study, horizon)}")
            continue
        parts.append(f"{subject} {said}")
        subject = "it"
    return "; ".join(parts)


def _clear(row: pd.Series) -> bool:
    """Whether the interval leaves out 0."""
    return bool(row["conf_low"] > 0 or row["conf_high"] < 0)


def _difference(row: pd.Series, study: Study, instrument: Instrument, when: str) -> str:
    if not _clear(row):
        told = f"could not be told from that with {study.comparator}"
        return f"{told} {when}: {_open(row, instrument.unit)}"
    better = row["conf_low"] > 0
    lower = better == (instrument.direction == "lower_is_better")
    amount, limits = _size(row, _level(study), instrument.unit)
    words = f"{'lower' if lower else 'higher'} ({'better' if better else 'worse'})"
    return f"was {amount} {words} than with {study.comparator} {when}, {limits}"


def _became_of_it(rows: pd.DataFrame, study: Study, instrument: Instrument) -> str:
    """What became of a short-term difference; empty where there was no clear one to lose."""
    short, loss = _row(rows, "relief", "short"), _row(rows, "loss", "")
    if short is None or loss is None or not short["conf_low"] > 0:
        return ""
    amount, limits = _size(loss, _level(study), instrument.unit)
    kept = _kept(_row(rows, "retention", ""), "is" if loss["conf_low"] > 0 else "may be")
    if loss["conf_low"] > 0:
        text = f"Of the short-term difference {amount} were lost by the long term, {limits}"
    elif loss["conf_high"] < 0:
        return f"The difference grew by {amount} from the short to the long term, {limits}."
    else:
        text = "Whether the short-term difference faded cannot be told"
    return f"{text}{f'; {kept}' if kept else ''}."


def _kept(row: pd.Series | None, verb: str) -> str:
    """Share of the short-term difference that is left, where its Fieller set is an interval."""
    if row is None or not str(row["method"]).endswith("Fieller, interval"):
        return ""
    low, high = float(row["conf_low"]), float(row["conf_high"])
    if high <= 0:
        return f"none of it {verb} left"
    if low <= 0:
        return f"at most {_percent(high)} of it {verb} left"
    return f"between {_percent(low)} and {_percent(high)} of it {verb} left"


def _percent(share: float) -> str:
    """A share other than 0 and 1 is not shown as 0 % or 100 %."""
    for digits in range(MOST_DIGITS):
        text = f"{round(100 * share, 9):.{digits}f}"
        if float(text) not in (0.0, 100.0):
            break
    return f"{text} %"


def _alone(rows: pd.DataFrame, study: Study, measure: Measure, therapy: str) -> str:
    """Change from baseline of a group by itself, which says nothing about its cause."""
    instrument = find_instrument(measure.instrument, study.instruments)
    says: dict[Horizon, str | None] = {}
    for horizon in HORIZONS:
        when, row = _when(study, horizon), _row(rows, "relief", horizon)
        if row is None:
            says[horizon] = None
        elif not _clear(row):
            says[horizon] = f"could not be told from baseline {when}: {_open(row, instrument.unit)}"
        else:
            amount, limits = _size(row, _level(study), instrument.unit)
            word = "better" if row["conf_low"] > 0 else "worse"
            below = _below_mic(row, instrument)
            says[horizon] = f"was {amount} {word} than at baseline {when}, {limits}{below}"
    who = "In all patients" if study.therapy is None else f"With {therapy}"
    return (
        f"{who}, {_sentence(says, study, measure)}. "
        "Without a comparator this says how patients fared, not why."
    )


def _below_mic(row: pd.Series, instrument: Instrument) -> str:
    """A mean change clearly below what counts within a person; nothing is said in other cases."""
    mic = instrument.minimal_important_change
    if mic is None or row["conf_low"] <= 0 or row["conf_high"] >= mic:
        return ""
    return (
        f", on average less than the {mic:g} {instrument.unit} that count as an important change "
        "in one person"
    )
