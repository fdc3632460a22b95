"""A baseline that all arms share: what the constraint is equal to, and what it refuses."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.errors import ModelError
from analysis.mmrm import MMRM, SufficientStatistics

PAIN = Path(__file__).resolve().parent.parent / "reference" / "pain150.csv"
ROLES = {"subject": "patient", "visit": "visit"}
VISITS = ["W00", "W02", "W06", "W12", "W26", "W52"]
ARMS = ["USUAL", "ACU", "SHAM"]
CLDA = ("therapy", "W00")
FORMULA = "pain ~ visit * therapy"
EFFECTS = "pain ~ visit + visit:therapy"
# The same mean in other columns: the search ends where rounding does.
SAME = 1e-10
# Degrees of freedom are ratios of derivatives, with a few digits less.
SAME_DF = 1e-8
# An estimate at the fitted covariance, by plain arithmetic on data with two decimals.
CLOSED_FORM = 1e-8


def _stacked(visits: list[str] = VISITS) -> pd.DataFrame:
    """The pain trial with the baseline as rows of visit W00; ten patients have nothing else."""
    long = pd.read_csv(PAIN)
    first = long.drop_duplicates("patient").assign(visit="W00", week=0)
    first["pain"] = first["base"]
    both = pd.concat([first, long]).sort_values(["patient", "week"], ignore_index=True)
    gone = both["patient"].isin(first["patient"].iloc[:150:15]) & (both["visit"] != "W00")
    both.loc[gone, "pain"] = np.nan
    both = both[both["visit"].isin(visits)].reset_index(drop=True)
    return both.assign(
        visit=pd.Categorical(both["visit"], visits), therapy=pd.Categorical(both["therapy"], ARMS)
    )


def _with_dummies(data: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Columns made by hand: each visit, and each arm but the first at each visit but the first."""
    made = {f"at_{visit}": (data["visit"] == visit) * 1.0 for visit in VISITS}
    made |= {
        f"{arm}_{visit}": made[f"at_{visit}"] * (data["therapy"] == arm)
        for arm in ARMS[1:] for visit in VISITS[1:]
    }  # fmt: skip
    return data.assign(**made), f"pain ~ 0 + {' + '.join(made)}"


def _fit(model: SufficientStatistics | pd.DataFrame, formula: str = FORMULA, df="satterthwaite", **options):
    if isinstance(model, SufficientStatistics):
        return MMRM.from_statistics(model, **options).fit(df=df)
    return MMRM.from_formula(formula, model, **ROLES, **options).fit(df=df)


def _effects(fit) -> pd.DataFrame:
    table = fit.lsmeans("therapy", by="visit").contrast("comparator").frame
    return table[table["visit"] != "W00"].reset_index(drop=True)


@pytest.fixture(scope="module")
def stacked() -> pd.DataFrame:
    return _stacked()


def _parts(data: pd.DataFrame) -> list[pd.DataFrame]:
    return [data.iloc[:240], data.iloc[240:600], data.iloc[600:]]


def _read(data: pd.DataFrame, way: str, folder: Path, formula: str = FORMULA) -> SufficientStatistics:
    if way == "batches":
        return SufficientStatistics.from_batches(formula, _parts(data), **ROLES, clda=CLDA)
    if way == "merged":
        levels = {"visit": VISITS, "therapy": ARMS}
        one, two, three = (
            SufficientStatistics.from_frame(formula, part, **ROLES, clda=CLDA, levels=levels)
            for part in _parts(data)
        )
        return one + two + three
    whole = SufficientStatistics.from_frame(formula, data, **ROLES, clda=CLDA)
    if way == "file":
        whole.save(folder / "trial.npz")
        return SufficientStatistics.load(folder / "trial.npz")
    return whole


@pytest.mark.parametrize("df", ["satterthwaite", "kenward-roger"])
@pytest.mark.parametrize("covariance", ["us", "ar1h"])
@pytest.mark.parametrize("way", ["frame", "batches", "merged", "file"])
def test_clda_is_the_model_with_columns_made_by_hand(stacked, tmp_path, way, covariance, df):
    data, formula = _with_dummies(stacked)
    explicit = _fit(data, formula, df, covariance=covariance)
    fit = _fit(_read(stacked, way, tmp_path), df=df, covariance=covariance)
    assert fit.llf == pytest.approx(explicit.llf, abs=1e-8)
    names = [f"{arm}_{visit}" for visit in VISITS[1:] for arm in ARMS[1:]]
    ours = _effects(fit)
    assert list(ours["contrast"]) == ["ACU - USUAL", "SHAM - USUAL"] * 5
    np.testing.assert_allclose(ours["estimate"], explicit.params[names], rtol=SAME, atol=SAME)
    np.testing.assert_allclose(ours["std_error"], explicit.bse[names], rtol=SAME)
    np.testing.assert_allclose(ours["df"], explicit.df[names], rtol=SAME_DF)
    means = fit.lsmeans("visit", at={"therapy": "USUAL"}).frame
    at = [f"at_{visit}" for visit in VISITS]
    np.testing.assert_allclose(means["estimate"], explicit.params[at], rtol=SAME)
    np.testing.assert_allclose(means["std_error"], explicit.bse[at], rtol=SAME)


@pytest.mark.parametrize(
    "formula",
    [FORMULA, EFFECTS, "pain ~ therapy * visit", "pain ~ 0 + visit + therapy:visit",
     "pain ~ visit * therapy + age + age:therapy", "pain ~ visit + therapy", "pain ~ visit * therapy * sex"],
)  # fmt: skip
def test_clda_is_an_ordinary_fit_of_arms_set_to_the_reference_at_baseline(stacked, formula):
    there = stacked["visit"] == "W00"
    recoded = stacked.assign(therapy=stacked["therapy"].mask(there, "USUAL"))
    fit, plain = _fit(stacked, formula, clda=CLDA), _fit(recoded, formula)
    assert fit.llf == pytest.approx(plain.llf, abs=1e-9)
    np.testing.assert_allclose(fit.params, plain.params, rtol=SAME, atol=SAME)
    np.testing.assert_allclose(fit.bse, plain.bse, rtol=SAME)
    for kind in ("II", "III"):
        ours, theirs = fit.anova(kind), plain.anova(kind)
        pd.testing.assert_frame_equal(ours, theirs, rtol=1e-7)


def test_type_three_tests_the_mean_effect_after_baseline(stacked):
    fit = _fit(stacked[stacked["therapy"] != "SHAM"], clda=CLDA)
    effects = fit.lsmeans("therapy", by="visit").contrast("comparator").matrix[1:]
    table = fit.anova().set_index("term")
    for term, rows in (("therapy", effects.mean(axis=0)), ("visit:therapy", effects[1:] - effects[0])):
        wanted = fit.wald_test(np.atleast_2d(rows))
        assert table["num_df"][term] == wanted.num_df
        assert table["statistic"][term] == pytest.approx(wanted.statistic, rel=1e-8)


@pytest.mark.parametrize("roles", [{"weights": "w"}, {"group": "sex"}, {"subject_weights": "omega"}], ids=str)
def test_clda_goes_with_weights_and_covariance_groups(stacked, roles):
    omega = 0.5 + stacked.groupby("patient").ngroup() % 7 / 5
    data, formula = _with_dummies(stacked.assign(omega=omega))
    explicit = _fit(data, formula, covariance="ar1h", **roles)
    fit = _fit(data, EFFECTS, covariance="ar1h", clda=CLDA, **roles)
    names = [f"{arm}_{visit}" for visit in VISITS[1:] for arm in ARMS[1:]]
    assert fit.llf == pytest.approx(explicit.llf, abs=1e-8)
    np.testing.assert_allclose(_effects(fit)["estimate"], explicit.params[names], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(_effects(fit)["std_error"], explicit.bse[names], rtol=1e-9)


@pytest.mark.parametrize("vcov", ["CR0", "CR2", "CR3"])
def test_sandwiches_see_the_constraint(stacked, vcov):
    data, formula = _with_dummies(stacked)
    explicit = MMRM.from_formula(formula, data, **ROLES).fit(vcov=vcov)
    fit = MMRM.from_formula(EFFECTS, stacked, **ROLES, clda=CLDA).fit(vcov=vcov)
    names = [f"{arm}_{visit}" for visit in VISITS[1:] for arm in ARMS[1:]]
    np.testing.assert_allclose(_effects(fit)["std_error"], explicit.bse[names], rtol=1e-9)
    np.testing.assert_allclose(_effects(fit)["df"], explicit.df[names], rtol=1e-7)


@pytest.mark.parametrize("formula", [FORMULA, EFFECTS, "pain ~ therapy * visit"])
def test_every_ls_mean_is_estimable_and_arms_are_equal_at_baseline_only(stacked, formula):
    fit = _fit(stacked, formula, clda=CLDA)
    found = fit.lsmeans("therapy", by="visit")
    assert found.frame["estimate"].notna().all()
    assert not found.frame["note"].any()
    means = found.frame.pivot(index="visit", columns="therapy", values="estimate")
    assert (means.nunique(axis=1) == [1, 3, 3, 3, 3, 3]).all()
    counts = found.frame[found.frame["visit"] == "W00"].set_index("therapy")["n"]
    assert counts.to_dict() == stacked[stacked["visit"] == "W00"]["therapy"].value_counts().to_dict()
    predicted = fit.predict(stacked[stacked["visit"] == "W00"])
    np.testing.assert_allclose(predicted.iloc[:, 0], means.loc["W00", "ACU"], rtol=1e-12)


@pytest.mark.parametrize("method", ["pairwise", "polynomial", {"mean": [1 / 3, -0.1, 0.1 - 1 / 3]}], ids=str)
@pytest.mark.parametrize("adjust", [None, "max-t", "holm"])
def test_a_difference_at_baseline_is_0_with_a_note_and_no_standard_error(stacked, method, adjust):
    means = _fit(stacked, clda=CLDA).lsmeans("therapy", by="visit")
    table = means.contrast(method, adjust=adjust).frame.set_index("visit")
    first, later = table.loc[["W00"]], table.drop("W00")
    assert (first["estimate"] == 0).all()
    assert first[["std_error", "df", "p_value", "conf_low", "conf_high"]].isna().all(axis=None)
    assert first["note"].str.startswith("0 in this model").all()
    assert later["p_value"].notna().all()
    one = means.contrast(method).frame.set_index("visit").drop("W00")
    np.testing.assert_array_equal(later["p_value"], one["p_value"])


def test_changes_from_baseline_differ_between_arms_as_the_later_means_do(stacked):
    fit = _fit(stacked, clda=CLDA)
    both = fit.lsmeans(["therapy", "visit"], at={"visit": ["W00", "W12"]})
    changes = both.contrast(("comparator", "consecutive")).frame
    later = _effects(fit)
    for column in ("estimate", "std_error", "df"):
        np.testing.assert_allclose(changes[column], later[column][later["visit"] == "W12"], rtol=1e-9)


def test_patients_with_a_baseline_only_count_through_the_shared_mean(stacked):
    values = stacked.dropna(subset="pain").groupby("patient").size()
    assert (values == 1).sum() >= 10
    without = stacked[stacked["patient"].map(values) > 1]
    fit, other = _fit(stacked, clda=CLDA), _fit(without, clda=CLDA)
    assert fit.n_subjects == 150
    baseline = stacked.loc[stacked["visit"] == "W00", "pain"]
    tables = [f.lsmeans("therapy", by="visit").frame for f in (fit, other)]
    assert tables[0]["estimate"][0] == pytest.approx(baseline.mean(), rel=CLOSED_FORM)
    assert tables[0]["std_error"][0] < tables[1]["std_error"][0]
    # Unstructured, what follows given baseline has parameters of its own: means move by the slope on
    # baseline times its move, and differences stay.
    moved = (tables[0]["estimate"] - tables[1]["estimate"]).to_numpy().reshape(6, 3)
    sigma = fit.covariance.to_numpy()
    assert abs(moved[0, 0]) > 1e-4
    np.testing.assert_allclose(moved, np.outer(sigma[0] / sigma[0, 0], moved[0]), rtol=1e-6)
    np.testing.assert_allclose(_effects(fit)["estimate"], _effects(other)["estimate"], rtol=CLOSED_FORM)
    shared = [_effects(_fit(data, clda=CLDA, covariance="ar1h"))["estimate"] for data in (stacked, without)]
    assert np.abs(shared[0] - shared[1]).max() > 1e-4


def _two_visits(seed: int = 4, equal: bool = False) -> pd.DataFrame:
    """Complete data of three unequal arms at two visits."""
    rng = np.random.default_rng(seed)
    arm = np.repeat([0, 1, 2], [18, 30, 24])
    base = rng.normal(6, 1.4, len(arm))
    if equal:
        base += 6 - np.array([base[arm == k].mean() for k in range(3)])[arm]
    post = 2 + 0.6 * base - np.array([0, 1.0, 0.4])[arm] + rng.normal(0, 1, len(arm))
    return pd.DataFrame(
        {
            "patient": np.repeat(np.arange(len(arm)), 2), "visit": np.tile(["W00", "W12"], len(arm)),
            "therapy": pd.Categorical.from_codes(np.repeat(arm, 2), ARMS),
            "pain": np.column_stack([base, post]).ravel(),
        }
    )  # fmt: skip


def _ancova(data: pd.DataFrame) -> tuple[np.ndarray, float]:
    """Least squares of the later value on arm and baseline: effects and slope."""
    wide = data.pivot(index="patient", columns="visit", values="pain").to_numpy()
    arm = data["therapy"].cat.codes.to_numpy()[::2]
    design = np.column_stack([np.ones(len(arm)), arm == 1, arm == 2, wide[:, 0]])
    found = np.linalg.lstsq(design, wide[:, 1], rcond=None)[0]
    return found[1:3], found[3]


@pytest.mark.parametrize("reml", [True, False])
def test_with_complete_data_the_effect_adjusts_by_the_fitted_slope(reml):
    # Generalised least squares with a shared baseline mean: the residuals of baseline about it are
    # carried over with slope S01 / S00, so effect = post difference - slope * baseline difference.
    data = _two_visits()
    fit = _fit(data, clda=CLDA, reml=reml)
    sigma = fit.covariance.to_numpy()
    means = data.groupby(["therapy", "visit"], observed=True)["pain"].mean().unstack().to_numpy()
    slope = sigma[0, 1] / sigma[0, 0]
    expected = (means[1:, 1] - means[0, 1]) - slope * (means[1:, 0] - means[0, 0])
    np.testing.assert_allclose(_effects(fit)["estimate"], expected, rtol=CLOSED_FORM)
    first = fit.lsmeans("visit").frame.set_index("visit")["estimate"]["W00"]
    assert first == pytest.approx(data.loc[data["visit"] == "W00", "pain"].mean(), rel=CLOSED_FORM)


def test_with_complete_data_and_full_likelihood_the_effect_is_that_of_ancova():
    # The likelihood factors into baseline (one mean) and later value given baseline (ANCOVA).
    data = _two_visits()
    fit = _fit(data, clda=CLDA, reml=False)
    effects, slope = _ancova(data)
    sigma = fit.covariance.to_numpy()
    assert sigma[0, 1] / sigma[0, 0] == pytest.approx(slope, rel=1e-7)
    np.testing.assert_allclose(_effects(fit)["estimate"], effects, rtol=1e-7)


def test_with_equal_means_at_baseline_the_constraint_changes_no_estimate():
    # Post means less slope times 0: estimates agree whatever the slope. Standard errors do not,
    # for the free model pays for the chance that baselines differ.
    data = _two_visits(equal=True)
    constrained, free = _fit(data, clda=CLDA, reml=False), _fit(data, reml=False)
    assert constrained.llf == pytest.approx(free.llf, abs=1e-8)
    np.testing.assert_allclose(constrained.covariance, free.covariance, rtol=1e-7)
    ours, theirs = _effects(constrained), _effects(free)
    np.testing.assert_allclose(ours["estimate"], theirs["estimate"], rtol=CLOSED_FORM)
    assert (ours["std_error"] < theirs["std_error"]).all()
    apart = _two_visits()
    assert _fit(apart, clda=CLDA, reml=False).llf < _fit(apart, reml=False).llf - 0.01


def test_the_constraint_is_told_kept_in_files_and_compared(stacked, tmp_path):
    before = stacked.copy(deep=True)
    fit = _fit(stacked, clda=CLDA)
    pd.testing.assert_frame_equal(stacked, before)
    said = "all levels of therapy share one mean at visit W00 (cLDA)"
    assert said in str(fit.summary())
    assert said in fit.summary()._repr_html_()
    back = pickle.loads(pickle.dumps(fit))
    np.testing.assert_array_equal(_effects(back), _effects(fit))
    for way in ("frame", "batches", "merged", "file"):
        read = _read(stacked, way, tmp_path)
        assert read.design.equal_at == CLDA
        assert read.design.notes.count(said) == 1
    plain = SufficientStatistics.from_frame(FORMULA, stacked, **ROLES)
    with pytest.raises(ModelError, match=r"clda is \('therapy', 'W00'\) in one and None in the other"):
        read + plain
    assert said not in str(_fit(plain).summary())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda h: h.update(version=1), "version does not fit"),
        (lambda h: h.pop("clda"), "version does not fit"),
        (lambda h: h.update(clda=["therapy", 6]), "baseline is no visit"),
        (lambda h: h.update(clda=["therapy", "W00"]), "baseline is no visit"),
        (lambda h: h.update(clda=["age", 0]), "'age', which is no factor"),
        (lambda h: h.update(clda=7), "no complete file"),
    ],
)
def test_a_file_whose_constraint_was_altered_is_refused(stacked, tmp_path, change, message):
    _read(stacked, "file", tmp_path)
    with np.load(tmp_path / "trial.npz") as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    assert header["version"] == 2
    change(header)
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(tmp_path / "bad.npz", **arrays)
    with pytest.raises(ModelError, match=message):
        SufficientStatistics.load(tmp_path / "bad.npz")


@pytest.mark.parametrize(
    ("clda", "formula", "message"),
    [
        (("arm", "W00"), FORMULA, r"'arm', which is no factor .*there are \['therapy'\]"),
        (("visit", "W00"), FORMULA, "'visit', which is no factor"),
        (("age", "W00"), f"{FORMULA} + age", "'age', which is no factor"),
        (("therapy", "W00"), "pain ~ visit", "'therapy', which is no factor"),
        (("therapy", "Week 0"), FORMULA, "the visit 'Week 0', .*has W00, W02"),
        (("therapy", 0), FORMULA, "the visit 0"),
        (("therapy", "W00"), "pain ~ therapy * age", r"pain ~ visit \* therapy"),
        (("therapy", "W00"), "pain ~ 0 + therapy:visit", "level 'USUAL', and the formula gives"),
        (("therapy", "W00"), "pain ~ visit + therapy:age", "columns of its own"),
        (("therapy", "W00"), f"{FORMULA} + np.log(age)", "computes columns"),
        ("therapy", FORMULA, "must be the arm's column and the visit"),
        (("therapy",), FORMULA, "must be the arm's column and the visit"),
        (("therapy", None), FORMULA, "must be the arm's column and the visit"),
        ((["therapy"], "W00"), FORMULA, "must be the arm's column and the visit"),
        (("therapy", pd.NA), FORMULA, "must be the arm's column and the visit"),
        (5, FORMULA, "must be the arm's column and the visit"),
    ],
    ids=str,
)
@pytest.mark.parametrize("way", ["frame", "batches"])
def test_a_constraint_that_does_not_fit_the_model_is_refused_in_words(stacked, way, clda, formula, message):
    with pytest.raises(ModelError, match=message):
        if way == "frame":
            MMRM.from_formula(formula, stacked, **ROLES, clda=clda)
        else:
            SufficientStatistics.from_batches(formula, [stacked], **ROLES, clda=clda)


def test_a_baseline_visit_nobody_has_is_refused(stacked):
    later = stacked.assign(pain=stacked["pain"].where(stacked["visit"] != "W00"))
    with pytest.raises(ModelError, match="at which no row has a value"):
        MMRM.from_formula(FORMULA, later, **ROLES, clda=CLDA)


@pytest.mark.parametrize("visit", [0, 0.5, pd.Timestamp("2024-01-29")], ids=str)
def test_the_baseline_visit_may_be_a_number_or_a_day(stacked, tmp_path, visit):
    later = [visit + k * (pd.Timedelta("7D") if isinstance(visit, pd.Timestamp) else 1) for k in range(1, 6)]
    other = stacked.assign(visit=stacked["visit"].cat.rename_categories([visit, *later]))
    whole = SufficientStatistics.from_frame(FORMULA, other, **ROLES, clda=("therapy", visit))
    whole.save(tmp_path / "trial.npz")
    loaded = SufficientStatistics.load(tmp_path / "trial.npz")
    assert loaded.design.equal_at == ("therapy", visit)
    assert _fit(loaded).llf == pytest.approx(_fit(stacked, clda=CLDA).llf, abs=1e-9)
    both = whole + loaded
    assert both.n_subjects == 2 * whole.n_subjects


def test_a_covariate_far_from_zero_is_centred_within_the_constraint(stacked):
    formula = "pain ~ visit * therapy + age * therapy"
    far = stacked.assign(age=stacked["age"] + 1e7)
    near, moved = (_fit(data, formula, clda=CLDA) for data in (stacked, far))
    assert moved.llf == pytest.approx(near.llf, abs=1e-6)
    # Slopes by arm are determined whatever the offset.
    slopes = ["age", "age:therapy[T.ACU]", "age:therapy[T.SHAM]"]
    np.testing.assert_allclose(moved.params[slopes], near.params[slopes], rtol=1e-7)
    assert moved.design.centre["age"] > 9e6


def test_the_constraint_reaches_draws_and_rows_to_draw_for(stacked):
    fit = _fit(stacked, clda=CLDA)
    drawn = fit.simulate(stacked, n_draws=2000, seed=1)
    there = (stacked["visit"] == "W00").to_numpy()
    arms = [drawn[:, there & (stacked["therapy"] == arm).to_numpy()] for arm in ARMS]
    mean = fit.lsmeans("visit").frame["estimate"][0]
    for values in arms:
        error = values.std() / np.sqrt(values.size)
        assert abs(values.mean() - mean) < 4 * error
