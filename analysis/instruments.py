"""Instruments: what a score can be, which way is better, and what change is worth having.

The registry holds common pain and function instruments with their minimal important change (MIC,
within a person) and its source. A study file may add its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from analysis.schema import Direction

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=400)]


class Instrument(BaseModel):
    """A way to measure an outcome.

    Attributes
    ----------
    key : str
        Short name that study files use.
    low, high : float
        Ends of the range a score can take; a value outside is a finding.
    direction : {"lower_is_better", "higher_is_better"}
        Declared once, here; relief is turned so that positive is better.
    minimal_important_change : float or None
        Change within a person that is worth having, in units of the instrument; None where no
        source gives one. Not a threshold for differences between groups.
    citation : str
        Source of the minimal important change, or of the instrument.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    key: _Text
    name: _Text
    low: float
    high: float
    unit: _Text = "points"
    direction: Direction
    minimal_important_change: Annotated[float, Field(gt=0)] | None = None
    citation: str = ""


_OSTELO = "Ostelo 2008, Spine, doi:10.1097/BRS.0b013e31815e3a10"
_DWORKIN = "Dworkin 2008, J Pain, doi:10.1016/j.jpain.2007.09.005"
_NONE = "No minimal important change is given: none was found in a source that was read."
_PEG = (
    "No single minimal important change is given: most anchor-based estimates are 1.0 to 1.75 "
    "(Reed 2024, J Pain, doi:10.1016/j.jpain.2023.07.028)."
)
_INTERFERENCE = (
    "No single minimal important change is given: estimates in people with pain are 2 to 3 T score "
    "points (Chen 2018, J Pain, Estimating minimally important differences for the PROMIS pain "
    "interference scales)."
)


def _instrument(
    key: str, name: str, low: float, high: float, change: float | None, citation: str, **more: str
) -> Instrument:
    return Instrument.model_validate(
        {"key": key, "name": name, "low": low, "high": high, "direction": "lower_is_better",
         "minimal_important_change": change, "citation": citation, **more}
    )  # fmt: skip


def _promis(domain: str, citation: str = _NONE, **more: str) -> Instrument:
    """T scores have mean 50 and standard deviation 10; four of them bound what tables hold."""
    key = f"PROMIS_{domain.upper().replace(' ', '_')}"
    name = f"PROMIS {domain}, T score"
    return _instrument(key, name, 10, 90, None, citation, unit="T score points", **more)


_REGISTERED = (
    _instrument("NRS", "Numerical rating scale of pain", 0, 10, 2, _OSTELO),
    _instrument("VAS10", "Visual analogue scale of pain, 0 to 10", 0, 10, 1.5, _OSTELO, unit="cm"),
    _instrument(
        "VAS100", "Visual analogue scale of pain, 0 to 100", 0, 100, 15, _OSTELO, unit="mm"
    ),
    _instrument("RMDQ", "Roland-Morris Disability Questionnaire", 0, 24, 5, _OSTELO),
    _instrument("ODI", "Oswestry Disability Index", 0, 100, 10, _OSTELO),
    _instrument("BPI_INTENSITY", "Brief Pain Inventory, intensity", 0, 10, None, _NONE),
    _instrument("BPI_INTERFERENCE", "Brief Pain Inventory, interference", 0, 10, 1, _DWORKIN),
    _instrument("PEG", "Pain, enjoyment of life and general activity", 0, 10, None, _PEG),
    _promis("pain interference", _INTERFERENCE),
    _promis("physical function", direction="higher_is_better"),
    _promis("anxiety"),
    _promis("depression"),
    _promis("sleep disturbance"),
    _instrument(
        "SF36_PAIN", "SF-36 bodily pain", 0, 100, None, _NONE, direction="higher_is_better"
    ),
    _instrument(
        "HEADACHE", "Headache score: severity 0 to 5 four times a day, summed over a week", 0, 140,
        None, _NONE,
    ),
)  # fmt: skip

INSTRUMENTS: Mapping[str, Instrument] = MappingProxyType({i.key: i for i in _REGISTERED})


def find_instrument(key: str, own: Sequence[Instrument] = ()) -> Instrument:
    """Look an instrument up: one that the study defines itself, or else a registered one.

    Parameters
    ----------
    key : str
        As measures name it, for example "NRS".
    own : sequence of Instrument
        `study.instruments`; one of these takes the place of a registered one with its key.

    Raises
    ------
    KeyError
        No such instrument; the message lists those there are.
    """
    known = {**INSTRUMENTS, **{instrument.key: instrument for instrument in own}}
    if key not in known:
        raise KeyError(f"instrument {key!r} is not known; there are {', '.join(known)}")
    return known[key]
