"""The structure tree: what each text of the page is, in the order in which it is read, for those who cannot see the page.

ISO 32000-1, 14.7 and 14.8. The roles are the standard ones, so that no reader needs a map.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias, assert_never

ARTIFACT = -1
"""Marks what is not read: rules, backgrounds, running heads."""


class Content(NamedTuple):
    """Marked content: the sheet it stands on and its number there."""

    sheet: int
    number: int


class LinkPlace(NamedTuple):
    """The annotation that makes a text a link: its sheet and number there."""

    sheet: int
    number: int


class Tag:
    """An element of the structure: its role, what it holds in reading order, and what else is said of it."""

    __slots__ = ("attributes", "kids", "parent", "role")

    def __init__(self, role: str, parent: Tag | None = None, attributes: str = "") -> None:
        self.role = role
        self.parent = parent
        self.attributes = attributes
        """Entries of the element's dictionary, in the page's language."""
        self.kids: list[Kid] = []
        if parent is not None:
            parent.kids.append(self)


Kid: TypeAlias = Tag | Content | LinkPlace

COLUMN_HEAD = "/A<</O/Table/Scope/Column>>"
NUMBERED, UNNUMBERED = "/A<</O/List/ListNumbering/Decimal>>", "/A<</O/List/ListNumbering/None>>"


def alternative(text: str) -> str:
    """The attribute that says in words what a figure shows."""
    return f"/Alt{text_string(text)}"


def actual(text: str) -> str:
    """The attribute that gives a text in the order in which it is read, where it is drawn in another."""
    return f"/ActualText{text_string(text)}"


def bounding_box(x: float, y: float, width: float, height: float) -> str:
    """The attribute that says where a figure stands."""
    return f"/A<</O/Layout/Placement/Block/BBox[{x:.1f} {y:.1f} {x + width:.1f} {y + height:.1f}]>>"


def text_string(text: str) -> str:
    """A string for readers, as PDF writes it."""
    if text.isascii() and text.isprintable():
        escaped = text.replace("\\", "\\\\").replace("(", "\\(").replace(")", "\\)")
        return f"({escaped})"
    return f"<FEFF{text.encode('utf-16-be').hex().upper()}>"


class Tree:
    """The structure as objects of the file: its root, and numbered from `first` on the parents of all content and the
    elements."""

    def __init__(self, document: Tag, *, root: int, first: int) -> None:
        self._numbers = {tag: number for number, tag in enumerate(_walk(document), start=first + 1)}
        self._document = document
        self.root, self.first = root, first

    @property
    def size(self) -> int:
        """How many objects there are besides the root."""
        return len(self._numbers) + 1

    def objects(
        self, sheets: Sequence[Sequence[Tag]], links: Mapping[LinkPlace, tuple[int, int]], pages: Sequence[int]
    ) -> Iterator[bytes]:
        """The root, then the others in the order of their numbers. `sheets` are the tags of each page's content by its
        number; `links` give
        each link's object and its place among the parents; `pages` are the pages' objects."""
        numbers = self._numbers
        owners = [f"{page}[{' '.join([f'{numbers[tag]} 0 R' for tag in tags])}]" for page, tags in enumerate(sheets)]
        for tag in numbers:
            owners += [f"{links[kid][1]} {numbers[tag]} 0 R" for kid in tag.kids if isinstance(kid, LinkPlace)]
        following = len(sheets) + len(links)
        yield (
            f"<</Type/StructTreeRoot/K {numbers[self._document]} 0 R/ParentTree {self.first} 0 R"
            f"/ParentTreeNextKey {following}>>"
        ).encode()
        yield f"<</Nums[{' '.join(sorted(owners, key=_leading_number))}]>>".encode()
        for tag in numbers:
            yield self._element(tag, links, pages).encode()

    def _element(self, tag: Tag, links: Mapping[LinkPlace, tuple[int, int]], pages: Sequence[int]) -> str:
        parent = self.root if tag.parent is None else self._numbers[tag.parent]
        start, kids = f"<</S/{tag.role}/P {parent} 0 R{tag.attributes}", tag.kids
        if len(kids) == 1 and type(only := kids[0]) is Content:  # As in nine of ten.
            return f"{start}/Pg {pages[only.sheet]} 0 R/K {only.number}>>"
        page = next((kid.sheet for kid in kids if type(kid) is Content), -1)
        held = " ".join([self._kid(kid, page, links, pages) for kid in kids])
        return f"{start}/Pg {pages[page]} 0 R/K[{held}]>>" if page >= 0 else f"{start}/K[{held}]>>"

    def _kid(self, kid: Kid, page: int, links: Mapping[LinkPlace, tuple[int, int]], pages: Sequence[int]) -> str:
        match kid:
            case Tag():
                return f"{self._numbers[kid]} 0 R"
            case Content(sheet, number):
                return str(number) if sheet == page else f"<</Type/MCR/Pg {pages[sheet]} 0 R/MCID {number}>>"
            case LinkPlace():
                return f"<</Type/OBJR/Obj {links[kid][0]} 0 R/Pg {pages[kid.sheet]} 0 R>>"
            case _:
                assert_never(kid)


def _walk(tag: Tag) -> Iterator[Tag]:
    """A tag and all below it, in reading order."""
    waiting = [tag]
    while waiting:
        found = waiting.pop()
        yield found
        waiting += [kid for kid in reversed(found.kids) if type(kid) is Tag]


def _leading_number(entry: str) -> int:
    return int(entry[: entry.find("[")] if "[" in entry else entry[: entry.find(" ")])
