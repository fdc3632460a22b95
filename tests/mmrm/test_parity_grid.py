"""No reference case vanishes: each is asked for by a test, or left out by name."""

from __future__ import annotations

from pathlib import Path

import pytest
import test_parity_fits as fits
import test_parity_structures as structures
from parity import LEFT_OUT, LINEAR, LOCATION, QUANTITIES, REFERENCE, counted, numbers, read

# Files that other tests read: imputation of missing visits.
OTHER_TESTS = ("own_pain150_rbmi",)
RELIEF = {f"own_pain150_relief_{method}" for method in fits.RELIEF}
ORDINARY_RUN = "mmrm_fev_us_default_tolerance"
OWN_FITS = {*fits.PAIN_FITS}
BESIDE_FITS = {*fits.FEV_FITS, "mmrm_bcva_us_reml"}
# Numbers compared with R in fits and structures, as counted in the files.
COMPARED_OWN = 39_089
COMPARED_BESIDE = 43_369


def _names(folder: Path, pattern: str) -> set[str]:
    return {path.stem for path in folder.glob(pattern)} - set(OTHER_TESTS)


def _own_structures() -> set[str]:
    return {name for name in structures.FILES if name.startswith("own")}


def _methods_asked(name: str) -> tuple[str, ...]:
    if name == "mmrm_bcva_us_reml":
        return fits.BCVA_METHODS
    return {**fits.PAIN_FITS, **fits.FEV_FITS}[name][1]


def _counted_methods(methods: dict, structure: str) -> int:
    count = 0
    for name, entry in methods.items():
        count += counted(entry, LOCATION if name == "KenwardRoger" else None)
        if name == "KenwardRoger" and structure in LINEAR:
            count += counted(methods["KenwardRogerLinear"])
    return count


def _every_quantity_is_known(entry: dict, elsewhere: tuple[str, ...] = ()) -> None:
    unknown = set(entry) - set(QUANTITIES) - set(LEFT_OUT) - set(elsewhere)
    assert not unknown


def _guard_fit(name: str, folder: Path) -> int:
    reference = read(name, folder)
    elsewhere = fits.BCVA_ELSEWHERE if name == "mmrm_bcva_us_reml" else ()
    _every_quantity_is_known(reference, elsewhere)
    assert set(reference["methods"]) == set(_methods_asked(name))
    for entry in reference["methods"].values():
        _every_quantity_is_known(entry)
    for extra in elsewhere:
        assert extra in reference
    if elsewhere:
        assert set(reference[elsewhere[0]]) == set(fits.BCVA_SANDWICH)
    return counted(reference) + _counted_methods(reference["methods"], "us")


def _guard_structures(name: str, folder: Path) -> int:
    reference = read(name, folder)["fits"]
    asked = {f"{s}_{k}" for file, s, k in structures.CASES if file == name}
    outside = {f"{s}_{k}" for s in structures.OWN_TIMES for k in structures.LIKELIHOODS}
    assert asked <= set(reference) <= asked | outside
    count = 0
    for case in asked:
        entry = reference[case]
        _every_quantity_is_known(entry, structures.NATURAL)
        assert set(entry["methods"]) == set(structures.METHODS_BY[case.rsplit("_", 1)[1]])
        for method in entry["methods"].values():
            _every_quantity_is_known(method)
        count += counted(entry) + _counted_methods(entry["methods"], entry["structure"])
        count += numbers(entry["natural_parameters"])
    return count


def test_every_number_that_ships_with_these_tests_is_asked_for():
    assert _names(REFERENCE, "own_*.json") == OWN_FITS | _own_structures() | RELIEF
    count = sum(_guard_fit(name, REFERENCE) for name in OWN_FITS)
    count += sum(_guard_structures(name, REFERENCE) for name in _own_structures())
    assert count == COMPARED_OWN


def test_every_number_beside_the_project_is_asked_for(shared_reference):
    beside = set(structures.FILES) - _own_structures()
    assert _names(shared_reference, "mmrm_*.json") == BESIDE_FITS | beside | {ORDINARY_RUN}
    assert _names(shared_reference, "own_*.json") == OWN_FITS | _own_structures() | RELIEF
    count = sum(_guard_fit(name, shared_reference) for name in BESIDE_FITS)
    count += sum(_guard_structures(name, shared_reference) for name in beside)
    assert count == COMPARED_BESIDE


def test_the_ordinary_run_holds_what_is_compared_with_it(shared_reference):
    assert set(read(ORDINARY_RUN, shared_reference)) - set(LEFT_OUT) == {
        "logLik_default", "logLik_tight", "max_abs_gradient_default", "max_abs_gradient_tight",
        "coefficients_default_Satterthwaite", "coefficients_default_KenwardRoger",
        "varcor_default", "max_diff_est_in_se", "max_rel_diff_se", "max_rel_diff_df",
        "max_rel_diff_se_kr", "max_rel_diff_df_kr",
    }  # fmt: skip


@pytest.mark.parametrize("name", sorted({*OWN_FITS, *_own_structures(), *RELIEF}))
def test_what_ships_is_what_r_gave(shared_reference, name):
    shipped, made = (folder / f"{name}.json" for folder in (REFERENCE, shared_reference))
    assert shipped.read_bytes() == made.read_bytes()
