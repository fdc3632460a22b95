"""Tables put together at random: each is drafted or refused in words, and the draft is sound YAML."""

from __future__ import annotations

import random

import pandas as pd
import pytest
import yaml

from analysis.draft import sketch_study
from analysis.errors import ReliefError
from analysis.intake import check_study
from analysis.studies.yaml_text import parse_yaml

TABLES = 25
NAMES = (
    "id", "patient", "USUBJID", "PARAMCD", "AVAL", "BASE", "AVISIT", "visit", "week", "day", "date",
    "randomised", "therapy", "group", "arm", "pain", "nrs_w0", "nrs_w8", "nrs_w26", "pain_1", "pain_2",
    "rmdq", "age", "sex", "site", "ADY", "Name", "e-mail", "score", "value", "measure", "Status",
    "Finished", "ResponseId", "change", "=x", "a: b", "[", "12month", "visit date", "PARAM", "DTYPE", "",
)  # fmt: skip
VALUES = (
    "", "NA", "-99", "99", "0", "1", "2", "3", "10", "100", "3,5", "1,234", "2.5", "baseline", "week 8",
    "W26", "2024-01-08", "13/01/2024", "01/02/2024", "placebo", "massage", "=cmd", "<b>", "x@y.zz", "P1",
    "True", "Y", "1e308", "-0", "Inf", "\N{ARABIC-INDIC DIGIT THREE}", "½", "9" * 30, "k. A.", "\u202e",
)  # fmt: skip


def random_table(chance: random.Random) -> pd.DataFrame:
    """A table with some of the names and, in each column, a few of the values."""
    names = list(dict.fromkeys(chance.sample(NAMES, chance.randint(1, 10))))
    size = chance.randint(1, 30)
    cells = {}
    for name in names:
        pool = chance.sample(VALUES, chance.randint(1, 6))
        cells[name] = [chance.choice(pool) for _ in range(size)]
    for name in {"id", "patient", "USUBJID"} & set(names):
        each = chance.choice((1, 2, 3))
        cells[name] = [f"P{row // each}" for row in range(size)]
    return pd.DataFrame(cells)


def answered(content: dict) -> dict:
    """A draft with any answer to what was left out, so that the data are read."""
    for measure in content.get("measures", []):
        measure.setdefault("instrument", "NRS")
    for place, visit in enumerate(content.get("visits", {}).get("schedule", [])):
        visit.setdefault("week", 4 * place)
    return content


@pytest.mark.parametrize("seed", range(6))
def test_any_table_is_drafted_or_refused_and_its_draft_checked_or_refused(tmp_path, seed):
    chance = random.Random(seed)
    drafted = 0
    for _ in range(TABLES):
        random_table(chance).to_csv(tmp_path / "d.csv", index=False)
        try:
            draft = sketch_study(tmp_path / "d.csv")
        except ReliefError:
            continue
        drafted += 1
        assert all(line.isprintable() for line in draft.text.split("\n"))
        content = answered(parse_yaml(draft.text, "d.yml")[0])
        (tmp_path / "d.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
        try:
            check_study(tmp_path / "d.yml")
        except ReliefError as error:
            assert str(error)
    assert drafted > TABLES / 2
