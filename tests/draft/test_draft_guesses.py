"""What a draft makes of names, numbers, dates, codes and layouts, one at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyreadstat
import pytest
from small_study import sound_rows

from analysis.draft import sketch_study
from analysis.draft.families import families_of
from analysis.draft.moments import moment_of
from analysis.draft.names import identifies, role_rank, slug, words
from analysis.studies.yaml_text import parse_yaml


def drafted(tmp_path, frame: pd.DataFrame, name: str = "d.csv", **options):
    """Content and questions of the draft of a table."""
    path = tmp_path / name
    frame.to_csv(path, index=False, **options)
    return seen(path)


def seen(path, **more):
    draft = sketch_study(path, **more)
    return parse_yaml(draft.text, "d.yml")[0], " ".join(draft.questions), draft


@pytest.mark.parametrize(
    ("text", "week", "baseline"),
    [
        ("baseline", 0, True), ("Baseline (screening)", None, None), ("Screening", 0, True),
        ("week 8", 8, False), ("W8", 8, False), ("wk08", 8, False), ("8 weeks", 8, False),
        ("Woche 8", 8, False),
        ("month 3", 13, False), ("M12", 52, False), ("3 months", 13, False), ("6m", 26, False),
        ("mois 6", 26, False),
        ("day 28", 4, False), ("D14", 2, False), ("Tag 7", 1, False), ("1 year", 52, False),
        ("Week 0", 0, True),
        ("week_8_arm_1", 8, False), ("baseline_arm_1", 0, True), ("pre", 0, True), ("Beginn", 0, True),
        ("12th week", 12, False), ("patient", None, None), ("pain", None, None), ("2004-01-01", None, None),
    ],
)  # fmt: skip
def test_weeks_are_read_from_how_a_visit_is_called(text, week, baseline):
    moment = moment_of(text)
    if week is None:
        assert moment is None
    else:
        assert (moment.week, moment.baseline) == (week, baseline)


@pytest.mark.parametrize(("text", "name"), [("t2", "time 2"), ("VIS03", "time 3"), ("Visit 4", "time 4"),
                                            ("post", "post"), ("Follow-up", "follow-up")])  # fmt: skip
def test_a_numbered_visit_has_no_week(text, name):
    moment = moment_of(text)
    assert (moment.name, moment.week, moment.baseline) == (name, None, False)


def test_a_bare_number_is_a_week_where_the_column_counts_weeks():
    assert moment_of("12").week is None
    assert moment_of("12", "week").week == 12
    assert moment_of("3", "month").week == 13


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("USUBJID", "patient"), ("record_id", "patient"), ("Patientennr.", "patient"), ("patID", "patient"),
        ("Subject Number", "patient"), ("TRT01P", "therapy"), ("Behandlung", "therapy"),
        ("treatmentGroup", "therapy"),
        ("Allocation", "therapy"), ("redcap_event_name", "visit"), ("timepoint", "visit"),
        ("AVISIT", "visit"),
        ("Alter", "age"), ("AGE_AT_CONTACT", "age"), ("Geschlecht", "sex"), ("PAT_SEX", "sex"),
        ("Klinik", "site"),
    ],
)  # fmt: skip
def test_roles_are_read_from_names_in_several_languages(name, role):
    assert role_rank(name, role) is not None


@pytest.mark.parametrize("name", ["pain", "treatment_cost", "visits_total", "manager", "page", "identity"])
def test_a_name_that_only_holds_a_word_has_no_role(name):
    assert all(role_rank(name, role) is None for role in ("patient", "therapy", "age", "sex", "site"))


@pytest.mark.parametrize(
    "name", ["Name", "first_name", "Nachname", "e-mail", "Email Address", "DOB", "Geburtsdatum", "IPAddress",
             "phone", "Patient Name", "postcode", "RecipientEmail", "LocationLatitude", "initials"],
)  # fmt: skip
def test_columns_that_may_identify_are_known(name):
    assert identifies(name)


@pytest.mark.parametrize("name", ["redcap_event_name", "pain", "Visit name", "drug_name", "named"])
def test_other_names_do_not_identify(name):
    assert not identifies(name)


def test_slugs_are_names_of_measures_and_differ():
    taken: set[str] = set()
    found = [slug(text, taken) for text in ("Pain (0-10)", "Pain 0 10", "1st", "Ärger", "!!", "x" * 90)]
    assert found[:4] == ["pain_0_10", "pain_0_10_2", "m_1st", "arger"] and len(set(found)) == 6
    assert all(len(name) <= 41 for name in found)
    assert words("painAvg_Größe") == "pain avg grosse"


def wide(**columns) -> pd.DataFrame:
    return pd.DataFrame({"id": [f"P{n}" for n in range(8)], "group": ["sham", "real"] * 4} | columns)


SCORES = [3, 4, 5, 6, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("names", "weeks"),
    [
        (("pain_w0", "pain_w4", "pain_w26"), [0, 4, 26]),
        (("pain.baseline", "pain.3m", "pain.12m"), [0, 13, 52]),
        (("Week 0 pain", "Week 6 pain"), [0, 6]), (("pain", "pain_week12"), [0, 12]),
        (("pre_pain", "pain 2 months"), [0, 9]),
    ],
)  # fmt: skip
def test_columns_alike_but_for_a_time_are_visits(tmp_path, names, weeks):
    content, _, draft = drafted(tmp_path, wide(**dict.fromkeys(names, SCORES)))
    assert content["layout"] == "wide" and draft.problem == ""
    schedule = content["visits"]["schedule"]
    assert [visit["week"] for visit in schedule] == weeks and schedule[0]["baseline"]
    assert list(content["measures"][0]["columns"].values()) == list(names)


def test_numbered_columns_ask_for_their_weeks(tmp_path):
    content, asked, draft = drafted(tmp_path, wide(pain_1=SCORES, pain_2=SCORES, pain_5=SCORES))
    assert [visit.get("week") for visit in content["visits"]["schedule"]] == [0, None, None]
    assert "How many weeks after randomisation is 'time 2'" in asked
    assert "visits.schedule[1].week is missing" in draft.problem


def test_items_of_a_questionnaire_and_checkboxes_are_no_visits(tmp_path):
    items = {f"q{n}": SCORES for n in range(1, 25)} | {f"where___{n}": [0, 1] * 4 for n in (1, 2, 3)}
    content, asked, _ = drafted(tmp_path, wide(**items))
    assert "visits" not in content and "Which columns are the outcome at which visit" in asked
    assert families_of([]) == []


@pytest.mark.parametrize(
    ("column", "values", "instrument"),
    [
        ("NRS", [0, 10], "NRS"), ("pain", [0, 10], "NRS"), ("pain", [0.5, 9.75], "VAS10"),
        ("pain", [0, 90], "VAS100"),
        ("vas_mm", [0, 99], "VAS100"), ("rmdq_total", [0, 24], "RMDQ"), ("oswestry", [0, 80], "ODI"),
        ("bpi_interference", [0, 10], "BPI_INTERFERENCE"), ("PEG score", [0, 9.5], "PEG"),
        ("promis_anxiety", [30, 70], "PROMIS_ANXIETY"), ("rmdq_total", [0, 60], None),
        ("mood", [0, 10], None),
    ],
)  # fmt: skip
def test_an_instrument_is_guessed_by_name_and_range(tmp_path, column, values, instrument):
    rows = pd.DataFrame(sound_rows(8)).drop(columns="pain")
    rows[column] = np.resize([*values, np.mean(values).round(0)], len(rows))
    content, asked, draft = drafted(tmp_path, rows)
    assert content["measures"][0].get("instrument") == instrument
    assert ("hich instrument is this" in asked) == (instrument is None)
    assert ("instrument is missing" in draft.problem) == (instrument is None)


@pytest.mark.parametrize("code", [-99, -9, 99, 999, 77, -1])
def test_codes_for_missing_are_guessed_and_asked_about(tmp_path, code):
    rows = pd.DataFrame(sound_rows())
    rows.loc[[1, 5], "pain"] = code
    rows.loc[:2, "age"] = -99
    content, asked, draft = drafted(tmp_path, rows)
    assert content["measures"][0]["missing_codes"] == [code]
    assert content["covariates"][0]["missing_codes"] == [-99]
    assert f"does {code} mean missing?" in asked and draft.problem == ""


def test_a_score_outside_the_range_is_no_code(tmp_path):
    rows = pd.DataFrame(sound_rows())
    rows.loc[1, "pain"] = 45
    assert "missing_codes" not in drafted(tmp_path, rows)[0]["measures"][0]


@pytest.mark.parametrize("sign", ["-", "k.A.", "missing", "#N/A", "Unknown", "n.d."])
def test_words_for_missing_are_found(tmp_path, sign):
    rows = pd.DataFrame(sound_rows()).astype({"pain": "object"})
    rows.loc[1, "pain"] = sign
    content, _, draft = drafted(tmp_path, rows)
    assert sign in content["data"]["missing"] and "NA" in content["data"]["missing"]
    assert draft.problem == "" and content["measures"][0]["instrument"] == "NRS"


def test_other_words_are_slips_and_not_repeated(tmp_path):
    rows = pd.DataFrame(sound_rows()).astype({"pain": "object"})
    rows.loc[1, "pain"] = "asked Mrs Quux"
    content, _, draft = drafted(tmp_path, rows)
    assert "missing" not in content["data"] and "Quux" not in draft.text
    assert "Column 'pain' holds numbers or dates, and 1 cells that are neither" in draft.text


def dated(dates: list[str]) -> pd.DataFrame:
    rows = [{"id": f"P{n}", "randomised": dates[0], "date": date, "pain": n + k}
            for n in range(4) for k, date in enumerate(dates)]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("dates", "order"),
    [
        (["31/01/2024", "28/02/2024", "05/04/2024"], "day_first"),
        (["01/31/2024", "02/28/2024", "04/05/2024"], "month_first"),
        (["2024-01-31", "2024-02-28", "2024-04-05"], None),
        (["31 Jan 2024", "28 Feb 2024", "5 Apr 2024"], None),
    ],
)
def test_the_order_of_dates_is_found_where_it_shows(tmp_path, dates, order):
    content, asked, draft = drafted(tmp_path, dated(dates))
    assert content["data"].get("dates") == order
    assert (content["visits"]["by"], content["visits"]["start"]) == ("date", "randomised")
    assert [visit["week"] for visit in content["visits"]["schedule"]] == [0, 4, 9]
    assert content["visits"]["schedule"][0]["window_days"] == [28, 0]
    assert draft.problem == "" and "could be read" not in asked


def test_dates_that_show_no_order_are_a_question(tmp_path):
    content, asked, _ = drafted(tmp_path, dated(["01/02/2024", "05/03/2024", "04/04/2024"]))
    assert "dates" not in content["data"]
    assert "could be read with the day or the month first" in asked


def test_dates_in_two_orders_are_a_question(tmp_path):
    _, asked, _ = drafted(tmp_path, dated(["31/01/2024", "02/28/2024", "04/05/2024"]))
    assert "Dates are written in two orders (16 with the day first, 4 with the month first" in asked


def test_years_of_two_digits_are_pointed_out(tmp_path):
    _, _, draft = drafted(tmp_path, dated(["31/01/24", "28/02/24", "04/04/24"]))
    assert "Dates in 'randomised', 'date' have years of two digits" in draft.text.replace("\n# ", " ")
    assert "31/01/24" not in draft.text


def test_a_thousands_comma_is_a_question(tmp_path):
    rows = pd.DataFrame(sound_rows()).assign(steps=["1,234", "2,345", "3,456"] * 6)
    assert "look like 1,234" in drafted(tmp_path, rows)[1]


def test_a_crossover_is_asked_about(tmp_path):
    rows = pd.DataFrame(sound_rows())
    rows["therapy"] = ["A", "B", "A"] * 6
    content, asked, _ = drafted(tmp_path, rows)
    assert "therapy" not in content and "as in a crossover" in asked


def test_patients_numbered_anew_at_each_site_are_told_apart(tmp_path):
    rows = pd.DataFrame(sound_rows(8))
    rows["site"] = np.where(rows["id"] < "P04", "north", "south")
    rows["id"] = rows["id"].str.removeprefix("P0").astype(int) % 4
    content, _, draft = drafted(tmp_path, rows)
    assert content["patient"] == ["site", "id"] and draft.problem == ""


def test_rows_without_a_patient_are_patients_where_visits_are_columns(tmp_path):
    frame = wide(pain_w0=SCORES, pain_w8=SCORES).drop(columns="id")
    content, asked, draft = drafted(tmp_path, frame)
    assert content["patient"] == "(row)" and draft.problem == ""
    assert "Is each row another patient?" in asked


@pytest.mark.parametrize("sheet", ["scores", 2])
def test_a_sheet_of_a_workbook_is_drafted_by_its_name_or_number(tmp_path, sheet):
    path = tmp_path / "d.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"about": ["notes"]}).to_excel(book, sheet_name="read me", index=False)
        pd.DataFrame(sound_rows()).to_excel(book, sheet_name="scores", index=False)
    content, _, draft = seen(path, sheet=sheet)
    assert content["data"] == {"outcomes": "d.xlsx", "sheet": sheet}
    assert draft.problem == "" and content["measures"][0]["column"] == "pain"
    assert "several sheets and the first was read" in seen(path)[1].replace("\n", " ")


def test_measures_that_share_a_column_are_told_apart_by_their_codes(tmp_path):
    rows = pd.DataFrame(sound_rows())
    long = pd.concat([rows.assign(measure=name, value=rows["pain"] * factor).drop(columns="pain")
                      for name, factor in (("NRS pain", 1), ("Oswestry", 7))])  # fmt: skip
    content, _, draft = drafted(tmp_path, long)
    assert draft.problem == "" and content["measure_column"] == "measure"
    assert [(m["instrument"], m["code"], m["column"]) for m in content["measures"]] == [
        ("NRS", "NRS pain", "value"), ("ODI", "Oswestry", "value"),
    ]  # fmt: skip


@pytest.mark.parametrize("ending", ["csv", "tsv", "xlsx", "parquet", "dta", "sav", "xpt"])
def test_every_format_gives_the_same_draft(tmp_path, ending):
    frame = pd.DataFrame(sound_rows())
    path = tmp_path / f"d.{ending}"
    write = {
        "csv": lambda: frame.to_csv(path, index=False),
        "tsv": lambda: frame.to_csv(path, index=False, sep="\t"),
        "xlsx": lambda: frame.to_excel(path, index=False),
        "parquet": lambda: frame.to_parquet(path, index=False),
        "dta": lambda: pyreadstat.write_dta(frame, str(path)),
        "sav": lambda: pyreadstat.write_sav(frame, str(path)),
        "xpt": lambda: pyreadstat.write_xport(frame, str(path)),
    }
    write[ending]()
    content, _, draft = seen(path)
    assert draft.problem == ""
    assert content.pop("data") == {"outcomes": f"d.{ending}"}
    assert content == {
        "title": "d", "design": "observational", "layout": "long", "patient": "id",
        "therapy": {"column": "therapy", "comparator": "Usual care",
                    "arms": [{"label": "Usual care"}, {"label": "Massage"}]},
        "visits": {"column": "visit", "schedule": [
            {"name": "baseline", "week": 0, "baseline": True, "code": "start"},
            {"name": "week 4", "week": 4, "horizon": "short"},
            {"name": "week 26", "week": 26, "horizon": "long"}]},
        "measures": [{"name": "pain", "label": "pain", "instrument": "NRS", "primary": True,
                      "column": "pain"}],
        "covariates": [{"name": "age", "column": "age", "type": "number", "unit": "years"}],
    }  # fmt: skip
