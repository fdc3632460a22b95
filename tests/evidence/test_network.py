"""Networks: two ways to one answer, limits that are simpler methods, and what must not matter."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small_network import small_arms

from analysis.errors import ModelError
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.contribution import contributions, evidence_flow, trial_shares
from analysis.evidence.graph import network_graph
from analysis.evidence.inconsistency import decompose_q, design_by_treatment, node_split
from analysis.evidence.league import league, league_matrix
from analysis.evidence.network import fit_network, whitened
from analysis.evidence.pieces import network_findings, piece_of, pieces
from analysis.evidence.tabulated import contrasts_from_arms
from analysis.schema import RESULT_COLUMNS

# docs/methods.md, oracle 14, and the tolerance of estimates that end in a search for τ².
ORACLE = 1e-9
SEARCHED = 1e-7


@pytest.fixture(scope="module")
def arms() -> pd.DataFrame:
    return small_arms()


@pytest.fixture(scope="module")
def contrasts(arms) -> Contrasts:
    return contrasts_from_arms(arms)


@pytest.fixture(scope="module")
def two_therapies(arms) -> Contrasts:
    rng = np.random.default_rng(3)
    k = 9
    return Contrasts(
        tuple(f"T{row}" for row in range(k)), ("cupping",) * k, ("usual",) * k,
        rng.normal(8, 6, k), np.diag(rng.uniform(4, 30, k)), np.full(k, 60.0),
    )  # fmt: skip


@pytest.mark.parametrize("tau2", [0.0, 7.5])
def test_oracle_14_least_squares_and_the_graph_give_one_network(contrasts, tau2):
    fit, graph = fit_network(contrasts, tau2=tau2), network_graph(contrasts, tau2)
    table = league(fit)
    assert np.allclose(graph.differences, league_matrix(table), rtol=0, atol=ORACLE)
    errors = league_matrix(table, "std_error").fillna(0.0)
    assert np.allclose(graph.resistance, errors**2, rtol=0, atol=ORACLE)
    assert np.allclose(graph.pseudo_inverse, np.linalg.pinv(graph.laplacian), atol=ORACLE)


@pytest.mark.parametrize("method", ["DL", "REML", "PM"])
def test_oracle_14_a_network_of_two_therapies_is_a_pairwise_meta_analysis(two_therapies, method):
    """Each τ² by its own textbook equation for k independent effects."""
    fit = fit_network(two_therapies, "usual", tau2=method)
    y, v, k = two_therapies.effect, two_therapies.variance, len(two_therapies)
    w = 1 / v
    q = w @ (y - w @ y / w.sum()) ** 2
    if method == "DL":
        expected = max(0.0, (q - (k - 1)) / (w.sum() - (w**2).sum() / w.sum()))
        assert fit.tau2 == pytest.approx(expected, rel=ORACLE)
    w = 1 / (v + fit.tau2)
    centre = w @ y / w.sum()
    if method == "PM":
        assert w @ (y - centre) ** 2 == pytest.approx(k - 1, rel=ORACLE)
    if method == "REML":
        fixed_point = (w**2 @ ((y - centre) ** 2 - v)) / (w**2).sum() + 1 / w.sum()
        assert fit.tau2 == pytest.approx(fixed_point, rel=ORACLE)
    assert fit.tau2 > 0
    row = fit.effects().iloc[0]
    assert row["estimate"] == pytest.approx(centre, rel=ORACLE)
    assert row["std_error"] == pytest.approx(w.sum() ** -0.5, rel=ORACLE)
    reach = stats.t.ppf(0.975, k - 2) * np.sqrt(fit.tau2 + 1 / w.sum())
    assert row["predict_high"] == pytest.approx(centre + reach, rel=ORACLE)
    assert fit.heterogeneity.q == pytest.approx(q, rel=ORACLE)


def test_hartung_and_knapps_interval_is_the_textbooks(two_therapies):
    plain = fit_network(two_therapies, "usual")
    scaled = fit_network(two_therapies, "usual", test="hartung-knapp").effects().iloc[0]
    y, w, k = two_therapies.effect, 1 / (two_therapies.variance + plain.tau2), len(two_therapies)
    variance = w @ (y - w @ y / w.sum()) ** 2 / ((k - 1) * w.sum())
    assert scaled["std_error"] == pytest.approx(np.sqrt(variance), rel=ORACLE)
    assert scaled["df"] == k - 1
    assert scaled["conf_high"] - scaled["estimate"] == pytest.approx(
        stats.t.ppf(0.975, k - 1) * np.sqrt(variance), rel=ORACLE
    )


def test_a_truncated_interval_is_never_narrower_than_the_plain_one():
    quiet = contrasts_from_arms(small_arms(seed=1, tau=0.0))
    errors = {
        test: fit_network(quiet, "usual", test=test).effects()["std_error"].to_numpy()
        for test in ("t", "hartung-knapp", "hartung-knapp-truncated")
    }
    assert (errors["hartung-knapp"] < errors["t"]).all()
    assert np.allclose(errors["hartung-knapp-truncated"], errors["t"], rtol=ORACLE)


def test_no_heterogeneity_is_the_common_effect(contrasts):
    common = fit_network(contrasts, model="common")
    assert np.array_equal(common.estimate, fit_network(contrasts, tau2=0.0).estimate)
    assert common.tau2 == 0


def test_the_q_profile_holds_every_estimate_of_tau2(contrasts):
    for method in ("REML", "ML", "DL", "PM"):
        h = fit_network(contrasts, tau2=method).heterogeneity
        assert h.low <= h.tau2 <= h.high


def test_no_tau2_is_likelier_than_the_estimate(contrasts):
    rows = whitened(contrasts, contrasts.design(contrasts.therapies)[:, 1:])
    for method, restricted in (("REML", True), ("ML", False)):
        best = fit_network(contrasts, tau2=method)
        assert best.loglik == pytest.approx(rows.loglik(best.tau2, restricted), rel=ORACLE)
        for tau2 in [0.0, *np.geomspace(1e-3, 1e4, 60)]:
            assert rows.loglik(tau2, restricted) <= best.loglik
        step = 1e-4 * best.tau2
        ends = [rows.loglik(best.tau2 + side * step, restricted) for side in (-1, 1)]
        assert rows.score(best.tau2 * 2, restricted) < 0
        assert rows.score(best.tau2 / 2, restricted) > 0
        assert (ends[1] - ends[0]) / (2 * step) == pytest.approx(0, abs=1e-6)


def test_the_reference_does_not_matter(contrasts):
    expected = league(fit_network(contrasts, "usual"))
    for name in contrasts.therapies:
        found = league(fit_network(contrasts, name))
        for column in ("estimate", "std_error"):
            assert np.allclose(found[column], expected[column], rtol=SEARCHED, atol=SEARCHED)


def test_the_order_of_trials_and_the_arm_they_are_against_do_not_matter(arms, contrasts):
    expected = fit_network(contrasts, "usual")
    turned = arms.iloc[::-1].reset_index(drop=True)
    found = fit_network(contrasts_from_arms(turned), "usual")
    assert found.tau2 == pytest.approx(expected.tau2, rel=SEARCHED)
    assert found.loglik == pytest.approx(expected.loglik, rel=SEARCHED)
    assert np.allclose(found.covariance, expected.covariance, rtol=SEARCHED)
    assert np.allclose(found.estimate, expected.estimate, rtol=SEARCHED, atol=SEARCHED)


def test_turning_the_sign_turns_every_effect(arms, contrasts):
    turned = fit_network(contrasts_from_arms(arms, direction="higher_is_better"), "usual")
    expected = fit_network(contrasts, "usual")
    assert np.allclose(turned.estimate, -expected.estimate, rtol=SEARCHED, atol=SEARCHED)
    assert np.allclose(turned.covariance, expected.covariance, rtol=SEARCHED)


@pytest.mark.parametrize("scale", [0.1, 1e4])
def test_another_unit_changes_nothing_but_the_unit(arms, contrasts, scale):
    scaled = arms.assign(mean=arms["mean"] * scale, sd=arms["sd"] * scale)
    found, expected = fit_network(contrasts_from_arms(scaled)), fit_network(contrasts)
    assert found.tau2 == pytest.approx(expected.tau2 * scale**2, rel=SEARCHED)
    assert np.allclose(found.estimate, expected.estimate * scale, rtol=SEARCHED)
    assert found.heterogeneity.i2 == pytest.approx(expected.heterogeneity.i2, rel=SEARCHED)


def test_parts_of_q_add_up(contrasts):
    table = decompose_q(contrasts).set_index("term")
    parts = table.drop(index=["total", "within designs", "between designs"])
    assert parts["q"].sum() == pytest.approx(table.loc["within designs", "q"], rel=ORACLE)
    assert parts["df"].sum() == table.loc["within designs", "df"]
    assert table.loc["total", "q"] == pytest.approx(
        fit_network(contrasts, model="common").heterogeneity.q, rel=ORACLE
    )


def test_without_heterogeneity_the_interaction_test_is_q_between_designs(contrasts):
    found, table = design_by_treatment(contrasts, 0.0), decompose_q(contrasts).set_index("term")
    assert found.q == pytest.approx(table.loc["between designs", "q"], rel=ORACLE)
    assert found.df == table.loc["between designs", "df"]


def test_a_split_by_refitting_is_the_back_calculation_where_trials_have_two_arms(arms):
    """With τ² held, both are the same contrast of the same independent parts."""
    sizes = arms.groupby("study")["therapy"].transform("size")
    fit = fit_network(contrasts_from_arms(arms[sizes == 2]), tau2=6.0)
    back, again = node_split(fit), node_split(fit, "refit")
    for column in ("indirect", "indirect_error", "difference", "difference_error"):
        assert np.allclose(back[column], again[column], rtol=1e-8, equal_nan=True)
    assert back["difference"].notna().sum() >= 3


def test_a_split_does_not_depend_on_how_intervals_are_made(contrasts):
    plain = node_split(fit_network(contrasts, tau2=6.0))
    for test in ("t", "hartung-knapp", "hartung-knapp-truncated"):
        again = node_split(fit_network(contrasts, tau2=6.0, test=test))
        pd.testing.assert_frame_equal(again, plain)


def test_a_given_tau2_is_used_where_no_design_is_repeated(contrasts):
    once = contrasts.take([0, contrasts.study.index("Trial 05"), contrasts.study.index("Trial 06")])
    assert design_by_treatment(once).tau2 == 0
    assert design_by_treatment(once, 6.0).tau2 == 6
    with pytest.raises(ModelError, match="tau2 is 'HS'; it can be REML"):
        design_by_treatment(contrasts, "HS")


def test_splits_see_a_trial_that_contradicts_the_others(contrasts):
    effect = contrasts.effect.copy()
    odd = contrasts.study.index("Trial 06")
    effect[odd] += 60
    bent = Contrasts(
        contrasts.study, contrasts.therapy, contrasts.comparator, effect, contrasts.covariance,
        contrasts.n, n_comparator=contrasts.n_comparator,
    )  # fmt: skip
    pair = sorted((contrasts.therapy[odd], contrasts.comparator[odd]))
    for method in ("back-calculation", "refit"):
        table = node_split(fit_network(bent, model="common"), method)
        worst = table.loc[table["p_value"].idxmin()]
        assert [worst["therapy"], worst["comparator"]] == pair
        assert worst["p_value"] < 1e-6


def test_evidence_flows_in_at_one_therapy_and_out_at_the_other(contrasts):
    fit = fit_network(contrasts)
    flow = evidence_flow(fit, "massage", "sham")
    into, out = (flow.groupby(end)["flow"].sum() for end in ("end", "start"))
    net = out.sub(into, fill_value=0)
    assert net["massage"] == pytest.approx(1, rel=ORACLE)
    assert net["sham"] == pytest.approx(-1, rel=ORACLE)
    assert np.allclose(net.drop(["massage", "sham"]), 0, atol=ORACLE)


def test_flow_times_direct_evidence_is_the_network_estimate():
    """With trials of two arms, an estimate is its row of the hat matrix times direct estimates."""
    arms = small_arms()
    sizes = arms.groupby("study")["therapy"].transform("size")
    fit = fit_network(contrasts_from_arms(arms[sizes == 2]))
    direct = node_split(fit).set_index(["therapy", "comparator"])["direct"]
    table = league(fit).set_index(["therapy", "comparator"])["estimate"]
    for one, other in combinations(fit.therapies, 2):
        total = 0.0
        for start, end, flow in evidence_flow(fit, one, other).itertuples(index=False):
            sign, pair = (1, (start, end)) if start < end else (-1, (end, start))
            total += sign * flow * direct[pair]
        assert total == pytest.approx(table[one, other], rel=1e-7)


def test_contributions_add_up_and_direct_evidence_is_all_where_there_is_nothing_else(contrasts):
    found = contributions(fit_network(contrasts))
    sums = found.groupby(["therapy", "comparator"])["share"].sum()
    assert np.allclose(sums, 1, atol=ORACLE)
    assert len(sums) == 10
    star = contrasts.take([0, 1, contrasts.study.index("Trial 05")])
    alone = contributions(fit_network(star)).set_index(["therapy", "comparator"])
    assert alone.loc[[("acupuncture", "usual")], "share"].tolist() == pytest.approx([1.0])
    assert alone.loc[[("acupuncture", "massage")], "share"].tolist() == pytest.approx([0.5, 0.5])


def test_shares_of_trials_add_up_and_leverage_counts_coefficients(contrasts):
    fit = fit_network(contrasts)
    table = trial_shares(fit, "massage", "usual")
    assert table["share"].sum() == pytest.approx(1, rel=ORACLE)
    assert table["leverage"].sum() == pytest.approx(len(fit.therapies) - 1, rel=ORACLE)
    assert (table["share"] >= 0).all()


def test_a_network_in_two_pieces_is_refused_with_its_pieces(arms):
    apart = pd.DataFrame({
        "study": ["X", "X"], "therapy": ["moxibustion", "heat"], "mean": [1.0, 2.0],
        "sd": [1.0, 1.0], "n": [9, 9],
    })  # fmt: skip
    both = contrasts_from_arms(pd.concat([arms, apart]))
    with pytest.raises(ModelError, match=r"2 pieces that no trial joins: \(1\) acu.*; \(2\) heat, mox"):
        fit_network(both)
    for made in (network_graph, decompose_q, design_by_treatment):
        with pytest.raises(ModelError, match="2 pieces"):
            made(both)
    assert pieces(both)[1] == ("heat", "moxibustion")
    assert network_findings(both)["rule"].tolist()[:2] == ["network_in_pieces"] * 2
    assert piece_of(both, "heat").study == ("X",)
    assert fit_network(piece_of(both, "massage")).therapies == pieces(both)[0]


def test_a_trial_under_two_names_and_a_therapy_of_one_trial_are_findings(arms):
    again = pd.concat([arms, arms[arms["study"] == "Trial 05"].assign(study="Smith 2020")])
    found = network_findings(contrasts_from_arms(again)).set_index("rule")
    assert found.loc["repeated_study", "value"] == "Trial 05, Smith 2020"
    thin = arms[~arms["study"].isin(["Trial 03", "Trial 10"])]
    found = network_findings(contrasts_from_arms(thin)).set_index("rule")
    assert found.loc["one_trial", "value"] == "sham"


def test_one_trial_a_comparison_leaves_heterogeneity_unknown(contrasts):
    star = contrasts.take([0, contrasts.study.index("Trial 05")])
    fit = fit_network(star)
    assert fit.tau2 == 0
    assert "heterogeneity cannot be estimated" in fit.note
    assert fit.note in fit.summary()
    assert fit.effects()["predict_low"].isna().all()
    with pytest.raises(ModelError, match="needs more contrasts than pin the effects"):
        fit_network(star, test="hartung-knapp")


def test_what_is_shown_of_a_fit_is_its_summary_and_no_arrays(contrasts):
    fit = fit_network(contrasts, "usual")
    assert repr(fit) == fit.summary()
    assert "5 therapies, 14 contrasts" in repr(fit)
    assert repr(contrasts) == "14 contrasts of 12 trials, 5 therapies: relief"


def test_every_pooled_number_says_what_stands_behind_it(contrasts, arms):
    fit = fit_network(contrasts, "usual")
    table = fit.effects().set_index("therapy")
    assert table.loc["sham", "trials"] == 1
    both = arms[(arms["study"] == "Trial 04") & arms["therapy"].isin(["usual", "sham"])]
    assert table.loc["sham", "patients"] == both["n"].sum()
    assert (table["network_patients"] == arms["n"].sum()).all()
    assert (table["network_trials"] == 12).all()
    tidy = fit.tidy(horizon="short")
    assert tuple(tidy.columns) == RESULT_COLUMNS
    assert (tidy["horizon"] == "short").all()
    assert tidy.set_index("therapy").loc["sham", "note"].startswith("1 trial compares the two directly")
    assert "12 trials" in tidy["method"].iloc[0]
    counted = arms.groupby("therapy")["n"].sum()
    assert tidy.set_index("therapy").loc["massage", "n_therapy"] == counted["massage"]


@pytest.mark.parametrize(("options", "said"), [
    ({"reference": "placebo"}, "No trial has the reference 'placebo'"),
    ({"model": "fixed"}, "model is 'fixed'"),
    ({"tau2": "HS"}, "tau2 is 'HS'"),
    ({"tau2": -1.0}, "a variance is 0 or more"),
    ({"test": "F"}, "test is 'F'"),
    ({"level": 95}, "level is 95"),
])  # fmt: skip
def test_options_that_do_not_exist_are_refused(contrasts, options, said):
    with pytest.raises(ModelError, match=said):
        fit_network(contrasts, **options)
