"""Roles of columns: several outcomes, groups, weights; and the frames that do not fit them."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.mmrm import SufficientStatistics

ROLES = {"subject": "id", "visit": "visit"}
FORMULA = "y ~ base + arm * visit"


def _trial(patients: int = 30) -> pd.DataFrame:
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "id": np.repeat(np.arange(patients) * 7, 3),
            "visit": pd.Categorical(["v0", "v1", "v2"] * patients),
            "arm": pd.Categorical(np.repeat(["a", "b"], 3 * patients // 2)),
            "base": np.repeat(rng.normal(6, 1, patients), 3),
            "y": rng.normal(size=3 * patients),
            "w": 1.0,
        }
    )


@pytest.fixture
def trial() -> pd.DataFrame:
    return _trial()


def test_several_outcomes_stand_measure_by_measure_in_the_covariance(trial):
    both = pd.concat([trial.assign(what="pain"), trial.assign(what="function", y=trial["y"] * 2)])
    both = both[(both["what"] == "pain") | (both["visit"] != "v1")]
    design, statistics = SufficientStatistics.with_rows(
        "y ~ what * arm * visit", both, **ROLES, measure="what"
    )
    assert design.measures == ("function", "pain")
    assert design.visits == ("v0", "v1", "v2")
    assert design.positions[:2] == (("function", "v0"), ("function", "v1"))
    assert statistics.n_visits == 6
    assert [p.visits for p in statistics.patterns] == [(0, 2, 3, 4, 5)]
    block = next(design.blocks())
    used = design.frame.iloc[block.index]
    expected = (used["what"] == "pain") * 3 + used["visit"].cat.codes
    np.testing.assert_array_equal(block.visit, expected)
    with pytest.raises(ModelError, match=r"1 rows repeat .*id and visit, what \(0 at v0 for pain\)"):
        SufficientStatistics.with_rows("y ~ what", pd.concat([both, both.iloc[:1]]), **ROLES, measure="what")


def test_one_outcome_has_one_nameless_measure(trial):
    design, _ = SufficientStatistics.with_rows(FORMULA, trial, **ROLES)
    assert design.measures == (None,)
    assert design.groups == (None,)
    assert design.positions == design.visits == ("v0", "v1", "v2")


def test_a_design_is_pickled_without_patients(trial):
    named = trial.assign(id=[f"secret{k}" for k in trial["id"]])
    design, statistics = SufficientStatistics.with_rows(FORMULA, named, **ROLES)
    assert len(design.frame) == len(trial)
    next(design.blocks())
    content = pickle.dumps((design, statistics))
    assert b"secret" not in content
    again, _ = pickle.loads(content)
    assert again.frame is None
    np.testing.assert_array_equal(again.rows(trial), design.rows(trial))
    with pytest.raises(ModelError, match="needs the patients' rows"):
        next(again.blocks())


def test_the_callers_frame_may_change_later_without_changing_the_design(trial):
    mine = trial.copy()
    design, _ = SufficientStatistics.with_rows(FORMULA, mine, **ROLES)
    mine.loc[:, "y"] = 0.0
    np.testing.assert_array_equal(design.frame["y"], trial["y"])


@pytest.mark.parametrize("levels", [{"arm": ["b", "a", "c"]}, {"visit": ["v0", "v1", "v2", "v3"]}])
def test_declared_levels_are_kept_in_their_order_also_where_nobody_has_one(trial, levels):
    (name, wanted), = levels.items()
    found = SufficientStatistics.from_frame(FORMULA, trial, **ROLES, levels=levels)
    assert list(found.design.levels[name]) == wanted
    assert list(found.design.margins.factors[name]) == wanted


def _split(frame, *order):
    parts = [frame.iloc[:30], frame.iloc[30:60], frame.iloc[60:]]
    return [parts[k] for k in order]


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda d: d.assign(w="heavy"), {"weights": "w"}, "'w' holds .* must hold numbers"),
        (lambda d: d.assign(w=0.0), {"weights": "w"}, "must be positive numbers; the smallest is 0"),
        (lambda d: d.assign(w=-1.0), {"subject_weights": "w"}, "smallest is -1"),
        (lambda d: d.assign(w=np.arange(len(d)) + 1.0), {"subject_weights": "w"}, "30 patients have more"),
        (lambda d: d.assign(w=np.nan), {"weights": "w"}, "no value of w"),
        (lambda d: d, {"weights": "arm"}, "'arm' holds .* must hold numbers"),
        (lambda d: d, {"subject_weights": "visit"}, "'visit' holds .* must hold numbers"),
        (lambda d: d, {"weights": "v"}, "weights='v' is not a column"),
        (lambda d: d.assign(g=d["visit"]), {"group": "g"}, "same in all rows of a patient.*0, 7"),
        (lambda d: d, {"measure": "what"}, "measure='what' is not a column"),
        (lambda d: d, {"levels": {"arm": ["a"]}}, "'arm' holds 'b', which is none of its levels.*Declare"),
        (lambda d: d, {"levels": {"arm": ["a", "a", "b"]}}, "each once"),
        (lambda d: d, {"levels": {"arm": []}}, "at least one"),
        (lambda d: d, {"levels": {"arm": 3}}, "must give a list of levels"),
        (lambda d: d, {"levels": {"arm": [["a"], "b"]}}, "must give a list of levels"),
        (lambda d: d, {"levels": 3}, "must give a list of levels"),
        (lambda d: d, {"scale": 10.0}, "must give a number for each column"),
        (lambda d: d, {"group": ["arm"]}, "must be the name of one column"),
        (lambda d: d, {"levels": {"colour": ["red"]}}, "no categorical column"),
        (lambda d: d, {"centre": {"arm": 3.0}}, "no bare numeric column"),
        (lambda d: d, {"centre": {"base": np.nan}}, "finite number"),
        (lambda d: d, {"scale": {"base": 0.0}}, "above 0"),
        (lambda d: d, {"scale": {"base": "ten"}}, "above 0"),
        (lambda d: d.assign(base=d["base"] + 1j), {}, "must hold numbers"),
        (lambda d: d.iloc[:0], {}, "No row is left"),
    ],
)  # fmt: skip
def test_frames_that_do_not_fit_their_roles_are_refused_in_words(trial, change, options, message):
    with pytest.raises(ModelError, match=message):
        SufficientStatistics.from_frame(FORMULA, change(trial), **ROLES, **options)


@pytest.mark.parametrize(
    ("batches", "options", "message"),
    [
        (lambda d: [d.iloc[:40], d.iloc[40:80], d.iloc[:3]], {}, r"1 patients come back .*\(0\).*sort"),
        (lambda d: [d.iloc[:40], d.iloc[42:], d.iloc[40:42]], {}, "come back"),
        (lambda d: [d.iloc[:40], d.iloc[40:].drop(columns="base")], {}, r"Batch 2 lacks columns.*base"),
        (lambda d: [d.iloc[:40], d.iloc[40:].assign(base="x")], {}, "must hold numbers"),
        (lambda d: [d.iloc[:30], d.iloc[30:].assign(arm="c")], {}, "'arm' holds 'c'.*Declare"),
        (lambda d: [d.assign(arm=d["arm"].astype(str))], {}, "levels of 'arm' are not known.*Declare"),
        (lambda d: [], {}, "No row is left"),
        (lambda d: [d.iloc[:0], d.iloc[:0]], {}, "No row is left"),
        (lambda d: [d.assign(y=np.nan)], {}, "no value of y"),
        (lambda d: [d], {"group": ["arm"]}, "must be the name of one column"),
        (lambda d: [d], {"levels": 3}, "must give a list of levels"),
        (lambda d: d, {}, "batches= is a DataFrame.*from_frame"),
        (lambda d: 7, {}, "cannot be read in turn"),
        (lambda d: [d, "text"], {}, "Batch 2 is a str"),
        (lambda d: "trial.parquet", {}, "batches= is a str"),
        (lambda d: _split(d.assign(w=-1.0), 0, 1), {"weights": "w"}, "must be positive"),
        (lambda d: _split(pd.concat([d, d.iloc[-1:]]), 0, 1, 2), {}, "rows repeat"),
        (lambda d: _split(d.assign(y=d["y"].where(d["visit"] != "v1", 5.0)), 0, 1, 2), {}, "5 at v1"),
    ],
)  # fmt: skip
def test_batches_that_do_not_fit_are_refused_in_words(trial, batches, options, message):
    with pytest.raises(ModelError, match=message):
        SufficientStatistics.from_batches(FORMULA, batches(trial), **ROLES, **options)


@pytest.mark.parametrize(
    ("change", "formula", "options", "message"),
    [
        (lambda d: d, "y ~ arm * visit", {}, "the formulas differ"),
        (lambda d: d.assign(arm=pd.Categorical(d["arm"], ["b", "a"])), FORMULA, {}, "'arm' has the levels"),
        (lambda d: d[d["visit"] != "v2"], FORMULA, {}, "'visit' has the levels"),
        (lambda d: d, FORMULA, {"weights": "w"}, "weights is None in one and 'w'"),
    ],
)  # fmt: skip
def test_statistics_of_different_models_are_not_added(trial, change, formula, options, message):
    one = SufficientStatistics.from_frame(FORMULA, trial, **ROLES)
    other = SufficientStatistics.from_frame(formula, change(trial), **ROLES, **options)
    with pytest.raises(ModelError, match=message):
        one + other


def test_a_repr_names_the_formula_and_the_counts_and_no_patient(trial):
    found = SufficientStatistics.from_frame(FORMULA, trial, **ROLES)
    assert repr(found) == (
        "<SufficientStatistics of y ~ base + arm * visit: 30 patients, 90 values, 3 visits, "
        "1 patterns, 7 columns>"
    )
    assert found.patients_by_pattern() == {(0, (0, 1, 2)): 30}
