"""Trials and fits shared by the tests of what comes after a fit."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import small_trial

from analysis.mmrm import MMRM
from analysis.mmrm.estimates import Estimates

FEV = "FEV1 ~ RACE + SEX + ARMCD * AVISIT"
ROLES = {"subject": "id", "visit": "visit"}


def made_up(seed: int, patients: int = 40, visits: int = 4, missing: float = 0.25) -> pd.DataFrame:
    """The small trial with fewer patients, and more values missing."""
    return small_trial.made_up(seed, patients, visits, missing)


def fev(folder: Path) -> pd.DataFrame:
    """The FEV data with R's order of levels."""
    return pd.read_csv(folder / "reference" / "fev_data.csv").assign(
        RACE=lambda d: pd.Categorical(d["RACE"], ["Asian", "Black or African American", "White"]),
        SEX=lambda d: pd.Categorical(d["SEX"], ["Male", "Female"]),
    )


def estimates(fit) -> Estimates:
    """The arrays of a fit with one covariance for all."""
    return fit.estimates


def at_covariance(design, sigma: np.ndarray) -> Estimates:
    """Generalised least squares at a given covariance, (groups, m, m), by plain arithmetic."""
    p = len(design.columns)
    total = np.zeros((p + 1, p + 1))
    for block in design.blocks():
        for patient in np.unique(block.subject):
            rows = np.flatnonzero(block.subject == patient)
            visits = block.visit[rows]
            cov = sigma[block.group[rows[0]]][np.ix_(visits, visits)]
            z = block.rows[rows]
            if block.precision is not None:
                z = z * np.sqrt(block.precision[rows])[:, None]
            weight = 1.0 if block.patient_weight is None else block.patient_weight[rows[0]]
            total += weight * z.T @ np.linalg.solve(cov, z)
    cov = np.linalg.inv(total[:p, :p])
    nothing = np.empty(0, dtype=np.int64)
    return Estimates(
        np.arange(p), cov @ total[:p, p], np.linalg.cholesky(cov), sigma, nothing,
        np.empty((p, 0)),
    )  # fmt: skip


def read(path: Path) -> dict:
    """A file of reference numbers."""
    return json.loads(path.read_text(encoding="utf-8"))


def r_name(name: str) -> str:
    """R's name of a coefficient; the parts of an interaction in alphabetical order."""
    plain = re.sub(r"\[T\.(.*?)\]", r"\1", name).replace("Intercept", "(Intercept)")
    return ":".join(sorted(plain.replace("((", "(").replace("))", ")").split(":")))


def r_rows(columns, terms, matrix) -> np.ndarray:
    """Contrasts in R's order of coefficients, (k, p), in ours."""
    place = {r_name(name): k for k, name in enumerate(columns)}
    rows = np.zeros((len(matrix), len(place)))
    rows[:, [place[r_name(term)] for term in terms]] = matrix
    return rows


def model(formula: str, data: pd.DataFrame, **options) -> MMRM:
    """A model of the made-up trial."""
    return MMRM.from_formula(formula, data, **ROLES, **options)
