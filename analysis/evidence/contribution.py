"""Where a network estimate comes from: by comparison and by trial."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.evidence.between import joint_rows
from analysis.evidence.bivariate import HORIZONS, TwoHorizonNetwork
from analysis.evidence.graph import Graph, network_graph
from analysis.evidence.network import Network, between_trials

Array = NDArray[np.float64]

# Of the whole flow: an edge with less carries none but for rounding.
NO_FLOW = 1e-10


def evidence_flow(network: Network, therapy: str, comparator: str) -> pd.DataFrame:
    """How evidence runs from one therapy to another.

    Returns
    -------
    pandas.DataFrame
        `start`, `end`, `flow` (0 to 1), a row an edge that carries some: one row of the hat matrix.
    """
    graph = network_graph(network.contrasts, network.tau2)
    flow = graph.flow(network.position(therapy), network.position(comparator))
    rows = [(network.therapies[a], network.therapies[b], flow[a, b])
            for a, b in np.argwhere(flow > NO_FLOW)]  # fmt: skip
    table = pd.DataFrame(rows, columns=["start", "end", "flow"])
    return table.sort_values("flow", ascending=False, kind="stable").reset_index(drop=True)


def contributions(network: Network) -> pd.DataFrame:
    """Share of every direct comparison in every network estimate.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `comparator` (the estimate), `direct_therapy`, `direct_comparator` (the
        evidence), `share`; the shares of an estimate add up to 1.

    Raises
    ------
    ModelError
        A trial whose covariance gives an edge a negative weight: then flow is no share of anything.

    Notes
    -----
    Evidence walks along the flow, at each therapy dividing as the flow does; a path's probability
    is shared equally by its edges (Davies et al. 2022, Stat Med 41:2091). In closed form by the
    lengths of the paths that reach and leave an edge.
    """
    graph = network_graph(network.contrasts, network.tau2)
    _require_conductances(graph)
    rows = []
    for one, other in combinations(range(len(graph.therapies)), 2):
        share = _shares(graph.flow(one, other), one, other)
        rows += [
            (graph.therapies[one], graph.therapies[other],
             *sorted((graph.therapies[a], graph.therapies[b])), share[a, b])
            for a, b in np.argwhere(share > 0)
        ]  # fmt: skip
    columns = ["therapy", "comparator", "direct_therapy", "direct_comparator", "share"]
    return pd.DataFrame(rows, columns=columns)


def trial_shares(network: Network, therapy: str, comparator: str) -> pd.DataFrame:
    """Share of every trial in the variance of one network estimate.

    Returns
    -------
    pandas.DataFrame
        `study`, `share` (adds up to 1), `leverage` (summed over the trial's rows: change of its
        fitted contrasts with its observed ones).

    Notes
    -----
    The estimate is h'y with h = V⁻¹X(X'V⁻¹X)⁻¹c; its variance is the sum of h_s'V_s h_s over
    trials.
    """
    contrasts, tau2 = network.contrasts, network.tau2
    arms = contrasts.design(network.therapies)
    covariance = contrasts.covariance + tau2 * between_trials(contrasts)
    graph = network_graph(contrasts, tau2)
    fitted = np.linalg.solve(covariance, arms) @ graph.pseudo_inverse
    one, other = network.position(therapy), network.position(comparator)
    h = fitted[:, one] - fitted[:, other]
    parts = pd.DataFrame({
        "study": contrasts.study, "share": h * (covariance @ h),
        "leverage": np.einsum("ij,ij->i", fitted, arms),
    })  # fmt: skip
    table = parts.groupby("study", sort=False).sum()
    return table.assign(share=table["share"] / table["share"].sum()).reset_index()


def horizon_shares(network: TwoHorizonNetwork, therapy: str, comparator: str) -> pd.DataFrame:
    """Share of every trial in the variance of relief at each horizon.

    Returns
    -------
    pandas.DataFrame
        `study`, `short`, `long`; each adds up to 1, and is NaN where relief is not estimable. A
        trial with one horizon has a share of the other where the two are correlated.
    """
    pair, spread = network.pair, network.spread
    names = [tuple(name for name in part.therapies if name != network.reference)
             for part in (pair.short, pair.long)]  # fmt: skip
    rows = joint_rows(pair, *names)
    place = network.places(names)
    covariance = rows.covariance(spread)
    inverse = network.covariance[np.ix_(place, place)]
    h = np.linalg.solve(covariance, rows.x) @ inverse @ network.rows(therapy, comparator)[:, place].T
    table = pd.DataFrame(h * (covariance @ h), columns=list(HORIZONS))
    table.insert(0, "study", pair.short.study + pair.long.study)
    shares = table.groupby("study", sort=False).sum()
    known = np.isfinite(network.compare(therapy, comparator)[0])
    return (shares / shares.sum()).where(known[None, :] & np.ones_like(shares, bool)).reset_index()


def _require_conductances(graph: Graph) -> None:
    weights = graph.weights
    for a, b in np.argwhere(weights < -NO_FLOW * weights.max()):
        raise ModelError(
            f"The covariance within trials gives {graph.therapies[a]} against {graph.therapies[b]} "
            "a negative weight, so that shares of comparisons mean nothing; see trial_shares."
        )


def _shares(flow: Array, start: int, end: int) -> Array:
    """Expected share of every edge in a walk down the flow, shape (T, T)."""
    down = np.where(flow > NO_FLOW, flow, 0.0)
    leaving = down.sum(axis=1, keepdims=True)
    step = np.divide(down, leaving, out=np.zeros_like(down), where=leaving > 0)
    # reach[m, a]: a walk is at a after m steps; leave[m, b]: from b it arrives in m steps.
    reach, leave = [np.eye(len(step))[start]], [np.eye(len(step))[end]]
    for _ in range(len(step) - 1):
        reach.append(reach[-1] @ step)
        leave.append(step @ leave[-1])
    share = np.zeros_like(step)
    for before, at in enumerate(reach):
        for after, to in enumerate(leave[: len(step) - before]):
            share += np.outer(at, to) * step / (before + 1 + after)
    return share / share.sum()
