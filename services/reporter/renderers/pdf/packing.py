"""Writes the objects of a PDF into a file in which most of them are compressed together (ISO 32000-1, 7.5.7 and 7.5.8)."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from itertools import accumulate

OBJECTS_PER_STREAM = 200
"""Readers unpack a whole stream to see one of its objects."""

COMPRESSION = 3
"""Of deflate. Higher levels take twice the time to save five bytes in a hundred."""

_HEADER = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"
_AT_OFFSET, _IN_STREAM = 1, 2


def stream(data: bytes, entries: str = "", *, level: int = COMPRESSION) -> bytes:
    """A compressed stream with some entries in its dictionary."""
    packed = zlib.compress(data, level)
    return b"<</Filter/FlateDecode/Length %d%s>>\nstream\n%b\nendstream" % (len(packed), entries.encode(), packed)


def plain_stream(data: bytes, entries: str) -> bytes:
    """A stream that whoever does not decompress can read, too."""
    return b"<</Length %d%s>>\nstream\n%b\nendstream" % (len(data), entries.encode(), data)


def pack(objects: Iterable[tuple[int, bytes]], *, root: int, info: int, identifier: bytes) -> bytes:
    """The file of some numbered objects, among them the catalogue `root` and the information `info`."""
    file = _File()
    loose: list[tuple[int, bytes]] = []
    highest = 0
    for number, body in objects:
        highest = max(highest, number)
        if body.endswith(b"endstream"):
            file.add(number, body)
        else:
            loose.append((number, body))
    for start in range(0, len(loose), OBJECTS_PER_STREAM):
        highest += 1
        file.add_together(highest, loose[start : start + OBJECTS_PER_STREAM])
    return file.finish(highest + 1, f"/Root {root} 0 R/Info {info} 0 R/ID[<{identifier.hex()}><{identifier.hex()}>]")


class _File:
    def __init__(self) -> None:
        self._chunks = [_HEADER]
        self._offset = len(_HEADER)
        self._entries: dict[int, tuple[int, int, int]] = {}
        """Of the cross-reference: the type of each object, where it lies, its place in a stream."""

    def add(self, number: int, body: bytes) -> None:
        """Write an object on its own."""
        self._entries[number] = (_AT_OFFSET, self._offset, 0)
        self._write(b"%d 0 obj\n%b\nendobj\n" % (number, body))

    def add_together(self, number: int, objects: list[tuple[int, bytes]]) -> None:
        """Write objects into one stream, which becomes the object `number`."""
        offsets = accumulate((len(body) + 1 for _, body in objects), initial=0)
        index = " ".join([f"{one} {offset}" for (one, _), offset in zip(objects, offsets, strict=False)]).encode()
        for place, (one, _) in enumerate(objects):
            self._entries[one] = (_IN_STREAM, number, place)
        data = b"\n".join([index, *(body for _, body in objects)])
        self.add(number, stream(data, f"/Type/ObjStm/N {len(objects)}/First {len(index) + 1}"))

    def finish(self, size: int, trailer: str) -> bytes:
        """Write the cross-reference stream, numbered `size`, and give the file."""
        start = self._offset
        self._entries[size] = (_AT_OFFSET, start, 0)
        free = (0, 0, 0xFFFF)
        table = b"".join([struct.pack(">BIH", *self._entries.get(number, free)) for number in range(size + 1)])
        body = stream(table, f"/Type/XRef/Size {size + 1}/W[1 4 2]{trailer}")
        self._write(b"%d 0 obj\n%b\nendobj\nstartxref\n%d\n%%%%EOF\n" % (size, body, start))
        return b"".join(self._chunks)

    def _write(self, data: bytes) -> None:
        self._chunks.append(data)
        self._offset += len(data)
