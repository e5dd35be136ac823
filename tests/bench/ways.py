"""What a gigabyte costs by each way in which a recording can be uploaded."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

from tests.bench.figures import Aim, Cell, Table, at_least, at_most
from tests.bench.ground import FOUR, ONE, Ground
from tests.bench.processes import Trees, spent, watching
from tests.bench.transfers import Direct, Transfer, Tus, Upload, move
from tests.installation import Installation

ROUNDS = 2
SIZE = 1_000_000_000
PIECE = 64 * 1024 * 1024
NOTE = f"""\
{SIZE // 1_000_000:,} MB, one upload at a time over loopback, the ways in turn, means of {ROUNDS}; the sender makes its bytes
in memory, in a process of its own. `raw` is `POST /v1/uploads`; `tus` one request with all bytes; `tus, pieces` requests of
{PIECE >> 20} MiB one after the other, and `checked` with the SHA-256 of each, which the sender works out before it sends.
`direct` is a signed `PUT` to the store and the completion, for which the gateway reads the file once. All are answered when
an upload with its SHA-256 is there. CPU is the gateway's process (in one process, that of everything, PostgreSQL apart);
memory the most that its tree held above what it held before."""


async def measure(ground: Ground) -> list[Table]:
    """To disk, and to S3."""
    rows: list[tuple[Cell, ...]] = []
    aims: list[Aim] = []
    async with ground.one() as installation:
        await _compare(f"disk, {ONE}", installation, _ways(installation), rows, aims)
    async with ground.four(direct_uploads="true") as installation:
        direct = Direct(url=f"{installation.url}/v1/uploads", api_key=installation.api_key, size=SIZE)
        await _compare(f"S3, {FOUR}", installation, {**_ways(installation), "direct": direct}, rows, aims)
    columns = ("", "MB/s", "of raw", "gateway CPU s per GB", "memory held MB")
    return [Table(title="A gigabyte by each way", columns=columns, rows=tuple(rows), note=NOTE, aims=tuple(aims))]


def _ways(installation: Installation) -> dict[str, Transfer]:
    url, key = f"{installation.url}/v1/uploads", installation.api_key
    return {
        "raw": Upload(url=url, api_key=key, size=SIZE),
        "tus": Tus(url=url, api_key=key, size=SIZE, piece=2 * SIZE, checked=False),
        "tus, pieces": Tus(url=url, api_key=key, size=SIZE, piece=PIECE, checked=False),
        "tus, pieces, checked": Tus(url=url, api_key=key, size=SIZE, piece=PIECE, checked=True),
    }


async def _compare(
    place: str, installation: Installation, ways: Mapping[str, Transfer], rows: list[tuple[Cell, ...]], aims: list[Aim]
) -> None:
    tree = Trees({"gateway": installation.process("gateway").pid})
    speeds: dict[str, list[float]] = {way: [] for way in ways}
    costs: dict[str, list[float]] = {way: [] for way in ways}
    held = dict.fromkeys(ways, 0.0)
    for _ in range(ROUNDS):
        for way, transfer in ways.items():
            before = tree.cpu_seconds()
            async with watching(tree) as peak:
                speeds[way].append(await move(transfer))
            costs[way].append(spent(before, tree.cpu_seconds())["gateway"])
            held[way] = max(held[way], peak.added)
    raw = statistics.mean(speeds["raw"])
    for way in ways:
        speed, cost = statistics.mean(speeds[way]), statistics.mean(costs[way]) / (SIZE / 1e9)
        rows.append((f"{way}: {place}", speed, speed / raw, cost, held[way]))
        aims.append(at_most(f"memory held, {way}: {place}", held[way], 200, "MB"))
        if way == "tus":
            aims.append(at_least(f"tus : raw, {place}", speed / raw, 0.85, ""))
