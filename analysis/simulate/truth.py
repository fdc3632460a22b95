"""True values: every relief estimand of a scenario, by following many people who are never lost.

The same people are followed under every therapy (common random numbers), so contrasts have small
Monte-Carlo errors. Scores are whole numbers of steps: sums and cross-products are exact whole
numbers, and the true values are the same digits on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from analysis.schema import result_frame
from analysis.simulate.course import Floats, follow
from analysis.simulate.people import enrol
from analysis.simulate.scenario import Scale, Scenario
from analysis.simulate.streams import stream
from analysis.simulate.study import study_of, visit_name

PATIENTS = 400_000
BLOCK = 20_000
# Digits kept: far below the Monte-Carlo error, above what machines could differ in.
DIGITS = 6

Row = dict[str, Any]


def truth(scenario: Scenario, *, seed: int, patients: int = PATIENTS) -> pd.DataFrame:
    """Work out the true value of every relief estimand under treatment policy.

    The population is everybody who passes the screening; scores are rounded and bounded as the
    instrument does it; nobody is lost.

    Parameters
    ----------
    scenario : Scenario
    seed : int
    patients : int
        Patients followed under every therapy; rounded up to whole blocks of 20,000.

    Returns
    -------
    pandas.DataFrame
        Result frame, analysis "truth": mean and relief by visit, relief at the two horizons, loss,
        retention and area, alone and against the comparator. `std_error` is the Monte-Carlo error.
        Positive relief is better.
    """
    blocks = max(1, math.ceil(patients / BLOCK))
    means, covariances = _moments(scenario, seed, blocks)
    count = blocks * BLOCK
    estimand = study_of(scenario).estimand.name
    method = (
        f"Monte Carlo: {count:,} patients followed under every therapy, none lost; "
        "std_error is the Monte-Carlo error"
    )
    rows: list[Row] = []
    for number, scale in enumerate(scenario.scales):
        measure = _Truth(scenario, scale, means[number], covariances[number] / count)
        common = {"analysis": "truth", "estimand": estimand, "measure": scale.name,
                  "method": method}  # fmt: skip
        rows += [{**common, **row} for row in measure.rows()]
    return result_frame(rows)


def _moments(scenario: Scenario, seed: int, blocks: int) -> tuple[list[Floats], list[Floats]]:
    """Mean and covariance of scores at baseline and at each visit under each therapy, in points.

    Order: baseline, then visits of the first therapy, of the second, and so on.
    """
    cells = 1 + (len(scenario.weeks) - 1) * len(scenario.treatments)
    sums = [np.zeros(cells) for _ in scenario.scales]
    products = [np.zeros((cells, cells)) for _ in scenario.scales]
    for block in range(blocks):
        part = f"truth {block} "
        people = enrol(scenario, BLOCK, seed, part)
        place = _place(scenario, seed, part)
        courses = [follow(scenario, t, people, place).scores for t in scenario.treatments]
        for number in range(len(scenario.scales)):
            scores = np.column_stack(
                [courses[0][number][:, :1], *(course[number][:, 1:] for course in courses)]
            )
            sums[number] += scores.sum(axis=0)
            products[number] += scores.T @ scores
    count = blocks * BLOCK
    means, covariances = [], []
    for scale, total, product in zip(scenario.scales, sums, products, strict=True):
        mean = total / count
        means.append(mean / scale.per_point)
        covariances.append((product / count - np.outer(mean, mean)) / scale.per_point**2)
    return means, covariances


def _place(scenario: Scenario, seed: int, part: str) -> Floats:
    places = scenario.places
    spread = math.hypot(places.site_sd, places.therapist_sd)
    return spread * stream(seed, f"{part}places").standard_normal(BLOCK)


class _Truth:
    """Rows of one measure from the means of its cells and the covariance of these means."""

    def __init__(self, scenario: Scenario, scale: Scale, means: Floats, covariance: Floats) -> None:
        self.scenario, self.means, self.covariance = scenario, means, covariance
        self.sign = scale.sign
        self.visits = len(scenario.weeks) - 1

    def rows(self) -> list[Row]:
        rows: list[Row] = []
        base = self.scenario.comparator.label
        for number, treatment in enumerate(self.scenario.treatments):
            label = treatment.label
            for visit in range(1, self.visits + 1):
                at = self._at(visit)
                rows.append(self._row("mean", label, "", self._mean(number, visit), **at))
            rows += self._reliefs(label, "", partial(self._relief, number))
            if number > 0:
                rows += self._reliefs(label, base, partial(self._difference, number))
        return rows

    def _reliefs(self, label: str, comparator: str, relief: Callable[[int], Floats]) -> list[Row]:
        weeks = self.scenario.weeks
        short = weeks.index(self.scenario.short)
        long = weeks.index(self.scenario.long)
        rows = [
            self._row("relief", label, comparator, relief(visit), **self._at(visit))
            for visit in range(1, self.visits + 1)
        ]
        for horizon, visit in (("short", short), ("long", long)):
            at = {"horizon": horizon, **self._at(visit)}
            rows.append(self._row("relief", label, comparator, relief(visit), **at))
        loss = relief(short) - relief(long)
        parts = (self._width(visit) * relief(visit) for visit in range(1, long + 1))
        area = sum(parts, np.zeros(len(self.means)))
        rows.append(self._row("loss", label, comparator, loss))
        rows.append(self._ratio(label, comparator, relief(long), relief(short)))
        rows.append(self._row("area", label, comparator, area, **self._at(long)))
        return rows

    def _at(self, visit: int) -> Row:
        week = self.scenario.weeks[visit]
        return {"visit": visit_name(week), "week": week}

    def _width(self, visit: int) -> float:
        """Trapezoid weight of a visit, weeks; relief is 0 at week 0."""
        weeks, last = self.scenario.weeks, self.scenario.weeks.index(self.scenario.long)
        return 0.5 * (weeks[min(visit + 1, last)] - weeks[visit - 1])

    def _mean(self, number: int, visit: int) -> Floats:
        weights = np.zeros(len(self.means))
        weights[1 + number * self.visits + visit - 1] = 1.0
        return weights

    def _relief(self, number: int, visit: int) -> Floats:
        weights = -self.sign * self._mean(number, visit)
        weights[0] = self.sign
        return weights

    def _difference(self, number: int, visit: int) -> Floats:
        return self._relief(number, visit) - self._relief(0, visit)

    def _value(self, weights: Floats) -> tuple[float, float]:
        variance = float((weights[:, None] * self.covariance * weights).sum())
        return float((weights * self.means).sum()), math.sqrt(max(variance, 0.0))

    def _row(
        self, quantity: str, therapy: str, comparator: str, weights: Floats, **more: Any
    ) -> Row:
        estimate, error = self._value(weights)
        return {
            "quantity": quantity, "therapy": therapy, "comparator": comparator,
            "estimate": _kept(estimate), "std_error": _kept(error), **more,
        }  # fmt: skip

    def _ratio(self, therapy: str, comparator: str, long: Floats, short: Floats) -> Row:
        """Retention, with the error of a ratio of means by the delta method."""
        row = {"quantity": "retention", "therapy": therapy, "comparator": comparator}
        (below, below_error), (above, _) = self._value(short), self._value(long)
        if abs(below) <= 4.0 * below_error or below == 0.0:
            note = "short-term relief cannot be told from zero, so there is nothing to keep"
            return {**row, "note": note}
        ratio = above / below
        _, error = self._value(long - ratio * short)
        return {**row, "estimate": _kept(ratio), "std_error": _kept(error / abs(below))}


def _kept(value: float) -> float:
    return round(value, DIGITS) + 0.0
