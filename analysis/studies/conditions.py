"""Conditions that say who belongs to a population: comparisons joined by "and", nothing that runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from analysis.studies.records import Study

Operator = Literal["<", "<=", ">", ">=", "==", "!="]

MAX_LENGTH = 400

_COMPARISON = re.compile(
    r"\s*(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*(?P<operator><=|>=|==|!=|<|>)\s*"
    r"(?:'(?P<single>[^']*)'|\"(?P<double>[^\"]*)\"|(?P<bare>-?[A-Za-z0-9_.]+))\s*"
)
_AND = re.compile(r"and(?=\s)")
_HINT = "write comparisons such as age >= 40 and sex == 'female'"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison: a name, an operator and a number or a label."""

    name: str
    operator: Operator
    value: float | str


def read_condition(study: Study, condition: str) -> tuple[Comparison, ...]:
    """Take a condition apart.

    Parameters
    ----------
    study : Study
        Names allowed are its covariates, `site` where it has one, and `baseline`.
    condition : str

    Raises
    ------
    ValueError
        Rest of a sentence that begins with the condition's key.
    """
    if len(condition) > MAX_LENGTH:
        raise ValueError(f"is longer than {MAX_LENGTH} characters")
    found = []
    for match in _matches(condition):
        text = next(t for t in match.group("single", "double", "bare") if t is not None)
        operator: Operator = match.group("operator")  # type: ignore[assignment]
        found.append(_comparison(study, match.group("name"), operator, text))
    return tuple(found)


def _matches(condition: str) -> Iterator[re.Match[str]]:
    position = 0
    while True:
        match = _COMPARISON.match(condition, position)
        if match is None:
            raise ValueError(f"cannot be read at {condition[position:].strip()[:20]!r}; {_HINT}")
        yield match
        if match.end() == len(condition):
            return
        joined = _AND.match(condition, match.end())
        if joined is None:
            rest = condition[match.end() :].strip()[:20]
            raise ValueError(f"cannot be read at {rest!r}; {_HINT}")
        position = joined.end()


def _comparison(study: Study, name: str, operator: Operator, text: str) -> Comparison:
    covariates = {covariate.name: covariate for covariate in study.covariates}
    names = [*covariates]
    names += ["baseline"] if study.baseline_visit is not None else []
    names += ["site"] if study.site is not None else []
    if name not in names:
        close = get_close_matches(name, names, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"names are {names}"
        raise ValueError(f"names {name!r}, which is not known at baseline; {hint}")
    if name == "baseline" or (name in covariates and covariates[name].type == "number"):
        try:
            return Comparison(name, operator, float(text))
        except ValueError:
            raise ValueError(f"compares {name} with {text!r}, which is not a number") from None
    if operator not in ("==", "!="):
        raise ValueError(f"asks {name} {operator} {text!r}; a category takes == or !=")
    labels = list(covariates[name].labels.values()) if name in covariates else []
    if labels and text not in labels:
        raise ValueError(f"compares {name} with {text!r}; its labels are {labels}")
    return Comparison(name, operator, text)
