"""statsmodels' MixedLM, timed: one case in a process of its own."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from dataclasses import asdict

import pandas as pd
import statsmodels.formula.api as smf
from cases import Trial, case_named
from chains import frame_of, head_of
from clock import Measured, peak_gigabytes, shortest

EFFECTS = {"intercept": "1", "visits": "0 + C({visit})"}


def fit(of: Trial, effects: str) -> Callable[[pd.DataFrame], tuple[float, bool]]:
    """REML fit with its Wald table; there are neither degrees of freedom nor LS means.

    A random intercept is compound symmetry. A random effect for each visit is an unstructured
    covariance with one parameter too many.
    """

    def run(complete: pd.DataFrame) -> tuple[float, bool]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = smf.mixedlm(
                of.formula, complete, groups=of.subject,
                re_formula=EFFECTS[effects].format(visit=of.visit),
            )  # fmt: skip
            found = model.fit(reml=True)
            found.summary()
        return float(found.llf), bool(found.converged)

    return run


def measure(effects: str, against: str, runs: int) -> Measured:
    """Measure on the data of the case it is compared with."""
    of = case_named(against).trial
    data = frame_of(of).dropna(subset=of.outcome)
    run = fit(of, effects)
    run(head_of(data, of))
    wall, cpu, (llf, converged) = shortest(run, runs, data.copy)
    return Measured(wall, cpu, peak_gigabytes(), llf, converged=converged)


if __name__ == "__main__":
    print(json.dumps(asdict(measure(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
