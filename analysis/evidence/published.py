"""Published trials as tidy tables: a reviewer adds a study by adding rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from analysis.errors import DataError
from analysis.evidence.layouts import LAYOUTS, Column, Layout
from analysis.readers.finding import Finding, finding, listed, quoted, shorten
from analysis.readers.table import read_table
from analysis.schema import finding_frame
from analysis.studies.records import Data

FOLDER = Path(__file__).resolve().parents[2] / "data" / "published"
# Problems that an error repeats in words; its findings hold all of them.
MAX_TOLD = 5


@dataclass(frozen=True, eq=False, slots=True)
class Published:
    """What trials and reviews printed, a frame a file.

    Every frame has a column `row`: the row in its file as a spreadsheet numbers it. Text columns
    hold "" and numbers NaN where a cell is empty. `data/published/README.md` explains each column.

    Attributes
    ----------
    sources, studies, therapies, scales, arms, outcomes, contrasts, responders, pooled, claims : DataFrame
        `outcomes` has a row an arm, scale and visit; `contrasts` a row a difference between two
        arms; `pooled` results of reviews, to stand beside ours.
    """

    sources: pd.DataFrame
    studies: pd.DataFrame
    therapies: pd.DataFrame
    scales: pd.DataFrame
    arms: pd.DataFrame
    outcomes: pd.DataFrame
    contrasts: pd.DataFrame
    responders: pd.DataFrame
    pooled: pd.DataFrame
    claims: pd.DataFrame

    def label(self, study: str) -> str:
        """Name of a trial as people write it, cut where it is very long."""
        studies = self.studies
        labels = dict(zip(studies["study"].tolist(), studies["label"].tolist(), strict=True))
        return shorten(str(labels.get(study, study)))

    def name_of(self, therapy: str) -> str:
        """Name of a therapy as people write it; one that is not in the table stays as it is."""
        return str(self._labels().get(therapy, therapy))

    def named(self, frame: pd.DataFrame) -> pd.DataFrame:
        """A copy with therapies, and comparators where there are, as people write them."""
        columns = [name for name in ("therapy", "comparator") if name in frame]
        labels = self._labels()
        return frame.assign(**{
            name: [str(labels.get(value, value)) for value in frame[name]] for name in columns
        })  # fmt: skip

    def names(self) -> Iterator[tuple[str, str, int]]:
        """Every name of every therapy in plain letters, its node, and its row in the file."""
        for row in self.therapies.itertuples(index=False):
            for name in (row.therapy, row.label, *str(row.also_called).split("|")):
                if plain := plain_name(str(name)):
                    yield plain, str(row.node), int(row.row)

    def is_sham(self, therapy: str) -> bool:
        """Whether a therapy is a sham, so that people do not know what they get."""
        kinds = self.therapies.loc[self.therapies["therapy"] == therapy, "kind"]
        return bool((kinds == "sham").any())

    def _labels(self) -> dict[str, str]:
        return dict(zip(self.therapies["therapy"], self.therapies["label"], strict=True))


def plain_name(name: str) -> str:
    """Letters and digits in small type, parted by single spaces."""
    return " ".join(re.findall(r"[^\W_]+", name.casefold()))


def read_published(folder: str | Path | None = None) -> Published:
    """Read the tables of published evidence and hold their keys against each other.

    Parameters
    ----------
    folder : str or Path, optional
        With the ten files of `analysis.evidence.layouts.LAYOUTS`; the bundled ones if left out.

    Returns
    -------
    Published

    Raises
    ------
    DataError
        A file that cannot be read, a missing column, a cell that is not what its column holds, a
        name that no other table knows, a row given twice. All of them at once, in `findings`.
    """
    place = FOLDER if folder is None else Path(folder)
    problems: list[Finding] = []
    tables: dict[str, pd.DataFrame] = {}
    for name, layout in LAYOUTS.items():
        try:
            table = read_table(place / f"{name}.csv", Data(outcomes=f"{name}.csv"))
        except DataError as error:
            if error.findings is not None:
                problems += error.findings.to_dict("records")
            continue
        tables[name], found = _typed(f"{name}.csv", table.frame, layout)
        problems += found
    if len(tables) == len(LAYOUTS):
        for name, layout in LAYOUTS.items():
            problems += _strangers(name, layout, tables)
            problems += _repeated(name, layout, tables[name])
        problems += _impossible(tables)
    if not problems:
        published = Published(**tables)
        problems += _two_meanings(published)
    if problems:
        raise _refusal(problems)
    return published


def _refusal(problems: list[Finding]) -> DataError:
    places = [
        ", ".join(
            part for part in (
                str(p["file"]), "" if pd.isna(p["row"]) else f"row {p['row']}",
                f"column {p['column']}" if p["column"] else "",
            ) if part
        )
        for p in problems[:MAX_TOLD]
    ]  # fmt: skip
    told = [f"{place}: {p['message']}" for place, p in zip(places, problems, strict=False)]
    more = len(problems) - MAX_TOLD
    rest = [f"and {more} more problems; see the findings of this error."] if more > 0 else []
    return DataError("\n".join([*told, *rest]), finding_frame(problems))


def _typed(file: str, raw: pd.DataFrame, layout: Layout) -> tuple[pd.DataFrame, list[Finding]]:
    """Columns of a table as text and numbers, and everything wrong with single cells."""
    found: list[Finding] = []
    made: dict[str, object] = {"row": np.asarray(raw.index, dtype=np.int64)}
    for column in layout.columns:
        if column.name not in raw.columns:
            rest = "every row needs it." if column.required else "its cells may be empty."
            message = f"The column {column.name} is missing. Add it; {rest}"
            found.append(finding("missing_column", "error", message, file=file, row=1,
                                 column=column.name))  # fmt: skip
            cells = pd.Series("", index=raw.index, dtype="str")
            made[column.name] = _numbers(cells) if column.kind != "text" else cells.to_numpy()
            continue
        cells = raw[column.name].str.strip()
        found += [
            finding(
                rule, "error", message, file=file, row=int(row), column=column.name, value=value
            )
            for rule, row, value, message in _wrong_cells(cells, column)
        ]
        made[column.name] = cells.to_numpy() if column.kind == "text" else _numbers(cells)
    return pd.DataFrame(made).reset_index(drop=True), found


def _numbers(cells: pd.Series) -> np.ndarray:
    values = pd.to_numeric(cells.where(cells != ""), errors="coerce").to_numpy(dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def _wrong_cells(cells: pd.Series, column: Column) -> Iterator[tuple[str, int, str, str]]:
    """Rule, row, value and message of every cell that its column does not allow."""
    empty = cells == ""
    if column.required:
        for row in cells.index[empty]:
            yield "empty_cell", row, "", f"{column.name} is empty. Fill it in; every row needs it."
    if column.words:
        for row, value in cells[~empty & ~cells.isin(column.words)].items():
            message = f"{quoted(value)} is not one of {', '.join(column.words)}. Use one of these."
            yield "unknown_word", row, value, message
    if column.kind == "text":
        for row, value in cells[~cells.map(str.isprintable)].items():
            message = f"{quoted(value)} holds characters that cannot be shown. Type it again."
            yield "unprintable_text", row, value, message
        return
    values = pd.Series(_numbers(cells), index=cells.index)
    for row, value in cells[~empty & values.isna()].items():
        message = f"{quoted(value)} is not a number. Write digits with a decimal point."
        yield "unreadable_number", row, value, message
    if column.kind == "count":
        for row, value in cells[values.notna() & ((values < 1) | (values % 1 != 0))].items():
            message = f"{shorten(value)} is not a whole number of at least 1. Look it up again."
            yield "impossible_value", row, value, message
    if column.low is not None:
        for row, value in cells[values < column.low].items():
            message = (
                f"{shorten(value)} is below {column.low:g}, which cannot be. Look it up again."
            )
            yield "impossible_value", row, value, message


def _strangers(name: str, layout: Layout, tables: dict[str, pd.DataFrame]) -> Iterator[Finding]:
    """Cells that name a study, an arm, a scale, a therapy or a source that is nowhere."""
    table = tables[name]
    for column in layout.columns:
        if not column.refers:
            continue
        cells = table[column.name]
        if column.refers == "arms":
            pairs = set(zip(tables["arms"]["study"], tables["arms"]["arm"], strict=True))
            bad = [(s, a) not in pairs for s, a in zip(table["study"], cells, strict=True)]
            where = "arms.csv, for this study"
        else:
            other, key = column.refers.split(".")
            known = set(tables[other][key])
            named = cells.str.split(";") if column.several else cells.map(lambda cell: [cell])
            bad = [any(part.strip() not in known for part in parts) for parts in named]
            where = f"{other}.csv"
        for position in np.flatnonzero(np.array(bad, dtype=bool) & (cells != "").to_numpy()):
            value = str(cells.iloc[position])
            message = f"{quoted(value)} is not in {where}. Correct it, or add a row there."
            yield finding("unknown_key", "error", message, file=f"{name}.csv",
                          row=int(table["row"].iloc[position]), column=column.name,
                          value=value)  # fmt: skip


def _repeated(name: str, layout: Layout, table: pd.DataFrame) -> Iterator[Finding]:
    """Rows that say what another row says already."""
    key = list(layout.key)
    for _, part in table[table.duplicated(key, keep=False)].groupby(key, sort=False):
        rows = part["row"].tolist()
        value = ", ".join(str(cell) for cell in part[key].iloc[0] if str(cell))
        message = (
            f"Rows {', '.join(map(str, rows))} are the same in {', '.join(key)}. Keep one, or "
            "say in what they differ."
        )
        yield finding("duplicate_row", "error", message, file=f"{name}.csv", row=int(rows[1]),
                      column=key[0], value=value)  # fmt: skip


def _impossible(tables: dict[str, pd.DataFrame]) -> Iterator[Finding]:
    """Ends of intervals and of scales in the wrong order, and a contrast of an arm with itself."""
    middles = {"outcomes": "mean", "contrasts": "difference", "pooled": "estimate"}
    for name, middle in middles.items():
        table = tables[name]
        outside = (table["conf_low"] > table[middle]) | (table["conf_high"] < table[middle])
        for position in np.flatnonzero(outside):
            row = table.iloc[position]
            message = (
                f"{middle} {row[middle]:g} is outside its interval {row['conf_low']:g} to "
                f"{row['conf_high']:g}. Check the signs and the order of the ends."
            )
            yield finding("impossible_value", "error", message, file=f"{name}.csv",
                          row=int(row["row"]), column=middle, value=f"{row[middle]:g}")  # fmt: skip
    scales = tables["scales"]
    for position in np.flatnonzero(scales["lowest"] >= scales["highest"]):
        row = scales.iloc[position]
        message = f"The scale goes from {row['lowest']:g} to {row['highest']:g}. Exchange the ends."
        yield finding("impossible_value", "error", message, file="scales.csv",
                      row=int(row["row"]), column="lowest", value=row["scale"])  # fmt: skip
    contrasts = tables["contrasts"]
    same = contrasts[contrasts["arm"] == contrasts["against"]]
    names = listed(same["arm"].drop_duplicates().tolist())
    for number in same["row"]:
        message = f"An arm is compared with itself ({names}). Name the other arm in against."
        yield finding("impossible_value", "error", message, file="contrasts.csv", row=int(number),
                      column="against")  # fmt: skip


def _two_meanings(published: Published) -> Iterator[Finding]:
    """Names that mean one therapy in one row and another in a second."""
    meant: dict[str, tuple[str, int]] = {}
    for plain, node, row in published.names():
        other, first = meant.setdefault(plain, (node, row))
        if other != node:
            message = (
                f"{quoted(plain)} is a name of {other} in row {first} and of {node} here. Keep one."
            )
            yield finding("name_of_two", "error", message, file="therapies.csv", row=row,
                          column="also_called", value=plain)  # fmt: skip
