"""The PDF: an A4 document set by ourselves, since it must break Chinese rightly, embed its fonts, be read aloud, and be fast.

`styles` prepares texts and `typeset` breaks them, `blocks` lays the document out on `sheet`s with a `pen`, `encoder` turns
them into the page's language, `tags` says what is what, `backend` and `packing` write the file.
"""

from __future__ import annotations

import msgspec

from services.reporter.blocks import Dialogue, Document
from services.reporter.renderers.pdf import fonts, palette
from services.reporter.renderers.pdf.backend import PdfFile
from services.reporter.renderers.pdf.blocks import draw_document
from services.reporter.renderers.pdf.encoder import Encoder
from services.reporter.renderers.pdf.front import draw_page_edges
from services.reporter.renderers.pdf.metadata import Metadata
from services.reporter.renderers.pdf.pen import Pen
from services.reporter.renderers.pdf.scripts import Places
from services.reporter.renderers.pdf.styles import Style


def render(document: Document) -> tuple[bytes, int]:
    """The file, and how many characters it could not show."""
    styles = _styles(document)
    unshown = _count_unshown(styles["text"], document)
    pen = Pen(styles)
    draw_document(pen, document, unshown)
    draw_page_edges(pen, document)
    pen.settle_links()
    encoder = Encoder(pen.sheets)
    metadata = Metadata(
        title=document.title,
        subject=document.kind,
        language=_language(document),
        created=document.transcript.created_at,
    )
    file = PdfFile(metadata, (palette.PAGE_WIDTH, palette.PAGE_HEIGHT), encoder.fonts)
    file.add_pages(pen.sheets, map(encoder.content, pen.sheets), pen.outline)
    return file.finish(pen.document, pen.sheets), unshown


def _language(document: Document) -> str:
    """That of most words: of the report's, where it has some, else of the transcript's."""
    if document.report.sections:
        return document.labels.language
    return document.transcript.language or document.labels.language


def _count_unshown(style: Style, document: Document) -> int:
    """How many characters of the title, the names and the blocks no font has."""
    spoken = [block for block in document.blocks if isinstance(block, Dialogue)]
    others = [block for block in document.blocks if not isinstance(block, Dialogue)]
    texts = [utterance.text for block in spoken for turn in block.turns for utterance in turn.utterances]
    texts += [document.title, msgspec.json.encode(others).decode()]
    text = "".join(texts)
    return sum(text.count(character) for character in style.lacks("".join(set(text))))


def _styles(document: Document) -> dict[str, Style]:
    """The fonts of one document; Chinese characters take the shapes of the transcript's region."""
    region = fonts.region_of(document.transcript.language or document.labels.language)
    places = Places()
    return {
        "text": Style("text", [fonts.latin(400, 14), fonts.cjk(region, 400)], 400, places),
        "strong": Style("strong", [fonts.latin(600, 14), fonts.cjk(region, 700)], 600, places),
        "display": Style("display", [fonts.latin(700, 32), fonts.cjk(region, 700)], 700, places),
    }
