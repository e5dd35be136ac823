"""What goes wrong in a request, as problem documents (RFC 9457): one sentence for people, one `code` for machines."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Annotated, cast

import msgspec
from msgspec import Meta

from services.gateway.codes import MEANINGS, Code
from services.gateway.permissions import Permission, roles_with
from shared.errors import Audio2txtError
from shared.schemas.jobs import Failure
from shared.schemas.privacy import Part

MEDIA_TYPE = "application/problem+json"
PAGES = "/problems"
"""Below it lies a page about each code."""

_TITLES: Mapping[int, str] = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    422: "Unprocessable Content",
    460: "Checksum Mismatch",
    499: "Client Closed Request",
}
"""Of those that the standard library does not know, or calls in its older versions what they were called before RFC 9110."""
_PARTS: Mapping[Part, str] = {
    Part.AUDIO: "recording",
    Part.RAW: "engine's answer",
    Part.TRANSCRIPT: "transcript",
    Part.REPORT: "report",
}
_REMOVED: Mapping[Part, Code] = {
    Part.AUDIO: "audio_removed",
    Part.RAW: "raw_removed",
    Part.TRANSCRIPT: "transcript_removed",
    Part.REPORT: "report_removed",
}


class FieldError(msgspec.Struct, frozen=True, kw_only=True):
    """One wrong value in the request."""

    pointer: Annotated[str, Meta(description="JSON pointer to the value, or the parameter's name.", examples=["/language"])]
    message: Annotated[str, Meta(description="What is wrong with it.", examples=["Expected a text, got a whole number."])]


class QuotaDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A limit of the tenant's plan that stands in the way."""

    resource: Annotated[
        str, Meta(description="What is limited: `minutes`, `storage_bytes`, `waiting_jobs`.", examples=["minutes"])
    ]
    used: Annotated[float, Meta(ge=0, description="Used, or held for what is at work.", examples=[598.5])]
    limit: Annotated[int, Meta(ge=0, description="The most.", examples=[600])]
    resets_at: Annotated[
        Annotated[dt.datetime, Meta(tz=True)] | None,
        Meta(description="When it is all there again; null where nothing comes back by itself."),
    ] = None


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of every answer from 400 upwards."""

    type: Annotated[
        str,
        Meta(
            description="Where the kind of problem is explained: a page of this installation, named after the `code`.",
            examples=["/problems/job_not_found"],
        ),
    ]
    title: Annotated[str, Meta(description="The meaning of the status.", examples=["Not Found"])]
    status: Annotated[int, Meta(description="The HTTP status.", examples=[404])]
    detail: Annotated[
        str, Meta(description="What is wrong and what to do.", examples=["There is no job with this id; check it."])
    ]
    code: Annotated[str, Meta(description="Stable machine-readable reason.", examples=["job_not_found"])]
    request_id: Annotated[
        str | None,
        Meta(
            description="Names this request in our logs; also in `X-Request-Id`.",
            examples=["req_0198c2de8b1c7d3e9f5a2b6c4d8e0f1a"],
        ),
    ] = None
    retryable: Annotated[bool, Meta(description="Whether the same request can succeed later.")] = False
    errors: Annotated[tuple[FieldError, ...], Meta(description="The wrong values, one by one.")] = ()
    job_id: Annotated[str | None, Meta(description="The job this is about, where there is one.")] = None
    quota: Annotated[QuotaDocument | None, Meta(description="The limit of the plan that stands in the way.")] = None
    permission: Annotated[str | None, Meta(description="The permission that is lacking.", examples=["jobs:write"])] = None
    engines: Annotated[
        tuple[str, ...], Meta(description="Engines that could do the job that another one cannot.", examples=[["assemblyai"]])
    ] = ()


class Problem(Audio2txtError):
    """Ends a request with a problem document."""

    def __init__(
        self,
        status: int,
        code: Code,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        job_id: str | None = None,
        engines: Sequence[str] = (),
        permission: Permission | None = None,
        quota: QuotaDocument | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code: Code = code
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.job_id = job_id
        self.engines = tuple(engines)
        self.permission = permission
        self.quota = quota

    def document(self, request_id: str | None, *, base: str = "") -> ProblemDocument:
        """The body that is sent; `base` is the installation's URL, where that is known."""
        return ProblemDocument(
            type=f"{base}{PAGES}/{self.code}",
            title=_title(self.status),
            status=self.status,
            detail=self.detail,
            code=self.code,
            request_id=request_id,
            retryable=self.status in (408, 423, 429, 460, 503),
            errors=self.errors,
            job_id=self.job_id,
            engines=self.engines,
            permission=self.permission,
            quota=self.quota,
        )


def invalid(pointer: str, code: Code, detail: str, *, engines: Sequence[str] = ()) -> Problem:
    """One value of the request's body is not accepted (422)."""
    return Problem(422, code, detail, errors=[FieldError(pointer=pointer, message=detail)], engines=engines)


def refused(pointer: str, failure: Failure, *, engines: Sequence[str] = ()) -> Problem:
    """What the rules that other services share do not accept of the request's body (422)."""
    return invalid(pointer, code_of(failure), failure.message, engines=engines)


def code_of(failure: Failure) -> Code:
    """The code of a failure that can be found before a job is made. Raises `KeyError` for one that is in no table."""
    if failure.code not in MEANINGS:
        raise KeyError(failure.code)
    return cast("Code", failure.code)


JOB_CHANGED = "The job changed since; look at it and try again."


def job_not_found() -> Problem:
    """The job does not exist, was erased, or is another tenant's: the same answer for all three."""
    return Problem(404, "job_not_found", "There is no job with this id; it may have been deleted.")


def check_kept(removed: Mapping[Part, dt.datetime], *parts: Part) -> None:
    """Raise `Problem` 410 when one of these parts of a job was removed, by retention or with somebody's words."""
    for part in parts:
        if (since := removed.get(part)) is not None:
            raise _no_longer_kept(part, since)


def _no_longer_kept(part: Part, since: dt.datetime) -> Problem:
    detail = f"The job's {_PARTS[part]} is no longer kept; it was removed on {since:%Y-%m-%d}."
    return Problem(410, _REMOVED[part], detail)


def forbidden(permission: Permission, detail: str | None = None) -> Problem:
    """It is known who asks, and they may not do this (403)."""
    roles = ", ".join(roles_with(permission))
    explained = detail or f"You may not do this: it takes the permission {permission}, which these roles have: {roles}."
    return Problem(403, "forbidden", explained, permission=permission)


def unavailable(what: str) -> Problem:
    """A backend does not answer (503)."""
    return Problem(
        503, "unavailable", f"{what} cannot be reached just now; try again in a moment.", headers={"Retry-After": "5"}
    )


def _title(status: int) -> str:
    return _TITLES.get(status) or HTTPStatus(status).phrase
