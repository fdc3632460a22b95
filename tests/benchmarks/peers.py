"""Other programs that fit the same model: which are here, their times, and whether they agree."""

from __future__ import annotations

import csv
import shutil
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
from cases import Peer, Trial, case_named
from clock import Measured
from process import HERE, FailedError, measured, run
from trials import reference, trial

# Log-likelihoods that differ by less are of the same model, found by searches that stop elsewhere.
SAME_LLF = 1e-3

# And estimates and standard errors, in standard errors.
SAME_ESTIMATE = 1e-3


def installed(folder: Path) -> dict[str, str]:
    """Versions of the peers that are here; R's packages only where Rscript is.

    Parameters
    ----------
    folder : Path
        Where R may write.
    """
    found = {"statsmodels": version("statsmodels")}
    if shutil.which("Rscript") is None:
        return found
    out = folder / "installed.csv"
    try:
        run(["Rscript", HERE / "peers.R", "installed", out])
    except FailedError:
        return found
    with out.open(encoding="utf-8", newline="") as file:
        rows = {row["name"]: row["version"] for row in csv.DictReader(file)}
    if not rows["emmeans"]:
        return found | {"R": rows["R"]}
    return found | {name: number for name, number in rows.items() if number}


def measure(peer: Peer, folder: Path) -> Measured:
    """Measure a peer on the data of its case.

    Raises
    ------
    FailedError
        It ended without a result.
    """
    if peer.program == "statsmodels":
        return measured("mixedlm.py", peer.call, peer.against, peer.runs)
    of = case_named(peer.against).trial
    out = folder / "measured.csv"
    out.unlink(missing_ok=True)
    levels = "appearance" if of.patients else "alphabet"
    run(
        ["Rscript", HERE / "peers.R", peer.call, _csv_of(of, folder), out, peer.runs, of.outcome,
         of.formula, of.subject, of.visit, of.arm, levels]
    )  # fmt: skip
    with out.open(encoding="utf-8", newline="") as file:
        row = next(csv.DictReader(file))
    found = {name: tuple(map(_number, text.split())) for name, text in row.items()}
    wall, cpu, memory, llf = (found[name][0] for name in ("wall", "cpu", "memory", "llf"))
    estimates, errors = found["estimates"], found["errors"]
    return Measured(wall, cpu, None if np.isnan(memory) else memory, llf, estimates, errors)


def _number(text: str) -> float:
    """A number as R writes it."""
    return float("nan") if text == "NA" else float(text)


def _csv_of(of: Trial, folder: Path) -> Path:
    if not of.patients:
        return reference(of.name)
    path = folder / f"{of.patients}.csv"
    if not path.exists():
        trial(of.patients).to_csv(path, index=False)
    return path


def agreement(ours: Measured, theirs: Measured) -> str:
    """Whether the two fitted the same model: the log-likelihood, and differences between arms."""
    if ours.llf is None or theirs.llf is None:
        return ""
    # Written so that a number that is none never agrees.
    if not abs(ours.llf - theirs.llf) <= SAME_LLF:
        where = "below" if theirs.llf < ours.llf else "above"
        far = f"log-likelihood {abs(theirs.llf - ours.llf):.2g} {where} ours"
        return f"MISMATCH: {far}" if theirs.converged else f"MISMATCH: not converged, {far}"
    if not theirs.estimates:
        return "same log-likelihood"
    if len(theirs.estimates) != len(ours.estimates):
        return f"MISMATCH: {len(theirs.estimates)} contrasts against {len(ours.estimates)}"
    mine, other = np.array([ours.estimates, ours.errors]), [theirs.estimates, theirs.errors]
    off = float((np.abs(mine - np.array(other)) / mine[1]).max())
    if not off <= SAME_ESTIMATE:
        return f"MISMATCH: contrasts differ by up to {off:.2g} standard errors"
    return "same log-likelihood, contrasts and standard errors"


def absent(peers: tuple[Peer, ...], here: Mapping[str, str]) -> list[str]:
    """Programs of these peers that are not installed."""
    return [name for name in dict.fromkeys(peer.program for peer in peers) if name not in here]
