"""Made-up frames in the shapes that figures take."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from analysis.figures import Labels
from analysis.schema import result_frame

EIGHT = (
    "Usual care", "Sham acupuncture", "Acupuncture", "Dry cupping", "Wet cupping (hijama)", "Massage",
    "Acupuncture with dry cupping", "Exercise",
)  # fmt: skip
WEEKS = (2.0, 4.0, 8.0, 12.0, 26.0, 52.0)


def made_labels(therapies: tuple[str, ...] = EIGHT, comparator: str | None = None) -> Labels:
    """Labels of a pain score, 0 to 10; the comparator is the first therapy unless named."""
    first = therapies[0] if comparator is None else comparator
    return Labels("Pain intensity", "points", 0, 10, True, therapies, first, 2.0, True)


def made_results(
    therapies: tuple[str, ...] = EIGHT, comparator: str | None = None, error: float = 0.3
) -> pd.DataFrame:
    """Result frame with means, relief at both horizons and loss; numbers fixed by a seed."""
    first = therapies[0] if comparator is None else comparator
    rng = np.random.default_rng(7)
    rows: list[dict[str, object]] = []
    for k, therapy in enumerate(therapies):
        short = 1.0 + 0.25 * k + rng.normal(0, 0.2)
        long = short * rng.uniform(0.2, 1.1)
        for week in WEEKS:
            mean = 6.5 - short * min(week / 12, 1) + (short - long) * max(week - 12, 0) / 40
            rows.append(_row("mean", "", therapy, "", mean, error / 1.4, f"week {week:g}", week))
        for other in [""] if therapy == first or not first else ["", first]:
            shift = 0.8 if other else 0.0
            rows.append(_row("relief", "short", therapy, other, short - shift, error, "week 12", 12))
            rows.append(
                _row("relief", "long", therapy, other, long - shift, error * 1.2, "week 52", 52)
            )
            rows.append(_row("loss", "", therapy, other, short - long, error, "", np.nan))
    return result_frame(rows)


def _row(
    quantity: str, horizon: str, therapy: str, comparator: str, estimate: float, error: float,
    visit: str, week: float,
) -> dict[str, object]:  # fmt: skip
    return {
        "analysis": "main", "quantity": quantity, "horizon": horizon, "therapy": therapy,
        "comparator": comparator, "visit": visit, "week": week, "estimate": estimate,
        "std_error": error, "df": 200.0, "conf_low": estimate - 1.97 * error,
        "conf_high": estimate + 1.97 * error, "n_therapy": 84,
        "n_comparator": 81 if comparator else None, "method": "made up",
    }  # fmt: skip


def made_observed(therapies: tuple[str, ...] = EIGHT) -> pd.DataFrame:
    """Frame of `analysis.describe.observed_course`."""
    rows = []
    for k, therapy in enumerate(therapies):
        for week in (0.0, *WEEKS):
            mean = 6.6 - (0.4 + 0.2 * k) * min(week, 12) / 6
            n = int(90 - week / 3)
            rows.append((therapy, f"week {week:g}", week, n, mean, 2.0, 0.2, mean - 0.4, mean + 0.4, ""))
    names = ["therapy", "visit", "week", "n", "mean", "sd", "std_error", "conf_low", "conf_high", "note"]
    return pd.DataFrame(rows, columns=names)


def made_missing(therapies: tuple[str, ...] = EIGHT) -> pd.DataFrame:
    """Frame of `analysis.describe.missingness`."""
    rows = []
    for k, therapy in enumerate(therapies):
        for week in (0.0, *WEEKS):
            missing = int(week * (1 + k / 10))
            share = 100 * missing / 90
            rows.append((therapy, f"week {week:g}", week, 90, 90 - missing, missing, share))
    names = ["therapy", "visit", "week", "expected", "observed", "missing", "percent"]
    return pd.DataFrame(rows, columns=names)


def made_covariance(visits: int = 6) -> pd.DataFrame:
    """Frame of `analysis.relief.visit_covariance`."""
    late, early = np.tril_indices(visits)
    weeks = np.array(WEEKS[:visits])
    apart = weeks[late] - weeks[early]
    return pd.DataFrame({
        "visit": [f"week {week:g}" for week in weeks[late]],
        "other": [f"week {week:g}" for week in weeks[early]],
        "week": weeks[late], "other_week": weeks[early], "weeks_apart": apart,
        "sd": 1.8 + 0.1 * late, "correlation": 0.9 ** np.sqrt(apart),
    })  # fmt: skip


def made_residuals() -> pd.DataFrame:
    """Frame of `analysis.relief.residual_summary`; the last visit has too few values for its tails."""
    normal = [-1.645, -1.282, -0.674, 0.0, 0.674, 1.282, 1.645]
    rows = [(f"week {week:g}", week, 90, 1.0, *[0.9 * q for q in normal], 5.6, np.nan) for week in WEEKS]
    rows[-1] = ("week 52", 52.0, 30, 1.0, np.nan, np.nan, *normal[2:5], np.nan, np.nan, np.nan, 0.0)
    rows.append(("all visits", np.nan, 480, 1.0, *normal, 4.8, 0.4))
    rows.append(("normal distribution", np.nan, None, 1.0, *normal, 4.6, 0.3))
    quantiles = ["q05", "q10", "q25", "q50", "q75", "q90", "q95"]
    names = ["visit", "week", "n", "sd", *quantiles, "beyond_2", "beyond_3"]
    return pd.DataFrame(rows, columns=names).astype({"n": "Int64"})


def made_flow(therapies: tuple[str, ...] = EIGHT) -> pd.DataFrame:
    """Frame of `analysis.describe.flow`."""
    rows: list[tuple[str, str, float, str, int]] = [
        ("in file", "", np.nan, "", 96 * len(therapies)),
        ("set aside", "not randomised", np.nan, "", 4 * len(therapies)),
        ("set aside", "withdrew consent before the first visit", np.nan, "", 2 * len(therapies)),
    ]
    stages = [("allocated", "", np.nan, 90), ("baseline", "week 0", 0.0, 90)]
    stages += [("seen", f"week {week:g}", week, int(89 - week / 4)) for week in WEEKS]
    stages += [("short term", "week 12", np.nan, 86), ("long term", "week 52", np.nan, 76)]
    stages += [("analysed", "", np.nan, 88)]
    for stage, detail, week, n in stages:
        rows += [(stage, detail, week, therapy, n - k) for k, therapy in enumerate(therapies)]
    return pd.DataFrame(rows, columns=["stage", "detail", "week", "therapy", "n"])


@pytest.fixture
def made() -> dict[str, Callable]:
    """Makers of frames, by name."""
    return {
        "labels": made_labels, "results": made_results, "observed": made_observed,
        "missing": made_missing, "flow": made_flow, "covariance": made_covariance,
        "residuals": made_residuals,
    }  # fmt: skip
