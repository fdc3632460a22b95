"""Network meta-analysis of two horizons at once: pooled relief, loss and retention.

The published twin of a trial's own short and long term (docs/methods.md, two horizons at once).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.errors import ModelError
from analysis.evidence.between import Between, estimate_between, joint_rows
from analysis.evidence.contrasts import Contrasts
from analysis.evidence.direct import Direct, direct_between, direct_evidence, therapy_evidence
from analysis.evidence.horizons import TwoHorizons
from analysis.evidence.network import TESTS, Model, Test, inference, interval_scale, whitened
from analysis.evidence.pieces import pieces
from analysis.evidence.tau_squared import Heterogeneity, heterogeneity_of
from analysis.relief.fieller import FiellerSet, fieller_set, in_words
from analysis.schema import result_frame

Array = NDArray[np.float64]
SHOWN = ("therapy", "quantity", "horizon", "estimate", "conf_low", "conf_high", "note")
HORIZONS: tuple[Literal["short", "long"], ...] = ("short", "long")


@dataclass(frozen=True, slots=True)
class _Behind:
    """Trials behind one number: of the pair, of the therapy, and of the comparator."""

    direct: Direct
    therapy: Direct
    comparator: Direct


@dataclass(frozen=True, eq=False, repr=False)
class TwoHorizonNetwork:
    """A network fitted at both horizons together.

    Attributes
    ----------
    pair : TwoHorizons
        The trials that entered.
    therapies : tuple of str, length T
        Alphabetical; of all trials given.
    reference : str
    model : {"random", "common"}
    test : str
        Normal, t, or Hartung and Knapp's, as for one horizon.
    level : float
    df : float
        Degrees of freedom of the intervals; infinite for a normal reference.
    estimate : ndarray, shape (2T,)
        Relief against the reference at the short horizon, then at the long one; NaN where no
        trial joins the two.
    covariance : ndarray, shape (2T, 2T)
    between : Between
        Spread of true effects between trials and its correlation.
    heterogeneity : tuple of Heterogeneity
        Q and I² of each horizon alone.
    left_out : tuple of str
        What could not enter, and why.
    """

    pair: TwoHorizons
    therapies: tuple[str, ...]
    reference: str
    model: Model
    test: Test
    level: float
    df: float
    estimate: Array
    covariance: Array
    between: Between
    heterogeneity: tuple[Heterogeneity, Heterogeneity]
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return self.summary()

    @property
    def method(self) -> str:
        """One line for the result frame."""
        pair, b = self.pair, self.between
        spread = "" if self.model == "common" else (
            f", τ {b.tau_short:.3g} and {b.tau_long:.3g}, ρ_τ {b.rho_tau:.2g} (REML)"
        )  # fmt: skip
        test = "" if self.test == "z" else f", {self.test}"
        known = [f"{100 * h.i2:.0f} %" if np.isfinite(h.i2) else "–" for h in self.heterogeneity]
        return (
            f"network meta-analysis of two horizons, {self.model} effects{spread}, I² "
            f"{' and '.join(known)}, {len(pair.short.studies)} trials short, "
            f"{len(pair.long.studies)} long, {len(pair.both)} both{test}"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What was held fixed or left out, and why."""
        return (*self.left_out, *([self.between.note] if self.between.note else []))

    @property
    def spread(self) -> Array:
        """τ at each horizon and their correlation, shape (3,)."""
        return np.array([self.between.tau_short, self.between.tau_long, self.between.rho_tau])

    def places(self, names: Sequence[Sequence[str]]) -> list[int]:
        """Positions in `estimate` of these therapies, short ones first."""
        return _places(self.therapies, names)

    def rows(self, therapy: str, comparator: str) -> Array:
        """Weights of relief at the short and at the long horizon, shape (2, 2T)."""
        for name in (therapy, comparator):
            if name not in self.therapies:
                raise ModelError(f"No trial has {name!r}; there are {', '.join(self.therapies)}.")
        one, other = self.therapies.index(therapy), self.therapies.index(comparator)
        weights = np.zeros((2, 2, len(self.therapies)))
        weights[[0, 1], [0, 1], one] += 1
        weights[[0, 1], [0, 1], other] -= 1
        return weights.reshape(2, -1)

    def compare(self, therapy: str, comparator: str | None = None) -> tuple[Array, Array]:
        """Relief of a therapy against another at both horizons, shape (2,), and its covariance.

        NaN at a horizon where trials do not join the two.
        """
        weights = self.rows(therapy, self.reference if comparator is None else comparator)
        estimate, covariance = np.full(2, np.nan), np.full((2, 2), np.nan)
        known = [place for place in (0, 1)
                 if np.isfinite(self.estimate[weights[place] != 0]).all()]  # fmt: skip
        used = np.isfinite(self.estimate)
        chosen = weights[known][:, used]
        estimate[known] = chosen @ self.estimate[used]
        covariance[np.ix_(known, known)] = (
            chosen @ self.covariance[np.ix_(used, used)] @ chosen.T
        )
        return estimate, covariance

    def retention(
        self, therapy: str, comparator: str | None = None
    ) -> tuple[float, FiellerSet | None]:
        """Share of short-term relief that is left, with its Fieller set; None where unknown."""
        (short, long), covariance = self.compare(therapy, comparator)
        if not np.isfinite(covariance).all():
            return np.nan, None
        found = fieller_set(
            long, short, covariance[1, 1], covariance[0, 0], covariance[0, 1],
            lambda ratio: self.df, 1 - self.level,
        )  # fmt: skip
        return (long / short if short else np.nan), found

    def tidy(self, comparator: str | None = None) -> pd.DataFrame:
        """Relief at both horizons, loss and retention of every therapy, as a result frame.

        Parameters
        ----------
        comparator : str, optional
            The reference when left out.

        Returns
        -------
        pandas.DataFrame
            Columns `analysis.schema.RESULT_COLUMNS`; four rows a therapy. What no trial joins is
            NaN with a note, never a missing row.
        """
        against = self.reference if comparator is None else comparator
        rows = [row for name, known in self._behind(against)
                for row in self._rows(name, against, known)]  # fmt: skip
        common = {
            "analysis": "network, two horizons", "measure": self.pair.short.measure,
            "estimand": f"mean difference in published trials, {self.model}",
        }  # fmt: skip
        return result_frame({**common, **row} for row in rows)

    def effects(self, comparator: str | None = None) -> pd.DataFrame:
        """Relief of every therapy at both horizons with what stands behind it, as numbers.

        Parameters
        ----------
        comparator : str, optional
            The reference when left out.

        Returns
        -------
        pandas.DataFrame
            `horizon`, `therapy`, `comparator`, `estimate`, `conf_low`, `conf_high`, `trials` and
            `patients` that compared the two directly (0 where none did), `all_trials` with the
            therapy, `tau` and `i2` of the horizon.
        """
        against = self.reference if comparator is None else comparator
        spread = (self.between.tau_short, self.between.tau_long)
        rows = []
        for name, known in self._behind(against):
            estimate, covariance = self.compare(name, against)
            for place, (horizon, found) in enumerate(zip(HORIZONS, known, strict=True)):
                numbers = _numbers(estimate[place], covariance[place, place], self.df, self.level)
                rows.append({
                    "horizon": horizon, "therapy": name, "comparator": against,
                    **{key: numbers.get(key, np.nan) for key in SHOWN[3:6]},
                    "trials": found.direct.trials,
                    "patients": found.direct.patients if found.direct.trials else 0.0,
                    "all_trials": found.therapy.trials, "tau": spread[place],
                    "i2": self.heterogeneity[place].i2,
                })  # fmt: skip
        return pd.DataFrame(rows)

    def summary(self, comparator: str | None = None) -> str:
        """The fit as text: facts, then relief, loss and retention by therapy."""
        table = self.tidy(comparator)
        shown = table[list(SHOWN)]
        lines = [self.method, f"Relief against {table['comparator'].iloc[0]}"]
        text = shown.to_string(index=False, float_format=lambda value: f"{value:.3f}")
        return "\n".join([*lines, text, *self.notes])

    def _behind(self, against: str) -> Iterator[tuple[str, list[_Behind]]]:
        """Every other therapy with its trials at the short and at the long horizon."""
        self.rows(self.therapies[0], against)
        parts = (self.pair.short, self.pair.long)
        known = [(direct_evidence(part), therapy_evidence(part)) for part in parts]
        for name in self.therapies:
            if name != against:
                yield name, [
                    _Behind(direct_between(pairs, name, against), alone.get(name, Direct()),
                            alone.get(against, Direct()))
                    for pairs, alone in known
                ]  # fmt: skip

    def _rows(
        self, therapy: str, against: str, behind: list[_Behind]
    ) -> Iterator[dict[str, Any]]:
        estimate, covariance = self.compare(therapy, against)
        base = {"therapy": therapy, "comparator": against, "method": self.method}
        for place, horizon in enumerate(HORIZONS):
            known = behind[place]
            yield {
                **base, "quantity": "relief", "horizon": horizon,
                "n_therapy": known.therapy.counted, "n_comparator": known.comparator.counted,
                **_numbers(estimate[place], covariance[place, place], self.df, self.level),
                "note": known.direct.words if np.isfinite(estimate[place]) else _unknown(horizon),
            }  # fmt: skip
        missing = [HORIZONS[place] for place in (0, 1) if np.isnan(estimate[place])]
        gap = _unknown(" or the ".join(missing)) if missing else ""
        variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
        yield {
            **base, "quantity": "loss", "note": gap,
            **_numbers(estimate[0] - estimate[1], variance, self.df, self.level),
        }  # fmt: skip
        ratio, found = self.retention(therapy, against)
        row: dict[str, Any] = {**base, "quantity": "retention", "note": gap}
        if found is not None:
            row |= {
                "estimate": ratio, "conf_low": found.low, "conf_high": found.high,
                "method": f"{self.method}; Fieller, {found.kind}", "note": in_words(found),
            }  # fmt: skip
        yield row


def fit_two_horizons(
    pair: TwoHorizons, reference: str | None = None, *, model: Model = "random",
    rho_tau: float | None = None, test: Test = "z", level: float = 0.95,
) -> TwoHorizonNetwork:  # fmt: skip
    """Pool trials at a short and a long horizon together.

    Each trial gives the horizons it has. Relief at the long horizon, where trials are few, borrows
    from the short one through the correlations within and between trials.

    Parameters
    ----------
    pair : TwoHorizons
    reference : str, optional
        The therapy in most trials of the long horizon when left out. At each horizon, trials that
        nothing joins to it are left out and named.
    model : {"random", "common"}
    rho_tau : float, optional
        Correlation of true effects between horizons. Estimated when left out, within ±0.95, if at
        least 5 contrasts to spare have both horizons; else 0.5.
    test : {"z", "t", "hartung-knapp", "hartung-knapp-truncated"}
        As in `fit_network`, with the rows of both horizons together.
    level : float

    Returns
    -------
    TwoHorizonNetwork

    Raises
    ------
    ModelError
        The reference is missing at a horizon, or an option does not exist.

    References
    ----------
    Jackson, Riley, White 2011, Stat Med 30:2481; Riley 2009, J R Stat Soc A 172:789.
    """
    for name, value, known in (("model", model, ("random", "common")), ("test", test, TESTS)):
        if value not in known:
            raise ModelError(f"{name} is {value!r}; it can be {', '.join(known)}.")
    if rho_tau is not None and not -1 <= rho_tau <= 1:
        raise ModelError(f"rho_tau is {rho_tau}: a correlation lies between -1 and 1.")
    base = _common_reference(pair, reference)
    kept, left_out = _joined_to(pair, base)
    names = [tuple(n for n in part.therapies if n != base) for part in (kept.short, kept.long)]
    rows = joint_rows(kept, *names)
    if model == "common":
        spread = np.zeros(3)
        between = Between(0.0, 0.0, 0.0, (), rows.likelihood(spread)[0])
    else:
        between = estimate_between(rows, _spare(kept), rho_tau)
        spread = np.array([between.tau_short, between.tau_long, between.rho_tau])
    coefficients, inverse, q = rows.fit(spread)
    scale, df = interval_scale(q, len(rows.y) - len(coefficients), test)
    size = len(pair.therapies)
    place, home = (_places(pair.therapies, chosen) for chosen in (names, [(base,), (base,)]))
    estimate, covariance = np.full(2 * size, np.nan), np.full((2 * size, 2 * size), np.nan)
    estimate[home], estimate[place] = 0.0, coefficients
    joined = sorted([*home, *place])
    covariance[np.ix_(joined, joined)] = 0.0
    covariance[np.ix_(place, place)] = scale * inverse
    alone = [_alone(part, tau, level) for part, tau in
             zip((kept.short, kept.long), spread[:2], strict=True)]  # fmt: skip
    return TwoHorizonNetwork(
        kept, pair.therapies, base, model, test, level, df, estimate, covariance, between,
        (alone[0], alone[1]), left_out,
    )  # fmt: skip


def _places(therapies: tuple[str, ...], names: Sequence[Sequence[str]]) -> list[int]:
    return [half * len(therapies) + therapies.index(name)
            for half, chosen in enumerate(names) for name in chosen]  # fmt: skip


def _common_reference(pair: TwoHorizons, reference: str | None) -> str:
    shared = [name for name in pair.long.therapies if name in pair.short.therapies]
    if reference is None:
        if not shared:
            raise ModelError("No therapy is seen at both horizons: there is nothing to compare.")
        known = therapy_evidence(pair.long)
        return max(shared, key=lambda name: known[name].trials)
    for part, name in ((pair.short, "short"), (pair.long, "long")):
        if reference not in part.therapies:
            raise ModelError(
                f"No trial has the reference {reference!r} at the {name} horizon; there are "
                f"{', '.join(shared) or 'none'} at both."
            )
    return reference


def _joined_to(pair: TwoHorizons, base: str) -> tuple[TwoHorizons, tuple[str, ...]]:
    """Rows that trials join to the reference at their horizon, and what had to be left out."""
    rows, left_out = [], []
    for part, horizon in ((pair.short, "short"), (pair.long, "long")):
        found = pieces(part)
        home = next(piece for piece in found if base in piece)
        rows.append([row for row, name in enumerate(part.therapy) if name in home])
        away = [name for piece in found if piece is not home for name in piece]
        if away:
            left_out.append(
                f"at the {horizon} horizon no trial joins {', '.join(sorted(away))} to {base}"
            )
    return pair.take(*rows), tuple(left_out)


def _spare(pair: TwoHorizons) -> tuple[int, int, int]:
    """Contrasts over those that pin the effects: short, long, and in trials with both."""
    both = set(pair.both)
    seen = [row for row, name in enumerate(pair.long.study) if name in both]
    double = pair.long.design(pair.long.therapies)[seen]
    rank = int(np.linalg.matrix_rank(double)) if seen else 0
    short, long = (len(part) - (len(part.therapies) - 1) for part in (pair.short, pair.long))
    return short, long, len(seen) - rank


def _alone(part: Contrasts, tau: float, level: float) -> Heterogeneity:
    return heterogeneity_of(whitened(part, part.design(part.therapies)[:, 1:]), tau**2, level)


def _numbers(estimate: float, variance: float, df: float, level: float) -> dict[str, float]:
    if not np.isfinite(variance):
        return {}
    error = np.sqrt([max(variance, 0.0)])
    return inference(np.array([estimate]), error, df, level).iloc[0].to_dict()


def _unknown(horizon: str) -> str:
    return f"not estimable: no trial joins the two at the {horizon} horizon"
