"""What a job came to: transcripts, reports and files."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from audio2txt_client._async.connection import AsyncConnection
from audio2txt_client._async.fetching import fetch
from audio2txt_client._protocol.downloads import Announced, Target
from audio2txt_client._protocol.requests import Request, path_of
from audio2txt_client._protocol.sources import Progress
from audio2txt_client.errors import ContentMismatch
from audio2txt_client.models.jobs import Artifact
from audio2txt_client.models.lists import Listing
from audio2txt_client.models.reports import Report
from audio2txt_client.models.transcripts import Revision, Transcript
from audio2txt_client.wishes import SegmentEdit, SpeakerEdit


class AsyncTranscripts:
    """`/v1/jobs/{id}/transcript`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, job_id: UUID | str, *, run: int | None = None, revision: int | None = None) -> Transcript:
        """The newest transcript, or that of a run or revision. It is there once the job is `reporting`."""
        query = {"run": run, "revision": revision}
        request = Request(method="GET", path=path_of("jobs", job_id, "transcript"), kind=Transcript, query=query)
        return await self._connection.send(request)

    async def edit(
        self,
        job_id: UUID | str,
        *,
        if_match: str,
        segments: Sequence[SegmentEdit] = (),
        speakers: Sequence[SpeakerEdit] = (),
    ) -> Revision:
        """Mend what was heard wrongly, or name who speaks: all of it, or nothing. The job's files are made anew; `jobs.wait`
        waits for them.

        `if_match` is the `etag` of the transcript that you read, or of the revision that you made last; `*` for any. Raises
        `PreconditionFailed` where somebody else has edited it since.
        """
        body = {"segments": segments, "speakers": speakers}
        request = Request(
            method="PATCH",
            path=path_of("jobs", job_id, "transcript"),
            kind=Revision,
            json=body,
            headers={"If-Match": if_match},
        )
        return await self._connection.send(request)

    async def revisions(self, job_id: UUID | str, *, run: int | None = None) -> Sequence[Revision]:
        """How a transcript was edited, the newest first."""
        path = path_of("jobs", job_id, "transcript", "revisions")
        answer = await self._connection.send(Request(method="GET", path=path, kind=Listing[Revision], query={"run": run}))
        return answer.data

    async def restore(self, job_id: UUID | str, revision: int, *, if_match: str) -> Revision:
        """Make a new revision that says what an earlier one said; 0 is as it was transcribed."""
        request = Request(
            method="POST",
            path=path_of("jobs", job_id, "transcript", "restore"),
            kind=Revision,
            json={"revision": revision},
            headers={"If-Match": if_match},
        )
        return await self._connection.send(request)


class AsyncReports:
    """`/v1/jobs/{id}/report`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, job_id: UUID | str, *, run: int | None = None) -> Report:
        """The report that all files are renderings of. It is there once the job is `completed`."""
        path = path_of("jobs", job_id, "report")
        return await self._connection.send(Request(method="GET", path=path, kind=Report, query={"run": run}))


class AsyncArtifacts:
    """`/v1/jobs/{id}/artifacts`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def list(self, job_id: UUID | str) -> Sequence[Artifact]:
        """The files of a job, failed ones with their reason."""
        path = path_of("jobs", job_id, "artifacts")
        answer = await self._connection.send(Request(method="GET", path=path, kind=Listing[Artifact]))
        return answer.data

    async def read(self, job_id: UUID | str, name: str) -> bytes:
        """The bytes of one file, such as `transcript.txt`."""
        path = path_of("jobs", job_id, "artifacts", name)
        answer = await self._connection.exchange(Request(method="GET", path=path, kind=bytes))
        return answer.content

    async def download(
        self, job_id: UUID | str, artifact: Artifact | str, target: Target, *, on_progress: Progress | None = None
    ) -> int:
        """Store one file at a path, whole or not at all, or write it to a binary file; returns its bytes.

        A connection that breaks is taken up again where it was, at a path also one of an earlier program. Raises
        `ContentMismatch` where the bytes are not those that the job announces, `NotFound` where there is no such file.
        """
        known = await self._named(job_id, artifact) if isinstance(artifact, str) else artifact
        announced = Announced(name=known.name, size=known.size, sha256=known.sha256, version=(known.sha256 or "unknown")[:12])
        path = path_of("jobs", job_id, "artifacts", known.name)
        return await fetch(self._connection, path, announced, target, on_progress)

    async def _named(self, job_id: UUID | str, name: str) -> Artifact:
        for artifact in await self.list(job_id):
            if artifact.name == name:
                return artifact
        # The gateway says best why there is none.
        await self.read(job_id, name)
        raise ContentMismatch(f"{name} has appeared just now; fetch it once more.")
