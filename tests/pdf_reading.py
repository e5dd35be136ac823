"""Reads a PDF as a screen reader does: along its structure, by the texts that its codes stand for."""

from __future__ import annotations

import io
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pikepdf

_PAIR = re.compile(rb"<([0-9A-F]{4})> <([0-9A-F]*)>")


@dataclass
class Element:
    """One element of the structure, with what it holds in reading order."""

    role: str
    entries: dict[str, str]
    kids: list[Element | str] = field(default_factory=list)
    links: list[Any] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What is read aloud."""
        if "/ActualText" in self.entries:
            return self.entries["/ActualText"]
        return " ".join(filter(None, (kid if isinstance(kid, str) else kid.text for kid in self.kids)))

    def walk(self) -> Iterator[Element]:
        """Itself and all below."""
        yield self
        for kid in self.kids:
            if isinstance(kid, Element):
                yield from kid.walk()

    def all(self, *roles: str) -> list[Element]:
        """Every element of some roles."""
        return [one for one in self.walk() if one.role in roles]


class ReadPdf:
    """A PDF's structure, and what stands on its pages outside of it."""

    def __init__(self, data: bytes) -> None:
        self.pdf = pikepdf.open(io.BytesIO(data))
        self.marked: list[dict[int, str]] = []
        self.artifacts: list[str] = []
        self.unmarked: list[str] = []
        for page in self.pdf.pages:
            texts = _texts(page)
            self.artifacts.append(" ".join(texts.pop(-1, [])))
            self.unmarked += texts.pop(None, [])
            self.marked.append({number: "".join(parts) for number, parts in texts.items() if number is not None})
        self._pages: dict[Any, int] = {page.objgen: number for number, page in enumerate(self.pdf.pages)}
        self.read: set[tuple[int, int]] = set()
        self.document = self._element(self.pdf.Root.StructTreeRoot.K)

    def _element(self, found: Any) -> Element:
        element = Element(str(found.S)[1:], {key: str(found[key]) for key in ("/Alt", "/ActualText", "/A") if key in found})
        kids = found.get("/K")
        for kid in kids if isinstance(kids, pikepdf.Array) else [kids]:
            if isinstance(kid, pikepdf.Dictionary) and kid.get("/Type") == "/OBJR":
                element.links.append(kid.Obj)
            elif isinstance(kid, pikepdf.Dictionary) and kid.get("/Type") == "/MCR":
                element.kids.append(self._content(self._pages[kid.Pg.objgen], int(kid.MCID)))
            elif isinstance(kid, pikepdf.Dictionary):
                element.kids.append(self._element(kid))
            elif kid is not None:
                element.kids.append(self._content(self._pages[found.Pg.objgen], int(kid)))
        return element

    def _content(self, page: int, number: int) -> str:
        assert (page, number) not in self.read, "content belongs to two elements"
        self.read.add((page, number))
        return self.marked[page].get(number, "")


def _texts(page: pikepdf.Page) -> dict[int | None, list[str]]:
    """The page's lines by the number of their mark; -1 for artifacts, None for what is not marked at all."""
    fonts = {name: _meanings(font) for name, font in page.resources.Font.items()}
    texts: dict[int | None, list[str]] = defaultdict(list)
    marks: list[int | None] = []
    meanings: dict[int, str] = {}
    started = False
    instructions: Any = pikepdf.parse_content_stream(page)
    for operands, operator in instructions:
        match str(operator):
            case "BMC" | "BDC":
                properties = operands[1] if len(operands) > 1 else {}
                inside = marks[-1] if marks else None
                marks.append(
                    -1 if operands[0] == "/Artifact" else int(properties["/MCID"]) if "/MCID" in properties else inside
                )
            case "EMC":
                marks.pop()
            case "Tf":
                meanings = fonts[str(operands[0])]
            case "Tm" | "T*":
                started = False
            case "Tj" | "TJ":
                shown = operands[0] if str(operator) == "TJ" else operands
                line = "".join(_decoded(bytes(part), meanings) for part in shown if isinstance(part, pikepdf.String))
                mark = marks[-1] if marks else None
                if not started and texts[mark]:
                    texts[mark].append(" ")
                texts[mark].append(line)
                started = True
            case _:
                pass
    return texts


def _meanings(font: Any) -> dict[int, str]:
    return {
        int(code, 16): bytes.fromhex(text.decode()).decode("utf-16-be")
        for code, text in _PAIR.findall(font.ToUnicode.read_bytes())
    }


def _decoded(data: bytes, meanings: dict[int, str]) -> str:
    return "".join(meanings[int.from_bytes(data[index : index + 2], "big")] for index in range(0, len(data), 2))


def squeezed(text: str) -> str:
    """Without white space and number marks, which lines and notes put in."""
    return re.sub(r"\s", "", text)


def texts_of(block: Any) -> list[str]:
    """Every text of a block that readers see, as `json` sees it."""
    found: list[str] = []

    def collect(value: Any, key: str = "") -> None:
        if isinstance(value, str) and key not in {"id", "segment_id", "mark"}:
            found.append(value)
        elif isinstance(value, dict):
            for name, one in value.items():
                collect(one, name)
        elif isinstance(value, list | tuple):
            for one in value:
                collect(one, key)

    collect(msgspec.json.decode(msgspec.json.encode(block, enc_hook=str)))
    return [text for text in found if text.strip()]
