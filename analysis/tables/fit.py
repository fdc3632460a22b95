"""The fit of the model: who was left out, what was fitted, and how well it fits."""

from __future__ import annotations

import pandas as pd

from analysis.relief.diagnostics import FAR, QUANTILES, SHARES
from analysis.relief.facts import FitFacts
from analysis.tables.numerals import HIDDEN, count, number
from analysis.tables.table import Table

# A gain in −2 log-likelihood below this is none; what is left of it differs between machines.
NOTHING_LEFT = 1e-8


def left_out_table(frame: pd.DataFrame) -> Table:
    """Patients with follow-up who could not enter the model, by reason."""
    rows = tuple((str(row["reason"]), count(row["n"])) for _, row in frame.iterrows())
    note = "" if rows else "Every patient with follow-up entered the model."
    note = HIDDEN if frame["n"].isna().any() else note
    return Table("Left out of the model", ("reason", "patients"), rows, note)


def fit_table(facts: FitFacts) -> Table:
    """What was fitted: which covariance and why, which methods, how many patients, how it ended."""
    used = facts.covariance
    if facts.refused:
        used = f"{used}, which stands in for {facts.refused[0][0]}"
    elif facts.visits > 1:
        used = f"{used}, the first choice"
    visits = "1 visit" if facts.visits == 1 else f"{facts.visits} visits"
    rows = (
        ("Covariance between visits", used),
        *((f"Not used: {name}", why) for name, why in facts.refused),
        ("Estimation", "restricted maximum likelihood (REML)"),
        ("Standard errors", facts.errors),
        ("Degrees of freedom", facts.df),
        ("Patients", f"{facts.patients:,}"),
        ("Values", f"{facts.values:,} at {visits}"),
        ("Patterns of visits attended", str(facts.patterns)),
        ("Search for the best fit", _search(facts)),
    )
    return Table("The model that was fitted", ("what", "in this analysis"), rows, facts.note, (1,))


def _search(facts: FitFacts) -> str:
    steps = "1 step" if facts.steps == 1 else f"{facts.steps} steps"
    left = f"{max(facts.decrement, NOTHING_LEFT):.0e}"
    if not facts.converged:
        return f"stopped after {steps} before its end (Newton decrement {left})"
    return f"converged after {steps} (Newton decrement below {left})"


def covariance_table(frame: pd.DataFrame, unit: str) -> Table:
    """Standard deviations and correlations (frame of `analysis.relief.covariance`)."""
    visits = list(frame["visit"].unique())
    rows = []
    for visit, part in frame.groupby("visit", sort=False):
        cells = [number(value, 2) for value in part["correlation"]]
        cells += [""] * (len(visits) - len(cells))
        rows.append((str(visit), f"{part['week'].iloc[0]:g}", number(part["sd"].iloc[0], 2), *cells))
    columns = ("visit", "week", f"SD ({unit})", *map(str, visits))
    note = (
        "Around the means of the model. SD: standard deviation between patients. The columns of "
        "visits hold correlations."
    )
    return Table("Estimated standard deviations and correlations", columns, tuple(rows), note)


def residual_table(frame: pd.DataFrame, minimum: int) -> Table:
    """Residuals by visit beside a normal distribution (frame of `analysis.relief.diagnostics`)."""
    rows = []
    for _, row in frame.iterrows():
        people = "" if pd.isna(row["n"]) else f"{int(row['n']):,}"
        quantiles = [number(row[name], 2) or "–" for name in QUANTILES]
        far = [_share(row[f"beyond_{limit}"], minimum) for limit in FAR]
        rows.append((str(row["visit"]), people, number(row["sd"], 2) or "–", *quantiles, *far))
    columns = (
        "visit", "values", "SD", *(f"{100 * share:g} %" for share in SHARES),
        *(f"beyond {limit} SD" for limit in FAR),
    )  # fmt: skip
    note = (
        "Normalised residuals: what a score departs from the value expected from the patient's "
        "earlier visits, in standard deviations. The columns in percent are quantiles; beyond: "
        f"share of values. <{minimum}, –: fewer values than may be shown."
    )
    return Table("Residuals by visit", columns, tuple(rows), note)


def _share(percent: float, minimum: int) -> str:
    return f"<{minimum}" if pd.isna(percent) else f"{number(percent)} %"
