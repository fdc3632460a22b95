"""G-computation against R, and pooling against its closed forms."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.responders.risks import Risks, risk_difference, risk_ratio, rubin, single_risk
from analysis.responders.standardise import g_computation

# R's glm stops at a relative change of the deviance of 1e-8, its coefficients at about 1e-7.
R_TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def reference(shared_reference):
    return json.loads((shared_reference / "responder_gee_gcomp.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def last_visit(shared_data):
    data = pd.read_csv(shared_data / "reference" / "antidepressant_data.csv", dtype={"VISIT": str})
    data = data[data["VISIT"] == "7"]
    return data.assign(RESP=(data["HAMDTL17"] <= 0.5 * data["BASVAL"]).astype(float))


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("cov_type", ["model", "HC0", "HC3"])
def test_standardised_risks_are_those_of_r(reference, last_visit, place, cov_type):
    entry = reference["gcomp_visit7"][place]
    levels = ["PLACEBO", "DRUG"]
    found = g_computation(last_visit, entry["formula"], "THERAPY", levels, cov_type)
    assert found.n.sum() == entry["n"]
    risks, errors = [entry["marginal_risk"][name] for name in levels], entry["se"][cov_type]
    assert found.risk[0] == pytest.approx(risks, abs=R_TOLERANCE)
    expected = [errors["risk_ref"], errors["risk_trt"]]
    assert np.sqrt(np.diag(found.cov[0])) == pytest.approx(expected, abs=R_TOLERANCE)
    gap = risk_difference(found, 1, 0, rubin, 0.05)
    assert gap["estimate"] == pytest.approx(entry["risk_difference"], abs=R_TOLERANCE)
    assert gap["std_error"] == pytest.approx(errors["risk_difference"], abs=R_TOLERANCE)
    for odds, name in ((False, "log_risk_ratio"), (True, "log_odds_ratio")):
        row = risk_ratio(found, 1, 0, rubin, 0.05, odds)
        assert np.log(row["estimate"]) == pytest.approx(entry[name], abs=R_TOLERANCE)
        assert row["std_error"] == pytest.approx(errors[name], abs=R_TOLERANCE)


def made(n=60, seed=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"therapy": np.repeat(["A", "B"], n // 2), "age": rng.normal(50, 8, n)})
    return frame.assign(response=(rng.random(n) < 0.4).astype(float))


def test_without_covariates_the_standardised_risk_is_the_crude_one():
    frame = made()
    found = g_computation(frame, "response ~ therapy", cov_type="model")
    crude = frame.groupby("therapy")["response"].mean().to_numpy()
    assert found.risk[0] == pytest.approx(crude, abs=1e-10)
    assert np.diag(found.cov[0]) == pytest.approx(crude * (1 - crude) / 30, rel=1e-8)


@pytest.mark.parametrize(
    ("change", "words"),
    [(lambda d: d.assign(response=0.0), "nobody responded"),
     (lambda d: d.assign(response=1.0), "everybody responded"),
     (lambda d: d.assign(response=(d["therapy"] == "B").astype(float)), "separation"),
     (lambda d: d.assign(response=np.where(d["therapy"] == "B", d["response"], 0.0)), "separation"),
     (lambda d: d.iloc[[0, 59]], "do not determine")],
)  # fmt: skip
def test_a_logistic_model_without_a_finite_fit_is_a_note(change, words):
    found = g_computation(change(made()), "response ~ therapy + age")
    assert all(words in note for note in found.note)
    assert words in risk_difference(found, 1, 0, rubin, 0.05)["note"]


def test_unknown_options_and_columns_are_refused_in_words():
    with pytest.raises(ModelError, match="allowed: model, HC0, HC3"):
        g_computation(made(), "response ~ therapy", cov_type="HC9")
    with pytest.raises(ModelError, match="cannot be read"):
        g_computation(made(), "response ~ therapy + nothing")


def test_rubins_rules_of_equal_analyses_change_nothing_but_the_degrees_of_freedom():
    found = rubin(np.full(5, 0.3), np.full(5, 0.04), 100.0)
    assert (found.estimate, found.std_error) == pytest.approx((0.3, 0.2))
    assert found.df == pytest.approx(101 / 103 * 100)


def test_rubins_rules_add_the_spread_between_data_sets():
    estimates = np.array([0.1, 0.2, 0.3])
    found = rubin(estimates, np.full(3, 0.01), np.inf)
    total = 0.01 + 4 / 3 * 0.01
    assert found.std_error == pytest.approx(np.sqrt(total))
    assert found.df == pytest.approx(2 / (4 / 3 * 0.01 / total) ** 2)


def risks_of(risk):
    risk = np.atleast_2d(np.asarray(risk, dtype=float))
    cov = np.einsum("mk,kl->mkl", risk * (1 - risk) / 50, np.eye(risk.shape[1]))
    return Risks(risk, cov, 98.0, np.array([50, 50]), "made up", ("", ""))


def test_risks_of_none_or_all_have_an_estimate_and_words_for_an_interval():
    found = risks_of([[0.0, 1.0], [0.02, 1.0]])
    assert "nobody responded" in single_risk(found, 0, rubin, 0.05)["note"]
    assert single_risk(found, 1, rubin, 0.05)["estimate"] == 1.0
    assert "no limits" in risk_ratio(found, 1, 0, rubin, 0.05)["note"]
    assert risk_difference(found, 1, 0, rubin, 0.05)["estimate"] == pytest.approx(0.99)
    still = risks_of([0.0, 1.0])
    assert "no variation" in risk_difference(still, 1, 0, rubin, 0.05)["note"]


def test_another_way_to_pool_takes_the_place_of_rubins():
    found = risks_of([[0.4, 0.5], [0.3, 0.6]])
    calls = []

    def pool(estimates, variances, df):
        calls.append(df)
        return rubin(estimates, np.zeros_like(variances), df)

    assert risk_difference(found, 1, 0, pool, 0.05)["std_error"] == pytest.approx(
        np.sqrt(1.5 * np.var([0.1, 0.3], ddof=1))
    )
    assert calls == [98.0]


@pytest.mark.parametrize(
    "formula",
    ["response ~ therapy + {open('secret')}", "response ~ therapy + I(print(SECRET))",
     "response ~ __import__('os').getpid() + therapy"],
)  # fmt: skip
def test_a_formula_that_could_run_something_is_refused(formula):
    frame = pd.DataFrame({"response": [0, 1, 1, 0], "therapy": ["A", "A", "B", "B"]})
    with pytest.raises(ModelError, match="cannot be read"):
        g_computation(frame, formula, "therapy")
