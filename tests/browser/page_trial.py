"""A simulated trial small enough to be analysed while a browser waits, with words that try to do harm."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from analysis.simulate import bundled_scenario, simulate, write_trial

HOSTILE = "Massage <img src='https://example.org/seen.png' onerror='alert(1)'>"
LONG = "Acupuncture with dry cupping, and exercise at home twice a week"
TITLE = "Three therapies <script>document.title = 'changed'</script> for low back pain"
PATIENTS_AN_ARM = 20


def write_page_trial(folder: Path) -> Path:
    """Write a trial of three therapies at four visits; its study file."""
    whole = bundled_scenario()
    usual, _, _, _, _, massage, both, _ = whole.treatments
    few = replace(
        whole, title=TITLE, per_arm=PATIENTS_AN_ARM, weeks=(0.0, 4.0, 12.0, 52.0),
        treatments=(usual, replace(massage, label=HOSTILE), replace(both, label=LONG)),
        companions=whole.companions[:1],
    )  # fmt: skip
    write_trial(simulate(few, seed=3), folder)
    return folder / "study.yml"
