"""`/v1/vocabularies`: sets of terms that are likely to be said, and of words that are written in one way."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post, put
from litestar.params import FromPath, QueryParameter
from msgspec import Meta

from services.gateway.codes import Code
from services.gateway.entity_tags import etag_of
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.problems import Problem
from services.gateway.ranges import attachment
from services.gateway.routes.context import CHANGED, Api, ApiRequest, IfMatch
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.store.vocabularies import VocabularyRow
from services.gateway.views import Id, Page, Time
from services.gateway.vocabularies import tables
from services.gateway.vocabularies.contents import Contents, VocabularyWish
from shared.schemas.vocabularies import Replacement, VocabularyTerm

CSV = "text/csv"
LARGEST_TABLE = 1024 * 1024
"""Bytes."""

_WISH = msgspec.json.Decoder(VocabularyWish)
_NOT_FOUND = {404: "There is no such vocabulary."}
_BODY = {400: "The body cannot be read.", 415: "The body is of another type.", 422: "Something in the body is not accepted."}
_CHANGES = {412: CHANGED, 428: "If-Match is missing."}
_CONTENTS: tuple[Code, ...] = ("invalid_vocabulary", "vocabulary_too_large")
_CHANGING: tuple[Code, ...] = ("vocabulary_not_found", "vocabulary_changed", "precondition_required")
_ETAG = {"ETag": "Changes with the vocabulary; give it as If-Match."}
_TABLE = {
    "type": "string",
    "description": "Columns kind, text, sounds_like, to, case.",
    "examples": ["kind,text,sounds_like,to,case\r\nterm,Kowloon,cow loon|cologne,,\r\nreplace,colour,,color,follow\r\n"],
}

VocabularyId = FromPath[UUID]


class VocabularySummary(msgspec.Struct, frozen=True, kw_only=True):
    """A set, without what is in it."""

    id: Id
    name: Annotated[str, Meta(description="What jobs name it by.", examples=["Board"])]
    version: Annotated[int, Meta(ge=1, description="Grows with each change.", examples=[3])]
    default: Annotated[bool, Meta(description="Whether jobs that name no set take this one.")]
    term_count: Annotated[int, Meta(ge=0, examples=[12])]
    replacement_count: Annotated[int, Meta(ge=0, examples=[4])]
    created_at: Time
    updated_at: Time


class VocabularyView(VocabularySummary, frozen=True, kw_only=True):
    """A whole set."""

    terms: tuple[VocabularyTerm, ...]
    replacements: tuple[Replacement, ...]


@post(
    "/vocabularies",
    status_code=201,
    opt=Operation(
        needs=Permission.VOCABULARIES_WRITE,
        summary="Make a vocabulary",
        tag="Vocabularies",
        body={JSON: VocabularyWish},
        answers={201: Answer(description="Made.", content=VocabularyView, headers={"Location": "It.", **_ETAG})},
        problems={**_BODY, 409: "The name is taken, or the tenant has as many vocabularies as it may have."},
        codes=("vocabulary_name_taken", "too_many_vocabularies", *_CONTENTS),
    ).opt,
)
async def create_vocabulary(request: ApiRequest, gateway: Api) -> Response[VocabularyView]:
    """A set of terms, which engines are told to expect, and of replacements, which are made in the transcript, on record.
    Jobs name sets in `vocabularies`; those that name none take the `default` one."""
    row = await gateway.vocabularies.create(request.user.tenant_id, await gateway.json(request, _WISH))
    headers = {"Location": gateway.views.url(f"/vocabularies/{row.id}"), "ETag": etag_of(row.version)}
    return Response(_view(row), status_code=201, headers=headers)


@get(
    "/vocabularies",
    opt=Operation(
        needs=Permission.VOCABULARIES_READ,
        summary="List vocabularies",
        tag="Vocabularies",
        answers={200: Answer(description="Newest first.", content=Page[VocabularySummary], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid."},
        codes=("invalid_cursor",),
    ).opt,
)
async def list_vocabularies(
    request: ApiRequest,
    gateway: Api,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Vocabularies on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
) -> Response[Page[VocabularySummary]]:
    """The tenant's vocabularies, page by page."""
    rows = await gateway.vocabularies.page(request.user.tenant_id, after=cursor_of(after), limit=limit + 1)
    shown, following = cut(rows, limit)
    return page(gateway.views.url("/vocabularies"), list(map(_summary, shown)), following, limit=limit)


@get(
    "/vocabularies/{vocabulary_id:uuid}",
    opt=Operation(
        needs=Permission.VOCABULARIES_READ,
        summary="Show a vocabulary",
        tag="Vocabularies",
        answers={200: Answer(description="The set.", content=VocabularyView, headers=_ETAG)},
        problems=_NOT_FOUND,
        codes=("vocabulary_not_found",),
    ).opt,
)
async def get_vocabulary(request: ApiRequest, gateway: Api, vocabulary_id: VocabularyId) -> Response[VocabularyView]:
    """A set with all of its terms and replacements."""
    row = await gateway.vocabularies.find(request.user.tenant_id, vocabulary_id)
    return Response(_view(row), headers={"ETag": etag_of(row.version)})


@put(
    "/vocabularies/{vocabulary_id:uuid}",
    opt=Operation(
        needs=Permission.VOCABULARIES_WRITE,
        summary="Change a vocabulary",
        tag="Vocabularies",
        body={JSON: VocabularyWish},
        answers={200: Answer(description="As it is now.", content=VocabularyView, headers=_ETAG)},
        problems={**_NOT_FOUND, **_BODY, **_CHANGES, 409: "The name is taken."},
        codes=("vocabulary_name_taken", *_CHANGING, *_CONTENTS),
    ).opt,
)
async def replace_vocabulary(
    request: ApiRequest, gateway: Api, vocabulary_id: VocabularyId, if_match: IfMatch = None
) -> Response[VocabularyView]:
    """Write the whole set anew. Jobs that took it before keep it as it was, their retries too, unless a retry names it."""
    wish = await gateway.json(request, _WISH)
    row = await gateway.vocabularies.replace(request.user.tenant_id, vocabulary_id, wish, if_match=if_match)
    return Response(_view(row), headers={"ETag": etag_of(row.version)})


@delete(
    "/vocabularies/{vocabulary_id:uuid}",
    opt=Operation(
        needs=Permission.VOCABULARIES_WRITE,
        summary="Delete a vocabulary",
        tag="Vocabularies",
        answers={204: Answer(description="Deleted.")},
        problems={**_NOT_FOUND, 412: CHANGED},
        codes=("vocabulary_not_found", "vocabulary_changed"),
    ).opt,
)
async def delete_vocabulary(request: ApiRequest, gateway: Api, vocabulary_id: VocabularyId, if_match: IfMatch = None) -> None:
    """Delete a set. Jobs that took it keep what they took."""
    await gateway.vocabularies.delete(request.user.tenant_id, vocabulary_id, if_match=if_match)


@get(
    "/vocabularies/{vocabulary_id:uuid}/csv",
    opt=Operation(
        needs=Permission.VOCABULARIES_READ,
        summary="Download a vocabulary as CSV",
        tag="Vocabularies",
        answers={200: Answer(description="For spreadsheets.", content=_TABLE, media_type=CSV, headers=_ETAG)},
        problems=_NOT_FOUND,
        codes=("vocabulary_not_found",),
    ).opt,
)
async def get_table(request: ApiRequest, gateway: Api, vocabulary_id: VocabularyId) -> Response[bytes]:
    """What is in a set, as UTF-8 that Excel opens rightly. Cells that would be formulas begin with an apostrophe."""
    row = await gateway.vocabularies.find(request.user.tenant_id, vocabulary_id)
    contents = Contents(terms=row.terms, replacements=row.replacements)
    headers = {"ETag": etag_of(row.version), "Content-Disposition": attachment(f"{row.name}.csv")}
    return Response(tables.written(contents), media_type=CSV, headers=headers)


@put(
    "/vocabularies/{vocabulary_id:uuid}/csv",
    opt=Operation(
        needs=Permission.VOCABULARIES_WRITE,
        summary="Upload a vocabulary as CSV",
        tag="Vocabularies",
        body={CSV: _TABLE},
        answers={200: Answer(description="As it is now.", content=VocabularyView, headers=_ETAG)},
        problems={
            **_NOT_FOUND,
            **_CHANGES,
            413: "The table is too large.",
            415: "The body is no CSV.",
            422: "`errors` name row and column of every mistake, as in `/rows/3/to`.",
        },
        codes=(
            *_CHANGING,
            "too_large",
            "upload_stalled",
            "unsupported_media_type",
            "content_encoding_refused",
            "invalid_csv",
            "vocabulary_too_large",
        ),
    ).opt,
)
async def put_table(
    request: ApiRequest, gateway: Api, vocabulary_id: VocabularyId, if_match: IfMatch = None
) -> Response[VocabularyView]:
    """Put what a spreadsheet has in the place of all that is in the set; its name stays. UTF-8 with or without a mark, or
    Excel's Unicode text; commas, semicolons or tabs."""
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != CSV:
        raise Problem(
            415, "unsupported_media_type", f"Send the table with Content-Type: {CSV}, not {content_type or 'nothing'}."
        )
    data = await gateway.body(request, limit=LARGEST_TABLE).read()
    contents = tables.read(data)
    row = await gateway.vocabularies.fill(request.user.tenant_id, vocabulary_id, contents, if_match=if_match)
    return Response(_view(row), headers={"ETag": etag_of(row.version)})


def _summary(row: VocabularyRow) -> VocabularySummary:
    return VocabularySummary(
        id=row.id,
        name=row.name,
        version=row.version,
        default=row.is_default,
        term_count=len(row.terms),
        replacement_count=len(row.replacements),
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _view(row: VocabularyRow) -> VocabularyView:
    return VocabularyView(**msgspec.structs.asdict(_summary(row)), terms=row.terms, replacements=row.replacements)
