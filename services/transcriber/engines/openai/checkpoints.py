"""Answers that cost nothing, kept so that a crash does not repeat the work."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

from typing_extensions import override

from services.transcriber.engines import EngineCrashed, Ledger, OutcomeUnknown, Permit
from shared.blobs import BlobNotFound, BlobStore


class Checkpoints(Ledger):
    """A ledger for servers that may be asked twice; a lost answer counts as a breakdown, of which there may be three."""

    def __init__(self, *, blobs: BlobStore, prefix: str, permit: Permit | None = None) -> None:
        self._blobs = blobs
        self._permit = permit
        self._prefix = prefix

    @override
    async def answer(self, name: str, ask: Callable[[], Awaitable[bytes]]) -> bytes:
        with suppress(BlobNotFound):
            return await self._blobs.get(f"{self._prefix}{name}")
        await self.permit()
        try:
            answer = await ask()
        except OutcomeUnknown as error:
            raise EngineCrashed(str(error)) from error
        await self._blobs.put(f"{self._prefix}{name}", answer)
        return answer

    @override
    async def permit(self) -> None:
        if self._permit is not None:
            await self._permit()
