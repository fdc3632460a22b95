"""How the model of a trial is fitted, which covariance it ends with, and how the fit is described."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from pain_trial import WEEKS, pain150, pick, spoilt, without
from scipy import stats

from analysis.errors import ModelError
from analysis.mmrm.covariance import STRUCTURES
from analysis.relief import estimate_relief, residual_summary, visit_covariance
from analysis.relief.diagnostics import ALL_VISITS, NORMAL, QUANTILES, SHARES
from analysis.schema import CovarianceName

EXACT = 1e-12
FORMULA = "value ~ baseline + sex + age + therapy * visit"


def never_together(**changes):
    """The trial in which no patient has both W06 and W26."""
    trial = pain150(**changes)
    early = trial.patients["patient"].iloc[::2]
    mine = trial.outcomes["patient"].isin(early)
    gone = np.where(mine, trial.outcomes["visit"] == "W26", trial.outcomes["visit"] == "W06")
    return spoilt(trial, outcomes=trial.outcomes[~gone])


@pytest.fixture(scope="module")
def relief():
    return estimate_relief(pain150())


@pytest.fixture(scope="module")
def standing_in():
    return estimate_relief(never_together())


def test_relief_is_estimated_with_kenward_roger_and_says_so(relief):
    assert relief.model.facts.method == "MMRM, unstructured, REML, Kenward-Roger"
    rows = relief.frame[relief.frame["estimate"].notna() & (relief.frame["analysis"] == "main")]
    plain = rows[rows["quantity"] != "retention"]
    assert set(plain["method"]) == {"MMRM, unstructured, REML, Kenward-Roger"}
    facts = relief.model.facts
    assert (facts.errors, facts.df, facts.refused) == ("Kenward-Roger", "Kenward-Roger", ())
    assert (facts.patients, facts.visits, facts.converged) == (150, 5, True)
    assert facts.values == relief.fit.nobs


def test_a_study_file_may_name_every_structure_for_one_outcome():
    assert set(get_args(CovarianceName)) == {name for name in STRUCTURES if "@" not in name}


def test_the_next_covariance_stands_in_where_two_visits_were_never_seen_together(standing_in):
    facts = standing_in.model.facts
    assert facts.covariance == "heterogeneous Toeplitz"
    why = "no patient has values at both of these visits: W06 with W26"
    assert facts.refused == (("unstructured", why),)
    assert facts.df == "Bell-McCaffrey" and facts.errors.startswith("sandwich CR2")
    assert facts.method == (
        f"MMRM, heterogeneous Toeplitz (unstructured refused: {why}), REML, "
        "sandwich CR2, bias-reduced, Bell-McCaffrey"
    )
    assert facts.note == standing_in.fit.inference.note
    main = standing_in.frame[standing_in.frame["analysis"] == "main"]
    assert main["method"].str.startswith(facts.method).all()


def test_retention_under_a_sandwich_ends_where_the_test_of_its_contrast_does(standing_in):
    model = standing_in.model
    kept = pick(standing_in.frame, "retention", "ACU", comparator="")
    assert kept["method"].endswith("Fieller, interval")
    early, late = (model.visits.index(name) for name in ("W12", "W52"))
    rows = -model.rows[model.therapies.index("ACU")]
    for share in (kept["conf_low"], kept["conf_high"]):
        constant = model.baseline * (1 - share)
        table = model.fit.contrast([rows[late] - share * rows[early]])
        t = (table.estimate[0] + constant) / table.std_error[0]
        assert 2 * stats.t.sf(abs(t), table.df[0]) == pytest.approx(0.05, abs=1e-8)


def test_a_study_file_that_names_one_covariance_has_no_other():
    with pytest.raises(ModelError, match=r"^No patient has values at both.*W06 with W26"):
        estimate_relief(never_together(model={"formula": FORMULA, "covariance": "us"}))


def test_too_few_patients_for_the_first_covariance_leave_a_simpler_one():
    trial = pain150(model={"formula": "value ~ therapy * visit"})
    few = trial.patients.groupby("therapy").head(3)
    mine = trial.outcomes["patient"].isin(few["patient"])
    relief = estimate_relief(spoilt(trial, few.reset_index(drop=True), trial.outcomes[mine]))
    facts = relief.model.facts
    name, why = facts.refused[0]
    assert name == "unstructured" and why.startswith("too few patients at visit W")
    assert "Add patients" not in why
    assert np.isfinite(pick(relief.frame, "relief", "ACU", "", "short")["std_error"])


def test_a_covariance_in_time_knows_the_scheduled_weeks():
    relief = estimate_relief(pain150(model={"formula": FORMULA, "covariance": ["sp_exp"]}))
    frame = visit_covariance(relief.fit, pain150().study)
    pairs = frame[frame["weeks_apart"] > 0]
    decay = np.log(pairs["correlation"]) / pairs["weeks_apart"]
    assert decay.max() < 0
    np.testing.assert_allclose(decay, decay.iloc[0], rtol=1e-9)
    assert relief.model.facts.df == "Kenward-Roger"


def test_one_visit_has_one_variance_and_no_method_of_several():
    trial = without(pain150(), ("USUAL", "SHAM", "ACU"), ("W02", "W06", "W26", "W52"))
    trial = spoilt(pain150(model={"covariance": ["toeph", "us"]}), outcomes=trial.outcomes)
    relief = estimate_relief(trial)
    assert relief.model.facts.covariance == "one variance"
    assert relief.model.facts.method == "linear model, REML"
    frame = visit_covariance(relief.fit, trial.study)
    assert frame[["visit", "other", "correlation"]].values.tolist() == [["W12", "W12", 1.0]]
    assert list(residual_summary(relief.fit, trial.study)["visit"]) == ["W12", ALL_VISITS, NORMAL]


def test_deviations_and_correlations_are_those_of_the_fit(relief):
    frame = visit_covariance(relief.fit, pain150().study)
    assert len(frame) == 15
    sigma = relief.fit.covariance
    sd = frame.drop_duplicates("visit").set_index("visit")["sd"]
    for row in frame.itertuples():
        product = row.correlation * sd[row.visit] * sd[row.other]
        assert product == pytest.approx(sigma.loc[row.visit, row.other], rel=EXACT)
        assert row.weeks_apart == WEEKS[row.visit] - WEEKS[row.other] >= 0


def test_quantiles_of_residuals_stand_beside_the_normal_ones(relief):
    study = pain150().study
    frame = residual_summary(relief.fit, study).set_index("visit")
    raw = relief.fit.residuals("normalized")
    mine = raw.loc[raw["visit"] == "W06", "residual"]
    assert frame.loc["W06", "n"] == len(mine)
    assert frame.loc["W06", "q25"] == pytest.approx(mine.quantile(0.25), rel=EXACT)
    assert frame.loc[ALL_VISITS, "n"] == relief.fit.nobs
    beyond = 100 * (raw["residual"].abs() > 2).mean()
    assert frame.loc[ALL_VISITS, "beyond_2"] == pytest.approx(beyond, rel=EXACT)
    expected = frame.loc[NORMAL, list(QUANTILES)].to_numpy(dtype=float)
    np.testing.assert_allclose(stats.norm.cdf(expected), SHARES, rtol=EXACT)


def test_no_quantile_and_no_share_rests_on_fewer_patients_than_may_be_shown(relief):
    raw = relief.fit.residuals("normalized")
    seen = raw["visit"].value_counts()
    for minimum in (5, 30, 90):
        study = pain150().study.model_copy(update={"minimum_count": minimum})
        frame = residual_summary(relief.fit, study).iloc[:-2].set_index("visit")
        for visit, row in frame.iterrows():
            for name, share in zip(QUANTILES, SHARES, strict=True):
                behind = round(seen[visit] * min(share, 1 - share), 9)
                assert np.isnan(row[name]) == (behind < minimum)
            mine = raw.loc[raw["visit"] == visit, "residual"].abs()
            for far in (2, 3):
                count = int((mine > far).sum())
                shown = not np.isnan(row[f"beyond_{far}"])
                assert shown == (seen[visit] >= minimum and (count == 0 or count >= minimum))
