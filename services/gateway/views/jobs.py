"""What clients see of a job."""

from __future__ import annotations

import datetime as dt
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from services.gateway.jobs import StageState
from services.gateway.views import Bytes, Fraction, Id, Sha256, Time, Url
from shared.schemas.events import TranscriptionState
from shared.schemas.jobs import (
    Analysis,
    ArtifactFormat,
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


class ArtifactList(msgspec.Struct, frozen=True, kw_only=True):
    """The files of a job."""

    data: tuple[ArtifactView, ...]
