"""For how long things are kept, what may leave the house, what was erased for good, and exports of everything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from uuid import UUID

from audio2txt_client._async.connection import AsyncConnection
from audio2txt_client._async.fetching import fetch
from audio2txt_client._protocol.downloads import Announced, Target
from audio2txt_client._protocol.requests import Request, matching, path_of
from audio2txt_client._protocol.sources import Progress
from audio2txt_client._protocol.waiting import Polling
from audio2txt_client.models.endpoints import PublicKey, PublicKeys
from audio2txt_client.models.lists import Page
from audio2txt_client.models.privacy import (
    Erasure,
    ErasureState,
    Export,
    ExportState,
    Policy,
    Retention,
    RetentionRules,
)


class AsyncRetentionTimes:
    """`/v1/retention`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self) -> Retention:
        """For how long things are kept, by whose rules."""
        return await self._connection.send(Request(method="GET", path=path_of("retention"), kind=Retention))

    async def decide(self, rules: RetentionRules, *, if_match: str | None = None) -> Retention:
        """Put these rules in the place of all that the tenant had, for jobs that are there, too: what is over is removed for
        good within the hour. With `if_match`, the `etag` that you read, only while it fits; raises `PreconditionFailed` where
        somebody has decided otherwise since."""
        path, headers = path_of("retention"), matching(if_match)
        return await self._connection.send(Request(method="PUT", path=path, kind=Retention, json=rules, headers=headers))


class AsyncPolicies:
    """`/v1/policy`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self) -> Policy:
        """What the tenant has decided."""
        return await self._connection.send(Request(method="GET", path=path_of("policy"), kind=Policy))

    async def decide(self, *, outside: bool, if_match: str | None = None) -> Policy:
        """With `outside=False`, no recording and no text goes to engines and language models outside of the house any more."""
        body, headers = {"outside": outside}, matching(if_match)
        return await self._connection.send(
            Request(method="PUT", path=path_of("policy"), kind=Policy, json=body, headers=headers)
        )


class AsyncErasures:
    """`/v1/erasures`. `jobs.delete` erases a job; its erasure has the job's id."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def erase_speaker(self, job_id: UUID | str, speaker_id: str) -> Erasure:
        """Erase what somebody said in a job, and their name: `speaker_id` is as in the transcript. The recording goes
        whole, and the files are made anew without their words."""
        body = {"job_id": job_id, "speaker_id": speaker_id}
        return await self._connection.send(Request(method="POST", path=path_of("erasures"), kind=Erasure, json=body))

    def list(self, *, page_size: int | None = None) -> AsyncIterator[Erasure]:
        """Everything that was erased for good, the newest first."""
        query = {"limit": page_size}
        return self._connection.pages(Request(method="GET", path=path_of("erasures"), kind=Page[Erasure], query=query))

    async def get(self, erasure_id: UUID | str) -> Erasure:
        """How far an erasure is."""
        return await self._connection.send(self._one(erasure_id))

    async def wait(self, erasure_id: UUID | str, *, timeout: float | None = None) -> Erasure:
        """The erasure once it is verified and has its certificate: by default an hour after it was asked for. Raises
        `WaitTimedOut` after `timeout` seconds, of which there is no end by default."""
        polling = Polling(timeout, about=f"The erasure {erasure_id} is not verified")
        return await self._connection.until(
            self._one(erasure_id), lambda erasure: erasure.state == ErasureState.VERIFIED, polling
        )

    async def keys(self) -> Sequence[PublicKey]:
        """What certificates are verified with, as the installation says itself; see `verify_certificate`."""
        answer = await self._connection.send(Request(method="GET", path=path_of("erasures", "keys"), kind=PublicKeys))
        return answer.keys

    def _one(self, erasure_id: UUID | str) -> Request[Erasure]:
        return Request(method="GET", path=path_of("erasures", erasure_id), kind=Erasure)


class AsyncExports:
    """`/v1/exports`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(self) -> Export:
        """Have everything of the tenant put into one ZIP file. Raises `Conflict` while another is being made."""
        return await self._connection.send(Request(method="POST", path=path_of("exports"), kind=Export))

    def list(self, *, page_size: int | None = None) -> AsyncIterator[Export]:
        """Those that have not expired, the newest first."""
        query = {"limit": page_size}
        return self._connection.pages(Request(method="GET", path=path_of("exports"), kind=Page[Export], query=query))

    async def get(self, export_id: UUID | str) -> Export:
        """How far an export is."""
        return await self._connection.send(self._one(export_id))

    async def wait(self, export_id: UUID | str, *, timeout: float | None = None) -> Export:
        """The export once it is `ready`, or `failed` for the reason in `failure`. Raises `WaitTimedOut` after `timeout`
        seconds, of which there is no end by default."""
        polling = Polling(timeout, about=f"The export {export_id} is being made")
        return await self._connection.until(self._one(export_id), lambda export: export.state != ExportState.RUNNING, polling)

    async def download(self, export_id: UUID | str, target: Target, *, on_progress: Progress | None = None) -> int:
        """Store the file at a path, whole or not at all, or write it to a binary file; returns its bytes. A connection that
        breaks is taken up again where it was, at a path also one of an earlier program. Raises `Conflict` for one that is
        not ready."""
        export = await self.get(export_id)
        announced = Announced(name=f"export-{export.id}.zip", size=export.size, sha256=None, version=str(export.id))
        path = path_of("exports", export_id, "file")
        return await fetch(self._connection, path, announced, target, on_progress)

    def _one(self, export_id: UUID | str) -> Request[Export]:
        return Request(method="GET", path=path_of("exports", export_id), kind=Export)
