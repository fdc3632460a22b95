"""A table for people: text and HTML with the same cells, everything escaped."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape


@dataclass(frozen=True, slots=True)
class Table:
    """A table that shows as HTML in a notebook and as text elsewhere.

    Attributes
    ----------
    caption : str
    columns : tuple of str
    rows : tuple of tuple of str
        Cells as shown. The first column names the row.
    note : str
    words : tuple of int
        Columns that hold words, which stand left; all others but the first hold numbers and stand
        right.
    """

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    words: tuple[int, ...] = ()

    def _repr_html_(self) -> str:
        side = ["left" if k in (0, *self.words) else "right" for k in range(len(self.columns))]
        head = "".join(
            f'<th scope="col" style="text-align: {where}">{escape(name)}</th>'
            for name, where in zip(self.columns, side, strict=True)
        )
        body = "".join(
            f'<tr><th scope="row" style="text-align: left">{escape(row[0])}</th>'
            + "".join(
                f'<td style="text-align: {where}">{escape(cell)}</td>'
                for cell, where in zip(row[1:], side[1:], strict=True)
            )
            + "</tr>"
            for row in self.rows
        )
        note = f"<p><small>{escape(self.note)}</small></p>" if self.note else ""
        return (
            f"<table><caption>{escape(self.caption)}</caption><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table>{note}"
        )

    def __repr__(self) -> str:
        grid = [self.columns, *self.rows]
        widths = [max(len(row[k]) for row in grid) for k in range(len(self.columns))]
        left = [k in (0, *self.words) for k in range(len(self.columns))]
        lines = [
            "  ".join(
                cell.ljust(width) if words else cell.rjust(width)
                for cell, width, words in zip(row, widths, left, strict=True)
            ).rstrip()
            for row in grid
        ]
        return "\n".join([self.caption, *lines, *([self.note] if self.note else [])])
