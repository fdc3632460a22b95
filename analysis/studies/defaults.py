"""What a study file need not say: the columns of CDISC ADaM, and the only measure being primary."""

from __future__ import annotations

from typing import Any


def with_defaults(content: dict[str, Any]) -> dict[str, Any]:
    """Content of a study file with what is left out and obvious filled in."""
    content = dict(content)
    measures = content.get("measures")
    if isinstance(measures, list) and len(measures) == 1 and isinstance(measures[0], dict):
        content["measures"] = [{"primary": True, **measures[0]}]
    if content.get("layout") == "adam":
        content = _adam(content)
    return content


def _adam(content: dict[str, Any]) -> dict[str, Any]:
    """Column names of ADSL and BDS data sets (CDISC ADaM Implementation Guide)."""
    content.setdefault("patient", "USUBJID")
    content.setdefault("measure_column", "PARAMCD")
    if isinstance(content.get("therapy"), dict):
        content["therapy"] = {"column": "TRT01P", **content["therapy"]}
    if isinstance(content.get("visits"), dict):
        content["visits"] = {"column": "AVISIT", **content["visits"]}
    if isinstance(content.get("measures"), list):
        content["measures"] = [
            {"column": "AVAL", **measure} if isinstance(measure, dict) else measure
            for measure in content["measures"]
        ]
    return content
