"""`/v1/search`: where something was said, and which jobs are called so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get
from litestar.params import QueryParameter
from msgspec import Meta

from services.gateway.audit import Action
from services.gateway.openapi import Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.routes.context import Api, ApiRequest, Gateway
from services.gateway.routes.paging import page, passage_cursor_of
from services.gateway.search.finding import LONGEST_QUESTION, Found
from services.gateway.search.passages import Hit
from services.gateway.store.search import SearchFilter
from services.gateway.times import utc
from services.gateway.views import Id, Page, Time, Url

Moment = Annotated[int, Meta(ge=0, description="Milliseconds from the start of the recording.", examples=[75_200])]


class PieceView(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a snippet."""

    text: str
    match: Annotated[bool, Meta(description="Whether it is what was looked for.")]


class HitView(msgspec.Struct, frozen=True, kw_only=True):
    """A place where it was said; without a segment, the job is called so."""

    segment_id: Annotated[str | None, Meta(description="Of the newest transcript; null for the title.", examples=["s000012"])]
    start_ms: Moment | None
    end_ms: Moment | None
    snippet: Annotated[tuple[PieceView, ...], Meta(description="The segment, or as much as fits, piece by piece.")]


class FoundView(msgspec.Struct, frozen=True, kw_only=True):
    """A job in which something was found."""

    job_id: Id
    title: Annotated[str | None, Meta(description="The job's title, or else its file's name.", examples=["Weekly meeting"])]
    duration_ms: Annotated[int, Meta(ge=0, description="Length of the recording.", examples=[1834000])] | None
    created_at: Time
    job: Url
    hits: Annotated[tuple[HitView, ...], Meta(description="In the order in which it was said, the title before it.")]


@get(
    "/search",
    opt=Operation(
        needs=Permission.JOBS_READ,
        summary="Search titles and transcripts",
        tag="Search",
        answers={
            200: Answer(description="The newest jobs first.", content=Page[FoundView], headers={"Link": "The next page."}),
        },
        problems={400: "A parameter is not valid, or `q` asks for nothing."},
        codes=("invalid_cursor",),
    ).opt,
)
async def search(
    request: ApiRequest,
    gateway: Api,
    *,
    q: Annotated[
        str,
        QueryParameter(
            description=f"Words, which all must be in one passage of about a minute, and phrases in quotation marks; up to "
            f"{LONGEST_QUESTION} characters. Case, accents, width and Chinese script do not matter; Chinese needs no spaces.",
            schema_extra={"minLength": 1, "maxLength": LONGEST_QUESTION},
        ),
    ],
    limit: Annotated[int, QueryParameter(ge=1, le=50, description="Passages on a page.")] = 20,
    after: Annotated[
        str | None,
        QueryParameter(description="`next_cursor` of the page before.", schema_extra={"pattern": "^[A-Za-z0-9_=-]+$"}),
    ] = None,
    job: Annotated[UUID | None, QueryParameter(description="Only in this job.")] = None,
    created_after: Annotated[dt.datetime | None, QueryParameter(description="Only jobs from this time on, RFC 3339.")] = None,
    created_before: Annotated[dt.datetime | None, QueryParameter(description="Only jobs before this time, RFC 3339.")] = None,
) -> Response[Page[FoundView]]:
    """Where something was said: the segment, its moment, and the words around. What the jobs are called is searched as well,
    and nothing else without the permission `transcripts:read`. A job whose hits fill more than a page goes on on the next
    one. What was transcribed or edited can be found about a second later."""
    where = SearchFilter(
        titles_only=Permission.TRANSCRIPTS_READ not in request.user.permissions,
        job_id=job,
        created_after=utc(created_after),
        created_before=utc(created_before),
    )
    tenant_id = request.user.tenant_id
    answer = await gateway.search.find(tenant_id, q, where, after=passage_cursor_of(after), limit=limit)
    _note(gateway, tenant_id, answer.found)
    following = None if answer.following is None else answer.following.encode()
    given = {"q": q, "job": job, "created_after": created_after, "created_before": created_before}
    return page(gateway.views.url("/search"), list(_views(gateway, answer.found)), following, limit=limit, **given)


def _views(gateway: Gateway, found: Sequence[Found]) -> Iterator[FoundView]:
    for job_id, group in groupby(found, key=lambda one: one.passage.job_id):
        passages = list(group)
        first = passages[0].passage
        yield FoundView(
            job_id=job_id,
            title=first.title or first.file_name,
            duration_ms=first.duration_ms,
            created_at=first.created_at,
            job=gateway.views.url(f"/jobs/{job_id}"),
            hits=tuple(_hit(hit) for one in passages for hit in one.hits),
        )


def _hit(hit: Hit) -> HitView:
    segment = hit.segment
    return HitView(
        segment_id=None if segment is None else segment.id,
        start_ms=None if segment is None else segment.start_ms,
        end_ms=None if segment is None else segment.end_ms,
        snippet=tuple(PieceView(text=piece.text, match=piece.match) for piece in hit.pieces),
    )


def _note(gateway: Gateway, tenant_id: UUID, found: Sequence[Found]) -> None:
    """Whoever sees what was said has read the transcript."""
    for job_id in dict.fromkeys(one.passage.job_id for one in found if one.passage.place):
        gateway.audit.read(Action.TRANSCRIPT_READ, tenant_id, job_id, how="search")
