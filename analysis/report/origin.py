"""Where a report comes from, and how to cite it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from analysis.report.blocks import Block, prose_block, table_block
from analysis.report.site import Page
from analysis.tables import Table

HOW = (
    "Every input is named by its SHA-256: the same digest is the same file, to the last byte. The same "
    "inputs and versions give the same report. provenance.json holds all of this for programs."
)
CITE = "Cite the data first, then the program with the version that computed these numbers."


def origin_page(record: dict[str, Any], citation_file: Path) -> Page:
    """The page that says what was read, what computed it, and how to cite both.

    Parameters
    ----------
    record : dict
        Of `analysis.report.results.provenance`.
    citation_file : Path
        The program's CITATION.cff.
    """
    inputs = Table("What was read", ("file", "role", "rows", "SHA-256"), tuple(
        (one["name"], one["role"], f"{one['rows']:,}" if "rows" in one else "", one["sha256"])
        for one in record["inputs"]
    ), words=(1, 3))  # fmt: skip
    versions = Table(
        "What computed it", ("package", "version"), tuple(record["versions"].items()),
        words=(1,),
    )  # fmt: skip
    blocks = [
        prose_block(HOW), table_block(inputs),
        *([prose_block(f"The data were simulated with seed {record['seed']}.")] if record["seed"] else []),
        table_block(versions), prose_block("How to cite", "h2"), prose_block(CITE),
        _listed([*_of_data(record), program_citation(citation_file, record["version"])]),
    ]  # fmt: skip
    return Page("provenance", "Where this comes from, and how to cite it", blocks)


def program_citation(citation_file: Path, version: str) -> str:
    """How to cite the program, from its CITATION.cff and the version that is installed."""
    about = yaml.safe_load(citation_file.read_text(encoding="utf-8"))
    authors = ", ".join(
        author.get("name") or f"{author['family-names']} {author['given-names']}"
        for author in about["authors"]
    )
    return f"{authors}. {about['title']}, version {version} [computer program]. {about['license']}."


def _of_data(record: dict[str, Any]) -> list[str]:
    if record["citation_of_data"]:
        return [str(record["citation_of_data"])]
    return [f"{record['study'].rstrip('.')}. The study file names no citation of the data."]


def _listed(texts: list[str]) -> Block:
    items = Markup("").join(Markup("<li>{}</li>").format(text) for text in texts)
    return Block("prose", Markup("<ul>{}</ul>").format(items))
