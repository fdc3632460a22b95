"""Error rates with 10 patients an arm: a short run, and the long run that docs/methods.md shows."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import small_arms
from small_arms import (
    DIFFERENCES,
    END,
    METHODS,
    START,
    TRIALS,
    VISITS,
    analysed,
    into_page,
    monte_carlo_error,
    simulate,
    trial,
    words,
)

PAGE = (Path(__file__).parents[2] / "docs" / "methods.md").read_text(encoding="utf-8")
QUICK = 300
NOMINAL = 0.95
# Three Monte-Carlo standard errors hold a rate in all but 3 of 1,000 runs; the seed is fixed.
ERRORS = 3
KENWARD_ROGER, NORMAL = METHODS.index("Kenward-Roger"), METHODS.index("model-based, normal")


@pytest.fixture(scope="module")
def some():
    return simulate(DIFFERENCES["difference of 2 points"], QUICK)


def _stored() -> dict[str, list[tuple[float, float]]]:
    """Type I error and coverage with their Monte-Carlo errors, as shares, from the page."""
    block = PAGE.split(START)[1].split(END)[0]
    found = {}
    for line in block.splitlines():
        cells = re.findall(r"([\d.]+) % \(± ([\d.]+)\)", line)
        if cells:
            name = line.split("|")[1].strip()
            found[name] = [(float(rate) / 100, float(error) / 100) for rate, error in cells]
    return found


def test_kenward_roger_intervals_cover_in_a_short_run(some):
    rate = some.rates(some.difference)[KENWARD_ROGER]
    assert abs(rate - NOMINAL) <= ERRORS * monte_carlo_error(NOMINAL, some.trials)


def test_normal_intervals_are_the_shortest_and_kenward_roger_the_longest(some):
    widths = some.margins.mean(axis=0)
    assert widths.argmin() == NORMAL
    assert widths.argmax() == KENWARD_ROGER


def test_estimates_are_unbiased_although_dropout_depends_on_pain(some):
    error = some.estimates.std(ddof=1) / np.sqrt(some.trials)
    assert abs(some.estimates.mean() - some.difference) <= ERRORS * error


def test_no_trial_of_the_short_run_is_refused(some):
    assert some.trials + sum(some.refused.values()) == QUICK
    assert not some.refused


def test_a_refused_trial_is_counted_and_told(monkeypatch):
    answers = iter(["The values at visits w02 and w06 determine each other.", *[None] * 9])

    def sometimes(difference: float, number: int):
        return next(answers) or analysed(difference, number)

    monkeypatch.setattr(small_arms, "analysed", sometimes)
    ten = simulate(0.0, 10)
    assert (ten.trials, sum(ten.refused.values())) == (9, 1)
    told = words(ten, ten, 10)
    assert "2 of 20 trials" in told
    assert "2 × “The values at visits …”" in told


def test_dropout_is_monotone_and_one_in_five():
    frames = [trial(0.0, number) for number in range(200)]
    gone = np.concatenate([f["pain"].isna().to_numpy().reshape(-1, len(VISITS)) for f in frames])
    assert not gone[:, 0].any()
    assert np.all(np.diff(gone.astype(int), axis=1) >= 0)
    share = gone[:, -1].mean()
    assert abs(share - 0.2) <= ERRORS * monte_carlo_error(0.2, len(gone))


def test_oracle_17_coverage_of_kenward_roger_in_the_long_run():
    """Methods, oracle 17: 95 % intervals at 10 patients an arm, 4 visits, 20 % dropout."""
    assert f"{TRIALS:,} trials in each of two settings" in PAGE
    (_, _), (coverage, error) = _stored()["Kenward-Roger"]
    assert error == pytest.approx(monte_carlo_error(coverage, TRIALS), abs=1e-4)
    assert abs(coverage - NOMINAL) <= ERRORS * error


def test_the_long_run_shows_what_small_samples_do_to_other_methods():
    stored = _stored()
    assert tuple(stored) == METHODS
    wrong = [stored[name][0][0] for name in METHODS]
    assert wrong == sorted(wrong)
    rate, error = stored["model-based, normal"][0]
    assert rate - ERRORS * error > 1 - NOMINAL


def test_the_page_takes_a_new_table_in_its_place():
    page = f"before\n{START}\n\nold\n\n{END}\nafter"
    assert into_page(page, "new") == f"before\n{START}\n\nnew\n\n{END}\nafter"
