"""Jobs created per second over HTTP, beside bare commits of one row to the same PostgreSQL."""

from __future__ import annotations

import statistics

import asyncpg
import msgspec

from tests.bench.figures import Table, at_least, percentile
from tests.bench.ground import Ground, trees
from tests.bench.load import Inserts, Requests, Seen, run
from tests.bench.processes import spent

CONNECTIONS = 32
ROUNDS = 5
SECONDS = 2.0
BODY = msgspec.json.encode(
    {
        "audio_url": "https://example.com/recordings/meeting.mp3",
        "language": "en",
        "title": "Weekly meeting",
        "metadata": {"case": "2026-117"},
    }
)

NOTE = f"""\
{CONNECTIONS} connections, rounds of {SECONDS:g} s in turn, medians of {ROUNDS}. Created: `POST /v1/jobs` with an `audio_url`,
answered 202 once job and event are committed, while the relay brings the events of earlier jobs to RabbitMQ. Bare: an
asyncpg client that does nothing but INSERT one row of the same size and wait for its commit. Each load comes from a process
of its own, and all share the machine."""


async def measure(ground: Ground) -> list[Table]:
    """Created jobs against bare commits."""
    async with ground.four() as installation:
        # Its queue stays and fills: the events of created jobs are relayed, and nobody fetches their audio.
        await installation.processes["transcriber"].stop()
        database = installation.settings["AUDIO2TXT_DATABASE_URL"]
        await _make_table(database)
        posts = Requests(
            url=f"{installation.url}/v1/jobs", api_key=installation.api_key, body=BODY, connections=CONNECTIONS, seconds=SECONDS
        )
        inserts = Inserts(url=database, row=BODY, connections=CONNECTIONS, seconds=SECONDS)
        await run(msgspec.structs.replace(posts, seconds=0.5))
        created, bare, cpu = [], [], []
        for _ in range(ROUNDS):
            bare.append(await run(inserts))
            before = trees(installation).cpu_seconds()
            created.append(await run(posts))
            cpu.append(_microseconds(spent(before, trees(installation).cpu_seconds()), created[-1]))
    return [_table(created, bare, cpu)]


async def _make_table(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("create schema bench; create table bench.rows (id uuid primary key, body bytea not null)")
    finally:
        await connection.close()


def _microseconds(seconds: dict[str, float], seen: Seen) -> dict[str, float]:
    return {name: value * 1e6 / seen.done for name, value in seconds.items()}


def _table(created: list[Seen], bare: list[Seen], cpu: list[dict[str, float]]) -> Table:
    ratio = statistics.median(ours.rate / theirs.rate for ours, theirs in zip(created, bare, strict=True))
    costs = {name: statistics.median(one.get(name, 0.0) for one in cpu) for name in ("gateway", "PostgreSQL", "RabbitMQ")}
    return Table(
        title="Jobs created",
        columns=("", "per second", "p50 ms", "p99 ms", *(f"{name} CPU µs" for name in costs)),
        rows=(("created over HTTP", *_figures(created), *costs.values()), ("bare commits", *_figures(bare), None, None, None)),
        note=NOTE,
        aims=(at_least("created : bare commits", ratio, 0.5, ""),),
    )


def _figures(rounds: list[Seen]) -> tuple[float, float, float]:
    return (
        statistics.median(seen.rate for seen in rounds),
        statistics.median(percentile(seen.latencies_ms, 0.5) for seen in rounds),
        statistics.median(percentile(seen.latencies_ms, 0.99) for seen in rounds),
    )
