"""`audio2txt transcribe`: send recordings to the gateway, watch them, fetch the results."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import msgspec

from services.commands.connecting import add_connection, check, connected, connection, explained
from services.commands.wishes import add_wishes, order_of
from shared.errors import Audio2txtError, ConfigurationError

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from audio2txt_client import AsyncClient, Job, JobWishes
    from services.commands.resume import Memory

AT_ONCE = 4
"""Recordings in the works at a time; the rest wait on this side."""

RESUMABLE_BYTES = 32 * 1024 * 1024
"""Uploads of files from this size on go on where an earlier command stopped."""

DESCRIPTION = """\
Transcribe recordings and store the results beside each other.

  audio2txt transcribe interview.m4a
  audio2txt transcribe *.mp3 --language en --formats pdf,srt -o results/
  audio2txt transcribe board.m4a --solution executive_decisions --report-language zh-Hant --input chair=王董
  audio2txt transcribe call.wav --engine assemblyai --speakers 2-4 --term "Dr. Chen" --redact person_name,phone_number

Ctrl-C leaves the work running on the server; the same command goes on where it was, in the middle of a big upload, too.
The exit status is 0 only when every recording succeeded.
"""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one recording."""

    source: Path
    job: Job | None
    files: tuple[Path, ...]
    error: str | None = None


def register(subparsers: Any) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "transcribe",
        help="transcribe recordings and fetch the results",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="recordings: audio, or video with sound")
    add_wishes(parser)
    add_output(parser)
    add_connection(parser)
    parser.set_defaults(handler=handle)


def handle(arguments: argparse.Namespace) -> int:
    """Transcribe all files; 1 when one failed."""
    url, api_key = connection(arguments)
    order = order_of(arguments)
    files = _check_files(arguments.files)
    return report(asyncio.run(transcribe(files, order, url=url, api_key=api_key, output=arguments.output)))


def add_output(parser: argparse.ArgumentParser) -> None:
    """Add the option that says where results go."""
    parser.add_argument(
        "-o", "--output", type=Path, default=Path(), metavar="DIR", help="folder for the results (default: here)"
    )


async def transcribe(files: Sequence[Path], order: JobWishes, *, url: str, api_key: str, output: Path) -> list[Outcome]:
    """Transcribe files side by side, with progress on the terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from services.commands.resume import Memory

    output.mkdir(parents=True, exist_ok=True)
    columns = (
        TextColumn("{task.fields[name]}"),
        TextColumn("[cyan]{task.description:<14}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    slots = asyncio.Semaphore(AT_ONCE)
    await check(url=url, api_key=api_key)
    async with connected(url=url, api_key=api_key) as client:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            work = _Work(client=client, order=order, url=url, output=output, memory=Memory(output), progress=progress)

            async def one(path: Path, stem: str) -> Outcome:
                async with slots:
                    return await work.transcribe(path, stem)

            try:
                return await asyncio.gather(*(one(path, stem) for path, stem in _stems(files)))
            except asyncio.CancelledError:
                progress.stop()
                print("Stopped watching; the server goes on. The same command resumes.", file=sys.stderr)
                raise


async def fetch(client: AsyncClient, job: Job, folder: Path, stem: str) -> tuple[Path, ...]:
    """Store the files of a finished job: `stem.pdf` for a transcript, `stem.report.pdf` for a report of it. Raises the client's
    `JobFailed` with the reason why there are none.
    """
    job.raise_for_state()
    files = []
    for artifact in job.artifacts:
        if artifact.ready:
            target = folder / f"{stem}.{artifact.name.removeprefix('transcript.')}"
            await client.artifacts.download(job.id, artifact, target)
            files.append(target)
    return tuple(files)


def report(outcomes: Sequence[Outcome]) -> int:
    """Print what was made and what failed; returns the exit status."""
    for outcome in outcomes:
        for file in outcome.files:
            print(f"{file}  ({file.stat().st_size:,} bytes)")
        if outcome.files and outcome.job is not None:
            print(f"{outcome.source.name} is job {outcome.job.id}; `audio2txt retry` makes other reports of it.")
        if outcome.error is not None:
            print(f"{outcome.source}: {outcome.error}", file=sys.stderr)
    return 1 if any(outcome.error for outcome in outcomes) else 0


@dataclass(frozen=True, kw_only=True)
class _Work:
    client: AsyncClient
    order: JobWishes
    url: str
    output: Path
    memory: Memory
    progress: Progress

    async def transcribe(self, path: Path, stem: str) -> Outcome:
        from audio2txt_client import Audio2txtError as ClientError

        bar = self.progress.add_task("uploading", name=path.name, total=1.0)
        job: Job | None = None
        try:
            job = await self._watch(await self._start(path, bar), bar, name=path.name)
            files = await fetch(self.client, job, self.output, stem)
        except (Audio2txtError, ClientError) as error:
            self.progress.update(bar, description="[red]failed")
            said = explained(error, url=self.url) if isinstance(error, ClientError) else str(error)
            return Outcome(source=path, job=job, files=(), error=said)
        self._forget(path)
        self.progress.update(bar, description="[green]done", completed=1.0)
        return Outcome(source=path, job=job, files=files, error=failed_artifacts(job))

    async def _start(self, path: Path, bar: TaskID) -> Job:
        """The recording's job: one that an earlier command left, or a new one."""
        if (job := await self._resume(self._key(path))) is not None:
            return job
        from services.commands.resume import Remembered

        upload_id = await self._upload(path, bar)
        self.memory.keep(self._key(path), Remembered(upload_id=upload_id))
        job = await self.client.jobs.create(upload_id=upload_id, **self.order)
        self.memory.keep(self._key(path), Remembered(job_id=job.id))
        return job

    async def _upload(self, path: Path, bar: TaskID) -> UUID:
        """The recording at the gateway; a big one goes on where an earlier command, or connection, stopped."""
        from services.commands.resume import Remembered

        key, size = self._key(path), path.stat().st_size

        def tell(done: int, total: int | None) -> None:
            self.progress.update(bar, completed=done / (total or 1))

        if size < RESUMABLE_BYTES:
            return (await self.client.uploads.create(path, on_progress=tell)).id
        upload = await self.client.uploads.create_resumable(
            path,
            resume=self.memory.find(key).sending_id,
            on_begin=lambda upload_id: self.memory.keep(key, Remembered(sending_id=upload_id)),
            on_progress=tell,
        )
        return upload.id

    async def _resume(self, key: str) -> Job | None:
        """Go on with what is remembered: watch the job, retry one that may yet succeed, or use the upload.

        None when the server knows nothing of it any more, or the same work would only fail again.
        """
        from audio2txt_client import Conflict, JobState, NotFound

        known = self.memory.find(key)
        try:
            if known.upload_id is not None:
                return await self.client.jobs.create(upload_id=known.upload_id, **self.order)
            if known.job_id is None:
                return None
            job = await self.client.jobs.get(known.job_id)
            if job.state in (JobState.FAILED, JobState.CANCELLED):
                return await self.client.jobs.retry(job.id) if job.failure and job.failure.retryable else None
        except (NotFound, Conflict):
            return None
        return job

    async def _watch(self, job: Job, bar: TaskID, *, name: str) -> Job:
        self.progress.update(bar, description="queued", completed=0.0)
        told = None
        async for job in self.client.jobs.events(job.id):  # noqa: B020, PLR1704 -- the job, as it becomes
            if job.waiting is not None and job.waiting != told:
                told = job.waiting
                self.progress.console.print(f"{name}: {told.message}", markup=False, highlight=False)
            self.progress.update(bar, description="waiting" if job.waiting else job.state, completed=job.progress or 0.0)
        return job

    def _key(self, path: Path) -> str:
        from services.commands.resume import key_of

        return key_of(path, url=self.url, order=msgspec.json.encode(self.order, order="deterministic"))

    def _forget(self, path: Path) -> None:
        self.memory.forget(self._key(path))


def failed_artifacts(job: Job) -> str | None:
    """Why some files are missing; null when none is."""
    reasons = [
        f"{artifact.name}: {artifact.failure.message if artifact.failure else 'could not be rendered'}"
        for artifact in job.artifacts
        if not artifact.ready
    ]
    return "; ".join(reasons) or None


def _check_files(files: Sequence[Path]) -> list[Path]:
    for path in files:
        if not path.is_file():
            raise ConfigurationError(f"{path} is not a file.")
    return list(dict.fromkeys(files))


def _stems(files: Sequence[Path]) -> list[tuple[Path, str]]:
    """Names for the results: the recording's own, or the whole file name where two would meet."""
    stems = [path.stem for path in files]
    return [(path, path.stem if stems.count(path.stem) == 1 else path.name) for path in files]
