"""Reports by a language model, in both sizes: from the recording to the files, over a `kill -9`, and again by a retry."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.customer import SAMPLE, Customer
from tests.fakes.chat import FakeChat
from tests.fakes.faults import slow
from tests.fakes.models import honest
from tests.installation import Installation, distributed_settings, fresh_bucket

MINUTES = {"engine": "scripted", "solution": "meeting_minutes", "formats": ["md", "pdf"]}


@asynccontextmanager
async def _installation(size: str, folder: Path, url: str, request: pytest.FixtureRequest) -> AsyncIterator[Installation]:
    """One of its own, whose reporter asks this server and has little patience."""
    settings = {
        "AUDIO2TXT_LLM_URL": url,
        "AUDIO2TXT_LLM_MODEL": "fake-1",
        "AUDIO2TXT_LLM_API_KEY": "sk-e2e-secret",
        "AUDIO2TXT_LLM_REQUEST_SECONDS": "3",
        "AUDIO2TXT_LLM_PROMPT_USD": "1",
        "AUDIO2TXT_LLM_COMPLETION_USD": "2",
    }
    if size == "four":
        seaweed = request.getfixturevalue("seaweed_server")
        settings |= distributed_settings(
            database_url=request.getfixturevalue("postgres_server").create_database(),
            bus_url=request.getfixturevalue("rabbitmq_server").create_vhost(),
            blobs_url=seaweed.blobs_url(fresh_bucket()),
            s3=seaweed.credentials,
        )
    async with Installation(folder=folder, settings=settings, together=size == "one") as installation:
        yield installation


@pytest.mark.timeout(600)
@pytest.mark.parametrize("size", ["one", "four"])
async def test_a_model_writes_and_a_kill_pays_for_nothing_twice(
    size: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """What was under way at the kill is lost and said so, the job completes all the same, and a retry asks again."""
    server = FakeChat(model=honest, key="sk-e2e-secret", faults=[None, slow(asyncio.Event())])
    async with server.serving() as url, _installation(size, tmp_path, url, request) as installation:
        async with Customer(lambda: installation.url, installation.api_key) as customer:
            written = await _done(customer, await customer.must_submit(SAMPLE.read_bytes(), **MINUTES))
            assert (written["mode"], written["model"], written["usage"]["calls"]) == ("llm", "fake-1", len(server.asked))
            assert float(written["usage"]["cost_usd"]) > 0

            answered = len(server.asked)
            job = await customer.must_submit(SAMPLE.read_bytes(), **MINUTES, title="Another one")
            await server.wait_for(answered + 1)
            reporter = installation.process("reporter")
            await reporter.kill()
            await reporter.start()
            stood_in = await _done(customer, job)
            assert stood_in["mode"] == "extractive"
            report = await customer.must("GET", f"/v1/jobs/{job['id']}/report")
            assert "llm_lost" in report["notes"]
            assert len(server.asked) == answered + 1

            again = await customer.must("POST", f"/v1/jobs/{job['id']}/retry", json={"report_mode": "llm"})
            assert (await _done(customer, again))["mode"] == "llm"
            assert len(server.asked) == answered + 2
        logs = "".join(process.log.read_text() for process in installation.processes.values())
        assert "sk-e2e-secret" not in logs
        assert "Good morning, and thank you" not in logs


async def _done(customer: Customer, job: dict[str, Any]) -> Any:
    """The report stage of a job that must end well."""
    done = await customer.must_end(job["id"], patience=120)
    assert done["state"] == "completed", done["failure"]
    assert {artifact["name"] for artifact in done["artifacts"]} == {"report.md", "report.pdf"}
    return done["stages"]["report"]
