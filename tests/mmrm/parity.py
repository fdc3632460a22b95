"""Results of R's mmrm compared with a fit number by number, so that none can vanish."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from analysis.parity import pairs
from analysis.parity.pairs import (
    COLUMNS,
    LINEAR,
    LOCATION,
    METHODS,
    QUANTITIES,
    TOLERANCE,
    r_name,
    weights_of,
)  # fmt: skip

__all__ = ["COLUMNS", "LINEAR", "LOCATION", "QUANTITIES", "REFERENCE", "weights_of"]

REFERENCE = Path(__file__).parents[1] / "reference"
# Compared only where all columns of an entry are: a matrix has none.
WHOLE_MATRICES = ("beta_vcov", "beta_vcov_asymptotic")
# What is not compared here, and why.
LEFT_OUT = {
    "theta_est": "R's own parameters of the covariance matrix, which is compared itself",
    "theta_vcov": "their covariance; every df above depends on it",
    "anova_type_II": "tests of terms are compared with R and SAS where they are made",
    "anova_type_III": "tests of terms are compared with R and SAS where they are made",
    "title": "words", "versions": "words", "data": "words", "formula": "words", "reml": "set",
    "coef_names": "the names of the coefficients, used to read every other entry",
    "weights_column": "set", "structure": "set", "time": "set", "group": "set",
    "method": "set", "vcov": "set", "methods": "entries with numbers of their own",
}  # fmt: skip


def read(name: str, folder: Path = REFERENCE) -> dict[str, Any]:
    """A reference file, by its name without ending."""
    return pairs.read(folder, name)


def close(ours: ArrayLike, theirs: ArrayLike, quantity: str, what: str = "") -> int:
    """Assert that numbers agree as closely as their quantity must; the count of numbers."""
    relative, absolute = TOLERANCE[quantity]
    expected = np.asarray(theirs, dtype=float)
    found = np.asarray(ours, dtype=float)
    assert found.shape == expected.shape, what
    np.testing.assert_allclose(
        found, expected, rtol=relative, atol=absolute, err_msg=f"{what} {quantity}"
    )
    return expected.size


def close_rows(ours: pd.DataFrame, theirs: pd.DataFrame, only: Sequence[str] | None) -> int:
    """Compare frames with the same index, every numeric column of R's (or those in `only`)."""
    what = str(list(theirs.index)[:3])
    found = list(pairs.row_pairs(ours, theirs, only))
    assert found
    return sum(close(pair.ours, pair.theirs, pair.quantity, what) for pair in found)


def check_shape(fit: Any, name: str, value: Any, terms: Sequence[str]) -> None:
    """What R says has the shape that is compared: the same rows, columns and names as ours."""
    if name == "max_abs_gradient":
        assert fit.converged
        assert value >= 0
    elif name == "coefficients":
        assert {r_name(row["term"]) for row in value} == set(map(r_name, fit.params.index))
    elif name in WHOLE_MATRICES:
        assert value["rownames"] == value["colnames"] == list(terms)
    elif name == "contrast":
        assert set(value) - set(COLUMNS) <= {"L", "contrast"}
    elif name.startswith("F_"):
        assert set(value) == {"L", "num_df", "denom_df", "F", "p"}
    elif name == "varcor":
        groups, ours = ([value], [fit.covariance]) if "values" in value else (
            list(value.values()), list(fit.covariance.values())
        )  # fmt: skip
        assert "values" in value or list(fit.covariance) == list(value)
        for matrix, own in zip(groups, ours, strict=True):
            assert list(map(str, own.columns)) == matrix["colnames"] == matrix["rownames"]
    elif name.startswith("emmeans"):
        check_lsmeans(fit, value)


def check_lsmeans(fit: Any, cells: Mapping[str, Any]) -> None:
    """LS means are what they are as contrasts, which is where they have statistics and p-values."""
    factors = [name for name in pd.DataFrame(cells["means"]).columns if name not in COLUMNS]
    means = fit.lsmeans(factors[0], by=factors[1:] or None, weights=cells["weights"])
    tested = fit.contrast(means.matrix).frame
    for name in ("estimate", "std_error", "df", "conf_low", "conf_high"):
        np.testing.assert_allclose(means.frame[name], tested[name], rtol=1e-10)
    differences = means.contrast("comparator", comparator=str(means.frame[factors[0]].iloc[0]))
    assert len(differences.frame) == len(cells["contrasts"])


def numbers(value: object, only: Sequence[str] | None = None) -> int:
    """How many numbers an entry holds; where only some columns are compared, how many of those."""
    if isinstance(value, dict):
        if value.get("L") == []:
            return 0
        return sum(
            numbers(part, only)
            for name, part in value.items()
            if name != "L" and (only is None or isinstance(part, list) or _in(name, only))
        )
    if isinstance(value, list):
        return sum(numbers(part, only) for part in value)
    return int(isinstance(value, int | float) and not isinstance(value, bool))


def _in(name: str, only: Sequence[str]) -> bool:
    return COLUMNS.get(name, name) in (*only, "num_df", "denom_df")


def counted(
    entry: Mapping[str, Any], only: Sequence[str] | None = None, elsewhere: Sequence[str] = ()
) -> int:
    """How many numbers of an entry are compared."""
    return sum(
        numbers(value, only)
        for name, value in entry.items()
        if name in QUANTITIES and name not in elsewhere and not (only and name in WHOLE_MATRICES)
    )


def check_entry(
    fit: Any,
    entry: Mapping[str, Any],
    terms: Sequence[str],
    only: Sequence[str] | None = None,
    elsewhere: Sequence[str] = (),
) -> int:
    """Compare every quantity of an entry; the count of numbers compared.

    A quantity that is neither compared nor left out by name is an error, and so is a number that
    the file holds and no check looked at: none can vanish.
    """
    assert len({r_name(name) for name in fit.params.index}) == len(fit.params)
    count = 0
    for name, value in entry.items():
        if name in QUANTITIES and name not in elsewhere:
            check_shape(fit, name, value, terms)
            for pair in pairs.pairs_of(fit, name, value, terms, only):
                count += close(pair.ours, pair.theirs, pair.quantity, name)
        else:
            assert name in LEFT_OUT or name in elsewhere, f"{name} is compared nowhere"
    assert count == counted(entry, only, elsewhere)
    return count


def check_method(model: Any, methods: Mapping[str, Any], name: str, terms, structure: str) -> int:
    """Fit with the options that R calls `name` and compare all that R says."""
    df, vcov = METHODS[name]
    fit = model.fit(df=df, vcov=vcov)
    return sum(
        check_entry(fit, methods[entry], terms, only=only)
        for entry, only in pairs.asked(name, structure)
    )
