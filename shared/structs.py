"""Readies the struct types of a process for its threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

import msgspec


def ready_structs() -> None:
    """Have msgspec look at every struct type that is defined so far.

    It does so when something is decoded into the type for the first time, and two threads that are the first at the same
    moment crash the process (msgspec 0.22). Whoever decodes in threads calls this before. Types that are never decoded, and
    cannot be, are passed over.
    """
    for struct in set(_below(msgspec.Struct)):
        with suppress(TypeError):
            msgspec.json.Decoder(struct)


def _below(struct: type[msgspec.Struct]) -> Iterator[type[msgspec.Struct]]:
    for each in struct.__subclasses__():
        yield each
        yield from _below(each)
