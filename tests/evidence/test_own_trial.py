"""A study file's trial in the published network: the right numbers enter, and are judged fairly."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from small_network import small_arms

from analysis.errors import ModelError
from analysis.evidence.bivariate import fit_two_horizons
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.horizons import TwoHorizons, pair_horizons
from analysis.evidence.own_rows import own_contrasts
from analysis.evidence.own_trial import place_trial
from analysis.evidence.tabulated import contrasts_from_arms
from analysis.relief.estimate import estimate_relief
from analysis.schema import RESULT_COLUMNS

sys.path.insert(0, str(Path(__file__).parents[1] / "relief"))
from pain_trial import pain150

# Sums of the same numbers.
ROUNDING = 1e-9
NAMES = {"USUAL": "usual", "SHAM": "sham", "ACU": "acupuncture"}


@pytest.fixture(scope="module")
def trial():
    return pain150()


@pytest.fixture(scope="module")
def relief(trial):
    return estimate_relief(trial)


@pytest.fixture(scope="module")
def own(relief, trial) -> TwoHorizons:
    return own_contrasts(relief, trial.study, NAMES)


@pytest.fixture(scope="module")
def published() -> TwoHorizons:
    short, long = small_arms(seed=7), small_arms(seed=9, kept=0.5)
    return pair_horizons(contrasts_from_arms(short), contrasts_from_arms(long), 0.5)


def test_the_trial_enters_with_its_relief_on_a_scale_of_100(own, relief):
    for part, horizon in ((own.short, "short"), (own.long, "long")):
        rows = relief.rows("relief", horizon, against="USUAL").set_index("therapy")
        wanted = rows.loc[["SHAM", "ACU"]]
        assert part.therapy == ("sham", "acupuncture")
        assert part.comparator == ("usual", "usual")
        assert np.allclose(part.effect, 10 * wanted["estimate"], rtol=ROUNDING)
        assert np.allclose(np.sqrt(part.variance), 10 * wanted["std_error"], rtol=ROUNDING)
        assert part.n.tolist() == (wanted["n_therapy"] + wanted["n_comparator"]).tolist()


def test_its_covariance_between_horizons_is_the_models(own, relief):
    loss = relief.rows("loss", against="USUAL").set_index("therapy").loc[["SHAM", "ACU"]]
    variance = own.short.variance + own.long.variance - 2 * np.diag(own.cross)
    assert np.allclose(np.sqrt(variance), 10 * loss["std_error"], rtol=ROUNDING)


def test_its_own_unit_can_be_kept(relief, trial, own):
    plain = own_contrasts(relief, trial.study, NAMES, points=None)
    assert np.allclose(10 * plain.short.effect, own.short.effect, rtol=ROUNDING)
    assert np.allclose(100 * plain.cross, own.cross, rtol=ROUNDING)


def test_estimates_with_the_trial_are_those_of_the_network_it_joined(published, own):
    placed = place_trial(published, own, "usual")
    both = fit_two_horizons(published.joined(own), "usual")
    assert np.array_equal(placed.after.estimate, both.estimate)
    table = placed.changes().set_index(["horizon", "therapy"])
    assert len(table) == 4
    assert table.loc[("short", "sham"), "together"] == pytest.approx(both.compare("sham")[0][0])
    assert ((table["share"] > 0) & (table["share"] < 1)).all()
    tidy = placed.tidy()
    assert tuple(tidy.columns) == RESULT_COLUMNS
    assert tidy["analysis"].unique().tolist() == ["published", "published and own"]


def test_a_trial_that_found_what_was_predicted_agrees(published, own):
    before = fit_two_horizons(published, "usual")
    short = [before.compare(name)[0][0] for name in own.short.therapy]
    long = [before.compare(name)[0][1] for name in own.long.therapy]
    exact = _with_effects(own, short, long)
    table = place_trial(published, exact, "usual").agreement()
    assert np.allclose(table["difference"].iloc[:4], 0, atol=ROUNDING)
    assert table["p_value"].iloc[-1] == pytest.approx(1)
    assert table["df"].iloc[-1] == 4


def test_agreement_is_judged_by_all_three_sources_of_error(published, own):
    placed = place_trial(published, own, "usual")
    row = placed.agreement().set_index(["horizon", "therapy"]).loc[("long", "acupuncture")]
    at = own.long.therapy.index("acupuncture")
    estimate, covariance = placed.before.compare("acupuncture")
    variance = own.long.variance[at] + covariance[1, 1] + placed.before.between.tau_long**2
    assert row["std_error"] ** 2 == pytest.approx(variance, rel=ROUNDING)
    assert row["statistic"] == pytest.approx(
        (own.long.effect[at] - estimate[1]) / np.sqrt(variance), rel=ROUNDING
    )


def test_a_trial_far_from_the_others_disagrees(published, own):
    far = _with_effects(own, own.short.effect + 60, own.long.effect + 60)
    table = place_trial(published, far, "usual").agreement()
    assert (table["p_value"] < 0.001).all()


def test_a_therapy_that_nobody_published_is_new_and_untested(published, relief, trial):
    new = own_contrasts(relief, trial.study, NAMES | {"ACU": "moxibustion"})
    placed = place_trial(published, new, "usual")
    table = placed.agreement().set_index(["horizon", "therapy"])
    assert np.isnan(table.loc[("short", "moxibustion"), "p_value"])
    assert "do not join" in table.loc[("short", "moxibustion"), "note"]
    assert table["df"].iloc[-1] == 2
    changes = placed.changes().set_index(["horizon", "therapy"]).loc[("short", "moxibustion")]
    assert np.isnan(changes["published"])
    assert np.isfinite(changes["together"])


def test_a_trial_that_nothing_joins_to_the_reference_is_refused_in_words():
    def contrasts(*rows: tuple[str, str, str, float]) -> Contrasts:
        study, therapy, comparator, effect = zip(*rows, strict=True)
        size = len(rows)
        return Contrasts(study, therapy, comparator, np.array(effect), np.eye(size), np.full(size, 50.0))

    known = contrasts(("A", "x", "z", 1.0), ("B", "x", "z", 4.0), ("C", "y", "z", 2.0), ("D", "v", "w", 2.0))
    mine = contrasts(("Own", "v", "w", 3.0))
    with pytest.raises(ModelError, match="No published trial joins v, w to z at either horizon"):
        place_trial(pair_horizons(known, known), pair_horizons(mine, mine), "z")
    # Joined at one horizon it has a place there, and none at the other.
    bridged = contrasts(("A", "x", "z", 1.0), ("C", "y", "z", 2.0), ("D", "v", "z", 2.0))
    placed = place_trial(pair_horizons(bridged, known), pair_horizons(mine, mine), "z")
    table = placed.changes().set_index("horizon")
    assert table["share"].notna().to_dict() == {"short": True, "long": False}


def test_names_that_cannot_be_meant_are_refused(published, relief, trial, own):
    with pytest.raises(ModelError, match="no therapy CUP"):
        own_contrasts(relief, trial.study, {"CUP": "cupping"})
    with pytest.raises(ModelError, match="Two arms of the study are called sham"):
        own_contrasts(relief, trial.study, NAMES | {"ACU": "sham"})
    with pytest.raises(ModelError, match="none of which is in the published"):
        place_trial(published, own_contrasts(relief, trial.study))
    with pytest.raises(ModelError, match="This trial is in both sets"):
        place_trial(published.joined(own), own)


def test_a_trial_without_a_horizon_says_so():
    short_only = pain150(horizons={"W12": "short"})
    relief = estimate_relief(short_only)
    with pytest.raises(ModelError, match="says nothing about the long term"):
        own_contrasts(relief, short_only.study, NAMES)


def _with_effects(own: TwoHorizons, short, long) -> TwoHorizons:
    parts = [
        type(part)(part.study, part.therapy, part.comparator, np.asarray(effect), part.covariance,
                   part.n, n_comparator=part.n_comparator)
        for part, effect in ((own.short, short), (own.long, long))
    ]  # fmt: skip
    return TwoHorizons(parts[0], parts[1], own.cross)
