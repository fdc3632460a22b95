"""Controls of the form: each with a label of its own, for the keyboard and for screen readers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets

from analysis.readers.finding import printable, shorten
from analysis.widgets.options import PARTS, Option, column_options, instrument_options

Answer = Callable[[tuple[str, ...], Any], None]

# Labels are never cut, and rows break on a narrow screen.
_LABELLED = {"description_width": "initial"}
_ROW = {"flex_flow": "row wrap", "border_top": "1px solid #ccc", "padding": "4px 0"}


def choice(label: str, options: Sequence[Option] = (("none", ""),)) -> ipywidgets.Dropdown:
    """A list to choose one thing from, with its label before it."""
    return ipywidgets.Dropdown(
        options=list(options), description=label, style=_LABELLED,
        layout={"width": "auto", "max_width": "100%"},
    )  # fmt: skip


def entry(label: str, value: str = "", hint: str = "") -> ipywidgets.Text:
    """A line to type in; it counts once the person leaves it or presses Enter."""
    return ipywidgets.Text(
        value=value, description=label, placeholder=hint, continuous_update=False, style=_LABELLED,
        layout={"width": "auto", "min_width": "16em", "max_width": "100%"},
    )  # fmt: skip


def button(label: str, on_click: Callable[[], object]) -> ipywidgets.Button:
    """A button that says in full what it does."""
    made = ipywidgets.Button(description=label, layout={"width": "auto", "align_self": "flex-start"})
    made.on_click(lambda _: on_click())
    return made


def offer(control: ipywidgets.Dropdown, options: Sequence[Option], value: str | None) -> None:
    """Give a list new options; a value that is not among them is added, so that it shows."""
    options, value = list(options), value or ""
    if value not in [known for _, known in options]:
        options.append((printable(value), value))
    control.options = options
    control.value = value
    control.disabled = len(options) < 2


def visit_row(visit: dict[str, Any], on_answer: Answer) -> ipywidgets.Box:
    """Week, horizon and second clock of one visit."""
    name = str(visit["name"])
    said = shorten(name)
    part = "baseline" if visit.get("baseline") else visit.get("horizon", "")
    week = entry(f"Week of {said}", _typed(visit.get("week")), "weeks from the start")
    since = entry(f"Weeks from the last session to {said}", _typed(visit.get("weeks_since_end")), "if known")
    horizon = choice(f"{said} is", PARTS)
    horizon.value = part
    return _row(
        (week, ("visits", name, "week")), (horizon, ("visits", name, "horizon")),
        (since, ("visits", name, "weeks_since_end")), on_answer=on_answer,
    )  # fmt: skip


def measure_row(
    outcome: str, measure: dict[str, Any], visits: Sequence[str], columns: Sequence[str], on_answer: Answer
) -> ipywidgets.Box:
    """Label, instrument and missing codes of one measure; in wide files a column for each visit."""
    controls: list[tuple[ipywidgets.Widget, tuple[str, ...]]] = []

    def add(control: ipywidgets.Widget, *key: str) -> None:
        controls.append((control, ("measures", outcome, *key)))

    name = measure["name"]
    add(entry(f"{name}: called in the report", str(measure["label"])), "label")
    instrument = choice(f"{name}: measured with")
    offer(instrument, instrument_options(), measure.get("instrument"))
    add(instrument, "instrument")
    codes = ", ".join(_typed(code) for code in measure.get("missing_codes", ()))
    add(entry(f"{name}: codes that mean missing", codes, "such as -9, 99"), "missing_codes")
    for visit in visits if "columns" in measure else ():
        column = choice(f"{name}: column at {shorten(visit)}")
        offer(column, column_options(list(columns), "none"), measure["columns"].get(visit))
        add(column, "columns", visit)
    return _row(*controls, on_answer=on_answer)


def _row(*controls: tuple[ipywidgets.Widget, tuple[str, ...]], on_answer: Answer) -> ipywidgets.Box:
    for control, key in controls:
        control.observe(lambda change, key=key: on_answer(key, change["new"]), names="value")
    return ipywidgets.Box([control for control, _ in controls], layout=_ROW)


def _typed(value: object) -> str:
    """A value as a person would type it."""
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
