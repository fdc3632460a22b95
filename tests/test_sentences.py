"""Sentences never say more than the interval allows."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from analysis.relief.facts import FitFacts
from analysis.schema import result_frame
from analysis.sentences import headline, method_sentence, relief_sentences
from analysis.studies.records import Study

RANDOM_FRAMES = 150
NAN = float("nan")


def study(arms=("Usual care", "Massage"), comparator="Usual care", **changes) -> Study:
    schedule = [
        {"name": "start", "week": 0, "baseline": True},
        {"name": "week 8", "week": 8, "weeks_since_end": 0, "horizon": "short"},
        {"name": "week 26", "week": 26, "weeks_since_end": 18, "horizon": "long"},
    ]
    therapy = {"column": "arm", "comparator": comparator, "arms": [{"label": a} for a in arms]}
    content = {
        "title": "Neck pain", "design": "randomised", "layout": "long", "patient": "id",
        "data": {"outcomes": "pain.csv"}, "therapy": therapy if arms else None,
        "visits": {"column": "visit", "schedule": schedule},
        "measures": [{"name": "pain", "label": "Pain", "instrument": "NRS", "column": "pain",
                      "primary": True}],
    }  # fmt: skip
    return Study.model_validate(content | changes)


def row(quantity, horizon, estimate, low, high, therapy="Massage", comparator="Usual care", **more):
    return {
        "analysis": "main", "measure": "pain", "quantity": quantity, "horizon": horizon,
        "therapy": therapy, "comparator": comparator, "estimate": estimate, "conf_low": low,
        "conf_high": high, "method": "made up", **more,
    }  # fmt: skip


def frame(short, long=None, loss=None, retention=None, kind="interval", **more):
    rows = [row("relief", "short", *short, **more)]
    rows += [row("relief", "long", *long, **more)] if long else []
    rows += [row("loss", "", *loss, **more)] if loss else []
    method = f"MMRM; Fieller, {kind}"
    rows += [row("retention", "", *retention, **(more | {"method": method}))] if retention else []
    return result_frame(rows)


def random_frame(rng):
    """Any combination of intervals, consistent or not, at any scale."""
    scale = 10.0 ** rng.integers(-4, 3)
    drawn = [np.sort(rng.normal(0, scale, 3) + rng.choice([-2, 0, 2]) * scale) for _ in range(4)]
    short, long, loss, retention = ((d[1], d[0], d[2]) for d in drawn)
    kind = str(rng.choice(["interval", "complement", "whole line"]))
    return frame(short, long, loss, retention, kind), short, long, loss


@pytest.mark.parametrize(
    ("direction", "down", "up"),
    [("lower_is_better", "lower", "higher"), ("higher_is_better", "higher", "lower")],
)
def test_no_sentence_claims_a_difference_that_its_interval_does_not_show(direction, down, up):
    own = {"key": "X", "name": "X", "low": 0, "high": 10, "direction": direction}
    measure = {"name": "pain", "label": "Pain", "instrument": "X", "column": "p", "primary": True}
    known = study(instruments=[own], measures=[measure])
    rng = np.random.default_rng(20)
    claims = 0
    for _ in range(RANDOM_FRAMES):
        made, short, long, loss = random_frame(rng)
        (text,) = relief_sentences(made, known)
        better = sum(interval[1] > 0 for interval in (short, long))
        worse = sum(interval[2] < 0 for interval in (short, long))
        assert text.count(f"{down} (better)") == text.count("(better)") == better
        assert text.count(f"{up} (worse)") == text.count("(worse)") == worse
        assert text.count("could not be told") == 2 - better - worse
        assert ("lost" in text) == (short[1] > 0 and loss[1] > 0)
        assert ("grew" in text) == (short[1] > 0 and loss[2] < 0)
        claims += better + worse
    assert claims > RANDOM_FRAMES / 2


def test_retention_is_named_only_for_an_interval_after_a_clear_relief():
    rng = np.random.default_rng(21)
    named = 0
    for _ in range(RANDOM_FRAMES):
        made, short, _, _ = random_frame(rng)
        (text,) = relief_sentences(made, study())
        kept = made[made["quantity"] == "retention"].iloc[0]
        if "left" in text:
            named += 1
            assert kept["method"].endswith("Fieller, interval")
            assert short[1] > 0
    assert named > 0


def test_no_clear_difference_is_shown_with_a_limit_of_0():
    rng = np.random.default_rng(22)
    for _ in range(RANDOM_FRAMES):
        made, *_ = random_frame(rng)
        (text,) = relief_sentences(made, study())
        for pair in re.findall(r"confidence between (\d+\.\d+) and (\d+\.\d+)", text):
            assert all(float(limit) > 0 for limit in pair), text


@pytest.mark.parametrize(
    ("retention", "said"),
    [
        ((0.5, 0.2, 0.8), "between 20 % and 80 % of it is left"),
        ((0.1, -0.3, 0.4), "at most 40 % of it is left"),
        ((-0.5, -0.9, -0.1), "none of it is left"),
        ((0.5, 0.2, 0.999), "between 20 % and 99.9 % of it is left"),
    ],
)
def test_what_is_left_is_said_within_its_limits(retention, said):
    made = frame((2, 1, 3), (1, 0.2, 1.8), (1, 0.4, 1.6), retention)
    assert said in relief_sentences(made, study())[0]


def test_a_sentence_names_comparator_unit_confidence_and_both_clocks():
    (text,) = relief_sentences(frame((2, 1, 3), (1, 0.2, 1.8)), study())
    assert text == (
        "With Massage, Pain was 2.0 points lower (better) than with Usual care in the short term "
        "(week 8 after the start, at the end of treatment), with 95 % confidence between 1.0 and "
        "3.0; it was 1.0 points lower (better) than with Usual care in the long term (week 26 "
        "after the start, 18 weeks after treatment ended), with 95 % confidence between 0.2 and "
        "1.8."
    )


def test_what_has_no_estimate_is_said_to_be_unknown():
    (text,) = relief_sentences(frame((2, 1, 3), (NAN, NAN, NAN)), study())
    assert "nothing can be said in the long term" in text
    (text,) = relief_sentences(result_frame([]), study())
    assert text.count("nothing can be said") == 2


def test_simulated_data_are_called_so_everywhere():
    made = frame((2, 1, 3))
    simulated = study(simulated=True)
    assert all("imulated data" in text for text in relief_sentences(made, simulated))
    assert "Simulated data" in headline(made, simulated)
    assert "imulated" not in headline(made, study()) + relief_sentences(made, study())[0]


def test_a_study_that_was_not_randomised_says_so_beside_a_difference():
    watched = study(design="observational")
    assert "not randomised" in relief_sentences(frame((2, 1, 3)), watched)[0]
    assert "not randomised" in headline(frame((2, 1, 3)), watched)
    assert "not randomised" not in relief_sentences(frame((2, -1, 3)), watched)[0]


def test_an_important_change_is_named_within_a_group_only_and_only_when_clearly_missed():
    alone = study(arms=("TENS",), comparator=None)
    below = frame((1.5, 1.2, 1.8), therapy="TENS", comparator="")
    open_ = frame((1.9, 1.2, 2.6), therapy="TENS", comparator="")
    assert "less than the 2 points that count as an important" in relief_sentences(below, alone)[0]
    assert "important" not in relief_sentences(open_, alone)[0]
    assert "important" not in relief_sentences(frame((1.5, 1.2, 1.8)), study())[0]
    assert relief_sentences(below, alone)[0].startswith("With TENS, Pain was 1.5 points better")


def test_a_group_without_comparator_is_said_to_show_no_cause():
    nobody = study(arms=(), comparator=None, design="observational")
    made = frame((1.5, 1.2, 1.8), therapy="All patients", comparator="")
    assert "not why" in relief_sentences(made, nobody)[0]
    assert headline(made, nobody) == relief_sentences(made, nobody)[0]


def test_the_headline_judges_by_simultaneous_intervals():
    arms = ("Usual care", "Massage", "Exercise")
    rows = [row("relief", "short", 2, 1, 3, therapy) for therapy in arms[1:]]
    rows += [row("relief", "short", 2, 0.5, 3.5, "Massage", analysis="simultaneous"),
             row("relief", "short", 2, -0.1, 4.1, "Exercise", analysis="simultaneous")]  # fmt: skip
    text = headline(result_frame(rows), study(arms))
    assert "Massage had more relief than Usual care and 1 could not be told from it" in text
    assert "in the long term nothing can be said" in text
    assert "for all therapies at once" in text


def test_the_headline_claims_as_many_therapies_as_the_intervals_show():
    rng = np.random.default_rng(23)
    names = tuple(f"Therapy {letter}" for letter in "ABCDEFG")
    for _ in range(RANDOM_FRAMES // 4):
        drawn = np.sort(rng.normal(rng.normal(0, 1, (7, 1)), 1, (7, 3)), axis=1)
        rows = [row("relief", "short", d[1], d[0], d[2], name)
                for d, name in zip(drawn, names, strict=True)]  # fmt: skip
        text = headline(result_frame(rows), study(("Usual care", *names)))
        more, less = (drawn[:, 0] > 0).sum(), (drawn[:, 2] < 0).sum()
        assert ("had more relief" in text) == (more > 0)
        assert ("had less relief" in text) == (less > 0)
        listed = re.search(r"short term (.*?) had more relief", text)
        if listed and more <= 4:
            assert listed[1].count("Therapy") == more
        elif listed:
            assert listed[1] == f"{more} of 7 therapies"


def test_text_of_users_passes_unchanged_for_display_to_escape():
    hostile = "<script>alert(1)</script>"
    made = frame((2, 1, 3), therapy=hostile)
    assert hostile in relief_sentences(made, study(("Usual care", hostile)))[0]


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ([None], "week 8 after the start)"),
        ([0], "at the end of treatment"),
        ([1], "1 week after treatment ended"),
        ([-4], "during treatment"),
        ([-4, 4], "during treatment and up to 4 weeks after it ended"),
        ([2, 6], "weeks 8 and 12 after the start, 2 and 6 weeks after treatment ended"),
    ],
)
def test_the_second_clock_is_read_as_it_stands(ends, said):
    schedule = [{"name": "start", "week": 0, "baseline": True}] + [
        {"name": f"v{k}", "week": 8 + 4 * k, "horizon": "short", "weeks_since_end": end}
        for k, end in enumerate(ends)
    ]
    known = study(visits={"column": "visit", "schedule": schedule})
    assert said in relief_sentences(frame((2, 1, 3)), known)[0]


def test_the_measure_is_the_one_of_the_frame():
    measures = [
        {"name": "pain", "label": "Pain", "instrument": "NRS", "column": "p", "primary": True},
        {"name": "function", "label": "Function", "instrument": "PROMIS_PHYSICAL_FUNCTION",
         "column": "f"},
    ]  # fmt: skip
    made = frame((2, 1, 3)).assign(measure="function")
    (text,) = relief_sentences(made, study(measures=measures))
    assert "Function was 2.0 T score points higher (better)" in text


def test_the_method_names_the_model_that_was_fitted():
    means = result_frame([row("mean", "", 5, 4, 6, visit=v) for v in ("week 8", "week 26")])
    facts = FitFacts(
        formula="value ~ therapy * visit", visits=2, patients=90, values=170, patterns=3,
        covariance="unstructured", refused=(), errors="Kenward-Roger", df="Kenward-Roger", steps=4,
        decrement=1e-12, converged=True,
    )  # fmt: skip
    text = method_sentence(means, study(), facts)
    assert "Pain of 90 patients at 2 visits" in text
    assert "value ~ therapy * visit; unstructured covariance" in text
    assert "Kenward-Roger standard errors and degrees of freedom; 95 %" in text
    assert "could not be estimated" not in text
    single = method_sentence(means.iloc[:1], study(), replace(facts, visits=1))
    assert "one visit" in single and "unstructured" not in single
    other = replace(
        facts, covariance="compound symmetry", errors="sandwich CR2", df="Bell-McCaffrey",
        refused=(("unstructured", "no patient has both"), ("Toeplitz", "no maximum")),
    )  # fmt: skip
    text = method_sentence(means, study(), other)
    assert "compound symmetry covariance" in text
    assert "standard errors: sandwich CR2; Bell-McCaffrey degrees of freedom" in text
    assert (
        "Covariances named before could not be estimated: unstructured (no patient has both); "
        "Toeplitz (no maximum)."
    ) in text
