"""The only module that knows ReportLab, and that touches names it does not publish: it collects the file's objects.

ReportLab makes the catalogue, the information, the tree of pages and the outline. Pages, fonts, links and the structure come
ready in the file's language.
"""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from types import SimpleNamespace

from reportlab import rl_config
from reportlab.pdfbase import pdfdoc, pdfmetrics
from reportlab.pdfgen.canvas import Canvas

from services.reporter.renderers.pdf.embedding import add_font
from services.reporter.renderers.pdf.encoder import EmbeddedFont
from services.reporter.renderers.pdf.metadata import CREATOR, PRODUCER, Metadata, xmp
from services.reporter.renderers.pdf.packing import pack, plain_stream, stream
from services.reporter.renderers.pdf.shapes import rectangle
from services.reporter.renderers.pdf.sheet import Link, OutlineEntry, Sheet
from services.reporter.renderers.pdf.tags import LinkPlace, Tag, Tree, text_string

ABOVE_PLACE = 14.0
"""Points of the page that are shown above a place that a link leads to."""

_NO_FONT = "audio2txt-none"


class PdfFile:
    """One PDF in the making: metadata and fonts, then pages, then outline and structure."""

    def __init__(self, metadata: Metadata, size: tuple[float, float], fonts: Iterable[EmbeddedFont]) -> None:
        _register_no_font()
        canvas = Canvas(
            io.BytesIO(),
            pagesize=size,
            invariant=1,
            lang=metadata.language,
            initialFontName=_NO_FONT,
            pdfVersion=(1, 7),
        )
        canvas.setTitle(metadata.title)
        canvas.setSubject(metadata.subject)
        canvas.setAuthor("")
        canvas.setCreator(CREATOR)
        canvas.setProducer(PRODUCER)
        canvas.setViewerPreference("DisplayDocTitle", "true")
        date = metadata.created.astimezone(dt.UTC).strftime("D:%Y%m%d%H%M%SZ")
        canvas.setDateFormatter(lambda *_: date)
        self._canvas, self._document = canvas, canvas._doc  # noqa: SLF001
        self._size = size
        self._metadata = metadata
        self._pages: list[str] = []
        self._links: list[tuple[LinkPlace, int]] = []
        self._resources = self._add_resources(fonts)

    def add_pages(self, sheets: Sequence[Sheet], contents: Iterable[bytes], outline: Iterable[OutlineEntry]) -> None:
        """Add all pages, with their drawing operators, their links, and the outline that leads to places on them."""
        entries = list(outline)
        titled = {entry.place for entry in entries}
        for sheet in sheets:
            for place, y in sheet.places.items():
                if place in titled:
                    self._canvas.bookmarkPage(place, fit="XYZ", left=0, top=y + ABOVE_PLACE)
            name = self._document.thisPageName()
            self._canvas.showPage()
            self._pages.append(name)
        for entry in entries:
            self._canvas.addOutlineEntry(entry.title, entry.place, entry.level)
        numbers = self._page_numbers
        places = {
            place: f"[{numbers[number]} 0 R/XYZ 0 {y + ABOVE_PLACE:.1f} 0]"
            for number, sheet in enumerate(sheets)
            for place, y in sheet.places.items()
        }
        for number, (sheet, content) in enumerate(zip(sheets, contents, strict=True)):
            self._document.updateSignature(content)
            for index, link in enumerate(sheet.links):
                added = self._add_link(link, places, len(sheets) + len(self._links))
                self._links.append((LinkPlace(number, index), added))
            self._document.idToObject[self._pages[number]] = _Raw(self._page(number, sheet, content))

    def finish(self, structure: Tag, sheets: Sequence[Sheet]) -> bytes:
        """The whole file."""
        document, catalog = self._document, self._document.Catalog
        root = _Raw(b"")
        catalog.StructTreeRoot, catalog.MarkInfo = root, _Raw(b"<</Marked true>>")
        catalog.Metadata = _Raw(plain_stream(xmp(self._metadata), "/Type/Metadata/Subtype/XML"))
        tree = Tree(structure, root=self._number(root), first=document.objectcounter + 1)
        document.objectcounter += tree.size
        links = {place: (number, len(sheets) + index) for index, (place, number) in enumerate(self._links)}
        root.data, *others = tree.objects([sheet.tags for sheet in sheets], links, self._page_numbers)
        document.format = lambda: self._pack(enumerate(others, start=tree.first))
        data: bytes = document.GetPDFData(self._canvas)
        return data

    @property
    def _page_numbers(self) -> list[int]:
        return [self._document.idToObjectNumberAndVersion[name][0] for name in self._pages]

    def _pack(self, structure: Iterable[tuple[int, bytes]]) -> bytes:
        """Instead of ReportLab's own writer, which compresses each stream and nothing else."""
        document = self._document
        identifier = bytes.fromhex(document.signature.hexdigest())
        root, info = self._number(document.Catalog), self._number(document.info)
        return pack(chain(self._formatted(), structure), root=root, info=info, identifier=identifier)

    def _formatted(self) -> Iterator[tuple[int, bytes]]:
        """ReportLab's objects, to which more may come while they are formatted."""
        document, done = self._document, set[int]()
        while waiting := [number for number in document.numberToId if number not in done]:
            for number in waiting:
                done.add(number)
                yield number, pdfdoc.format(document.idToObject[document.numberToId[number]], document, toplevel=1)

    def _page(self, number: int, sheet: Sheet, content: bytes) -> bytes:
        links = [object_ for _, object_ in self._links[-len(sheet.links) :]] if sheet.links else []
        notes = f"/Annots[{' '.join(f'{link} 0 R' for link in links)}]" if links else ""
        return (
            f"<</Type/Page/Parent {self._number(self._document.Pages)} 0 R/MediaBox[0 0 {self._size[0]} {self._size[1]}]"
            f"/Resources {self._resources} 0 R/Contents {self._add(stream(content))} 0 R{notes}/StructParents {number}/Tabs/S>>"
        ).encode()

    def _add_link(self, link: Link, places: Mapping[str, str], parent: int) -> int:
        box, inside = link.box, link.target.startswith("#")
        target = f"/Dest{places[link.target[1:]]}" if inside else f"/A<</S/URI/URI{text_string(link.target)}>>"
        return self._add(
            (
                f"<</Type/Annot/Subtype/Link/F 4/Border[0 0 0]/StructParent {parent}/Contents{text_string(link.contents)}"
                f"/Rect[{box.x:.1f} {box.y:.1f} {box.x + box.width:.1f} {box.y + box.height:.1f}]{target}>>"
            ).encode()
        )

    def _add_resources(self, fonts: Iterable[EmbeddedFont]) -> int:
        """What pages use by name: the fonts, and a dot, which is drawn often."""
        named = "".join(f"/{font.resource} {add_font(font, self._add)} 0 R" for font in fonts)
        circle = f"{rectangle(-1, -1, 2, 2, 1)} f".encode("ascii")
        dot = self._add(stream(circle, "/Type/XObject/Subtype/Form/BBox[-1 -1 1 1]"))
        return self._add(f"<</Font<<{named}>>/XObject<</Dot {dot} 0 R>>>>".encode())

    def _add(self, data: bytes) -> int:
        return self._number(_Raw(data))

    def _number(self, thing: object) -> int:
        """The number of an object, which it gets now if it has none."""
        name = self._document.Reference(thing).name
        number: int = self._document.idToObjectNumberAndVersion[name][0]
        return number


class _Raw(pdfdoc.PDFObject):  # type: ignore[misc]
    """An object that is already in the file's language."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def format(self, _document: pdfdoc.PDFDocument) -> bytes:
        return self.data


def _register_no_font() -> None:
    """Give the canvas a first font that is none; otherwise every file would name Helvetica without embedding it."""
    if _NO_FONT not in pdfmetrics.getRegisteredFontNames():
        face = SimpleNamespace(name=_NO_FONT)
        pdfmetrics.registerFont(SimpleNamespace(fontName=_NO_FONT, face=face, _dynamicFont=True, _multiByte=False))
        rl_config.useA85 = 0
        rl_config.pdfComments = 0
