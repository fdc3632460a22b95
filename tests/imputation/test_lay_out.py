"""From a long frame to a panel: what is carried, what may be modelled, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from reference_trials import PAIN_FORMULA, pain_data, pain_panel

from analysis.errors import ModelError
from analysis.imputation import (
    Parameters,
    ancova,
    conditional_mean,
    dose,
    impute,
    jackknife_tipping,
    lay_out,
    refit,
)

# Searches of the same data in another coding end within this of each other.
SAME = 1e-9
ROLES = {"subject": "patient", "visit": "visit", "arm": "therapy", "reference": "USUAL"}


def _lay(data=None, events=None, formula=PAIN_FORMULA, **options):
    rows, _ = pain_data()
    return lay_out(rows if data is None else data, formula, events=events, **(ROLES | options))


def _events(**columns):
    return pd.DataFrame({"patient": ["P002"], "visit": ["W26"], "strategy": ["JR"]} | columns)


def test_rows_that_are_absent_are_missing_values():
    data, _ = pain_data()
    whole, sparse = _lay(), _lay(data.dropna(subset="chg").sample(frac=1, random_state=3))
    order = [sparse.patients.index(patient) for patient in whole.patients]
    np.testing.assert_array_equal(sparse.outcome[order], whole.outcome)
    np.testing.assert_array_equal(sparse.own[order], whole.own)
    np.testing.assert_array_equal(sparse.reference[order], whole.reference)


def test_the_callers_frames_are_left_alone():
    data, events = pain_data()
    events = events.assign(strategy="JR")
    before = data.copy(), events.copy()
    _lay(data, events, week="week", cluster="site")
    pd.testing.assert_frame_equal(data, before[0])
    pd.testing.assert_frame_equal(events, before[1])


def test_values_after_an_event_stay_in_the_data_and_leave_the_model_unless_mar():
    jump, random = pain_panel("JR"), pain_panel("MAR")
    after = np.arange(5) >= jump.event[:, None]
    seen = ~jump.missing
    assert (seen & after).sum() > 0
    np.testing.assert_array_equal(jump.modelled, seen & ~after)
    np.testing.assert_array_equal(random.modelled, seen)
    completed = impute(jump, Parameters.of(jump.model.fit().estimates)).mean
    np.testing.assert_array_equal(completed[seen], jump.outcome[seen])


def test_visits_come_in_the_order_of_their_weeks():
    data, _ = pain_data()
    named = {"W02": "two", "W06": "six", "W12": "dozen", "W26": "half a year", "W52": "year"}
    panel = _lay(data.assign(visit=data["visit"].map(named)), week="week")
    assert panel.visits == tuple(named.values())
    assert list(panel.weeks) == [2, 6, 12, 26, 52]


def test_an_event_that_is_mar_gives_way_to_one_that_is_not():
    events = _events(patient=["P002"] * 3, visit=["W02", "W52", "W26"], strategy=["MAR", "JR", "MAR"])
    panel = _lay(events=events)
    place = panel.patients.index("P002")
    assert panel.event[place] == 4
    assert panel.strategies[panel.strategy[place]] == "JR"


def test_numbers_may_name_patients_visits_and_arms():
    data, events = pain_data()
    week = data["week"]
    data = data.assign(patient=data["patient"].str[1:].astype(int), visit=week,
                       therapy=(data["therapy"] == "ACU") * 1)  # fmt: skip
    weeks = {"W02": 2, "W06": 6, "W12": 12, "W26": 26, "W52": 52}
    events = events.assign(patient=events["patient"].str[1:].astype(int),
                           visit=events["visit"].map(weeks), strategy="CIR")  # fmt: skip
    data["visit"] = pd.Categorical(data["visit"])
    panel = _lay(data, events, reference=0)
    named = pain_panel("CIR")
    found, expected = (
        conditional_mean(refit(p), ancova(p, "chg ~ therapy + base + sex")) for p in (panel, named)
    )
    np.testing.assert_allclose(found.completed, expected.completed, atol=SAME)
    np.testing.assert_allclose(found.estimate, expected.estimate, atol=SAME)


def test_a_trial_that_lost_nobody_has_nothing_to_impute():
    data, _ = pain_data()
    data = data.groupby("patient").filter(lambda rows: rows["chg"].notna().all())
    panel = _lay(data)
    analysis = ancova(panel, "chg ~ therapy + base")
    found = conditional_mean(refit(panel), analysis)
    np.testing.assert_array_equal(found.completed, panel.outcome)
    np.testing.assert_array_equal(found.replicates, found.anchored)
    assert (np.diag(found.frequentist_cov) > 0).all()


def _with(name, value):
    data, _ = pain_data()
    return data.assign(**{name: value(data)})


def _everyone(strategy, arms=("USUAL", "ACU")):
    data, _ = pain_data()
    patients = data.loc[data["therapy"].isin(arms), "patient"].unique()
    return pd.DataFrame({"patient": patients, "visit": "W02", "strategy": strategy})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: _lay(reference="SHAM"), "'SHAM' is none of the arms of the data .USUAL, ACU"),
        (lambda: _lay(arm="arm"), "no column 'arm'"),
        (lambda: _lay(events=_events(strategy=["JTR"])), "'JTR' is not known; use one of MAR, JR"),
        (lambda: _lay(events=_events(patient=["P999"])), "1 events have a patient .* .P999"),
        (lambda: _lay(events=_events(visit=["W99"])), "visit that is none of W02, W06"),
        (lambda: _lay(events=_events().drop(columns="strategy")), "no column 'strategy'"),
        (lambda: _lay(events=_events(patient=["P002"] * 2, visit=["W26", "W52"],
                                     strategy=["JR", "CR"])), "more than one event .*P002"),
        (lambda: _lay(events=_everyone("JR")), "No patient of USUAL has a value"),
        (lambda: _lay(events=_everyone("JR", ("ACU",))), "No patient of ACU has a value"),
        (lambda: _lay(_with("chg", lambda d: d["chg"].where(d["therapy"] != "ACU"))),
         "No patient of ACU has a value"),
        (lambda: _lay(_with("chg", lambda d: d["chg"].where(d["visit"] != "W26"))),
         "Nobody has a value at W26"),
        (lambda: _lay(_with("chg", lambda d: np.nan)), "No patient of USUAL"),
        (lambda: _lay(_with("chg", lambda d: "much")), "must hold numbers"),
        (lambda: _lay(_with("base", lambda d: d["base"].where(d["patient"] != "P005"))),
         "1 patients have no value of base at some visit .P005"),
        (lambda: _lay(_with("visit", lambda d: "W02")), "rows repeat a patient's visit .P002 at W02"),
        (lambda: _lay(_with("visit", lambda d: d["visit"].where(d["visit"] != "W02"))), "rows have no visit"),
        (lambda: _lay(_with("therapy", lambda d: d["visit"].map(lambda v: "ACU" if v > "W1" else "USUAL"))),
         "change their therapy between visits"),
        (lambda: _lay(week="patient"), "'patient' holds .* must hold numbers"),
        (lambda: _lay(pain_data()[0].iloc[:0]), "The data have no rows"),
        (lambda: _lay(_with("odd", lambda d: (d["patient"] == "P002").map(str)), _events(visit=["W02"]),
                      "chg ~ odd + therapy * visit"), "cannot be placed in it.*'True'"),
        (lambda: _lay(week="age"), "has more than one age"),
        (lambda: _lay(_with("late", lambda d: d["week"].where(d["week"] < 50)), week="late"),
         "every visit needs a late"),
        (lambda: _lay(cluster="visit2", data=_with("visit2", lambda d: d["visit"])),
         "must hold one value for each patient"),
        (lambda: _lay(formula="chg ~ base +"), "cannot be read"),
        (lambda: _lay(covariance="usual"), "usual"),
    ],
)  # fmt: skip
def test_what_cannot_be_laid_out_is_refused_in_words(given, said):
    with pytest.raises(ModelError, match=said):
        given()


def test_lmcf_after_an_event_at_the_first_visit_names_the_patients():
    data, _ = pain_data()
    rows = data[data["chg"].isna() & (data["visit"] == "W12")]
    events = pd.DataFrame({"patient": rows["patient"].iloc[:2], "visit": "W02", "strategy": "LMCF"})
    panel = _lay(events=events)
    with pytest.raises(ModelError, match=f"LMCF carries.*{events['patient'].iloc[0]}"):
        impute(panel, Parameters.of(panel.model.fit().estimates))


def test_a_mean_that_nobody_informs_is_refused_only_where_it_is_needed():
    data, _ = pain_data()
    gone = (data["therapy"] == "ACU") & (data["visit"] == "W52")
    data = data.assign(chg=data["chg"].where(~gone))
    patients = data.loc[data["therapy"] == "ACU", "patient"].unique()
    events = pd.DataFrame({"patient": patients, "visit": "W52", "strategy": "JR"})
    panel = _lay(data, events)
    refits = refit(panel)
    analysis = ancova(panel, "chg ~ therapy + base")
    found = conditional_mean(refits.under("CR"), analysis)
    assert np.isfinite(found.completed).all()
    assert np.isfinite(found.frequentist_cov).all() and np.isnan(found.anchored_cov).all()
    with pytest.raises(ModelError, match=r"patients of ACU .* cannot be imputed at W52"):
        impute(refits.under("MAR").panel, refits.full)
    weights, doses = np.eye(len(analysis.names))[0], {"all": dose(panel)}
    assert np.isfinite(jackknife_tipping(refits.under("CR"), analysis, weights, doses).quadratic).all()
    with pytest.raises(ModelError, match="holds on to missing at random"):
        jackknife_tipping(refits.under("CR"), analysis, weights, doses, "anchored")


def test_a_visit_that_repeats_another_is_refused():
    data, _ = pain_data()
    again = data.loc[data["visit"] == "W52"].assign(visit="W53")
    with pytest.raises(ModelError, match="visits W52 and W53 determine each other"):
        refit(_lay(pd.concat([data, again], ignore_index=True)))
