"""The formula as text: what it names, what it computes, and what it may not do."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from formulaic import Formula
from formulaic.errors import FormulaicError

from analysis.errors import ModelError

# What a transform may call. Everything else is refused before formulaic could evaluate it.
STATELESS = frozenset({"log", "log2", "log10", "exp", "exp2", "exp10", "I"})
STATEFUL = frozenset({"bs", "cc", "cr", "cs", "center", "scale", "poly", "C"})
CODINGS = frozenset({"treatment", "sum", "helmert", "diff", "poly"})
NUMPY = frozenset(
    {"abs", "arcsinh", "cbrt", "cos", "exp", "expm1", "log", "log10", "log1p", "log2", "maximum",
     "minimum", "power", "sign", "sin", "sqrt", "square", "tanh", "where"}
)  # fmt: skip
_NODES = (
    ast.Expression, ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Constant, ast.List,
    ast.Tuple, ast.keyword, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow,
    ast.unaryop, ast.cmpop, ast.boolop, ast.expr_context,
)  # fmt: skip
# A power of a power of whole numbers, or text times a number, can fill any memory.
_SAFE_POWER = 100
# Names of columns in backquotes, put aside while the expression around them is read.
_QUOTED = re.compile(r"`([^`]*)`")
_ASIDE = "quoted_column_"


@dataclass(frozen=True, slots=True)
class ParsedFormula:
    """A formula that has been read, not yet tied to data.

    Attributes
    ----------
    text : str
    outcome : str
    right : formulaic.Formula
        The right-hand side.
    names : frozenset of str
        Names the right-hand side reads: columns of the data.
    plain : bool
        Every factor is a bare column name, so no column needs to be computed.
    learns : tuple of str
        Factors whose columns depend on all rows (a spline's knots), as written.
    """

    text: str
    outcome: str
    right: Formula
    names: frozenset[str]
    plain: bool
    learns: tuple[str, ...]


@lru_cache(maxsize=256)
def parse(text: str) -> ParsedFormula:
    """Read `outcome ~ terms`.

    Raises
    ------
    ModelError
        The text is no formula, or calls what a formula may not call.
    """
    try:
        parsed = Formula(text)
        left, right = parsed.lhs, parsed.rhs
        left_factors = [list(term.factors) for term in left]
        terms = [list(term.factors) for term in right]
    except (FormulaicError, AttributeError, SyntaxError, ValueError, TypeError) as error:
        raise ModelError(
            f"The formula {text!r} cannot be read: {_first_line(error)}. "
            "Write it as outcome ~ term + term * term."
        ) from error
    if [[f.eval_method.value for f in factors] for factors in left_factors] != [["lookup"]]:
        raise ModelError(
            f"The left side of {text!r} must be one column of the data, the outcome. "
            "Transform it beforehand if need be."
        )
    outcome = str(left_factors[0][0].expr)
    names: set[str] = set()
    learns = []
    for factor in dict.fromkeys(factor for term in terms for factor in term):
        if factor.eval_method.value == "python":
            read, stateful = _examine(str(factor.expr), text)
            names |= read
            learns += [str(factor.expr)] if stateful else []
        elif factor.eval_method.value == "lookup":
            names.add(str(factor.expr))
    if outcome in names:
        raise ModelError(f"The outcome {outcome!r} stands on both sides of {text!r}.")
    plain = all(
        [str(f.expr) for f in term] == ["1"] or all(f.eval_method.value == "lookup" for f in term)
        for term in terms
    )
    return ParsedFormula(text, outcome, right, frozenset(names), plain, tuple(learns))


def short(names: Iterable[object]) -> str:
    """The first names of many, for a message."""
    texts = [str(name) for name in names]
    more = f" and {len(texts) - 12} more" if len(texts) > 12 else ""
    return ", ".join(texts[:12]) + more


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _examine(expression: str, text: str) -> tuple[set[str], bool]:
    """Columns an expression reads, and whether it learns from the data."""
    quoted: list[str] = []

    def aside(match: re.Match[str]) -> str:
        quoted.append(match.group(1))
        return f"{_ASIDE}{len(quoted) - 1}"

    try:
        tree = ast.parse(_QUOTED.sub(aside, expression), mode="eval")
    except SyntaxError as error:
        raise ModelError(
            f"The formula {text!r} cannot be read: {expression!r} is no expression. Write it as "
            "outcome ~ term + term * term."
        ) from error
    called: set[ast.AST] = set()
    stateful = False
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            function = node.func
            called |= {function, *ast.walk(function)}
            stateful |= _refuse_call(function, expression, text)
        elif node not in called and not isinstance(node, (ast.Name, *_NODES)):
            _refuse(expression, text)
        elif isinstance(node, ast.BinOp) and not _is_bounded(node):
            _refuse(expression, text)
    names = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and n not in called}
    read = {
        quoted[int(name.removeprefix(_ASIDE))] if name.startswith(_ASIDE) else name
        for name in names
    }
    return read, stateful


def _is_bounded(node: ast.BinOp) -> bool:
    """Whether arithmetic stays as large as its columns."""
    for side in (node.left, node.right):
        text = isinstance(side, ast.Constant) and type(side.value) not in (int, float)
        if text or isinstance(side, (ast.List, ast.Tuple)):
            return False
    if not isinstance(node.op, ast.Pow):
        return True
    power = node.right.operand if isinstance(node.right, ast.UnaryOp) else node.right
    column = any(isinstance(inside, ast.Name) for inside in ast.walk(node.left))
    number = power.value if isinstance(power, ast.Constant) else None
    return column and isinstance(number, (int, float)) and abs(number) <= _SAFE_POWER


def _refuse_call(function: ast.AST, expression: str, text: str) -> bool:
    """Refuse a call outside the lists; say whether it learns from the data."""
    if isinstance(function, ast.Name) and function.id in STATELESS | STATEFUL:
        return function.id in STATEFUL
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
        if function.value.id == "np" and function.attr in NUMPY:
            return False
        if function.value.id == "contr" and function.attr in CODINGS:
            return True
    _refuse(expression, text)
    return False


def _refuse(expression: str, text: str) -> None:
    raise ModelError(
        f"The formula {text!r} cannot be read: {expression!r} calls or reaches what a formula may "
        f"not. It may call {', '.join(sorted(STATELESS | STATEFUL))} and np."
        f"{', np.'.join(sorted(NUMPY))}; compute anything else as a column of the data."
    )
