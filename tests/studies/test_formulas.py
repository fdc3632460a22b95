"""Formulas hold names and operators only."""

from __future__ import annotations

import pytest

from analysis.studies.formulas import check_formula
from analysis.studies.load import read_study


@pytest.mark.parametrize(
    "formula",
    [
        "value ~ baseline * visit + age + therapy * visit",
        "value ~ 0 + visit",
        "value ~ -1 + visit:therapy",
        "value~1",
        "value ~ (age + baseline) * visit - age:visit",
        " value ~ age\n",
    ],
)
def test_a_model_of_names_and_operators_is_accepted(formula):
    assert check_formula(formula, ["age"]) is None


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("value ~ __import__('os').system('true')", "cannot hold \"'os')"),
        ("value ~ __import__", "names '__import__'"),
        ("value ~ age(visit)", "cannot be read at 'age ('"),
        ("value ~ (age)(visit)", "cannot be read at ') ('"),
        ("value ~ age ** 1", "cannot be read at '* *'"),
        ("value ~ age ^ 2", "cannot hold '^ 2'"),
        ("value ~ age + 2", "cannot hold '2'"),
        ("value ~ 1e9", "names 'e9'"),
        ("value ~ I(age)", "names 'I'"),
        ("value ~ I(os.system('true'))", "cannot hold \".system("),
        ("value ~ C(age)", "names 'C'"),
        ("value ~ {__import__('os')}", "cannot hold '{__import__'"),
        ("value ~ age if 1 else age", "names 'if'"),
        ("value ~ lambda: 0", "names 'lambda'"),
        ("value ~ age @ age", "cannot hold '@ age'"),
        ("value ~ age[0]", "cannot hold '[0]'"),
        ("value ~ age\\x20", "cannot hold"),
        ("value ~ `age`", "cannot hold '`age`'"),
        ("value ~ {age}", "cannot hold '{age}'"),
        ("value ~ age.real", "cannot hold '.real'"),
        ("value ~ age; 1", "cannot hold '; 1'"),
        ("value ~ weight", "names 'weight', which the model does not have; names (value,"),
        ("value ~ áge", "cannot hold 'áge'"),
        ("log(value) ~ age", "must read 'value ~ terms'"),
        ("age ~ visit", "must read 'value ~ terms'"),
        ("value ~ age ~ visit", "must read 'value ~ terms'"),
        ("value ~ value", "has the outcome 'value' on its right side"),
        ("value ~", "cannot be read at '~'"),
        ("", "must read 'value ~ terms'"),
        ("value ~ age +", "cannot be read at '+'"),
        ("value ~ age visit", "cannot be read at 'age visit'"),
        ("value ~ (age", "leaves a bracket open"),
        ("value ~ age)", "closes a bracket that was not opened"),
        ("value ~ ()", "cannot be read at '( )'"),
        ("value ~ " + "age + " * 90 + "age", "is longer than 500 characters"),
    ],
)
def test_anything_else_in_a_formula_is_refused(formula, message):
    assert message in check_formula(formula, ["age"])


def test_a_study_file_with_a_hostile_formula_is_refused(refusal):
    model = "layout: long\nmodel: {formula: \"value ~ __import__('os')\"}"
    assert "line 6: model.formula cannot hold" in refusal(("layout: long", model))


def test_a_study_file_may_choose_its_formula(changed):
    model = "layout: long\nmodel: {formula: value ~ age + therapy * visit}"
    study = read_study(changed(("layout: long", model)))
    assert study.model.formula == "value ~ age + therapy * visit"


@pytest.mark.parametrize("condition", [
    "__import__('os')", "age >= 40 or 1", "age >= {40}", "age >= I(40)", "sex == f'{age}'", "age.real == 1",
    "(age >= 40)", "age >= 40; age", "not age >= 40", "age >= 40 and __class__ == 1", "age >= age",
])  # fmt: skip
def test_a_condition_holds_comparisons_and_nothing_that_runs(refusal, condition):
    estimand = f"layout: long\nestimands: [{{name: One, who: {condition!r}}}]"
    assert "estimands[0].who" in refusal(("layout: long", estimand))
