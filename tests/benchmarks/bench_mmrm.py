"""Time and memory of the repeated-measures engine, and of its peers in the same run.

    python tests/benchmarks/bench_mmrm.py            everything
    python tests/benchmarks/bench_mmrm.py --small    without what takes minutes
    python tests/benchmarks/bench_mmrm.py --write    everything, into README.md

statsmodels is always a peer; R's mmrm, nlme and lme4 (with emmeans) are where Rscript finds them.
FEV and BCVA need the folder of real data (PAIN_DATA, or ../shared/data).
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from cases import CASES, PEERS, Case, Peer, case_named
from clock import Measured
from peers import absent, agreement, installed, measure
from process import HERE, FailedError, measured
from trials import write_parquet

PACKAGES = ("numpy", "scipy", "pandas", "formulaic", "pyarrow")
MARK = "<!-- measured -->\n"


def machine() -> str:
    """Where this was measured, and how busy it was."""
    information = Path("/proc/cpuinfo")
    chip = platform.processor() or platform.machine()
    if information.exists():
        names = [line.split(":")[1].strip() for line in information.read_text().splitlines()
                 if line.startswith("model name")]  # fmt: skip
        chip = names[0] if names else chip
    load = f"; load at the start {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    return (
        f"{os.cpu_count()} cores ({chip}), {platform.system()}, "
        f"{platform.python_implementation()} {platform.python_version()}{load}"
    )


def duration(seconds: float) -> str:
    """Seconds with two digits or three."""
    if seconds < 1:
        return f"{1000 * seconds:.1f} ms" if seconds < 0.1 else f"{1000 * seconds:.0f} ms"
    return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.0f} s"


def gigabytes(amount: float | None) -> str:
    """Memory with one digit."""
    return "" if amount is None else f"{amount:.1f} GB"


def missed(case: Case, found: Measured) -> bool:
    """Whether a row is over its target."""
    over = case.seconds is not None and found.wall > case.seconds
    return over or (
        case.gigabytes is not None and found.memory is not None and found.memory > case.gigabytes
    )


def own(case: Case, folder: Path) -> Measured:
    """One of our rows."""
    if case.kind == "parquet":
        path = folder / "trial.parquet"
        write_parquet(path, case.trial.patients)
        return measured("chains.py", case.name, path)
    if case.kind == "first":
        every = [measured("chains.py", case.name) for _ in range(case.runs)]
        cpu = min(one.cpu for one in every)
        return replace(min(every, key=lambda one: one.wall), cpu=cpu)
    return measured("chains.py", case.name)


def own_row(case: Case, found: Measured) -> str:
    """A line of the first table."""
    limits = [duration(case.seconds)] if case.seconds is not None else []
    if case.gigabytes is not None:
        limits.append(gigabytes(case.gigabytes))
    verdict = "" if not limits else "MISSED" if missed(case, found) else "met"
    cells = (case.label, duration(found.wall), duration(found.cpu), gigabytes(found.memory),
             ", ".join(limits), verdict)  # fmt: skip
    return f"| {' | '.join(cells)} |"


def peer_row(peer: Peer, ours: Measured, theirs: Measured) -> str:
    """A line of the second table."""
    cells = (case_named(peer.against).label, f"{peer.program}: {peer.label}",
             duration(theirs.wall), gigabytes(theirs.memory), duration(ours.wall),
             f"{theirs.wall / ours.wall:,.0f}", agreement(ours, theirs))  # fmt: skip
    return f"| {' | '.join(cells)} |"


def lines(small: bool, folder: Path) -> Iterator[str]:
    """The measured part of README.md, line by line as it is measured."""
    here = installed(folder)
    versions = {name: version(name) for name in PACKAGES} | here
    told = ", ".join(f"{name} {number}" for name, number in versions.items())
    yield from (f"{machine()}.", f"{told}.", "")
    yield "| what | wall clock | processor | peak memory | target | |"
    yield "| --- | --- | --- | --- | --- | --- |"
    found: dict[str, Measured] = {}
    for case in CASES:
        if case.trial.there and not (small and case.large):
            found[case.name] = own(case, folder)
            yield own_row(case, found[case.name])
    yield from ("", "| what | peer | peer's time | its memory | ours | ratio | agreement |")
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    yield from peer_lines(here, found, small, folder)
    lacking = sorted({case.trial.name for case in CASES if not case.trial.there})
    if lacking:
        yield f"\nSkipped, not in the folder of real data: {', '.join(lacking)}."
    missing = absent(PEERS, here)
    if missing:
        yield f"\nSkipped, not installed: {', '.join(missing)}."


def peer_lines(
    here: Mapping[str, str], found: Mapping[str, Measured], small: bool, folder: Path
) -> Iterator[str]:
    """The second table, of the peers that are here and the rows of ours that were measured."""
    for peer in PEERS:
        if peer.program not in here or peer.against not in found or (small and peer.large):
            continue
        ours = found[peer.against]
        try:
            yield peer_row(peer, ours, measure(peer, folder))
        except FailedError as error:
            what = f"{case_named(peer.against).label} | {peer.program}: {peer.label}"
            yield f"| {what} | | | {duration(ours.wall)} | | {error} |"


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="leave out what takes minutes")
    parser.add_argument("--write", action="store_true", help="put the tables into README.md")
    asked = parser.parse_args()
    if asked.small and asked.write:
        parser.error("--write keeps every row of README.md; run it without --small.")
    told = []
    with tempfile.TemporaryDirectory() as folder:
        for line in lines(asked.small, Path(folder)):
            print(line, flush=True)
            told.append(line)
    if asked.write:
        readme = HERE / "README.md"
        prose = readme.read_text(encoding="utf-8").partition(MARK)[0]
        readme.write_text(f"{prose}{MARK}\n" + "\n".join(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
