"""Tables read back from the HTML that a notebook shows."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser

from markupsafe import Markup

from analysis.tables import Table

# How pandas marks its own tables, which have cells without a name.
PANDAS = 'class="dataframe"'
# Longer than any word of prose: addresses, mostly, that would widen a column beyond the paper.
LONG_WORD = 30
_TEXT, _WORD = re.compile(r">[^<>]+<"), re.compile(rf"[^\s<>]{{{LONG_WORD},}}")


class _Reader(HTMLParser):
    """Captions and rows of the tables in a piece of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.tables: list[tuple[str, list[list[str]]]] = []
        self._into: list[str] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append(("", []))
        elif tag == "tr" and self.tables:
            self.tables[-1][1].append([])
        elif tag in ("th", "td", "caption") and self.tables:
            self._into = []

    def handle_endtag(self, tag: str) -> None:
        if self._into is None or tag not in ("th", "td", "caption"):
            return
        text = " ".join("".join(self._into).split())
        rows = self.tables[-1][1]
        if tag == "caption":
            self.tables[-1] = (text, rows)
        elif rows:
            rows[-1].append(text)
        self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into.append(data)


def tables_in(html: str) -> list[tuple[str, list[list[str]]]]:
    """Caption and rows of every table in a piece of HTML; the first row holds the names."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.tables


def house_table(html: str) -> str:
    """HTML of a table as pandas shows it, with names for every row and column; other HTML as it is."""
    if PANDAS not in html:
        return html
    (_, rows), *others = tables_in(html)
    if others or len(rows) < 2:
        return html
    names = rows[0]
    if len(rows) > 2 and not any(rows[1][1:]):
        # The name of the rows stands in a line of its own.
        names = [rows[1][0] or names[0], *names[1:]]
        rows = rows[1:]
    caption = ", ".join(filter(None, names))
    return Table(caption, tuple(names), tuple(map(tuple, rows[1:])), words=(1,))._repr_html_()


def breakable(html: str) -> Markup:
    """HTML of a table in which long words, such as addresses, may break after their punctuation."""
    return Markup(_TEXT.sub(lambda text: _WORD.sub(_broken, text.group()), html))


def _broken(word: re.Match[str]) -> str:
    if len(unescape(word.group())) < LONG_WORD:
        return word.group()
    # None of these occurs within a character reference such as &amp;.
    return re.sub(r"([/_.=?-])", r"\1<wbr>", word.group())
