"""What Audio2txt adds to what the engine needs: from creating a job until its webhook arrives, one job at a time."""

from __future__ import annotations

import time

from tests.bench.customers import Customer, customer_of
from tests.bench.figures import Aim, Cell, Table, at_most, percentile
from tests.bench.ground import FOUR, ONE, Ground

JOBS = 200
WARM_UP = 20
NOTE = f"""\
{JOBS} jobs one after the other, with a minute's transcript as plain text, from an engine that answers at once. The clock runs
from before `POST /v1/jobs` is sent (the recording is uploaded) until the receiver has the webhook's headers, and the mean
time of rendering, as the reporter's metrics tell it, is taken off. Client and receiver run on the same machine."""


async def measure(ground: Ground) -> list[Table]:
    """Both sizes."""
    rows: list[tuple[Cell, ...]] = []
    aims: list[Aim] = []
    for size in (ONE, FOUR):
        async with ground.sized(size, scripted_delay="0") as installation, customer_of(installation) as customer:
            await _round_trips(customer, WARM_UP)
            created, called_back, rendering = await _round_trips(customer, JOBS)
        p50, p99 = (percentile(called_back, share) - rendering for share in (0.5, 0.99))
        rows.append((size, percentile(created, 0.5), p50, p99, max(called_back) - rendering, rendering))
        aims += [at_most(f"p50, {size}", p50, 40, "ms"), at_most(f"p99, {size}", p99, 100, "ms")]
    columns = ("", "202 after, p50 ms", "webhook after, p50 ms", "p99 ms", "longest ms", "rendering, taken off, ms")
    return [Table(title="Overhead: create to webhook", columns=columns, rows=tuple(rows), note=NOTE, aims=tuple(aims))]


async def _round_trips(customer: Customer, count: int) -> tuple[list[float], list[float], float]:
    """Milliseconds until each 202, until each webhook, and of rendering on average."""
    created: list[float] = []
    called_back: list[float] = []
    before = await customer.metric("reporter", "audio2txt_render_seconds_sum")
    for _ in range(count):
        upload_id = await customer.upload()
        began = time.perf_counter()
        job_id = await customer.create(upload_id, formats=["txt"])
        created.append((time.perf_counter() - began) * 1000)
        called_back.append((await customer.called_back(job_id) - began) * 1000)
    rendering = await customer.metric("reporter", "audio2txt_render_seconds_sum") - before
    return created, called_back, rendering * 1000 / count
