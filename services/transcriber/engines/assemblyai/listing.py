"""AssemblyAI's own list of transcripts: how a submission is found whose answer was lost."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import msgspec

from services.transcriber.engines.http import Answer
from shared.errors import RetryableError

PAGE = 200
SLACK = dt.timedelta(minutes=5)
"""Its clock and ours may differ by so much; its times name no zone, and are taken for UTC."""

Fetch = Callable[[Mapping[str, str]], Awaitable[Answer]]
"""Asks for one page of the list."""


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One transcript, as the list shows it."""

    id: str
    audio_url: str | None = None
    status: str | None = None
    created: str | None = None

    @property
    def failed(self) -> bool:
        """Whether it ended without a result."""
        return self.status == "error"


class _Details(msgspec.Struct):
    prev_url: str | None = None
    """Of the page with older ones."""


class _Page(msgspec.Struct):
    transcripts: list[Item]
    page_details: _Details | None = None


async def matching(fetch: Fetch, audio_url: str, *, since: dt.datetime) -> list[Item]:
    """The transcripts of one recording that were made since then, the oldest first. `RetryableError` when the list fails."""
    found = [item async for item in _newest_first(fetch, since - SLACK) if item.audio_url == audio_url]
    return found[::-1]


async def _newest_first(fetch: Fetch, since: dt.datetime) -> AsyncIterator[Item]:
    params = {"limit": str(PAGE)}
    while True:
        page = _read(await fetch(params))
        for item in page.transcripts:
            if _is_before(item, since):
                return
            yield item
        if not page.transcripts or page.page_details is None or page.page_details.prev_url is None:
            return
        params = {"limit": str(PAGE), "before_id": page.transcripts[-1].id}


def _is_before(item: Item, moment: dt.datetime) -> bool:
    try:
        created = dt.datetime.fromisoformat(item.created or "")
    except ValueError:
        return False
    return (created if created.tzinfo else created.replace(tzinfo=dt.UTC)) < moment


def _read(answer: Answer) -> _Page:
    try:
        return msgspec.json.decode(answer.body, type=_Page)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RetryableError("AssemblyAI's list of transcripts cannot be read.") from None
