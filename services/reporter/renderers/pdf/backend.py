"""The only module that knows ReportLab, and that touches names it does not publish: it writes the file's objects.

ReportLab's own fonts know neither CFF outlines nor more than 256 characters, so fonts are embedded here as composite
fonts (Type 0, Identity-H) that HarfBuzz has cut; pages come ready as drawing operators and are compressed here.
"""

from __future__ import annotations

import datetime as dt
import io
import zlib
from collections.abc import Iterable, Mapping
from types import SimpleNamespace

from reportlab import rl_config
from reportlab.pdfbase import pdfdoc, pdfmetrics
from reportlab.pdfgen.canvas import Canvas

from services.reporter.renderers.pdf.fonts import Subset
from services.reporter.renderers.pdf.sheet import OutlineEntry, Sheet, rectangle

COMPRESSION = 3
"""Of deflate. Higher levels take twice the time to save five bytes in a hundred."""

FONT_COMPRESSION = 1
"""Outlines hardly compress."""

_NO_FONT = "audio2txt-none"


class PdfFile:
    """One PDF in the making: metadata, then fonts, then pages, then the outline."""

    def __init__(self, *, size: tuple[float, float], language: str, title: str, subject: str, created: dt.datetime) -> None:
        _register_no_font()
        self._canvas = Canvas(
            io.BytesIO(),
            pagesize=size,
            pageCompression=0,
            invariant=1,
            lang=language,
            initialFontName=_NO_FONT,
            pdfVersion=(1, 7),
        )
        self._canvas.setTitle(title)
        self._canvas.setSubject(subject)
        self._canvas.setAuthor("")
        self._canvas.setCreator("Audio2txt")
        self._canvas.setProducer("Audio2txt, ReportLab")
        self._canvas.setViewerPreference("DisplayDocTitle", "true")
        date = created.astimezone(dt.UTC).strftime("D:%Y%m%d%H%M%SZ")
        self._canvas.setDateFormatter(lambda *_: date)
        self._document = self._canvas._doc  # noqa: SLF001
        # One for all pages, where ReportLab would write each its own.
        self._resources = self._document.Reference(_resources(self._document), "resources")
        self._box = _Raw(f"[0 0 {size[0]} {size[1]}]")

    def embed(self, resource: str, subset: Subset) -> None:
        """Embed a font under the name that pages use."""
        reference = self._document.Reference(_type0(self._document, resource, subset), f"font:{resource}")
        self._document.idToObject["BasicFonts"].dict[resource] = reference

    def add_page(self, sheet: Sheet, content: bytes) -> None:
        """Add a page with its drawing operators, the named places on it and its links."""
        for place, y in sheet.places.items():
            self._canvas.bookmarkPage(place, fit="XYZ", left=0, top=y + 14)
        for link in sheet.links:
            box = (link.x, link.y, link.x + link.width, link.y + link.height)
            if link.target.startswith("#"):
                self._canvas.linkAbsolute("", link.target[1:], box)
            else:
                self._canvas.linkURL(link.target, box)
        name = self._document.thisPageName()
        self._canvas.showPage()
        page = self._document.idToObject[name]
        page.Contents = _stream(content, level=COMPRESSION)
        page.Resources, page.MediaBox = self._resources, self._box
        self._document.updateSignature(content)

    def finish(self, outline: Iterable[OutlineEntry]) -> bytes:
        """The whole file. The outline's places must be on its pages."""
        for entry in outline:
            self._canvas.addOutlineEntry(entry.title, entry.place, entry.level)
        data: bytes = self._canvas.getpdfdata()
        return data


class _Raw(pdfdoc.PDFObject):  # type: ignore[misc]
    """An object that is already in the file's language."""

    def __init__(self, text: str) -> None:
        self._text = text

    def format(self, _document: pdfdoc.PDFDocument) -> bytes:
        return self._text.encode("ascii")


def _register_no_font() -> None:
    """Give the canvas a first font that is none; otherwise every file would name Helvetica without embedding it."""
    if _NO_FONT not in pdfmetrics.getRegisteredFontNames():
        face = SimpleNamespace(name=_NO_FONT)
        pdfmetrics.registerFont(SimpleNamespace(fontName=_NO_FONT, face=face, _dynamicFont=True, _multiByte=False))
        rl_config.useA85 = 0
        rl_config.pdfComments = 0


def _resources(document: pdfdoc.PDFDocument) -> pdfdoc.PDFDictionary:
    """What pages use by name: the fonts, and a dot, which is drawn often."""
    box = pdfdoc.PDFArray([-1, -1, 1, 1])
    circle = f"{rectangle(-1, -1, 2, 2, 1)} f".encode("ascii")
    dot = _stream(circle, level=COMPRESSION, Type="/XObject", Subtype="/Form", BBox=box)
    forms = pdfdoc.PDFDictionary({"Dot": document.Reference(dot, "dot")})
    return pdfdoc.PDFDictionary({"Font": pdfdoc.PDFObjectReference("BasicFonts"), "XObject": forms})


def _stream(data: bytes, *, level: int, **entries: object) -> pdfdoc.PDFStream:
    return pdfdoc.PDFStream(pdfdoc.PDFDictionary({"Filter": "/FlateDecode", **entries}), zlib.compress(data, level))


def _type0(document: pdfdoc.PDFDocument, resource: str, subset: Subset) -> pdfdoc.PDFDictionary:
    true_type = subset.outlines == "glyf"
    name = pdfdoc.PDFName(f"{_tag(subset)}+{subset.name}")
    entries = {"Length1": len(subset.data)} if true_type else {"Subtype": "/CIDFontType0C"}
    descriptor = {
        "Type": "/FontDescriptor",
        "FontName": name,
        "Flags": 4,
        "FontBBox": pdfdoc.PDFArray([-1000, subset.descent, 3000, subset.ascent]),
        "ItalicAngle": 0,
        "Ascent": subset.ascent,
        "Descent": subset.descent,
        "CapHeight": 730,
        "StemV": 80,
        "FontFile2" if true_type else "FontFile3": document.Reference(
            _stream(subset.data, level=FONT_COMPRESSION, **entries), f"file:{resource}"
        ),
    }
    descendant = {
        "Type": "/Font",
        "Subtype": "/CIDFontType2" if true_type else "/CIDFontType0",
        "BaseFont": name,
        "CIDSystemInfo": _Raw("<</Registry (Adobe) /Ordering (Identity) /Supplement 0>>"),
        "FontDescriptor": document.Reference(pdfdoc.PDFDictionary(descriptor), f"descriptor:{resource}"),
        "DW": 1000,
        "W": _Raw(_widths(subset.widths)),
    }
    if true_type:
        descendant["CIDToGIDMap"] = "/Identity"
    unicode = _stream(_to_unicode(subset.codes).encode("ascii"), level=COMPRESSION)
    font = {
        "Type": "/Font",
        "Subtype": "/Type0",
        "BaseFont": name,
        "Encoding": "/Identity-H",
        "DescendantFonts": pdfdoc.PDFArray([document.Reference(pdfdoc.PDFDictionary(descendant), f"descendant:{resource}")]),
        "ToUnicode": document.Reference(unicode, f"unicode:{resource}"),
    }
    return pdfdoc.PDFDictionary(font)


def _tag(subset: Subset) -> str:
    """The six letters that mark a subset; others for another set of glyphs."""
    number = zlib.crc32(subset.data)
    return "".join(chr(ord("A") + number // 26**place % 26) for place in range(6))


def _widths(widths: Mapping[int, int]) -> str:
    """The W array: runs of consecutive codes whose width is not the default of 1000."""
    runs: list[tuple[int, list[int]]] = []
    for code, width in sorted(widths.items()):
        if width == 1000:
            continue
        if runs and code == runs[-1][0] + len(runs[-1][1]):
            runs[-1][1].append(width)
        else:
            runs.append((code, [width]))
    return "[" + " ".join(f"{first} [{' '.join(map(str, run))}]" for first, run in runs) + "]"


def _to_unicode(codes: Mapping[str, int]) -> str:
    """The CMap by which readers copy and search text; of two characters with one glyph it holds the last."""
    texts = {code: character.encode("utf-16-be").hex().upper() for character, code in codes.items()}
    pairs = [f"<{code:04X}> <{text}>" for code, text in sorted(texts.items())]
    blocks = [pairs[start : start + 100] for start in range(0, len(pairs), 100)]
    body = "\n".join(f"{len(block)} beginbfchar\n" + "\n".join(block) + "\nendbfchar" for block in blocks)
    return (
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap\n"
        "/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def\n"
        "/CMapName /Adobe-Identity-UCS def /CMapType 2 def\n"
        f"1 begincodespacerange <0000> <FFFF> endcodespacerange\n{body}\n"
        "endcmap CMapName currentdict /CMap defineresource pop end end"
    )
