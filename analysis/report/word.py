"""Tables as a journal prints them, in a Word document."""

from __future__ import annotations

import datetime
import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path

from docx import Document
from docx.document import Document as WordDocument
from docx.enum.section import WD_ORIENT
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt
from docx.table import Table as WordTable
from docx.table import _Cell as Cell
from docx.table import _Row as Row

from analysis.tables import Table

# A4, landscape: tables of eight therapies have many columns.
WIDTH, HEIGHT, MARGIN = Mm(297), Mm(210), Mm(15)
FONT, SIZE, SMALL = "Calibri", Pt(8.5), Pt(8)
# The same report gives the same bytes on any day.
WRITTEN = datetime.datetime(1980, 1, 1)
# Characters that no XML file may hold.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")


def write_word(tables: Sequence[Table], title: str, path: Path) -> None:
    """Write tables into a Word document, numbered, with rules above and below and no lines between.

    Parameters
    ----------
    tables : sequence of Table
        Those without rows are left out.
    title : str
        Stands first, and is the title of the document.
    path : Path
    """
    document = Document()
    section = document.sections[0]
    section.orientation, section.page_width, section.page_height = WD_ORIENT.LANDSCAPE, WIDTH, HEIGHT
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = MARGIN
    document.styles["Normal"].font.name, document.styles["Normal"].font.size = FONT, SIZE
    about = document.core_properties
    about.title, about.author, about.comments = _clean(title), "", ""
    about.created = about.modified = WRITTEN
    document.add_heading(_clean(title), level=1)
    for number, table in enumerate((table for table in tables if table.rows), start=1):
        _add(document, table, number)
    content = io.BytesIO()
    document.save(content)
    path.write_bytes(_undated(content.getvalue()))


def _add(document: WordDocument, table: Table, number: int) -> None:
    caption = document.add_paragraph()
    caption.paragraph_format.keep_with_next = True
    caption.paragraph_format.space_before, caption.paragraph_format.space_after = Pt(12), Pt(3)
    caption.add_run(f"Table {number}. ").bold = True
    caption.add_run(_clean(table.caption))
    drawn = document.add_table(rows=1 + len(table.rows), cols=len(table.columns))
    drawn.alignment = WD_TABLE_ALIGNMENT.LEFT
    left = {0, *table.words}
    # Rows one by one: a cell found by its place is searched for from the start each time.
    for place, (row, texts) in enumerate(zip(drawn.rows, (table.columns, *table.rows), strict=True)):
        for column, (cell, text) in enumerate(zip(row.cells, texts, strict=True)):
            _fill(cell, text, bold=place == 0, left=column in left)
        _mark(row, "w:cantSplit")
    _mark(drawn.rows[0], "w:tblHeader")
    _rule(drawn)
    if table.note:
        note = document.add_paragraph()
        note.paragraph_format.space_before = Pt(2)
        note.add_run(_clean(table.note)).font.size = SMALL


def _fill(cell: Cell, text: str, bold: bool, left: bool) -> None:
    paragraph = cell.paragraphs[0]
    paragraph.paragraph_format.space_after = Pt(0)
    paragraph.alignment = WD_ALIGN_PARAGRAPH.LEFT if left else WD_ALIGN_PARAGRAPH.RIGHT
    run = paragraph.add_run(_clean(text))
    run.bold, run.font.size = bold, SIZE


def _mark(row: Row, name: str) -> None:
    """A property of a row: it is kept whole, or repeated on every page."""
    row._tr.get_or_add_trPr().append(OxmlElement(name))


def _rule(table: WordTable) -> None:
    """Rules above and below the table and below its head, as journals have them."""
    for row, edges in (
        (table.rows[0], ("top", "bottom")), (table.rows[-1], ("bottom",)),
    ):  # fmt: skip
        for cell in row.cells:
            borders = OxmlElement("w:tcBorders")
            for edge in edges:
                line = OxmlElement(f"w:{edge}")
                for name, value in (("val", "single"), ("sz", "6"), ("color", "000000")):
                    line.set(qn(f"w:{name}"), value)
                borders.append(line)
            cell._tc.get_or_add_tcPr().append(borders)


def _undated(content: bytes) -> bytes:
    """The same document without the time at which its parts were packed."""
    packed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(packed, "w") as new:
        for name in old.namelist():
            part = zipfile.ZipInfo(name, WRITTEN.timetuple()[:6])
            part.compress_type = zipfile.ZIP_DEFLATED
            new.writestr(part, old.read(name))
    return packed.getvalue()


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("", text)
