"""The printed summary of a fit: the same every time, in text and in HTML."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from analysis.mmrm.results import MMRMResults


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary that prints in a terminal and shows as HTML in a notebook."""

    head: tuple[tuple[str, str], ...]
    coefficients: pd.DataFrame
    covariance: pd.DataFrame
    notes: tuple[str, ...]

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.head)
        lines = ["Mixed model for repeated measures", ""]
        lines += [f"{name:<{width}}  {value}" for name, value in self.head]
        lines += ["", "Coefficients", self.coefficients.to_string()]
        lines += ["", "Covariance between visits", self.covariance.to_string()]
        lines += ["", *self.notes] if self.notes else []
        return "\n".join(lines)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row">{escape(name)}</th><td>{escape(value)}</td></tr>'
            for name, value in self.head
        )
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return (
            f"<table><caption>Mixed model for repeated measures</caption>{rows}</table>"
            f"{self.coefficients.to_html(border=0)}{self.covariance.to_html(border=0)}{notes}"
        )


def summarise(fit: MMRMResults) -> Summary:
    """Summary of a fit, rounded to what can be meant."""
    visits = len(fit.design.visits)
    head = (
        ("Formula", fit.design.formula),
        ("Covariance", f"{fit.covariance_label}; {fit.n_cov_params} parameters"),
        ("Estimation", "REML" if fit.reml else "ML"),
        ("Standard errors", fit.inference.vcov_label),
        ("Degrees of freedom", fit.inference.df_label),
        ("Patients", f"{fit.n_subjects} with {fit.nobs} values at up to {visits} visits"),
        ("Missingness patterns", str(len(fit.patterns))),
        ("Log-likelihood", f"{round(fit.llf, 6):.3f}"),
        ("AIC, BIC", f"{round(fit.aic, 6):.3f}, {round(fit.bic, 6):.3f}"),
        ("Converged", "yes" if fit.converged else "no"),
    )
    table = fit.tidy().set_index("term")
    shown = pd.DataFrame(
        {
            "estimate": _fixed(table["estimate"], 3),
            "std_error": _fixed(table["std_error"], 3),
            "df": _fixed(table["df"], 1),
            "t": _fixed(table["statistic"], 2),
            "p": [_p_text(p) for p in table["p_value"]],
            "conf_low": _fixed(table["conf_low"], 3),
            "conf_high": _fixed(table["conf_high"], 3),
        },
        index=table.index,
    )
    found = fit.covariance
    whole = pd.concat(found) if isinstance(found, dict) else found
    covariance = whole.map(lambda v: f"{round(v, 9):.3f}")
    dropped = [f"{count} rows left out: {why}" for why, count in fit.n_dropped.items()]
    passed = [f"covariance {one.label} was not used: {one.outcome}" for one in fit.attempts[:-1]]
    told = [fit.inference.note] if fit.inference.note else []
    return Summary(head, shown, covariance, (*passed, *told, *fit.notes, *dropped))


def _p_text(p: float) -> str:
    if p != p:
        return ""
    return "<0.001" if p < 0.0005 else f"{p:.3f}"


def _fixed(values: pd.Series, digits: int) -> list[str]:
    return [
        "not estimable" if v != v else f"{round(v, 9) + 0.0:.{digits}f}" for v in values
    ]
