"""Differences, ratios and the number needed to treat, from counts."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from analysis.responders.counts import proportion, ratio
from analysis.responders.number_needed import number_needed


@pytest.mark.parametrize("odds", [False, True])
def test_ratios_have_the_textbook_intervals_on_the_log_scale(odds):
    found = ratio(30, 50, 20, 60, 0.05, ("A", "B"), odds)
    if odds:
        value, error = 30 * 40 / (20 * 20), math.sqrt(1 / 30 + 1 / 20 + 1 / 20 + 1 / 40)
    else:
        value, error = (30 / 50) / (20 / 60), math.sqrt(1 / 30 - 1 / 50 + 1 / 20 - 1 / 60)
    margin = stats.norm.isf(0.025) * error
    expected = [value, value * math.exp(-margin), value * math.exp(margin)]
    assert [found[k] for k in ("estimate", "conf_low", "conf_high")] == pytest.approx(expected)


def test_an_empty_cell_is_told_in_words_and_a_full_one_is_no_obstacle_to_a_ratio_of_risks():
    names = ("Massage", "Usual care")
    assert "nobody with Usual care" in ratio(5, 10, 0, 10, 0.05, names)["note"]
    assert "estimate" not in ratio(5, 10, 0, 10, 0.05, names)
    nothing = ratio(0, 10, 5, 10, 0.05, names)
    assert nothing["estimate"] == 0 and "nobody with Massage" in nothing["note"]
    assert "everybody with Massage" in ratio(10, 10, 5, 10, 0.05, names, odds=True)["note"]
    assert ratio(10, 10, 5, 10, 0.05, names)["conf_low"] > 1
    assert "no patient" in ratio(0, 0, 5, 10, 0.05, names)["note"]
    assert "no patient" in proportion(0, 0, 0.05)["note"]


def test_altmans_example_has_an_interval_in_two_parts():
    # Altman 1998, BMJ 317:1309: a difference of 10 % (-5 % to 25 %): NNTB 10 (NNTH 20 to ∞ to NNTB 4).
    found = number_needed(0.10, -0.05, 0.25)
    assert found["estimate"] == pytest.approx(10)
    assert found["note"] == "NNTB 4.0 to ∞ to NNTH 20.0"
    assert found["conf_low"] == pytest.approx(4) and found["conf_high"] == pytest.approx(-20)
    assert found["method"] == "complement"


@pytest.mark.parametrize(
    ("numbers", "note", "limits"),
    [((0.2, 0.1, 0.5), "NNTB 2.0 to NNTB 10.0", (2, 10)),
     ((-0.2, -0.5, -0.1), "NNTH 2.0 to NNTH 10.0", (-10, -2)),
     ((0.1, 0.0, 0.25), "NNTB 4.0 to ∞", (4,)), ((-0.1, -0.2, 0.0), "∞ to NNTH 5.0", (-5,)),
     ((0.0, -0.2, 0.2), "no difference; NNTB 5.0 to ∞ to NNTH 5.0", (5, -5))],
)  # fmt: skip
def test_a_number_needed_is_named_benefit_or_harm(numbers, note, limits):
    found = number_needed(*numbers)
    assert found["note"] == note
    ends = [found[key] for key in ("conf_low", "conf_high") if key in found]
    assert ends == pytest.approx(list(limits))
    assert ("estimate" in found) == (numbers[0] != 0)


def test_a_number_needed_without_a_difference_is_nothing():
    assert number_needed(np.nan, np.nan, np.nan) == {}
    assert "no interval" in number_needed(0.5, np.nan, np.nan)["note"]
