"""The search: every rung of its ladder, what it says of the way, and where it gives up."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from after_fit import made_up

from analysis.errors import ConvergenceWarning, ModelError
from analysis.mmrm import MMRM, optimise
from analysis.mmrm.basis import working_statistics
from analysis.mmrm.covariance import CovarianceModel, find_structure
from analysis.mmrm.optimise import maximise
from analysis.mmrm.stack import Stack
from analysis.mmrm.start import moment_covariance

ROLES = {"subject": "id", "visit": "visit"}
FORMULA = "y ~ base + arm * visit"


def _stack(data):
    return Stack.of(working_statistics(MMRM.from_formula(FORMULA, data, **ROLES).statistics)[0])


def _model(name: str) -> CovarianceModel:
    return CovarianceModel(name, find_structure(name, ["v0", "v1", "v2", "v3"]), 1)


@pytest.fixture(scope="module")
def stack():
    return _stack(made_up(51, patients=60))


@pytest.mark.parametrize("name", ["us", "toeph", "ar1h", "cs", "adh"])
def test_a_start_far_away_ends_at_the_same_maximum(stack, name):
    model = _model(name)
    near = maximise(stack, model, model.start(moment_covariance(stack)))
    far = maximise(stack, model, model.start(300.0 * np.eye(4)[None]))
    assert near.converged and far.converged
    assert far.point.value == pytest.approx(near.point.value, abs=1e-8)
    assert len(far.log) > len(near.log)
    values = [rung.value for rung in far.log[:-1]]
    assert all(np.diff(values) < 0)


@pytest.mark.parametrize("name", ["ar1", "sp_exp", "sp_gau"])
@pytest.mark.parametrize("rho", [0.3, 0.9999])
def test_a_search_starts_away_from_visits_that_determine_each_other(name, rho):
    visits = [f"v{k}" for k in range(7)]
    model = CovarianceModel(name, find_structure(name, visits), 1)
    sigma = model.sigma(model.start((rho + (1 - rho) * np.eye(7))[None]))[0]
    assert np.linalg.eigvalsh(sigma)[0] > 9e-4
    if rho == 0.3:
        assert sigma[0, 1] == pytest.approx(rho)


def test_where_newton_and_average_information_fail_a_ridge_or_em_goes_on(stack, monkeypatch):
    model = _model("us")
    whole = maximise(stack, model, model.start(moment_covariance(stack)))
    solve = optimise.solve
    monkeypatch.setattr(optimise, "solve", lambda *arguments: None)
    stuck = maximise(stack, model, model.start(moment_covariance(stack)))
    assert {rung.step for rung in stuck.log[1:]} == {"em"}
    assert not stuck.converged
    assert stuck.point.value == pytest.approx(whole.point.value, abs=1e-3)
    assert all(np.diff([rung.value for rung in stuck.log]) <= 0)
    calls = []

    def only_ridge(matrix, gradient):
        calls.append(matrix)
        # Newton's matrix, then the average information without a ridge, are refused.
        return None if len(calls) % 3 in (1, 2) else solve(matrix, gradient)

    monkeypatch.setattr(optimise, "solve", only_ridge)
    ridged = maximise(stack, model, model.start(300.0 * np.eye(4)[None]))
    assert "ridge" in {rung.step for rung in ridged.log}


def test_a_search_cut_short_warns_and_says_so(monkeypatch):
    monkeypatch.setattr(optimise, "MAX_ITERATIONS", 1)
    model = MMRM.from_formula(FORMULA, made_up(52, patients=60), **ROLES)
    with pytest.warns(ConvergenceWarning, match="stopped after 1 steps"):
        fit = model.fit()
    assert not fit.converged
    assert "Converged             no" in str(fit.summary())


def test_the_log_is_in_the_units_of_the_outcome():
    fit = MMRM.from_formula(FORMULA, made_up(53, patients=60), **ROLES).fit()
    assert fit.log["value"].iloc[-1] == pytest.approx(-2 * fit.llf, abs=1e-9)
    assert fit.log["step"].iloc[0] == "start"


def _perfect(data):
    wide = data.pivot(index="id", columns="visit", values="y")
    again = wide["v0"] * 2 + 1
    return data.assign(
        y=np.where(data["visit"] == "v3", data["id"].map(again), data["y"])
    )


def _never_seen(data):
    lost = data["id"].isin(["p001", "p002"])
    return data.assign(y=data["y"].where(~lost))


def test_a_visit_that_another_determines_is_named():
    data = _perfect(made_up(54, patients=60, missing=0.0))
    with pytest.raises(ModelError, match="visits v0 and v3 determine each other"):
        MMRM.from_formula(FORMULA, data, **ROLES).fit()


def test_a_patient_without_follow_up_is_counted_and_said():
    fit = MMRM.from_formula(FORMULA, _never_seen(made_up(55, patients=60, missing=0.0)), **ROLES).fit()
    assert fit.n_subjects == 58
    assert "2 patients have no row that can be used" in str(fit.summary())
    assert fit.n_dropped == {"no value of y": 8}


def test_a_correlation_at_the_end_of_its_range_is_named():
    rng = np.random.default_rng(56)
    level = np.repeat(rng.standard_normal(40), 3)
    data = pd.DataFrame(
        {
            "id": np.repeat([f"p{k:02d}" for k in range(40)], 3), "visit": ["v0", "v1", "v2"] * 40,
            "y": level + np.tile([0.0, 1.0, 2.0], 40) + 1e-9 * rng.standard_normal(120),
        }
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"determine each other|boundary"):
        MMRM.from_formula("y ~ visit", data, **ROLES, covariance="ar1").fit()


def test_text_visits_in_alphabetical_order_are_pointed_out_where_order_matters():
    data = made_up(57, patients=60)
    named = data.assign(visit=data["visit"].map({"v0": "w2", "v1": "w6", "v2": "w12", "v3": "w26"}))
    told = "in this order: w12, w2, w26, w6"
    assert told in str(MMRM.from_formula(FORMULA, named, **ROLES, covariance="ar1").fit().summary())
    assert told not in str(MMRM.from_formula(FORMULA, named, **ROLES).fit().summary())
    ordered = named.assign(visit=pd.Categorical(named["visit"], ["w2", "w6", "w12", "w26"]))
    fit = MMRM.from_formula(FORMULA, ordered, **ROLES, covariance="ar1").fit()
    assert "in this order" not in str(fit.summary())
