"""How far the engine is from R's mmrm and SAS, as tables that read the same on every machine."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.mmrm import MMRM
from analysis.mmrm.inference import NAMES, Covariance, DegreesOfFreedom
from analysis.parity.pairs import METHODS, QUANTITIES, Pair, asked, pairs_of, read
from analysis.parity.studies import Study

COLUMNS = (
    "data", "file", "structure", "likelihood", "method", "quantity", "values", "difference",
    "promised",
)  # fmt: skip
FIT = "the fit"
# Words for quantities, in the order of a table.
WORDS = {
    "estimate": "estimate", "std_error": "standard error", "df": "degrees of freedom",
    "statistic": "t or F", "p_value": "p-value",
    "conf_low": "95 % limits", "conf_high": "95 % limits",
    "loglik": "log-likelihood", "covariance": "covariance matrix", "count": "count",
}  # fmt: skip
# Differences this small are rounding, of which another machine has more or less.
FLOOR = 1e-9
# Logarithms of powers of ten are whole numbers but for rounding.
ROUNDING = 1e-9
EQUAL = "equal"
# For a spatial structure R prints the matrix of two visits one unit of time apart, which is no
# covariance between scheduled visits.
SPATIAL = ("sp_exp", "sp_gau")
# Two coordinates of which one is a random number of each row; no schedule has such times.
OWN_TIMES = "__2d"

# SAS stops early, at a relative Hessian criterion of 1e-8 (docs/methods.md section 10.1). The worst
# of its listings is 1.2e-4 off the optimum in a standard error and 4e-4 in degrees of freedom.
STOPPED = {"estimate": 2e-4, "std_error": 2e-4, "df": 1e-3}
# With SAS's own start, steps and stopping rule nothing is left but rounding of its 15 digits.
EMULATED = 1e-10
SAS_FORMULA = "FEV1 ~ ARMCD"
SAS_TERM = "ARMCD[T.TRT]"
# SAS's name of the covariance of the estimates: ours, and a word for it.
SAS_METHODS: dict[str, tuple[DegreesOfFreedom, Covariance, str]] = {
    "kr": ("kenward-roger", "kenward-roger", "DDFM=KR"),
    "kr(linear)": ("kenward-roger", "kenward-roger-linear", "DDFM=KR(FIRSTORDER)"),
    "empirical": ("satterthwaite", "CR0", "EMPIRICAL"),
}
# The listing of this structure used coordinates that differ by row.
SAS_OWN_TIMES = "sp_exp"


def agreement_with_r(
    study: Study, data: pd.DataFrame, folder: Path | str, files: Sequence[str]
) -> pd.DataFrame:
    """Fit every model of reference files and compare every number they hold.

    Parameters
    ----------
    study : Study
        The data's columns and mean model.
    data : pandas.DataFrame
        As `Study.read` gives them.
    folder : Path or str
        Where the files are.
    files : sequence of str
        Names without ending.

    Returns
    -------
    pandas.DataFrame
        One row for each file, structure, likelihood, method and quantity: how many `values` were
        compared, their largest `difference` and what is `promised` of it, in the unit of
        `Pair.differences`.
    """
    rows: list[dict[str, object]] = []
    for name in files:
        reference = read(Path(folder), name)
        entries = reference["fits"] if "fits" in reference else {"": reference}
        for label, entry in entries.items():
            if OWN_TIMES in label:
                continue
            model, key = _model(study, data, reference, entry)
            terms = _terms(reference, entry)
            for method, pairs in _compared(model, entry, terms, str(key["structure"])):
                where = {"data": f"R, {study.name}", "file": name, **key, "method": method}
                rows += _rows(where, pairs)
    return _collected(rows)


def agreement_with_sas(study: Study, data: pd.DataFrame, listing: Path | str) -> pd.DataFrame:
    """Compare the arm effect of the FEV example with published listings of SAS PROC MIXED.

    Parameters
    ----------
    study : Study
    data : pandas.DataFrame
    listing : Path or str
        The listings as a table.

    Returns
    -------
    pandas.DataFrame
        As `agreement_with_r`, with `r_difference`: how far R's mmrm is from SAS in that number.
    """
    rows: list[dict[str, object]] = []
    table = pd.read_csv(listing)
    for line in table[table["structure"] != SAS_OWN_TIMES].to_dict("records"):
        kind = line["sas_ddfm"] if line["kind"] == "Kenward-Roger" else "empirical"
        df, vcov, method = SAS_METHODS[kind]
        model = study.model(
            data, line["structure"], formula=SAS_FORMULA, weighted=bool(line["weighted"])
        )
        for emulate in (None, "sas"):
            fit = model.fit(df=df, vcov=vcov, emulate=emulate)
            ours = fit.tidy().set_index("term").loc[SAS_TERM]
            weighted = " weighted" if line["weighted"] else ""
            rows += _sas_rows(line, ours, f"{line['structure']}{weighted}", method, bool(emulate))
    return pd.DataFrame(rows)


def _sas_rows(
    line: Mapping[str, Any], ours: pd.Series, structure: str, method: str, emulated: bool
) -> Iterator[dict[str, object]]:
    names = {"estimate": "est", "std_error": "se", "df": "df"}
    if method == "EMPIRICAL":
        # SAS has no Satterthwaite degrees of freedom for the sandwich.
        del names["df"]
    for quantity, short in names.items():
        theirs = line[f"sas_{short}"]
        yield {
            "data": "SAS, emulated" if emulated else "SAS",
            "structure": structure, "method": method, "quantity": quantity,
            "values": 1, "difference": abs(ours[quantity] / theirs - 1),
            "promised": EMULATED if emulated else STOPPED[quantity],
            "r_difference": abs(line[f"mmrm_{short}"] / theirs - 1),
        }  # fmt: skip


def _model(
    study: Study, data: pd.DataFrame, reference: Mapping[str, Any], entry: Mapping[str, Any]
) -> tuple[MMRM, dict[str, object]]:
    """The model of an entry, read off what the file says of it."""
    formula = reference.get("formula", "")
    structure = entry.get("structure", "us")
    # As R writes it: us(visit | group/patient); the weights' column stands in the title.
    grouped = bool(entry.get("group")) or "/" in formula
    weighted = "weights =" in reference["title"]
    model = study.model(
        data, structure, reml=entry["reml"], grouped=grouped, weighted=weighted,
        formula=re.sub(r" \+ us\(.*", "", formula) or None,
    )  # fmt: skip
    variant = " by group" if grouped else " weighted" if weighted else ""
    likelihood = "REML" if entry["reml"] else "ML"
    return model, {"structure": f"{structure}{variant}", "likelihood": likelihood}


def _terms(reference: Mapping[str, Any], entry: Mapping[str, Any]) -> list[str]:
    if "coef_names" in reference:
        return list(reference["coef_names"])
    return [row["term"] for row in entry["methods"]["Satterthwaite"]["coefficients"]]


def _compared(
    model: MMRM, entry: Mapping[str, Any], terms: Sequence[str], structure: str
) -> Iterator[tuple[str, list[Pair]]]:
    name = structure.split()[0]
    spatial = ("varcor",) if name in SPATIAL else ()
    yield FIT, _pairs(model.fit(), entry, terms, None, spatial)
    for method in entry["methods"]:
        df, vcov = METHODS[method]
        fit = model.fit(df=df, vcov=vcov)
        pairs = [
            pair
            for part, only in asked(method, name)
            for pair in _pairs(fit, entry["methods"][part], terms, only)
        ]
        yield method_label(df, vcov), pairs


def _pairs(
    fit: Any, entry: Mapping[str, Any], terms: Sequence[str], only: Sequence[str] | None,
    without: Sequence[str] = (),
) -> list[Pair]:  # fmt: skip
    return [
        pair
        for name, value in entry.items()
        if name in QUANTITIES and name not in without
        for pair in pairs_of(fit, name, value, terms, only)
    ]


def method_label(df: str, vcov: str) -> str:
    """A method in a few words."""
    if vcov == "model":
        return NAMES[df]
    if vcov.startswith("kenward-roger"):
        return "Kenward-Roger, first order" if vcov.endswith("linear") else "Kenward-Roger"
    return f"{vcov}, {'Bell-McCaffrey' if df == 'satterthwaite' else NAMES[df]}"


def _rows(key: dict[str, object], pairs: Sequence[Pair]) -> list[dict[str, object]]:
    found = [pair for pair in pairs if pair.quantity in WORDS]
    return [
        {
            **key, "quantity": pair.quantity, "values": pair.theirs.size,
            "difference": float(pair.differences().max()), "promised": pair.promised,
        }
        for pair in found
    ]  # fmt: skip


def _collected(rows: Sequence[dict[str, object]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    keys = [name for name in COLUMNS if name not in ("values", "difference", "promised")]
    return frame.groupby(keys, sort=False, as_index=False).agg(
        values=("values", "sum"), difference=("difference", "max"), promised=("promised", "max")
    )


def bounded(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with `bound`: 1, 2 or 5 times a power of ten that `difference` does not exceed.

    Differences below `FLOOR`, or below a promise that is smaller still, are one class.
    """
    floor = np.minimum(FLOOR, frame["promised"])
    size = np.maximum(frame["difference"], floor).to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = 10.0 ** np.floor(np.log10(size) + ROUNDING)
        step = np.select([size <= k * unit * (1 + ROUNDING) for k in (1, 2, 5)], [1, 2, 5], 10)
    return frame.assign(bound=np.where(frame["difference"] == 0, 0.0, step * unit))


def _shown(value: float) -> str:
    """A bound as text."""
    if np.isnan(value):
        return ""
    return f"≤\N{NO-BREAK SPACE}{value:.0e}".replace("e-0", "e-") if value else EQUAL


def agreement_by_quantity(frame: pd.DataFrame) -> pd.DataFrame:
    """Values compared, largest difference and promise, for each quantity and data set."""
    rows = bounded(frame).assign(quantity=frame["quantity"].map(WORDS))
    order = list(dict.fromkeys(WORDS.values()))
    table = rows.groupby(["quantity", "data"]).agg(
        values=("values", "sum"), bound=("bound", "max"), promised=("promised", "max")
    )
    table = table.reindex([name for name in order if name in table.index.levels[0]], level=0)
    return pd.DataFrame(
        {
            "numbers compared": table["values"],
            "largest difference": table["bound"].map(_shown),
            "promised": table["promised"].map(_shown),
        }
    )


def agreed_digits(frame: pd.DataFrame) -> pd.DataFrame:
    """Digits of agreement at worst and as promised, by quantity and data set, for a figure.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of `agreement_with_r` or `agreement_with_sas`, or several of them.

    Returns
    -------
    pandas.DataFrame
        Columns `quantity`, `data`, `digits`, `promised`. Nine digits stand for nine or more.
    """
    rows = frame[frame["quantity"] != "count"]
    rows = bounded(rows).assign(quantity=rows["quantity"].map(WORDS))
    table = rows.groupby(["quantity", "data"], sort=False, as_index=False).agg(
        digits=("bound", "max"), promised=("promised", "max")
    )
    order = {name: place for place, name in enumerate(dict.fromkeys(WORDS.values()))}
    table = table.sort_values("quantity", key=lambda names: names.map(order), kind="stable")
    digits = -np.log10(table[["digits", "promised"]])
    return table.assign(**digits).reset_index(drop=True)


def agreement_by_method(frame: pd.DataFrame) -> pd.DataFrame:
    """Largest difference by structure and method, a column for each quantity."""
    rows = bounded(frame).assign(quantity=frame["quantity"].map(WORDS))
    keys = ["structure", "method"]
    wide = rows.pivot_table(
        index=keys, columns="quantity", values="bound", aggfunc="max", sort=False
    )
    order = [name for name in dict.fromkeys(WORDS.values()) if name in wide and name != "count"]
    shown = wide[order].map(_shown)
    shown.insert(0, "numbers", rows.groupby(keys, sort=False)["values"].sum())
    return shown.rename_axis(columns=None)


def agreement_by_sas_method(frame: pd.DataFrame) -> pd.DataFrame:
    """Largest difference from SAS by structure and method.

    Beside it that of R's mmrm, and the largest of all quantities with SAS's iterations repeated.
    """
    keys = ["structure", "method"]
    repeated = frame["data"] == "SAS, emulated"
    closest = bounded(frame[repeated]).groupby(keys, sort=False)["bound"].max().map(_shown)
    frame = frame[~repeated]
    ours = bounded(frame)
    theirs = bounded(frame.assign(difference=frame["r_difference"], promised=FLOOR))
    parts = {}
    for quantity in ("estimate", "std_error", "df"):
        chosen = frame["quantity"] == quantity
        parts[WORDS[quantity]] = ours[chosen].set_index(keys)["bound"].map(_shown)
        if quantity == "std_error":
            r = theirs[chosen].set_index(keys)["bound"].map(_shown)
            parts["standard error, R's mmrm"] = r
    parts["all three, iterations repeated"] = closest
    return pd.DataFrame(parts).reindex(frame.set_index(keys).index.unique()).fillna("")


def parity_sentence(*frames: pd.DataFrame) -> str:
    """How many numbers were compared, and whether all of them keep what is promised."""
    frame = pd.concat(frames)
    broken = frame[frame["difference"] > frame["promised"]]
    count = int(frame["values"].sum())
    if len(broken):
        named = ", ".join(sorted({WORDS[name] for name in broken["quantity"]}))
        return f"{count:,} numbers were compared; beyond the promise are some of: {named}."
    return f"{count:,} numbers were compared, and every one of them agrees as closely as promised."
