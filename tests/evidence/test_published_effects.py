"""From rows to contrasts: which visit, which scale, which spread, which sign."""

from __future__ import annotations

import numpy as np
import pytest
from altered_tables import contrast, made_trial, outcome

from analysis.errors import ModelError
from analysis.evidence.effect_sizes import Means, standardised_mean_difference
from analysis.evidence.effects import correlation_sensitivity, published_effects, under_definitions
from analysis.evidence.pairs import within_trial_pairs
from analysis.evidence.published import read_published
from analysis.evidence.selection import Selection
from analysis.evidence.windows import SINCE_TREATMENT

THREE = ("acupuncture", "sham_acupuncture", "usual_care")
# Printed numbers are used as printed; what is left is rounding.
EXACT = 1e-12


@pytest.fixture(scope="module")
def published():
    return read_published()


def effects(place, outcomes, contrasts=None, therapies=("acupuncture", "usual_care"), **options):
    made = read_published(made_trial(place, outcomes, contrasts, therapies))
    return published_effects(made, "pain", "short", **options)


def test_relief_is_positive_and_in_points_of_100(tmp_path):
    rows = effects(tmp_path, [outcome("a0", 4), outcome("a1", 5.5)]).contrasts
    assert (rows.therapy, rows.comparator) == (("acupuncture",), ("usual_care",))
    assert rows.effect == pytest.approx([15.0])
    assert rows.covariance == pytest.approx(np.array([[100 * (4 / 50 + 4 / 50)]]))
    assert (rows.n.tolist(), rows.unit) == ([100.0], "points of 100")


def test_on_a_scale_where_more_is_better_more_is_relief(tmp_path):
    scale = {"scale": "SF-36 bodily pain 0-100", "sd": 20}
    rows = effects(tmp_path, [outcome("a0", 64, **scale), outcome("a1", 58, **scale)]).contrasts
    assert rows.effect == pytest.approx([6.0])


def test_a_worse_therapy_has_a_negative_effect(tmp_path):
    assert effects(tmp_path, [outcome("a0", 6), outcome("a1", 5)]).contrasts.effect == pytest.approx([-10])


def test_arms_of_one_trial_share_the_variance_of_its_control(tmp_path):
    rows = [outcome("a0", 4), outcome("a1", 5, sd=3), outcome("a2", 6, sd=1)]
    found = effects(tmp_path, rows, therapies=THREE).contrasts
    assert found.comparator == ("usual_care", "usual_care")
    np.testing.assert_allclose(found.covariance, [[10, 2], [2, 20]])


def test_differences_that_share_an_arm_are_turned_to_the_control(tmp_path):
    # Printed against sham and against usual care of the same acupuncture arm.
    rows = [
        contrast("a0", "a1", -0.5, se=0.4), contrast("a0", "a2", -2.0, conf_low=-3, conf_high=-1, level=95),
    ]  # fmt: skip
    found = effects(tmp_path, [], rows, THREE).contrasts
    at = dict(zip(found.therapy, found.effect, strict=True))
    assert set(found.comparator) == {"usual_care"}
    assert at == pytest.approx({"acupuncture": 20.0, "sham_acupuncture": 15.0})
    k = found.therapy.index("acupuncture")
    back = np.where(np.arange(2) == k, 1.0, -1.0)
    # The printed standard error of acupuncture against sham comes out again.
    assert np.sqrt(back @ found.covariance @ back) == pytest.approx(4.0)


def test_sizes_of_arms_decide_how_much_a_shared_arm_counts(tmp_path):
    rows = [contrast("a0", "a2", -1, se=0.5), contrast("a1", "a2", -1, se=0.5)]
    half = effects(tmp_path, [], rows, THREE)
    assert half.contrasts.covariance[0, 1] == pytest.approx(100 * 0.25 * 0.5)
    assert "a share of 0.5" in half.detail["how"][0]
    made = read_published(made_trial(tmp_path, [], rows, THREE))
    made.arms["assigned"] = [90.0, 90.0, 30.0]
    known = published_effects(made, "pain", "short").contrasts
    assert known.covariance[0, 1] == pytest.approx(100 * 0.25 * (1 / 30) / (1 / 30 + 1 / 90))


def test_arms_without_a_size_share_the_patients_of_their_trial(tmp_path):
    made = read_published(made_trial(tmp_path, [outcome("a0", 4, n=""), outcome("a1", 5, n="")]))
    assert published_effects(made, "pain", "short").contrasts is None
    made.studies["assigned"] = [90.0]
    detail = published_effects(made, "pain", "short").detail
    assert detail["n_therapy"].tolist() == [45.0]
    assert detail["how"].tolist() == ["n is an equal share of those assigned"]
    assert detail["std_error"][0] == pytest.approx(10 * np.sqrt(2 * 4 / 45))


def test_two_arms_of_one_therapy_become_one(tmp_path):
    rows = [outcome("a0", 4, n=50), outcome("a1", 5, n=100), outcome("a2", 6, n=50)]
    found = effects(tmp_path, rows, therapies=("massage", "massage", "usual_care"))
    assert found.contrasts.effect == pytest.approx([100 / 10 * (6 - (50 * 4 + 100 * 5) / 150)])
    assert found.contrasts.n.tolist() == [200.0]
    assert "arms put together: massage" in found.detail["how"][0]


def test_names_stay_apart_when_they_are_not_lumped(tmp_path):
    rows = [outcome("a0", 4), outcome("a1", 5)]
    therapies = ("acupuncture+usual_care", "conventional_care")
    lumped = effects(tmp_path, rows, therapies=therapies).contrasts
    apart = effects(tmp_path, rows, therapies=therapies, selection=Selection(lump=False)).contrasts
    assert (lumped.therapy, lumped.comparator) == (("acupuncture",), ("usual_care",))
    assert (apart.therapy, apart.comparator) == (("acupuncture+usual_care",), ("conventional_care",))


def test_the_standardised_difference_is_hedges_g(tmp_path):
    rows = [outcome("a0", 4, n=20), outcome("a1", 5.5, n=25, sd=2.4)]
    found = effects(tmp_path, rows, measure="SMD").contrasts
    g = standardised_mean_difference(Means([5.5], [2.4], [25]), Means([4], [2], [20]))
    assert found.effect == pytest.approx(g.estimate, rel=EXACT)
    assert found.variance == pytest.approx(g.variance, rel=EXACT)


def test_the_ratio_of_means_needs_means_above_zero(tmp_path):
    found = effects(tmp_path, [outcome("a0", 4), outcome("a1", 5)], measure="ROM").contrasts
    assert found.effect[0] == pytest.approx(np.log(5 / 4), abs=0.01)
    change = [outcome("a0", -2, kind="change"), outcome("a1", -1, kind="change")]
    empty = effects(tmp_path, change, measure="ROM")
    assert empty.contrasts is None
    assert empty.left_out["reason"].tolist() == ["a ratio needs the means of final scores"]


def test_an_interval_stands_in_for_a_spread_and_says_so(tmp_path):
    rows = [outcome(arm, 5, sd="", conf_low=4.4, conf_high=5.6) for arm in ("a0", "a1")]
    found = effects(tmp_path, rows).detail
    assert found["how"].tolist() == ["SD from 95 % interval"]
    assert found["std_error"][0] == pytest.approx(10 * np.sqrt(2) * 0.6 / 1.959964, rel=1e-6)


def test_a_baseline_spread_is_borrowed_only_where_it_may_be(tmp_path):
    rows = [
        *(outcome(arm, 6, week=0, weeks_after="", kind="baseline", sd=1.5) for arm in ("a0", "a1")),
        *(outcome(arm, mean, sd="", kind="change") for arm, mean in (("a0", -2), ("a1", -1))),
    ]
    found = effects(tmp_path, rows)
    assert found.detail["how"].tolist() == ["SD of change from baseline SD of the arm, r = 0.5"]
    # SD of change 1.5 at r = 0.5 and equal spreads.
    assert found.detail["std_error"][0] == pytest.approx(10 * np.sqrt(2 * 1.5**2 / 50))
    none = effects(tmp_path, rows, selection=Selection(borrow="none"))
    assert none.contrasts is None
    assert "no standard deviation" in none.left_out["reason"][0]


def test_less_correlation_makes_a_change_less_sure(tmp_path):
    rows = [
        *(outcome(arm, 6, week=0, weeks_after="", kind="baseline", sd=1.5) for arm in ("a0", "a1")),
        *(outcome(arm, mean, sd="", kind="change") for arm, mean in (("a0", -2), ("a1", -1))),
    ]
    made = read_published(made_trial(tmp_path, rows))
    table = correlation_sensitivity(made, "pain", "short")
    assert table["correlation"].tolist() == [0.3, 0.5, 0.7]
    assert table["effect"].nunique() == 1
    expected = [10 * np.sqrt(2 * 2 * 1.5**2 * (1 - r) / 50) for r in table["correlation"]]
    np.testing.assert_allclose(table["std_error"], expected)


def test_a_printed_difference_is_preferred_and_the_choice_can_be_turned(tmp_path):
    rows = [outcome("a0", 4), outcome("a1", 5)], [contrast("a0", "a1", -1.3, se=0.2)]
    assert effects(tmp_path, *rows).detail["effect"].tolist() == pytest.approx([13.0])
    arms = Selection(bases=("final", "difference"))
    assert effects(tmp_path, *rows, selection=arms).detail["effect"].tolist() == pytest.approx([10.0])


def test_of_several_scales_the_first_choice_counts(tmp_path):
    rows = [
        *(outcome(arm, mean, scale="McGill PPI 0-5", sd=1) for arm, mean in (("a0", 1), ("a1", 3))),
        *(outcome(arm, mean, week=4) for arm, mean in (("a0", 4), ("a1", 5))),
    ]
    assert effects(tmp_path, rows).detail["scale"].tolist() == ["NRS 0-10"]


def test_a_row_with_a_spread_of_zero_is_not_used(tmp_path):
    found = effects(tmp_path, [outcome("a0", 4, sd=0), outcome("a1", 5)])
    assert found.contrasts is None


def test_windows_decide_which_trials_there_are(published):
    randomised = published_effects(published, "pain", "short").contrasts
    ended = published_effects(published, "pain", "short", windows=SINCE_TREATMENT).contrasts
    assert set(ended.studies) != set(randomised.studies)
    assert "albedah2015" in randomised.studies
    assert "albedah2015" not in ended.studies


def test_trials_are_left_out_for_a_reason_that_is_given(published):
    left = published_effects(published, "pain", "short").left_out.set_index("study")["reason"]
    assert left["pastor2015"] == "not randomised"
    assert left["tu2024"] == "pain is in another place: leg"
    assert left["akbarzadeh2014"] == "population: postpartum"
    assert left["pach2013"] == "its arms are the same therapy"
    assert left["cherkin2001"].startswith("no standard deviation")


def test_of_one_programme_one_trial_is_used(published):
    selection = Selection(durations=("postpartum",))
    left = published_effects(published, "pain", "short", selection=selection).left_out
    shared = left[left["reason"].str.contains("share patients")]
    assert shared["study"].tolist() == ["ghaemmaghami2014", "yazdanpanahi2017"]


def test_the_order_of_rows_does_not_matter(published):
    turned = type(published)(**{
        name: getattr(published, name).iloc[::-1].reset_index(drop=True)
        if name in ("outcomes", "contrasts") else getattr(published, name)
        for name in published.__slots__
    })  # fmt: skip
    one, other = (published_effects(p, "function", "short").contrasts for p in (published, turned))
    assert one.frame().sort_values(["study", "therapy"])["effect"].to_numpy() == pytest.approx(
        other.frame().sort_values(["study", "therapy"])["effect"].to_numpy()
    )


@pytest.mark.parametrize("measure", ["MD", "SMD", "ROM"])
@pytest.mark.parametrize("outcome_name", ["pain", "function"])
def test_every_cell_of_the_bundled_rows_can_be_made(published, measure, outcome_name):
    for horizon in ("short", "intermediate", "long"):
        found = published_effects(published, outcome_name, horizon, measure=measure)
        rows = 0 if found.contrasts is None else len(found.contrasts)
        assert len(found.detail) == rows
        assert set(found.detail["study"]).isdisjoint(found.left_out["study"])


def test_an_outcome_or_horizon_that_is_not_there_is_refused(published):
    with pytest.raises(ModelError, match="outcome is 'mood'"):
        published_effects(published, "mood", "short")
    with pytest.raises(ModelError, match="no window 'later'"):
        published_effects(published, "pain", "later")
    with pytest.raises(ModelError, match="measure is 'g'"):
        published_effects(published, "pain", "short", measure="g")


@pytest.mark.parametrize(
    "option", [{"regions": ("knee",)}, {"bases": ()}, {"borrow": "anything"}, {"durations": ("old",)}]
)
def test_a_selection_that_cannot_be_is_refused(option):
    with pytest.raises(ModelError, match="choose from"):
        Selection(**option)


def test_definitions_stand_side_by_side(published):
    table = under_definitions(published, "pain", "long")
    weeks = table[[name for name in table.columns if name.startswith("week")]]
    assert weeks.shape[1] == 2
    assert weeks.notna().any(axis=1).all()
    # Week 52 is long term since randomisation; 44 weeks after treatment are not.
    assert weeks.isna().any(axis=None)


def test_retention_is_the_ratio_and_knows_when_it_says_nothing(tmp_path):
    rows = [contrast("a0", "a1", -2, se=0.3), contrast("a0", "a1", -1, se=0.3, week=52, weeks_after=44)]
    (row,) = within_trial_pairs(read_published(made_trial(tmp_path, [], rows)), "pain").to_dict("records")
    assert (row["retention"], row["lost"], row["kind"]) == pytest.approx((0.5, 10.0, "interval"))
    assert row["se_lost"] == pytest.approx(3.0)
    weak = [contrast("a0", "a1", -0.1, se=0.3), contrast("a0", "a1", -1, se=0.3, week=52, weeks_after=44)]
    (row,) = within_trial_pairs(read_published(made_trial(tmp_path, [], weak)), "pain").to_dict("records")
    assert row["kind"] != "interval"


def test_a_correlation_between_horizons_of_one_is_refused(published):
    with pytest.raises(ModelError, match="between horizons is 1"):
        within_trial_pairs(published, "pain", correlation=1)
