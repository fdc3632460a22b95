"""Whether direct and indirect evidence agree (docs/methods.md, networks of trials)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg

from analysis.distributions import chi2_tail, normal_tail
from analysis.errors import ModelError
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.direct import direct_evidence
from analysis.evidence.network import Network, fit_network, whitened
from analysis.evidence.pieces import require_one_piece
from analysis.evidence.tau_squared import TauMethod, Whitened, heterogeneity_of

Array = NDArray[np.float64]
Split = Literal["back-calculation", "refit"]

# Share of direct evidence above which there is no indirect evidence to speak of.
ALL_DIRECT = 1 - 1e-9
# Of the largest singular value.
RANK = 1e-9


def designs_of(contrasts: Contrasts) -> dict[str, tuple[str, ...]]:
    """Design of every trial: its arms in alphabetical order."""
    return {study: tuple(sorted(contrasts.arms_of(study))) for study in contrasts.studies}


@dataclass(frozen=True, slots=True)
class DesignTest:
    """The design-by-treatment interaction test, with heterogeneity within designs in it.

    Attributes
    ----------
    q, df, p_value : float
        H0: every design has the same relative effects.
    tau2 : float
        Between trials of one design.
    """

    q: float
    df: int
    p_value: float
    tau2: float


def decompose_q(contrasts: Contrasts) -> pd.DataFrame:
    """Split Cochran's Q into what trials of one design disagree on and what designs disagree on.

    Returns
    -------
    pandas.DataFrame
        `term` ("total", "within designs", "between designs", then each design as "a:b"), `q`, `df`,
        `p_value` (NaN without degrees of freedom).

    Raises
    ------
    ModelError
        A network in pieces.

    References
    ----------
    Krahn, Binder, König 2013, BMC Med Res Methodol 13:35.
    """
    total, saturated = _consistent(contrasts), _by_design(contrasts)
    within = saturated.q(0.0) if saturated.df else 0.0
    rows = [("total", total.q(0.0), total.df), ("within designs", within, saturated.df)]
    rows.append(("between designs", rows[0][1] - rows[1][1], rows[0][2] - rows[1][2]))
    design = designs_of(contrasts)
    for name in sorted(set(design.values())):
        part = contrasts.without(study for study in design if design[study] != name)
        alone = _by_design(part)
        rows.append((":".join(name), alone.q(0.0) if alone.df else 0.0, alone.df))
    table = pd.DataFrame(rows, columns=["term", "q", "df"])
    p_value = [chi2_tail(q, df) for q, df in zip(table["q"], table["df"], strict=True)]
    return table.assign(p_value=p_value)


def design_by_treatment(contrasts: Contrasts, tau2: TauMethod | float = "DL") -> DesignTest:
    """Test consistency of the whole network, heterogeneity within designs allowed for.

    Parameters
    ----------
    contrasts : Contrasts
    tau2 : {"DL", "REML", "ML", "PM"} or float
        Variance between trials of one design.

    Raises
    ------
    ModelError
        A network in pieces, or an unknown method.

    References
    ----------
    Higgins et al. 2012, Res Synth Methods 3:98; Jackson et al. 2014, Stat Med 33:3639.
    """
    total, saturated = _consistent(contrasts), _by_design(contrasts)
    within = heterogeneity_of(saturated, tau2).tau2
    q, df = total.q(within) - saturated.q(within), total.df - saturated.df
    return DesignTest(q, df, chi2_tail(q, df) if df else np.nan, within)


def node_split(network: Network, method: Split = "back-calculation") -> pd.DataFrame:
    """Direct against indirect evidence, for every comparison that trials made directly.

    Parameters
    ----------
    network : Network
    method : {"back-calculation", "refit"}
        Back-calculation takes the direct estimate out of the network's, 1/v_ind = 1/v_nma − 1/v_dir,
        at the network's τ². Standard errors are those of the model: Hartung and Knapp's factor, which
        would break the sum, is left out. Refit gives trials that hold both therapies a coefficient
        of their own for the difference and estimates τ² again.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `comparator`, `trials`, `network`, `network_error`, `direct`, `direct_error`,
        `indirect`, `indirect_error`, `difference`, `difference_error`, `statistic`, `p_value`,
        `share_direct`, `note`. What there is no indirect evidence for is NaN with a note.

    References
    ----------
    Dias et al. 2010, Stat Med 29:932; König et al. 2013, Stat Med 32:5414; White 2015, Stata J
    15:951 (the symmetrical split of trials with several arms).
    """
    if method not in ("back-calculation", "refit"):
        raise ModelError(f"method is {method!r}; it can be back-calculation or refit.")
    pooled = direct_effects(network)
    plain = fit_network(network.contrasts, network.reference, model=network.model, tau2=network.tau2)
    rows = pooled.merge(_network_rows(plain, pooled), on=["therapy", "comparator"])
    split = _back_calculated(rows) if method == "back-calculation" else _refitted(network, rows)
    table = rows.join(split)
    statistic = table["difference"] / table["difference_error"]
    without = "no indirect evidence: only trials of this comparison join the two"
    return table.assign(
        statistic=statistic, p_value=2 * normal_tail(np.abs(statistic)),
        note=np.where(table["difference"].isna(), without, ""),
    )  # fmt: skip


def direct_effects(network: Network) -> pd.DataFrame:
    """Pool trials that compared two therapies, at the network's τ², for every such pair.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `comparator`, `trials`, `patients`, `direct`, `direct_error`.
    """
    contrasts, rows = network.contrasts, []
    for pair, known in direct_evidence(contrasts).items():
        found = [_difference(contrasts, study, *pair) for study in known.studies]
        effect, variance = np.array(found).T
        weight = 1 / (variance + network.tau2)
        rows.append((*pair, known.trials, known.patients, weight @ effect / weight.sum(),
                     weight.sum() ** -0.5))  # fmt: skip
    columns = ["therapy", "comparator", "trials", "patients", "direct", "direct_error"]
    return pd.DataFrame(rows, columns=columns)


def _difference(contrasts: Contrasts, study: str, one: str, other: str) -> tuple[float, float]:
    """Effect and variance of one arm of a trial against another."""
    at = contrasts.rows_of(study)
    names = [contrasts.therapy[row] for row in at]
    weights = np.array([float(name == one) - float(name == other) for name in names])
    block = contrasts.covariance[np.ix_(at, at)]
    return float(weights @ contrasts.effect[at]), float(weights @ block @ weights)


def _network_rows(network: Network, pairs: pd.DataFrame) -> pd.DataFrame:
    weights = np.zeros((len(pairs), len(network.therapies)))
    for row, (one, other) in enumerate(zip(pairs["therapy"], pairs["comparator"], strict=True)):
        weights[row, network.position(one)], weights[row, network.position(other)] = 1.0, -1.0
    found = network.combine(weights)
    return pairs[["therapy", "comparator"]].assign(
        network=found["estimate"], network_error=found["std_error"]
    )


def _back_calculated(rows: pd.DataFrame) -> pd.DataFrame:
    """1/v_ind = 1/v_nma − 1/v_dir, and the estimate that goes with it."""
    whole, direct = rows["network_error"] ** -2, rows["direct_error"] ** -2
    share = direct / whole
    left = (whole - direct).where(share < ALL_DIRECT)
    indirect = (rows["network"] * whole - rows["direct"] * direct) / left
    error = left**-0.5
    return pd.DataFrame({
        "indirect": indirect, "indirect_error": error, "difference": rows["direct"] - indirect,
        "difference_error": np.sqrt(rows["direct_error"] ** 2 + error**2),
        "share_direct": share.clip(upper=1.0),
    })  # fmt: skip


def _refitted(network: Network, rows: pd.DataFrame) -> pd.DataFrame:
    """Indirect estimate and difference from one fit a comparison."""
    contrasts, therapies = network.contrasts, network.therapies
    others = [place for place, name in enumerate(therapies) if name != network.reference]
    arms = contrasts.design(therapies)
    method = network.heterogeneity.method
    found = []
    for one, other in zip(rows["therapy"], rows["comparator"], strict=True):
        first, second = network.position(one), network.position(other)
        holds = np.array([{one, other} <= set(contrasts.arms_of(name)) for name in contrasts.study])
        extra = np.where(holds, (arms[:, first] - arms[:, second]) / 2, 0.0)
        x = np.column_stack([arms[:, others], extra])
        if np.linalg.matrix_rank(x, tol=RANK * np.linalg.norm(x, 2)) < x.shape[1]:
            found.append((np.nan,) * 4)
            continue
        split = whitened(contrasts, x)
        tau2 = heterogeneity_of(split, network.tau2 if method == "fixed" else method).tau2
        weights = np.zeros((2, x.shape[1]))
        weights[0, : len(others)] = np.eye(len(therapies))[first, others]
        weights[0, : len(others)] -= np.eye(len(therapies))[second, others]
        weights[1, -1] = 1.0
        coefficients, factor, _ = split.fit(tau2)
        half = linalg.solve_triangular(factor, weights.T, trans="T")
        error = np.sqrt((half**2).sum(axis=0))
        found.append(tuple(np.column_stack([weights @ coefficients, error]).ravel()))
    columns = ["indirect", "indirect_error", "difference", "difference_error"]
    split = pd.DataFrame(found, columns=columns)
    return split.assign(share_direct=_back_calculated(rows)["share_direct"])


def _consistent(contrasts: Contrasts) -> Whitened:
    require_one_piece(contrasts)
    return whitened(contrasts, contrasts.design(contrasts.therapies)[:, 1:])


def _by_design(contrasts: Contrasts) -> Whitened:
    """Every design with relative effects of its own."""
    design = designs_of(contrasts)
    blocks = []
    for arms in dict.fromkeys(design.values()):
        members = np.array([design[study] == arms for study in contrasts.study])
        block = contrasts.design(contrasts.therapies) * members[:, None]
        blocks.append(block[:, [contrasts.therapies.index(arm) for arm in arms[1:]]])
    return whitened(contrasts, np.hstack(blocks))
