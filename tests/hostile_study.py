"""A study with hostile text in every field that takes text, and with secrets that no report may hold."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from analysis.report.__main__ import main

PAGE = "<img src=x onerror=alert(1)>"
SCRIPT = "</title></style></script><script>alert(2)</script>"
FORMULA = "=HYPERLINK('http://example.org','x')"
LINK = "[click](javascript:alert(3)) `x` **y** $\\alpha$ {{7*7}} {% raw %}"
STEER = "red\x1b[31m\u202egnp"
ARMS = (FORMULA, f"Massage {PAGE}", f"{LINK}")
TITLE = f"Trial {SCRIPT} {LINK}"
SECRET, UNUSED, NAMED = "SECRET-", "HIDDEN-NAME", "WHO-FELL"
VISITS = (f"start {PAGE}", "+later", f"@last {SCRIPT[:40]}")
WEEKS = (0, 8, 52)
PATIENTS = 60
# Until the other process of a run is taken for dead that makes a report both look at.
PATIENCE = 900


def outcomes() -> pd.DataFrame:
    rng = np.random.default_rng(11)
    rows = [
        {"who": f"{SECRET}{k:03d}", "name": f"{UNUSED}-{k}", "arm": ARMS[k % 3], "week": week,
         "place": (PAGE, FORMULA)[k % 2], "sex": (SCRIPT, "-1+1", "m")[k // 3 % 3],
         "score": int(np.clip(rng.normal(7 - (week > 0) * (k % 3) - 0.02 * week, 1.5), 0, 10).round()),
         "moves": int(np.clip(rng.normal(14 - 2 * (k % 3), 4), 0, 24).round())}
        for k in range(PATIENTS) for week in WEEKS
        if not (week == 52 and k % 9 == 4)
    ]  # fmt: skip
    # Rows that checks notice and name: a visit that is not in the schedule.
    extra = {**rows[0], "week": 99}
    return pd.DataFrame([*rows, extra])


def events() -> pd.DataFrame:
    kinds, some = ("fall", "stop", "fall", "gone"), range(PATIENTS // 2)
    return pd.DataFrame({
        "who": [f"{SECRET}{2 * k:03d}" for k in some], "kind": [kinds[k % 4] for k in some],
        "week": [4 + k for k in some], "what": [(PAGE, STEER, SCRIPT)[k % 3] for k in some],
        "comment": NAMED,
    })  # fmt: skip


def write_hostile(folder: Path) -> Path:
    """Write the files, with hostile text in their names as well where these may hold it."""
    odd = "odd" if os.name == "nt" else "=1 <b onclick=alert(4)>"
    data, happened, study = f"{odd}.csv", f"{odd} events.csv", f"{odd} &amp; $x$.yml"
    outcomes().to_csv(folder / data, index=False)
    events().to_csv(folder / happened, index=False)
    content = {
        "title": TITLE, "description": f"{PAGE} {LINK}", "design": "randomised", "simulated": True,
        "data": {"outcomes": data, "events": happened, "licence": SCRIPT, "citation": f"{PAGE} {LINK}"},
        "layout": "long", "patient": "who", "site": "place",
        "therapy": {"column": "arm", "comparator": ARMS[0], "arms": [{"label": a} for a in ARMS]},
        "visits": {"column": "week", "schedule": [
            {"name": name, "week": week, "code": week,
             **({"baseline": True} if not week else {"horizon": ("short", "long")[week == 52]})}
            for name, week in zip(VISITS, WEEKS, strict=True)]},
        "measures": [
            {"name": "pain", "label": f"Pain {PAGE}", "instrument": "NRS", "column": "score",
             "primary": True},
            {"name": "function", "label": f"Function {FORMULA}", "instrument": "RMDQ", "column": "moves"},
        ],
        "covariates": [{"name": "sex", "column": "sex", "label": SCRIPT, "type": "category"}],
        "filters": [{"column": "sex", "drop": ["x"], "reason": f"{PAGE} {FORMULA}"}],
        "events": {"patient": "who", "kind": "kind", "week": "week", "what": "what", "kinds": {
            "fall": "adverse_event", "stop": "stopped_therapy", "gone": "lost"}},
        "estimands": [{"name": f"{SCRIPT}", "population": f"{PAGE} {LINK}"}],
    }  # fmt: skip
    path = folder / study
    path.write_text(yaml.safe_dump(content, allow_unicode=True, sort_keys=False), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Gives the report of the hostile study; one of each name is made in a run, by whoever needs it."""
    home = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        home = home.parent

    def made(name: str) -> Path:
        folder = home / f"hostile-{name}"
        ended = folder / "ended"
        try:
            folder.mkdir()
        except FileExistsError:
            patience = time.monotonic() + PATIENCE
            # Until something is in it: for a moment the file is there and empty.
            while not (ended.exists() and ended.stat().st_size) and time.monotonic() < patience:
                time.sleep(0.2)
        else:
            try:
                code = main([str(write_hostile(folder)), "--output", str(folder / "report")])
                ended.write_text(str(code), encoding="utf-8")
            except BaseException as error:
                ended.write_text(repr(error), encoding="utf-8")
                raise
        assert ended.is_file() and ended.read_text(encoding="utf-8") == "0"
        return folder / "report"

    return made
