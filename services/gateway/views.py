"""What clients see: the JSON of the API, built from rows. Fields are added, never renamed or removed."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Generic, TypeVar
from urllib.parse import quote, urlsplit
from uuid import UUID

import msgspec
from msgspec import Meta

from services.gateway.jobs import Job, StageState, progress, report_stage, transcription_stage, waiting
from services.gateway.places import part_of
from services.gateway.store.revisions import Revision
from services.gateway.store.uploads import Upload, UploadState
from shared.schemas.events import TranscriptionState
from shared.schemas.jobs import (
    Analysis,
    ArtifactFormat,
    ArtifactResult,
    ArtifactState,
    Failure,
    FileFormat,
    JobState,
    LlmAllowance,
    Priority,
    Redaction,
    ReportLanguage,
    ReportMode,
    Script,
    SpeakerRange,
    Waiting,
)
from shared.schemas.privacy import Part
from shared.schemas.reports import Usage
from shared.schemas.transcripts import Cost

T = TypeVar("T")

_ID = "0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a"
_SHA256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

Id = Annotated[UUID, Meta(description="UUID version 7.", examples=[_ID])]
Time = Annotated[dt.datetime, Meta(tz=True, description="RFC 3339, UTC.", examples=["2026-11-22T09:30:00Z"])]
Bytes = Annotated[int, Meta(ge=0, description="Bytes.", examples=[48211904])]
Sha256 = Annotated[str, Meta(description="SHA-256 of the bytes, in hex.", examples=[_SHA256])]
Fraction = Annotated[float, Meta(ge=0, le=1, description="How much is done; null while unknown.", examples=[0.42])]
Url = Annotated[
    str,
    Meta(description="Absolute where AUDIO2TXT_PUBLIC_URL is set, else a path.", examples=[f"/v1/jobs/{_ID}"]),
]


class UploadView(msgspec.Struct, frozen=True, kw_only=True):
    """A recording that waits for its job."""

    id: Id
    state: Annotated[
        UploadState,
        Meta(
            description="`receiving` while bytes are missing, `ready` to become a job, `used` once it is one with the same id."
        ),
    ]
    file_name: Annotated[str | None, Meta(description="As given, cleaned; for display only.", examples=["meeting.mp3"])]
    media_type: Annotated[
        str | None, Meta(description="What the first bytes look like; null before they are there.", examples=["audio/mpeg"])
    ]
    size: Bytes | None
    received: (
        Annotated[
            int,
            Meta(ge=0, description="Bytes of a resumable upload that are stored; null once it is whole.", examples=[8388608]),
        ]
        | None
    )
    sha256: Sha256 | None
    created_at: Time
    expires_at: Annotated[Time, Meta(description="When an upload without a job is deleted.")]


class DirectUploadView(msgspec.Struct, frozen=True, kw_only=True):
    """An upload that is expected in the store, and the request that brings it there."""

    upload: UploadView
    method: Annotated[str, Meta(description="Of the request.", examples=["PUT"])]
    url: Annotated[str, Meta(description="Whoever knows it can make the request, once: treat it as a secret.")]
    headers: Annotated[dict[str, str], Meta(description="What the request must carry.", examples=[{"If-None-Match": "*"}])]
    begin_before: Time


class SourceView(msgspec.Struct, frozen=True, kw_only=True):
    """The recording of a job."""

    size: Bytes | None
    sha256: Sha256 | None
    media_type: Annotated[str | None, Meta(examples=["audio/mpeg"], description="What the first bytes look like.")]
    url: Annotated[str | None, Meta(description="Where it is fetched from; null when it was uploaded.")]


class TranscriptionView(msgspec.Struct, frozen=True, kw_only=True):
    """The transcription of the current run."""

    state: Annotated[TranscriptionState, Meta(description="Where it stands.")]
    engine: Annotated[str | None, Meta(description="The engine at work; null before one is chosen.", examples=["local"])]
    model: Annotated[str | None, Meta(description="The engine's model, once known.", examples=["universal"])]
    progress: Fraction | None
    cost: Annotated[
        Cost | None, Meta(description="What the provider asks for it; null in the house, or when no price is known.")
    ]
    waiting: Annotated[
        Waiting | None,
        Meta(description="What it waits for, such as a key, or the end of an outage; null while the work goes on."),
    ] = None


class ReportView(msgspec.Struct, frozen=True, kw_only=True):
    """The report and its files."""

    state: Annotated[StageState, Meta(description="Where it stands.")]
    progress: Fraction | None = None
    mode: Annotated[
        ReportMode | None,
        Meta(
            description="Who wrote the last report; null before there is one, and for transcripts without a report. Another "
            "than the one asked for stood in, and the report's `notes` say why."
        ),
    ] = None
    model: Annotated[str | None, Meta(description="The language model, where one wrote.", examples=["qwen3-32b"])] = None
    usage: Annotated[
        Usage | None, Meta(description="What language models were asked for the last report, and what that costs.")
    ] = None
    allowance: Annotated[
        LlmAllowance | None,
        Meta(
            description="What language models may be asked for this report; null for nothing. `outside` says whether the text "
            "may leave the house."
        ),
    ] = None


class StagesView(msgspec.Struct, frozen=True, kw_only=True):
    """The stages of the work."""

    transcription: TranscriptionView
    report: ReportView


class ArtifactView(msgspec.Struct, frozen=True, kw_only=True):
    """One file of a job, or the reason why there is none."""

    name: Annotated[str, Meta(description="Unique inside the job.", examples=["transcript.pdf"])]
    format: Annotated[FileFormat, Meta(description="The file's format.")]
    state: Annotated[ArtifactState, Meta(description="`failed` ones have a `failure`; `POST …/retry` renders them again.")]
    media_type: Annotated[str, Meta(description="Sent as Content-Type.", examples=["application/pdf"])]
    size: Bytes | None
    sha256: Sha256 | None
    url: Annotated[str | None, Meta(description="Where to fetch it; null when it failed, or is no longer kept.")]
    failure: Annotated[Failure | None, Meta(description="Why it could not be rendered.")]


class CallbackView(msgspec.Struct, frozen=True, kw_only=True):
    """The webhook to the job's `callback_url`."""

    url: Annotated[str, Meta(description="As given.", examples=["https://example.com/hooks/audio2txt"])]
    state: Annotated[str, Meta(description="`pending`, `delivered` or `failed` (given up).", examples=["delivered"])]
    attempts: Annotated[int, Meta(ge=0, description="How often it was tried.", examples=[1])]
    status: Annotated[int | None, Meta(description="HTTP status of the last answer.", examples=[204])]


class RemovedView(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a job that is no longer kept."""

    part: Annotated[Part, Meta(description="Which.", examples=["audio"])]
    at: Annotated[dt.datetime, Meta(description="Since when.", examples=["2026-12-22T09:30:00Z"])]


class VocabularyUse(msgspec.Struct, frozen=True, kw_only=True):
    """A vocabulary that a job took."""

    id: Id
    name: Annotated[str, Meta(description="As it was called.", examples=["Board"])]
    version: Annotated[int, Meta(ge=1, description="Which one; the set may be another by now.", examples=[3])]


class JobLinks(msgspec.Struct, frozen=True, kw_only=True):
    """Where the parts of a job are."""

    self: Url
    events: Url
    transcript: Url
    report: Url
    artifacts: Url


class JobView(msgspec.Struct, frozen=True, kw_only=True):
    """A job: one recording on its way to documents."""

    id: Id
    state: Annotated[JobState, Meta(description="`completed`, `failed` and `cancelled` are final until a retry.")]
    run: Annotated[int, Meta(ge=1, description="Which transcription this is; a retry may begin the next.", examples=[1])]
    version: Annotated[int, Meta(ge=1, description="Grows with every change; the `id` of server-sent events.", examples=[4])]
    title: Annotated[str | None, Meta(description="Title printed on the files.", examples=["Weekly meeting"])]
    file_name: Annotated[str | None, Meta(description="Name of the uploaded file, for display.", examples=["meeting.mp3"])]
    source: SourceView
    language: Annotated[str, Meta(description="As asked for, or as the solution wishes.", examples=["auto"])]
    engine: Annotated[str | None, Meta(description="As asked for; null takes the default.", examples=["local"])]
    solution: Annotated[str, Meta(description="Id of the scenario reported after.", examples=["meeting_minutes"])]
    formats: Annotated[tuple[ArtifactFormat, ...] | None, Meta(description="As asked for; null takes those of the solution.")]
    speakers: Annotated[
        SpeakerRange | None, Meta(description="As asked for, or as the solution wishes; null leaves it to the engine.")
    ]
    vocabulary: Annotated[tuple[str, ...], Meta(description="Key terms of the job and its solution.", examples=[["Audio2txt"]])]
    vocabularies: Annotated[
        tuple[VocabularyUse, ...], Meta(description="Sets as they were when the job named them; a retry keeps them.")
    ]
    channels: Annotated[bool, Meta(description="Whether each channel is one speaker.")]
    redaction: Annotated[Redaction | None, Meta(description="What is removed; null removes nothing.")]
    analyses: Annotated[tuple[Analysis, ...], Meta(description="What is found out beside the words.", examples=[["topics"]])]
    script: Annotated[Script | None, Meta(description="Chinese script of the text; null takes the installation's.")]
    report_language: Annotated[ReportLanguage | None, Meta(description="As asked for; null takes the solution's.")]
    report_mode: Annotated[ReportMode | None, Meta(description="As asked for; null takes the first that can.")]
    inputs: Annotated[
        dict[str, str], Meta(description="Values of the solution's inputs.", examples=[{"matter_no": "2026-117"}])
    ]
    progress: Fraction | None
    stages: StagesView
    revision: Annotated[
        int,
        Meta(
            ge=0,
            description="Of the transcript: 0 as it was transcribed, one more with each edit. While its files are made anew, "
            "`stages.report.state` is `rendering`.",
            examples=[0],
        ),
    ]
    duration_ms: Annotated[int, Meta(ge=0, description="Length of the recording, once known.", examples=[1834000])] | None
    detected_language: Annotated[str | None, Meta(description="Language of the transcript, once known.", examples=["zh-Hant"])]
    artifacts: tuple[ArtifactView, ...]
    removed: Annotated[
        tuple[RemovedView, ...],
        Meta(description="What is no longer kept, by the tenant's retention or because somebody's words were erased."),
    ]
    failure: Annotated[Failure | None, Meta(description="Why the job failed.")]
    callback: Annotated[CallbackView | None, Meta(description="The webhook; null when none was asked for.")]
    priority: Annotated[Priority, Meta(description="As given.", examples=["normal"])]
    start_after: Annotated[Time | None, Meta(description="As given; null for a job that was to begin at once.")]
    batch_id: Annotated[UUID | None, Meta(description="The batch that it was made in; null for a job by itself.")]
    tags: Annotated[tuple[str, ...], Meta(description="As given.", examples=[["board", "2026"]])]
    metadata: Annotated[dict[str, str], Meta(description="As given.", examples=[{"case": "2024-117"}])]
    created_at: Time
    updated_at: Time
    finished_at: Annotated[Time | None, Meta(description="When the final state was reached.")]
    links: JobLinks


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some of many, newest first."""

    data: tuple[T, ...]
    has_more: Annotated[bool, Meta(description="Whether there is another page.")] = False
    next_cursor: Annotated[str | None, Meta(description="Give it as `after` for the next page.")] = None


class Views:
    """Builds what clients see; links begin with the public URL."""

    def __init__(self, public_url: str | None) -> None:
        self._base = (public_url or "").rstrip("/") + "/v1"

    def url(self, path: str) -> str:
        """The link to a path below `/v1`."""
        return self._base + path

    @property
    def prefix(self) -> str:
        """What the path of each page begins with: that of the public URL, where a proxy puts the installation below one."""
        return urlsplit(self._base).path.removesuffix("/v1")

    def job(self, job: Job) -> JobView:
        """A job as its tenant sees it."""
        options = job.options
        link = self.url(f"/jobs/{job.id}")
        return JobView(
            id=job.id,
            state=job.state,
            run=job.run,
            version=job.version,
            title=options.title,
            file_name=job.file_name,
            source=SourceView(size=job.source_size, sha256=job.source_sha256, media_type=job.media_type, url=job.source_url),
            language=options.language,
            engine=options.engine,
            solution=options.solution,
            formats=options.formats,
            speakers=options.speakers,
            vocabulary=options.vocabulary,
            vocabularies=tuple(VocabularyUse(id=one.id, name=one.name, version=one.version) for one in options.vocabularies),
            channels=options.channels,
            redaction=options.redaction,
            analyses=options.analyses,
            script=options.script,
            report_language=options.report_language,
            report_mode=options.report_mode,
            inputs=options.inputs,
            progress=progress(job),
            stages=_stages(job),
            revision=job.revision,
            duration_ms=job.duration_ms,
            detected_language=job.detected_language,
            artifacts=tuple(self.artifact(job, artifact) for artifact in job.artifacts),
            removed=tuple(RemovedView(part=part, at=at) for part, at in sorted(job.removed.items())),
            failure=job.failure,
            callback=_callback(job),
            priority=job.priority,
            start_after=job.start_after,
            batch_id=job.batch_id,
            tags=job.tags,
            metadata=job.metadata,
            created_at=job.created_at,
            updated_at=job.updated_at,
            finished_at=job.finished_at,
            links=JobLinks(
                self=link,
                events=f"{link}/events",
                transcript=f"{link}/transcript",
                report=f"{link}/report",
                artifacts=f"{link}/artifacts",
            ),
        )

    def artifact(self, job: Job, artifact: ArtifactResult) -> ArtifactView:
        """One file of a job."""
        kept = artifact.key is not None and part_of(artifact.key) not in job.removed
        ready = artifact.state is ArtifactState.READY and kept
        return ArtifactView(
            name=artifact.name,
            format=artifact.format,
            state=artifact.state,
            media_type=artifact.media_type,
            size=artifact.size,
            sha256=artifact.sha256,
            url=self.url(f"/jobs/{job.id}/artifacts/{quote(artifact.name)}") if ready else None,
            failure=artifact.failure,
        )


def upload_view(upload: Upload) -> UploadView:
    """An upload as its tenant sees it."""
    return msgspec.convert(upload, UploadView, from_attributes=True)


class RevisionView(msgspec.Struct, frozen=True, kw_only=True):
    """One edit of a transcript."""

    number: Annotated[int, Meta(ge=1, description="For `?revision=`.", examples=[1])]
    segments: Annotated[int, Meta(ge=0, description="How many segments are others than in the revision before.", examples=[3])]
    speakers: Annotated[int, Meta(ge=0, description="How many speakers were named, renamed or added.", examples=[1])]
    restored: Annotated[int | None, Meta(description="The revision that was gone back to; null for an edit.")]
    created_at: Time


class RevisionList(msgspec.Struct, frozen=True, kw_only=True):
    """The edits of a transcript."""

    data: tuple[RevisionView, ...]


def revision_view(revision: Revision) -> RevisionView:
    """An edit as its tenant sees it."""
    return msgspec.convert(revision, RevisionView, from_attributes=True)


class ArtifactList(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a job."""

    data: tuple[ArtifactView, ...]


def _stages(job: Job) -> StagesView:
    return StagesView(
        transcription=TranscriptionView(
            state=transcription_stage(job),
            engine=job.engine,
            model=job.model,
            progress=job.transcription_progress,
            cost=job.cost,
            waiting=waiting(job, dt.datetime.now(dt.UTC)),
        ),
        report=ReportView(
            state=report_stage(job),
            progress=job.report_progress if job.state is JobState.REPORTING else None,
            mode=job.report_mode,
            model=job.report_model,
            usage=job.report_usage,
            allowance=job.options.llm,
        ),
    )


def _callback(job: Job) -> CallbackView | None:
    if job.callback_url is None:
        return None
    state = "pending" if job.callback_state is None else job.callback_state
    return CallbackView(url=job.callback_url, state=state, attempts=job.callback_attempts, status=job.callback_status)
