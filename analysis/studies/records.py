"""What a study file says, as typed and frozen records.

A study file describes a study before its outcome is read. These records hold what it may say;
`analysis.studies.load` reads the YAML into them, and everything after that sees only them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_serializer,
    model_validator,
)

from analysis.instruments import Instrument
from analysis.schema import (
    AssumptionName,
    CovarianceName,
    EventKind,
    Horizon,
    StrategyName,
    SummaryName,
)


def _no_truth_value(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("put quotes around it, so that it is the text that the file holds")
    return value


Code = Annotated[str | int | float, BeforeValidator(_no_truth_value)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]
LongText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=4000)]
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
WebAddress = Annotated[str, StringConstraints(pattern=r"^https://[^\s]+$", max_length=500)]


def as_tuple(value: object) -> object:
    """A single value where a list may stand, as that list."""
    return (value,) if isinstance(value, str | int | float) else value


Columns = Annotated[tuple[Text, ...], BeforeValidator(as_tuple), Field(min_length=1)]
Covariances = Annotated[
    tuple[CovarianceName, ...], BeforeValidator(as_tuple), Field(min_length=1)
]
Codes = Annotated[tuple[Code, ...], BeforeValidator(as_tuple)]
Names = Annotated[tuple[Text, ...], BeforeValidator(as_tuple)]
FailureValue = Annotated[
    float | Literal["baseline", "worst", "non_response"], BeforeValidator(_no_truth_value)
]


# Stands for the column that names the patient where a wide file has none: the number of the row.
ROW = "(row)"


class Record(BaseModel):
    """Base of all records: frozen, and a key it does not know is an error."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, defer_build=True
    )


class Data(Record):
    """Where the data are and how their files are written.

    A file is named relative to the study file. `patients_id` names the patient in the patients file
    where its column has another name than `patient`. With `sha256` the outcomes file is an open data
    set: looked for by that name in the folder PAIN_DATA too, and in the cache, and downloaded from
    `url` only on request. `obtain` says how to get it by hand where no address serves it as it is.
    `sheet` is the sheet of a workbook, or the data frame of a
    file of R. `truth` is the result frame of true values that a simulated trial keeps beside its data.
    """

    outcomes: Text
    patients: Text | None = None
    patients_id: Columns | None = None
    events: Text | None = None
    truth: Text | None = None
    url: WebAddress | None = None
    sha256: Sha256 | None = None
    licence: Text | None = None
    citation: LongText | None = None
    obtain: LongText | None = None
    sheet: str | int | None = None
    encoding: Text | None = None
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=2)] | None = None
    decimal: Literal[".", ","] | None = None
    dates: Literal["day_first", "month_first", "year_first"] | None = None
    missing: tuple[str, ...] = ("NA", "N/A", "NaN", "nan", ".")


class Arm(Record):
    """One therapy: its label, its code in the data, and how many were randomised to it if known."""

    label: Text
    code: Code | None = None
    randomised: Annotated[int, Field(ge=0)] | None = None


class Therapy(Record):
    """The column with the therapy a patient was assigned to, and what it is compared with."""

    column: Text
    arms: Annotated[tuple[Arm, ...], Field(min_length=1)]
    comparator: Text | None = None


class Visit(Record):
    """A scheduled visit. `week` counts from randomisation, `weeks_since_end` from the last session.

    `code` is what the visit column holds at this visit (the name, or the week as a number, when
    left out). `window_days` is how far before and after the scheduled day a record still counts.
    """

    name: Text
    week: Annotated[float, Field(ge=0, le=5200)]
    weeks_since_end: Annotated[float, Field(ge=-520, le=5200)] | None = None
    baseline: bool = False
    horizon: Horizon = ""
    code: Code | None = None
    window_days: tuple[Annotated[float, Field(ge=0)], Annotated[float, Field(ge=0)]] | None = None


class Visits(Record):
    """How a record finds its visit: by a label, an actual week or day, or a date with its origin.

    Several columns name a visit together: its code is what they hold, with a space between.
    `start` names the column with the date of randomisation when `by` is "date". `columns` (visit name to
    column), in wide files, says when each visit was. Found by time, a
    record belongs to the nearest visit whose window holds it, of two equally near ones to the
    `tie` one; of several records in one window `several` says which counts.
    """

    by: Literal["label", "week", "day", "date"] = "label"
    column: Columns | None = None
    start: Text | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    tie: Literal["earlier", "later"] = "earlier"
    several: Literal["nearest_then_later", "nearest_then_earlier", "first", "last"] = (
        "nearest_then_later"
    )
    schedule: Annotated[tuple[Visit, ...], Field(min_length=1)]


class Measure(Record):
    """An outcome: where its values stand and which instrument they come from.

    `column` for long files, `columns` (visit name to column) for wide ones, `code` where one value
    column serves several measures. `baseline_column` holds a baseline repeated on each row.
    `requires` (visit name to column): a value counts only where that other column is filled.
    """

    name: Name
    label: Text
    instrument: Text
    primary: bool = False
    column: Text | None = None
    code: Code | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    baseline_column: Text | None = None
    missing_codes: Codes = ()
    requires: dict[str, str] = Field(default_factory=dict)


class Covariate(Record):
    """A characteristic at baseline. `model: false` describes it without adjusting for it."""

    name: Name
    column: Text
    label: Text | None = None
    type: Literal["number", "category"]
    unit: Text | None = None
    range: tuple[float, float] | None = None
    labels: dict[Code, str] = Field(default_factory=dict)
    missing_codes: Codes = ()
    model: bool = True


class Filter(Record):
    """Which rows count, and why the others do not: exactly one of keep, drop and present."""

    column: Text
    keep: Codes = ()
    drop: Codes = ()
    present: bool = False
    reason: Text


class Events(Record):
    """Intercurrent and adverse events: `kinds` maps what the `kind` column holds to our kinds.

    When an event happened comes from `week` (a column of weeks) or `visit` (a column of visits).
    """

    file: Literal["events", "patients", "outcomes"] = "events"
    patient: Columns | None = None
    kind: Text
    kinds: dict[Code, EventKind] = Field(min_length=1)
    week: Text | None = None
    visit: Text | None = None
    what: Text | None = None
    serious: Text | None = None
    related: Text | None = None


class Handling(Record):
    """What an estimand does with values from an intercurrent event on.

    `value` is the failure value of a composite strategy: a score, "baseline" (no relief), "worst"
    (the instrument's worst score) or "non_response" (a summary of responders). `assumption` is what
    a reference-based strategy supposes of values that nobody saw; `k0` and `k1` are those of
    "causal". In a study file a strategy that needs nothing else is its name alone.
    """

    strategy: StrategyName
    value: FailureValue | None = None
    assumption: AssumptionName | None = None
    k0: float | None = None
    k1: Annotated[float, Field(ge=0)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_name(cls, content: Any) -> Any:
        return {"strategy": content} if isinstance(content, str) else content

    @model_serializer(mode="wrap")
    def _as_name(self, write: Callable[[Handling], dict[str, Any]]) -> Any:
        content = write(self)
        return content["strategy"] if set(content) == {"strategy"} else content


class Estimand(Record):
    """ICH E9(R1): what is to be estimated, in whom, and what happens at intercurrent events.

    What is left out is the study's: its patients, therapies, comparator, primary measure and
    horizons. Without any `events` it is what an MMRM of all observed values estimates: treatment
    policy, and what is missing is missing at random.

    Attributes
    ----------
    primary : bool
        Of several estimands the one that the answer is about; the first where none is marked.
    population : str
        In words.
    who : str or None
        Who belongs to it: comparisons of covariates, `baseline` or `site`, joined by "and".
    treatments : tuple of str or None
        Labels of the therapies compared.
    short, long : tuple of str or None
        Visits of the variable; an empty tuple asks nothing at that horizon.
    events : dict
        Handling by kind of event. A kind not named is treatment policy. Of two events in one week
        the kind that stands first decides.
    """

    name: Text
    primary: bool = False
    population: Text = "All patients in the study"
    who: Text | None = None
    treatments: Names | None = None
    comparator: Text | None = None
    measure: Name | None = None
    short: Names | None = None
    long: Names | None = None
    summary: SummaryName = "difference_in_means"
    events: dict[EventKind, Handling] = Field(default_factory=dict)

    def handling(self, kind: EventKind) -> Handling:
        """What it does with that kind of event."""
        return self.events.get(kind, Handling(strategy="treatment_policy"))


class Model(Record):
    """The analysis model. A formula may use names and the operators ~ + - * : ( ) only.

    `covariance` names structures of the covariance between visits in the order in which they are
    tried; a later one stands in only where those before it cannot be estimated.
    """

    formula: Text | None = None
    covariance: Covariances = ("us", "toeph", "ar1h", "csh", "cs")
    confidence: Annotated[float, Field(gt=0.5, lt=1)] = 0.95


class Study(Record):
    """A study, described before its outcome is read.

    Attributes
    ----------
    measure_column : str or None
        Column that says which measure a row holds (PARAMCD), when measures have a `code`.
    therapy : Therapy or None
        None for a study of one group, which can say how patients fared but not why.
    minimum_count : int
        Cells of tables that describe fewer patients than this are masked.
    """

    title: Text
    description: LongText = ""
    design: Literal["randomised", "observational"]
    simulated: bool = False
    data: Data
    layout: Literal["long", "wide", "adam"]
    patient: Columns
    site: Text | None = None
    therapist: Text | None = None
    therapy: Therapy | None = None
    visits: Visits
    measure_column: Text | None = None
    measures: Annotated[tuple[Measure, ...], Field(min_length=1)]
    covariates: tuple[Covariate, ...] = ()
    filters: tuple[Filter, ...] = ()
    events: Events | None = None
    estimands: Annotated[tuple[Estimand, ...], Field(min_length=1)] = (
        Estimand(name="Treatment policy"),
    )
    model: Model = Model()
    instruments: tuple[Instrument, ...] = ()
    minimum_count: Annotated[int, Field(ge=1, le=100)] = 5

    @property
    def primary(self) -> Measure:
        """The measure the answer is about."""
        return next(measure for measure in self.measures if measure.primary)

    @property
    def estimand(self) -> Estimand:
        """The primary estimand."""
        return next((one for one in self.estimands if one.primary), self.estimands[0])

    @property
    def supplementary(self) -> tuple[Estimand, ...]:
        """The other estimands, in their order."""
        return tuple(one for one in self.estimands if one is not self.estimand)

    @property
    def baseline_visit(self) -> Visit | None:
        """The visit before treatment, or None where the study has none."""
        return next((visit for visit in self.visits.schedule if visit.baseline), None)

    @property
    def followup(self) -> tuple[Visit, ...]:
        """Visits after baseline, in order of time."""
        return tuple(visit for visit in self.visits.schedule if not visit.baseline)

    @property
    def therapies(self) -> tuple[str, ...]:
        """Labels of the arms, the comparator first; one label for a study of one group."""
        if self.therapy is None:
            return ("All patients",)
        labels, comparator = [arm.label for arm in self.therapy.arms], self.therapy.comparator
        return tuple(sorted(labels, key=lambda label: label != comparator))

    @property
    def comparator(self) -> str:
        """Label of the comparator, empty where there is none."""
        return (self.therapy.comparator or "") if self.therapy else ""

    def horizon(self, name: Horizon) -> tuple[Visit, ...]:
        """Visits declared as that horizon ("short" or "long")."""
        return tuple(visit for visit in self.followup if visit.horizon == name)
