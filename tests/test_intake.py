"""A study file and bad data in, one readable refusal out; or harmless data, and a trial."""

from __future__ import annotations

import pytest
import yaml
from small_study import content, csv_text, findings_of, sound_rows, write_study

from analysis.errors import DataError, StudyError
from analysis.intake import read_trial


def refusal(path) -> str:
    with pytest.raises(DataError) as caught:
        read_trial(path)
    return str(caught.value)


def test_all_problems_come_at_once(tmp_path):
    rows = [*sound_rows(), sound_rows()[1]]
    rows[0]["pain"], rows[3]["pain"], rows[6]["pain"] = "abc", 12, 99
    rows[9]["age"] = "old"
    rows[12]["therapy"] = "Voodoo"
    with pytest.raises(DataError) as caught:
        read_trial(write_study(tmp_path, pain_csv=rows))
    errors = caught.value.findings.query("severity == 'error'")
    assert set(errors["rule"]) == {
        "unreadable_number", "outside_range", "suspicious_code", "unknown_therapy", "two_arms",
        "duplicate_visit",
    }  # fmt: skip
    message = str(caught.value)
    assert message.startswith("The data of study.yml cannot be analysed as they are: 7 errors")
    for place in ("pain.csv, row 2, column pain, value abc: 'abc' is not a number",
                  "pain.csv, row 11, column age, value old: 'old' is not a number",
                  "pain.csv, row 5, column pain, patient P01, visit start, value 12:",
                  "pain.csv, row 8, column pain, patient P02, visit start, value 99:"):
        assert place in message  # fmt: skip


def test_a_missing_column_does_not_hide_other_problems(tmp_path):
    study = content() | {"site": "clinic"}
    rows = sound_rows()
    rows[3]["pain"] = 12
    message = refusal(write_study(tmp_path, study, pain_csv=rows))
    assert "names the column 'clinic' (site), which is not there" in message
    assert "12 is no possible score" in message


def test_warnings_travel_and_are_counted_beside_errors(tmp_path):
    rows = [row for row in sound_rows() if row["visit"] != "week 26"]
    trial = read_trial(write_study(tmp_path, pain_csv=rows))
    assert trial.findings["rule"].tolist() == ["visit_without_data"]
    rows[0]["pain"] = 12
    assert "Besides: 1 warning." in refusal(write_study(tmp_path, pain_csv=rows))


def test_problems_of_all_files_come_at_once(tmp_path):
    study = content()
    study["data"]["patients"] = "people.csv"
    message = refusal(write_study(tmp_path, study, pain_csv=b"", people_csv="id,id\n1,2\n"))
    assert "pain.csv: the file is empty (0 bytes)" in message
    assert "people.csv: row 1 names 'id' more than once" in message


def test_a_header_without_rows_is_refused(tmp_path):
    assert "has a header and no rows" in refusal(
        write_study(tmp_path, pain_csv="id,therapy,age,visit,pain\n")
    )


def test_a_0_byte_workbook_is_refused(tmp_path):
    study = content()
    study["data"]["outcomes"] = "pain.xlsx"
    assert "pain.xlsx: the file is empty" in refusal(write_study(tmp_path, study, pain_xlsx=b""))


def test_a_million_columns_are_refused(tmp_path):
    header = ",".join(f"c{n}" for n in range(1_000_000))
    assert "at most 10,000 are read" in refusal(write_study(tmp_path, pain_csv=header + "\n"))


@pytest.mark.parametrize("name", ["../pain.csv", "/etc/passwd.csv", "a/../../pain.csv"])
def test_a_path_that_climbs_out_is_refused(tmp_path, name):
    (tmp_path / "pain.csv").write_text(csv_text(sound_rows()))
    (tmp_path / "inner").mkdir()
    study = content()
    study["data"]["outcomes"] = name
    with pytest.raises(StudyError, match=r"data\.outcomes"):
        read_trial(write_study(tmp_path / "inner", study))


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path):
    (tmp_path / "secret.csv").write_text(csv_text(sound_rows()))
    (tmp_path / "inner").mkdir()
    study = content()
    study["data"]["outcomes"] = "link.csv"
    path = write_study(tmp_path / "inner", study)
    (tmp_path / "inner" / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(StudyError, match="lies outside"):
        read_trial(path)


def test_a_therapy_that_is_a_script_is_only_text(tmp_path):
    script = "<script>alert(1)</script>"
    study = content()
    study["therapy"]["arms"][1]["label"] = script
    rows = sound_rows()
    for row in rows:
        row["therapy"] = row["therapy"].replace("Massage", script)
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    assert trial.patients["therapy"].value_counts().to_dict() == {"Usual care": 3, script: 3}


def test_a_column_name_that_is_code_is_only_a_name(tmp_path):
    name = "__import__('os').system('touch owned')"
    study = content()
    study["measures"][0]["column"] = name
    rows = [{name if key == "pain" else key: row[key] for key in row} for row in sound_rows()]
    trial = read_trial(write_study(tmp_path, study, pain_csv=rows))
    assert len(trial.outcomes) == 18
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pain.csv", "study.yml"]


def test_formulas_in_cells_are_not_run(tmp_path):
    rows = sound_rows()
    rows[0]["pain"] = "=1+1"
    assert "'=1+1' is not a number" in refusal(write_study(tmp_path, pain_csv=rows))


def test_latin_1_with_decimal_commas_and_semicolons_reads_with_notes(tmp_path):
    study = content()
    study["therapy"]["arms"][1]["label"] = "Thérapie"
    rows = [
        row | {"therapy": row["therapy"].replace("Massage", "Thérapie"),
               "pain": f"{row['pain']},5"}
        for row in sound_rows()
    ]  # fmt: skip
    raw = csv_text(rows, ";").encode("cp1252")
    trial = read_trial(write_study(tmp_path, study, pain_csv=raw))
    assert trial.findings["rule"].tolist() == ["encoding", "decimal_comma"]
    assert set(trial.findings["severity"]) == {"note"}
    assert trial.outcomes["value"].min() == 4.5
    study["data"] |= {"encoding": "cp1252", "decimal": ","}
    assert findings_of(write_study(tmp_path, study, pain_csv=raw)).empty


def test_a_study_file_that_is_absent_or_wrong_is_a_study_error(tmp_path):
    with pytest.raises(StudyError):
        read_trial(tmp_path / "no.yml")
    path = write_study(tmp_path)
    path.write_text(yaml.safe_dump(content() | {"tittle": "x"}))
    with pytest.raises(StudyError, match="tittle"):
        read_trial(path)
    with pytest.raises(StudyError, match="is not there"):
        read_trial(write_study(tmp_path, content() | {"data": {"outcomes": "absent.csv"}}))


def test_the_same_files_give_the_same_trial(tmp_path):
    path = write_study(tmp_path)
    one, other = read_trial(path), read_trial(path)
    assert one.outcomes.equals(other.outcomes) and one.patients.equals(other.patients)
    assert one.account.equals(other.account) and one.files == other.files
