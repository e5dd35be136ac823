"""Answers of engines are kept before they are understood, so that they can be read again: also by the retry of a job.

A retry that asks a provider for the same as an earlier run of its job takes over the answer that was paid for. What is the
same is told by a digest of the engine, its models and every option that it is told, key terms included. What only we or
reports make use of is not in it, nor are the account and the recording: a job has one recording, which never changes.
"""

from __future__ import annotations

import asyncio
import hashlib

import msgspec
import structlog

from services.transcriber.engines import Engine, Heard, InHouseEngine
from services.transcriber.store import Key, LeaseLost, Transcription
from services.transcriber.store.answers import AnswerStore
from shared.blobs import BlobNotFound, BlobStore, raw_key
from shared.errors import JobError
from shared.schemas.jobs import Analysis, Redaction, SpeakerRange

log = structlog.get_logger(__name__)


class _Asked(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a provider is asked for. Options that come later have a default, so that older digests stay what they are."""

    engine: str
    models: tuple[str, ...]
    language: str
    vocabulary: tuple[str, ...] = ()
    speakers: SpeakerRange | None = None
    channels: bool = False
    redaction: Redaction | None = None
    analyses: tuple[Analysis, ...] = ()


class KeptAnswers:
    """Finds, reads and attributes the answers of a job's runs."""

    def __init__(self, *, answers: AnswerStore, blobs: BlobStore) -> None:
        self._answers = answers
        self._blobs = blobs

    async def take_over(self, row: Transcription, engine: Engine, terms: tuple[str, ...]) -> bytes | None:
        """The answer that an earlier run was given to the same, stored as this one's; null when the provider must be asked."""
        if isinstance(engine, InHouseEngine):
            return None
        digest = _digest(row, engine, terms)
        if not await self._answers.asked(row.key, digest):
            raise LeaseLost
        wants_recording = row.options.redaction is not None and row.options.redaction.audio
        earlier = await self._answers.earlier(row.key, row.engine, digest, attached=wants_recording)
        if earlier is None:
            return None
        try:
            raw = await self._blobs.get(raw_key(row.tenant_id, row.job_id, earlier.run))
        except BlobNotFound:
            return None
        await self._blobs.put(raw_key(row.tenant_id, row.job_id, row.run), raw)
        if not await self._answers.read_again(row.key, earlier.run):
            raise LeaseLost
        log.info("answer.read_again", run=row.run, answer_run=earlier.run, engine=row.engine)
        return raw

    async def given_to(self, row: Transcription) -> Transcription:
        """The run that was given the answer which `row` reads: itself, or an earlier one."""
        if row.answer_run is None:
            return row
        earlier = await self._answers.of(Key(row.job_id, row.answer_run))
        if earlier is None:
            raise LeaseLost
        return earlier

    async def charged_before(self, row: Transcription) -> bool:
        """Whether an earlier run already made a transcript of the answer which `row` reads."""
        return row.answer_run is not None and await self._answers.transcribed_before(row.key, row.answer_run)

    async def attached(self, row: Transcription, keys: list[str]) -> None:
        """Note the files that came with the answer."""
        if not await self._answers.attached(row.key, keys):
            raise LeaseLost

    async def read(self, row: Transcription, engine: Engine, raw: bytes) -> Heard:
        """What an answer says. `JobError` when it says that nothing was heard, which a retry asks for anew, and
        `answer_unreadable` when it cannot be read: at once, for a moment later it reads the same."""
        try:
            return await asyncio.to_thread(engine.parse, raw)
        except JobError:
            if not await self._answers.asked(row.key, None):
                raise LeaseLost from None
            raise
        except MemoryError:
            raise
        except Exception as error:
            log.error("answer.unreadable", run=row.run, engine=row.engine, exc_info=error)
            raise _unreadable(row, engine) from error


def _digest(row: Transcription, engine: Engine, terms: tuple[str, ...]) -> str:
    options = row.options
    asked = _Asked(
        engine=engine.name,
        models=engine.models,
        language=options.language,
        vocabulary=terms,
        speakers=options.speakers,
        channels=options.channels,
        redaction=options.redaction,
        analyses=options.analyses,
    )
    return hashlib.sha256(msgspec.json.encode(asked)).hexdigest()


def _unreadable(row: Transcription, engine: Engine) -> JobError:
    if isinstance(engine, InHouseEngine):
        message = f"The answer of the engine {engine.name} cannot be read; try another engine, and tell the operator."
    elif row.answer_run is None:
        message = (
            f"The answer of the engine {engine.name} is kept but cannot be read; retry with another engine, or once this "
            "installation is updated: then the kept answer is read again and not charged again."
        )
    else:
        message = (
            f"The kept answer of the engine {engine.name} still cannot be read, and was not asked for again; retry with "
            "another engine, or once this installation is updated."
        )
    return JobError("answer_unreadable", message, retryable=True)
