"""WordprocessingML as text (ECMA-376 part 1, §17): runs, paragraphs, links, bookmarks and tables.

Texts must be clean (`characters.clean`): XML has no way to write control characters. Lengths are twentieths of a point.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from itertools import pairwise

MEASURE = 9638
"""Width of the text on an A4 page between margins of two centimetres."""

# The first letter decides a paragraph's direction, as in UAX #9, P2 and P3.
_RIGHT_TO_LEFT = re.compile("[^\\w]*[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")


def run(text: str, *, style: str | None = None, properties: str = "") -> str:
    """Some text in one character style."""
    if style is not None:
        properties = f'<w:rStyle w:val="{style}"/>{properties}'
    if is_right_to_left(text):
        properties += "<w:rtl/>"
    marked = f"<w:rPr>{properties}</w:rPr>" if properties else ""
    return f'<w:r>{marked}<w:t xml:space="preserve">{escape(text, quote=False)}</w:t></w:r>'


def coloured(colour: str) -> str:
    """Run properties: the text in a colour (`RRGGBB`)."""
    return f'<w:color w:val="{colour}"/>'


def line_break() -> str:
    """A new line inside a paragraph."""
    return "<w:r><w:br/></w:r>"


def tabulator() -> str:
    """To the next tab stop."""
    return "<w:r><w:tab/></w:r>"


def is_right_to_left(text: str) -> bool:
    """Whether a paragraph that begins with this text runs from right to left."""
    return not text.isascii() and _RIGHT_TO_LEFT.match(text) is not None


def paragraph(style: str, content: str, *, properties: str = "", right_to_left: bool = False, keep: bool = False) -> str:
    """A paragraph of runs, on the same page as the next one if told to `keep`. `properties` are spacing and what the schema
    wants behind it."""
    if right_to_left:
        properties = f"<w:bidi/>{properties}"
    if keep:
        properties = f"<w:keepNext/>{properties}"
    return f'<w:p><w:pPr><w:pStyle w:val="{style}"/>{properties}</w:pPr>{content}</w:p>'


def link(anchor: str, content: str) -> str:
    """Runs that lead to a bookmark of the document."""
    return f'<w:hyperlink w:anchor="{anchor}" w:history="1">{content}</w:hyperlink>'


def web_link(address: str, content: str) -> str:
    """Runs that lead to a web address, without a relationship of the package."""
    instruction = escape(f'HYPERLINK "{address}"')
    return f'<w:fldSimple w:instr="{instruction}">{content}</w:fldSimple>'


def bookmark(number: int, name: str, content: str) -> str:
    """Runs that links can lead to; numbers and names are unique in the document."""
    start = f'<w:bookmarkStart w:id="{number}" w:name="{name}"/>'
    return f'{start}{content}<w:bookmarkEnd w:id="{number}"/>'


def cell(width: int, content: str, *, fill: str | None = None) -> str:
    """A table's cell of whole paragraphs."""
    shade = f'<w:shd w:val="clear" w:color="auto" w:fill="{fill}"/>' if fill else ""
    return f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{shade}</w:tcPr>{content}</w:tc>'


def row(cells: Iterable[str], *, is_head: bool = False, height: int | None = None) -> str:
    """A row that no page break cuts; a head stands again on every page."""
    exact = f'<w:trHeight w:val="{height}" w:hRule="exact"/>' if height else ""
    head = "<w:tblHeader/>" if is_head else ""
    return f"<w:tr><w:trPr><w:cantSplit/>{exact}{head}</w:trPr>{''.join(cells)}</w:tr>"


def table(widths: Sequence[int], rows: Iterable[str], *, style: str, description: str = "", padding: int = 90) -> str:
    """A table with columns of fixed widths; without these, programs lay it out anew, each in its own way."""
    described = f'<w:tblDescription w:val="{escape(description)}"/>' if description else ""
    margins = (
        f'<w:tblCellMar><w:top w:w="60" w:type="dxa"/><w:left w:w="{padding}" w:type="dxa"/>'
        f'<w:bottom w:w="60" w:type="dxa"/><w:right w:w="{padding}" w:type="dxa"/></w:tblCellMar>'
    )
    properties = (
        f'<w:tblPr><w:tblStyle w:val="{style}"/><w:tblW w:w="{sum(widths)}" w:type="dxa"/>'
        f'<w:tblLayout w:type="fixed"/>{margins}<w:tblLook w:val="0020"/>{described}</w:tblPr>'
    )
    grid = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    return f"<w:tbl>{properties}<w:tblGrid>{grid}</w:tblGrid>{''.join(rows)}</w:tbl>"


def shares(weights: Sequence[float], *, total: int = MEASURE) -> list[int]:
    """Whole widths in proportion to the weights that add up to `total`."""
    ends, whole, sum_ = [0], sum(weights), 0.0
    for weight in weights:
        sum_ += weight
        ends.append(round(total * sum_ / whole))
    return [end - start for start, end in pairwise(ends)]
