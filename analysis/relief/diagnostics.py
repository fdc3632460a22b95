"""Residuals of the fit by visit, beside what a normal distribution would give: summaries only."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.distributions import normal_quantile, normal_tail
from analysis.mmrm import MMRMResults
from analysis.studies.records import Study

SHARES = (0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95)
QUANTILES = tuple(f"q{round(100 * share):02d}" for share in SHARES)
# Standard deviations beyond which residuals are counted.
FAR = (2, 3)
ALL_VISITS, NORMAL = "all visits", "normal distribution"


def residual_summary(fit: MMRMResults, study: Study) -> pd.DataFrame:
    """Quantiles of normalised residuals by visit, and how many lie far out.

    A normalised residual is what a score departs from the value that the model expects given the
    patient's earlier visits, in standard deviations. No patient can be told from the frame: a
    quantile needs `minimum_count` values beyond it, and a share that counts fewer is missing.

    Parameters
    ----------
    fit : MMRMResults
    study : Study
        Gives `minimum_count` and the weeks of the visits.

    Returns
    -------
    pandas.DataFrame
        A row a visit, then "all visits" and "normal distribution": `visit`, `week`, `n`, `sd`,
        `q05` to `q95`, `beyond_2`, `beyond_3` (percent beyond 2 and 3 standard deviations).
    """
    frame = fit.residuals("normalized")
    weeks = {visit.name: visit.week for visit in study.followup}
    visit = frame[fit.design.roles.visit].astype(str)
    rows: list[dict[str, object]] = [
        {"visit": name, "week": weeks[name],
         **_summary(frame.loc[visit == name, "residual"].to_numpy(), study.minimum_count)}
        for name in map(str, fit.design.visits)
    ]  # fmt: skip
    whole = _summary(frame["residual"].to_numpy(), study.minimum_count)
    rows.append({"visit": ALL_VISITS, "week": np.nan, **whole})
    expected = dict(zip(QUANTILES, normal_quantile(SHARES), strict=True))
    expected |= {f"beyond_{far}": 200 * normal_tail(far) for far in FAR}
    rows.append({"visit": NORMAL, "week": np.nan, "n": None, "sd": 1.0, **expected})
    return pd.DataFrame(rows).astype({"n": "Int64"})


def _summary(values: NDArray[np.float64], minimum: int) -> dict[str, float | int]:
    n = len(values)
    found: dict[str, float | int] = {"n": n, "sd": np.nan}
    if n >= max(minimum, 2):
        found["sd"] = float(values.std(ddof=1))
    for name, share in zip(QUANTILES, SHARES, strict=True):
        # Rounded, because 0.05 times 100 is not quite 5 in binary numbers.
        enough = round(n * min(share, 1 - share), 9) >= minimum
        found[name] = float(np.quantile(values, share)) if enough else np.nan
    for far in FAR:
        count = int((np.abs(values) > far).sum())
        shown = n >= minimum and (count == 0 or count >= minimum)
        found[f"beyond_{far}"] = 100 * count / n if shown else np.nan
    return found
