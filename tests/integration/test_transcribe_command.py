"""How `audio2txt transcribe` makes jobs of recordings, at a real gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from audio2txt_client import AsyncClient, Job, JobWishes
from services.commands.resume import Memory, Remembered
from services.commands.sending import Recording, Sending
from tests.gatewaying import WAV, RunningGateway


@asynccontextmanager
async def sending(gateway: RunningGateway, key: str, folder: Path, order: JobWishes) -> AsyncIterator[Sending]:
    """One run of the command, with what earlier ones left in the folder."""
    async with AsyncClient(url=gateway.url, api_key=key) as client:
        with Progress(console=Console(quiet=True)) as progress:
            yield Sending(client=client, order=order, url=gateway.url, memory=Memory(folder), progress=progress)


def recording(sending: Sending, path: Path) -> Recording:
    """As the command sees it."""
    return Recording(path=path, stem=path.stem, bar=sending.progress.add_task("", start=False))


async def test_several_recordings_become_one_batch_and_none_a_second_job(gateway: RunningGateway, tmp_path: Path) -> None:
    """What is new becomes jobs together, named after the files under one title; what an earlier command left is gone on with,
    also where it did not hear of the job any more; what is refused has its reason, and holds up nothing."""
    paths = [tmp_path / f"{name}.wav" for name in "abcd"]
    for number, path in enumerate(paths):
        path.write_bytes(WAV + bytes([number % 3]) * 2000)  # the last one is the first once more
    order: JobWishes = {"title": "Tapes", "tags": ("archive",), "priority": "low", "duplicates": "refuse"}
    async with await gateway.new_tenant("acme") as http:
        key = http.headers["Authorization"].removeprefix("Bearer ")
    async with sending(gateway, key, tmp_path, order) as first:
        both = [recording(first, path) for path in paths[:2]]
        a, b = await first.jobs(both)
        assert isinstance(a, Job)
        assert isinstance(b, Job)
        [batch] = [batch async for batch in first.client.batches.list()]
        assert (batch.title, batch.size, batch.refused) == ("Tapes", 2, 0)
        assert [(job.title, job.tags, job.priority, job.batch_id) for job in (a, b)] == [
            ("a", ("archive",), "low", batch.id),
            ("b", ("archive",), "low", batch.id),
        ]
        first.memory.keep(first.key(both[0]), Remembered(upload_id=a.id))
    async with sending(gateway, key, tmp_path, order) as second:
        found = await second.jobs([recording(second, path) for path in [*paths, tmp_path / "gone.wav"]])
        assert [job.id for job in found[:2] if isinstance(job, Job)] == [a.id, b.id]
        assert isinstance(found[2], Job)
        assert [str(said)[:30] for said in found[3:]] == [f"The job {a.id}"[:30], "[Errno 2] No such file or directory"[:30]]
        assert len([batch async for batch in second.client.batches.list()]) == 2
        assert len([job async for job in second.client.jobs.list()]) == 3
