"""One fit from one frame, from batches, from merged parts; and from data far from zero."""

from __future__ import annotations

from functools import reduce
from operator import add

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.mmrm import MMRM, SufficientStatistics
from analysis.mmrm.basis import working_statistics

# The three ways differ in the order of sums only; the search ends where rounding does.
SAME = 1e-10
# An offset of 1e7 leaves nine digits to a covariate with a spread near 1.
FAR = 1e-9
FORMULA = "y ~ base * visit + arm * visit"
ROLES = {"subject": "id", "visit": "visit"}
LEVELS = {"visit": ["v0", "v1", "v2", "v3"], "arm": ["usual", "sham", "active"]}


def _trial(seed: int = 5, patients: int = 90) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    base, arm = rng.normal(6, 1.4, patients), np.arange(patients) % 3
    root = np.linalg.cholesky(0.5 + 0.5 * np.eye(4))
    y = 0.4 * base[:, None] - 0.3 * arm[:, None] + rng.standard_normal((patients, 4)) @ root.T
    y[rng.random(y.shape) < 0.15] = np.nan
    return pd.DataFrame(
        {
            "id": np.repeat([f"p{k:03d}" for k in range(patients)], 4),
            "visit": pd.Categorical(np.tile(LEVELS["visit"], patients)),
            "arm": pd.Categorical.from_codes(np.repeat(arm, 4), LEVELS["arm"]),
            "base": np.repeat(base, 4),
            "y": y.ravel(),
            "size": np.repeat(rng.uniform(0.5, 2, patients), 4),
            "precision": rng.uniform(0.5, 2, 4 * patients),
            "region": np.repeat(np.where(np.arange(patients) % 2, "north", "south"), 4),
        }
    )


def _fit(statistics: SufficientStatistics):
    return MMRM(statistics.design, statistics).fit()


def _alike(fit, other, tolerance: float = SAME) -> None:
    np.testing.assert_allclose(fit.params, other.params, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(fit.bse, other.bse, rtol=tolerance)
    assert fit.llf == pytest.approx(other.llf, rel=tolerance, abs=1e-9)


def _cut(frame: pd.DataFrame, *ends: int) -> list[pd.DataFrame]:
    return [frame.iloc[a:b] for a, b in zip([0, *ends], [*ends, len(frame)], strict=True)]


@pytest.fixture(scope="module")
def trial() -> pd.DataFrame:
    return _trial()


@pytest.fixture(scope="module")
def whole(trial):
    return _fit(SufficientStatistics.from_frame(FORMULA, trial, **ROLES))


@pytest.mark.parametrize("ends", [(), (80, 200), (81, 82, 83, 203), (4, 5, 6, 7, 8)], ids=str)
def test_oracle_11_batches_give_the_fit_of_the_frame(trial, whole, ends):
    read = []
    found = SufficientStatistics.from_batches(
        FORMULA, iter(_cut(trial, *ends)), **ROLES, progress=read.append
    )
    _alike(_fit(found), whole)
    assert read[-1] == len(trial)
    assert found.design.dropped == whole.design.dropped
    pd.testing.assert_frame_equal(found.design.margins.cells, whole.design.margins.cells)
    pd.testing.assert_frame_equal(found.design.margins.people, whole.design.margins.people)


def test_oracle_11_merged_parts_give_the_fit_of_the_frame(trial, whole):
    parts = [
        SufficientStatistics.from_frame(FORMULA, part, **ROLES)
        for part in _cut(trial, 120, 240)
    ]
    assert len({part.design.centre["base"] for part in parts} | {0.0}) > 1
    merged = parts[0] + parts[1] + parts[2]
    _alike(_fit(merged), whole)
    assert merged.n_subjects == whole.n_subjects
    means, other = (fit.lsmeans("arm", by="visit").frame for fit in (_fit(merged), whole))
    pd.testing.assert_frame_equal(means, other, rtol=1e-8)


@pytest.mark.parametrize("kind", ["frame", "batches", "merged"])
def test_oracle_12_offsets_of_covariate_and_outcome_lose_nothing(trial, kind):
    # Values whose sums with the offsets are exact, so that only the engine could lose digits.
    near = trial.assign(
        base=np.round(trial["base"] * 2**12) / 2**12, y=np.round(trial["y"] * 2**12) / 2**12
    )
    far = near.assign(base=near["base"] + 1e7, y=near["y"] + 1e6)

    def read(frame):
        cut = _cut(frame, 100, 240)
        if kind == "frame":
            return SufficientStatistics.from_frame(FORMULA, frame, **ROLES)
        if kind == "batches":
            return SufficientStatistics.from_batches(FORMULA, cut, **ROLES)
        one, two = (
            SufficientStatistics.from_frame(FORMULA, part, **ROLES)
            for part in (cut[0], pd.concat(cut[1:]))
        )
        return one + two

    one, other = _fit(read(near)), _fit(read(far))
    slopes = [name for name in one.params.index if "base" in name]
    np.testing.assert_allclose(other.params[slopes], one.params[slopes], rtol=FAR)
    np.testing.assert_allclose(other.bse[slopes], one.bse[slopes], rtol=FAR)
    assert other.llf == pytest.approx(one.llf, rel=FAR)
    arms = one.lsmeans("arm", by="visit").contrast().frame, other.lsmeans("arm", by="visit").contrast().frame
    np.testing.assert_allclose(arms[1]["estimate"], arms[0]["estimate"], rtol=1e-7)


@pytest.mark.parametrize(
    "formula",
    [FORMULA, "y ~ 0 + base + arm:visit", "y ~ base:visit", "y ~ 0 + arm:visit + base:arm", "y ~ arm",
     "y ~ visit + base:arm:visit", "y ~ base + size + base:size:arm + visit"],
)  # fmt: skip
def test_declared_centres_and_scales_change_no_result(trial, formula):
    plain, moved = (
        SufficientStatistics.from_frame(formula, trial, **ROLES, centre=centre, scale=scale)
        for centre, scale in (({"y": 0.0}, {"y": 1.0}), ({"y": 4.0}, {"y": 10.0}))
    )
    if "base" in formula:
        moved = SufficientStatistics.from_frame(
            formula, trial, **ROLES, centre={"base": 60.0, "y": 3.0}, scale={"base": 10.0}
        )
    _alike(_fit(plain), _fit(moved), 1e-8)
    kept, also_kept = (working_statistics(statistics)[1].kept for statistics in (plain, moved))
    np.testing.assert_array_equal(kept, also_kept)


@pytest.mark.parametrize(
    ("formula", "centred"),
    [(FORMULA, {"base", "y"}), ("y ~ 0 + arm:visit + base:arm", {"base", "y"}), ("y ~ 0 + base", set()),
     ("y ~ base * size * arm + visit", {"base", "size", "y"}), ("y ~ base:visit", {"y"}),
     ("y ~ base + size + base:size:arm", {"y"}), ("y ~ 0 + base + visit", {"y"})],
)  # fmt: skip
def test_stored_rows_are_the_rows_of_the_formula_times_the_change_of_columns(trial, formula, centred):
    design, statistics = SufficientStatistics.with_rows(formula, trial, **ROLES)
    change, gram = design.change, np.zeros((len(design.columns) + 1,) * 2)
    for block in design.blocks():
        stored = np.column_stack(
            [block.rows[:, :-1] @ change.matrix, (block.rows[:, -1] - change.centre) / change.scale]
        )
        gram += stored.T @ stored
    ours = sum(np.einsum("fmi,fmj->ij", p.root, p.root) for p in statistics.patterns)
    np.testing.assert_allclose(ours, gram, rtol=1e-10, atol=1e-10)
    assert np.all(np.tril(change.matrix, -1) == 0)
    assert {name for name, value in design.centre.items() if value} == centred


@pytest.mark.parametrize(
    "roles",
    [{"weights": "precision"}, {"subject_weights": "size"}, {"group": "region"},
     {"weights": "precision", "subject_weights": "size", "group": "region"}],
)  # fmt: skip
def test_weights_and_groups_reach_the_cross_products(trial, roles):
    shuffled = trial.sample(frac=1, random_state=2)
    design, statistics = SufficientStatistics.with_rows(FORMULA, shuffled, **ROLES, **roles)
    block = next(design.blocks())
    direct = SufficientStatistics.from_block(design.columns, 4, len(design.groups), block)
    assert direct.patients_by_pattern() == statistics.patients_by_pattern()
    assert direct.log_weights == pytest.approx(statistics.log_weights, rel=1e-12)
    back = np.linalg.inv(design.change.matrix)
    for ours, theirs in zip(statistics.patterns, direct.patterns, strict=True):
        rows = ours.root[..., :-1] @ back
        y = ours.root[..., -1] * design.change.scale + design.change.centre * rows[..., 0]
        full = np.concatenate([rows, y[..., None]], axis=-1)
        cross = [np.einsum("fmi,fnj->mnij", root, root) for root in (full, theirs.root)]
        np.testing.assert_allclose(cross[0], cross[1], rtol=1e-9, atol=1e-9)
        assert ours.weight == pytest.approx(theirs.weight, rel=1e-12)
    parts = SufficientStatistics.from_batches(
        FORMULA, _cut(trial, 101), **ROLES, **roles, levels={**LEVELS, "region": ["north", "south"]}
        if "group" in roles else None,
    )  # fmt: skip
    assert parts.log_weights == pytest.approx(statistics.log_weights, rel=1e-12)
    assert parts.patients_by_pattern() == statistics.patients_by_pattern()


def test_pooled_groups_have_the_patterns_of_no_groups(trial):
    grouped = SufficientStatistics.from_frame(FORMULA, trial, **ROLES, group="region").pooled()
    plain = SufficientStatistics.from_frame(FORMULA, trial, **ROLES)
    assert grouped.patients_by_pattern() == plain.patients_by_pattern()
    assert grouped.n_groups == 1
    for one, other in zip(grouped.patterns, plain.patterns, strict=True):
        cross = [np.einsum("fmi,fnj->mnij", root, root) for root in (one.root, other.root)]
        np.testing.assert_allclose(cross[0], cross[1], rtol=1e-10, atol=1e-10)


def test_any_number_of_visits_makes_patterns():
    rng = np.random.default_rng(6)
    visits, patients = 70, 50
    y = rng.normal(size=(patients, visits))
    y[rng.random(y.shape) < 0.01] = np.nan
    where = pd.Categorical(np.tile(np.arange(visits), patients))
    long = pd.DataFrame({"id": np.repeat(np.arange(patients), visits), "visit": where, "y": y.ravel()})
    found = SufficientStatistics.from_frame("y ~ 1", long, **ROLES)
    expected = {tuple(np.flatnonzero(~np.isnan(row)).tolist()) for row in y}
    assert {visits for _, visits in found.patients_by_pattern()} == expected
    assert found.n_obs == np.isfinite(y).sum()


def test_a_constant_covariate_is_not_estimable_whichever_column_comes_first(trial):
    flat = trial.assign(flat=5.0, again=trial["base"] * 2 - 7)
    both = SufficientStatistics.from_frame("y ~ flat + base + again + visit", flat, **ROLES)
    fit = _fit(both)
    plain = _fit(SufficientStatistics.from_frame("y ~ base + visit", flat, **ROLES))
    assert list(fit.params.index[np.isnan(fit.params)]) == ["flat", "again"]
    np.testing.assert_allclose(fit.params.dropna(), plain.params, rtol=1e-9)
    np.testing.assert_allclose(working_statistics(both)[1].alias[:2], [[5, -7], [0, 2]], atol=1e-9)
    first = _fit(SufficientStatistics.from_frame("y ~ 0 + flat + base + visit", flat, **ROLES))
    assert list(first.params.index[np.isnan(first.params)]) == ["visit[v3]"]
    assert first.llf == pytest.approx(plain.llf - np.log(5), abs=1e-8)


def test_a_covariate_that_changes_within_patients_is_taken_as_it_changes(trial):
    moving = trial.assign(now=np.random.default_rng(3).normal(2, 1, len(trial)))
    formula = "y ~ now * visit + arm"
    design, statistics = SufficientStatistics.with_rows(formula, moving, **ROLES)
    direct = reduce(
        add,
        (SufficientStatistics.from_block(design.columns, 4, 1, block) for block in design.blocks()),
    )
    _alike(_fit(statistics), MMRM(design, direct).fit())


COMPUTED = "y ~ np.log(base) + I(base**2) + arm * visit"
LEARNING = (
    "y ~ poly(base, 2) + arm * visit",
    "y ~ bs(base, df=4) + arm * visit",
    "y ~ cr(base, df=4, constraints='center') * arm + visit",
    "y ~ scale(np.log(base)) * visit + C(arm, contr.sum())",
)


def test_oracle_11_computed_columns_give_one_fit_from_a_frame_batches_and_parts(trial):
    one = _fit(SufficientStatistics.from_frame(COMPUTED, trial, **ROLES))
    _alike(_fit(SufficientStatistics.from_batches(COMPUTED, _cut(trial, 90), **ROLES)), one)
    parts = [SufficientStatistics.from_frame(COMPUTED, part, **ROLES) for part in _cut(trial, 120)]
    _alike(_fit(parts[0] + parts[1]), one)


@pytest.mark.parametrize("formula", LEARNING)
def test_oracle_11_what_transforms_learnt_is_shared_with_batches_and_parts(trial, formula):
    one = SufficientStatistics.from_frame(formula, trial, **ROLES)
    cut = _cut(trial, 80, 200)
    batches = SufficientStatistics.from_batches(formula, cut, **ROLES, like=one)
    _alike(_fit(batches), _fit(one))
    parts = [SufficientStatistics.from_frame(formula, part, **ROLES, like=one) for part in cut]
    _alike(_fit(parts[0] + parts[1] + parts[2]), _fit(one))


def test_transforms_that_learnt_from_other_rows_are_neither_read_in_batches_nor_added(trial):
    formula = LEARNING[0]
    cut = _cut(trial, 120)
    with pytest.raises(ModelError, match=r"poly\(base, 2\) learns its columns from all rows.*like="):
        SufficientStatistics.from_batches(formula, cut, **ROLES)
    one, two = (SufficientStatistics.from_frame(formula, part, **ROLES) for part in cut)
    with pytest.raises(ModelError, match=r"learnt other columns.*like="):
        one + two
    with pytest.raises(ModelError, match="was asked for"):
        SufficientStatistics.from_frame(FORMULA, trial, **ROLES, like=one)
    with pytest.raises(ModelError, match="statistics that know their formula"):
        SufficientStatistics.from_batches(formula, cut, **ROLES, like=trial)


@pytest.mark.parametrize("form", ["table", "dataset", "reader", "batches"])
def test_arrow_is_read_like_frames(trial, whole, tmp_path, form):
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_pandas(trial, preserve_index=False)
    if form == "dataset":
        import pyarrow.dataset as ds
        import pyarrow.parquet as pq

        pq.write_table(table, tmp_path / "trial.parquet", row_group_size=90)
        source = ds.dataset(tmp_path / "trial.parquet")
    elif form == "reader":
        source = pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=77))
    else:
        source = table if form == "table" else table.to_batches(max_chunksize=50)
    _alike(_fit(SufficientStatistics.from_batches(FORMULA, source, **ROLES, levels=LEVELS)), whole)
