"""Every rule by its name: what it says where no patient may be named."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

RULES: Mapping[str, str] = MappingProxyType(
    {
        # Files
        "unreadable_file": "A file cannot be read.",
        "encoding": "A file is not UTF-8; its encoding was found.",
        "unnamed_column": "A column without a name is not used.",
        "first_sheet": "The first sheet of several was read.",
        "survey_header": "Rows that describe the questions of a survey were not read as answers.",
        "column_left_out": "A column that holds no plain values was not read.",
        "no_time_zone": "Times that name no time zone were read as UTC.",
        "declared_missing": "Values that the file itself declares as missing were read as missing.",
        "missing_column": "The study file names a column that is not there.",
        "no_rows": "A file has a header and no rows.",
        "truth_columns": "The file of true values is not a result frame.",
        # Rows and cells
        "empty_rows": "Empty rows were set aside.",
        "no_patient": "Rows do not say whose they are.",
        "unreadable_number": "Text stands where a number belongs.",
        "ambiguous_number": "Numbers could be read two ways.",
        "decimal_comma": "Numbers were read with a decimal comma.",
        "unreadable_date": "Text stands where a date belongs.",
        "ambiguous_date": "Dates could be read two ways.",
        "unreadable_answer": "Text stands where yes or no belongs.",
        # Patients
        "unknown_patient": "Outcomes belong to patients who are not in the patients file.",
        "duplicate_patient": "Patients stand in the patients file more than once.",
        "two_arms": "Patients are in two therapies.",
        "unknown_therapy": "Patients have a therapy that the study file does not list, or none.",
        "unknown_category": "A characteristic has a value that the study file does not list.",
        "varying_characteristic": "A characteristic at baseline differs between rows of a patient.",
        "impossible_age": "Ages cannot be true.",
        "covariate_range": "A characteristic lies outside its range.",
        "covariate_missing": "A characteristic is not known for all patients.",
        "constant_column": "A characteristic is the same for all patients.",
        # Arms
        "arm_sizes": "Arms are not as large as the study file says.",
        "one_patient_arm": "A therapy has fewer than two patients.",
        "therapy_without_followup": "A therapy has no outcome after baseline.",
        "no_comparator": "There is nothing to compare with.",
        # Visits
        "unknown_visit": "Rows at visits that the schedule does not have were set aside.",
        "visit_windows": "Records were given to visits by their time.",
        "outside_window": "Records outside every visit window were set aside.",
        "other_visit": "Values were taken in the window of another visit than the one they stand under.",
        "several_in_window": "Of several records in the window of a visit one counts.",
        "no_time": "Records whose time is not known were set aside.",
        "visit_without_data": "A visit has no data.",
        "visits_never_together": "No patient was seen at both of two visits.",
        "no_short_term_visit": "No visit is declared as short term.",
        "no_long_term_visit": "No visit is declared as long term.",
        # Scores
        "duplicate_visit": "Patients have several values of a measure at one visit.",
        "outside_range": "Scores lie outside the range of the instrument.",
        "suspicious_code": "Scores look like codes for missing values.",
        "all_values_equal": "All values of a measure are the same.",
        "no_baseline": "Patients have no baseline.",
        "baseline_varies": "The baseline differs between rows of a patient.",
        # Events
        "unknown_event": "Kinds of event that the study file does not map are not counted.",
        "event_of_other": "Events of patients who are not in the analysis were set aside.",
        "undated_event": "An event that decides which values count has no week.",
    }
)
