"""Erasing for good, over the API and by the operator: what goes, what is refused, and what certificates say."""

from __future__ import annotations

import asyncio
import hashlib
import io
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.gateway.privacy.certificates import Certificate, NotCertified, Statement, verify
from services.gateway.privacy.erasures import Erasures
from services.gateway.store.erasures import ErasureStore
from services.gateway.store.tenants import TenantErased as AlreadyErased
from services.gateway.store.tenants import TenantStore
from shared.blobs import (
    BlobUnavailable,
    answer_key,
    artifact_key,
    raw_key,
    report_key,
    tenant_prefix,
    transcript_key,
)
from shared.blobs.file import FileBlobs
from shared.blobs.sealing import BlobDamaged
from shared.schemas.events import ContentErased, JobErased, JobSubmitted, TenantErased
from shared.schemas.ids import new_id
from shared.schemas.transcripts import Transcript
from shared.signing import certificate_key
from tests.gatewaying import PATIENCE, ApiClient, RunningGateway, ready, report_ready, running_gateway, transcript_ready
from tests.speech import conversation, transcript

KEY = certificate_key(b"a master secret for tests, 32 bytes and more")
SAID = transcript(conversation(("A", "We sign on the third of June."), ("B", "I agree."), ("A", "Good.")))
HER, HIM = (SAID.segments[0].speaker_id, SAID.segments[1].speaker_id)
QUICK = {"AUDIO2TXT_SWEEP_SECONDS": "0.05", "AUDIO2TXT_ERASURE_SETTLE_SECONDS": "0.3"}


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway that looks often."""
    async with running_gateway(database_url, tmp_path, settings=QUICK) as running:
        yield running


async def _done(gateway: RunningGateway, api: ApiClient, **order: object) -> JobSubmitted:
    """A completed job in which two people spoke."""
    job = await api.create(**order)
    submitted = await gateway.others.heard(JobSubmitted, job["id"])
    about = (submitted.tenant_id, submitted.job_id, 1)
    await gateway.blobs.put(raw_key(*about), b"{}")
    await gateway.blobs.put(transcript_key(*about), msgspec.json.encode(SAID))
    await gateway.others.say(transcript_ready(submitted))
    await gateway.others.report(submitted, ready(submitted))
    return submitted


async def _verified(api: ApiClient, erasure_id: object) -> tuple[Statement, dict[str, Any]]:
    async with asyncio.timeout(PATIENCE):
        while True:
            shown: dict[str, Any] = (await api.http.get(f"/v1/erasures/{erasure_id}")).json()
            if shown["certificate"] is not None:
                return verify(Certificate(**shown["certificate"]), KEY), shown
            assert (shown["state"], shown["verified_at"]) == ("running", None)
            await asyncio.sleep(0.02)


async def test_a_persons_words_go_and_everything_is_made_anew(gateway: RunningGateway, api: ApiClient) -> None:
    """The transcript without them is the only one, what cannot be cut is gone, the report is asked for again, and the
    certificate comes when it is there. Twice is refused, and so is a stranger."""
    order = await _done(gateway, api)
    about = {"job_id": str(order.job_id), "speaker_id": HER}
    asked = await api.http.post("/v1/erasures", json=about)
    assert (asked.status_code, asked.json()["kind"]) == (202, "speaker")
    assert asked.headers["Location"].endswith(asked.json()["id"])
    assert (await gateway.others.heard(ContentErased, str(order.job_id))).parts == ("audio", "raw", "transcript", "report")
    again = await gateway.others.heard(JobSubmitted, str(order.job_id), count=2)
    assert again.options.revision is not None
    assert (again.run, again.options.attempt, again.options.revision.number) == (1, 2, 1)
    assert (await api.http.post("/v1/erasures", json=about)).json()["code"] == "job_not_final"
    keys = await gateway.keys(str(order.job_id))
    assert keys == [again.options.revision.key]
    left = msgspec.json.decode(await gateway.blobs.get(keys[0]), type=Transcript)
    assert [segment.text for segment in left.segments] == ["[erased]", "I agree.", "[erased]"]
    assert all(segment.words == segment.raw_words == () for segment in left.segments if segment.speaker_id == HER)
    assert (left.insights, left.revision, left.quality.notes[-1]) == (None, 1, "words_erased")

    about_job = (order.tenant_id, order.job_id)
    for late in (report_key(*about_job, 1), artifact_key(*about_job, 1, "late.pdf"), answer_key(*about_job, "0" * 64)):
        await gateway.blobs.put(late, b"We sign on the third of June.")
    await gateway.others.say(transcript_ready(again))
    key = artifact_key(order.tenant_id, order.job_id, 1, "transcript.txt", 1)
    made = msgspec.structs.replace(ready(again), key=key)
    await gateway.blobs.put(key, b"I agree.")
    await gateway.others.say(msgspec.structs.replace(report_ready(again, made), revision=1))
    statement, shown = await _verified(api, asked.json()["id"])
    assert (statement.kind, statement.segments_emptied, str(statement.job_id)) == ("speaker", 2, str(order.job_id))
    assert statement.blobs_removed == 4 + 3
    assert await gateway.keys(str(order.job_id)) == [key, again.options.revision.key]
    settled = statement.verified_at - statement.requested_at
    assert settled.total_seconds() >= float(QUICK["AUDIO2TXT_ERASURE_SETTLE_SECONDS"])
    with pytest.raises(NotCertified):
        verify(Certificate(**{**shown["certificate"], "statement": shown["certificate"]["statement"] + " "}), KEY)
    assert (await api.http.get(f"/v1/jobs/{order.job_id}/transcript?revision=0")).status_code == 404
    assert (await api.http.post("/v1/erasures", json=about)).json()["code"] == "nothing_to_erase"
    nobody = await api.http.post("/v1/erasures", json={**about, "speaker_id": "nobody"})
    assert (nobody.status_code, nobody.json()["code"]) == (422, "speaker_not_found")


async def test_what_is_being_erased_is_not_read_again(
    gateway: RunningGateway, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the store lets nothing go: nobody reads it, nor goes back to it when the job is completed again."""

    async def down(*_: object) -> None:
        raise BlobUnavailable("The store is down.")

    order = await _done(gateway, api)
    monkeypatch.setattr(Erasures, "_go_on", down)
    with monkeypatch.context() as patched:
        patched.setattr(FileBlobs, "delete", down)
        assert (await api.http.post("/v1/erasures", json={"job_id": str(order.job_id), "speaker_id": HER})).status_code == 202
    path = f"/v1/jobs/{order.job_id}/transcript"
    assert transcript_key(order.tenant_id, order.job_id, 1) in await gateway.keys(str(order.job_id))
    assert (await api.http.get(f"{path}?revision=0")).json()["code"] == "revision_not_found"
    again = await gateway.others.heard(JobSubmitted, str(order.job_id), count=2)
    await gateway.others.say(msgspec.structs.replace(report_ready(again, ready(again)), revision=1))
    async with asyncio.timeout(PATIENCE):
        while (await api.http.get(f"/v1/jobs/{order.job_id}")).json()["state"] != "completed":
            await asyncio.sleep(0.02)
    now = await api.http.get(path)
    back = await api.http.post(f"{path}/restore", json={"revision": 0}, headers={"If-Match": now.headers["ETag"]})
    assert (back.status_code, back.json()["code"]) == (404, "revision_not_found")


async def test_copies_at_providers_hold_a_persons_erasure_up(gateway: RunningGateway, api: ApiClient) -> None:
    """Also those whose deletion is tried again later."""
    order = await _done(gateway, api)
    await gateway.pool.execute(
        "insert into transcriber.leftovers (tenant_id, job_id, engine, provider_id, due_at) "
        "values ($1, $2, 'assemblyai', 'copy', now() + interval '1 hour')",
        *(order.tenant_id, order.job_id),
    )
    asked = await api.http.post("/v1/erasures", json={"job_id": str(order.job_id), "speaker_id": HER})
    store = ErasureStore(gateway.pool)
    found = await store.find(order.tenant_id, UUID(asked.json()["id"]))
    assert found is not None
    assert await store.held(found) == {"transcriber.provider_copy": 1}


async def test_exports_made_before_go_too(gateway: RunningGateway, api: ApiClient) -> None:
    """The certificate waits for them; what is exported afterwards has nothing of a deleted job, whatever still lies there."""
    order = await _done(gateway, api)
    made = await _exported(api)
    assert (await api.http.get(f"{made}/file")).status_code == 200
    assert (await api.http.delete(f"/v1/jobs/{order.job_id}")).status_code == 204
    statement, _ = await _verified(api, order.job_id)
    assert "looked for exports made before" in {place.how for place in statement.verified}
    assert (await api.http.get(made)).status_code == 404
    assert [info.key async for info in gateway.blobs.list(tenant_prefix(order.tenant_id))] == []
    await gateway.blobs.put(transcript_key(order.tenant_id, order.job_id, 1), b"late")
    later = zipfile.ZipFile(io.BytesIO((await api.http.get(f"{await _exported(api)}/file")).content))
    assert not [name for name in later.namelist() if name.startswith("jobs/")]


async def _exported(api: ApiClient) -> str:
    path = f"/v1/exports/{(await api.http.post('/v1/exports')).json()['id']}"
    async with asyncio.timeout(PATIENCE):
        while (await api.http.get(path)).json()["state"] != "ready":
            await asyncio.sleep(0.02)
    return path


async def test_certificates_of_deleted_jobs_are_chained(gateway: RunningGateway, api: ApiClient) -> None:
    """Each names the one before it; the key is published; an Idempotency-Key is kept as a digest, and still says that its
    job was deleted."""
    first = await _done(gateway, api)
    upload, headers = await api.upload(), {"Idempotency-Key": "Ms Chen's recording"}
    second = (await api.http.post("/v1/jobs", json={"upload_id": upload["id"]}, headers=headers)).json()
    for job_id in (first.job_id, second["id"]):
        assert (await api.http.delete(f"/v1/jobs/{job_id}")).status_code == 204
    statements = sorted([await _verified(api, id_) for id_ in (first.job_id, second["id"])], key=lambda one: one[0].number)
    one, other = statements
    assert (one[0].number, one[0].previous, other[0].number) == (1, None, 2)
    assert other[0].previous == hashlib.sha256(one[1]["certificate"]["statement"].encode()).hexdigest()
    assert {place.place for place in one[0].verified} == {"store", "database", "transcriber", "notifier", "queues"}
    assert [entry["id"] for entry in (await api.http.get("/v1/erasures")).json()["data"]] == [second["id"], str(first.job_id)]
    assert len((await api.http.get("/v1/erasures/keys")).json()["keys"]) == 1
    repeated = await api.http.post("/v1/jobs", json={"upload_id": upload["id"]}, headers=headers)
    assert repeated.status_code == 410
    assert "Chen" not in str(await gateway.pool.fetch("select * from gateway.idempotency_keys"))


async def test_a_tenant_goes_with_everything(gateway: RunningGateway, api: ApiClient) -> None:
    """Jobs at work and done, uploads, endpoints, keys, rules; nobody gets in any more, other tenants keep theirs, and the
    audit log keeps its chain."""
    done, working = await _done(gateway, api, title="Quetzal"), await api.create()
    await gateway.others.heard(JobSubmitted, working["id"])
    await api.upload()
    await api.http.post("/v1/endpoints", json={"kind": "email", "address": "quetzal@example.com"})
    await api.http.put("/v1/retention", json={"tenant": {"audio": 9}})
    async with await gateway.new_tenant("others") as http:
        kept = await _done(gateway, ApiClient(http))
        store = ErasureStore(gateway.pool)
        there = [info.key async for info in gateway.blobs.list(tenant_prefix(done.tenant_id))]
        order_id = await store.erase_tenant(done.tenant_id)
        assert await store.erase_tenant(done.tenant_id) == order_id
        await gateway.others.heard(JobErased, working["id"])
        await gateway.others.heard(TenantErased, str(done.tenant_id))
        async with asyncio.timeout(PATIENCE):
            while (found := await store.find(done.tenant_id, order_id)) is None or found.statement is None:
                await asyncio.sleep(0.05)
        tenants = TenantStore(gateway.pool)
        [gone] = [row for row in await tenants.all() if row.id == done.tenant_id]
        with pytest.raises(AlreadyErased, match="add a new tenant"):
            await tenants.enable(gone)
        statement = msgspec.json.decode(found.statement, type=Statement)
        assert {place.left for place in statement.verified} == {0}
        assert statement.blobs_removed >= len(there) > 3
        assert [info.key async for info in gateway.blobs.list(tenant_prefix(done.tenant_id))] == []
        assert len(await gateway.keys(str(kept.job_id))) > 2
        assert (await http.get(f"/v1/jobs/{kept.job_id}")).status_code == 200
    assert await gateway.pool.fetchval("select count(*) from gateway.api_keys where tenant_id = $1", done.tenant_id) == 0
    row = await gateway.pool.fetchrow("select name, erased_at from gateway.tenants where id = $1", UUID(str(done.tenant_id)))
    assert row is not None
    assert (row["name"], row["erased_at"] is not None) == (f"erased {done.tenant_id}", True)
    assert await gateway.pool.fetchval("select count(*) from gateway.audit_log where tenant_id = $1", done.tenant_id) > 3
    assert await store.erase_tenant(done.tenant_id) != order_id


async def _looked_again(gateway: RunningGateway, erasure_id: UUID) -> None:
    """Two more passes came to nothing, though late work has had its time."""
    look = """
        update gateway.erasure_orders set next_at = now(), requested_at = requested_at - interval '1 hour'
        where id = $1 and certified_at is null returning passes
    """
    before = await gateway.pool.fetchval(look, erasure_id)
    async with asyncio.timeout(PATIENCE):
        while await gateway.pool.fetchval(look, erasure_id) < before + 2:
            await asyncio.sleep(0.05)


async def test_nothing_is_certified_while_anything_is_left(
    gateway: RunningGateway, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither of a job while a provider has a copy of it, or a file came late, nor of a tenant: what it has here stays until it
    is gone elsewhere, and then its key is destroyed."""
    order, shredded = await _done(gateway, api), []
    tenant_id, job_id = UUID(str(order.tenant_id)), UUID(str(order.job_id))
    store, late = ErasureStore(gateway.pool), transcript_key(tenant_id, job_id, 7)
    copy = "insert into transcriber.leftovers (tenant_id, job_id, engine, provider_id, due_at) values ($1, $2, 'x', 'y', now())"

    async def shred(_: FileBlobs, tenant_id: UUID) -> bool:
        shredded.append(tenant_id)
        return True

    monkeypatch.setattr(FileBlobs, "shred", shred)
    await gateway.pool.execute(copy, tenant_id, job_id)
    assert (await api.http.delete(f"/v1/jobs/{job_id}")).status_code == 204
    async with asyncio.timeout(PATIENCE):
        while await store.rows_of_job(job_id):
            await asyncio.sleep(0.05)
    await _looked_again(gateway, job_id)
    await gateway.blobs.put(late, b"{}")
    await gateway.pool.execute("delete from transcriber.leftovers")
    await _looked_again(gateway, job_id)
    await gateway.blobs.delete(late)
    await _verified(api, job_id)

    await gateway.pool.execute(copy, tenant_id, new_id())
    order_id = await store.erase_tenant(tenant_id)
    await _looked_again(gateway, order_id)
    keys = "select count(*) from gateway.api_keys where tenant_id = $1"
    assert (await gateway.pool.fetchval(keys, tenant_id), shredded) == (1, [])
    await gateway.pool.execute("delete from transcriber.leftovers")
    async with asyncio.timeout(PATIENCE):
        while (found := await store.find(tenant_id, order_id)) is None or found.statement is None:
            await gateway.pool.execute("update gateway.erasure_orders set next_at = now() where certified_at is null")
            await asyncio.sleep(0.05)
    assert await gateway.pool.fetchval(keys, tenant_id) == 0
    assert set(shredded) == {tenant_id}


async def test_a_damaged_blob_puts_one_erasure_off(
    gateway: RunningGateway, api: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others go on, and so does this one when it can be read."""
    order, met = await _done(gateway, api), asyncio.Event()
    rows_of_job = ErasureStore.rows_of_job

    async def damaged(store: ErasureStore, job_id: UUID) -> int:
        if not met.is_set():
            met.set()
            raise BlobDamaged("The encrypted blob t/1/j/2/source/audio does not open.")
        return await rows_of_job(store, job_id)

    monkeypatch.setattr(ErasureStore, "rows_of_job", damaged)
    assert (await api.http.delete(f"/v1/jobs/{order.job_id}")).status_code == 204
    await _verified(api, order.job_id)
    assert met.is_set()
