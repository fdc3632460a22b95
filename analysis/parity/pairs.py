"""Numbers of R's mmrm and ours side by side, by R's name of the entry that holds them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from analysis.errors import ModelError
from analysis.mmrm.inference import Covariance, DegreesOfFreedom
from analysis.mmrm.results import MMRMResults

Array = NDArray[np.float64]
Only = Sequence[str] | None
Entry = Mapping[str, Any]

# R's fits end with Newton steps; each file says at which gradient it stopped. A gradient of 1e-9 is
# 1e-9 off the optimum at most, so what is left is the rounding of R's arithmetic and of 15 digits.
AT_OPTIMUM = 1e-9
# (relative, absolute) by quantity. The promise is 1e-6 for estimates and standard errors, 1e-4 for
# degrees of freedom and 1e-6 for a log-likelihood; the optimum allows ten to a hundred times less.
TOLERANCE = {
    "estimate": (1e-7, 1e-9),
    "std_error": (1e-7, 0.0),
    "df": (1e-6, 0.0),
    # A statistic carries the errors of an estimate and of a standard error.
    "statistic": (1e-6, 1e-8),
    # A p-value magnifies errors of statistic and df; below 1e-12 no digit of it is of use.
    "p_value": (1e-5, 1e-12),
    "conf_low": (1e-6, 1e-8),
    "conf_high": (1e-6, 1e-8),
    "loglik": (0.0, 1e-7),
    # Elements of a covariance matrix, in shares of its standard deviations.
    "covariance": (0.0, 1e-7),
    "count": (0.0, 0.0),
    # How far R's own fit is from its optimum; the numbers above hold only where that is nothing.
    "gradient": (0.0, AT_OPTIMUM),
}
# R's column, ours.
COLUMNS = {
    "est": "estimate", "emmean": "estimate", "estimate": "estimate",
    "se": "std_error", "SE": "std_error", "df": "df",
    "t": "statistic", "t.ratio": "statistic", "p": "p_value", "p.value": "p_value",
    "lower": "conf_low", "lower.CL": "conf_low", "upper": "conf_high", "upper.CL": "conf_high",
}  # fmt: skip
_DF: dict[str, DegreesOfFreedom] = {
    "Satterthwaite": "satterthwaite", "Residual": "residual", "BetweenWithin": "between-within",
}  # fmt: skip
_SANDWICH: dict[str, Covariance] = {
    "Empirical": "CR0", "EmpiricalJackknife": "CR3", "EmpiricalBiasReduced": "CR2",
}  # fmt: skip
# R's name of a method: our df and vcov.
METHODS: dict[str, tuple[DegreesOfFreedom, Covariance]] = {
    **{name: (ours, "model") for name, ours in _DF.items()},
    "KenwardRoger": ("kenward-roger", "kenward-roger"),
    "KenwardRogerLinear": ("kenward-roger", "kenward-roger-linear"),
    **{
        f"{sandwich}_{name}": (ours, vcov)
        for sandwich, vcov in _SANDWICH.items()
        for name, ours in _DF.items()
    },
}
# Structures that are linear in their natural parameters: there the second-order term of Kenward and
# Roger is zero, and our default is what R calls linear (docs/methods.md section 5.3).
LINEAR = ("us", "cs", "toep")
# R's default keeps a second-order term in R's own parameters (logarithms of standard deviations,
# Cholesky elements, transformed correlations). No structure is linear in those, so its standard
# errors are R's alone; estimates and degrees of freedom do not depend on that term.
LOCATION = ("estimate", "df")


@dataclass(frozen=True, slots=True)
class Pair:
    """The same numbers, ours and theirs.

    Attributes
    ----------
    quantity : str
        In `TOLERANCE`.
    ours, theirs : ndarray
        Of one shape.
    """

    quantity: str
    ours: Array
    theirs: Array

    def differences(self) -> Array:
        """|ours − theirs| in the unit in which the tolerance of the quantity is one number.

        Where it is relative that is |ours − theirs| / (|theirs| + a), with a the size below which a
        number counts as zero; else |ours − theirs|.
        """
        relative, absolute = TOLERANCE[self.quantity]
        size = np.abs(self.theirs) + absolute / relative if relative else 1.0
        return np.abs(self.ours - self.theirs) / size

    @property
    def promised(self) -> float:
        """The bound on `differences`."""
        relative, absolute = TOLERANCE[self.quantity]
        return relative or absolute


def read(folder: Path, name: str) -> dict[str, Any]:
    """A reference file, by its name without ending."""
    return json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))


def r_name(name: str) -> str:
    """R's name of a coefficient; the parts of an interaction in alphabetical order."""
    plain = re.sub(r"\[T\.(.*?)\]", r"\1", name).replace("Intercept", "(Intercept)")
    return ":".join(sorted(plain.replace("((", "(").replace("))", ")").split(":")))


def asked(method: str, structure: str) -> list[tuple[str, Only]]:
    """Which entries of R a method of ours is compared with, and which of their columns."""
    if method != "KenwardRoger":
        return [(method, None)]
    linear: list[tuple[str, Only]] = [("KenwardRogerLinear", None)]
    return [(method, LOCATION), *(linear if structure in LINEAR else [])]


def pairs_of(
    fit: MMRMResults, name: str, value: Any, terms: Sequence[str], only: Only = None
) -> Iterator[Pair]:
    """Pairs of one entry.

    Parameters
    ----------
    fit : MMRMResults
    name : str
        In `QUANTITIES`.
    value : object
        What R says.
    terms : sequence of str
        R's names of the coefficients.
    only : sequence of str, optional
        Quantities to compare; all when left out.
    """
    empty = isinstance(value, dict) and value.get("L") == []
    return iter(()) if empty else QUANTITIES[name](fit, value, terms, only)


def matrix_pair(ours: pd.DataFrame, theirs: Entry, names: Sequence[str]) -> Pair:
    """Covariance matrices in shares of their standard deviations."""
    expected = np.array(theirs["values"], dtype=float)
    found = ours.loc[list(names), list(names)].to_numpy()
    spread = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    return Pair("covariance", found / spread, expected / spread)


def row_pairs(ours: pd.DataFrame, theirs: pd.DataFrame, only: Only) -> Iterator[Pair]:
    """Frames with the same index, every numeric column of R's (or those in `only`)."""
    rows = ours.loc[theirs.index]
    if len(rows) != len(theirs) or not set(theirs.columns) <= set(COLUMNS):
        raise ModelError(
            f"R has {len(theirs)} rows with {list(theirs.columns)}; ours are {len(rows)} rows. "
            "Compare tables of the same rows, in columns that are known."
        )
    for name in theirs.columns:
        if only is None or COLUMNS[name] in only:
            yield Pair(COLUMNS[name], _numbers(rows[COLUMNS[name]]), _numbers(theirs[name]))


def weights_of(
    fit: MMRMResults, rows: Sequence[Sequence[float]], terms: Sequence[str]
) -> Array:
    """R's contrasts in the order of our coefficients."""
    place = {name: k for k, name in enumerate(fit.params.index)}
    named = terms_by_r_name(fit)
    matrix = np.zeros((len(rows), len(place)))
    matrix[:, [place[named[r_name(term)]] for term in terms]] = rows
    return matrix


def terms_by_r_name(fit: MMRMResults) -> dict[str, str]:
    """Our coefficient for each of R's names."""
    return {r_name(name): name for name in fit.params.index}


def _numbers(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64)


def _coefficients(fit: MMRMResults, rows: Any, terms: Sequence[str], only: Only) -> Iterator[Pair]:
    theirs = pd.DataFrame(rows).assign(term=lambda t: t["term"].map(r_name)).set_index("term")
    ours = fit.tidy().assign(term=lambda t: t["term"].map(r_name)).set_index("term")
    yield from row_pairs(ours, theirs, only)


def _cov_params(fit: MMRMResults, matrix: Any, terms: Sequence[str], only: Only) -> Iterator[Pair]:
    if only is None:
        named = terms_by_r_name(fit)
        names = [named[r_name(term)] for term in matrix["rownames"]]
        yield matrix_pair(fit.cov_params(), matrix, names)


def _one_contrast(
    fit: MMRMResults, expected: Any, terms: Sequence[str], only: Only
) -> Iterator[Pair]:
    table = fit.contrast(weights_of(fit, [expected["L"]], terms), names=["one"])
    theirs = {name: value for name, value in expected.items() if name in COLUMNS}
    ours = table.frame.set_index("contrast")
    yield from row_pairs(ours, pd.DataFrame([theirs], index=["one"]), only)


def _joint_test(
    fit: MMRMResults, expected: Any, terms: Sequence[str], only: Only
) -> Iterator[Pair]:
    test = fit.wald_test(weights_of(fit, expected["L"], terms))
    yield Pair("count", _numbers(test.num_df), _numbers(expected["num_df"]))
    yield Pair("df", _numbers(test.denom_df), _numbers(expected["denom_df"]))
    if only is None:
        yield Pair("statistic", _numbers(test.statistic), _numbers(expected["F"]))
        yield Pair("p_value", _numbers(test.p_value), _numbers(expected["p"]))


def _lsmeans(fit: MMRMResults, cells: Any, terms: Sequence[str], only: Only) -> Iterator[Pair]:
    theirs = pd.DataFrame(cells["means"])
    factors = [name for name in theirs.columns if name not in COLUMNS]
    arm, by = factors[0], factors[1:]
    means = fit.lsmeans(arm, by=by or None, weights=cells["weights"])
    # The means as contrasts: there they have statistics and p-values too.
    tested = fit.contrast(means.matrix).frame
    keys = {name: means.frame[name].astype(str).to_numpy() for name in factors}
    yield from row_pairs(tested.assign(**keys).set_index(factors), theirs.set_index(factors), only)
    differences = pd.DataFrame(cells["contrasts"]).set_index(["contrast", *by])
    table = means.contrast("comparator", comparator=keys[arm][0]).frame
    table = table.astype(dict.fromkeys(by, str)).set_index(["contrast", *by])
    yield from row_pairs(table, differences, only)


def _criterion(of: Callable[[MMRMResults], float], twice: bool) -> Callable[..., Iterator[Pair]]:
    """A criterion is twice a log-likelihood and carries twice its error."""
    share = 0.5 if twice else 1.0

    def pairs(fit: MMRMResults, value: Any, terms: Sequence[str], only: Only) -> Iterator[Pair]:
        yield Pair("loglik", _numbers(share * of(fit)), _numbers(share * value))

    return pairs


def _count(of: Callable[[MMRMResults], int]) -> Callable[..., Iterator[Pair]]:
    def pairs(fit: MMRMResults, value: Any, terms: Sequence[str], only: Only) -> Iterator[Pair]:
        yield Pair("count", _numbers(of(fit)), _numbers(value))

    return pairs


def _gradient(fit: MMRMResults, value: Any, terms: Sequence[str], only: Only) -> Iterator[Pair]:
    yield Pair("gradient", np.zeros(()), _numbers(value))


def _estimates(fit: MMRMResults, values: Any, terms: Sequence[str], only: Only) -> Iterator[Pair]:
    named = terms_by_r_name(fit)
    ours = fit.params.loc[[named[r_name(term)] for term in terms]]
    yield Pair("estimate", _numbers(ours), _numbers(values))


def _varcor(fit: MMRMResults, theirs: Any, terms: Sequence[str], only: Only) -> Iterator[Pair]:
    groups = {None: theirs} if "values" in theirs else theirs
    matrices = fit.covariance
    ours = matrices if isinstance(matrices, dict) else {None: matrices}
    for group, matrix in groups.items():
        named = ours[group].rename(index=str, columns=str)
        yield matrix_pair(named, matrix, matrix["rownames"])


# What is compared, by R's name for it in any of the files.
QUANTITIES: dict[str, Callable[..., Iterator[Pair]]] = {
    "logLik": _criterion(lambda fit: fit.llf, twice=False),
    "deviance": _criterion(lambda fit: -2 * fit.llf, twice=True),
    "AIC": _criterion(lambda fit: fit.aic, twice=True),
    "AICc": _criterion(lambda fit: fit.aicc, twice=True),
    "BIC": _criterion(lambda fit: fit.bic, twice=True),
    "n_obs": _count(lambda fit: fit.nobs),
    "n_subjects": _count(lambda fit: fit.n_subjects),
    "n_theta": _count(lambda fit: fit.n_cov_params),
    "n_beta": _count(lambda fit: int(fit.params.notna().sum())),
    "max_abs_gradient": _gradient,
    "coef": _estimates,
    "varcor": _varcor,
    "beta_vcov_asymptotic": _cov_params,
    "coefficients": _coefficients,
    "beta_vcov": _cov_params,
    "contrast": _one_contrast,
    "F_interaction": _joint_test,
    "F_arm_all_visits": _joint_test,
    "emmeans_equal": _lsmeans,
    "emmeans_proportional": _lsmeans,
    "emmeans_arm_average_equal": _lsmeans,
}
