"""The audit log: what everybody does is in it, nobody takes it out again, and who tries is found out."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest

from services.gateway.audit import Acting, Action, Actor, ActorKind, act
from services.gateway.audit_trail import AuditTrail, ChainBroken, verify
from services.gateway.permissions import Role
from services.gateway.problems import Problem
from services.gateway.store.audit import AuditStore, Head
from shared import migrations
from shared.database import Pool
from shared.mail_links import LinkPurpose, link_token
from shared.schemas.events import JobSubmitted
from shared.schemas.ids import new_id
from tests.gatewaying import PATIENCE, WAV, ApiClient, RunningGateway, running_gateway
from tests.operating import Operator

OPERATOR = Acting(actor=Actor(kind=ActorKind.OPERATOR, name="root"))


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database, behind a proxy on this machine."""
    async with running_gateway(database_url, tmp_path, settings={"AUDIO2TXT_TRUSTED_PROXIES": "127.0.0.0/8"}) as running:
        yield running


@pytest.fixture
async def store(pool: Pool) -> AuditStore:
    """The log of a migrated database without a gateway."""
    await migrations.apply(pool, "gateway")
    act(OPERATOR)
    return AuditStore(pool)


async def _tenant_id(http: httpx.AsyncClient) -> UUID:
    return UUID((await http.get("/v1/account")).json()["tenant"]["id"])


async def _log(api: ApiClient, *, count: int, **wanted: Any) -> list[dict[str, Any]]:
    """The tenant's log once it has so many entries, the oldest first."""
    async with asyncio.timeout(PATIENCE):
        while True:
            answer = await api.http.get("/v1/audit", params={"limit": 100, **wanted})
            assert answer.status_code == 200, answer.text
            entries: list[dict[str, Any]] = answer.json()["data"]
            if len(entries) >= count:
                return entries[::-1]
            await asyncio.sleep(0.05)


async def _completed(gateway: RunningGateway, api: ApiClient) -> str:
    job = await api.create(title="Confidential matter", solution="verbatim")
    await gateway.others.complete(await gateway.others.heard(JobSubmitted, job["id"]))
    return str(job["id"])


async def test_what_is_done_to_a_job_is_in_the_log(gateway: RunningGateway, api: ApiClient) -> None:
    """Creation, retry, cancellation, deletion: by whom, from where, in which request, and what the job was before and after.
    What the services do by themselves is not."""
    job_id = await _completed(gateway, api)
    retried = await api.http.post(
        f"/v1/jobs/{job_id}/retry", json={"formats": ["srt"]}, headers={"X-Forwarded-For": "x, 203.0.113.7"}
    )
    await api.http.post(f"/v1/jobs/{job_id}/cancel")
    await api.http.post(f"/v1/jobs/{job_id}/cancel")
    await api.http.delete(f"/v1/jobs/{job_id}")
    uploaded, *entries = await _log(api, count=5)
    assert (uploaded["action"], uploaded["thing_id"], uploaded["after"]["size"]) == ("upload.created", job_id, len(WAV) + 2000)
    assert [entry["action"] for entry in entries] == ["job.created", "job.retried", "job.cancelled", "job.deleted"]
    assert {entry["thing_id"] for entry in entries} == {job_id}
    key = (await api.http.get("/v1/account")).json()["key"]
    assert [entry["actor"] for entry in entries] == [{"kind": "key", "id": key["id"], "name": key["name"]}] * 4
    assert [entry["address"] for entry in entries] == ["127.0.0.1", "203.0.113.7", "127.0.0.1", "127.0.0.1"]
    assert entries[1]["request_id"] == retried.headers["X-Request-Id"]
    assert entries[0]["before"] is None
    assert entries[0]["after"]["solution"] == "verbatim"
    assert (entries[1]["before"]["state"], entries[1]["after"]["state"]) == ("completed", "reporting")
    assert (entries[2]["before"]["state"], entries[2]["after"]["state"]) == ("reporting", "cancelled")
    assert entries[3]["after"] is None
    assert "Confidential" not in str(entries)


async def test_what_is_read_is_in_the_log(gateway: RunningGateway, api: ApiClient) -> None:
    """Transcripts, reports, files and secrets that somebody was sent; not what was only asked about, or had not changed."""
    job_id = await _completed(gateway, api)
    path = f"/v1/jobs/{job_id}"
    etag = (await api.http.get(f"{path}/transcript")).headers["ETag"]
    assert (await api.http.get(f"{path}/transcript", headers={"If-None-Match": etag})).status_code == 304
    await api.http.head(f"{path}/transcript")
    await api.http.get(f"{path}/artifacts")
    await api.http.get(f"{path}/artifacts/transcript.txt", headers={"Range": "bytes=0-3"})
    await api.http.get(f"{path}/artifacts/nothing.txt")
    await api.http.get("/v1/webhook-secret")
    entries = (await _log(api, count=5))[2:]
    assert [entry["action"] for entry in entries] == ["transcript.read", "artifact.read", "secret.read"]
    assert entries[0]["after"] == {"revision": None, "run": 1}
    assert entries[1]["after"] == {"name": "transcript.txt", "range": "bytes=0-3"}


async def test_what_is_done_to_endpoints_and_keys_is_in_the_log(gateway: RunningGateway, api: ApiClient) -> None:
    """With what they were before and after; the secrets among it are not."""
    del gateway
    endpoint = await api.http.post(
        "/v1/endpoints", json={"kind": "webhook", "url": "https://example.com/h", "headers": {"X-Token": "hush-hush"}}
    )
    assert endpoint.status_code == 201, endpoint.text
    path = f"/v1/endpoints/{endpoint.json()['id']}"
    await api.http.patch(path, json={"paused": True})
    await api.http.post(f"{path}/test")
    await api.http.post(f"{path}/replay", json={"since": "2026-01-01T00:00:00Z"})
    await api.http.delete(path)
    made = (await api.http.post("/v1/keys", json={"name": "importer", "role": "editor", "scopes": ["jobs:read"]})).json()
    rotated = (await api.http.post(f"/v1/keys/{made['id']}/rotate")).json()
    await api.http.delete(f"/v1/keys/{made['id']}")
    entries = await _log(api, count=8)
    assert [entry["action"] for entry in entries] == [
        "endpoint.created",
        "endpoint.changed",
        "endpoint.tested",
        "endpoint.replayed",
        "endpoint.deleted",
        "key.created",
        "key.rotated",
        "key.revoked",
    ]
    assert (entries[1]["before"]["paused"], entries[1]["after"]["paused"]) == (False, True)
    assert entries[1]["before"] | {"paused": True} == entries[1]["after"] == entries[4]["before"]
    assert entries[5]["after"]["scopes"] == ["jobs:read"]
    assert entries[6]["after"]["successor"] == rotated["id"]
    assert "hush-hush" not in str(entries)
    assert made["key"] not in str(entries)


async def test_what_is_done_to_uploads_is_in_the_log(gateway: RunningGateway, api: ApiClient) -> None:
    """Whichever way they come, once they are whole; and that they were deleted."""
    del gateway
    data = WAV + bytes(2000)
    tus = {"Tus-Resumable": "1.0.0", "Upload-Length": str(len(data))}
    begun = await api.http.post("/v1/uploads", headers=tus)
    assert begun.status_code == 201, begun.text
    path = begun.headers["Location"]
    pieces = {"Tus-Resumable": "1.0.0", "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
    sent = await api.http.patch(path, content=data, headers=pieces)
    assert sent.status_code == 204, sent.text
    assert (await api.http.delete(path)).status_code == 204
    created, deleted = await _log(api, count=2)
    assert (created["action"], created["after"]) == (
        "upload.created",
        {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)},
    )
    assert (deleted["action"], deleted["thing_id"]) == ("upload.deleted", created["thing_id"])
    assert created["request_id"] == sent.headers["X-Request-Id"]


async def test_what_a_reader_does_by_a_link_is_in_the_log(database_url: str, tmp_path: Path) -> None:
    """Nobody's key did it; that the tenant lifted it again, its key did."""
    async with (
        running_gateway(database_url, tmp_path, public_url="https://audio2txt.example") as gateway,
        await gateway.new_tenant("acme") as http,
    ):
        made = await http.post("/v1/endpoints", json={"kind": "email", "address": "chen@example.com"})
        assert made.status_code == 201, made.text
        address_id = await gateway.pool.fetchval("select id from gateway.addresses")
        token = link_token(gateway.platform.secret_key, LinkPurpose.UNSUBSCRIBE, address_id)
        assert (await http.post(f"/u/{token}")).status_code == 200
        assert (await http.delete(f"/v1/suppressions/{address_id}")).status_code == 204
        entries = await _log(ApiClient(http), count=4)
    told = [(entry["action"], entry["actor"]["kind"]) for entry in entries]
    assert told[:2] == [("endpoint.created", "key"), ("endpoint.changed", "link")]
    assert (entries[1]["before"]["withheld"], entries[1]["after"]["withheld"]) == ("unconfirmed", "suppressed")
    assert set(told[2:]) == {("suppression.lifted", "key"), ("endpoint.changed", "key")}


async def test_what_fails_leaves_no_entry(gateway: RunningGateway, api: ApiClient) -> None:
    """An entry and its change are one transaction: no change, no entry."""
    job_id = await _completed(gateway, api)
    assert (await api.http.post(f"/v1/jobs/{job_id}/cancel")).status_code == 409
    assert (await api.http.post("/v1/jobs", json={"upload_id": job_id})).status_code == 409
    assert (await api.http.delete(f"/v1/jobs/{new_id()}")).status_code == 404
    await api.http.get("/v1/webhook-secret")
    assert [entry["action"] for entry in await _log(api, count=3)] == ["upload.created", "job.created", "secret.read"]


async def test_the_log_is_filtered_and_paged(gateway: RunningGateway, api: ApiClient) -> None:
    """By action, actor, thing and time; and no tenant sees another's."""
    jobs = [(await api.create(audio_url="https://example.com/a.wav"))["id"] for _ in range(3)]
    async with await gateway.new_client(await _tenant_id(api.http), Role.ADMIN) as admin:
        await admin.delete(f"/v1/jobs/{jobs[0]}")
        theirs = (await admin.get("/v1/account")).json()["key"]["id"]
    entries = await _log(api, count=4)
    about = await _log(api, count=2, thing_id=jobs[0])
    assert [entry["action"] for entry in about] == ["job.created", "job.deleted"]
    assert [entry["thing_id"] for entry in await _log(api, count=1, actor=theirs)] == [jobs[0]]
    assert len(await _log(api, count=3, action="job.created")) == 3
    assert await _log(api, count=2, since=entries[2]["at"]) == entries[2:]
    assert await _log(api, count=2, until=entries[2]["at"]) == entries[:2]
    numbers, path = [], "/v1/audit?limit=1&action=job.created"
    while path:
        answer = await api.http.get(path)
        numbers += [entry["number"] for entry in answer.json()["data"]]
        path = answer.links.get("next", {}).get("url", "")
    assert numbers == [3, 2, 1]
    async with await gateway.new_tenant("others") as stranger:
        assert (await stranger.get("/v1/audit")).json()["data"] == []
        assert (await stranger.get("/v1/audit/export")).text == ""


async def test_an_export_can_be_verified_by_anybody(gateway: RunningGateway, api: ApiClient) -> None:
    """A line for each entry, whose hashes follow from what is in the line and nothing else."""
    tenant_id = await _tenant_id(api.http)
    await api.http.post("/v1/keys", json={"name": '週會 "quoted"', "role": "viewer"})
    await api.create(audio_url="https://example.com/a.wav")
    await _log(api, count=2)
    export = await api.http.get("/v1/audit/export")
    assert export.headers["Content-Type"].startswith("application/x-ndjson")
    lines = [json.loads(line) for line in export.text.splitlines()]
    assert [line["number"] for line in lines] == [1, 2]
    previous = bytes(32)
    for line in lines:
        entry = json.dumps(line["entry"], ensure_ascii=False, separators=(",", ":"))
        assert line["previous"] == previous.hex()
        number = line["number"].to_bytes(8, "big")
        previous = hashlib.sha256(previous + number + tenant_id.bytes + entry.encode()).digest()
        assert line["hash"] == previous.hex()
    assert (await _log(api, count=3))[-1]["action"] == "audit.exported"
    assert (await verify(AuditStore(gateway.pool), tenant_id)).number == 3


async def test_chains_stay_whole_when_many_write_at_once(store: AuditStore, pool: Pool) -> None:
    """Several processes chain while others write: every entry once, no gap, no fork, in every tenant's chain."""
    tenants = [new_id() for _ in range(3)]
    trails = [AuditTrail(AuditStore(pool)) for _ in range(3)]

    async def write(trail: AuditTrail) -> None:
        for number in range(60):
            trail.read(Action.REPORT_READ, tenants[number % 3], new_id())
            if number % 7 == 0:
                await trail.settle()
        await trail.settle()

    await asyncio.gather(*(write(trail) for trail in trails))
    await trails[0].settle()
    assert [(await verify(store, tenant_id)).number for tenant_id in tenants] == [60, 60, 60]
    assert await pool.fetchval("select count(distinct id) from gateway.audit_log") == 180
    assert await pool.fetchval("select count(*) from gateway.audit_intake") == 0


async def _chain(store: AuditStore, count: int) -> tuple[UUID, Head]:
    tenant_id, trail = new_id(), AuditTrail(store)
    for number in range(count):
        trail.read(Action.REPORT_READ, tenant_id, new_id(), run=number)
    await trail.settle()
    return tenant_id, await store.head(tenant_id)


@pytest.mark.parametrize(
    "statement",
    [
        "update gateway.audit_log set at = now()",
        "delete from gateway.audit_log",
        "truncate gateway.audit_log",
        "update gateway.audit_heads set number = 1",
        "delete from gateway.audit_heads",
        "truncate gateway.audit_heads",
        "update gateway.audit_intake set entry = ''",
    ],
)
async def test_the_database_refuses_to_change_the_log(store: AuditStore, pool: Pool, statement: str) -> None:
    """Not even the gateway's own account may change or remove an entry."""
    tenant_id, head = await _chain(store, 3)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)
    assert await verify(store, tenant_id) == head


@pytest.mark.parametrize(
    ("tampering", "place", "reason"),
    [
        ("update gateway.audit_log set entry = replace(entry, '\"run\":1', '\"run\":7') where number = 2", 2, "hash"),
        ("update gateway.audit_log set at = at - interval '1 day' where number = 2", 2, "its row"),
        ("delete from gateway.audit_log where number = 2", 2, "missing"),
        ("delete from gateway.audit_log where number = 4", 4, "missing"),
        ("update gateway.audit_log set hash = sha256('x') where number = 3", 3, "hash"),
        ("update gateway.audit_heads set hash = sha256('x')", 4, "end"),
        (
            "insert into gateway.audit_log (tenant_id, number, id, at, entry, hash) "
            "select tenant_id, 9, id, at, entry, hash from gateway.audit_log where number = 1",
            5,
            "beyond",
        ),
    ],
)
async def test_who_tampers_as_a_superuser_is_found_out(
    store: AuditStore, pool: Pool, tampering: str, place: int, reason: str
) -> None:
    """Whoever switches the triggers off leaves a chain that does not hold, and it is said where."""
    tenant_id, _ = await _chain(store, 4)
    async with pool.acquire() as connection:
        await connection.execute("set session_replication_role = replica")
        await connection.execute(tampering)
        await connection.execute("set session_replication_role = origin")
    with pytest.raises(ChainBroken, match=reason) as caught:
        await verify(store, tenant_id)
    assert caught.value.number == place


async def test_an_anchor_finds_out_who_rewrote_the_whole_chain(store: AuditStore, pool: Pool) -> None:
    """A chain that was cut and mended looks whole; an end that was noted down elsewhere does not fit it."""
    tenant_id, anchor = await _chain(store, 4)
    assert await verify(store, tenant_id, anchor=anchor) == anchor
    async with pool.acquire() as connection:
        await connection.execute("set session_replication_role = replica")
        await connection.execute("delete from gateway.audit_log where number > 2")
        await connection.execute(
            "update gateway.audit_heads h set number = 2, hash = l.hash from gateway.audit_log l where l.number = 2"
        )
        await connection.execute("set session_replication_role = origin")
    assert (await verify(store, tenant_id)).number == 2
    with pytest.raises(ChainBroken, match="anchor"):
        await verify(store, tenant_id, anchor=anchor)
    trail = AuditTrail(store)
    for _ in range(4):
        trail.read(Action.REPORT_READ, tenant_id, new_id())
    await trail.settle()
    with pytest.raises(ChainBroken, match="anchor") as caught:
        await verify(store, tenant_id, anchor=anchor)
    assert caught.value.number == 4


async def test_reads_outlast_an_outage_and_are_refused_when_there_are_too_many(
    store: AuditStore, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the database is away reads are kept; before they would be forgotten, nothing more is read."""
    del pool
    monkeypatch.setattr("services.gateway.audit_trail.MOST_UNWRITTEN", 2)
    tenant_id, trail = new_id(), AuditTrail(store)

    async def away(entries: object) -> None:
        del entries
        raise OSError("the database is away")

    monkeypatch.setattr(trail.store, "take_in", away)
    for _ in range(2):
        trail.read(Action.REPORT_READ, tenant_id, new_id())
    with pytest.raises(OSError, match="away"):
        await trail.settle()
    with pytest.raises(Problem) as caught:
        trail.read(Action.REPORT_READ, tenant_id, new_id())
    assert caught.value.status == 503
    monkeypatch.undo()
    await trail.settle()
    assert (await verify(store, tenant_id)).number == 2


async def test_what_is_noted_is_written_when_the_process_stops(store: AuditStore) -> None:
    """Stopping loses nothing."""
    tenant_id, trail = new_id(), AuditTrail(store)
    running = asyncio.create_task(trail.run())
    await asyncio.sleep(0)
    trail.read(Action.REPORT_READ, tenant_id, new_id())
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert (await verify(store, tenant_id)).number == 1


async def test_what_operators_decide_about_engines_is_in_the_log(
    gateway: RunningGateway, api: ApiClient, database_url: str, tmp_path: Path
) -> None:
    """Rules as they were and are, and that a key came or went; what was only looked at is not, and nothing of the key."""
    operator = Operator(command="engines", database_url=database_url, folder=tmp_path)
    key = "a-key-of-their-own-9876"
    await operator.must("rules", "acme", "--engine", "local", "--rented", "no")
    await operator.must("rules", "acme")
    await operator.must("key", "acme", "deepgram", typed=f"{key}\n")
    await operator.must("key", "acme", "deepgram", "--remove")
    await operator.must("key", "acme", "deepgram", "--remove")
    entries = await _log(api, count=3)
    assert key not in json.dumps(entries)
    changed, *keys = [entry for entry in entries if entry["action"].startswith("engine_")]
    assert changed["action"] == Action.ENGINE_RULES_CHANGED
    assert changed["before"] == {"engine": None, "allow_rented": True, "vocabulary": 0}
    assert changed["after"] == {"engine": "local", "allow_rented": False, "vocabulary": 0}
    assert [entry["action"] for entry in keys] == [Action.ENGINE_KEY_KEPT, Action.ENGINE_KEY_REMOVED]
    assert {entry["actor"]["kind"] for entry in keys} == {ActorKind.OPERATOR}
