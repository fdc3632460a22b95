"""Small sound studies, one a format and layout, that mutation starts from."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyreadstat
import rdata
import yaml

PATIENTS = 18
VISITS = (("start", 0), ("week 8", 8), ("week 52", 52))
ARMS = ("Usual care", "Massage")
Files = dict[str, bytes]


def _rows() -> pd.DataFrame:
    rng = np.random.default_rng(8)
    rows = []
    for n in range(PATIENTS):
        own = rng.normal(0, 1.2)
        for name, week in VISITS:
            pain = 6 + own - (n % 2) * 0.03 * week + rng.normal(0, 1.3)
            rows.append({
                "id": f"P{n:02d}", "arm": ARMS[n % 2], "age": 30 + int(rng.integers(40)),
                "sex": ("f", "m")[n % 3 == 0], "visit": name, "week": week,
                "day": str(pd.Timestamp("2024-01-08") + pd.Timedelta(days=7 * week + n % 5))[:10],
                "pain": int(np.clip(round(pain), 0, 10)),
            })  # fmt: skip
    frame = pd.DataFrame(rows)
    frame["age"] = frame.groupby("id")["age"].transform("first")
    frame["begun"] = frame.groupby("id")["day"].transform("first")
    return frame.drop(index=[5, 14, 29])


def _study(**changes: Any) -> dict[str, Any]:
    study: dict[str, Any] = {
        "title": "Massage for neck pain", "design": "randomised", "data": {"outcomes": "pain.csv"},
        "layout": "long", "patient": "id",
        "therapy": {"column": "arm", "comparator": ARMS[0], "arms": [{"label": a} for a in ARMS]},
        "visits": {"column": "visit", "schedule": [
            {"name": name, "week": week, **({"baseline": True} if not week else {"horizon": horizon})}
            for (name, week), horizon in zip(VISITS, ("", "short", "long"), strict=True)
        ]},
        "measures": [{"name": "pain", "label": "Pain", "instrument": "NRS", "column": "pain"}],
        "covariates": [
            {"name": "age", "column": "age", "type": "number", "range": [18, 100]},
            {"name": "sex", "column": "sex", "type": "category", "labels": {"f": "female", "m": "male"}},
        ],
        "minimum_count": 3,
    }  # fmt: skip
    return study | changes


def _csv(frame: pd.DataFrame) -> bytes:
    return frame.to_csv(index=False).encode()


def _yaml(study: dict[str, Any]) -> bytes:
    return yaml.safe_dump(study, sort_keys=False, allow_unicode=True).encode()


def _long() -> Files:
    return {"study.yml": _yaml(_study()), "pain.csv": _csv(_rows())}


def _with_events() -> Files:
    events = pd.DataFrame({
        "id": ["P01", "P02", "P02", "P05", "P07", "P08"],
        "what": ["fall", "rash", "stop", "lost", "rash", "pill"],
        "week": [3, 10, 12, 20, 30, 6], "bad": ["yes", "no", "no", "no", "no", "no"],
    })  # fmt: skip
    people = _rows().drop_duplicates("id")[["id", "arm", "age", "sex"]]
    kinds = {"fall": "adverse_event", "rash": "adverse_event", "stop": "stopped_therapy",
             "lost": "lost", "pill": "rescue_medication"}  # fmt: skip
    study = _study(
        data={"outcomes": "pain.csv", "patients": "people.csv", "events": "events.csv"},
        events={"patient": "id", "kind": "what", "kinds": kinds, "week": "week", "what": "what",
                "serious": "bad"},
        estimands=[
            {"name": "As planned", "who": "age >= 20 and sex == 'female'"},
            {"name": "Without stopping", "primary": True, "events": {
                "stopped_therapy": "hypothetical",
                "rescue_medication": {"strategy": "composite", "value": "worst"}}},
        ],
        model={"formula": "value ~ baseline + age + therapy * visit", "confidence": 0.9},
        filters=[{"column": "pain", "drop": [99], "reason": "not asked"}],
    )  # fmt: skip
    rows = _rows()[["id", "visit", "pain"]]
    return {"study.yml": _yaml(study), "pain.csv": _csv(rows), "people.csv": _csv(people),
            "events.csv": _csv(events)}  # fmt: skip


def _wide() -> Files:
    rows = _rows()
    wide = rows.pivot(index=["id", "arm", "age", "sex"], columns="visit", values="pain").reset_index()
    columns = {name: name for name, _ in VISITS}
    study = _study(layout="wide")
    study["visits"].pop("column")
    study["measures"][0] = {"name": "pain", "label": "Pain", "instrument": "NRS", "columns": columns}
    return {"study.yml": _yaml(study), "pain.csv": _csv(wide)}


def _dated() -> Files:
    study = _study(data={"outcomes": "pain.csv", "dates": "year_first"})
    study["visits"] |= {"by": "date", "column": "day", "start": "begun"}
    for visit in study["visits"]["schedule"]:
        visit["window_days"] = [3, 20]
    return {"study.yml": _yaml(study), "pain.csv": _csv(_rows())}


def _one_group() -> Files:
    study = _study(design="observational")
    study.pop("therapy")
    return {"study.yml": _yaml(study), "pain.csv": _csv(_rows())}


def _workbook() -> Files:
    made = io.BytesIO()
    _rows().to_excel(made, index=False)
    study = _study(data={"outcomes": "pain.xlsx"})
    return {"study.yml": _yaml(study), "pain.xlsx": made.getvalue()}


def _parquet() -> Files:
    made = io.BytesIO()
    _rows().to_parquet(made, index=False)
    study = _study(data={"outcomes": "pain.parquet"})
    return {"study.yml": _yaml(study), "pain.parquet": made.getvalue()}


def _package(ending: str, write: Callable[[pd.DataFrame, str], None]) -> Files:
    name = f"pain.{ending}"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(_rows(), str(path))
        return {"study.yml": _yaml(_study(data={"outcomes": name})), name: path.read_bytes()}


def _write_r(frame: pd.DataFrame, path: str) -> None:
    """Unpacked, so that a spoilt byte is more than a wrong sum; the therapy is a factor."""
    made = frame.set_axis(pd.RangeIndex(1, len(frame) + 1))
    made = made.astype({name: "object" for name in made if made[name].dtype == "str"})
    arm = pd.Categorical(frame["arm"].astype("object"))
    rdata.write_rda(path, {"pain": made.assign(arm=arm)}, compression=None)


@cache
def seed_studies() -> dict[str, Files]:
    """Files of every seed, by its name; `study.yml` is the study file."""
    return {
        "long": _long(), "events": _with_events(), "wide": _wide(), "dated": _dated(),
        "one group": _one_group(), "excel": _workbook(), "parquet": _parquet(),
        "spss": _package("sav", pyreadstat.write_sav),
        "stata": _package("dta", pyreadstat.write_dta),
        "sas": _package("xpt", pyreadstat.write_xport),
        "r": _package("rda", _write_r),
    }  # fmt: skip
