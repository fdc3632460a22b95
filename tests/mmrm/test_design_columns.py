"""Columns of a design: ours against formulaic's, and what a formula may not do."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from formulaic import Formula

from analysis.errors import ModelError
from analysis.mmrm import SufficientStatistics
from analysis.mmrm.coding import plain_coding
from analysis.mmrm.formula import parse

ROLES = {"subject": "id", "visit": "visit"}
FACTORS = ("arm", "sex", "visit", "dose level")
NAMES = ("arm", "sex", "visit", "`dose level`", "base", "`age now`")


def _frame(rows: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(20)
    return pd.DataFrame(
        {
            "y": rng.normal(size=rows),
            "id": np.repeat(np.arange(rows // 4), 4),
            "visit": pd.Categorical(np.tile(["w4", "w12", "w26", "w52"], rows // 4)),
            "arm": pd.Categorical(rng.choice(["usual", "sham", "active"], rows), ["usual", "sham", "active"]),
            "sex": pd.Categorical(rng.choice([True, False], rows)),
            "dose level": pd.Categorical(rng.choice([0.5, 2.0], rows)),
            "base": rng.normal(6, 1.4, rows),
            "age now": rng.normal(50, 9, rows),
        }
    )


def _any_formula(seed: int) -> str:
    rng = np.random.default_rng(seed)
    terms = []
    for _ in range(rng.integers(1, 5)):
        chosen = rng.choice(NAMES, rng.integers(1, 4), replace=False)
        joined = rng.choice([":", " * "]).join(chosen)
        terms.append(joined if rng.random() < 0.8 else f"({' + '.join(chosen)})**2")
    start, end = rng.choice(["", "0 + ", "1 + "]), rng.choice(["", " - 1", " - arm"])
    return f"y ~ {start}{' + '.join(terms)}{end}"


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return _frame()


@pytest.mark.parametrize("seeds", [range(k, k + 20) for k in range(0, 120, 20)], ids=str)
def test_columns_and_names_of_plain_formulas_are_those_of_formulaic(frame, seeds):
    for formula in map(_any_formula, seeds):
        theirs = Formula(formula).rhs.get_model_matrix(frame)
        parsed = parse(formula)
        assert parsed.plain, formula
        ours = plain_coding(
            parsed, {k: frame[k].cat.categories for k in FACTORS if k in parsed.names}
        )
        assert list(ours.names) == list(theirs.columns), formula
        np.testing.assert_array_equal(ours.rows(frame), theirs.to_numpy(dtype=float), formula)


def test_timestamps_as_levels_are_named_as_formulaic_names_them(frame):
    days = pd.Categorical(frame["visit"].map({"w4": "2024-01-29", "w12": "2024-03-25",
                                              "w26": "2024-07-01", "w52": "2025-01-01"})
                          .astype(str).astype("datetime64[ns]"))  # fmt: skip
    timed = frame.assign(visit=days)
    theirs = Formula("y ~ visit * base").rhs.get_model_matrix(timed)
    ours = plain_coding(parse("y ~ visit * base"), {"visit": days.categories})
    assert list(ours.names) == list(theirs.columns)


@pytest.mark.parametrize(
    "formula", ["y ~ base * arm * visit", "y ~ 0 + arm:visit + base:visit", "y ~ np.log(base) + arm * visit",
                "y ~ poly(base, 2) + visit", "y ~ {base**2} + arm"])  # fmt: skip
def test_blocks_hold_the_rows_of_the_frame_in_columns_of_the_formula(frame, formula):
    shuffled = frame.sample(frac=1, random_state=3).set_index(np.arange(len(frame)) + 7)
    design, _ = SufficientStatistics.with_rows(formula, shuffled, **ROLES)
    blocks = list(design.blocks())
    index = np.concatenate([block.index for block in blocks])
    rows = np.concatenate([block.rows for block in blocks])
    used = design.frame.iloc[index]
    assert sorted(index) == list(range(len(frame)))
    np.testing.assert_allclose(rows[:, :-1], design.rows(used), rtol=1e-15)
    np.testing.assert_array_equal(rows[:, -1], used["y"])
    key = np.concatenate([block.subject * 10 + block.visit for block in blocks])
    assert np.all(np.diff(key) > 0)


@pytest.mark.parametrize("formula", ["y ~ base * arm * visit", "y ~ poly(base, 2) + arm * visit", "y ~ 1"])
def test_combinations_given_by_position_make_the_rows_of_the_frame(frame, formula):
    design, _ = SufficientStatistics.with_rows(formula, frame, **ROLES)
    names = [name for name in ("arm", "visit") if name in design.variables] or ["visit"]
    made = design.matrix({name: frame[name].cat.codes for name in names}, {"base": frame["base"].to_numpy()})
    np.testing.assert_allclose(made, design.rows(frame), rtol=1e-14)


def test_rows_of_a_new_frame_refuse_a_level_that_was_not_seen(frame):
    design, _ = SufficientStatistics.with_rows("y ~ arm * visit + base", frame, **ROLES)
    with pytest.raises(ModelError, match=r"'arm' holds 'placebo'.*'usual', 'sham', 'active'"):
        design.rows(frame.assign(arm="placebo"))
    with pytest.raises(ModelError, match=r"lacks columns.*base"):
        design.rows(frame.drop(columns="base"))
    with pytest.raises(ModelError, match="'arm' has missing values"):
        design.rows(frame.assign(arm=frame["arm"].where(frame["arm"] != "sham")))


@pytest.mark.parametrize(
    "term",
    ["__import__('os').getcwd()", "np.load('secret')", "base.__class__", "{open('x')}",
     "{base.to_csv('x')}", "np.lib.format.open_memmap('x')", "I(exec('1'))", "{[b for b in base]}",
     "{(lambda: 1)()}", "np.log(eval('base'))", "lag(base)", "{base.values}", "{f'{base}'}",
     "{base + 9**9**9**9}", "{9**99999999 * base}", "{base << 2}", "np.log('a' * 999999999)",
     "I([0] * 999999999)", "{(9**99)**99 + base}"],
)  # fmt: skip
def test_a_formula_is_never_a_program(frame, term, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError, match=r"cannot be read|do not have"):
        SufficientStatistics.with_rows(f"y ~ {term} + arm", frame, **ROLES)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", "a b", "x.y", "1st", "np.log(q)", "é"])
def test_hostile_column_names_in_backquotes_are_only_names(frame, name):
    design, _ = SufficientStatistics.with_rows(
        f"y ~ `{name}` * visit", frame.rename(columns={"base": name}), **ROLES
    )
    assert name in design.columns
    transformed = f"y ~ np.abs(`{name}`) + visit"
    wide, _ = SufficientStatistics.with_rows(transformed, frame.rename(columns={"base": name}), **ROLES)
    assert wide.variables == tuple(sorted([name, "visit"]))


@pytest.mark.parametrize(
    ("formula", "message"),
    [("y ~ arm | visit", "cannot be read"), ("y ~ 'text'", "cannot be read"), ("y ~ .", "cannot be read"),
     ("y ~ arm + y", "both sides"), ("y ~ np.log(y)", "both sides"), (None, "cannot be read"),
     ("log(y) ~ arm", "left side"), ("y ~ arm ~ sex", "cannot be read"),
     ("y ~ base ** base", "cannot be read")],
)  # fmt: skip
def test_what_is_no_formula_is_refused_in_words(frame, formula, message):
    with pytest.raises(ModelError, match=message):
        SufficientStatistics.with_rows(formula, frame, **ROLES)
