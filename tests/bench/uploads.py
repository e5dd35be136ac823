"""How fast recordings come in and what memory that takes, beside plain transfers of the same bytes."""

from __future__ import annotations

import statistics

from shared.blobs import open_blobs
from tests.bench.figures import Aim, Cell, Table, at_least, at_most
from tests.bench.ground import FOUR, ONE, Ground
from tests.bench.processes import Trees, watching
from tests.bench.transfers import Copy, Put, Transfer, Upload, move
from tests.installation import Installation, fresh_bucket

ROUNDS = 3
MB = 1_000_000
DISK_BYTES = 500 * MB
S3_BYTES = 250 * MB
PART_BYTES = 8 * 1024 * 1024
PARTS_AT_ONCE = 4
NOTE = f"""\
One upload at a time over loopback, in turn with the plain transfer, medians of {ROUNDS}; the sender makes its bytes in
memory, in a process of its own. Disk, {DISK_BYTES // MB} MB: `POST /v1/uploads`, answered when the file is hashed, synced and
in place, beside one thread that hashes the same bytes (SHA-256), writes and syncs them, with no HTTP between. S3,
{S3_BYTES // MB} MB: the same request to a gateway that stores in SeaweedFS, beside a bare aiobotocore multipart upload to it
({PART_BYTES >> 20} MiB parts, {PARTS_AT_ONCE} at once), not hashed by us. Memory is the most that the gateway's process tree
held above what it held before, the largest of the rounds."""


async def measure(ground: Ground) -> list[Table]:
    """To disk, and to S3."""
    rows: list[tuple[Cell, ...]] = []
    aims: list[Aim] = []
    async with ground.one() as installation:
        plain: Transfer = Copy(path=str(ground.folder() / "copy"), size=DISK_BYTES)
        disk, copy, held = await _compare(installation, plain)
        rows += [(f"disk, {ONE}", disk, disk / copy, held), ("plain copy with SHA-256", copy, None, None)]
        aims += [at_least("disk upload : plain copy", disk / copy, 0.85, ""), at_most("memory held, disk", held, 200, "MB")]
    async with ground.four() as installation:
        s3, put, held = await _compare(installation, await _put_to(ground))
        rows += [(f"S3, {FOUR}", s3, s3 / put, held), ("bare multipart upload", put, None, None)]
        aims += [at_least("S3 upload : bare upload", s3 / put, 0.85, ""), at_most("memory held, S3", held, 200, "MB")]
    columns = ("", "MB/s", "of the plain transfer", "memory held MB")
    return [Table(title="Uploads", columns=columns, rows=tuple(rows), note=NOTE, aims=tuple(aims))]


async def _put_to(ground: Ground) -> Put:
    seaweed, bucket = ground.seaweed, fresh_bucket()
    await (await open_blobs(seaweed.blobs_url(bucket), data_dir=ground.folder(), credentials=seaweed.credentials)).close()
    return Put(
        endpoint=seaweed.endpoint,
        bucket=bucket,
        credentials=seaweed.credentials,
        size=S3_BYTES,
        part_bytes=PART_BYTES,
        at_once=PARTS_AT_ONCE,
    )


async def _compare(installation: Installation, plain: Transfer) -> tuple[float, float, float]:
    """MB/s of uploads and of plain transfers, and the memory that uploads took."""
    upload = Upload(url=f"{installation.url}/v1/uploads", api_key=installation.api_key, size=plain.size)
    tree = Trees({"gateway": installation.process("gateway").pid})
    uploads, plains, held = [], [], []
    for _ in range(ROUNDS):
        plains.append(await move(plain))
        async with watching(tree) as peak:
            uploads.append(await move(upload))
        held.append(peak.added)
    return statistics.median(uploads), statistics.median(plains), max(held)
