"""Pages of a key's transcripts, newest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from urllib.parse import urlencode

import msgspec

from services.sandbox.assemblyai.answer import DELETED_URL
from services.sandbox.assemblyai.order import Refusal
from services.sandbox.assemblyai.state import Status, Transcript

MOST = 200


class Query(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is asked for in the query string."""

    limit: int = 10
    status: Status | None = None
    created_on: str | None = None
    before_id: str | None = None
    after_id: str | None = None


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """A transcript in a list."""

    id: str
    resource_url: str
    status: Status
    created: str
    completed: str | None
    audio_url: str
    error: str | None


class PageDetails(msgspec.Struct, frozen=True, kw_only=True):
    """Where the page stands. The previous one is older."""

    limit: int
    result_count: int
    current_url: str
    prev_url: str | None
    next_url: str | None


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """The answer."""

    page_details: PageDetails
    transcripts: list[Item]


def parse_query(query: Mapping[str, str]) -> Query:
    """The query, or a `Refusal`."""
    try:
        parsed = msgspec.convert(dict(query), Query, strict=False)
    except msgspec.ValidationError as error:
        raise Refusal(400, f"Invalid query: {error}") from None
    if not 1 <= parsed.limit <= MOST:
        raise Refusal(400, f"limit must be between 1 and {MOST}")
    return parsed


def page(siblings: Sequence[Transcript], query: Query, url: str) -> Page:
    """A page of a key's transcripts, which are given oldest first; `url` is that of the list."""
    first, beyond = _bounds(siblings, query)
    if query.after_id is not None:
        chosen = list(islice(_matching(siblings, range(first, beyond), query), query.limit))[::-1]
    else:
        chosen = list(islice(_matching(siblings, range(beyond - 1, first - 1, -1), query), query.limit))
    prev_url = next_url = None
    if chosen:
        newest, oldest = chosen[0], chosen[-1]
        if any(_matching(siblings, range(oldest.number - 1, -1, -1), query)):
            prev_url = _url(url, query, before_id=oldest.id)
        if any(_matching(siblings, range(newest.number + 1, len(siblings)), query)):
            next_url = _url(url, query, after_id=newest.id)
    details = PageDetails(
        limit=query.limit,
        result_count=len(chosen),
        current_url=_url(url, query, before_id=query.before_id, after_id=query.after_id),
        prev_url=prev_url,
        next_url=next_url,
    )
    return Page(page_details=details, transcripts=[_item(transcript, url) for transcript in chosen])


def _bounds(siblings: Sequence[Transcript], query: Query) -> tuple[int, int]:
    """The places between which to look."""
    return (
        0 if query.after_id is None else _place(siblings, query.after_id) + 1,
        len(siblings) if query.before_id is None else _place(siblings, query.before_id),
    )


def _place(siblings: Sequence[Transcript], name: str) -> int:
    for transcript in siblings:
        if transcript.id == name:
            return transcript.number
    raise Refusal(400, "Transcript lookup error, transcript id not found")


def _matching(siblings: Sequence[Transcript], places: Iterable[int], query: Query) -> Iterator[Transcript]:
    for place in places:
        transcript = siblings[place]
        if query.status is not None and transcript.status is not query.status:
            continue
        if query.created_on is not None and not transcript.created.startswith(query.created_on):
            continue
        if not transcript.fate.listed_after or transcript.age >= transcript.fate.listed_after:
            yield transcript


def _item(transcript: Transcript, url: str) -> Item:
    return Item(
        id=transcript.id,
        resource_url=f"{url}/{transcript.id}",
        status=transcript.status,
        created=transcript.created,
        completed=transcript.completed,
        audio_url=DELETED_URL if transcript.deleted else transcript.order.audio_url,
        error=transcript.error,
    )


def _url(url: str, query: Query, *, before_id: str | None = None, after_id: str | None = None) -> str:
    parts = {
        "limit": query.limit,
        "status": query.status,
        "created_on": query.created_on,
        "before_id": before_id,
        "after_id": after_id,
    }
    return f"{url}?{urlencode({name: value for name, value in parts.items() if value is not None})}"
