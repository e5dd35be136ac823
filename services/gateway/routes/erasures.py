"""`/v1/erasures`: what was erased for good, and the certificates."""

from __future__ import annotations

import enum
from base64 import urlsafe_b64encode
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.params import FromPath, QueryParameter
from msgspec import Meta

from services.gateway.endpoints.views import PublicKey, PublicKeys
from services.gateway.erasure import ErasureKind, Order
from services.gateway.openapi import JSON, Answer, Operation
from services.gateway.permissions import Permission
from services.gateway.privacy.certificates import Certificate, certificate_of
from services.gateway.problems import Problem
from services.gateway.routes.context import Api, ApiRequest
from services.gateway.routes.paging import cursor_of, cut, page
from services.gateway.views import Id, Page, Time
from shared.signing import certificate_key


class ErasureState(enum.StrEnum):
    """How far an erasure is."""

    RUNNING = "running"
    """What it is about cannot be fetched any more; it is still looked for everywhere."""
    VERIFIED = "verified"


class SpeakerErasureRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whose words are to go."""

    job_id: UUID
    speaker_id: Annotated[str, Meta(min_length=1, max_length=40, description="As in the transcript.", examples=["spk_2"])]


class ErasureView(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is erased for good."""

    id: Id
    kind: Annotated[ErasureKind, Meta(description="`job`, what one `speaker` says in a job, or the `tenant`.")]
    state: ErasureState
    job_id: Annotated[UUID | None, Meta(description="The job; null for a tenant.")]
    requested_at: Time
    verified_at: Annotated[Time | None, Meta(description="When nothing of it was found any more, anywhere.")]
    certificate: Annotated[Certificate | None, Meta(description="Null while it is not verified.")]


_REQUEST = msgspec.json.Decoder(SpeakerErasureRequest)
_NOT_FOUND = {404: "There is no such erasure."}
ErasureId = FromPath[UUID]


@post(
    "/erasures",
    status_code=202,
    opt=Operation(
        needs=Permission.JOBS_DELETE,
        summary="Erase a person's words",
        tag="Privacy",
        body={JSON: SpeakerErasureRequest},
        answers={202: Answer(description="Erased; it is being verified.", content=ErasureView, headers={"Location": "It."})},
        problems={
            400: "The body cannot be read.",
            404: "There is no such job, or its transcript is not in the store.",
            409: "The job is at work, has no transcript, or nothing of the person is left in it.",
            410: "The transcript is no longer kept.",
            415: "The body is not JSON.",
            422: "Nobody in the transcript has this id.",
        },
        codes=(
            "job_not_found",
            "job_not_final",
            "job_changed",
            "transcript_not_ready",
            "transcript_not_found",
            "transcript_removed",
            "nothing_to_erase",
            "speaker_not_found",
        ),
    ).opt,
)
async def erase_speaker(request: ApiRequest, gateway: Api) -> Response[ErasureView]:
    """Erase what one speaker of a job said: their words and their name in the transcript, in all its revisions and runs. That
    and how long they spoke stays. The recording and the engine's answer cannot be cut and are removed whole; so is what the
    engine found out beside the words. The report and the files are made anew from what is left, as by a retry, by the job's
    scenario and writer.

    What others said *about* them stays: edit the transcript for that. To delete a whole job, use `DELETE /v1/jobs/{job_id}`."""
    wish = await gateway.json(request, _REQUEST)
    order = await gateway.erasures.erase_speaker(request.user.tenant_id, wish.job_id, wish.speaker_id)
    location = gateway.views.url(f"/erasures/{order.id}")
    return Response(_view(order), status_code=202, headers={"Location": location})


@get(
    "/erasures",
    opt=Operation(
        needs=Permission.PRIVACY_READ,
        summary="List erasures",
        tag="Privacy",
        answers={200: Answer(description="Newest first.", content=Page[ErasureView], headers={"Link": "The next page."})},
        problems={400: "A parameter is not valid."},
        codes=("invalid_cursor",),
    ).opt,
)
async def list_erasures(
    request: ApiRequest,
    gateway: Api,
    limit: Annotated[int, QueryParameter(ge=1, le=100, description="Erasures on a page.")] = 20,
    after: Annotated[str | None, QueryParameter(description="`next_cursor` of the page before.")] = None,
) -> Response[Page[ErasureView]]:
    """Everything that was erased for good: jobs, by whoever deleted them or by retention, and people's words."""
    rows = await gateway.erasures.store.page(request.user.tenant_id, after=cursor_of(after), limit=limit + 1)
    shown, following = cut(rows, limit)
    return page(gateway.views.url("/erasures"), list(map(_view, shown)), following, limit=limit)


@get(
    "/erasures/{erasure_id:uuid}",
    opt=Operation(
        needs=Permission.PRIVACY_READ,
        summary="Show an erasure, and its certificate",
        tag="Privacy",
        answers={200: Answer(description="The erasure.", content=ErasureView)},
        problems=_NOT_FOUND,
        codes=("erasure_not_found",),
    ).opt,
)
async def get_erasure(request: ApiRequest, gateway: Api, erasure_id: ErasureId) -> Response[ErasureView]:
    """How far an erasure is. Once nothing of it is found any more (in the store, the database, by the services, in what is
    parked; an hour after it was asked for, when no late work can write again) it has a certificate: a statement without a
    name or a word in it, signed by the installation. `audio2txt admin erasure verify` verifies it, and so can anybody with the
    public key."""
    order = await gateway.erasures.store.find(request.user.tenant_id, erasure_id)
    if order is None:
        raise Problem(404, "erasure_not_found", "There is no erasure with this id; that of a deleted job has the job's.")
    return Response(_view(order))


@get(
    "/erasures/keys",
    opt=Operation(
        needs=Permission.PRIVACY_READ,
        summary="Fetch the public key of certificates",
        tag="Privacy",
        answers={200: Answer(description="A JSON Web Key Set.", content=PublicKeys, media_type="application/jwk-set+json")},
    ).opt,
)
async def get_certificate_keys(request: ApiRequest, gateway: Api) -> Response[PublicKeys]:
    """What certificates of this installation are verified with."""
    del request
    encoded = urlsafe_b64encode(certificate_key(gateway.secret_key)).decode().rstrip("=")
    return Response(PublicKeys(keys=(PublicKey(kid="certificates", x=encoded),)), media_type="application/jwk-set+json")


def _view(order: Order) -> ErasureView:
    return ErasureView(
        id=order.id,
        kind=order.kind,
        state=ErasureState.RUNNING if order.certified_at is None else ErasureState.VERIFIED,
        job_id=order.job_id,
        requested_at=order.requested_at,
        verified_at=order.certified_at,
        certificate=certificate_of(order),
    )
