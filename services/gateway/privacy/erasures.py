"""Erases for good, looks until nothing is found any more anywhere, and certifies it.

What is erased goes with the order, in its transaction; everything after it may be broken off and is begun again.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import assert_never
from uuid import UUID

import msgspec
import structlog

from services.gateway import announcements
from services.gateway.erasure import ErasureKind, Order
from services.gateway.jobs import Job
from services.gateway.lifecycle import Lifecycle
from services.gateway.places import edition_of, is_answer
from services.gateway.privacy.certificates import Verification, digest, state
from services.gateway.privacy.retention import places_of
from services.gateway.privacy.speakers import has_words_of, segments_of, without_speaker
from services.gateway.problems import Problem, check_kept, invalid, job_not_found
from services.gateway.store.erasures import ErasureStore
from services.gateway.store.transitions import Transitions
from services.gateway.store.transitions.erasures import SpeakerErasure
from services.gateway.store.uploads import UploadStore
from services.gateway.wakeups import Wakeups
from shared import metrics
from shared.blobs import BlobNotFound, BlobStore, BlobUnavailable, job_prefix, revised_key, tenant_prefix, transcript_key
from shared.bus import Bus
from shared.database import Pool, transaction
from shared.errors import PermanentError
from shared.outbox import Outbox
from shared.schemas.events import ContentErased, JobErased, TenantErased, routing_key
from shared.schemas.ids import new_id
from shared.schemas.privacy import Part
from shared.schemas.transcripts import Transcript
from shared.signing import certify

CLAIM_SECONDS = 120.0
"""For which one process works on an order alone."""

_TRANSCRIPTS = msgspec.json.Decoder(Transcript)
_TELLING = (routing_key(JobErased), routing_key(ContentErased), routing_key(TenantErased))
"""Events that the erasure itself needs."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Erasures:
    """Takes orders, carries them out, and certifies."""

    pool: Pool
    store: ErasureStore
    uploads: UploadStore
    lifecycle: Lifecycle
    transitions: Transitions
    blobs: BlobStore
    outbox: Outbox
    bus: Bus
    wakeups: Wakeups
    master: bytes
    settle: float
    """Seconds after an order for which late work may still write something."""

    async def erase_speaker(self, tenant_id: UUID, job_id: UUID, speaker_id: str) -> Order:
        """Take a person's words out of a job that is at rest, and everything that cannot be cut: the recording and the
        engine's answer. The report and the files are made anew. Raises `Problem`."""
        job = await self.store.job(tenant_id, job_id)
        if job is None:
            raise job_not_found()
        if not job.at_rest:
            raise Problem(409, "job_not_final", "The job is still at work; wait for its end, or cancel it first.")
        if not job.transcribed:
            raise Problem(409, "transcript_not_ready", "The job has no transcript that words could be erased from; delete it.")
        check_kept(job.removed, Part.TRANSCRIPT)
        transcript = await self._transcript(job.revision_key or transcript_key(tenant_id, job_id, job.run))
        if transcript is None:
            raise Problem(404, "transcript_not_found", "The transcript is no longer in the store.")
        speaker = next((one for one in transcript.speakers if one.id == speaker_id), None)
        if speaker is None:
            known = ", ".join(one.id for one in transcript.speakers) or "none"
            raise invalid(
                "/speaker_id", "speaker_not_found", f"Nobody in the transcript is {speaker_id!r}; there are: {known}."
            )
        if speaker.name is None and not has_words_of(transcript, frozenset({speaker_id})):
            raise Problem(409, "nothing_to_erase", "The transcript has no words of this person any more.")
        return await self._erase_speaker(job, transcript, speaker_id)

    async def _erase_speaker(self, job: Job, transcript: Transcript, speaker_id: str) -> Order:
        now = dt.datetime.now(dt.UTC)
        emptied = without_speaker(transcript, speaker_id, at=now)
        key = revised_key(job.tenant_id, job.id, job.run, new_id())
        await self.blobs.put(key, await asyncio.to_thread(msgspec.json.encode, emptied))
        order = SpeakerErasure(
            id=new_id(),
            keys=tuple(place.key for place in await places_of(self.blobs, job.tenant_id, job.id) if place.key != key),
            segments=segments_of(transcript, speaker_id),
            speaker_id=speaker_id,
            removed={Part.AUDIO: now, Part.RAW: now},
        )
        begun, taken = await self.lifecycle.another_report(job)
        again = msgspec.structs.replace(begun, revision=job.revision + 1, revision_key=key)
        told = ContentErased(tenant_id=job.tenant_id, job_id=job.id, run=job.run, parts=tuple(Part))
        if not await self.transitions.speaker_erased(job, again, order, announcements.submitted(again), told):
            await self.lifecycle.quotas.give_back(taken)
            await self.blobs.delete(key)
            raise Problem(409, "job_changed", "The job changed meanwhile; look at it and try again.")
        self.wakeups.tell(job.tenant_id, job.id)
        self.outbox.wake()
        await self._remove_now(order)
        log.info("speaker.erased", tenant_id=str(job.tenant_id), job_id=str(job.id), segments=order.segments)
        found = await self.store.find(job.tenant_id, order.id)
        assert found is not None
        return found

    async def _remove_now(self, order: SpeakerErasure) -> None:
        """What has to go goes with the request, as far as the store lets it; the rounds look for the rest."""
        removed = 0
        with suppress(BlobUnavailable):
            for key in order.keys:
                await self.blobs.delete(key)
                removed += 1
        await self.store.begun(order.id, removed)

    async def carry_out(self) -> None:
        """Go on with every order that is due."""
        for order in await self.store.due(claim=CLAIM_SECONDS):
            try:
                await self._go_on(order)
            except (PermanentError, msgspec.DecodeError) as error:
                log.error("erasure.postponed", tenant_id=str(order.tenant_id), erasure_id=str(order.id), error=str(error))
                await self.store.postpone(order, blobs=0)

    async def _go_on(self, order: Order) -> None:
        match order.kind:
            case ErasureKind.JOB:
                removed, verified = await self._job(order)
            case ErasureKind.SPEAKER:
                removed, verified = await self._speaker(order)
            case ErasureKind.TENANT:
                removed, verified = await self._tenant(order)
            case _:
                assert_never(order.kind)
        if verified and all(place.left == 0 for place in verified):
            await self._certify(order, removed, verified)
        else:
            await self.store.postpone(order, blobs=removed)

    async def _job(self, order: Order) -> tuple[int, list[Verification]]:
        assert order.job_id is not None
        prefix = job_prefix(order.tenant_id, order.job_id)
        rows = await self._forget_events(order.job_id, self.store.rows_of_job)
        return 0, [
            Verification(place="store", how=f"listed everything below {prefix}", left=await self._below(prefix)),
            Verification(place="database", how="counted the job's rows, and events not sent yet", left=rows),
            await self._exports(order),
            *await self._others(order),
        ]

    async def _speaker(self, order: Order) -> tuple[int, list[Verification]]:
        """Takes away what is left of the blobs that were there, and what late work made of them, once the job works no more
        and nothing late can come. Then the answers of language models go as well: whose words they rest on, nobody can tell."""
        assert order.job_id is not None
        job = await self.store.job(order.tenant_id, order.job_id)
        last = (job is None or job.at_rest) and self._is_settled(order)
        there = await self._still_there(order, answers=last)
        for key in there:
            await self.blobs.delete(key)
        left = len(await self._still_there(order, answers=last))
        others, exports = await self._others(order), await self._exports(order)
        if any(place.left for place in others):
            async with transaction(self.pool) as connection:
                told = ContentErased(tenant_id=order.tenant_id, job_id=order.job_id, run=order.run or 1, parts=tuple(Part))
                await self.outbox.append(connection, told)
            self.outbox.wake()
        if not last:
            return len(there), []
        document = None if order.document is None else await self._transcript(order.document)
        theirs = frozenset({order.speaker_id or ""})
        said = 0 if document is None else int(has_words_of(document, theirs))
        return len(there), [
            Verification(place="store", how="listed the job's files for those that were there before, or late", left=left),
            Verification(place="store", how="read the transcript for words of theirs", left=said),
            exports,
            *others,
        ]

    async def _tenant(self, order: Order) -> tuple[int, list[Verification]]:
        """Job by job, then everything else; a step that leaves something over is gone on with in the next pass."""
        tenant_id, prefix = order.tenant_id, tenant_prefix(order.tenant_id)
        # Whoever erases jobs and uploads removes most files before the last pass, so they are counted in the first.
        found = await self._below(prefix) if order.passes == 0 else 0
        while jobs := await self.store.jobs(tenant_id):
            for job in jobs:
                await self.transitions.erased(job, announcements.erased(job))
                self.wakeups.tell(tenant_id, job.id)
            self.outbox.wake()
        await self.uploads.expire_all(tenant_id)
        async with transaction(self.pool) as connection:
            await self.outbox.append(connection, TenantErased(tenant_id=tenant_id))
        self.outbox.wake()
        waiting = await self.store.unfinished(tenant_id)
        others = await self._others(order)
        if waiting or not self._is_settled(order) or any(place.left for place in others):
            return found, []
        await self.store.delete_rows_of_tenant(tenant_id)
        late = await self.blobs.delete_prefix(prefix)
        if await self.blobs.shred(tenant_id):
            log.info("tenant.key_destroyed", tenant_id=str(tenant_id))
        rows = await self._forget_events(tenant_id, self.store.rows_of_tenant, keep=())
        return found or late, [
            Verification(place="store", how=f"listed everything below {prefix}", left=await self._below(prefix)),
            Verification(place="database", how="counted the tenant's rows in every table, and events not sent yet", left=rows),
            *others,
        ]

    def _is_settled(self, order: Order) -> bool:
        """Whether late work has had its time."""
        return (dt.datetime.now(dt.UTC) - order.requested_at).total_seconds() >= self.settle

    async def _exports(self, order: Order) -> Verification:
        """Those made before go; one that is being made is waited for, and goes then."""
        return Verification(place="store", how="looked for exports made before", left=await self.store.older_exports(order))

    async def _others(self, order: Order) -> list[Verification]:
        held = await self.store.held(order)
        found = [
            Verification(
                place=service,
                how="asked for everything that it holds",
                left=sum(count for thing, count in held.items() if thing.startswith(f"{service}.")),
            )
            for service in ("transcriber", "notifier")
        ]
        if order.kind is ErasureKind.SPEAKER or any(place.left for place in found):
            return found
        dropped = await self.bus.forget_parked(order.job_id or order.tenant_id)
        if dropped:
            log.info("erasure.unparked", tenant_id=str(order.tenant_id), erasure_id=str(order.id), messages=dropped)
        return [*found, Verification(place="queues", how="looked through what is parked", left=0)]

    async def _forget_events(
        self, subject: UUID, count: Callable[[UUID], Awaitable[int]], *, keep: Sequence[str] = _TELLING
    ) -> int:
        """Delete what has not left about a subject, but what is told of the erasure; how many rows there are of it then."""
        async with transaction(self.pool) as connection:
            await self.outbox.forget(connection, subject, keep=keep)
        return await count(subject)

    async def _still_there(self, order: Order, *, answers: bool) -> list[str]:
        """What was there before a person's words went, and reports and files of transcripts that had them."""
        assert order.job_id is not None
        wanted, revision = set(order.keys), await self.store.revision_of(order)
        clean = None if revision is None else (order.run or 1, revision)

        def has_to_go(key: str) -> bool:
            edition = edition_of(key)
            late = edition is not None and clean is not None and edition < clean
            return key in wanted or late or (answers and is_answer(key))

        return [place.key for place in await places_of(self.blobs, order.tenant_id, order.job_id) if has_to_go(place.key)]

    async def _below(self, prefix: str) -> int:
        return sum([1 async for _ in self.blobs.list(prefix)])

    async def _transcript(self, key: str) -> Transcript | None:
        try:
            return await asyncio.to_thread(_TRANSCRIPTS.decode, await self.blobs.get(key))
        except BlobNotFound:
            return None

    async def _certify(self, order: Order, removed: int, verified: Sequence[Verification]) -> None:
        last, now = await self.store.chained(order.tenant_id), dt.datetime.now(dt.UTC)
        deletions = {dismissed.engine: dismissed.times for dismissed in await self.store.dismissed(order)}
        statement = state(
            order,
            number=last.number + 1,
            previous=last.hash,
            verified=verified,
            deletions=deletions if order.kind is not ErasureKind.SPEAKER else {},
            at=now,
            blobs=order.blobs + removed,
        )
        signed = certify(self.master, statement.encode())
        if await self.store.certify(
            order,
            number=last.number + 1,
            statement=statement,
            digest=digest(statement),
            signature=signed.signature,
            public_key=signed.public_key,
            at=now,
        ):
            metrics.ERASURES.labels(order.kind).inc()
            log.info("erasure.certified", tenant_id=str(order.tenant_id), erasure_id=str(order.id), kind=order.kind.value)
