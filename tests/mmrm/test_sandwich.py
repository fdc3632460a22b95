"""Sandwich covariance: closed forms, limits and weights."""

from __future__ import annotations

from dataclasses import replace

import after_fit
import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from after_fit import made_up, model

from analysis.errors import ModelError
from analysis.mmrm import ddf
from analysis.mmrm import sandwich as module
from analysis.mmrm.sandwich import meat, sandwich

# Closed forms hold up to rounding of sums of a few hundred terms.
EXACT = 1e-9
FORMULA = "y ~ base + arm * visit"
KINDS = ("CR0", "CR2", "CR3")
SPREAD = np.linspace(1, 2, 4)
SIGMA = np.outer(SPREAD, SPREAD) * (0.4 + 0.6 * np.eye(4))


def _dense(design, estimates):
    """Design, residuals, whitener (N × N) and patients of all rows, by plain arithmetic."""
    (block,) = design.blocks()
    size = len(block.rows)
    cov = estimates.sigma[0][np.ix_(block.visit, block.visit)]
    cov = cov * (block.subject[:, None] == block.subject)
    if block.precision is not None:
        cov = cov / np.sqrt(np.outer(block.precision, block.precision))
    x = block.rows[:, estimates.kept]
    whitener = np.linalg.solve(np.linalg.cholesky(cov), np.eye(size))
    return x, block.rows[:, -1] - x @ estimates.beta, whitener, block.subject


def _adjusters(x, whitener, cov, subject, kind):
    """A, (N, N): the adjustment matrices of all patients along the diagonal."""
    white = whitener @ x
    leverage = white @ cov @ white.T
    power = {"CR0": 0.0, "CR2": -0.5, "CR3": -1.0}[kind]
    total = np.zeros_like(leverage)
    for one in np.unique(subject):
        rows = np.ix_(subject == one, subject == one)
        values, vectors = np.linalg.eigh(np.eye(int((subject == one).sum())) - leverage[rows])
        total[rows] = vectors @ np.diag(values**power) @ vectors.T
    return total


@pytest.fixture(scope="module")
def fit():
    return model(FORMULA, made_up(3, patients=30), weights="w").fit()


@pytest.mark.parametrize("kind", KINDS)
def test_bell_mccaffrey_equals_the_matrix_of_all_values(fit, kind):
    estimates = after_fit.estimates(fit)
    x, residual, whitener, subject = _dense(fit.design, estimates)
    adjust = _adjusters(x, whitener, estimates.cov, subject, kind)
    white, p = whitener @ x, len(estimates.kept)
    spread = sandwich(fit.design.blocks, estimates, kind, scores=True)
    same = subject[:, None] == np.unique(subject)
    scores = (same * (adjust @ whitener @ residual)[:, None]).T @ white
    np.testing.assert_allclose(spread.scores, scores, rtol=EXACT, atol=EXACT * abs(scores).max())
    expected = estimates.cov @ scores.T @ scores @ estimates.cov
    np.testing.assert_allclose(spread.cov, expected, rtol=EXACT, atol=EXACT * expected.max())
    leftover = np.eye(len(x)) - white @ estimates.cov @ white.T
    contrasts = np.concatenate([np.eye(p), np.random.default_rng(1).standard_normal((3, p))])
    degrees = spread.degrees_of_freedom(contrasts)
    for contrast, ours in zip(contrasts, degrees, strict=True):
        column = same * (adjust @ white @ estimates.cov @ contrast)[:, None]
        gram = column.T @ leftover @ column
        assert ours == pytest.approx(np.trace(gram) ** 2 / np.trace(gram @ gram), rel=EXACT)


def test_cr2_is_without_bias_where_the_covariance_is_true():
    """E V is the sum of V over the columns of a root of the residuals' covariance."""
    design = model(FORMULA, made_up(4, patients=16)).design
    estimates = after_fit.at_covariance(design, SIGMA[None])
    (block,) = design.blocks()
    x, _, whitener, _ = _dense(design, estimates)
    root = np.linalg.inv(whitener)
    white = whitener @ x
    columns = root - x @ (estimates.cov @ (white.T @ (whitener @ root)))
    rows = block.rows.copy()
    expected = dict.fromkeys(KINDS, 0.0)
    for column in columns.T:
        rows[:, -1] = x @ estimates.beta + column
        moved = replace(block, rows=rows)
        for kind in KINDS:
            expected[kind] = expected[kind] + sandwich(lambda m=moved: [m], estimates, kind).cov
    np.testing.assert_allclose(expected["CR2"], estimates.cov, rtol=EXACT, atol=EXACT)
    assert (np.diag(expected["CR0"]) < np.diag(estimates.cov)).all()
    assert (np.diag(expected["CR3"]) > np.diag(estimates.cov)).all()


def _one_visit(seed: int) -> pd.DataFrame:
    data = made_up(seed, missing=0.0)
    return data[data["visit"] == "v0"].assign(visit=pd.Categorical(["v0"] * 40, ["v0"]))


@pytest.mark.parametrize(("kind", "white"), [("CR0", "HC0"), ("CR2", "HC2"), ("CR3", "HC3")])
def test_with_one_visit_it_is_the_covariance_of_statsmodels(kind, white):
    data = _one_visit(5)
    fit = model("y ~ base + arm", data).fit()
    ours = sandwich(fit.design.blocks, after_fit.estimates(fit), kind)
    x = np.column_stack([np.ones(40), data["base"], data["arm"] == "new"])
    table = sm.OLS(data["y"].to_numpy(), x).fit(cov_type=white)
    np.testing.assert_allclose(ours.cov, table.cov_params(), rtol=1e-7)


@pytest.mark.parametrize("options", [{}, {"subject_weights": "omega"}, {"weights": "w"}])
def test_cr3_is_the_jackknife_over_patients(options):
    data = made_up(6).dropna(subset="y")
    whole = after_fit.at_covariance(model(FORMULA, data, **options).design, SIGMA[None])
    total = 0.0
    for patient in data["id"].unique():
        less = model(FORMULA, data[data["id"] != patient], **options).design
        step = after_fit.at_covariance(less, SIGMA[None]).beta - whole.beta
        total = total + np.outer(step, step)
    ours = sandwich(model(FORMULA, data, **options).design.blocks, whole, "CR3").cov
    np.testing.assert_allclose(ours, total, rtol=1e-7, atol=EXACT)


@pytest.mark.parametrize("kind", KINDS)
def test_a_patients_weight_acts_like_the_precision_of_all_rows_of_the_patient(kind):
    data = made_up(7)
    answers = []
    for option in ("weights", "subject_weights"):
        design = model(FORMULA, data, **{option: "omega"}).design
        spread = sandwich(design.blocks, after_fit.at_covariance(design, SIGMA[None]), kind)
        answers.append((spread.cov, spread.degrees_of_freedom(np.eye(len(spread.cov)))))
    np.testing.assert_allclose(answers[0][0], answers[1][0], rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(answers[0][1], answers[1][1], rtol=EXACT)


def test_a_weight_of_two_for_everyone_changes_nothing_and_two_copies_halve_the_variance():
    data = made_up(8)
    once = model(FORMULA, data).design
    twice = model(FORMULA, pd.concat([data, data.assign(id=data["id"] + "b")])).design
    heavy = model(FORMULA, data.assign(two=2.0), subject_weights="two").design
    covs = [
        sandwich(d.blocks, after_fit.at_covariance(d, SIGMA[None]), "CR0").cov
        for d in (once, twice, heavy)
    ]
    np.testing.assert_allclose(covs[1], covs[0] / 2, rtol=EXACT, atol=EXACT)
    np.testing.assert_allclose(covs[2], covs[0], rtol=EXACT, atol=EXACT)


def test_scores_and_meat_add_up_over_blocks_and_large_data_are_read_again(fit, monkeypatch):
    estimates = after_fit.estimates(fit)
    whole = sandwich(fit.design.blocks, estimates, "CR2", scores=True)
    (block,) = fit.design.blocks()
    cut = int(np.flatnonzero(block.subject == block.subject[len(block.subject) // 2])[0])
    parts = [_slice(block, slice(0, cut)), _slice(block, slice(cut, None))]
    total = sum(meat(part, estimates, "CR2") for part in parts)
    np.testing.assert_allclose(total, whole.scores.T @ whole.scores, rtol=EXACT, atol=EXACT)
    assert list(whole.subject) == list(range(fit.n_subjects))
    monkeypatch.setattr(module, "NUMBERS_KEPT", 10)
    monkeypatch.setattr("analysis.mmrm.cohorts.PATIENTS_AT_ONCE", 3)
    again = sandwich(lambda: parts, estimates, "CR2")
    np.testing.assert_allclose(again.cov, whole.cov, rtol=EXACT, atol=EXACT)
    each = np.eye(len(whole.cov))
    np.testing.assert_allclose(
        again.degrees_of_freedom(each), whole.degrees_of_freedom(each), rtol=EXACT
    )


def _slice(block, part):
    values = {name: getattr(block, name) for name in block.__dataclass_fields__}
    return replace(block, **{k: v[part] for k, v in values.items() if v is not None})


@pytest.mark.parametrize("kind", ["CR2", "CR3"])
def test_a_patient_who_alone_decides_a_coefficient_is_counted_and_harmless(kind):
    data = made_up(9).assign(alone=lambda d: (d["id"] == "p003") * 1.0)
    design = model(FORMULA + " + alone", data).design
    spread = sandwich(design.blocks, after_fit.at_covariance(design, SIGMA[None]), kind)
    without = model(FORMULA, data).design
    plain = sandwich(without.blocks, after_fit.at_covariance(without, SIGMA[None]), kind)
    assert (spread.saturated, plain.saturated) == (1, 0)
    assert np.isfinite(spread.cov).all()
    # The other coefficients see patient p003 only through contrasts between visits.
    others = [k for k, name in enumerate(design.columns) if name != "alone"]
    near = np.diag(spread.cov)[others] / np.diag(plain.cov)
    assert ((near > 0.8) & (near < 1.2)).all()


def test_an_unknown_kind_and_an_empty_contrast_are_answered(fit):
    estimates = after_fit.estimates(fit)
    with pytest.raises(ModelError, match="vcov='HC1' is not known; allowed: CR0, CR2, CR3"):
        sandwich(fit.design.blocks, estimates, "HC1")
    spread = sandwich(fit.design.blocks, estimates, "CR0")
    nothing = np.zeros((1, len(spread.cov)))
    assert np.isnan(spread.degrees_of_freedom(nothing)).all()
    levels = ddf.column_levels(fit.design.blocks(), estimates.kept)
    assert np.isnan(ddf.between_within(levels, nothing)).all()


def test_a_repeated_row_of_a_joint_test_counts_once():
    fit = model("y ~ base + arm * visit", made_up(9)).fit(vcov="CR2")
    rows = np.eye(len(fit.params))[-3:]
    plain = fit.wald_test(rows)
    more = fit.wald_test(np.concatenate([rows, rows[:1] + rows[1:2]]))
    assert more.num_df == plain.num_df == 3
    inner = rows @ fit.params
    direct = inner @ np.linalg.solve(rows @ fit.cov_params() @ rows.T, inner) / 3
    assert plain.statistic == pytest.approx(direct, rel=EXACT)
    assert more.statistic == pytest.approx(direct, rel=EXACT)


def test_columns_are_told_apart_from_rows_or_from_statistics_alike():
    data = made_up(10).assign(sex=lambda d: d["id"].str[-1].isin(list("01234")) * 1.0)
    fit = model("y ~ base + sex + arm * visit", data).fit()
    by_rows = ddf.column_levels(fit.design.blocks(), fit.estimates.kept)
    total = model("y ~ base + sex + arm * visit", data).statistics
    by_statistics = ddf.column_levels_of_statistics(total, fit.estimates.kept)
    assert list(by_rows.within) == ["visit" in name for name in fit.design.columns]
    assert list(by_rows.constant) == [name == "Intercept" for name in fit.design.columns]
    for name in ("n_obs", "n_subjects", "constant", "within"):
        np.testing.assert_array_equal(getattr(by_rows, name), getattr(by_statistics, name))
    weighted = model("y ~ base + sex + arm * visit", data, weights="w").statistics
    with pytest.raises(ModelError, match="need the patients' rows where rows have weights"):
        ddf.column_levels_of_statistics(weighted, fit.estimates.kept)
