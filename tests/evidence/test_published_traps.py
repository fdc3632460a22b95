"""Each trap in published rows is a finding that names trial, file and row."""

from __future__ import annotations

import pytest
from altered_tables import altered, contrast, made_trial, outcome

from analysis.evidence.check import CHECKS, MEANINGS, check_published, counted_findings
from analysis.evidence.published import read_published
from analysis.schema import FINDING_COLUMNS


@pytest.fixture(scope="module")
def findings():
    return check_published(read_published())


def made(place, outcomes, contrasts=None, therapies=("acupuncture", "usual_care")):
    return check_published(read_published(made_trial(place, outcomes, contrasts, therapies)))


def only(findings, rule):
    (found,) = findings[findings["rule"] == rule].to_dict("records")
    return found


def test_a_sound_trial_is_sound(tmp_path):
    found = made(tmp_path, [outcome("a0", 4), outcome("a1", 5)])
    assert found.empty


def test_findings_have_the_columns_of_the_house(findings):
    assert tuple(findings.columns) == FINDING_COLUMNS
    assert findings["row"].notna().all()
    assert not findings["message"].str.contains("!").any()


def test_every_rule_is_explained(findings):
    counted = counted_findings(findings)
    assert counted["count"].sum() == len(findings)
    assert (counted["message"] != "").all()
    assert len(MEANINGS) >= len(CHECKS)


def test_the_bundled_rows_hold_no_error(findings):
    assert "error" not in set(findings["severity"])


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("shared_control", "Cherkin 2009"), ("change_beside_final", "Witt 2006"),
        ("missing_sd", "Cherkin 2001"), ("direction_unclear", "Pach 2013"),
        ("combined_components", "Zhao 2014"), ("overlapping_trials", "Yazdanpanahi 2017"),
        ("one_arm", "Preyde 2000"), ("same_therapy", "Pach 2013"),
        ("not_randomised", "PASTOR"), ("clock_unknown", "ATEAM"), ("window_edge", "Farhadi 2009"),
        ("mean_at_end", "Chi 2016"), ("scale_without_range", "Yan 2015"),
        ("level_unknown", "Xia 2016"), ("assigned_not_seen", "AlBedah 2015"),
        ("contrast_beside_arms", "UK BEAM"), ("sd_is_se", "Monticone 2016"),
    ],
)  # fmt: skip
def test_the_traps_of_the_bundled_rows_are_found(findings, rule, name):
    assert findings.loc[findings["rule"] == rule, "message"].str.contains(name).any()


@pytest.mark.parametrize(
    "cells", [{"sd": 0}, {"se": 0}, {"conf_low": 4, "conf_high": 4}], ids=["sd", "se", "interval"]
)
def test_a_spread_of_zero_is_an_error(tmp_path, cells):
    found = only(made(tmp_path, [outcome("a0", 4, **cells), outcome("a1", 5)]), "zero_sd")
    assert (found["severity"], found["file"], found["row"]) == ("error", "outcomes.csv", 2)
    assert "Made has a spread of 0 on NRS 0-10 at week 12" in found["message"]


def test_a_standard_error_of_zero_between_arms_is_an_error(tmp_path):
    found = only(made(tmp_path, [], [contrast("a0", "a1", -1, se=0)]), "zero_sd")
    assert found["file"] == "contrasts.csv"


def test_standard_errors_in_the_place_of_deviations_are_suspected(tmp_path):
    def shrink(rows):
        for row in rows:
            if row["study"] == "saper2017" and row["kind"] == "final":
                row["sd"] = f"{float(row['sd']) / float(row['n']) ** 0.5:.2f}"

    found = check_published(read_published(altered(tmp_path, outcomes=shrink)))
    mine = found[(found["rule"] == "sd_is_se") & found["message"].str.contains("Saper 2017")]
    assert len(mine) == 6


def test_the_same_results_under_two_names_are_suspected(tmp_path):
    folder = altered(
        tmp_path,
        studies=lambda rows: rows.append(
            next(r for r in rows if r["study"] == "zeng2005") | {"study": "again", "label": "Again"}
        ),
        arms=lambda rows: rows.extend(
            row | {"study": "again"} for row in list(rows) if row["study"] == "zeng2005"
        ),
        outcomes=lambda rows: rows.extend(
            row | {"study": "again"} for row in list(rows) if row["study"] == "zeng2005"
        ),
    )
    found = only(check_published(read_published(folder)), "duplicated_study")
    assert found["message"].startswith("Zeng 2005, Again have 2 results in common")


def test_two_trials_of_one_identifier_are_suspected(tmp_path):
    folder = altered(tmp_path, studies=lambda rows: rows[1].update(identifier=rows[0]["identifier"]))
    found = only(check_published(read_published(folder)), "duplicated_study")
    assert "Cherkin 2009 (SPINE), Brinkhaus 2006 (ART)" in found["message"]


def test_a_therapy_seen_in_one_arm_only_is_named(tmp_path):
    found = made(tmp_path, [outcome("a0", 4)])
    assert only(found, "therapy_in_one_arm")["value"] == "acupuncture"
    assert only(found, "one_arm")["value"] == "made"


def test_a_mean_outside_its_scale_is_an_error(tmp_path):
    found = only(made(tmp_path, [outcome("a0", 14), outcome("a1", 5)]), "mean_outside_scale")
    assert found["severity"] == "error"


def test_three_arms_against_one_are_a_shared_control(tmp_path):
    rows = [contrast("a0", "a2", -1, se=0.3), contrast("a1", "a2", -0.4, se=0.3)]
    therapies = ("acupuncture", "sham_acupuncture", "usual_care")
    found = only(made(tmp_path, [], rows, therapies), "shared_control")
    assert (found["value"], found["row"]) == ("a2", 2)
    assert "2 arms with the same arm" in found["message"]


def test_a_claim_that_nobody_tested_cannot_be_certain(tmp_path):
    def overstate(rows):
        next(row for row in rows if row["verdict"] == "not tested")["certainty"] = "high"

    found = check_published(read_published(altered(tmp_path, claims=overstate)))
    assert only(found, "claim_certainty")["severity"] == "warning"
