"""Combinations of therapies as sums of their parts, and whether they are that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg

from analysis.distributions import chi2_tail
from analysis.errors import ModelError
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.direct import therapy_evidence
from analysis.evidence.network import Model, Network, check_options, inference, whitened
from analysis.evidence.tau_squared import Heterogeneity, TauMethod, heterogeneity_of
from analysis.schema import Horizon, result_frame

Array = NDArray[np.float64]

# Of the largest singular value: what is below is rounding.
RANK = 1e-10
UNKNOWN = "not estimable: no trial sets this component apart from the others"


@dataclass(frozen=True, eq=False, repr=False)
class ComponentNetwork:
    """A network whose therapies are sums of components.

    Attributes
    ----------
    contrasts : Contrasts
    components : tuple of str, length c
        Parts of therapies; a combination that has an interaction of its own stands here whole.
    inactive : str
        The component that adds nothing.
    separator : str
    model : {"random", "common"}
    level : float
    estimate : ndarray, shape (c,)
        What each adds to relief; NaN where no trial sets it apart.
    basis : ndarray, shape (c, r)
        Directions that the trials inform.
    coefficients, covariance : ndarray, shape (r,) and (r, r)
        In those directions.
    heterogeneity : Heterogeneity
    additivity : pandas.DataFrame
        `tau2`, `q_additive`, `df_additive`, `q_standard`, `df_standard`, `q`, `df`, `p_value`: H0:
        every combination relieves as much as the sum of its parts; at τ² = 0, as netcomb has it,
        and at the τ² of the standard network.
    """

    contrasts: Contrasts
    components: tuple[str, ...]
    inactive: str
    separator: str
    model: Model
    level: float
    estimate: Array
    basis: Array
    coefficients: Array
    covariance: Array
    heterogeneity: Heterogeneity
    additivity: pd.DataFrame

    def __repr__(self) -> str:
        return self.summary()

    def summary(self) -> str:
        """The fit as text: facts, the test of additivity, a line a component."""
        test = self.additivity.iloc[-1]
        shown = self.effects()[["component", "estimate", "conf_low", "conf_high", "trials", "note"]]
        p_value = "" if np.isnan(test["p_value"]) else f", p {test['p_value']:.3f}"
        return "\n".join([
            self.method,
            f"Additive or not: Q {test['q']:.2f} on {test['df']:.0f} df at τ² {test['tau2']:.3g}{p_value}",
            f"Relief over {self.inactive} ({self.contrasts.unit or 'own unit'})",
            shown.to_string(index=False, float_format=lambda value: f"{value:.3f}"),
        ])  # fmt: skip

    @property
    def method(self) -> str:
        """One line for the result frame."""
        h = self.heterogeneity
        spread = "" if self.model == "common" else f", τ² {h.tau2:.3g} ({h.method})"
        return (f"additive component network, {self.model} effects{spread}, "
                f"{len(self.contrasts.studies)} trials")  # fmt: skip

    def effects(self) -> pd.DataFrame:
        """What every component adds: `component`, estimate and interval, `trials`, `note`."""
        table = self._combine(np.eye(len(self.components)))
        table.insert(0, "component", self.components)
        trials = [self._trials(name) for name in self.components]
        return table.assign(trials=trials, note=np.where(table["estimate"].isna(), UNKNOWN, ""))

    def combination(self, therapy: str, comparator: str | None = None) -> pd.Series:
        """Relief with a therapy, seen in a trial or not, less relief with another.

        Parameters
        ----------
        therapy : str
            Components joined by the separator.
        comparator : str, optional
            The inactive component when left out.
        """
        against = self.inactive if comparator is None else comparator
        one, other = (self._members(name) for name in (therapy, against))
        found = self._combine((one - other)[None, :]).iloc[0]
        note = UNKNOWN if np.isnan(found["estimate"]) else ""
        return pd.concat([pd.Series({"therapy": therapy, "comparator": against}), found,
                          pd.Series({"note": note})])  # fmt: skip

    def tidy(self, *, horizon: Horizon = "") -> pd.DataFrame:
        """`effects` in the result frame's shape, against the inactive component."""
        numbers = ("estimate", "std_error", "df", "statistic", "p_value", "conf_low", "conf_high")
        return result_frame({
            **{name: row[name] for name in numbers},
            "analysis": "component network", "measure": self.contrasts.measure,
            "estimand": f"what a component adds in published trials, {self.model}",
            "quantity": "relief", "horizon": horizon, "therapy": row["component"],
            "comparator": self.inactive, "method": self.method,
            "note": row["note"] or f"in {row['trials']} trials",
        } for row in self.effects().to_dict("records"))  # fmt: skip

    def _combine(self, weights: Array) -> pd.DataFrame:
        inside = weights @ self.basis
        lost = np.abs(weights - inside @ self.basis.T).max(axis=1) > np.sqrt(RANK)
        estimate = np.where(lost, np.nan, inside @ self.coefficients)
        variance = np.einsum("ij,jk,ik->i", inside, self.covariance, inside)
        error = np.where(lost, np.nan, np.sqrt(variance))
        return inference(estimate, error, np.inf, self.level)

    def _members(self, therapy: str) -> Array:
        return _membership((therapy,), self.components, self.inactive, self.separator)[0]

    def _trials(self, component: str) -> int:
        rows = _membership(
            self.contrasts.therapies, self.components, self.inactive, self.separator
        )[:, self.components.index(component)]  # fmt: skip
        moved = self.contrasts.design(self.contrasts.therapies) @ rows != 0
        return len({name for name, m in zip(self.contrasts.study, moved, strict=True) if m})


def fit_components(
    contrasts: Contrasts, inactive: str, *, separator: str = "+", model: Model = "random",
    tau2: TauMethod | float = "REML", interactions: Sequence[str] = (), level: float = 0.95,
) -> ComponentNetwork:  # fmt: skip
    """Fit a network in which the relief of a combination is the sum of its parts.

    It can join pieces of a network that share components, at the price of additivity.

    Parameters
    ----------
    contrasts : Contrasts
    inactive : str
        The component that adds nothing, such as usual care.
    separator : str
        Between components in the name of a therapy.
    model : {"random", "common"}
    tau2 : {"REML", "ML", "DL", "PM"} or float
        Of the additive model.
    interactions : sequence of str
        Combinations with a coefficient of their own: what they relieve beyond their parts.
    level : float

    Raises
    ------
    ModelError
        No therapy has the inactive component, an interaction that no trial has, nothing to
        estimate, or an option that does not exist.

    References
    ----------
    Welton et al. 2009, Am J Epidemiol 169:1158; Rücker, Petropoulou, Schwarzer 2020, Biom J 62:808.
    """
    check_options(model, tau2, "z", level)
    parts = sorted({part for name in contrasts.therapies for part in _parts(name, separator)})
    if inactive not in parts:
        raise ModelError(f"No therapy has the component {inactive!r}; there are {', '.join(parts)}.")
    for name in interactions:
        if not any(_holds(therapy, name, separator) for therapy in contrasts.therapies):
            raise ModelError(f"No trial has {name!r}: there is no interaction to estimate.")
    components = (*(part for part in parts if part != inactive), *interactions)
    arms = contrasts.design(contrasts.therapies)
    x = arms @ _membership(contrasts.therapies, components, inactive, separator)
    basis = _informed(x)
    if not basis.shape[1]:
        raise ModelError("Every trial compares the same components: there is nothing to estimate.")
    rows = whitened(contrasts, x @ basis)
    h = heterogeneity_of(rows, 0.0 if model == "common" else tau2, level)
    coefficients, factor, _ = rows.fit(h.tau2)
    covariance = linalg.cho_solve((factor, False), np.eye(len(coefficients)))
    estimate = np.where(
        np.abs(np.eye(len(basis)) - basis @ basis.T).max(axis=1) > np.sqrt(RANK), np.nan,
        basis @ coefficients,
    )  # fmt: skip
    return ComponentNetwork(
        contrasts, components, inactive, separator, model, level, estimate, basis, coefficients,
        covariance, h, _additivity(contrasts, x @ basis, arms, tau2 if model == "random" else 0.0),
    )  # fmt: skip


def combinations(components: ComponentNetwork, network: Network) -> pd.DataFrame:
    """Combinations as sums of their parts beside what the network says of them whole.

    Parameters
    ----------
    components : ComponentNetwork
    network : Network
        Of the same trials; its reference is the inactive component.

    Returns
    -------
    pandas.DataFrame
        `therapy`, `trials` that had it, `sum`, `sum_low`, `sum_high`, `whole`, `whole_low`,
        `whole_high`; NaN where one of the two cannot be told.
    """
    inactive = components.inactive
    whole = network.effects(inactive).set_index("therapy")
    known = therapy_evidence(components.contrasts)
    rows = []
    for name in components.contrasts.therapies:
        if len(_parts(name, components.separator) - {inactive}) < 2:
            continue
        row: dict[str, object] = {"therapy": name, "trials": known[name].trials}
        sources = {"sum": components.combination(name)}
        sources |= {"whole": whole.loc[name]} if name in whole.index else {}
        for kind in ("sum", "whole"):
            found = sources.get(kind, {})
            row |= {kind: found.get("estimate", np.nan), f"{kind}_low": found.get("conf_low", np.nan),
                    f"{kind}_high": found.get("conf_high", np.nan)}  # fmt: skip
        rows.append(row)
    columns = ["therapy", "trials", *(f"{kind}{end}" for kind in ("sum", "whole")
                                      for end in ("", "_low", "_high"))]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _additivity(
    contrasts: Contrasts, additive: Array, arms: Array, tau2: TauMethod | float
) -> pd.DataFrame:
    """Q of the additive model less Q of the network without that restriction."""
    standard = whitened(contrasts, arms @ _informed(arms))
    small = whitened(contrasts, additive)
    spread = heterogeneity_of(standard, tau2).tau2
    rows = []
    for value in dict.fromkeys([0.0, spread]):
        q, df = small.q(value) - standard.q(value), small.df - standard.df
        rows.append((value, small.q(value), small.df, standard.q(value), standard.df, q, df,
                     chi2_tail(q, df) if df else np.nan))  # fmt: skip
    columns = ["tau2", "q_additive", "df_additive", "q_standard", "df_standard", "q", "df", "p_value"]
    return pd.DataFrame(rows, columns=columns)


def _informed(x: Array) -> Array:
    """Orthonormal directions of the coefficients that the rows inform, shape (columns, rank)."""
    _, values, vectors = np.linalg.svd(x, full_matrices=False)
    return vectors[values > RANK * max(values.max(initial=0.0), np.finfo(float).tiny)].T


def _membership(
    therapies: Sequence[str], components: Sequence[str], inactive: str, separator: str
) -> Array:
    """1 where a therapy has a component, shape (therapies, components)."""
    known = {*components, inactive}
    for name in therapies:
        foreign = sorted(_parts(name, separator) - known)
        if foreign:
            raise ModelError(f"{name!r} has the component {', '.join(foreign)}, which no trial has.")
    return np.array([
        [float(_holds(name, part, separator)) for part in components] for name in therapies
    ])  # fmt: skip


def _parts(name: str, separator: str) -> set[str]:
    return {part.strip() for part in name.split(separator)}


def _holds(therapy: str, combination: str, separator: str) -> bool:
    return _parts(combination, separator) <= _parts(therapy, separator)
