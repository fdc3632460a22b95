"""Statistics in a file: everything comes back, and nothing else is read."""

from __future__ import annotations

import json
import pickle
import zipfile
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.mmrm import MMRM, SufficientStatistics

# What a file brings back differs by nothing but the rounding of JSON's shortest numbers: none.
SAME = 1e-12
FORMULA = "y ~ base * visit + arm"
ROLES = {"subject": "id", "visit": "visit"}


def _trial(visits=("v0", "v1", "v2"), arms=("usual", "active"), patients: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(9)
    m = len(visits)
    y = rng.normal(size=(patients, m)) + rng.normal(size=(patients, 1))
    y[rng.random(y.shape) < 0.1] = np.nan
    return pd.DataFrame(
        {
            "id": np.repeat([f"secret{k}" for k in range(patients)], m),
            "visit": pd.Categorical(list(visits) * patients, visits),
            "arm": pd.Categorical.from_codes(np.repeat(np.arange(patients) % 2, m), list(arms)),
            "base": np.repeat(rng.normal(6, 1, patients), m),
            "y": y.ravel(),
        }
    )


@pytest.fixture(scope="module")
def statistics() -> SufficientStatistics:
    return SufficientStatistics.from_frame(FORMULA, _trial(), **ROLES)


def _members(path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return {name: archive[name] for name in archive.files}


@pytest.mark.parametrize(
    ("visits", "arms"),
    [(("v0", "v1", "v2"), ("usual", "active")), ((4, 12, 26), (False, True)),
      ((0.5, 1.0, 2.5), ("<b>", "é \"'")),
     (tuple(pd.to_datetime(["2024-01-29", "2024-03-25", "2025-01-27"])), (1, "one"))],
)  # fmt: skip
def test_a_file_brings_back_the_fit_and_the_levels(tmp_path, visits, arms):
    saved = SufficientStatistics.from_frame(FORMULA, _trial(visits, arms), **ROLES)
    path = tmp_path / "trial.stats"
    saved.save(path)
    loaded = SufficientStatistics.load(path)
    one, other = (MMRM(s.design, s).fit() for s in (saved, loaded))
    np.testing.assert_array_equal(other.params, one.params)
    assert other.llf == one.llf
    assert loaded.design.visits == saved.design.visits
    assert [type(v) for v in loaded.design.levels["arm"]] == [type(v) for v in saved.design.levels["arm"]]
    for names in (("arm",), ("arm", "visit")):
        keys = list(one.lsmeans(names[0], by=names[1:]).frame[list(names)].itertuples(index=False, name=None))
        counts = [s.design.margins.patients(names, keys) for s in (loaded, saved)]
        assert counts[0] == counts[1]
    assert loaded.design.dropped == saved.design.dropped
    assert (loaded + saved).n_subjects == 2 * saved.n_subjects
    assert b"secret" not in path.read_bytes()


def test_a_file_is_not_overwritten_unless_told(tmp_path, statistics):
    path = tmp_path / "trial.npz"
    statistics.save(path)
    with pytest.raises(ModelError, match="exists already"):
        statistics.save(path)
    statistics.save(path, overwrite=True)
    with pytest.raises(ModelError, match="cannot be written"):
        statistics.save(tmp_path / "no folder" / "trial.npz")
    with pytest.raises(ModelError, match="There is no file"):
        SufficientStatistics.load(tmp_path / "absent.npz")


@pytest.mark.parametrize(
    "formula",
    ["y ~ np.log(base) * visit + arm", "y ~ base + I(base**2) + np.sqrt(base):arm + visit",
     "y ~ np.where(base > 6, 1, 0) * visit", "y ~ poly(base, 2) * visit", "y ~ bs(np.log(base), df=4) + arm",
     "y ~ cr(base, df=4, constraints='center') * arm", "y ~ cc(base, df=4)",
     "y ~ scale(center(base)) * visit + C(arm, contr.sum())", "y ~ C(visit, levels=['v1', 'v0', 'v2'])",
     "y ~ C(base > 6) * visit"],
)  # fmt: skip
def test_computed_columns_come_back_with_what_their_transforms_learnt(tmp_path, formula):
    saved = SufficientStatistics.from_frame(formula, _trial(), **ROLES)
    path = tmp_path / "trial.stats"
    saved.save(path)
    loaded = SufficientStatistics.load(path)
    one, other = (MMRM(s.design, s).fit() for s in (saved, loaded))
    np.testing.assert_allclose(other.params, one.params, rtol=SAME)
    np.testing.assert_allclose(other.bse, one.bse, rtol=SAME)
    assert other.llf == pytest.approx(one.llf, rel=SAME)
    new = _trial(patients=25).assign(base=lambda d: d["base"].clip(5.5, 6.5))
    np.testing.assert_allclose(loaded.design.rows(new), saved.design.rows(new), rtol=SAME, atol=SAME)
    assert (loaded + saved).n_subjects == 2 * saved.n_subjects
    means = [fit.lsmeans("visit").frame for fit in (other, one)] if "visit" in formula else []
    if means:
        pd.testing.assert_frame_equal(*means, rtol=SAME)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h["transforms"]["learnt"]["poly(base, 2)"].update(alpha="os.system"), "no number"),
        (lambda h: h["transforms"]["learnt"]["poly(base, 2)"].update(code="1"), "a transform learnt"),
        (lambda h: h["transforms"]["learnt"].update({"exec('1')": {"center": 1, "ddof": 1, "scale": 1}}),
         "not of its formula"),
        (lambda h: h["transforms"]["learnt"].clear(), "no complete file"),
        (lambda h: h["transforms"]["categories"].update({"base": h["levels"]["visit"]}),
         "not of its formula"),
        (lambda h: h.pop("transforms"), "no complete file"),
        (lambda h: h.update(version=1), "formula does not fit"),
        (lambda h: h.update(formula="y ~ poly(base, 2).__class__ + visit"), "cannot be read"),
        (lambda h: h.update(formula="y ~ __import__('os').system('true') + visit"), "cannot be read"),
    ],
)  # fmt: skip
def test_a_hostile_file_of_transforms_is_refused(tmp_path, change, message):
    path, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    SufficientStatistics.from_frame("y ~ poly(base, 2) + visit", _trial(), **ROLES).save(path)
    np.savez(bad, **_header(change)(_members(path)))
    with pytest.raises(ModelError, match=message):
        SufficientStatistics.load(bad)


def test_what_a_file_cannot_carry_is_not_saved(tmp_path):
    counted = SufficientStatistics.from_frame("y ~ C(size) + visit", _trial().assign(
        size=lambda d: np.arange(len(d)) // 3 % 2
    ), **ROLES)  # fmt: skip
    with pytest.raises(ModelError, match="a file cannot carry"):
        counted.save(tmp_path / "x.npz")
    nameless = replace(counted, design=None)
    with pytest.raises(ModelError, match="no design"):
        nameless.save(tmp_path / "x.npz")
    assert not list(tmp_path.iterdir())


def test_a_file_cut_or_changed_anywhere_is_refused_in_words(tmp_path, statistics):
    path, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    statistics.save(path)
    content = path.read_bytes()
    for length in range(0, len(content), 997):
        bad.write_bytes(content[:length])
        with pytest.raises(ModelError, match=r"bad\.npz"):
            SufficientStatistics.load(bad)
    for place in range(0, len(content), 499):
        bad.write_bytes(content[:place] + bytes([content[place] ^ 255]) + content[place + 1 :])
        try:
            SufficientStatistics.load(bad)
        except ModelError as error:
            assert "bad.npz" in str(error)


class _Trap:
    def __reduce__(self):
        return (pytest.fail, ("a pickle in the file was executed",))


def _header(change):
    def changed(arrays):
        header = json.loads(arrays["header"].tobytes())
        change(header)
        return {**arrays, "header": np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)}

    return changed


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_header(lambda h: h.update(version=4)), "version 4 .* reads 1 to 3"),
        (_header(lambda h: h.update(version=3)), "formula does not fit"),
        (_header(lambda h: h.update(version=2)), "version does not fit"),
        (_header(lambda h: h.update(format="other")), "another format"),
        (_header(lambda h: h.update(formula="y ~ __import__('os')")), "cannot be read"),
        (_header(lambda h: h.update(formula="y ~ base")), "columns do not follow"),
        (_header(lambda h: h["centre"].update(base="6")), "no number"),
        (_header(lambda h: h["centre"].update(base=float("nan"))), "no number"),
        (_header(lambda h: h.pop("levels")), "no complete file"),
        (_header(lambda h: h["levels"]["arm"].update(values=["usual"])), "do not follow|levels"),
        (_header(lambda h: h["levels"]["arm"].update(kinds="pickle")), "kind 'pickle'"),
        (lambda a: {**a, "roots": a["roots"] * np.nan}, "not finite"),
        (lambda a: {**a, "roots": a["roots"][:-1]}, "do not fit"),
        (lambda a: {**a, "roots": a["roots"].astype(np.float32)}, "float32"),
        (lambda a: {**a, "rows": a["rows"] * 2**40}, "do not fit"),
        (lambda a: {**a, "rows": -a["rows"]}, "do not fit"),
        (lambda a: {**a, "visits": a["visits"] + 1}, "not there"),
        (lambda a: {**a, "group": a["group"] + 1}, "out of order"),
        (lambda a: {**a, "cells": a["cells"] - 5}, "does not fit"),
        (lambda a: {k: v for k, v in a.items() if k != "n"}, "it holds"),
        (lambda a: {**a, "more": np.zeros(3)}, "it holds"),
        (lambda a: {**a, "n": np.array([_Trap()], dtype=object)}, "no complete file"),
        (lambda a: {**a, "n": a["n"].reshape(1, -1)}, "do not fit"),
    ],
)  # fmt: skip
def test_foreign_newer_or_altered_files_are_refused_in_words(tmp_path, statistics, change, message):
    path, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    statistics.save(path)
    np.savez(bad, **change(_members(path)))
    with pytest.raises(ModelError, match=message):
        SufficientStatistics.load(bad)


def test_a_file_that_claims_more_than_it_holds_is_refused_before_it_is_read(tmp_path, statistics):
    path, bad = tmp_path / "good.npz", tmp_path / "bad.npz"
    statistics.save(path)
    with zipfile.ZipFile(bad, "w", zipfile.ZIP_DEFLATED) as archive, zipfile.ZipFile(path) as good:
        for name in good.namelist():
            archive.writestr(name, bytes(50_000_000) if name == "roots.npy" else good.read(name))
    with pytest.raises(ModelError, match="larger than the file"):
        SufficientStatistics.load(bad)
    bad.write_bytes(pickle.dumps(_Trap()))
    with pytest.raises(ModelError, match="no complete file"):
        SufficientStatistics.load(bad)
