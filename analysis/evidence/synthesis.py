"""All trials of one outcome pooled at both horizons, under one definition of the horizons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import pandas as pd

from analysis.evidence.bivariate import HORIZONS, TwoHorizonNetwork, fit_two_horizons
from analysis.evidence.certainty import certainty_of
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.direct import network_edges, network_nodes
from analysis.evidence.effects import PublishedEffects, published_effects
from analysis.evidence.horizons import TwoHorizons, pair_horizons
from analysis.evidence.inconsistency import decompose_q, design_by_treatment
from analysis.evidence.network import Network, fit_network
from analysis.evidence.pairs import BETWEEN_HORIZONS
from analysis.evidence.pieces import piece_of
from analysis.evidence.published import Published
from analysis.evidence.selection import Selection
from analysis.evidence.windows import SINCE_RANDOMISATION, Windows

REFERENCE = "usual_care"


@dataclass(frozen=True, eq=False, repr=False)
class Synthesis:
    """What the published trials say of every therapy, soon and later.

    Attributes
    ----------
    published : Published
    windows : Windows
        The definition of short and long.
    found : tuple of PublishedEffects
        Effects of single trials, short and long.
    pair : TwoHorizons
        All trials of both horizons, those that nothing joins to the reference as well.
    fit : TwoHorizonNetwork
        Both horizons together.
    alone : tuple of Network
        Each horizon on its own: the trials that are joined to the reference.
    """

    published: Published
    windows: Windows
    found: tuple[PublishedEffects, PublishedEffects]
    pair: TwoHorizons
    fit: TwoHorizonNetwork
    alone: tuple[Network, Network]

    def __repr__(self) -> str:
        return f"{self.windows.name}\n{self.fit.summary()}"

    @property
    def contrasts(self) -> tuple[Contrasts, Contrasts]:
        """Contrasts of all trials, short and long."""
        return self.pair.short, self.pair.long

    @property
    def unit(self) -> str:
        """Unit of relief, as figures and tables print it."""
        return self.pair.short.unit

    def nodes(self, horizon: Literal["short", "long"]) -> pd.DataFrame:
        """Therapies of a horizon as `plot_network` takes them, with names for people."""
        return self.published.named(network_nodes(getattr(self.pair, horizon)))

    def edges(self) -> pd.DataFrame:
        """Direct comparisons of both horizons, `horizon` in front, with names for people."""
        frames = [
            network_edges(part).assign(horizon=horizon)
            for horizon, part in zip(HORIZONS, self.contrasts, strict=True)
        ]
        return self.published.named(pd.concat(frames, ignore_index=True))

    def effects(self) -> pd.DataFrame:
        """Relief against the reference: `TwoHorizonNetwork.effects` with `certainty`.

        Reasons for the certainty are letters (`analysis.evidence.certainty.LEGEND`).
        Therapies have the names for people. A cell that no trial joins is a row of NaN.
        """
        table = self.fit.effects()
        blinded = self.published.is_sham(self.fit.reference)
        words = [
            certainty_of(row.trials, row.patients, row.i2, row.conf_high - row.conf_low,
                         blinded=blinded).short
            for row in table.itertuples(index=False)
        ]  # fmt: skip
        return self.published.named(table.assign(certainty=words))

    def tidy(self) -> pd.DataFrame:
        """Relief, loss and retention as a result frame with names for people."""
        return self.published.named(self.fit.tidy())

    def spread(self) -> pd.DataFrame:
        """How much trials differ at each horizon, and where Q comes from.

        Returns
        -------
        pandas.DataFrame
            `definition`, `horizon`, `trials`, `patients`, `contrasts`, `therapies`, `tau2`,
            `tau2_low`, `tau2_high`, `i2`; `q_within`, `df_within`, `p_within` between trials of
            one design, `q_between`, `df_between`, `p_between` between designs; `p_allowed`
            between designs with `tau2_within` them allowed for.
        """
        rows = []
        for horizon, network in zip(HORIZONS, self.alone, strict=True):
            h, parts = network.heterogeneity, decompose_q(network.contrasts).set_index("term")
            behind = network.effects().iloc[0]
            row = {
                "definition": self.windows.name, "horizon": horizon,
                "trials": behind["network_trials"], "patients": behind["network_patients"],
                "contrasts": len(network.contrasts), "therapies": len(network.therapies),
                "tau2": h.tau2, "tau2_low": h.low, "tau2_high": h.high, "i2": h.i2,
            }  # fmt: skip
            for name in ("within", "between"):
                part = parts.loc[f"{name} designs"]
                row |= {f"q_{name}": part["q"], f"df_{name}": int(part["df"]),
                        f"p_{name}": part["p_value"]}  # fmt: skip
            test = design_by_treatment(network.contrasts)
            rows.append(row | {"tau2_within": test.tau2, "p_allowed": test.p_value})
        return pd.DataFrame(rows)


def synthesise(
    published: Published, outcome: Literal["pain", "function"] = "pain", *,
    windows: Windows = SINCE_RANDOMISATION, reference: str = REFERENCE,
    selection: Selection | None = None, rho: float = BETWEEN_HORIZONS,
) -> Synthesis:  # fmt: skip
    """Pool all published trials of an outcome at both horizons.

    Parameters
    ----------
    published : Published
    outcome : {"pain", "function"}
    windows : Windows
    reference : str
        What therapies are compared with.
    selection : Selection, optional
    rho : float
        Correlation of a trial's short and long result.

    Raises
    ------
    ModelError
        A horizon without trials, or a reference that no trial has.
    """
    soon, later = (
        published_effects(published, outcome, horizon, windows=windows, selection=selection)
        for horizon in HORIZONS
    )
    pair = pair_horizons(soon.contrasts, later.contrasts, rho)
    short, long = (
        fit_network(piece_of(part, reference), reference) for part in (pair.short, pair.long)
    )
    fit = fit_two_horizons(pair, reference)
    return Synthesis(published, windows, (soon, later), pair, fit, (short, long))


def side_by_side(*syntheses: Synthesis) -> pd.DataFrame:
    """Pooled relief under several definitions of the horizons: `definition`, then as `effects`."""
    frames = [one.effects().assign(definition=one.windows.name) for one in syntheses]
    return pd.concat(frames, ignore_index=True)
