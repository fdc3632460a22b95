"""Who is screened and enrolled, and the chances that later decide how each fares.

All of it is drawn before any therapy acts, so the same people can be followed under each therapy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from analysis.simulate.scenario import Pain, People, Scenario
from analysis.simulate.streams import stream

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drawn:
    """People who passed the screening; n people, K visits after baseline, C companion measures.

    Attributes
    ----------
    pain : array (n,)
        Latent pain at baseline, in SD from the mean before screening.
    pain_later : array (n, K)
        What is new in latent pain at each visit, in SD.
    companion : array (n, C)
    companion_later : array (n, C, K)
        The same for companion measures, apart from what they share with pain.
    age, female, duration, expectation : array (n,)
        Characteristics as written down.
    log_duration, hope, gain : array (n,)
        Standard normal: of duration, of expectation, and of the gain from therapy.
    stop, rescue, other : arrays (n,), (n, K), (n, K)
        Uniform: which session is the last, and when events happen.
    """

    pain: Floats
    pain_later: Floats
    companion: Floats
    companion_later: Floats
    age: Floats
    female: NDArray[np.bool_]
    duration: Floats
    expectation: Floats
    log_duration: Floats
    hope: Floats
    gain: Floats
    stop: Floats
    rescue: Floats
    other: Floats

    def take(self, rows: NDArray[np.int64]) -> Drawn:
        """The same for some of the people."""
        return Drawn(**{part.name: getattr(self, part.name)[rows] for part in fields(self)})


def screened(pain: Pain, size: int, generator: np.random.Generator) -> Floats:
    """Screen people until enough have pain within the entry limits.

    Parameters
    ----------
    pain : Pain
    size : int
        People to enrol.
    generator : numpy.random.Generator

    Returns
    -------
    array (size,)
        Latent pain in SD from the mean before screening, in order of screening.
    """
    low, high = ((limit - pain.mean) / pain.sd for limit in pain.entry)
    kept: list[Floats] = []
    missing = size
    while missing > 0:
        candidates = generator.standard_normal(2 * missing + 64)
        kept.append(candidates[(candidates >= low) & (candidates <= high)])
        missing -= len(kept[-1])
    return np.concatenate(kept)[:size]


def enrol(scenario: Scenario, size: int, seed: int, part: str = "") -> Drawn:
    """Draw the people of a trial.

    Parameters
    ----------
    scenario : Scenario
    size : int
        People to enrol.
    seed : int
    part : str
        Distinguishes draws that must differ under one seed (blocks of the true values).

    Returns
    -------
    Drawn
    """

    def chance(purpose: str) -> np.random.Generator:
        return stream(seed, f"{part}{purpose}")

    people, later = scenario.people, len(scenario.weeks) - 1
    age = _ages(people, size, chance("age"))
    companions = len(scenario.companions)
    log_duration = chance("duration").standard_normal(size)
    hope = chance("expectation").standard_normal(size)
    apart = [chance(f"{c.scale.name} later") for c in scenario.companions]
    return Drawn(
        pain=screened(scenario.pain, size, chance("screening")),
        pain_later=_course_of_chance(scenario, size, chance("pain later")),
        companion=chance("companions").standard_normal((size, companions)),
        companion_later=np.stack(
            [_course_of_chance(scenario, size, generator) for generator in apart], axis=1
        ) if apart else np.zeros((size, 0, later)),
        age=age,
        female=chance("sex").random(size) < people.female,
        duration=_durations(people, log_duration, age),
        expectation=np.clip(
            np.floor(people.expectation[0] + people.expectation[1] * hope + 0.5), 0.0, 10.0
        ),
        log_duration=log_duration,
        hope=hope,
        gain=chance("gain").standard_normal(size),
        stop=chance("stop").random(size),
        rescue=chance("rescue").random((size, later)),
        other=chance("other therapy").random((size, later)),
    )  # fmt: skip


def _course_of_chance(scenario: Scenario, size: int, generator: np.random.Generator) -> Floats:
    """Standard normal at each visit: a part that changes slowly in log time, and a passing one."""
    pain, weeks = scenario.pain, scenario.weeks[1:]
    slow = generator.standard_normal((size, len(weeks)))
    passing = generator.standard_normal((size, len(weeks)))
    for visit in range(1, len(weeks)):
        carried = math.exp(-pain.decay * math.log(weeks[visit] / weeks[visit - 1]))
        fresh = math.sqrt(1.0 - carried * carried)
        slow[:, visit] = carried * slow[:, visit - 1] + fresh * slow[:, visit]
    return math.sqrt(pain.lasting) * slow + math.sqrt(1.0 - pain.lasting) * passing


def _ages(people: People, size: int, generator: np.random.Generator) -> Floats:
    mean, sd = people.age
    return np.clip(np.floor(mean + sd * generator.standard_normal(size) + 0.5), *people.age_range)


def _durations(people: People, log_duration: Floats, age: Floats) -> Floats:
    """Years of pain to one decimal, begun after the earliest age."""
    years = people.duration_median * np.exp(people.duration_log_sd * log_duration)
    years = np.clip(years, people.duration_shortest, age - people.earliest_age)
    return np.floor(years * 10.0 + 0.5) / 10.0
