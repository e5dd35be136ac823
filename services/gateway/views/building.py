"""Builds what clients see of jobs."""

from __future__ import annotations

import datetime as dt
from urllib.parse import quote, urlsplit

from services.gateway.jobs import Job, progress, report_stage, transcription_stage, waiting
from services.gateway.places import part_of
from services.gateway.views.jobs import (
    ArtifactView,
    CallbackView,
    JobLinks,
    JobView,
    RemovedView,
    ReportView,
    SourceView,
    StagesView,
    TranscriptionView,
    VocabularyUse,
)
from shared.schemas.jobs import (
    ArtifactResult,
    ArtifactState,
    JobState,
)


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
