"""The PDF: an A4 document set by ourselves, since it must break Chinese rightly, embed its fonts, and be fast.

`typeset` breaks lines, `blocks` lays the document out on `sheet`s, `encoder` turns them into the page's language,
`backend` writes the file.
"""

from __future__ import annotations

from services.reporter.blocks import Dialogue, Document, Findings
from services.reporter.renderers.pdf import fonts, palette
from services.reporter.renderers.pdf.backend import PdfFile
from services.reporter.renderers.pdf.blocks import draw_document, draw_page_edges
from services.reporter.renderers.pdf.encoder import Encoder
from services.reporter.renderers.pdf.sheet import Pen
from services.reporter.renderers.pdf.typeset import Style, prepare


def render(document: Document) -> tuple[bytes, int]:
    """The file, and how many characters it could not show."""
    styles = _styles(document.transcript.language)
    unshown = _count_unshown(styles["text"], document)
    pen = Pen(styles)
    draw_document(pen, document, unshown)
    draw_page_edges(pen, document)
    pen.drop_dead_links()
    encoder = Encoder(pen.sheets)
    file = PdfFile(
        size=(palette.PAGE_WIDTH, palette.PAGE_HEIGHT),
        language=document.transcript.language or document.labels.language,
        title=document.title,
        subject=document.kind,
        created=document.transcript.created_at,
    )
    for resource, subset in encoder.subsets.items():
        file.embed(resource, subset)
    for sheet in pen.sheets:
        file.add_page(sheet, encoder.content(sheet))
    return file.finish(pen.outline), unshown


def _count_unshown(style: Style, document: Document) -> int:
    """How many characters of the title, the names, the findings and the dialogue no font has."""
    texts = [document.title, *(voice.name for voice in document.voices.values())]
    for block in document.blocks:
        if isinstance(block, Dialogue):
            texts += [utterance.text for turn in block.turns for utterance in turn.utterances]
        elif isinstance(block, Findings):
            texts += [finding.text for finding in block.findings]
    text = prepare("".join(texts))
    return sum(text.count(character) for character in set(text) if style.face_of[character] == style.unknown)


def _styles(language: str | None) -> dict[str, Style]:
    region = fonts.region_of(language)
    return {
        "text": Style("text", [fonts.latin(400, 14), fonts.cjk(region, 400)]),
        "strong": Style("strong", [fonts.latin(600, 14), fonts.cjk(region, 700)]),
        "display": Style("display", [fonts.latin(700, 32), fonts.cjk(region, 700)]),
    }
