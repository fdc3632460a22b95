"""tables.docx: the tables as they are shown, in a document that Word opens."""

from __future__ import annotations

import pytest
from docx import Document

from analysis.report.word import write_word
from analysis.tables import Table

RELIEF = Table(
    "Relief against <b>care</b>", ("therapy", "short term", "note"),
    (("Massage \x07& oil", "0.9 (0.4 to 1.4)", "=1+1"), ("Sham", "−0.1 (−0.6 to 0.4)", "")),
    "Positive is better.", (2,),
)  # fmt: skip


@pytest.fixture
def document(tmp_path):
    write_word([RELIEF, Table("Nothing", ("a",), ()), RELIEF], "A trial", tmp_path / "tables.docx")
    return Document(tmp_path / "tables.docx")


def test_every_table_with_rows_is_there_cell_by_cell_and_numbered(document):
    assert len(document.tables) == 2
    shown = [[cell.text for cell in row.cells] for row in document.tables[0].rows]
    assert shown == [
        list(RELIEF.columns), ["Massage & oil", "0.9 (0.4 to 1.4)", "=1+1"], list(RELIEF.rows[1]),
    ]  # fmt: skip
    texts = [paragraph.text for paragraph in document.paragraphs]
    assert texts == [
        "A trial", "Table 1. Relief against <b>care</b>", "Positive is better.",
        "Table 2. Relief against <b>care</b>", "Positive is better.",
    ]  # fmt: skip


def test_the_head_is_repeated_on_every_page_and_no_row_is_torn(document):
    rows = document.tables[0].rows
    assert "w:tblHeader" in rows[0]._tr.xml
    assert "w:tblHeader" not in rows[1]._tr.xml
    assert all("w:cantSplit" in row._tr.xml for row in rows)


def test_the_same_tables_give_the_same_bytes_and_name_nobody(tmp_path, document):
    write_word([RELIEF, RELIEF], "A trial", tmp_path / "again.docx")
    assert (tmp_path / "again.docx").read_bytes() == (tmp_path / "tables.docx").read_bytes()
    about = document.core_properties
    assert (about.title, about.author, about.last_modified_by) == ("A trial", "", "")
