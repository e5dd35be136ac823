"""The whole API against its own description: schemathesis makes up requests, right and wrong, and looks at the answers."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from services.gateway.permissions import Role
from shared.schemas.events import JobSubmitted
from tests.gatewaying import ApiClient, RunningGateway, running_gateway

ROOT = Path(__file__).parents[2]
EXAMPLES = os.environ.get("AUDIO2TXT_SCHEMATHESIS_EXAMPLES", "3")
"""Requests made up for each route, beside the many that follow from its parameters' limits; `make fuzz` makes more."""

STREAMS = ("follow_job", "follow_jobs")
"""They go on for minutes; test_gateway_streams.py and test_gateway_feed.py look at them."""


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway without limits of requests."""
    unlimited = {f"AUDIO2TXT_RATE_{name}_PER_MINUTE": "0" for name in ("READS", "WRITES", "UPLOADS", "REFUSALS")}
    async with running_gateway(database_url, tmp_path, settings=unlimited) as running:
        yield running


async def _look(
    gateway: RunningGateway, folder: Path, *options: str, key: str | None, known: Mapping[str, str] | None = None
) -> None:
    """Run schemathesis. `known` are values for parameters."""
    given = "".join(f'{name} = "{value}"\n' for name, value in (known or {}).items())
    config = folder / "schemathesis.toml"
    config.write_text((ROOT / "tests" / "schemathesis.toml").read_text().replace("[parameters]\n", f"[parameters]\n{given}"))
    arguments: Sequence[str] = (
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
        *("run", f"{gateway.url}/v1/openapi.json", "--continue-on-failure", "--no-color", "--request-timeout", "30"),
        *(() if key is None else ("--header", f"Authorization: {key}")),
        *options,
    )
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode(errors="replace")


@pytest.mark.timeout(900)
async def test_what_is_answered_is_described(gateway: RunningGateway, tmp_path: Path) -> None:
    """An owner with a finished job: no 5xx, no status, content type, header or field that is not described; what the
    description allows is not refused for its form, and what it forbids is refused."""
    async with await gateway.new_tenant("acme") as http:
        api = ApiClient(http)
        job = await api.create()
        await gateway.others.complete(await gateway.others.heard(JobSubmitted, job["id"]))
        endpoint = (await http.post("/v1/endpoints", json={"kind": "webhook", "url": "https://example.com/mine"})).json()
        known = {
            "job_id": job["id"],
            "upload_id": (await api.upload())["id"],
            "endpoint_id": endpoint["id"],
            "name": "transcript.txt",
        }
        removals = [f"--exclude-operation-id={name}" for name in ("delete_job", "delete_upload", "delete_endpoint", *STREAMS)]
        options = ("--phases=examples,coverage,fuzzing", f"--max-examples={EXAMPLES}", *removals)
        await _look(gateway, tmp_path, *options, key=http.headers["Authorization"], known=known)


@pytest.mark.timeout(900)
async def test_so_it_is_for_those_without_rights(gateway: RunningGateway, tmp_path: Path) -> None:
    """Without a key, and with an auditor's, of a tenant that has nothing."""
    await _look(gateway, tmp_path, "--phases=fuzzing", "--max-examples=1", key=None)
    async with await gateway.new_tenant("acme") as http:
        tenant_id = (await http.get("/v1/account")).json()["tenant"]["id"]
    async with await gateway.new_client(tenant_id, role=Role.AUDITOR) as auditor:
        await _look(gateway, tmp_path, "--phases=fuzzing", "--max-examples=2", key=auditor.headers["Authorization"])
