"""One attempt at one delivery: to whom, what came back, what follows."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from collections.abc import Sequence
from functools import lru_cache, partial
from uuid import UUID

import msgspec
import structlog

from services.notifier.bodies import Bodies, BodyUnavailable
from services.notifier.channels import Answer, Channel, Contact, Message, Receiver, Trouble
from services.notifier.hosts import host_of
from services.notifier.retries import EMAIL_SCHEDULE, TIMED_OUT, Outcome, Past, Verdict, judge
from services.notifier.store.claims import Claimed
from services.notifier.store.results import Attempt, Result
from shared.outbox import OutboxRow, row_of
from shared.schemas.endpoints import DeliveryStatus, Destination, DisabledReason, Endpoint, EndpointKind, Signature
from shared.schemas.events import AddressRefused, DeliveryFinished, DeliveryState
from shared.sealing import Sealer, Unsealable
from shared.signing import endpoint_key_pair, endpoint_secret, webhook_secret

KEPT_REQUEST_BYTES = 16 * 1024
"""How much of what was sent the log keeps."""
INTERNAL_ERROR = "internal_error"
FILES_UNAVAILABLE = "files_unavailable"
REMEMBERED = 1024
"""Endpoints whose destination and keys are kept opened."""

log = structlog.get_logger(__name__)


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """An attempt that was made."""

    verdict: Verdict
    contact: Contact
    seconds: float
    result: Result


class Deliveries:
    """Makes attempts. `timeout` is what one over HTTP may take in all, `mail_timeout` one by e-mail, in seconds."""

    def __init__(
        self,
        *,
        channel: Channel,
        bodies: Bodies,
        sealer: Sealer,
        master: bytes,
        schedule: Sequence[float],
        timeout: float,
        mail_timeout: float,
    ) -> None:
        self._channel = channel
        self._bodies = bodies
        self._sealer = sealer
        self._master = master
        self._schedule = schedule
        self._timeout = timeout
        self._mail_timeout = mail_timeout
        remembered = lru_cache(maxsize=REMEMBERED)
        self._destination = remembered(self._open_destination)
        self._host = remembered(lambda sealed, endpoint_id: host_of(self._destination(sealed, endpoint_id)))
        self._secret = remembered(partial(endpoint_secret, master))
        self._private_key = remembered(lambda endpoint_id, number: endpoint_key_pair(master, endpoint_id, number).private)

    async def attempt(self, claimed: Claimed) -> Made:
        """Make one attempt. Whatever the receiver does is an answer; a fault of ours uses up a try like any other failure,
        as it would else be repeated for ever."""
        started_at, began = dt.datetime.now(dt.UTC), time.monotonic()
        answer = await self._send(claimed)
        seconds = time.monotonic() - began
        kind = claimed.configuration.kind
        verdict = judge(
            answer,
            Past(tries=claimed.tries, deferrals=claimed.deferrals, age=claimed.age),
            kind=kind,
            schedule=EMAIL_SCHEDULE if kind is EndpointKind.EMAIL else self._schedule,
        )
        attempt = Attempt(
            number=claimed.attempts + 1,
            started_at=started_at,
            duration_ms=round(seconds * 1000),
            status=answer.status,
            reason=verdict.reason,
            request_headers=answer.request_headers,
            request_body=answer.request_body[:KEPT_REQUEST_BYTES],
            response_headers=answer.response_headers,
            response_body=answer.excerpt,
        )
        return Made(verdict=verdict, contact=answer.contact, seconds=seconds, result=_result(claimed, attempt, verdict))

    def host(self, claimed: Claimed) -> str | None:
        """Host and port it goes to, where that is known."""
        try:
            return self._host(claimed.configuration.sealed, claimed.endpoint_id)
        except Unsealable:
            return None  # the attempt will say so

    async def _send(self, claimed: Claimed) -> Answer:
        mail = claimed.configuration.kind is EndpointKind.EMAIL
        try:
            async with asyncio.timeout(self._mail_timeout if mail else self._timeout):
                body = await self._bodies.of(claimed)
                return await self._channel.send(_message(claimed, body), self._receiver(claimed))
        except BodyUnavailable:
            return Answer(trouble=Trouble(reason=FILES_UNAVAILABLE, charged=False))
        except TimeoutError:
            return Answer(trouble=Trouble(reason=TIMED_OUT))
        except Exception:
            log.exception("delivery.fault", delivery_id=str(claimed.id))
            return Answer(trouble=Trouble(reason=INTERNAL_ERROR))

    def _receiver(self, claimed: Claimed) -> Receiver:
        endpoint = claimed.configuration
        numbers = () if claimed.callback else _counting_keys(endpoint)
        secrets = tuple(self._secret(endpoint.id, number) for number in numbers)
        if claimed.callback:
            secrets = (webhook_secret(self._master, claimed.tenant_id),)
        asymmetric = Signature.V1A in endpoint.signatures
        return Receiver(
            endpoint_id=endpoint.id,
            tenant_id=claimed.tenant_id,
            kind=endpoint.kind,
            destination=self._destination(endpoint.sealed, endpoint.id),
            signatures=endpoint.signatures,
            secrets=secrets,
            private_keys=tuple(self._private_key(endpoint.id, number) for number in numbers if asymmetric),
            language=endpoint.language,
            attach=endpoint.attach,
            address_id=endpoint.address_id,
            withheld=endpoint.withheld,
        )

    def _open_destination(self, sealed: bytes, endpoint_id: UUID) -> Destination:
        destination: Destination = msgspec.json.decode(self._sealer.unseal(sealed, place=str(endpoint_id)), type=Destination)
        return destination


def _message(claimed: Claimed, body: bytes) -> Message:
    return Message(
        id=f"msg_{claimed.message_id.hex}",
        type=claimed.type,
        sequence=claimed.sequence,
        occurred_at=claimed.occurred_at,
        body=body,
    )


def _counting_keys(endpoint: Endpoint) -> Sequence[int]:
    """The numbers of the keys that have not expired, the newest first."""
    now = dt.datetime.now(dt.UTC)
    counting = [key.number for key in endpoint.keys if key.expires_at is None or key.expires_at > now]
    return sorted(counting, reverse=True)


def _result(claimed: Claimed, attempt: Attempt, verdict: Verdict) -> Result:
    end = None
    match verdict.outcome:
        case Outcome.DELIVERED:
            end = DeliveryStatus.DELIVERED
        case Outcome.FAILED:
            end = DeliveryStatus.FAILED
        case Outcome.RETRIED | Outcome.DEFERRED | Outcome.POSTPONED:
            pass
    return Result(
        delivery_id=claimed.id,
        lease=claimed.lease,
        endpoint_id=claimed.endpoint_id,
        attempt=attempt,
        end=end,
        wait=verdict.wait,
        counts=verdict.outcome not in (Outcome.DEFERRED, Outcome.POSTPONED),
        deferred=verdict.outcome is Outcome.DEFERRED,
        event=_event(claimed, attempt, verdict),
    )


def _event(claimed: Claimed, attempt: Attempt, verdict: Verdict) -> OutboxRow | None:
    """What the gateway hears: addresses that do not exist, and how it went with jobs' callbacks."""
    address_id = claimed.configuration.address_id
    if verdict.disable is DisabledReason.SUPPRESSED and address_id is not None:
        return row_of(
            AddressRefused(
                tenant_id=claimed.tenant_id,
                endpoint_id=claimed.endpoint_id,
                address_id=address_id,
                traceparent=claimed.traceparent,
            )
        )
    if not claimed.callback or claimed.job_id is None or claimed.run is None or not verdict.outcome.final:
        return None
    delivered = verdict.outcome is Outcome.DELIVERED
    return row_of(
        DeliveryFinished(
            tenant_id=claimed.tenant_id,
            job_id=claimed.job_id,
            run=claimed.run,
            traceparent=claimed.traceparent,
            delivery_id=claimed.id,
            state=DeliveryState.DELIVERED if delivered else DeliveryState.FAILED,
            attempts=attempt.number,
            status=attempt.status,
            reason=attempt.reason,
        )
    )
