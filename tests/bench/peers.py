"""Other ways to a PDF, each setting the bare transcript: a line with speaker and time, a paragraph of words.

None of them reads the fonts that ours are cut from (variable, in a collection), so they are given static TrueType fonts that
are cut to the text already. That spares them the larger part of what ours does about fonts.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import uharfbuzz as hb  # type: ignore[import-untyped]

from shared.fontfiles import cjk_file, latin_file
from shared.schemas.transcripts import Transcript

SIZE, LEADING, MARGIN = 9.8, 15.8, 51.0
LATIN, CHINESE = "latin.ttf", "chinese.ttf"


def cut_fonts(folder: Path, text: str) -> None:
    """Write both fonts."""
    (folder / LATIN).write_bytes(
        _cut(latin_file(), 0, {"wght": 400, "opsz": 14}, "".join(map(chr, range(32, 0x250))) + "—–“”‘’…")
    )
    if not text.isascii():
        (folder / CHINESE).write_bytes(_true_type(_cut(cjk_file(), 3, {"wght": 400}, text)))


def with_fpdf2(source: Transcript, fonts: Path) -> bytes:
    """fpdf2."""
    from fpdf import FPDF
    from fpdf.enums import WrapMode

    chinese = (fonts / CHINESE).exists()
    pdf = FPDF(format="A4", unit="pt")
    pdf.set_auto_page_break(True, 54)
    pdf.add_font("body", fname=fonts / (CHINESE if chinese else LATIN))
    pdf.add_page()
    for segment in source.segments:
        pdf.set_font("body", size=8)
        pdf.multi_cell(0, 14, _head(segment), new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("body", size=SIZE)
        pdf.multi_cell(
            0,
            LEADING,
            segment.text,
            align="L",
            new_x="LMARGIN",
            new_y="NEXT",
            wrapmode=WrapMode.CHAR if chinese else WrapMode.WORD,
        )
    return bytes(pdf.output())


def with_platypus(source: Transcript, fonts: Path) -> bytes:
    """ReportLab's own page flow."""
    from xml.sax.saxutils import escape

    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.platypus import Paragraph, SimpleDocTemplate

    chinese = (fonts / CHINESE).exists()
    pdfmetrics.registerFont(TTFont("body", str(fonts / (CHINESE if chinese else LATIN))))
    body = ParagraphStyle("body", fontName="body", fontSize=SIZE, leading=LEADING, wordWrap="CJK" if chinese else None)
    head = ParagraphStyle("head", parent=body, fontSize=8, leading=14, keepWithNext=1)
    story = []
    for segment in source.segments:
        story += [Paragraph(escape(_head(segment)), head), Paragraph(escape(segment.text), body)]
    file = io.BytesIO()
    SimpleDocTemplate(file, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=54, bottomMargin=54).build(story)
    return file.getvalue()


def with_typst(source: Transcript, fonts: Path) -> bytes:
    """typst, which is written in Rust. It tags its PDFs, too."""
    import typst

    chinese = (fonts / CHINESE).exists()
    families = '("Inter", "Noto Sans CJK TC")' if chinese else '"Inter"'
    lines = [
        f'#set page(paper: "a4", margin: {MARGIN}pt, numbering: "1 / 1")',
        f'#set text(font: {families}, size: {SIZE}pt, lang: "{"zh" if chinese else "en"}")',
        f"#set par(leading: {LEADING - SIZE}pt, justify: {str(chinese).lower()})",
    ]
    lines += [f"#text(size: 8pt, {_string(_head(segment))})\n\n#{_string(segment.text)}\n" for segment in source.segments]
    data: Any = typst.compile(  # type: ignore[misc]  # its stub leaves a parameter open
        "\n".join(lines).encode(), font_paths=[str(fonts)], ignore_system_fonts=True
    )
    return bytes(data)


def _head(segment: Any) -> str:
    seconds = segment.start_ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}  {segment.speaker_id}"


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _cut(path: Path, index: int, axes: dict[str, float], text: str) -> bytes:
    face = hb.Face(hb.Blob.from_file_path(path), index)
    wanted = hb.SubsetInput()
    wanted.sets(hb.SubsetInputSets.UNICODE).set({ord(character) for character in text} | set(range(32, 127)))
    wanted.flags = hb.SubsetFlags.NO_HINTING | hb.SubsetFlags.DOWNGRADE_CFF2
    for axis, value in axes.items():
        wanted.pin_axis_location(face, axis, value)
    return bytes(wanted.subset(face).blob.data)


def _true_type(data: bytes) -> bytes:
    """The same font with quadratic curves."""
    from fontTools.fontBuilder import FontBuilder  # type: ignore[import-untyped,import-not-found,unused-ignore]
    from fontTools.pens.cu2quPen import Cu2QuPen  # type: ignore[import-untyped,import-not-found,unused-ignore]
    from fontTools.pens.ttGlyphPen import TTGlyphPen  # type: ignore[import-untyped,import-not-found,unused-ignore]
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped,import-not-found,unused-ignore]

    font = TTFont(io.BytesIO(data))
    glyphs = font.getGlyphSet()
    order = font.getGlyphOrder()
    outlines = {}
    for name in order:
        pen = TTGlyphPen(glyphs)
        glyphs[name].draw(Cu2QuPen(pen, 1.0, reverse_direction=True))
        outlines[name] = pen.glyph()
    builder = FontBuilder(int(font["head"].unitsPerEm), isTTF=True)
    builder.setupGlyphOrder(order)
    builder.setupCharacterMap(font.getBestCmap())
    builder.setupGlyf(outlines)
    builder.setupHorizontalMetrics({name: font["hmtx"][name] for name in order})
    builder.setupHorizontalHeader(ascent=880, descent=-120)
    builder.setupNameTable({"familyName": "Noto Sans CJK TC", "styleName": "Regular", "psName": "NotoSansCJKtc-Regular"})
    builder.setupOS2(sTypoAscender=880, sTypoDescender=-120, usWinAscent=1160, usWinDescent=288)
    builder.setupPost()
    file = io.BytesIO()
    builder.save(file)
    return file.getvalue()
