"""The number needed to treat, with an interval that says so when it may be harm."""

from __future__ import annotations

import math

# Share of a number below which a difference counts as none.
NOTHING = 1e-12


def number_needed(
    difference: float, low: float, high: float
) -> dict[str, float | str]:
    """Patients to treat for one responder more (positive) or one fewer (negative).

    Where the interval of the difference holds 0 the set of numbers has two parts, from benefit
    (NNTB) through infinity to harm (NNTH): every number from `conf_low` on, and every one up to
    the negative `conf_high`, as in a result frame's other complements.

    Parameters
    ----------
    difference, low, high : float
        Difference of proportions and its interval, positive when the therapy is better.

    Returns
    -------
    dict
        `estimate`, `conf_low`, `conf_high`, `method`, `note` of a result frame; the note has the
        interval in words.

    References
    ----------
    Altman 1998, BMJ 317:1309.
    """
    if math.isnan(difference):
        return {}
    estimate = _reciprocal(difference)
    told = {} if math.isinf(estimate) else {"estimate": estimate}
    if math.isnan(low) or math.isnan(high):
        return {**told, "note": "no interval of the difference"}
    first, last = _reciprocal(low), _reciprocal(high)
    if low * high > 0:
        ends = sorted((first, last), key=abs)
        words = " to ".join(_name(end) for end in ends)
        return {**told, "conf_low": min(ends), "conf_high": max(ends), "note": words}
    parts = [_name(last)] if high > NOTHING else []
    parts += ["∞"] + ([_name(first)] if low < -NOTHING else [])
    limits = {
        name: end for name, end in (("conf_low", last), ("conf_high", first)) if math.isfinite(end)
    }
    note = " to ".join(parts)
    note = f"no difference; {note}" if math.isinf(estimate) else note
    return {**told, **limits, "method": "complement", "note": note}


def _reciprocal(difference: float) -> float:
    return 1 / difference if abs(difference) > NOTHING else math.inf


def _name(number: float) -> str:
    kind = "NNTB" if number > 0 else "NNTH"
    return f"{kind} {abs(number):.1f}"
