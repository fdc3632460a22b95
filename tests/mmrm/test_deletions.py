"""The likelihood without a patient, from sums of products, against that of the others' rows."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from after_fit import made_up

from analysis.mmrm import MMRM, deletions, leave_out
from analysis.mmrm.deletions import Deletions, Moments
from analysis.mmrm.likelihood import evaluate, gradient
from analysis.mmrm.stack import Stack

ROLES = {"subject": "id", "visit": "visit"}
# Everything at one visit, something at all of them, nothing at one visit alone.
FORMULAS = {
    "y ~ 0 + visit + visit:arm + visit:base": "all",
    "y ~ base + arm * visit": "some",
    "y ~ base + arm": "none",
}
OPTIONS = [{}, {"group": "arm"}, {"weights": "w", "subject_weights": "omega"}, {"reml": False}]
# The gradient is near 0 at the maximum and taken far from it here.
SAME = 1e-9


def _left_out(model: MMRM) -> tuple[Deletions, list[Stack], np.ndarray]:
    """Patients to leave out, the others' rows, and the covariance of all."""
    work = model._workspace(model.covariance[0], model.statistics, model.design.groups)
    optimum, _ = work.search()
    left = list(_parts(model, work))
    moments = Moments.of(work.stack)
    rows = moments.local(np.stack([one.rows for one in left]))
    pattern, weight = (np.array([getattr(one, name) for one in left]) for name in ("pattern", "weight"))
    others = [leave_out._taken_away(work.stack, one) for one in left]
    return Deletions(moments, rows, pattern, weight, model.reml), others, optimum.point.sigma


def _parts(model: MMRM, work) -> Iterator[leave_out._Left]:
    for block in model.design.blocks():
        rows = leave_out._working_rows(block, work)
        for own in leave_out._own_rows(block):
            yield leave_out._left(work.stack, block, rows, own)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("formula", FORMULAS)
def test_sums_of_products_say_what_the_others_rows_say(formula, options):
    data = made_up(41, patients=40)
    out, others, sigma = _left_out(MMRM.from_formula(formula, data, **ROLES, **options))
    # A covariance of its own for each, away from the maximum.
    each = sigma * (1 + 0.3 * np.arange(1, len(others) + 1) / len(others))[:, None, None, None]
    found = out.gradients(each, np.arange(len(others)))
    beta, root = out.least_squares(each, np.arange(len(others)))
    for k, rest in enumerate(others):
        point = evaluate(rest, each[k], out.reml)
        np.testing.assert_allclose(found[k], gradient(rest, point), rtol=SAME, atol=SAME)
        np.testing.assert_allclose(beta[k], point.beta, rtol=SAME, atol=SAME)
        np.testing.assert_allclose(root[k] @ root[k].T, point.cov, rtol=SAME, atol=SAME)


@pytest.mark.parametrize("formula", FORMULAS)
def test_columns_that_can_be_at_one_visit_only_are(formula):
    out, others, _ = _left_out(MMRM.from_formula(formula, made_up(42, patients=40), **ROLES))
    p, sizes = others[0].n_columns, [len(columns) for columns in out.moments.columns]
    shared = {"all": 0, "some": 1, "none": p}[FORMULAS[formula]]
    assert sum(sizes) == p - shared + len(sizes) * (shared + 1)
    np.testing.assert_allclose(out.moments.turn.T @ out.moments.turn, np.eye(p), atol=1e-12)


def test_sums_that_are_not_kept_are_made_again(monkeypatch):
    model = MMRM.from_formula("y ~ base + arm * visit", made_up(43, patients=40), **ROLES)
    kept = list(model.leave_one_out())
    monkeypatch.setattr(deletions, "KEPT", 0)
    assert _left_out(model)[0].moments.kept is None
    for one, other in zip(kept, model.leave_one_out(), strict=True):
        np.testing.assert_array_equal(one.estimates.beta, other.estimates.beta)


def test_a_covariance_that_is_not_definite_spoils_its_own_patient_only():
    out, others, sigma = _left_out(
        MMRM.from_formula("y ~ base + arm * visit", made_up(44, patients=30), **ROLES)
    )
    each, chosen = np.stack([sigma, -sigma, sigma]), np.array([0, 1, 2])
    found, (beta, root) = out.gradients(each, chosen), out.least_squares(each, chosen)
    for part in (found, beta, root):
        assert np.isnan(part[1]).all() and np.isfinite(part[[0, 2]]).all()
    np.testing.assert_allclose(found[2], gradient(others[2], evaluate(others[2], sigma)), atol=SAME)


def test_refits_do_not_depend_on_who_is_refitted_beside_whom(monkeypatch):
    model = MMRM.from_formula("y ~ base + arm * visit", made_up(45, patients=30), **ROLES)
    together = list(model.leave_one_out())
    monkeypatch.setattr(leave_out, "VALUES_AT_ONCE", 1)
    for one, other in zip(together, model.leave_one_out(), strict=True):
        assert one.patient == other.patient
        np.testing.assert_allclose(one.estimates.beta, other.estimates.beta, rtol=1e-10)


def test_who_has_no_gradient_is_left_to_the_other_search(monkeypatch):
    model = MMRM.from_formula("y ~ base + arm * visit", made_up(46, patients=30), **ROLES)
    kept, gradients = list(model.leave_one_out()), Deletions.gradients

    def spoiled(self, sigma, chosen):
        found = gradients(self, sigma, chosen)
        found[chosen == 3] = np.nan
        return found

    monkeypatch.setattr(Deletions, "gradients", spoiled)
    for one, other in zip(kept, model.leave_one_out(), strict=True):
        assert other.converged
        np.testing.assert_allclose(one.estimates.beta, other.estimates.beta, rtol=1e-8)
