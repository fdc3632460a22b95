"""The published table of times, and the rule by which peers agree."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from cases import CASES, PEERS, case_named
from clock import Measured
from peers import agreement
from trials import parts, trial

README = (Path(__file__).parent / "README.md").read_text(encoding="utf-8")
OURS = Measured(1.0, 1.0, None, -100.0, (1.0, 2.0), (0.5, 0.5))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_every_row_of_ours_is_published(case):
    rows = [line for line in README.splitlines() if line.startswith(f"| {case.label} | ")]
    assert len([row for row in rows if row.count("|") == 7]) == 1


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: f"{peer.call}-{peer.against}")
def test_every_peer_is_published_beside_the_row_it_is_compared_with(peer):
    assert f"| {case_named(peer.against).label} | {peer.program}: {peer.label} | " in README


def test_a_peer_with_the_same_numbers_agrees():
    assert agreement(OURS, replace(OURS, llf=-100.0005)).startswith("same")


@pytest.mark.parametrize(
    "changed",
    [{"llf": -100.1}, {"llf": float("nan")}, {"estimates": (1.0, 2.1)}, {"errors": (0.5, 0.6)},
     {"estimates": (1.0, float("nan"))}, {"estimates": (float("nan"), 2.0)},
     {"estimates": (1.0,), "errors": (0.5,)}],
    ids=lambda changed: ", ".join(f"{name}={value}" for name, value in changed.items()),
)  # fmt: skip
def test_a_peer_with_other_numbers_is_a_mismatch(changed):
    assert agreement(OURS, replace(OURS, **changed)).startswith("MISMATCH")


def test_a_trial_in_parts_has_every_patient_once():
    frames = list(parts(120_000))
    patients = [patient for frame in frames for patient in frame["id"].unique()]
    assert patients == list(range(120_000))
    assert list(frames[0].columns) == list(trial(3).columns)
