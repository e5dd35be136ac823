"""How long jobs will take, asked over HTTP of a gateway that has seen some."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from shared.schemas.events import JobSubmitted, TranscriptionState
from tests.gatewaying import ApiClient, running_gateway


async def test_estimates_go_by_the_jobs_that_were_done(database_url: str, tmp_path: Path) -> None:
    """Nothing is known at first; after a job, time and price of the next one are, and of one that has ended, when it did."""
    async with running_gateway(database_url, tmp_path) as gateway, await gateway.new_tenant("acme") as http:
        api = ApiClient(http)
        wish = {"duration_ms": 3_600_000, "engine": "scripted"}
        unknown = (await http.post("/v1/estimates", json=wish)).json()
        assert (unknown["jobs"], unknown["finishes_at"], unknown["amount"]) == (0, None, None)

        job = await api.create()
        order = await gateway.others.heard(JobSubmitted, job["id"])
        await gateway.others.progress(order, TranscriptionState.PROCESSING, 0.5)
        running = (await http.get(f"/v1/jobs/{job['id']}/estimate")).json()
        assert running["starts_at"] is not None
        await gateway.others.complete(order)
        ended = (await http.get(f"/v1/jobs/{job['id']}/estimate")).json()
        assert ended["finishes_at"] == (await api.job(job["id"]))["finished_at"]

        known = (await http.post("/v1/estimates", json=wish)).json()
        assert (known["jobs"], known["engine"], known["currency"]) == (1, "scripted", "USD")
        assert float(known["amount"]) == round(0.0026 * 3600 / 44, 4)
        assert dt.datetime.fromisoformat(known["finishes_at"]) >= dt.datetime.fromisoformat(known["starts_at"])
        by_size = (await http.post("/v1/estimates", json={"size": 2044, "engine": "scripted"})).json()
        assert by_size["duration_ms"] == 44_000
        waiting = (await http.get(f"/v1/jobs/{(await api.create())['id']}/estimate")).json()
        assert waiting["starts_at"] is not None
        assert (await http.post("/v1/estimates", json={"duration_ms": 0})).status_code == 422
