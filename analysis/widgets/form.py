"""The form: choose columns, see the findings change, save the study file."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets
import pandas as pd

import analysis
from analysis.draft.cast import Parts
from analysis.draft.study import Source, open_data, write_study
from analysis.errors import ReliefError
from analysis.readers.finding import printable
from analysis.tables import Table, findings_table
from analysis.validate.readable import counted
from analysis.widgets.answers import Key, codes_in, number_or_text
from analysis.widgets.controls import button, choice, entry, measure_row, offer, visit_row
from analysis.widgets.options import (
    DATES,
    DESIGNS,
    column_options,
    file_options,
    files_below,
    patient_columns,
    score_columns,
    start_columns,
    therapy_columns,
    visit_columns,
)
from analysis.widgets.plan import Choices, Plan, counted_problem, plan_of

ENDINGS = (".yml", ".yaml")
ROOT = Path(analysis.__file__).resolve().parent.parent
_TYPED: Mapping[str, Any] = {
    "week": number_or_text, "weeks_since_end": number_or_text, "missing_codes": codes_in,
}  # fmt: skip


class StudyForm:
    """A form that drafts a study file from a data file.

    Every change drafts the file again and checks it against the data. Nothing is written before
    `save`, nothing is analysed, and no row of a patient is shown. In a notebook the form shows
    itself; its controls can be reached and used with the keyboard alone.

    Parameters
    ----------
    path : str or Path
        The data file to begin with.
    folder : str or Path, optional
        Where the files to choose from are, in it and below it; the folder of `path` if left out.

    Attributes
    ----------
    plan : Plan or None
        The study file as it would be saved now; None where the data cannot be read.
    findings : DataFrame
        What checking it found, counted by rule: `rule`, `severity`, `count`, `message`.
    saved : Path or None
        The last study file that was saved.
    """

    def __init__(self, path: str | Path, folder: str | Path | None = None) -> None:
        self.folder = Path(folder) if folder is not None else Path(path).parent
        self.plan: Plan | None = None
        self.findings: pd.DataFrame = counted_problem(ReliefError("No data file was chosen yet."))
        self.saved: Path | None = None
        self._source: Source | None = None
        self._choices = Choices()
        self._quiet = False
        self._make()
        self._open(str(path))

    @property
    def text(self) -> str:
        """The study file as it would be saved now."""
        return "" if self.plan is None else self.plan.draft.text

    @property
    def questions(self) -> tuple[str, ...]:
        """What is still to be answered."""
        return () if self.plan is None else self.plan.draft.questions

    def findings_table(self) -> Table:
        """The findings in words."""
        return findings_table(self.findings)

    def state_table(self) -> Table:
        """What is chosen now, control by control."""
        rows = tuple(
            (control.description, printable(_shown(control)))
            for control in self._controls
        )
        return Table("The form as it is now", ("choice", "value"), rows, words=(1,))

    def save(self) -> Path | None:
        """Write the study file where none is; says where, or why not, below the button.

        Returns
        -------
        Path or None
            The file; None where it was not written. A file that is there is never replaced.
        """
        if self.plan is None:
            self._say("There is nothing to save: the data cannot be read.")
            return None
        path = self.plan.draft.path
        try:
            write_study(path, self.text)
        except ReliefError as error:
            self._say(f"Nothing was saved. {error}")
            return None
        self.saved = path
        task = "report" if self.plan.sound else "check"
        why = "" if self.plan.sound else " It has errors that must be mended before a report."
        self._say(f"Saved: {path}.{why} Next, in the project's folder:", _command(task, path))
        return path

    def _repr_mimebundle_(self, **how: Any) -> dict[str, Any]:
        # Where no widget can be shown, as in a stored notebook, the same state stands as a table.
        tables = (self.state_table(), self.findings_table())
        bundle = dict(self.view._repr_mimebundle_(**how) or {})
        bundle["text/html"] = "".join(table._repr_html_() for table in tables)
        bundle["text/plain"] = "\n\n".join(map(repr, tables))
        return bundle

    def _make(self) -> None:
        """Every control, in the order in which the Tab key comes to it."""
        self.file = choice("Data file")
        self.other = entry("or the path of another file", hint="press Enter after it")
        self.patients = choice("File with one row a patient")
        self.dictionary = choice("REDCap data dictionary")
        self.title = entry("Title of the study")
        self.design = choice("Design", DESIGNS)
        self.patient = choice("Column of the patient")
        self.therapy = choice("Column of the therapy")
        self.comparator = choice("Compared with")
        self.visit = choice("Column of the visit")
        self.start = choice("Date of the start")
        self.dates = choice("Dates look like", DATES)
        self.missing = entry("Texts that mean missing", hint="such as NA, k. A.")
        self.visits = ipywidgets.VBox()
        self.measures = ipywidgets.VBox()
        self.primary = choice("The report's answer is about")
        self.further = choice("Further outcome")
        self.output = entry("Save as")
        self.add = button("Add this outcome", self._add)
        self.button = button("Save the study file", self.save)
        self.found, self.status = ipywidgets.HTML(), ipywidgets.HTML()
        self._controls = (
            self.file, self.patients, self.dictionary, self.title, self.design, self.patient,
            self.therapy, self.comparator, self.visit, self.start, self.dates, self.missing,
            self.primary, self.output,
        )  # fmt: skip
        self.view = ipywidgets.VBox([
            _heading("Files"), self.file, self.other, self.patients, self.dictionary,
            _heading("Study"), self.title, self.design, self.patient, self.therapy, self.comparator,
            self.visit, self.start, self.dates, self.missing, _heading("Visits"), self.visits,
            _heading("Outcomes"), self.measures, self.primary, self.further, self.add,
            _heading("What was found"), self.found, _heading("Save"), self.output, self.button, self.status,
        ])  # fmt: skip
        self._listen()

    def _listen(self) -> None:
        self._on(self.file, self._open)
        self._on(self.other, lambda text: self._open(text) if text.strip() else None)
        for control in (self.patients, self.dictionary):
            self._on(control, lambda _: self._read())
        for control in (self.patient, self.therapy, self.visit, self.start):
            self._on(control, lambda _: self._recast())
        for control, key in (
            (self.title, ("title",)), (self.design, ("design",)), (self.dates, ("data", "dates")),
            (self.comparator, ("therapy", "comparator")), (self.missing, ("data", "missing")),
        ):  # fmt: skip
            self._on(control, lambda value, key=key: self._answer(key, value))
        self._on(self.primary, lambda outcome: self._answer(("measures", outcome, "primary"), True))
        self._on(self.output, lambda _: self._draft())

    def _on(self, control: ipywidgets.Widget, act: Any) -> None:
        control.observe(lambda change: None if self._quiet else act(change["new"]), names="value")

    def _open(self, path: str) -> None:
        """Begin with a data file: nothing is chosen about it yet."""
        # No system has a name with this letter, and Python answers it with a foreign error.
        chosen = Path(path.strip().replace("\0", ""))
        self._quiet = True
        files = files_below(self.folder) if self.folder.is_dir() else []
        offer(self.file, file_options(files, self.folder), str(chosen))
        beside = _beside(chosen)
        for control in (self.patients, self.dictionary):
            offer(control, file_options(beside, chosen.parent, "none"), None)
        self.output.value = chosen.with_suffix(".yml").as_posix() if chosen.name else ""
        self._quiet = False
        self._read()

    def _read(self) -> None:
        """Read the files that are chosen."""
        self._choices = Choices()
        try:
            self._source = open_data(
                self.file.value, patients=self.patients.value or None,
                dictionary=self.dictionary.value or None,
            )  # fmt: skip
        except ReliefError as error:
            self._source = None
            # Nothing of an earlier file may look as if it were of this one.
            self.visits.children = self.measures.children = ()
            self._fail(error)
            return
        self._draft(anew=True)

    def _recast(self) -> None:
        """Give columns other parts: what was answered about visits and therapies no longer holds."""
        parts = Parts(*(
            control.value or None for control in (self.patient, self.therapy, self.visit, self.start)
        ))  # fmt: skip
        answers = {k: v for k, v in self._choices.answers.items() if k[0] in ("title", "design", "data")}
        self._choices = Choices(parts, None, answers)
        self._draft(anew=True)

    def _add(self) -> None:
        """Add the outcome that is chosen among the further ones."""
        if self.plan is not None and self.further.value:
            self._choices = replace(
                self._choices, outcomes=(*self.plan.outcomes.kept, self.further.value)
            )
            self._draft(anew=True)

    def _remove(self, outcome: str) -> None:
        if self.plan is not None:
            kept = tuple(name for name in self.plan.outcomes.kept if name != outcome)
            self._choices = replace(self._choices, outcomes=kept)
            self._draft(anew=True)

    def _answer(self, key: Key, value: Any) -> None:
        """Take one answer, as it was typed or chosen."""
        if key == ("data", "missing"):
            value = [part.strip() for part in value.split(",") if part.strip()]
        elif key == ("title",):
            value = value.strip()
        value = _TYPED[key[-1]](value) if key[-1] in _TYPED else value
        # An answer given anew comes last: the last measure that was made primary is.
        answers = {k: v for k, v in self._choices.answers.items() if k != key}
        answers[key] = None if value in ("", []) else value
        self._choices = replace(self._choices, answers=answers)
        self._draft()

    def _draft(self, *, anew: bool = False) -> None:
        """Draft and check again; `anew` where the controls have to be made for other columns."""
        if self._source is None:
            return
        target = Path(self.output.value.strip().replace("\0", ""))
        try:
            if target.suffix not in ENDINGS:
                raise ReliefError(f"A study file ends in .yml, and {target.name!r} does not.")
            self.plan = plan_of(self._source, target, self._choices)
        except ReliefError as error:
            self._fail(error)
            return
        self.findings = self.plan.findings
        self._tell()
        if anew:
            self._quiet = True
            self._fill(self.plan)
            self._quiet = False

    def _fail(self, error: ReliefError) -> None:
        self.plan, self.findings = None, counted_problem(error)
        self._tell()

    def _fill(self, plan: Plan) -> None:
        """Show what the draft says in the controls."""
        cast, content = plan.cast, plan.content
        therapy, visits = _section(content, "therapy"), _section(content, "visits")
        self.title.value, self.design.value = str(content.get("title", "")), content["design"]
        patient = cast.patient[-1].name if cast.patient else None
        nobody = "none: each row is one" if cast.layout == "wide" else "none"
        offer(self.patient, column_options(patient_columns(cast), nobody), patient)
        offer(self.therapy, column_options(therapy_columns(cast), "none: one group"), therapy.get("column"))
        labels = [arm["label"] for arm in _listed(therapy, "arms")]
        offer(self.comparator, column_options(labels) or [("none", "")], therapy.get("comparator"))
        none = "the columns are the visits" if cast.layout == "wide" else "none"
        offer(self.visit, column_options(visit_columns(cast), none), visits.get("column"))
        self.dates.value = content["data"].get("dates", "")
        self.missing.value = ", ".join(content["data"].get("missing", ()))
        starts = start_columns(cast) if cast.by == "date" else []
        offer(self.start, column_options(starts, "not needed" if cast.by != "date" else "none"),
              cast.start.name if cast.start is not None else None)  # fmt: skip
        schedule = _listed(visits, "schedule")
        self.visits.children = [visit_row(visit, self._answer) for visit in schedule]
        self._fill_measures(plan, [str(visit["name"]) for visit in schedule])

    def _fill_measures(self, plan: Plan, visits: list[str]) -> None:
        measures, rows = _listed(plan.content, "measures"), []
        columns = score_columns(plan.cast)
        for outcome, measure in zip(plan.outcomes.kept, measures, strict=True):
            row = measure_row(outcome, measure, visits, columns, self._answer)
            leave = button(f"Leave out {printable(outcome)[:60]}", partial(self._remove, outcome))
            leave.disabled = len(measures) < 2
            rows.append(ipywidgets.VBox([row, leave]))
        self.measures.children = rows
        kept = plan.outcomes.kept
        main = next((k for k, m in zip(kept, measures, strict=True) if m.get("primary")), None)
        offer(self.primary, column_options(list(kept)) or [("none", "")], main)
        others = column_options(list(plan.outcomes.others))
        offer(self.further, others or [("none", "")], others[0][1] if others else "")
        self.add.disabled = self.further.disabled = not others

    def _tell(self) -> None:
        """Show findings and questions; a screen reader is told how many there are."""
        counts = {s: int(n) for s, n in self.findings.groupby("severity")["count"].sum().items()}
        every = pd.DataFrame({"severity": [s for s, n in counts.items() for _ in range(n)]}, dtype="str")
        ready = "can be analysed" if self.plan is not None and self.plan.sound else "cannot be analysed yet"
        table = "" if self.findings.empty else self.findings_table()._repr_html_()
        asked = "".join(f"<li>{escape(printable(text))}</li>" for text in self.questions)
        self.found.value = (
            f'<p role="status"><b>{escape(counted(every))}</b>; the study {ready}.</p>'
            f"{table}<p>Questions to answer in the form, or later in "
            f"the file:</p><ol>{asked or '<li>none</li>'}</ol>"
        )
        self.button.disabled = self.plan is None
        self._say("")

    def _say(self, words: str, command: str = "") -> None:
        code = f"<pre><code>{escape(printable(command))}</code></pre>" if command else ""
        self.status.value = f'<div role="status"><p>{escape(printable(words))}</p>{code}</div>'


def _section(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    section = content.get(name)
    return section if isinstance(section, Mapping) else {}


def _listed(section: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """A list of a section; none where it could not be guessed."""
    found = section.get(name)
    return found if isinstance(found, list) else []


def _beside(path: Path) -> list[Path]:
    """Data files in the same folder."""
    files = files_below(path.parent) if path.parent.is_dir() else []
    return [other for other in files if other.parent == path.parent and other != path]


def _heading(text: str) -> ipywidgets.HTML:
    return ipywidgets.HTML(f"<h3>{escape(text)}</h3>")


def _shown(control: ipywidgets.Widget) -> str:
    """What a control shows: the label of its choice, or what was typed."""
    return str(getattr(control, "label", None) or control.value or "")


def _command(task: str, path: Path) -> str:
    """The command to type next, with a path that the project's folder knows."""
    whole = path.resolve()
    name = str(whole.relative_to(ROOT) if whole.is_relative_to(ROOT) else whole)
    quoted = shlex.quote(name) if os.name != "nt" else f'"{name}"'
    return f"python3 run.py {task} {quoted}"
