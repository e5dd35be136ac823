"""Everything of a tenant in one file: what is in it, what is not, and how it is fetched."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.gateway.permissions import Role
from services.gateway.privacy import exports
from services.gateway.privacy.exports import export_key
from shared.blobs import job_prefix, source_key
from shared.blobs.sealing import BlobDamaged
from shared.schemas.events import JobSubmitted
from shared.schemas.ids import new_id
from tests.gatewaying import PATIENCE, WAV, ApiClient, RunningGateway, contents, running_gateway

QUICK = {"AUDIO2TXT_SWEEP_SECONDS": "0.05"}


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway that looks often."""
    async with running_gateway(database_url, tmp_path, settings=QUICK) as running:
        yield running


async def test_a_tenant_takes_everything_along(gateway: RunningGateway) -> None:
    """Rows as lines of JSON, blobs as they are, nothing secret, nothing of others; fetched in ranges, kept for its time, in
    the audit log."""
    async with await gateway.new_tenant("acme") as http, await gateway.new_tenant("others") as theirs:
        api, foreign = ApiClient(http), await ApiClient(theirs).create(title="Nobody else's")
        job = await api.create(title="週會", metadata={"project": "north"})
        order = await gateway.others.heard(JobSubmitted, job["id"])
        await gateway.others.complete(order)
        key = (await http.post("/v1/keys", json={"name": "importer", "role": "viewer"})).json()["key"]
        hook = {"kind": "webhook", "url": "https://example.com/hook?token=very-secret"}
        assert (await http.post("/v1/endpoints", json=hook)).status_code == 201
        await gateway.pool.execute(
            "insert into gateway.llm_months (tenant_id, month, tokens, cost_usd, granted_tokens) "
            "values ($1, '2026-11-01', 4711, 1, 0) on conflict (tenant_id, month) do update set tokens = 4711",
            order.tenant_id,
        )
        asked = await http.post("/v1/exports")
        assert (asked.status_code, asked.json()["state"]) == (202, "running")
        path = f"/v1/exports/{asked.json()['id']}"
        async with asyncio.timeout(PATIENCE):
            while (shown := (await http.get(path)).json())["state"] == "running":
                await asyncio.sleep(0.02)
        assert (shown["state"], shown["failure"]) == ("ready", None)
        whole = (await http.get(f"{path}/file")).content
        part = await http.get(f"{path}/file", headers={"Range": "bytes=10-19"})
        assert (len(whole), part.status_code, part.content) == (shown["size"], 206, whole[10:20])
        assert (await theirs.get(f"{path}/file")).status_code == 404

        archive = zipfile.ZipFile(io.BytesIO(whole))
        assert archive.testzip() is None
        rows = {
            name: [json.loads(line) for line in archive.read(f"{name}.ndjson").splitlines()] for name in ("jobs", "api_keys")
        }
        assert [(row["id"], row["options"]["title"]) for row in rows["jobs"]] == [(job["id"], "週會")]
        assert json.loads(archive.read("llm_months.ndjson").splitlines()[0])["tokens"] == 4711
        assert "importer" in {row["name"] for row in rows["api_keys"]}
        assert not any({"digest", "password"} & row.keys() for row in rows["api_keys"])
        assert archive.read(f"jobs/{job['id']}/source/audio").startswith(WAV[:4])
        assert archive.read(f"jobs/{job['id']}/artifacts/1/transcript.txt") == contents("transcript.txt")
        everything = b"".join(map(archive.read, archive.namelist()))
        for secret in (key.encode(), b"very-secret", foreign["id"].encode()):
            assert secret not in everything

        async with await gateway.new_client(order.tenant_id, Role.AUDITOR) as auditor:
            assert (await auditor.get(path)).status_code == 200
            assert (await auditor.get(f"{path}/file")).status_code == 403
        await gateway.pool.execute("update gateway.exports set expires_at = now()")
        async with asyncio.timeout(PATIENCE):
            while (await http.get(path)).status_code != 404:
                await asyncio.sleep(0.02)
        stored = [info.key async for info in gateway.blobs.list("t/")]
        assert export_key(order.tenant_id, order.job_id).rpartition("/")[0] not in {key.rpartition("/")[0] for key in stored}
        async with asyncio.timeout(PATIENCE):
            while len((await http.get("/v1/audit?action=export.read")).json()["data"]) < 2:
                await asyncio.sleep(0.05)


async def test_what_is_being_erased_and_what_is_none_of_ours_stays_out(gateway: RunningGateway) -> None:
    """Blobs that hold somebody's words and that the store has not let go of yet are not handed out once more, and files that
    an operator put beside ours hold nothing up."""
    async with await gateway.new_tenant("acme") as http:
        api = ApiClient(http)
        job = await api.create()
        order = await gateway.others.heard(JobSubmitted, job["id"])
        await gateway.others.complete(order)
        erased = source_key(order.tenant_id, order.job_id)
        await gateway.pool.execute(
            "insert into gateway.erasure_orders (id, tenant_id, kind, job_id, run, keys, next_at) "
            "values ($1, $2, 'speaker', $3, 1, $4, 'infinity')",
            *(new_id(), order.tenant_id, order.job_id, [erased]),
        )
        folder = Path(gateway.platform.settings.data_dir) / "blobs" / job_prefix(order.tenant_id, order.job_id)
        (folder / "Copy of it.mp3").write_bytes(b"a copy")
        (folder.parent / "Thumbs.db").write_bytes(b"pictures")
        made = await _made(http)
        whole = (await http.get(f"/v1/exports/{made['id']}/file")).content
        names = zipfile.ZipFile(io.BytesIO(whole)).namelist()
        assert f"jobs/{job['id']}/artifacts/1/transcript.txt" in names
        assert not [name for name in names if "source" in name or "Copy" in name or "Thumbs" in name]


async def test_a_damaged_blob_fails_one_export_only(gateway: RunningGateway, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says why, and the next one is made."""

    async def damaged(*_: object) -> None:
        raise BlobDamaged("The encrypted blob t/1/j/2/source/audio does not open.")

    async with await gateway.new_tenant("acme") as http:
        with monkeypatch.context() as patched:
            patched.setattr(exports, "write_archive", damaged)
            failed = await _made(http)
        assert (failed["state"], failed["failure"]) == (
            "failed",
            "The encrypted blob t/1/j/2/source/audio does not open.",
        )
        assert (await _made(http))["state"] == "ready"


async def _made(http: httpx.AsyncClient) -> dict[str, Any]:
    """An export that is at its end."""
    path = f"/v1/exports/{(await http.post('/v1/exports')).json()['id']}"
    async with asyncio.timeout(PATIENCE):
        while (shown := (await http.get(path)).json())["state"] == "running":
            await asyncio.sleep(0.02)
    return dict(shown)
