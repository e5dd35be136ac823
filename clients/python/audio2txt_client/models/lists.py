"""Answers that hold many."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some of many, newest first."""

    data: tuple[T, ...]
    has_more: bool = False
    next_cursor: str | None = None


class Listing(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """All of them."""

    data: tuple[T, ...]
