"""Every table and figure of a report as a file too: what a page shows can be taken along."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from analysis.report.blocks import Block
from analysis.report.drawings import FIGURES_NAME, Figure
from analysis.report.html_tables import tables_in
from analysis.report.results import harmless

TABLES_NAME = "tables"
# So many words of a caption say which table a file holds.
WORDS = 5


def with_files(
    page: str, blocks: Sequence[Block], folder: Path, figures: Mapping[str, Figure]
) -> list[Block]:
    """Blocks that name the files of their tables and figures; the tables' files are written.

    Parameters
    ----------
    page : str
        Name of the page, with which the names of its tables' files begin.
    blocks : sequence of Block
    folder : Path
        Of the report. Tables go to `tables`, as CSV.
    figures : mapping of str to Figure
        Those written to `figures`, by the name of their files.
    """
    names = {figure.caption: name for name, figure in figures.items()}
    count = {"html": 0, "figure": 0}
    done = []
    for block in blocks:
        if block.kind not in count:
            done.append(block)
            continue
        count[block.kind] += 1
        number = count[block.kind]
        if block.kind == "figure":
            name = names.get(block.caption)
            stems = [f"{FIGURES_NAME}/{name}.{kind}" for kind in ("svg", "png")] if name else []
            files = tuple((stem, stem[-3:].upper()) for stem in stems)
            done.append(replace(block, number=number, files=files))
        else:
            done.append(_table(page, block, number, folder))
    return done


def _table(page: str, block: Block, number: int, folder: Path) -> Block:
    files: list[tuple[str, str]] = []
    captions = []
    for caption, rows in tables_in(str(block.body)):
        name = "_".join([_start(page), str(number), *_words(caption)])
        name += f"_part_{len(files) + 1}" if files else ""
        write_table(rows, folder / TABLES_NAME / f"{name}.csv")
        files.append((f"{TABLES_NAME}/{name}.csv", "CSV"))
        captions.append(caption)
    return replace(block, number=number, files=tuple(files), caption="; ".join(filter(None, captions)))


def write_table(rows: Sequence[Sequence[str]], path: Path) -> None:
    """Write a table as people see it: UTF-8 with a mark by which spreadsheets know it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([harmless(cell) for cell in row] for row in rows)


def _start(page: str) -> str:
    """The number of a page, or its name where it has none."""
    found = re.match(r"\d+", page)
    return found.group() if found else page


def _words(caption: str) -> list[str]:
    """Words of a caption as parts of a file name that every system takes."""
    return re.findall(r"[a-z0-9]{1,30}", caption.casefold())[:WORDS] or ["table"]
