"""Every covariance structure against R's mmrm: plain, grouped and weighted, REML and ML."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest
from parity import check_entry, check_method, close, read
from reference_models import FEV, PAIN, fev, pain150

from analysis.mmrm import MMRM

WITHOUT_DISTANCE = ("us", "cs", "csh", "ar1", "ar1h", "toep", "toeph", "ad", "adh")
# Scheduled times; R's coordinate is the column VISITN (fev) or week (pain150), constants by visit.
SPATIAL = ("sp_exp", "sp_gau")
# Two coordinates, VISITN and VISITN2. VISITN2 is a random number of each row: no schedule has it,
# so the covariance differs by patient and no statistics by pattern suffice (methods: section 1.4).
OWN_TIMES = ("sp_exp__2d", "sp_gau__2d")
LIKELIHOODS = ("REML", "ML")
REML_METHODS = ("Satterthwaite", "KenwardRoger", "KenwardRogerLinear", "Empirical_Satterthwaite")
# Kenward and Roger's method is for REML.
METHODS_BY = {"REML": REML_METHODS, "ML": ("Satterthwaite", "Empirical_Satterthwaite")}
FILES = {
    "mmrm_fev_structures": ({}, (*WITHOUT_DISTANCE, *SPATIAL)),
    "mmrm_fev_structures_grouped": ({"grouped": True}, (*WITHOUT_DISTANCE, "sp_exp")),
    "mmrm_fev_structures_weighted": ({"weighted": True}, (*WITHOUT_DISTANCE, "sp_exp")),
    "own_pain150_structures": ({}, (*WITHOUT_DISTANCE, *SPATIAL)),
}
CASES = [
    (file, structure, likelihood)
    for file, (_, structures) in FILES.items()
    for structure in structures
    for likelihood in LIKELIHOODS
]
# Compared by functions of their own below.
NATURAL = ("natural_parameters",)


@pytest.fixture(scope="module")
def structured(request):
    """Model and reference entry by file, structure and likelihood."""

    @cache
    def data(file: str) -> pd.DataFrame:
        return pain150() if file.startswith("own") else fev(request.getfixturevalue("shared_data"))

    @cache
    def reference(file: str) -> dict:
        if file.startswith("own"):
            return read(file)
        return read(file, request.getfixturevalue("shared_reference"))

    @cache
    def model(file: str, structure: str, likelihood: str) -> tuple[MMRM, dict]:
        study = PAIN if file.startswith("own") else FEV
        entry = reference(file)["fits"][f"{structure}_{likelihood}"]
        assert reference(file)["mean_model"] == study.formula
        reml = likelihood == "REML"
        options = FILES[file][0]
        fitted = study.model(data(file), structure, reml=reml, **options)
        assert (entry["structure"], entry["reml"]) == (structure, reml)
        assert bool(entry["group"]) == ("grouped" in options)
        assert entry["time"] == _time_column(study, structure)
        return fitted, entry

    return model


def _time_column(study, structure: str) -> str:
    if structure in SPATIAL:
        return "week" if study is PAIN else "VISITN"
    return study.visit


def _terms(entry: dict) -> list[str]:
    return [row["term"] for row in entry["methods"]["Satterthwaite"]["coefficients"]]


def _by_group(entry: dict) -> list[tuple[str | None, dict, dict]]:
    """Group, matrix and natural parameters of R."""
    if entry["group"] is None:
        return [(None, entry["varcor"], entry["natural_parameters"])]
    groups = list(entry["varcor"])
    parameters = entry["natural_parameters"]
    return [(g, entry["varcor"][g], p) for g, p in zip(groups, parameters, strict=True)]


def _matrix(fit, group: str | None) -> np.ndarray:
    return (fit.covariance if group is None else fit.covariance[group]).to_numpy()


def _distances(file: str, structure: str) -> np.ndarray:
    times = np.array(list((PAIN if file.startswith("own") else FEV).times.values()), dtype=float)
    apart = np.abs(np.subtract.outer(times, times))
    return apart**2 if structure == "sp_gau" else apart


def _lag_products(rho: np.ndarray) -> np.ndarray:
    """Correlations of an antedependent process: products of the steps between two visits."""
    m = len(rho) + 1
    found = np.eye(m)
    for j in range(m):
        for k in range(j):
            found[j, k] = found[k, j] = np.prod(rho[k:j])
    return found


def _rebuilt(natural: dict, structure: str, apart: np.ndarray) -> np.ndarray:
    """Σ from R's natural parameters, by the definition of the structure."""
    m = len(apart)
    rho, spread = np.atleast_1d(natural["rho"]), np.broadcast_to(natural["sd"], m)
    lags = np.abs(np.subtract.outer(np.arange(m), np.arange(m)))
    if structure in SPATIAL:
        # Here the file's `sd` is the variance: its matrix has that number on the diagonal.
        return natural["sd"] * rho[0] ** apart
    correlation = {
        "cs": lambda: np.where(lags == 0, 1.0, rho[0]),
        "ar1": lambda: rho[0] ** lags,
        "toep": lambda: np.concatenate([[1.0], rho])[lags],
        "ad": lambda: _lag_products(rho),
    }[structure.removesuffix("h")]()
    return np.outer(spread, spread) * correlation


def _sas_parameters(natural: dict, structure: str, matrix: np.ndarray) -> list[float]:
    """SAS's parameters of a matrix, in any order (methods: section 4)."""
    if structure == "us":
        return list(matrix[np.tril_indices(len(matrix))])
    variance = list(np.atleast_1d(natural["sd"]) ** (1 if structure in SPATIAL else 2))
    rho = list(np.atleast_1d(natural["rho"]))
    if structure == "cs":
        return [variance[0] * rho[0], variance[0] * (1 - rho[0])]
    if structure == "toep":
        return [variance[0], *(variance[0] * r for r in rho)]
    return variance + rho


@pytest.mark.parametrize(("file", "structure", "likelihood"), CASES)
def test_a_structure_fits_as_in_r(structured, file, structure, likelihood):
    model, entry = structured(file, structure, likelihood)
    fit = model.fit()
    spatial = structure in SPATIAL
    # For a spatial structure R prints the matrix of two visits one unit of time apart.
    elsewhere = (*NATURAL, "varcor") if spatial else NATURAL
    check_entry(fit, entry, _terms(entry), elsewhere=elsewhere)
    apart = _distances(file, structure)
    for group, matrix, natural in _by_group(entry):
        printed = np.array(matrix["values"])
        if structure == "us":
            assert natural == {"note": "see varcor"}
            continue
        expected = _rebuilt(natural, structure, apart)
        if spatial:
            unit = natural["sd"] * np.array([[1, natural["rho"]], [natural["rho"], 1]])
            close(printed / natural["sd"], unit / natural["sd"], "covariance")
        spread = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
        close(_matrix(fit, group) / spread, expected / spread, "covariance", structure)


@pytest.mark.parametrize(("file", "structure", "likelihood"), CASES)
def test_a_structure_reports_the_parameters_of_sas(structured, file, structure, likelihood):
    model, entry = structured(file, structure, likelihood)
    fit = model.fit()
    expected = [
        value
        for _, matrix, natural in _by_group(entry)
        for value in _sas_parameters(natural, structure, np.array(matrix["values"]))
    ]
    assert len(fit.covariance_params) == entry["n_theta"] == len(expected)
    np.testing.assert_allclose(
        np.sort(fit.covariance_params.to_numpy()), np.sort(expected), rtol=1e-6, atol=1e-6
    )


@pytest.mark.parametrize(
    ("file", "structure", "likelihood", "method"),
    [(*case, method) for case in CASES for method in METHODS_BY[case[2]]],
)
def test_a_structure_has_the_standard_errors_and_df_of_r(
    structured, file, structure, likelihood, method
):
    model, entry = structured(file, structure, likelihood)
    check_method(model, entry["methods"], method, _terms(entry), structure)


def test_no_structure_is_linear_in_the_parameters_of_r(structured):
    """Why R's default Kenward-Roger errors are R's alone: the second-order term never vanishes."""
    for file, structure, likelihood in CASES:
        if likelihood == "REML" and file.startswith("own"):
            methods = structured(file, structure, likelihood)[1]["methods"]
            default, linear = (
                methods[name]["contrast"]["se"] for name in ("KenwardRoger", "KenwardRogerLinear")
            )
            assert abs(default / linear - 1) > 1e-4, structure


def test_visit_times_that_differ_by_patient_are_no_schedule(shared_data):
    data = fev(shared_data)
    assert (data.groupby("AVISIT")["VISITN"].nunique() == 1).all()
    assert (data.groupby("AVISIT")["VISITN2"].nunique() > 1).all()
