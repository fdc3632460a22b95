"""Formulas that a study file may hold: names and operators, nothing that could run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

MODEL_NAMES = ("value", "baseline", "visit", "therapy")
MAX_LENGTH = 500

_TOKEN = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*|[~+\-*:()]|[01](?![0-9.]))")
_END = ""


def check_formula(formula: str, covariates: Iterable[str]) -> str | None:
    """Say what is wrong with a formula, or None where nothing is.

    Parameters
    ----------
    formula : str
        Meant as `value ~ terms`.
    covariates : iterable of str
        Names it may use besides `value`, `baseline`, `visit` and `therapy`.

    Returns
    -------
    str or None
        The rest of a sentence that begins with "model.formula".
    """
    allowed = (*MODEL_NAMES, *covariates)
    hint = f"names ({', '.join(allowed)}), 0, 1 and the operators ~ + - * : ( ) are allowed"
    if len(formula) > MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    tokens, position = [], 0
    text = formula.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            return f"cannot hold {text[position : position + 12].strip()!r}; {hint}"
        tokens.append(match.group(1))
        position = match.end()
    if tokens[:2] != ["value", "~"] or tokens.count("~") != 1:
        return f"must read 'value ~ terms'; {hint}"
    for token in tokens[2:]:
        if token == "value":
            return "has the outcome 'value' on its right side"
        if _is_operand(token) and token not in (*allowed, "0", "1"):
            return f"names {token!r}, which the model does not have; {hint}"
    return _grammar([*tokens[1:], _END], hint)


def _grammar(tokens: list[str], hint: str) -> str | None:
    """Operands and operators take turns and brackets close; a call or a power does neither."""
    depth = 0
    for one, other in pairwise(tokens):
        depth += (one == "(") - (one == ")")
        if depth < 0:
            return f"closes a bracket that was not opened; {hint}"
        follows_operand = _is_operand(one) or one == ")"
        starts_operand = _is_operand(other) or other == "("
        sign = other in {"+", "-"} and one in {"~", "("}
        if follows_operand == starts_operand and not sign:
            place = f"{one} {other}".strip()
            return f"cannot be read at {place!r}; {hint}"
    return f"leaves a bracket open; {hint}" if depth else None


def _is_operand(token: str) -> bool:
    return token[:1].isalnum() or token[:1] == "_"
