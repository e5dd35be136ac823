"""What the routes work with, and how they read JSON."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar, cast
from uuid import UUID

import msgspec
from litestar import Request
from litestar.di import NamedDependency
from litestar.params import FromPath, HeaderParameter, SkipValidation

from services.gateway.access import TRACEPARENT
from services.gateway.admission import ADDRESS
from services.gateway.allowances import Allowances
from services.gateway.api_keys import ApiKeys
from services.gateway.audit_trail import AuditTrail
from services.gateway.batches.making import Batches
from services.gateway.body import LARGEST_JSON, Body
from services.gateway.changes import Changes
from services.gateway.choosing import Choosing
from services.gateway.credentials import cookie_name
from services.gateway.description.mistakes import explained, form_of
from services.gateway.direct import DirectUploads
from services.gateway.endpoints import Endpoints
from services.gateway.feed import Feeds
from services.gateway.jobs import Job
from services.gateway.lifecycle import Lifecycle
from services.gateway.live import Hub
from services.gateway.oidc import SingleSignOn
from services.gateway.privacy.erasures import Erasures
from services.gateway.privacy.exports import Exports
from services.gateway.problems import FieldError, Problem, invalid, job_not_found
from services.gateway.quotas.enforcing import Quotas
from services.gateway.resuming import Resumables
from services.gateway.revisions import Revisions
from services.gateway.search.finding import Search
from services.gateway.settings import GatewaySettings
from services.gateway.store.accounts import ByUser, Principal
from services.gateway.store.jobs import JobStore
from services.gateway.store.listing import JobList
from services.gateway.store.policies import PolicyStore
from services.gateway.store.retention import RetentionStore
from services.gateway.store.speeds import SpeedStore
from services.gateway.store.usage import UsageStore
from services.gateway.submission import Submissions
from services.gateway.uploads import Uploads
from services.gateway.users import Users
from services.gateway.users.links import AccountLinks
from services.gateway.users.sessions import Sessions
from services.gateway.views.building import Views
from services.gateway.vocabularies import Vocabularies
from shared.blobs import BlobStore
from shared.health import Receive
from shared.solutions import Solutions

T = TypeVar("T")

ApiRequest: TypeAlias = Request[Principal, None, Any]

_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")
_PLACE = re.compile(r"(?P<message>.*) - at (?P<key>`key` in )?`\$(?P<path>.*)`", re.DOTALL)
_FIELD = re.compile(r"(?:unknown|missing required) field `(.+)`")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|\[\.\.\.\]")


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """The parts of the gateway that answer requests."""

    settings: GatewaySettings
    secret_key: bytes
    solutions: Solutions
    blobs: BlobStore
    jobs: JobStore
    listing: JobList
    changes: Changes
    search: Search
    speeds: SpeedStore
    batches: Batches
    uploads: Uploads
    resumables: Resumables
    direct: DirectUploads
    submissions: Submissions
    lifecycle: Lifecycle
    endpoints: Endpoints
    keys: ApiKeys
    users: Users
    sessions: Sessions
    links: AccountLinks
    single_sign_on: SingleSignOn | None
    audit: AuditTrail
    revisions: Revisions
    choosing: Choosing
    allowances: Allowances
    quotas: Quotas
    ledger: UsageStore
    retention: RetentionStore
    policies: PolicyStore
    erasures: Erasures
    exports: Exports
    vocabularies: Vocabularies
    hub: Hub
    feeds: Feeds
    views: Views
    secure: bool
    """Whether browsers reach us over https."""

    @property
    def cookie(self) -> str:
        """The name of the cookie that holds a browser's session."""
        return cookie_name(secure=self.secure)

    async def job(self, request: ApiRequest, job_id: UUID) -> Job:
        """A job of the requester; raises `Problem` 404."""
        job = await self.jobs.find(request.user.tenant_id, job_id)
        if job is None:
            raise job_not_found()
        return job

    def body(self, request: ApiRequest, *, limit: int) -> Body:
        """The request's body, unread. Raises `Problem` when it is announced as too large or encoded."""
        return Body(cast("Receive", request.receive), request.headers, limit=limit, stall=self.settings.upload_stall_seconds)

    async def json(self, request: ApiRequest, decoder: msgspec.json.Decoder[T], *, default: T | None = None) -> T:
        """The request's JSON body; `default` stands for an empty one. Raises `Problem`: 415, 400, 422."""
        data = await self.body(request, limit=LARGEST_JSON).read()
        if not data and default is not None:
            return default
        content_type = request.headers.get("content-type", "")
        if not is_json(content_type):
            detail = f"Send JSON with Content-Type: application/json, not {content_type or 'nothing'}."
            raise Problem(415, "unsupported_media_type", detail)
        return decode(data, decoder)


Api = NamedDependency[SkipValidation[Gateway]]
"""How a handler asks for the parameter `gateway`."""

JobId = FromPath[UUID]
IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description="ETag of it as you know it: nothing is changed when it is another by now (412). `*` for any.",
    ),
]
ETAG = {"ETag": "Changes with it; for If-Match."}
CHANGED = "It is another by now than If-Match says."
"""What routes that take it say of 412."""


BODY_PROBLEMS: Mapping[int, str] = {
    400: "The body cannot be read.",
    415: "The body is not JSON.",
    422: "Something in the body is not accepted.",
}
"""What is said of routes that read JSON."""


def address_of(request: ApiRequest) -> str | None:
    """Where the request comes from."""
    return cast("str | None", request.scope.get(ADDRESS))


def user_of(principal: Principal) -> ByUser:
    """The user who makes a request. Raises `Problem` 404 where it is a key."""
    if not isinstance(principal.by, ByUser):
        detail = "The request is made with an API key, behind which there is no user; GET /v1/account tells of keys."
        raise Problem(404, "no_user", detail)
    return principal.by


def traceparent(request: ApiRequest) -> str | None:
    """The trace that events caused by this request belong to."""
    return cast("str | None", request.scope.get(TRACEPARENT))


def is_json(content_type: str) -> bool:
    """Whether a media type is JSON."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type == "application/json" or (media_type.startswith("application/") and media_type.endswith("+json"))


def decode(data: bytes, decoder: msgspec.json.Decoder[T]) -> T:
    """Decode a body; raises `Problem` that points to what is wrong. The database keeps no text with a NUL character, nor is one
    ever meant."""
    if _NUL.search(data):
        raise invalid("", "invalid_request", "The body must not contain the NUL character, \\u0000.")
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise not_valid(error, decoder.type) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Problem(400, "invalid_json", f"The body is not JSON: {error}.") from None


def not_valid(error: msgspec.ValidationError, kind: Any) -> Problem:
    """A value that is not what `kind` takes (422), with a JSON pointer to it."""
    match = _PLACE.fullmatch(str(error))
    message, path = (match["message"], match["path"]) if match else (str(error), "")
    steps: list[str | int] = [step[1] or (int(step[2]) if step[2] else "*") for step in _STEP.finditer(path)]
    if named := _FIELD.search(message):
        steps.append(named[1])
    pointer = "".join(f"/{step}" for step in steps)
    told = explained(message, form_of(kind), steps)
    if match and match["key"]:
        told = f"One of its names is not valid: {told}"
    where = f" at {pointer}" if pointer else ""
    return Problem(
        422, "invalid_request", f"The request is not valid{where}: {told}", errors=[FieldError(pointer=pointer, message=told)]
    )
