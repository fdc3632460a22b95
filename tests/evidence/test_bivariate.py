"""Two horizons at once: what it reduces to, what must not matter, and what it borrows."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from small_network import small_arms

from analysis.errors import ModelError
from analysis.evidence.between import LARGEST, USUAL, estimate_between, joint_rows
from analysis.evidence.bivariate import fit_two_horizons
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.contribution import horizon_shares, trial_shares
from analysis.evidence.correlation import relief_by_correlation
from analysis.evidence.horizons import TwoHorizons, geometric_mean, pair_horizons
from analysis.evidence.league import horizon_league
from analysis.evidence.network import fit_network
from analysis.evidence.rank_change import rank_change
from analysis.evidence.ranks import p_scores
from analysis.evidence.tabulated import contrasts_from_arms
from analysis.relief.fieller import fieller_set
from analysis.schema import RESULT_COLUMNS

# docs/methods.md, oracle 15.
ORACLE = 1e-9
# Of estimates at the root of a gradient, approached by different roads.
SEARCHED = 1e-6


@pytest.fixture(scope="module")
def short() -> Contrasts:
    return contrasts_from_arms(small_arms(seed=7))


@pytest.fixture(scope="module")
def long() -> Contrasts:
    return contrasts_from_arms(small_arms(seed=9, kept=0.5))


@pytest.fixture(scope="module")
def few(long) -> Contrasts:
    """Long-term results of four trials only."""
    return long.without([f"Trial {n:02d}" for n in (2, 3, 6, 7, 8, 10, 11, 12)])


def alike(seed: int = 2, k: int = 60, rho_tau: float = 0.8, seen: int | None = None) -> TwoHorizons:
    """Two-arm trials whose true effects and errors are correlated between horizons."""
    rng = np.random.default_rng(seed)
    v = rng.uniform(4, 16, k)
    errors = rng.normal(size=(k, 2)) @ np.linalg.cholesky([[1, 0.5], [0.5, 1]]).T
    true = rng.normal(size=(k, 2)) @ np.linalg.cholesky([[25, 25 * rho_tau], [25 * rho_tau, 25]]).T
    y = np.array([10.0, 6.0]) + true + errors * np.sqrt(v)[:, None]
    parts = [
        Contrasts(
            tuple(f"T{row}" for row in range(m)), ("cupping",) * m, ("usual",) * m, y[:m, half],
            np.diag(v[:m]), np.full(m, 80.0),
        )
        for half, m in ((0, k), (1, k if seen is None else seen))
    ]  # fmt: skip
    return pair_horizons(*parts, rho=0.5)


@pytest.mark.parametrize("model", ["random", "common"])
def test_oracle_15_without_correlation_two_horizons_are_two_networks(short, long, model):
    both = fit_two_horizons(pair_horizons(short, long, 0.0), "usual", model=model, rho_tau=0.0)
    alone = [fit_network(part, "usual", model=model) for part in (short, long)]
    size = len(both.therapies)
    assert np.allclose(both.estimate, np.concatenate([fit.estimate for fit in alone]), atol=ORACLE)
    for half, fit in enumerate(alone):
        part = slice(half * size, (half + 1) * size)
        assert np.allclose(both.covariance[part, part], fit.covariance, rtol=0, atol=ORACLE)
    assert np.allclose(both.covariance[:size, size:], 0, atol=ORACLE)
    assert both.between.tau_short**2 == pytest.approx(alone[0].tau2, abs=ORACLE)
    assert both.between.tau_long**2 == pytest.approx(alone[1].tau2, abs=ORACLE)
    if model == "random":
        assert both.between.loglik == pytest.approx(alone[0].loglik + alone[1].loglik, abs=ORACLE)


def test_the_same_results_at_both_horizons_show_no_loss_and_everything_kept(short):
    fit = fit_two_horizons(pair_horizons(short, short, 0.5), "usual", rho_tau=0.5)
    assert fit.between.tau_short == pytest.approx(fit.between.tau_long, rel=SEARCHED)
    loss = fit.tidy().query("quantity == 'loss'")["estimate"]
    assert np.allclose(loss, 0, atol=SEARCHED)
    kept = fit.tidy().query("quantity == 'retention'")["estimate"]
    assert np.allclose(kept, 1, atol=SEARCHED)


@pytest.mark.parametrize("test", ["t", "hartung-knapp", "hartung-knapp-truncated"])
def test_intervals_of_both_horizons_can_be_t_and_scaled(short, long, test):
    pair = pair_horizons(short, long, 0.5)
    plain, fit = fit_two_horizons(pair, "usual"), fit_two_horizons(pair, "usual", test=test)
    assert np.array_equal(plain.estimate, fit.estimate)
    assert fit.df == len(short) + len(long) - 2 * 4
    names = tuple(name for name in short.therapies if name != "usual")
    scale = joint_rows(pair, names, names).fit(fit.spread)[2] / fit.df
    expected = {"t": 1.0, "hartung-knapp": scale, "hartung-knapp-truncated": max(scale, 1.0)}[test]
    assert np.allclose(fit.covariance, expected * plain.covariance, rtol=ORACLE)
    rows = fit.tidy().query("quantity == 'loss'").iloc[0]
    reach = stats.t.ppf(0.975, fit.df) * rows["std_error"]
    assert rows["conf_high"] - rows["estimate"] == pytest.approx(reach)
    assert test in fit.method


def test_the_gradient_of_the_likelihood_is_its_slope(short, long):
    names = tuple(name for name in short.therapies if name != "usual")
    rows = joint_rows(pair_horizons(short, long, 0.4), names, names)
    at = np.array([3.0, 2.0, 0.3])
    _, slope = rows.likelihood(at)
    for place in range(3):
        step = np.zeros(3)
        step[place] = 1e-5
        ends = [rows.likelihood(at + side * step)[0] for side in (-1, 1)]
        assert slope[place] == pytest.approx((ends[1] - ends[0]) / 2e-5, rel=1e-6)


def test_nothing_near_or_far_is_likelier_than_the_estimate():
    pair = alike()
    rows = joint_rows(pair, ("cupping",), ("cupping",))
    found = fit_two_horizons(pair, "usual").between
    assert found.estimated == ("tau_short", "tau_long", "rho_tau")
    for short in (0.0, 2.0, found.tau_short, 8.0):
        for long in (0.0, 2.0, found.tau_long, 8.0):
            for rho in (-0.9, 0.0, found.rho_tau - 0.01, found.rho_tau + 0.01, 0.95):
                assert rows.likelihood(np.array([short, long, rho]))[0] < found.loglik
    slope = rows.likelihood(np.array([found.tau_short, found.tau_long, found.rho_tau]))[1]
    assert np.abs(slope).max() < SEARCHED


def test_the_spread_that_trials_were_made_with_is_found():
    """60 trials; four standard errors of τ (5/√120) and of ρ_τ, which errors blur."""
    found = fit_two_horizons(alike(k=60), "usual").between
    assert found.tau_short == pytest.approx(5, abs=4 * 0.6)
    assert found.tau_long == pytest.approx(5, abs=4 * 0.6)
    assert found.rho_tau == pytest.approx(0.8, abs=0.25)


def test_the_long_horizon_borrows_from_the_short_one():
    """Where trials agree between horizons, a long-term estimate from few is pulled and sharpened."""
    pair = alike(k=60, seen=12)
    both, alone = fit_two_horizons(pair, "usual", rho_tau=0.9), fit_network(pair.long, "usual")
    error = np.sqrt(both.compare("cupping")[1][1, 1])
    same_spread = fit_network(pair.long, "usual", tau2=both.between.tau_long**2)
    assert error < 0.9 * same_spread.effects()["std_error"].iloc[0]
    shares = horizon_shares(both, "cupping", "usual").set_index("study")
    assert shares.loc["T40", "long"] > 0
    assert np.allclose(shares.sum(), 1)
    assert alone.tau2 > 0


def test_shares_without_correlation_are_those_of_each_network(short, long):
    both = fit_two_horizons(pair_horizons(short, long, 0.0), "usual", rho_tau=0.0)
    found = horizon_shares(both, "massage", "usual").set_index("study")
    for part, name in ((short, "short"), (long, "long")):
        alone = trial_shares(fit_network(part, "usual"), "massage", "usual").set_index("study")
        assert np.allclose(found[name], alone["share"][found.index], atol=SEARCHED)


def test_the_reference_and_the_arm_of_a_trials_rows_do_not_matter(short, long):
    expected = fit_two_horizons(pair_horizons(short, long, 0.5), "usual")
    other = fit_two_horizons(pair_horizons(short, long, 0.5), "massage")
    turned = [contrasts_from_arms(small_arms(seed=s, kept=kept).iloc[::-1])
              for s, kept in ((7, 1.0), (9, 0.5))]  # fmt: skip
    again = fit_two_horizons(pair_horizons(*turned, 0.5), "usual")
    for fit in (other, again):
        assert fit.between.loglik == pytest.approx(expected.between.loglik, rel=SEARCHED)
        found, wanted = (one.compare("acupuncture", "sham") for one in (fit, expected))
        for a, b in zip(found, wanted, strict=True):
            assert np.allclose(a, b, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("sign", "scale"), [(-1.0, 1.0), (1.0, 100.0)])
def test_sign_and_unit_go_through(short, long, sign, scale):
    def changed(part: Contrasts) -> Contrasts:
        return Contrasts(
            part.study, part.therapy, part.comparator, sign * scale * part.effect,
            scale**2 * part.covariance, part.n, n_comparator=part.n_comparator,
        )  # fmt: skip

    expected = fit_two_horizons(pair_horizons(short, long, 0.5), "usual")
    found = fit_two_horizons(pair_horizons(changed(short), changed(long), 0.5), "usual")
    assert np.allclose(found.estimate, sign * scale * expected.estimate, rtol=1e-4, atol=1e-4 * scale)
    assert found.between.rho_tau == pytest.approx(expected.between.rho_tau, rel=1e-4)


def test_loss_and_retention_come_from_the_joint_covariance(short, long):
    fit = fit_two_horizons(pair_horizons(short, long, 0.5), "usual")
    frame = fit.tidy().set_index(["therapy", "quantity", "horizon"])
    assert tuple(fit.tidy().columns) == RESULT_COLUMNS
    (a, b), v = fit.compare("massage")
    loss = frame.loc[("massage", "loss", "")]
    assert loss["estimate"] == pytest.approx(a - b, rel=ORACLE)
    assert loss["std_error"] ** 2 == pytest.approx(v[0, 0] + v[1, 1] - 2 * v[0, 1], rel=ORACLE)
    kept = frame.loc[("massage", "retention", "")]
    expected = fieller_set(b, a, v[1, 1], v[0, 0], v[0, 1], lambda ratio: math.inf)
    assert kept["estimate"] == pytest.approx(b / a, rel=ORACLE)
    assert (kept["conf_low"], kept["conf_high"]) == pytest.approx((expected.low, expected.high))
    assert expected.kind in kept["method"]
    assert "12 trials short, 12 long, 12 both" in kept["method"]


def test_an_empty_cell_is_a_row_that_says_why(short, few):
    fit = fit_two_horizons(pair_horizons(short, few.without(["Trial 09"]), 0.5), "usual")
    frame = fit.tidy().set_index(["therapy", "quantity", "horizon"])
    row = frame.loc[("exercise", "relief", "long")]
    assert np.isnan(row["estimate"])
    assert row["note"] == "not estimable: no trial joins the two at the long horizon"
    assert np.isfinite(frame.loc[("exercise", "relief", "short"), "estimate"])
    for quantity in ("loss", "retention"):
        assert np.isnan(frame.loc[("exercise", quantity, ""), "estimate"])
    assert len(frame) == 4 * 4
    assert "exercise" in fit.summary()
    assert "exercise" not in set(rank_change(fit)["therapy"])


def test_trials_that_nothing_joins_at_a_horizon_are_left_out_and_named(short, long):
    apart = contrasts_from_arms(pd.DataFrame({
        "study": ["X", "X"], "therapy": ["moxa", "heat"], "mean": [1.0, 2.0], "sd": [9.0, 9.0],
        "n": [40, 40],
    }))  # fmt: skip
    fit = fit_two_horizons(pair_horizons(short, long.joined(apart), 0.5), "usual")
    assert fit.left_out == ("at the long horizon no trial joins heat, moxa to usual",)
    assert np.isnan(fit.compare("moxa")[0]).all()


def test_few_trials_hold_what_they_cannot_tell_and_say_so(short, few):
    fit = fit_two_horizons(pair_horizons(short, few, 0.5), "usual")
    assert fit.between.rho_tau == USUAL
    assert "too few trials have both horizons" in fit.between.note
    single = fit_two_horizons(pair_horizons(short, few.take([0]), 0.5), "usual")
    assert single.between.tau_long == single.between.tau_short > 0
    assert "no comparison is repeated at the long horizon" in single.between.note
    lone = pair_horizons(short.take([0]), few.take([0]), 0.5)
    nothing = fit_two_horizons(lone, "usual").between
    assert (nothing.tau_short, nothing.tau_long, nothing.estimated) == (0.0, 0.0, ())
    assert "heterogeneity cannot be estimated" in nothing.note


def test_a_correlation_that_runs_to_its_edge_stops_there_with_a_note():
    pair = alike(seed=4, k=8, rho_tau=0.999)
    sure = TwoHorizons(*(
        Contrasts(p.study, p.therapy, p.comparator, p.effect, p.covariance / 1e4, p.n)
        for p in (pair.short, pair.short)
    ), pair.cross / 1e4)  # fmt: skip
    found = estimate_between(joint_rows(sure, ("cupping",), ("cupping",)), (7, 7, 7), None)
    assert found.rho_tau == pytest.approx(LARGEST)
    assert "at its limit of +0.95" in found.note


def test_the_geometric_mean_goes_with_any_change_of_rows():
    rng = np.random.default_rng(1)
    one, other = (part @ part.T + np.eye(3) for part in rng.normal(size=(2, 3, 3)))
    turn = rng.normal(size=(3, 3))
    mean = geometric_mean(one, other)
    assert np.allclose(mean @ np.linalg.solve(one, mean), other)
    assert np.allclose(geometric_mean(other, one), mean)
    assert np.allclose(geometric_mean(turn @ one @ turn.T, turn @ other @ turn.T), turn @ mean @ turn.T)


def test_arms_seen_at_one_horizon_are_tied_through_the_arms_that_both_have():
    arms = small_arms()
    three = arms[arms["study"] == "Trial 04"]
    early = contrasts_from_arms(three)
    late = contrasts_from_arms(three[three["therapy"] != "sham"])
    pair = pair_horizons(early, late, 0.6)
    at = early.therapy.index("acupuncture")
    assert pair.cross[at, 0] == pytest.approx(0.6 * early.variance[at], rel=ORACLE)
    # Sham shares the usual-care arm: the covariance is what its regression on the other carries.
    slope = early.covariance[1 - at, at] / early.variance[at]
    assert pair.cross[1 - at, 0] == pytest.approx(slope * pair.cross[at, 0], rel=ORACLE)


def test_the_assumed_correlation_is_shown_beside_what_it_does(short, few):
    table = relief_by_correlation(short, few, "usual")
    loss = table.query("therapy == 'acupuncture' and quantity == 'loss'")
    assert loss["rho"].tolist() == [0.3, 0.5, 0.7]
    assert loss["std_error"].is_monotonic_decreasing


def test_ranks_at_both_horizons_are_those_of_each_network_where_nothing_is_shared(short, long):
    fit = fit_two_horizons(pair_horizons(short, long, 0.0), "usual", rho_tau=0.0)
    table = rank_change(fit, draws=20_000).set_index("therapy")
    for part, name in ((short, "short"), (long, "long")):
        scores = p_scores(fit_network(part, "usual"))
        assert np.allclose(table[f"p_score_{name}"], scores[table.index], atol=SEARCHED)
    assert (table["rank_short_low"] <= table["rank_short"]).all()
    assert (table["falls_low"] <= table["falls"]).all()
    assert table["best_both"].between(0, 1).all()
    pd.testing.assert_frame_equal(table, rank_change(fit, draws=20_000).set_index("therapy"))


@pytest.mark.parametrize(("options", "said"), [
    ({"reference": "placebo"}, "No trial has the reference 'placebo' at the short horizon"),
    ({"model": "fixed"}, "model is 'fixed'"),
    ({"rho_tau": 2.0}, "rho_tau is 2"),
    ({"test": "F"}, "test is 'F'"),
])  # fmt: skip
def test_options_that_do_not_exist_are_refused_here_too(short, long, options, said):
    with pytest.raises(ModelError, match=said):
        fit_two_horizons(pair_horizons(short, long), **options)


def test_horizons_that_do_not_go_together_are_refused(short, long):
    with pytest.raises(ModelError, match="no trials at the long horizon"):
        pair_horizons(short, None)
    with pytest.raises(ModelError, match="correlation between horizons of Trial 01 is 1"):
        pair_horizons(short, long, 1.0)
    with pytest.raises(ModelError, match="larger than its variances allow"):
        TwoHorizons(short.take([0]), long.take([0]), np.array([[1e3]]))
    with pytest.raises(ModelError, match="of different trials"):
        TwoHorizons(short.take([0]), long.take([1]), np.array([[1.0]]))
    with pytest.raises(ModelError, match=r"must be 1 × 1"):
        TwoHorizons(short.take([0]), long.take([0]), np.zeros((2, 1)))
    other = Contrasts(("A",), ("x",), ("y",), np.ones(1), np.eye(1), np.ones(1), unit="SD")
    with pytest.raises(ModelError, match="'SD'"):
        pair_horizons(short, other)
    with pytest.raises(ModelError, match="No therapy is seen at both"):
        fit_two_horizons(pair_horizons(short, Contrasts(("A",), ("x",), ("y",), np.ones(1),
                                                        np.eye(1), np.ones(1))))  # fmt: skip


def test_the_league_of_both_horizons_is_the_fit_pair_by_pair(short, few):
    fit = fit_two_horizons(pair_horizons(short, few, 0.5), "usual")
    table = horizon_league(fit).set_index(["horizon", "therapy", "comparator"])
    assert len(table) == 2 * 5 * 4
    estimate, covariance = fit.compare("massage", "sham")
    row = table.loc[("long", "massage", "sham")]
    assert row["estimate"] == pytest.approx(estimate[1])
    assert row["std_error"] == pytest.approx(np.sqrt(covariance[1, 1]))
    effects = fit.effects().set_index(["horizon", "therapy"])
    assert effects.loc[("short", "sham"), "trials"] == 1
    assert effects.loc[("short", "sham"), "all_trials"] == 3
    assert effects.loc[("long", "sham"), "estimate"] == pytest.approx(fit.compare("sham")[0][1])
