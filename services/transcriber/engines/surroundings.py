"""What engines are made with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.transcriber.engines import Account, Hooks, Reserve
from services.transcriber.scratch import Scratch
from services.transcriber.settings import TranscriberSettings
from shared.blobs import BlobStore


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """Given to every engine's `open_engine`, which takes what it needs."""

    environment: Mapping[str, str]
    """Our variables, from which an engine loads settings of its own."""
    settings: TranscriberSettings
    blobs: BlobStore
    scratch: Scratch
    reserve: Reserve
    hooks: Hooks | None
    """Null where no provider can reach us: then polls alone tell."""


@asynccontextmanager
async def unpaced(account: Account) -> AsyncIterator[None]:
    """A `Reserve` that never waits."""
    del account
    yield
