"""How people fare under a therapy: effect, intercurrent events, and scores at every visit."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.simulate.fade import rise
from analysis.simulate.people import Drawn
from analysis.simulate.scenario import Companion, Scenario, Treatment

Floats = NDArray[np.float64]
_WEEKS_IN_YEAR = 52.0


@dataclass(frozen=True, slots=True)
class Course:
    """What happens to n people under one therapy if nobody is lost.

    Attributes
    ----------
    scores : tuple of arrays (n, K + 1)
        One for each measure, pain first: scores at all visits, counted in steps of the instrument.
    stopped, rescue, other : array (n,)
        Week in which the course was broken off, rescue medication taken, and another therapy
        begun; infinite if never.
    sessions : array (n,)
        Sessions attended.
    """

    scores: tuple[Floats, ...]
    stopped: Floats
    sessions: Floats
    rescue: Floats
    other: Floats


def follow(scenario: Scenario, treatment: Treatment, people: Drawn, place: Floats) -> Course:
    """Follow people under one therapy.

    Events are caused by the therapy and by pain, and act on later scores; the scores after them
    stay (treatment policy).

    Parameters
    ----------
    scenario : Scenario
    treatment : Treatment
    people : Drawn
        n people.
    place : array (n,)
        What site and therapist add to pain after baseline, points.

    Returns
    -------
    Course
    """
    size, weeks = len(people.pain), scenario.weeks
    stopped, sessions = _stopped(scenario, treatment, people)
    effect = _effect(scenario, treatment, people, stopped)
    pain = np.empty((size, len(weeks)))
    pain[:, 0] = _first_pain(scenario, people)
    shift = np.empty((size, len(weeks) - 1))
    rescue, other = np.full(size, np.inf), np.full(size, np.inf)
    events = scenario.events
    for visit in range(1, len(weeks)):
        span = (weeks[visit - 1], weeks[visit])
        above = pain[:, visit - 1] / scenario.pain_scale.per_point - events.pain_centre
        pressure = np.exp(events.pain_log_hazard * above)
        start = people.rescue[:, visit - 1]
        rescue = _first(rescue, start, _rate(events.rescue_in_year) * pressure, span)
        start = people.other[:, visit - 1]
        other = _first(other, start, _rate(treatment.other_therapy) * pressure, span)
        shift[:, visit - 1] = effect[:, visit - 1] + _of_events(scenario, rescue, other, span[1])
        pain[:, visit] = _later_pain(scenario, people, place, shift[:, visit - 1], visit)
    companions = (
        _companion(scenario, companion, people, number, shift)
        for number, companion in enumerate(scenario.companions)
    )
    return Course((pain, *companions), stopped, sessions, rescue, other)


def correlations(stability: tuple[tuple[float, float], ...], weeks: tuple[float, ...]) -> Floats:
    """Correlation of baseline with each follow-up week, linear in log week between those given."""
    given = np.log([week for week, _ in stability])
    return np.interp(np.log(weeks), given, [value for _, value in stability])


def share_at_end(scenario: Scenario, treatment: Treatment) -> float:
    """Mean share of the full effect at the end of the course, over finishers and others."""
    sessions, hazard = treatment.sessions, scenario.events.stop_per_session
    attended = np.arange(sessions + 1.0)
    chance = hazard * (1.0 - hazard) ** attended
    chance[-1] = (1.0 - hazard) ** sessions
    week = attended * (treatment.course_weeks / sessions)
    share = rise(week, treatment.course_weeks)
    share *= treatment.fade(scenario.kept_weeks).left(treatment.course_weeks - week)
    return sum((chance * share).tolist())


def _stopped(scenario: Scenario, treatment: Treatment, people: Drawn) -> tuple[Floats, Floats]:
    """Week in which a course is broken off, and sessions attended: geometric in sessions."""
    size = len(people.stop)
    hazard = scenario.events.stop_per_session
    if treatment.sessions == 0 or hazard == 0.0:
        return np.full(size, np.inf), np.full(size, float(treatment.sessions))
    attended = np.floor(np.log1p(-people.stop) / math.log1p(-hazard))
    broken = attended < treatment.sessions
    week = attended * (treatment.course_weeks / treatment.sessions)
    return np.where(broken, week, np.inf), np.minimum(attended, treatment.sessions)


def _effect(scenario: Scenario, treatment: Treatment, people: Drawn, stopped: Floats) -> Floats:
    """Effect on pain at each visit after baseline, points; negative is relief."""
    later = len(scenario.weeks) - 1
    if treatment.effect == 0.0:
        return np.zeros((len(stopped), later))
    who = scenario.people
    long_pain = np.where(people.duration > 1.0, 1.0 - who.long_duration_loses, 1.0)
    average = 1.0 - who.long_duration_loses * who.over_a_year
    finished = share_at_end(scenario, treatment)
    full = (
        treatment.effect * long_pain / (average * finished)
        - who.expectation_on_effect * scenario.pain.followup_sd * people.hope
        + who.effect_sd * people.gain
    )
    end = np.minimum(stopped, treatment.course_weeks)
    fade, course = treatment.fade(scenario.kept_weeks), treatment.course_weeks
    shape = np.empty((len(stopped), later))
    for visit, week in enumerate(scenario.weeks[1:]):
        shape[:, visit] = rise(np.minimum(end, week), course) * fade.left(week - end)
    return full[:, None] * shape


def _rate(in_year: float) -> float:
    """Hazard per week that gives this share in a year."""
    return -math.log1p(-in_year) / _WEEKS_IN_YEAR


def _first(already: Floats, uniform: Floats, rate: Floats, span: tuple[float, float]) -> Floats:
    """Week of the first event, given its hazard in this span of weeks."""
    with np.errstate(divide="ignore", invalid="ignore"):
        wait = np.where(rate > 0.0, -np.log1p(-uniform) / rate, np.inf)
    happens = np.isinf(already) & (wait < span[1] - span[0])
    return np.where(happens, span[0] + wait, already)


def _of_events(scenario: Scenario, rescue: Floats, other: Floats, week: float) -> Floats:
    events = scenario.events
    taken = np.where(rescue <= week, np.exp(-np.maximum(week - rescue, 0.0) / events.rescue_tau), 0)
    begun = 1.0 - np.exp(-np.maximum(week - other, 0.0) / events.other_tau)
    return events.rescue_effect * taken + events.other_effect * begun


def _first_pain(scenario: Scenario, people: Drawn) -> Floats:
    latent = scenario.pain.mean + scenario.pain.sd * people.pain
    return scenario.pain_scale.steps(latent)


def _later_pain(
    scenario: Scenario, people: Drawn, place: Floats, shift: Floats, visit: int
) -> Floats:
    pain = scenario.pain
    kept = float(correlations(pain.stability, scenario.weeks[1:])[visit - 1])
    fresh = math.sqrt(1.0 - kept * kept)
    latent = pain.mean + pain.followup_sd * (
        kept * people.pain + fresh * people.pain_later[:, visit - 1]
    )
    latent += scenario.people.duration_on_pain * people.log_duration + place + shift
    return scenario.pain_scale.steps(latent)


def _companion(
    scenario: Scenario, companion: Companion, people: Drawn, number: int, shift: Floats
) -> Floats:
    shared, later = companion.with_pain, companion.with_pain_later
    first = shared * people.pain + math.sqrt(1 - shared * shared) * people.companion[:, number]
    fresh = later * people.pain_later
    fresh = fresh + math.sqrt(1 - later * later) * people.companion_later[:, number]
    kept = correlations(companion.stability, scenario.weeks[1:])
    standard = kept * first[:, None] + np.sqrt(1 - kept * kept) * fresh
    per_pain = companion.effect_share * companion.sd / scenario.pain.followup_sd
    latent = companion.mean + companion.sd * np.column_stack([first, standard])
    latent[:, 1:] += per_pain * shift
    return companion.scale.steps(latent)
