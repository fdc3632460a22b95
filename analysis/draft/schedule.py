"""What a draft says about visits: their names, weeks, codes and windows, and which are the horizons."""

from __future__ import annotations

from typing import Any

import pandas as pd

from analysis.draft.cast import Cast
from analysis.draft.columns import shown
from analysis.draft.moments import Moment, moment_of, unit_of
from analysis.draft.page import ABSENT, Sketch
from analysis.draft.people import code_of
from analysis.draft.roles import repeated_baselines
from analysis.draft.when import add_windows, days_of_column, half_way, say_start, when_section
from analysis.readers.finding import listed
from analysis.trial.visits import DAYS_PER_WEEK

# Short term ends here; a last visit from LONG_FROM on is proposed as long term.
SHORT_UNTIL, LONG_FROM = 14.0, 26.0
# A k-th record is a visit if so large a share of the patients have one.
COMMON = 0.2
# Records whose usual days lie closer than this are one visit.
CLOSE_DAYS = 10.0
LONGEST_NAME = 80

# What is always asked about a schedule.
HORIZONS = (
    "Which visit is short term, and which long term? Choose before you look at the outcome. Proposed "
    "are the last visit within 14 weeks and the last of all, if that is after half a year or more."
)
SINCE_END = (
    "How many weeks after the last session of therapy is each visit? Add 'weeks_since_end' where you "
    "know; it is the second clock."
)


def visits_section(sketch: Sketch, cast: Cast) -> dict[Moment, str]:
    """Write the visits.

    Returns
    -------
    dict
        Name in the schedule of each moment; for wide files.
    """
    if cast.layout == "wide":
        return _wide(sketch, cast)
    if cast.visit is None:
        sketch.content["visits"] = ABSENT
        sketch.ask("which column says which visit a row is, or when it was taken? Write 'visits' "
                   "with 'column' and 'schedule': see docs/study_file.md.", "visits")  # fmt: skip
        return {}
    if cast.by == "label":
        _by_label(sketch, cast)
    else:
        _by_time(sketch, cast)
    return {}


def _wide(sketch: Sketch, cast: Cast) -> dict[Moment, str]:
    moments = chosen_moments(cast)
    if not moments:
        sketch.content["visits"] = ABSENT
        sketch.ask("which columns are the outcome at which visit? No names of columns are alike "
                   "but for a week, a month or a number. Write 'visits' and 'measures': see "
                   "docs/study_file.md.", "visits")  # fmt: skip
        return {}
    entries = [_visit(moment, "") for moment in moments]
    visits: dict[str, Any] = {}
    if cast.when is not None:
        visits = when_section(sketch, cast, moments, entries)
    sketch.content["visits"] = visits | {"schedule": entries}
    sketch.say("Guess: from the names of the columns.", "visits", "schedule")
    _finish(sketch, entries, guess_first=True)
    if cast.when is not None:
        add_windows(sketch, entries)
    return dict(zip(moments, (entry["name"] for entry in entries), strict=True))


def chosen_moments(cast: Cast) -> list[Moment]:
    """Moments of the schedule of a wide file: those of the main measure and what goes with it."""
    if not cast.families:
        return []
    main = cast.families[0]
    moments = set(main.columns)
    for family in cast.families[1:]:
        if not main.numbered and not family.numbered:
            moments |= {moment for moment in family.columns if moment.week is not None}
    unique: dict[object, Moment] = {}
    for moment in sorted(moments, key=_order):
        unique.setdefault(moment.name if moment.week is None else moment.week, moment)
    return list(unique.values())


def _order(moment: Moment) -> tuple[bool, bool, float, float]:
    return (not moment.baseline, moment.week is None, moment.week or 0.0, moment.order)


def _visit(moment: Moment, level: str) -> dict[str, Any]:
    """Entry of a visit; without a week where none is known."""
    entry: dict[str, Any] = {"name": moment.name}
    if moment.week is not None:
        entry["week"] = moment.week
    if moment.baseline:
        entry["baseline"] = True
    if level and level != moment.name:
        entry["code"] = code_of(level)
    return entry


def _by_label(sketch: Sketch, cast: Cast) -> None:
    levels, column = cast.visit_levels, cast.visit
    assert levels is not None and column is not None
    unit = unit_of(column.name)
    found: list[tuple[Moment, str]] = []
    for place, level in enumerate(levels.counts):
        label = column.cells.labels.get(level, "")
        moment = moment_of(label) if label else moment_of(level, unit)
        number = float(place)
        found.append((moment or Moment((label or level)[:LONGEST_NAME], order=number), level))
    found.sort(key=lambda pair: _order(pair[0]))
    kept, doubled = _without_doubles(found, levels.counts)
    entries = [_visit(moment, level) for moment, level in kept]
    sketch.content["visits"] = {"column": column.name, "schedule": entries}
    sketch.say("Guess: its name says so, and it differs from row to row of a patient.", "visits", "column")
    instance = cast.sheet.columns.get("redcap_repeat_instance")
    if instance is not None and instance.filled.any() and column.name != instance.name:
        sketch.ask("rows of repeated events or repeating instruments stand in this export. Are instances "
                   f"visits? Then write column: [{column.name}, {instance.name}], with codes such as "
                   "'follow_up_arm_1 2'. Set rows of other instruments aside with a filter on "
                   "redcap_repeat_instrument.", "visits", "column")  # fmt: skip
    if cast.other_visits:
        sketch.ask(f"is it this column, or {listed(list(cast.other_visits), 4)}?", "visits", "column")
    if doubled:
        sketch.ask(f"{listed(doubled, 6)} fall on the week of another visit or come before a second "
                   "baseline; should one of them take its place?", "visits", "schedule")  # fmt: skip
    if levels.hidden:
        sketch.ask(f"{levels.hidden} more values of this column are held by one patient each and "
                   "are not repeated here: slips, or visits?", "visits", "schedule")  # fmt: skip
    if all(moment.week is not None for moment, _ in kept):
        sketch.say("Guess: weeks as the visits are called.", "visits", "schedule")
    # Where a column repeats the baseline, the first visit is a later one.
    _finish(sketch, entries, guess_first=not repeated_baselines(cast.sheet, cast.keys))


def _without_doubles(
    found: list[tuple[Moment, str]], counts: dict[str, int]
) -> tuple[list[tuple[Moment, str]], list[str]]:
    """One level for each week and name: the one with most patients."""
    best: dict[object, tuple[Moment, str]] = {}
    for moment, level in found:
        key = moment.name if moment.week is None else moment.week
        if key not in best or counts[level] > counts[best[key][1]]:
            best[key] = (moment, level)
    kept = sorted(best.values(), key=lambda pair: _order(pair[0]))
    levels = {level for _, level in kept}
    return kept, [level for _, level in found if level not in levels]


def _by_time(sketch: Sketch, cast: Cast) -> None:
    column = cast.visit
    assert column is not None
    visits: dict[str, Any] = {"by": cast.by, "column": column.name}
    sketch.content["visits"] = visits
    sketch.say(f"Guess: no column names the visit, and {shown(column.name)} says when a row was "
               "taken.", "visits", "by")  # fmt: skip
    if cast.by == "date":
        say_start(sketch, cast, visits)
    days = _usual_days(cast)
    entries = _entries_by_day(days)
    visits["schedule"] = entries or ABSENT
    key = ("visits", "schedule")
    sketch.ask("which weeks were scheduled? These are the usual days of the first, second, ... "
               "record of a patient, in whole weeks.", *key)  # fmt: skip
    if entries:
        sketch.say("Windows reach half way to the next visit. A record belongs to the nearest visit; "
                   "'tie' and 'several' settle the rest.", *key)  # fmt: skip
        _finish(sketch, entries, guess_first=False)


def _usual_days(cast: Cast) -> list[float]:
    """Median day of the k-th record of a patient, as long as k-th records are common."""
    assert cast.visit is not None
    days = days_of_column(cast, cast.visit)
    frame = pd.DataFrame({"patient": cast.keys, "day": days})
    frame = frame[(frame["patient"] != "") & frame["day"].notna()].sort_values("day", kind="stable")
    if frame.empty:
        return []
    frame["k"] = frame.groupby("patient").cumcount()
    grouped = frame.groupby("k")["day"]
    counts, medians = grouped.size(), grouped.median()
    fewest = max(2.0, COMMON * frame["patient"].nunique())
    usual: list[float] = []
    for k, median in medians.items():
        if counts[k] >= fewest and (not usual or median - usual[-1] > CLOSE_DAYS):
            usual.append(float(median))
    return usual


def _entries_by_day(days: list[float]) -> list[dict[str, Any]]:
    weeks: list[float] = []
    for day in days:
        week = max(0.0, float(round(day / DAYS_PER_WEEK)))
        if not weeks or week > weeks[-1]:
            weeks.append(week)
    entries = []
    for place, week in enumerate(weeks):
        before, after = half_way(weeks, place)
        baseline = place == 0 and week == 0
        entry = _visit(Moment("baseline" if baseline else f"week {week:g}", week, baseline), "")
        entries.append(entry | {"window_days": [before, 0 if baseline else after]})
    return entries


def _finish(sketch: Sketch, entries: list[dict[str, Any]], *, guess_first: bool) -> None:
    """Ask for weeks that are not known, guess the baseline among numbered visits, propose horizons."""
    key = ("visits", "schedule")
    unknown = [place for place, entry in enumerate(entries) if "week" not in entry]
    first = entries[0]
    if guess_first and unknown[:1] == [0] and str(first["name"]).rpartition(" ")[2] in ("0", "1"):
        name = first.pop("name")
        entries[0] = {"name": name, "week": 0.0, "baseline": True} | first
        sketch.ask(f"is {shown(str(name))} the visit before treatment? The first number was taken "
                   "for it.", *key, 0)  # fmt: skip
        unknown = unknown[1:]
    for place in unknown:
        sketch.ask(f"how many weeks after randomisation is {shown(str(entries[place]['name']))}? "
                   "Add 'week'.", *key, place)  # fmt: skip
    followed = [entry for entry in entries if not entry.get("baseline") and "week" in entry]
    short = [entry for entry in followed if entry["week"] <= SHORT_UNTIL]
    if short:
        short[-1]["horizon"] = "short"
    if followed and followed[-1]["week"] >= LONG_FROM and not unknown:
        followed[-1]["horizon"] = "long"
    sketch.ask(HORIZONS, *key)
    sketch.ask(SINCE_END, *key)

