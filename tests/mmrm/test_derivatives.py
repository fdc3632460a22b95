"""Oracles 1 and 2: derivatives against differences, for every structure, and the EM map."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.mmrm import MMRM
from analysis.mmrm.basis import working_statistics
from analysis.mmrm.covariance import STRUCTURES, CovarianceModel, find_structure
from analysis.mmrm.likelihood import average_information, curvature, em_step, evaluate
from analysis.mmrm.optimise import derivatives, maximise
from analysis.mmrm.stack import Stack
from analysis.mmrm.start import moment_covariance
from tests.mmrm.after_fit import made_up

FORMULA = "y ~ base + arm * visit"
STEP = 1e-5
# Central differences with this step are off by its square times the third derivative.
FIRST, SECOND = 1e-6, 1e-6
GROUPS = [None, "arm"]


def _stack(group=None, weights=None):
    model = MMRM.from_formula(
        FORMULA, made_up(1, patients=60), subject="id", visit="visit", group=group, weights=weights
    )
    return Stack.of(working_statistics(model.statistics)[0])


def _model(name, stack):
    m = stack.n_visits
    visits, measures = [f"v{k}" for k in range(m)], (None,)
    if "@" in name:
        visits, measures = visits[: m // 2], ("pain", "sleep")
    times = np.array([1.0, 2.0, 4.5, 9.0])[: len(visits)]
    return CovarianceModel(name, find_structure(name, visits, times, measures), stack.n_groups)


@pytest.mark.parametrize("reml", [True, False])
@pytest.mark.parametrize("group", GROUPS)
@pytest.mark.parametrize("name", STRUCTURES)
@pytest.mark.parametrize("system", ["search", "natural"])
def test_oracle_1_derivatives_agree_with_central_differences(name, group, reml, system):
    stack = _stack(group, "w")
    model = _model(name, stack)
    x = model.start(moment_covariance(stack) * 1.3)
    if system == "natural":
        x = model.natural_values(x)

    def at(x):
        point = evaluate(stack, model.sigma(x, system), reml)
        bent = curvature(stack, point)
        jacobian = model.jacobian(x, system)
        hessian = jacobian.T @ bent.hessian @ jacobian + model.bend(x, bent.score, system)
        return point.value, jacobian.T @ bent.gradient, hessian

    _, gradient, hessian = at(x)
    for k, unit in enumerate(np.eye(len(x))):
        up, down = at(x + STEP * unit), at(x - STEP * unit)
        assert (up[0] - down[0]) / (2 * STEP) == pytest.approx(gradient[k], rel=FIRST, abs=1e-5)
        slope = (up[1] - down[1]) / (2 * STEP)
        np.testing.assert_allclose(slope, hessian[k], rtol=SECOND, atol=1e-4)


def test_the_searchs_derivatives_are_those_of_its_coordinates():
    stack = _stack()
    model = _model("toeph", stack)
    theta = model.start(moment_covariance(stack))
    bent = curvature(stack, evaluate(stack, model.sigma(theta)))
    gradient, hessian, jacobian = derivatives(model, theta, bent)
    np.testing.assert_allclose(gradient, jacobian.T @ bent.gradient)
    np.testing.assert_allclose(
        hessian, jacobian.T @ bent.hessian @ jacobian + model.bend(theta, bent.score)
    )


@pytest.mark.parametrize("group", GROUPS)
def test_the_average_information_is_never_negative(group):
    stack = _stack(group)
    far = 40 * np.eye(stack.n_visits) + 0 * moment_covariance(stack)
    point = evaluate(stack, far)
    assert np.linalg.eigvalsh(curvature(stack, point).hessian)[0] < 0
    assert np.linalg.eigvalsh(average_information(stack, point))[0] >= -1e-9


@pytest.mark.parametrize("group", GROUPS)
def test_oracle_2_em_never_lowers_the_likelihood_and_ends_where_newton_does(group):
    stack = _stack(group)
    point = evaluate(stack, moment_covariance(stack))
    values = [point.value]
    for _ in range(1200):
        point = evaluate(stack, em_step(stack, point))
        values.append(point.value)
    assert np.all(np.diff(values) <= 1e-10)
    model = _model("us", stack)
    optimum = maximise(stack, model, model.start(moment_covariance(stack)))
    assert optimum.converged
    assert point.value == pytest.approx(optimum.point.value, abs=1e-7)


@pytest.mark.parametrize("name", STRUCTURES)
def test_both_systems_describe_the_same_matrix_and_start_where_they_are_told(name):
    stack = _stack("arm")
    model = _model(name, stack)
    theta = model.start(moment_covariance(stack)) + 0.1
    sigma = model.sigma(theta)
    np.testing.assert_allclose(sigma, model.sigma(model.natural_values(theta), "natural"))
    np.testing.assert_allclose(model.start(sigma), theta, atol=1e-6)
