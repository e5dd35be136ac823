"""`audio2txt transcribe`: send recordings to the gateway, watch them, fetch the results."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from services.commands.connecting import add_connection, check, connected, connection, explained
from services.commands.wishes import add_wishes, order_of
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from audio2txt_client import AsyncClient, Job, JobWishes
    from services.commands.sending import Recording, Sending

WATCHED_AT_ONCE = 16
"""Jobs that are followed at a time, each over a connection; the others are looked at in their turn."""

DESCRIPTION = """\
Transcribe recordings and store the results beside each other.

  audio2txt transcribe interview.m4a
  audio2txt transcribe *.mp3 --language en --formats pdf,srt -o results/
  audio2txt transcribe board.m4a --solution executive_decisions --report-language zh-Hant --input chair=王董
  audio2txt transcribe call.wav --engine assemblyai --speakers 2-4 --term "Dr. Chen" --redact person_name,phone_number
  audio2txt transcribe tapes/*.wav --title "Tapes of 1974" --tag archive --metadata box=17 --priority low --start-after 22:00

Several recordings are uploaded first and then become jobs together, as one batch; its id finds them again (GET /v1/batches).
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
    from services.commands.sending import Recording, Sending

    output.mkdir(parents=True, exist_ok=True)
    columns = (
        TextColumn("{task.fields[name]}"),
        TextColumn("[cyan]{task.description:<14}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
    )
    await check(url=url, api_key=api_key)
    async with connected(url=url, api_key=api_key) as client:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            sending = Sending(client=client, order=order, url=url, memory=Memory(output), progress=progress)
            recordings = [
                Recording(path=path, stem=stem, bar=progress.add_task("", name=path.name, total=1.0, start=False))
                for path, stem in _stems(files)
            ]
            watching = _Watching(sending=sending, output=output, slots=asyncio.Semaphore(WATCHED_AT_ONCE))
            try:
                jobs = await sending.jobs(recordings)
                return await asyncio.gather(*map(watching.outcome, recordings, jobs))
            except asyncio.CancelledError:
                progress.stop()
                print("Stopped. What is a job goes on at the server; the same command goes on where it was.", file=sys.stderr)
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
class _Watching:
    """Follows jobs to their ends, and fetches their files."""

    sending: Sending
    output: Path
    slots: asyncio.Semaphore

    async def outcome(self, recording: Recording, job: Job | str) -> Outcome:
        """What becomes of one recording, or why it has no job."""
        from audio2txt_client import Audio2txtError as ClientError

        progress = self.sending.progress
        if isinstance(job, str):
            progress.update(recording.bar, description="[red]failed")
            return Outcome(source=recording.path, job=None, files=(), error=job)
        progress.update(recording.bar, description=job.state, completed=job.progress or 0.0)
        try:
            async with self.slots:
                job = await self._followed(recording, job)
                files = await fetch(self.sending.client, job, self.output, recording.stem)
        except ClientError as error:
            progress.update(recording.bar, description="[red]failed")
            said = explained(error, url=self.sending.url)
            return Outcome(source=recording.path, job=job, files=(), error=said)
        self.sending.forget(recording)
        progress.update(recording.bar, description="[green]done", completed=1.0)
        return Outcome(source=recording.path, job=job, files=files, error=failed_artifacts(job))

    async def _followed(self, recording: Recording, job: Job) -> Job:
        """The job at its end."""
        progress, told = self.sending.progress, None
        async for job in self.sending.client.jobs.events(job.id):  # noqa: B020, PLR1704 -- the job, as it becomes
            if job.waiting is not None and job.waiting != told:
                told = job.waiting
                progress.console.print(f"{recording.path.name}: {told.message}", markup=False, highlight=False)
            progress.update(recording.bar, description="waiting" if job.waiting else job.state, completed=job.progress or 0.0)
        return job


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
