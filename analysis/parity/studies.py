"""The models that the reference results were made with, on the data they were made with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from analysis.mmrm import MMRM


@dataclass(frozen=True)
class Study:
    """Columns, factor levels and mean model of the data of a reference.

    Attributes
    ----------
    name : str
    formula : str
    subject, visit, group, weights : str
        Columns.
    times : mapping
        Scheduled time of each visit, for structures in which spacing counts.
    levels : mapping
        Levels by factor, the reference first, where R's order is not the alphabet's.
    """

    name: str
    formula: str
    subject: str
    visit: str
    group: str
    weights: str | None
    times: Mapping[str, float]
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def read(self, path: Path) -> pd.DataFrame:
        """The data with their factors in R's order."""
        frame = pd.read_csv(path, dtype={self.subject: str})
        return frame.assign(
            **{name: pd.Categorical(frame[name], kept) for name, kept in self.levels.items()}
        )

    def model(
        self,
        data: pd.DataFrame,
        covariance: str = "us",
        *,
        reml: bool = True,
        grouped: bool = False,
        weighted: bool = False,
        formula: str | None = None,
    ) -> MMRM:
        """The model as the reference fitted it."""
        options: dict[str, Any] = {}
        if covariance.startswith("sp_"):
            options["times"] = dict(self.times)
        return MMRM.from_formula(
            formula or self.formula,
            data,
            subject=self.subject,
            visit=self.visit,
            covariance=covariance,
            group=self.group if grouped else None,
            weights=self.weights if weighted else None,
            reml=reml,
            **options,
        )


FEV = Study(
    "FEV",
    "FEV1 ~ RACE + SEX + ARMCD * AVISIT",
    "USUBJID",
    "AVISIT",
    "ARMCD",
    "WEIGHT",
    # The column VISITN, a constant of the schedule.
    {"VIS1": 1, "VIS2": 2, "VIS3": 3, "VIS4": 4},
    {"RACE": ("Asian", "Black or African American", "White"), "SEX": ("Male", "Female")},
)
"""Forced expiratory volume, example data of R's mmrm: 200 patients, 4 visits, 2 arms."""
BCVA = Study(
    "BCVA",
    "BCVA_CHG ~ BCVA_BL + RACE + ARMCD * AVISIT",
    "USUBJID",
    "AVISIT",
    "ARMCD",
    None,
    {f"VIS{k:02d}": k for k in range(1, 11)},
)
"""Best corrected visual acuity, example data of R's mmrm: 1,000 patients, 10 visits, 2 arms."""
PAIN = Study(
    "pain150",
    "chg ~ base + sex + age + therapy * visit",
    "patient",
    "visit",
    "therapy",
    "w",
    {"W02": 2, "W06": 6, "W12": 12, "W26": 26, "W52": 52},
    {"therapy": ("USUAL", "SHAM", "ACU")},
)
"""The simulated trial of pain that ships with the tests: 150 patients, 5 visits, 3 arms."""
