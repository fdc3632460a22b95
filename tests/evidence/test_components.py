"""Combinations as sums of their parts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from small_network import small_arms

from analysis.errors import ModelError
from analysis.evidence.components import fit_components
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.network import fit_network
from analysis.evidence.tabulated import contrasts_from_arms

# Two ways to one weighted regression.
ROUNDING = 1e-9

PARTS = {"usual": 0.0, "acupuncture": 5.0, "cupping": 4.0}


def combined(extra: float = 0.0, noise: float = 0.0) -> Contrasts:
    """Trials of acupuncture, cupping, both and neither; both together add `extra`."""
    pairs = [("acupuncture", "usual"), ("cupping", "usual"), ("acupuncture+cupping", "usual"),
             ("acupuncture+cupping", "cupping"), ("acupuncture", "cupping")] * 2  # fmt: skip
    rng = np.random.default_rng(5)

    def true(name: str) -> float:
        return sum(PARTS[part] for part in name.split("+")) + extra * ("+" in name)

    effect = np.array([true(one) - true(other) for one, other in pairs])
    k = len(pairs)
    return Contrasts(
        tuple(f"T{row}" for row in range(k)), tuple(p[0] for p in pairs), tuple(p[1] for p in pairs),
        effect + noise * rng.normal(size=k), np.diag(rng.uniform(0.5, 2, k)), np.full(k, 80.0),
    )  # fmt: skip


def test_without_combinations_the_component_network_is_the_network():
    contrasts = contrasts_from_arms(small_arms())
    ours, network = fit_components(contrasts, "usual"), fit_network(contrasts, "usual")
    table = ours.effects().set_index("component")
    expected = network.effects().set_index("therapy").loc[table.index]
    assert np.allclose(table["estimate"], expected["estimate"], rtol=ROUNDING)
    assert np.allclose(table["std_error"], expected["std_error"], rtol=ROUNDING)
    assert ours.additivity["df"].tolist() == [0, 0]


def test_effects_that_add_up_are_found_and_fit_exactly():
    fit = fit_components(combined(), "usual")
    table = fit.effects().set_index("component")["estimate"]
    assert table["acupuncture"] == pytest.approx(5, abs=ROUNDING)
    assert table["cupping"] == pytest.approx(4, abs=ROUNDING)
    both = fit.combination("acupuncture + cupping")
    assert both["estimate"] == pytest.approx(9, abs=ROUNDING)
    assert fit.combination("acupuncture+cupping", "acupuncture")["estimate"] == pytest.approx(4)
    assert fit.additivity["q"].iloc[0] == pytest.approx(0, abs=ROUNDING)


def test_a_combination_that_does_not_add_up_is_seen_and_its_surplus_estimated():
    contrasts = combined(extra=6.0, noise=0.3)
    plain = fit_components(contrasts, "usual", model="common")
    test = plain.additivity.iloc[0]
    assert test["df"] == 1
    assert test["p_value"] < 1e-4
    again = fit_components(contrasts, "usual", model="common", interactions=["acupuncture+cupping"])
    surplus = again.effects().set_index("component").loc["acupuncture+cupping"]
    # One restriction: the difference in Q is the square of the surplus in standard errors.
    assert test["q"] == pytest.approx(surplus["statistic"] ** 2, rel=ROUNDING)
    assert again.additivity["df"].iloc[0] == 0
    network = fit_network(contrasts, "usual", model="common").effects().set_index("therapy")
    both = again.combination("acupuncture+cupping")
    assert both["estimate"] == pytest.approx(
        network.loc["acupuncture+cupping", "estimate"], rel=ROUNDING
    )


def test_components_join_pieces_that_share_them():
    contrasts = combined().take([0, 3])
    with pytest.raises(ModelError, match="2 pieces"):
        fit_network(contrasts)
    fit = fit_components(contrasts, "usual")
    assert fit.effects().set_index("component").loc["acupuncture", "estimate"] == pytest.approx(5)


def test_a_component_that_no_trial_sets_apart_is_a_row_with_a_note():
    contrasts = combined().take([0, 2])
    fit = fit_components(contrasts.take([1]), "usual")
    table = fit.effects()
    assert table["estimate"].isna().all()
    assert table["note"].str.startswith("not estimable").all()
    assert fit.combination("acupuncture+cupping")["estimate"] == pytest.approx(9, abs=ROUNDING)
    tidy = fit.tidy(horizon="long")
    assert tidy["note"].str.startswith("not estimable").all()
    assert fit_components(contrasts, "usual").effects()["estimate"].notna().all()


@pytest.mark.parametrize(("inactive", "interactions", "said"), [
    ("sham", (), "No therapy has the component 'sham'"),
    ("usual", ("acupuncture+massage",), "No trial has 'acupuncture\\+massage'"),
])  # fmt: skip
def test_components_that_do_not_exist_are_refused(inactive, interactions, said):
    with pytest.raises(ModelError, match=said):
        fit_components(combined(), inactive, interactions=interactions)
    with pytest.raises(ModelError, match="which no trial has"):
        fit_components(combined(), "usual").combination("acupuncture+moxa")


def test_options_that_do_not_exist_are_refused_and_a_given_tau2_is_tested_with():
    for options, said in (({"model": "fixed"}, "model is 'fixed'"), ({"tau2": "HS"}, "tau2 is 'HS'"),
                          ({"level": 95}, "level is 95")):  # fmt: skip
        with pytest.raises(ModelError, match=said):
            fit_components(combined(), "usual", **options)
    # Each comparison once: nothing to estimate τ² from, but it was given.
    once = fit_components(combined().take(range(3)), "usual", tau2=2.0)
    assert once.additivity["tau2"].tolist() == [0.0, 2.0]


def test_components_that_no_trial_has_are_named_in_order():
    with pytest.raises(ModelError, match="has the component gua sha, heat, which no trial has"):
        fit_components(combined(), "usual").combination("heat+gua sha")


def test_a_component_network_shows_its_test_of_additivity():
    shown = repr(fit_components(combined(extra=6.0, noise=0.3), "usual", model="common"))
    assert "Additive or not: Q" in shown
    assert "on 1 df" in shown
    assert "cupping" in shown


def test_trials_are_counted_where_they_inform_a_component():
    table = fit_components(combined(), "usual").effects().set_index("component")["trials"]
    assert isinstance(table, pd.Series)
    assert table["acupuncture"] == 8
