"""What a simulated trial is made from: clinical parameters, each with where it comes from.

"Measured" means that published trials report it; C1, C2, ... are the sections of `data/README.md`
that name them. Everything else says "assumption". Pain is on the 0-10 numeric rating
scale, where lower is better; effects are changes in raw points, so a negative effect is relief.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from analysis.instruments import Instrument, find_instrument
from analysis.simulate.fade import Fade


@dataclass(frozen=True, slots=True)
class Harm:
    """One kind of adverse event of a therapy.

    `risk` is per person over the course; `serious` is the share of these events that is serious.
    """

    what: str
    risk: float
    serious: float = 0.0


@dataclass(frozen=True, slots=True)
class Treatment:
    """A therapy and what it truly does.

    Attributes
    ----------
    label : str
        What the study calls it.
    effect : float
        Change in pain against the comparator at the end of the course, in points, as a trial
        reports it: on average over all who are randomised, finishers or not. Negative is relief;
        zero for the comparator.
    course_weeks : float
        Length of the course, at most the week of the short-term visit.
    sessions : int
        Sessions in the course; a patient may stop after any of them.
    kept : tuple of two floats
        Share of the effect left at `Scenario.kept_weeks` in those who finished the course.
    other_therapy : float
        Share of patients who have started another therapy a year after randomisation.
    loss_log_odds : float
        Added to the log odds of being lost at each visit.
    harms : tuple of Harm
        Adverse events the therapy causes.
    """

    label: str
    effect: float = 0.0
    course_weeks: float = 0.0
    sessions: int = 0
    kept: tuple[float, float] = (1.0, 1.0)
    other_therapy: float = 0.10  # assumption, C6: active arms
    loss_log_odds: float = 0.0
    harms: tuple[Harm, ...] = ()

    def fade(self, kept_weeks: tuple[float, float]) -> Fade:
        """Return the fading curve that keeps the stated shares at the stated weeks."""
        since = (kept_weeks[0] - self.course_weeks, kept_weeks[1] - self.course_weeks)
        return Fade.through(since, self.kept)


@dataclass(frozen=True, slots=True)
class Scale:
    """How a score is written down: its instrument, and how many steps a point has."""

    name: str
    label: str
    instrument: str
    per_point: int = 1

    @property
    def record(self) -> Instrument:
        """The registered instrument: range and direction."""
        return find_instrument(self.instrument)

    @property
    def sign(self) -> float:
        """1 where a lower score is better, -1 where a higher one is."""
        return 1.0 if self.record.direction == "lower_is_better" else -1.0

    def steps(self, latent: NDArray[np.float64]) -> NDArray[np.float64]:
        """Round to the nearest step within the range; counted in steps, so whole numbers."""
        low, high = self.record.low * self.per_point, self.record.high * self.per_point
        return np.clip(np.floor(latent * self.per_point + 0.5), low, high)


@dataclass(frozen=True, slots=True)
class Companion:
    """A measure beside pain, before screening.

    Attributes
    ----------
    scale : Scale
        How it is written down.
    mean, sd : float
        In the population that is screened, all visits.
    with_pain : float
        Correlation with pain before screening, at baseline.
    with_pain_later : float
        Correlation with pain of what is new after baseline.
    stability : tuple of (week, correlation)
        Correlation of baseline with follow-up; between these weeks linear in log week.
    effect_share : float
        Effect in standard deviations, as a share of the effect on pain in standard deviations.
    """

    scale: Scale
    mean: float
    sd: float
    with_pain: float
    with_pain_later: float
    stability: tuple[tuple[float, float], ...]
    effect_share: float


@dataclass(frozen=True, slots=True)
class Pain:
    """Pain before screening, and the screening itself.

    With no true change at all, patients kept by the entry threshold score 0.77, 0.82, 0.88 and
    0.91 lower at weeks 8, 13, 26 and 52 (C2): regression to the mean, and the only reason why pain
    falls without treatment here. No trend is added.
    """

    mean: float = 4.5  # C2
    sd: float = 2.3  # measured, C1: no threshold
    entry: tuple[float, float] = (4.0, 10.0)  # C1, C2
    followup_sd: float = 2.1  # measured, C2
    # C2 from week 8 on; weeks 2 and 4 carry the line in log week back (assumption).
    stability: tuple[tuple[float, float], ...] = (
        (2.0, 0.62), (4.0, 0.57), (8.0, 0.52), (13.0, 0.48), (26.0, 0.44), (52.0, 0.41),
    )  # fmt: skip
    # Between follow-up visits given baseline: lasting x exp(-decay |log week ratio|), which meets
    # the matrix of C2 (itself an assumption) within 0.02.
    lasting: float = 0.745
    decay: float = 0.26


@dataclass(frozen=True, slots=True)
class People:
    """Who takes part, and what changes how much they gain (all assumptions, C4, unless said)."""

    age: tuple[float, float] = (47.0, 13.0)  # mean, SD; whole years
    age_range: tuple[float, float] = (18.0, 80.0)
    female: float = 0.60
    duration_median: float = 3.0  # years of pain
    duration_log_sd: float = 1.0
    duration_shortest: float = 0.3
    earliest_age: float = 15.0  # pain began after this age
    expectation: tuple[float, float] = (6.5, 2.0)  # mean, SD; 0-10
    duration_on_pain: float = 0.2  # points of later pain per SD of log duration
    expectation_on_effect: float = 0.15  # SD of pain more effect per SD of expectation
    long_duration_loses: float = 0.20  # share of effect missing when pain has lasted over a year
    effect_sd: float = 0.5  # true spread of the effect between people, points

    @property
    def over_a_year(self) -> float:
        """Share of people whose pain has lasted more than a year."""
        z = math.log(self.duration_median) / self.duration_log_sd
        return 0.5 * math.erfc(-z / math.sqrt(2.0))


@dataclass(frozen=True, slots=True)
class Loss:
    """Missed visits and loss to follow-up (C6).

    `missing` (week, share) is how many do not attend, over all arms; `for_good` the share of them
    who never return. Log odds of loss rise by `last_pain` per point of the last pain seen (missing
    at random), by `age` per year, and by `unseen_pain` per point of rise that nobody sees (missing
    not at random; zero by default).
    """

    missing: tuple[tuple[float, float], ...] = (
        (2.0, 0.015), (4.0, 0.03), (8.0, 0.055), (12.0, 0.08), (26.0, 0.12), (52.0, 0.20),
    )  # fmt: skip
    for_good: float = 0.80  # assumption
    last_pain: float = 0.15  # assumption
    age: float = -0.01  # assumption: younger people are lost more often
    unseen_pain: float = 0.0
    item_missing: float = 0.02  # assumption: a companion measure left blank at a visit attended


@dataclass(frozen=True, slots=True)
class Events:
    """Intercurrent and background events (assumptions, C5 to C7).

    Rescue and other therapy start more often in more pain (`pain_log_hazard` per point above
    `pain_centre`). Rescue acts at once and wears off with `rescue_tau`; other therapy builds up
    with `other_tau` and stays.
    """

    stop_per_session: float = 0.02
    rescue_in_year: float = 0.50
    rescue_effect: float = -1.0
    rescue_tau: float = 2.0
    other_effect: float = -0.4
    other_tau: float = 3.0
    pain_log_hazard: float = 0.15
    pain_centre: float = 4.5
    background_per_quarter: float = 0.05
    background_serious: float = 0.05


@dataclass(frozen=True, slots=True)
class Places:
    """Sites and therapists: how many, and the SD of their effects in points (assumptions)."""

    sites: int = 6
    site_sd: float = 0.15
    therapist_sd: float = 0.20


PAIN_SCALE = Scale("pain", "Pain intensity", "NRS")


@dataclass(frozen=True, slots=True)
class Scenario:
    """Everything that a simulated trial is made from.

    Attributes
    ----------
    title, description : str
        What the study file will say.
    treatments : tuple of Treatment
        The comparator first.
    weeks : tuple of float
        Scheduled visits; the first is week 0, before treatment.
    short, long : float
        Week of the short-term and of the long-term visit.
    treatment_end : float
        Week by which every course has ended; the second clock starts there.
    per_arm : int
        Patients in each arm.
    """

    title: str
    description: str
    treatments: tuple[Treatment, ...]
    weeks: tuple[float, ...] = (0.0, 2.0, 4.0, 8.0, 12.0, 26.0, 52.0)
    short: float = 12.0
    long: float = 52.0
    treatment_end: float = 8.0
    kept_weeks: tuple[float, float] = (26.0, 52.0)
    per_arm: int = 90
    pain_scale: Scale = PAIN_SCALE
    pain: Pain = field(default_factory=Pain)
    companions: tuple[Companion, ...] = ()
    people: People = field(default_factory=People)
    loss: Loss = field(default_factory=Loss)
    events: Events = field(default_factory=Events)
    places: Places = field(default_factory=Places)

    def __post_init__(self) -> None:
        problems = _problems(self)
        if problems:
            raise ValueError("scenario cannot be simulated: " + "; ".join(problems))

    @property
    def comparator(self) -> Treatment:
        """The therapy the others are compared with."""
        return self.treatments[0]

    @property
    def scales(self) -> tuple[Scale, ...]:
        """Scales of all measures, pain first."""
        return (self.pain_scale, *(companion.scale for companion in self.companions))


def _problems(scenario: Scenario) -> list[str]:
    weeks = scenario.weeks
    labels = [treatment.label for treatment in scenario.treatments]
    rules = (
        (len(labels) > 0, "it has no treatment"),
        (len(set(labels)) == len(labels), f"labels {labels} are not all different"),
        (len(weeks) > 1 and weeks[0] == 0.0, f"weeks {weeks} do not start at 0"),
        (all(a < b for a, b in pairwise(weeks)), f"weeks {weeks} do not rise"),
        (all(week >= 1.0 for week in weeks[1:]), f"weeks {weeks} hold a visit within week 1"),
        (
            0.0 < scenario.short < scenario.long,
            f"short term (week {scenario.short}) must come before long (week {scenario.long})",
        ),
        (
            {scenario.short, scenario.long} <= set(weeks),
            f"short and long (weeks {scenario.short}, {scenario.long}) are not among the visits",
        ),
        (
            all(t.course_weeks <= scenario.treatment_end for t in scenario.treatments),
            f"a course lasts longer than week {scenario.treatment_end}",
        ),
        (all(t.effect == 0 or t.sessions > 0 for t in scenario.treatments), "an effect without "
         "sessions"),
        (scenario.per_arm > 0, f"per_arm is {scenario.per_arm}"),
    )  # fmt: skip
    return [message for holds, message in rules if not holds]
