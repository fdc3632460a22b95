"""The trial of a study file finds its place by the names of its therapies, or is told why not."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from altered_tables import altered

from analysis.errors import DataError
from analysis.evidence import own_plane, place_study, read_published, synthesise
from analysis.evidence.own_study import published_names
from analysis.evidence.words import own_sentences
from analysis.figures import labels_of_evidence, plot_durability
from analysis.intake import read_trial
from analysis.tables import own_table

sys.path.insert(0, str(Path(__file__).parents[1] / "relief"))
from pain_trial import pain150

BUNDLED = Path(__file__).parents[2] / "data" / "simulated" / "study.yml"


@pytest.fixture(scope="module")
def published():
    return read_published()


@pytest.fixture(scope="module")
def synthesis(published):
    return synthesise(published)


@pytest.fixture(scope="module")
def bundled():
    return read_trial(BUNDLED)


@pytest.fixture(scope="module")
def own(bundled, synthesis):
    return place_study(bundled, synthesis)


def changed(trial, **fields):
    """The trial with other fields in its study."""
    return replace(trial, study=trial.study.model_copy(update=fields))


def test_therapies_are_found_whatever_case_and_punctuation(bundled, published):
    names = published_names(bundled.study, published)
    assert names["Wet cupping (hijama)"] == "wet_cupping"
    assert names["Acupuncture with dry cupping"] == "acupuncture+dry_cupping"
    assert set(names) == set(bundled.study.therapies)


def test_the_trial_is_placed_and_called_simulated(own, synthesis):
    said = " ".join(own_sentences(own))
    assert own.reason == ""
    assert "This trial (simulated)" in said
    assert "Wet cupping (hijama) is taken as wet cupping" in said
    assert "had no published answer" in said
    table = own_table(own, synthesis.unit)
    assert "This trial (simulated)" in table.columns
    assert len(table.rows) == len(own.changes()) + 1


def test_its_therapies_stand_in_the_plane_beside_the_published_ones(own, synthesis):
    plane = own_plane(own, synthesis)
    names = set(plane["therapy"])
    assert {"acupuncture", "simulated: acupuncture", "simulated: wet cupping"} <= names
    relief = plane[(plane["quantity"] == "relief") & (plane["horizon"] == "long")]
    mine = relief.set_index("therapy").loc["simulated: massage"]
    found = own.changes().set_index(["horizon", "therapy"]).loc[("long", "massage")]
    assert mine["estimate"] == pytest.approx(found["own"])
    assert mine["conf_low"] == pytest.approx(found["own_low"])
    plot_durability(plane, labels_of_evidence(plane, synthesis.unit))


def test_what_has_no_place_is_told_and_shows_nothing(bundled, synthesis):
    alone = changed(bundled, therapy=None)
    other = changed(bundled, measures=tuple(
        part.model_copy(update={"primary": part.name == "function"})
        for part in bundled.study.measures
    ))  # fmt: skip
    watched = changed(bundled, design="observational")
    for trial, reason in (
        (alone, "names no comparator"), (other, "not on a scale of pain"),
        (watched, "not randomised"),
        (pain150(), "None of its therapies (USUAL, SHAM, ACU) has a name"),
    ):  # fmt: skip
        found = place_study(trial, synthesis)
        assert reason in found.reason
        assert own_sentences(found)[-1].endswith(found.reason)
        assert own_table(found, synthesis.unit).rows == ()
        assert not own_plane(found, synthesis)["therapy"].str.startswith("simulated").any()


def test_a_published_trial_does_not_count_twice(bundled, synthesis):
    number = synthesis.published.studies.set_index("study").loc["cherkin2009", "identifier"]
    again = changed(bundled, description=f"Reported as {number}.")
    found = place_study(again, synthesis)
    assert found.same == "cherkin2009"
    assert "cherkin2009" not in found.placement.before.pair.studies
    assert any("no patient counts twice" in text for text in own_sentences(found))


def test_two_arms_of_one_published_therapy_are_told(bundled, synthesis):
    therapy = bundled.study.therapy
    arms = tuple(
        arm.model_copy(update={"label": "Massage therapy"}) if arm.label == "Exercise" else arm
        for arm in therapy.arms
    )
    twin = changed(bundled, therapy=therapy.model_copy(update={"arms": arms}))
    assert "one therapy among the published trials (massage)" in place_study(twin, synthesis).reason


def test_a_name_of_two_therapies_is_refused(tmp_path):
    def doubled(rows):
        for row in rows:
            if row["therapy"] in ("massage", "exercise"):
                row["also_called"] = "Touch | Touch-and-go"

    with pytest.raises(DataError, match="is a name of massage in row"):
        read_published(altered(tmp_path, therapies=doubled))
