"""The steps of a rented engine, taken with AssemblyAI."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Mapping
from contextlib import aclosing
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec
import structlog
from typing_extensions import override

from services.transcriber.engines import (
    Account,
    Attachment,
    Capabilities,
    Finished,
    Heard,
    Hooks,
    News,
    OutcomeUnknown,
    Pending,
    Prepared,
    RentedEngine,
    Reserve,
    Task,
)
from services.transcriber.engines.assemblyai import callbacks, errors, languages, listing, reading, redaction, request
from services.transcriber.engines.assemblyai.answer import Fields, Glance, RedactedAudio, Submitted, Uploaded
from services.transcriber.engines.assemblyai.settings import AssemblyAISettings
from services.transcriber.engines.assemblyai.wire import Connect, Lost, Timeout, Wire
from services.transcriber.engines.http import Answer
from shared.blobs import BlobStore
from shared.errors import JobError, RetryableError
from shared.schemas.engines import Feature
from shared.schemas.jobs import Analysis

AT_ONCE = 16
LARGEST_UPLOAD = 2_200_000_000
LARGEST_FILE = 5_000_000_000
LARGEST_REDACTED = 1_000_000_000
"""Largest file of which AssemblyAI makes a redacted recording."""
LONGEST_MS = 10 * 3_600_000
PRESIGNED_SECONDS = 48 * 3600
"""AssemblyAI fetches a recording when its turn has come."""
CALLED_BACK_SECONDS = 30.0
"""Between questions, or more, where AssemblyAI calls back."""
UNCLEAR = dt.timedelta(minutes=2, seconds=15)
"""After the beginning of a submission: its time-out, a margin, and a minute in which the list may lag behind."""

SUBMIT = Timeout(silence=60, total=60)
ASK = Timeout(silence=20, total=300)
"""For answers that may be long, as transcripts are."""

T = TypeVar("T")
log = structlog.get_logger(__name__)


class AssemblyAIEngine(RentedEngine):
    """Uploads recordings, or lends them by a URL, and asks how far they are."""

    name = "assemblyai"
    at_once = AT_ONCE

    def __init__(
        self,
        *,
        settings: AssemblyAISettings,
        blobs: BlobStore,
        reserve: Reserve,
        hooks: Hooks | None,
        connect: Connect,
        submit_timeout: Timeout = SUBMIT,
        unclear: dt.timedelta = UNCLEAR,
    ) -> None:
        self.key = settings.assemblyai_api_key
        self.models = settings.models
        self.capabilities = _capabilities(settings)
        self._service = settings.service
        self._upload = settings.assemblyai_upload
        self._blobs = blobs
        self._hooks = hooks
        self.calls_back = hooks is not None
        self.first_poll = CALLED_BACK_SECONDS if self.calls_back else RentedEngine.first_poll
        self._wire = Wire(connect=connect, reserve=reserve)
        self._submit_timeout = submit_timeout
        self._unclear = unclear

    @override
    async def prepare(self, task: Task) -> Prepared:
        account = _account(task)
        await asyncio.to_thread(request.check, task, models=self.models)
        now = dt.datetime.now(dt.UTC)
        return {
            "audio_url": await self._lend(task, account),
            "account": account.id,
            "service": self._service,
            "prepared_at": now.isoformat(),
        }

    @override
    async def submit(self, task: Task, prepared: Prepared) -> str:
        account, audio_url = _account(task), prepared["audio_url"]
        body = await asyncio.to_thread(request.body, task, audio_url, models=self.models, hooks=self._hooks)
        try:
            answer = await self._wire.send(
                account, "POST", f"{self._service}/v2/transcript", timeout=self._submit_timeout, body=body
            )
        except Lost as error:
            raise OutcomeUnknown(str(error)) from None
        if answer.ok:
            return _submitted(answer)
        if answer.status >= 500 or answer.status < 400 or answer.status == 408:
            raise OutcomeUnknown(f"AssemblyAI answered {answer.status}.")
        raise errors.refusal(answer)

    @override
    async def find(self, task: Task, prepared: Prepared, submitted_at: dt.datetime) -> str | None:
        account = _account(task)
        found = await self._listed(account, prepared, since=submitted_at)
        if found:
            log.info("assemblyai.found", transcripts=len(found))
            return next((item for item in found if not item.failed), found[0]).id
        if dt.datetime.now(dt.UTC) < submitted_at + self._unclear:
            raise OutcomeUnknown("AssemblyAI's list does not show the transcript, or not yet.")
        if account.id != prepared["account"]:
            raise JobError(
                "outcome_unknown",
                "The API key was changed while AssemblyAI was given the recording, so that nobody can tell whether it was "
                "taken; a retry may be charged again.",
                retryable=True,
            )
        return None

    @override
    async def poll(self, task: Task, provider_id: str) -> Pending | Finished:
        answer = await self._ask(_account(task), f"{self._service}/v2/transcript/{provider_id}")
        glance = _glance(answer.body)
        if glance.deleted:
            raise errors.lost()
        if glance.status == "error":
            raise errors.failure(glance.error or "")
        if glance.status != "completed" or await self._still_redacts(task, provider_id, glance):
            duration_ms = None if glance.audio_duration is None else round(glance.audio_duration * 1000)
            return Pending(duration_ms=duration_ms)
        return Finished(raw=answer.body)

    @override
    async def attachments(self, task: Task, provider_id: str, raw: bytes) -> tuple[Attachment, ...]:
        redacted = await self._redacted_audio(task, provider_id, _glance(raw))
        if redacted is None:
            return ()
        if redacted.redacted_audio_url is None:
            raise RetryableError("AssemblyAI's redacted recording is not ready yet.")
        return (self._attachment(_account(task), redacted.redacted_audio_url),)

    @override
    async def dismiss(self, account: Account, provider_id: str | None, prepared: Prepared, *, search: bool) -> None:
        # Deleting a transcript hides its recording from the list, so those with the same one are looked for first.
        found = {provider_id} if provider_id else set()
        if search and "audio_url" in prepared:
            since = dt.datetime.fromisoformat(prepared["prepared_at"])
            found.update(item.id for item in await self._listed(account, prepared, since=since))
        for each in found:
            url = f"{prepared.get('service', self._service)}/v2/transcript/{each}"
            answer = await self._wire.send(account, "DELETE", url, timeout=ASK)
            if not answer.ok and not errors.is_unknown(answer):
                raise errors.outage(answer)

    @override
    def may_call(self, headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
        return self._hooks is not None and callbacks.is_its(self._hooks, headers)

    @override
    def heed(self, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> News | None:
        return callbacks.read(self._hooks, headers, query, body) if self._hooks else None

    @override
    def parse(self, raw: bytes) -> Heard:
        return reading.read(raw)

    @override
    async def close(self) -> None:
        await self._wire.close()

    async def _lend(self, task: Task, account: Account) -> str:
        """A URL of the recording that AssemblyAI can read, another one each time."""
        size = (await self._blobs.info(task.source_key)).size
        if task.options.redaction and task.options.redaction.audio and size > LARGEST_REDACTED:
            raise _too_large("1 GB for a redacted recording")
        if size > LARGEST_FILE:
            raise _too_large("5 GB")
        fits = size <= LARGEST_UPLOAD
        if self._upload == "presigned" or (self._upload == "auto" and not fits):
            presigned = await self._blobs.presigned(task.source_key, PRESIGNED_SECONDS)
            if presigned is not None:
                return presigned
        if not fits:
            raise _too_large("2.2 GB unless they lie in an S3 store that it can reach")
        chunks = self._blobs.stream(task.source_key)
        async with aclosing(chunks):
            answer = await self._wire.upload(account, f"{self._service}/v2/upload", chunks, size)
        if not answer.ok:
            raise errors.refusal(answer)
        return _decoded(answer.body, Uploaded).upload_url

    async def _ask(self, account: Account, url: str, params: Mapping[str, str] | None = None) -> Answer:
        answer = await self._wire.send(account, "GET", url, timeout=ASK, params=params)
        if answer.ok:
            return answer
        raise errors.lost() if errors.is_unknown(answer) else errors.outage(answer)

    async def _listed(self, account: Account, prepared: Prepared, *, since: dt.datetime) -> list[listing.Item]:
        async def fetch(params: Mapping[str, str]) -> Answer:
            answer = await self._wire.send(account, "GET", f"{prepared['service']}/v2/transcript", timeout=ASK, params=params)
            if not answer.ok:
                raise errors.outage(answer)
            return answer

        return await listing.matching(fetch, prepared["audio_url"], since=since)

    async def _still_redacts(self, task: Task, provider_id: str, glance: Glance) -> bool:
        redacted = await self._redacted_audio(task, provider_id, glance)
        return redacted is not None and redacted.redacted_audio_url is None

    async def _redacted_audio(self, task: Task, provider_id: str, glance: Glance) -> RedactedAudio | None:
        """Where the redacted recording lies, once it is ready; null when there is none, nor will be."""
        redaction = task.options.redaction
        if redaction is None or not redaction.audio or not glance.text:
            return None
        url = f"{self._service}/v2/transcript/{provider_id}/redacted-audio"
        answer = await self._wire.send(_account(task), "GET", url, timeout=ASK)
        match answer.status:
            case 202:
                return RedactedAudio()
            case 400 | 404:
                log.warning("assemblyai.no_redacted_audio", status=answer.status)
                return None
            case _ if answer.ok:
                return _decoded(answer.body, RedactedAudio)
            case _:
                raise errors.outage(answer)

    def _attachment(self, account: Account, url: str) -> Attachment:
        is_wave = urlsplit(url).path.endswith(".wav")
        return Attachment(
            name="redacted.wav" if is_wave else "redacted.mp3",
            media_type="audio/wav" if is_wave else "audio/mpeg",
            chunks=partial(self._wire.download, account, url, most_bytes=LARGEST_FILE),
        )


def _capabilities(settings: AssemblyAISettings) -> Capabilities:
    newest_only = all(model.startswith(request.NEWEST_FAMILY) for model in settings.models)
    return Capabilities(
        languages=languages.NEWEST if newest_only else languages.LANGUAGES,
        features=frozenset(Feature),
        analyses=frozenset(Analysis),
        feature_languages={
            Feature.SPEAKERS: languages.SEPARABLE,
            Feature.SPEAKER_COUNT: languages.SEPARABLE,
            Feature.REDACTION: languages.REDACTABLE,
            Feature.REDACTED_AUDIO: languages.REDACTABLE,
        },
        redaction=redaction.LIMITS,
        vocabulary=request.vocabulary_limits(settings.models),
        longest_ms=LONGEST_MS,
        largest_bytes=LARGEST_UPLOAD if settings.assemblyai_upload == "upload" else LARGEST_FILE,
        keeps_copies=settings.assemblyai_delete,
    )


def _account(task: Task) -> Account:
    assert task.account is not None
    return task.account


def _submitted(answer: Answer) -> str:
    """The id, before anything else can fail."""
    try:
        return msgspec.json.decode(answer.body, type=Submitted).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise OutcomeUnknown("AssemblyAI answered a submission with something else than a transcript.") from None


def _decoded(body: bytes, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(body, type=kind, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RetryableError("AssemblyAI's answer cannot be read.") from None


def _glance(body: bytes) -> Glance:
    """What a poll needs to know. A finished transcript must be kept whatever else has changed in it."""
    try:
        fields = Fields(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RetryableError("AssemblyAI's answer cannot be read.") from None
    glance = Glance.of(fields)
    if "status" in fields.unreadable:
        raise RetryableError("AssemblyAI's answer cannot be read.")
    return glance


def _too_large(limit: str) -> JobError:
    return JobError(
        "file_too_large", f"AssemblyAI takes files of up to {limit}; upload the recording in a format that compresses sound."
    )
