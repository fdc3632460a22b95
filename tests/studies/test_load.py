"""Study files: what is read, and what is refused in which words."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest

from analysis.errors import StudyError
from analysis.studies.load import read_study

# A bomb or a very long file has to be refused before its content is built; this is far above what
# the refusals take (under 0.1 s) and far below what building would.
REFUSAL_SECONDS = 3.0
HEAD = "title: Massage for back pain\n"


def test_the_example_of_the_documentation_is_read(example, write_study):
    study = read_study(write_study(example))
    assert study.therapies == ("Usual care", "Massage")
    assert study.primary.name == "pain"
    assert [visit.name for visit in study.horizon("short")] == ["week 8"]
    assert [visit.name for visit in study.horizon("long")] == ["week 52"]
    assert study.baseline_visit.week == 0
    assert study.estimand.name == "Treatment policy"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("horizon: short", "horizn: short", r"line 17: .*\.horizn is not a key.*mean 'horizon'"),
        ("layout: long", "layout: long\nsecret: 1", "line 6: secret is not a key.*allowed here"),
        ("horizon: short", "horizon: soon", r"line 17: .*'soon'; allowed: 'short', 'long' or ''"),
        ("layout: long", "layout: lang", "allowed: 'long', 'wide' or 'adam'; did you mean 'long'"),
        (HEAD, "", "title is missing"),
        (HEAD, HEAD + "7: x\n", r"line 2: \[7\] is not a key.*keys are words"),
        ("week: 8,", "week: eight,", r"schedule\[1\]\.week is 'eight'; this must be a number"),
        ("week: 8,", "week: -8,", "greater than or equal to 0"),
        ("column: pain}", "column: 7}", r"measures\[0\]\.column is 7; .*put quotes around it"),
        ("code: U", "code: true", "True; .*put quotes around it"),
        ("name: age", "name: '__import__(1)'", r"covariates\[0\]\.name is .*match pattern"),
    ],
)  # fmt: skip
def test_a_wrong_key_or_value_is_named_with_its_line(refusal, old, new, message):
    assert re.search(message, refusal((old, new)))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("instrument: NRS", "instrument: NRZ", "line 20: .*'NRZ', which is not.* mean 'NRS'"),
        ("massage.csv", "../massage.csv", "climbs out of the study file's folder"),
        ("massage.csv", "a/../../massage.csv", "climbs out of the study file's folder"),
        ("massage.csv", "'..\\massage.csv'", "climbs out of the study file's folder"),
        ("massage.csv", "/etc/passwd", "named relative to the study file"),
        ("massage.csv", "~/massage.csv", "named relative to the study file"),
        ("massage.csv", "'C:\\massage.csv'", "named relative to the study file"),
        ("massage.csv", '"massage\\0.csv"', "cannot be seen"),
        ("massage.csv", "m.csv\n  url: https://example.org/m.csv", "data.sha256 is missing"),
        ("massage.csv", "m.csv\n  url: https://example.org/m.csv", "data.licence is missing"),
        ("massage.csv", "m.csv\n  url: http://example.org/m.csv", "https"),
        ("massage.csv", "m.csv\n  truth: t.csv", "only known of simulated data"),
        ("patient: id", "patient: (row)", r"is '\(row\)', the row; only a wide file alone"),
        ("massage.csv", "m.csv\n  patients_id: no", "patients_id is for a patients file"),
        ("massage.csv", "m.csv\n  patients: p.csv\n  patients_id: [a, b]", "as many columns as"),
        ("comparator: Usual care", "comparator: Sham", "'Sham'; it must be one of the labels"),
        ("  comparator: Usual care\n", "", "has no comparator; name one of"),
        ("label: Massage,", "label: Usual care,", "label 'Usual care' 2 times"),
        ("code: M", "code: U", "code 'U' 2 times"),
        ("week: 8,", "week: 60,", "must rise from visit to visit"),
        ("name: week 8", "name: week 52", "name 'week 52' 2 times"),
        ("horizon: short", "baseline: true", "marks more than one visit as baseline"),
        ("week: 0, baseline: true", "week: 0, baseline: true, horizon: long", "is set at baseline"),
        ("horizon: short", "horizon: long, code: 8", None),
        ("instrument: NRS", "instrument: NRS, columns: {week 8: p8}", "is for wide files"),
        ("instrument: NRS", "instrument: NRS, requires: {week 9: p8}", "week 9 is not a visit"),
        ("instrument: NRS", "instrument: NRS, code: P", "needs 'measure_column'"),
        ("instrument: NRS", "instrument: NRS, primary: false", "0 primary measures"),
        ("layout: long", "layout: long\nmeasure_column: what", r"measures\[0\].code is missing"),
        ("layout: long", "layout: wide", "a wide file needs a column for each visit"),
        ("layout: long", "layout: adam", "layout adam needs the ADSL file"),
        ("  column: visit\n", "", "visits.column is missing"),
        ("  column: visit\n", "  column: visit\n  by: date\n", "start is missing"),
        ("  column: visit\n", "  column: visit\n  by: week\n", "found by its week needs one"),
        ("name: age", "name: therapy", "is 'therapy', which is taken"),
        ("name: age", "name: import", "is 'import', which is taken"),
        ("unit: years", "range: [90, 18]", "it must rise from low to high"),
        ("layout: long", "layout: long\nfilters: [{column: a, reason: b}]", "exactly one of"),
        ("patient: id", "patient: id\nmodel: {covariance: [us, cs, us]}", "the structure 'us' 2 times"),
        ("patient: id", "patient: id\nmodel: {covariance: [us, toephe]}", "did you mean 'toeph'"),
        ("patient: id", "patient: id\nmodel: {covariance: un@cs}", "'un@cs'; allowed: 'us', 'toeph'"),
        ("patient: id", "patient: id\nmodel: {covariance: []}", "covariance is .*at least 1"),
        ("patient: id", "patient: id\nevents: {kind: k, kinds: {x: lost}}", "events is missing"),
        ("patient: id", "patient: id\nevents: {kind: k, kinds: {x: gone}}", "allowed: 'stopped_th"),
    ],
)  # fmt: skip
def test_parts_that_do_not_agree_are_named(changed, refusal, old, new, message):
    if message is None:
        assert len(read_study(changed((old, new))).horizon("long")) == 2
        return
    assert re.search(message, refusal((old, new)))


def test_a_covariance_is_one_name_or_a_list_of_names(changed):
    default, one, several = (
        read_study(changed(("patient: id", f"patient: id{model}"))).model.covariance
        for model in ("", "\nmodel: {covariance: sp_exp}", "\nmodel: {covariance: [csh, cs]}")
    )
    assert default == ("us", "toeph", "ar1h", "csh", "cs")
    assert (one, several) == (("sp_exp",), ("csh", "cs"))


def test_short_term_after_long_term_is_refused(refusal):
    swapped = (("horizon: short", "horizon: later"), ("horizon: long", "horizon: short"))
    message = refusal(*swapped, ("horizon: later", "horizon: long"))
    assert "short-term visit after a long-term one" in message


def test_a_randomised_study_needs_a_therapy(refusal, example):
    therapy = example[example.index("therapy:") : example.index("visits:")]
    assert "therapy is missing" in refusal((therapy, ""))


def test_all_problems_are_listed_at_once(refusal):
    message = refusal(
        ("NRS", "NRZ"), ("comparator: Usual care", "comparator: Sham"), ("unit:", "unti:")
    )
    assert "(3 problems)" in message
    assert [part in message for part in ("NRZ", "Sham", "did you mean 'unit'")] == [True] * 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"# nothing but a comment\n", "it holds nothing"),
        (b"\xd0\xcf\x11\xe0", "not text in UTF-8"),
        (b"a\x00b: 1", "not a text file"),
        (b"title: \x01", "not valid YAML"),
        (b"- 1\n- 2", "it holds a list"),
        (b"just words", "it holds text without keys"),
        (b"title: [1, 2", "line 1, is not valid YAML"),
        (b"title: !!python/object/apply:os.system ['true']", r"line 1: tags \(!\)"),
        (b"title: &a x\ndescription: *a", "line 1: .*anchors"),
        (b"title: a\ntitle: b", "line 2: the key 'title' stands here twice"),
        (b"? [a, b]\n: c", "a key must be one word or number"),
        (b"%TAG ! tag:evil,2000:\n---\na: 1\n---\nb: 2", "not valid YAML"),
        (b"title: " + b"9" * 5000, "holds a value that cannot be read"),
    ],
)
def test_a_file_that_is_not_a_study_file_is_refused(write_study, content, message):
    with pytest.raises(StudyError, match=message):
        read_study(write_study(content))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"x" * 20_000_000, "20,000,000 bytes; a study file has at most 1,000,000"),
        (b"[" * 900_000, "nested too deeply"),
        (b"{a: " * 200_000, "nested too deeply"),
        (b"".join(b"k%d: 1\n" % number for number in range(90_000)), "too long for a study file"),
        (b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]\n", "anchors"),
    ],
)
def test_what_is_meant_to_exhaust_the_reader_is_refused_at_once(write_study, content, message):
    path = write_study(content)
    start = time.process_time()
    with pytest.raises(StudyError, match=message):
        read_study(path)
    assert time.process_time() - start < REFUSAL_SECONDS


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    with pytest.raises(StudyError, match=r"no study file gone\.yml"):
        read_study(tmp_path / "gone.yml")
    with pytest.raises(StudyError, match="is not a file"):
        read_study(tmp_path)


def test_words_of_old_yaml_stay_text_and_numbers_are_decimal(changed):
    codes = (("code: U", "code: no"), ("code: M", "code: 010"))
    study = read_study(changed(*codes, ("name: week 8", "name: 1:30")))
    assert [arm.code for arm in study.therapy.arms] == ["no", 10]
    assert study.followup[0].name == "1:30"
    dated = read_study(changed(("name: week 8", "name: 2004-01-31")))
    assert dated.followup[0].name == "2004-01-31"


def test_hostile_text_is_kept_as_text(changed):
    study = read_study(changed(("Massage,", "'<script>alert(1)</script>',")))
    assert study.therapies[1] == "<script>alert(1)</script>"


def test_an_adam_study_needs_few_keys(write_study):
    text = """
title: ADaM
design: randomised
layout: adam
data: {outcomes: adqs.xpt, patients: adsl.xpt}
therapy: {comparator: Placebo, arms: [{label: Placebo}, {label: Drug}]}
visits: {schedule: [{name: Week 8, week: 8}]}
measures: [{name: pain, label: Pain, instrument: NRS, code: PAIN}]
"""
    study = read_study(write_study(text))
    assert (study.patient, study.measure_column) == (("USUBJID",), "PARAMCD")
    assert (study.therapy.column, study.visits.column) == ("TRT01P", ("AVISIT",))
    assert (study.primary.column, study.primary.baseline_column) == ("AVAL", None)


def test_reading_study_files_does_not_load_pandas():
    code = "import sys, analysis.studies.load; sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
