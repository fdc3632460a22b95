"""A trial of one's own among the published ones: what it adds, and whether it agrees."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.distributions import chi2_tail, t_critical
from analysis.errors import ModelError
from analysis.evidence.between import joint_rows
from analysis.evidence.bivariate import HORIZONS, TwoHorizonNetwork, fit_two_horizons
from analysis.evidence.contribution import horizon_shares
from analysis.evidence.horizons import TwoHorizons
from analysis.evidence.network import Test, inference

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False)
class Placement:
    """The published network without and with one more trial.

    Attributes
    ----------
    own : TwoHorizons
        The trial, as contrasts against its comparator.
    before, after : TwoHorizonNetwork
        Without it and with it.
    """

    own: TwoHorizons
    before: TwoHorizonNetwork
    after: TwoHorizonNetwork

    def __repr__(self) -> str:
        return f"own\n{self.own!r}\nwithout it\n{self.before!r}\nwith it\n{self.after!r}"

    def changes(self) -> pd.DataFrame:
        """What the trial adds to every comparison that it makes itself.

        Returns
        -------
        pandas.DataFrame
            `horizon`, `therapy`, `comparator`; `own`, `published`, `together` with `_low` and
            `_high`; `share` (of the variance of `together` that is the trial's own), `narrower`
            (how much shorter the published interval gets, 0 to 1). NaN where the published trials do
            not join the two.
        """
        return pd.DataFrame([
            self._change(half, row)
            for half, part in enumerate((self.own.short, self.own.long)) for row in range(len(part))
        ])  # fmt: skip

    def agreement(self) -> pd.DataFrame:
        """Whether the trial found what the published ones predict for a new trial.

        Returns
        -------
        pandas.DataFrame
            A row a contrast: `horizon`, `therapy`, `comparator`, `own`, `predicted`, `difference`,
            `std_error` (of the difference: the trial's own, the published estimate's, and the
            spread of true effects between trials), `df`, `statistic`, `p_value`, `note`. The last
            row, "all", tests them together by χ².

        Notes
        -----
        The trial takes no part in the prediction or in τ, which is what a node split by trial
        would give at the published τ.
        """
        predicted, covariance = self._prediction()
        part = [self.own.short, self.own.long]
        observed = np.append(part[0].effect, part[1].effect)
        known = np.isfinite(predicted)
        error = np.sqrt(np.diag(covariance))
        found = inference(observed - predicted, error, np.inf, self.before.level)
        table = pd.DataFrame({
            "horizon": np.repeat(HORIZONS, [len(part[0]), len(part[1])]),
            "therapy": part[0].therapy + part[1].therapy,
            "comparator": part[0].comparator + part[1].comparator,
            "own": observed, "predicted": predicted, "difference": found["estimate"],
            "std_error": error, "df": np.where(known, 1, 0), "statistic": found["statistic"],
            "p_value": found["p_value"],
            "note": np.where(known, "", "the published trials do not join the two"),
        })  # fmt: skip
        gap = (observed - predicted)[known]
        total = float(gap @ np.linalg.solve(covariance[np.ix_(known, known)], gap))
        df = int(known.sum())
        together = {"horizon": "all", "df": df, "statistic": total, "note": "" if df else
                    "nothing to compare with",
                    "p_value": chi2_tail(total, df) if df else np.nan}  # fmt: skip
        return pd.concat([table, pd.DataFrame([together])], ignore_index=True).fillna(
            {"therapy": "", "comparator": ""}
        )

    def tidy(self, comparator: str | None = None) -> pd.DataFrame:
        """Relief, loss and retention without and with the trial, in the result frame's shape."""
        frames = [
            fit.tidy(comparator).assign(analysis=name)
            for name, fit in (("published", self.before), ("published and own", self.after))
        ]
        return pd.concat(frames, ignore_index=True)

    def _change(self, half: int, row: int) -> dict[str, object]:
        part = (self.own.short, self.own.long)[half]
        therapy, comparator = part.therapy[row], part.comparator[row]
        record: dict[str, object] = {
            "horizon": HORIZONS[half], "therapy": therapy, "comparator": comparator
        }
        errors = {}
        sources = {"own": (part.effect[row], part.variance[row], np.inf)}
        for name, fit in (("published", self.before), ("together", self.after)):
            if {therapy, comparator} <= set(fit.therapies):
                estimate, covariance = fit.compare(therapy, comparator)
                sources[name] = (estimate[half], covariance[half, half], fit.df)
            else:
                sources[name] = (np.nan, np.nan, np.inf)
        for name, (estimate, variance, df) in sources.items():
            errors[name] = np.sqrt(variance)
            reach = t_critical((1 - self.before.level) / 2, df) * errors[name]
            record |= {name: estimate, f"{name}_low": estimate - reach,
                       f"{name}_high": estimate + reach}  # fmt: skip
        shares = horizon_shares(self.after, therapy, comparator).set_index("study")
        study = part.study[row]
        record["share"] = float(shares.loc[study, HORIZONS[half]])
        record["narrower"] = 1 - errors["together"] / errors["published"]
        return record

    def _prediction(self) -> tuple[Array, Array]:
        """What the published trials predict for every row, and the variance of the differences."""
        names = tuple(dict.fromkeys([*self.before.therapies, *self.own.therapies]))
        own = joint_rows(self.own, self.own.short.therapies, self.own.long.therapies)
        weights = np.zeros((len(own.y), 2 * len(names)))
        k = len(self.own.short)
        weights[:k, : len(names)] = self.own.short.design(names)
        weights[k:, len(names) :] = self.own.long.design(names)
        size = len(self.before.therapies)
        estimate = np.full(2 * len(names), np.nan)
        covariance = np.zeros((2 * len(names),) * 2)
        place = [half * len(names) + at for half in (0, 1) for at in range(size)]
        estimate[place] = self.before.estimate
        covariance[np.ix_(place, place)] = np.nan_to_num(self.before.covariance)
        predicted = np.where(
            ((weights != 0) & np.isnan(estimate)).any(axis=1), np.nan,
            weights @ np.nan_to_num(estimate),
        )  # fmt: skip
        total = own.covariance(self.before.spread) + weights @ covariance @ weights.T
        total[np.isnan(predicted)] = np.nan
        total[:, np.isnan(predicted)] = np.nan
        return predicted, total


def place_trial(
    published: TwoHorizons, own: TwoHorizons, reference: str | None = None, *,
    rho_tau: float | None = None, test: Test = "z", level: float = 0.95,
) -> Placement:  # fmt: skip
    """Fit the published network without and with one more trial.

    Parameters
    ----------
    published, own : TwoHorizons
        In one unit; `own` from `own_contrasts`.
    reference : str, optional
    rho_tau, test
        As in `fit_two_horizons`.
    level : float

    Raises
    ------
    ModelError
        The trial has no therapy in common with the published network, nothing joins its therapies
        to the reference at either horizon, or it is in the network already.
    """
    if len(set(own.therapies) & set(published.therapies)) < 1:
        raise ModelError(
            f"The trial compares {', '.join(own.therapies)}, none of which is in the published "
            f"network ({', '.join(published.therapies)}): name its therapies as the network does."
        )
    fit = partial(fit_two_horizons, rho_tau=rho_tau, test=test, level=level)
    before = fit(published, reference)
    after = fit(published.joined(own), before.reference)
    if not set(own.studies) <= set(after.pair.studies):
        raise ModelError(
            f"No published trial joins {', '.join(own.therapies)} to {before.reference} at either "
            "horizon, so there is no published answer beside the trial's: choose a reference that "
            "is joined to one of them."
        )
    return Placement(own, before, after)
