"""Plans and quotas, over real HTTP: what is refused before any cost arises, and what a crowd can not overdraw."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from services.gateway.quotas.enforcing import UNKNOWN_MS
from services.gateway.quotas.refusals import MINUTE_MS, next_month
from services.gateway.store.alerts import AlertStore
from services.gateway.store.allowances import Ceiling
from services.gateway.store.minutes import MinuteStore
from services.gateway.store.plans import Feature, Plan, PlanStore
from services.gateway.store.tenants import TenantStore
from services.gateway.usage.alerts import Alerts
from shared.outbox import Outbox
from shared.schemas.events import JobFailed, JobSubmitted, TranscriptionState, UsageThresholdReached
from shared.schemas.ids import new_id
from shared.schemas.jobs import LONGER_THAN_HELD, Failure
from tests.gateway_process import POOL, gateway_processes
from tests.gatewaying import COST, WAV, ApiClient, RunningGateway, ready, running_gateway

CROWD = 50
MINUTE_OF_WAV = WAV + bytes(32 * MINUTE_MS)
TOO_LONG = Failure(code=LONGER_THAN_HELD, message="The recording is longer than what is held of the month's minutes for it.")


@pytest.fixture
async def gateway(database_url: str, tmp_path: Path) -> AsyncIterator[RunningGateway]:
    """A gateway on an empty database."""
    async with running_gateway(database_url, tmp_path, pool=POOL) as running:
        yield running


async def _planned(gateway: RunningGateway, plan: Plan) -> tuple[UUID, httpx.AsyncClient]:
    """A new tenant that has this plan, and a client of it. Close it."""
    tenant_id, plans = await TenantStore(gateway.pool).add(plan.name), PlanStore(gateway.pool)
    await plans.add(plan)
    await plans.assign(tenant_id, plan)
    return tenant_id, await gateway.new_client(tenant_id)


async def _used(gateway: RunningGateway, tenant_id: UUID) -> float:
    month = dt.datetime.now(dt.UTC).date().replace(day=1)
    return await MinuteStore(gateway.pool).used(tenant_id, month) / MINUTE_MS


async def test_a_crowd_at_two_gateways_overdraws_nothing(gateway: RunningGateway, database_url: str, tmp_path: Path) -> None:
    """Fifty clients at once, at two processes: of ten minutes not eleven are promised, of five waiting jobs not six are made,
    and no byte is taken for which there is no room. Who is refused has used nothing."""
    upload = len(WAV) + 2000
    plans = (
        Plan(name="minutes", minutes_per_month=10),
        Plan(name="waiting", waiting_jobs=5, minutes_per_month=100_000),
        Plan(name="storage", storage_bytes=7 * upload + 100),
    )
    (tenant_id, by_minutes), (waiting_id, by_waiting), (_, by_storage) = [await _planned(gateway, plan) for plan in plans]
    async with (
        gateway_processes(database_url, tmp_path, count=1, settings={}) as others,
        by_minutes,
        by_waiting,
        by_storage,
    ):
        for http in (by_minutes, by_waiting, by_storage):
            http.event_hooks = {}  # Both gateways have as many requests at once as they can take.
        urls = (gateway.url, *others)
        by_url = {"audio_url": "https://example.com/an-hour.mp3"}
        minutes = await asyncio.gather(
            *(by_minutes.post(f"{urls[number % 2]}/v1/jobs", json=by_url) for number in range(CROWD))
        )
        waiting = await asyncio.gather(
            *(by_waiting.post(f"{urls[number % 2]}/v1/jobs", json=by_url) for number in range(CROWD))
        )
        stored = await asyncio.gather(
            *(by_storage.post(f"{urls[number % 2]}/v1/uploads", content=WAV + bytes(2000)) for number in range(CROWD))
        )
        assert await _used(gateway, tenant_id) == 10
        assert await _used(gateway, waiting_id) == 5 * UNKNOWN_MS / MINUTE_MS
    assert sorted({answer.status_code for answer in minutes}) == [202, 402]
    assert sum(answer.status_code == 202 for answer in minutes) == 1
    assert [answer.status_code for answer in waiting].count(202) == 5
    assert {answer.json()["code"] for answer in waiting if answer.status_code != 202} == {"too_many_waiting"}
    assert [answer.status_code for answer in stored].count(201) == 7
    assert {answer.json()["code"] for answer in stored if answer.status_code != 201} == {"storage_full"}


async def test_minutes_are_held_settled_and_given_back(gateway: RunningGateway) -> None:
    """What a recording seems to need is held until its length is known; a job that comes to nothing holds nothing, nor does a
    retry that was broken off; a refusal says what is used, what the limit is and when it is all there again."""
    tenant_id, client = await _planned(gateway, Plan(name="small", minutes_per_month=2))
    async with client as http:
        api = ApiClient(http)
        job = await api.create(upload_id=(await api.upload(MINUTE_OF_WAV))["id"])
        order = await gateway.others.heard(JobSubmitted, job["id"])
        assert order.options.audio_limit_ms is not None
        assert MINUTE_MS <= order.options.audio_limit_ms < 1.1 * MINUTE_MS
        assert 1 <= await _used(gateway, tenant_id) < 1.1
        await gateway.others.transcribe(order)
        assert await _used(gateway, tenant_id) == pytest.approx(44 / 60, abs=0.001)
        cancelled = await api.create(audio_url="https://example.com/unknown.mp3")
        assert await _used(gateway, tenant_id) == 2
        refused = await http.post("/v1/jobs", json={"audio_url": "https://example.com/b.mp3"})
        assert (refused.status_code, refused.json()["code"]) == (402, "minutes_used_up")
        quota = refused.json()["quota"]
        assert (quota["resource"], quota["used"], quota["limit"]) == ("minutes", 2.0, 2)
        assert dt.datetime.fromisoformat(quota["resets_at"]) == next_month(dt.datetime.now(dt.UTC).date())
        plan = (await http.get("/v1/account")).json()["plan"]
        assert (plan["name"], plan["minutes"], plan["minutes_limit"]) == ("small", 2.0, 2)
        assert (plan["resets_at"], plan["storage_bytes"]) == (quota["resets_at"], len(MINUTE_OF_WAV))
        assert (plan["storage_bytes_limit"], plan["features"]) == (None, list(Feature))
        assert (await http.post(f"/v1/jobs/{cancelled['id']}/cancel")).status_code == 200
        assert await _used(gateway, tenant_id) == pytest.approx(44 / 60, abs=0.001)
        retried = await http.post(f"/v1/jobs/{cancelled['id']}/retry")
        assert retried.status_code == 202
        assert await _used(gateway, tenant_id) == 2
        assert (await http.delete(f"/v1/jobs/{cancelled['id']}")).status_code == 204
        assert await _used(gateway, tenant_id) == pytest.approx(44 / 60, abs=0.001)
        minutes, month, limit = MinuteStore(gateway.pool), dt.datetime.now(dt.UTC).date().replace(day=1), 2 * MINUTE_MS
        await minutes.hold(tenant_id, month, job_id=order.job_id, run=2, wanted=MINUTE_MS, least=1, limit=limit)
        await minutes.release_lost()
        assert await _used(gateway, tenant_id) == pytest.approx(104 / 60, abs=0.001)
        await gateway.pool.execute("update gateway.minute_holds set created_at = now() - interval '2 hours'")
        await minutes.release_lost()
        assert await _used(gateway, tenant_id) == pytest.approx(44 / 60, abs=0.001)
    left = limit - await minutes.used(tenant_id, month)
    for least, given in ((left + 1, None), (left, left), (1, None)):
        held = await minutes.hold(tenant_id, month, job_id=new_id(), run=1, wanted=least, least=least, limit=limit)
        assert (held and held.ms) == given


async def test_a_recording_that_turns_out_longer_begins_anew_or_fails(gateway: RunningGateway) -> None:
    """Nobody was paid: with minutes left it goes on in the next run with what it needs, also where a process died between the
    two; without, the job fails and says so."""
    tenant_id, client = await _planned(gateway, Plan(name="small", minutes_per_month=10))
    async with client as http:
        api = ApiClient(http)
        job = await api.create()
        order = await gateway.others.heard(JobSubmitted, job["id"])
        minutes = MinuteStore(gateway.pool)
        assert await minutes.extend(tenant_id, UUID(job["id"]), run=1, ms=44_000, limit=10 * MINUTE_MS)
        assert await minutes.extend(tenant_id, UUID(job["id"]), run=1, ms=44_000, limit=0), "what it has needs no more room"
        await gateway.others.progress(order, TranscriptionState.FAILED, failure=TOO_LONG)
        again = await gateway.others.heard(JobSubmitted, job["id"], count=2)
        assert (again.run, again.options.audio_limit_ms) == (2, 44_000)
        assert await _used(gateway, tenant_id) == pytest.approx(44 / 60, abs=0.001)
        await gateway.others.complete(again)
        assert (await api.job(job["id"]))["state"] == "completed"
        await api.create(audio_url="https://example.com/all-the-rest.mp3")
        month = dt.datetime.now(dt.UTC).date().replace(day=1)
        await gateway.pool.execute("update gateway.minute_months set used_ms = used_ms - 1000 where month = $1", month)
        job = await api.create()
        order = await gateway.others.heard(JobSubmitted, job["id"])
        await gateway.others.progress(order, TranscriptionState.FAILED, failure=TOO_LONG)
        failed = await gateway.others.heard(JobFailed, job["id"])
        assert failed.failure.code == "minutes_used_up"
        assert "no engine was asked" in failed.failure.message


async def test_a_kept_answer_is_charged_once(gateway: RunningGateway) -> None:
    """The run that reads it again is on record with nothing, and takes no minutes; unless the one before never came here."""
    tenant_id, client = await _planned(gateway, Plan(name="small", minutes_per_month=10))
    async with client as http:
        api = ApiClient(http)
        job = await api.create()
        order = await gateway.others.heard(JobSubmitted, job["id"])
        await gateway.others.transcribe(order, charged_before=True)
        await gateway.others.report(order, ready(order))
        words = {"name": "Board", "terms": [{"text": "Kowloon"}]}
        assert (await http.post("/v1/vocabularies", json=words)).status_code == 201
        assert (await http.post(f"/v1/jobs/{job['id']}/retry", json={"vocabularies": ["Board"]})).status_code == 202
        order = await gateway.others.heard(JobSubmitted, job["id"], count=2)
        assert order.run == 2
        await gateway.others.transcribe(order, charged_before=True)
        assert await _used(gateway, tenant_id) == pytest.approx(44 / 60, abs=0.001)
        totals = (await http.get("/v1/usage")).json()["totals"]
        assert (totals["transcriptions"], totals["unpriced"]) == (2, 0)
        assert [Decimal(cost["amount"]) for cost in totals["costs"]] == [Decimal(COST.amount)]
        shown = (await http.get(f"/v1/jobs/{job['id']}")).json()
        assert shown["vocabularies"] == (await http.get("/v1/jobs")).json()["data"][0]["vocabularies"] != []


async def test_what_a_plan_leaves_out_is_refused_by_name(gateway: RunningGateway) -> None:
    """Redaction and language models that are not part of the plan, with the way out in one sentence."""
    _, client = await _planned(gateway, Plan(name="plain", features=(Feature.RENTED_ENGINES,)))
    async with client as http:
        upload = (await ApiClient(http).upload())["id"]
        redaction = {"upload_id": upload, "redaction": {"categories": ["person_name"]}}
        for wish in (redaction, {"upload_id": upload, "solution": "meeting_minutes", "report_mode": "llm"}):
            refused = await http.post("/v1/jobs", json=wish)
            assert (refused.status_code, refused.json()["code"]) == (403, "not_in_plan"), refused.text
            assert "plan plain" in refused.json()["detail"]
        assert (await http.post("/v1/jobs", json={"upload_id": upload})).status_code == 202


async def test_thresholds_are_told_once_a_month(gateway: RunningGateway) -> None:
    """80 and 100 percent of minutes, storage and language models; of both at once the higher; what is only held is not used."""
    tenant_id, client = await _planned(gateway, Plan(name="small", minutes_per_month=100, storage_bytes=len(WAV) + 2000))
    ceiling = Ceiling(tokens=1000)
    outbox = Outbox(pool=gateway.pool, schema="gateway")
    alerts = Alerts(pool=gateway.pool, store=AlertStore(), outbox=outbox, llm_month=ceiling)
    told: list[tuple[str, int]] = []

    async def look() -> list[tuple[str, int]]:
        await alerts.look()
        rows = await gateway.pool.fetch("select resource, threshold from gateway.usage_alerts where tenant_id = $1", tenant_id)
        new = sorted({(row["resource"], row["threshold"]) for row in rows} - set(told))
        told.extend(new)
        return new

    async with client as http:
        await ApiClient(http).create()
        await gateway.pool.execute("""update gateway.jobs set removed = '{"audio": "2026-11-01T00:00:00Z"}'""")
        await ApiClient(http).create(audio_url="https://example.com/an-hour.mp3")
        assert await look() == [], "nor is what was removed"
        month = dt.datetime.now(dt.UTC).date().replace(day=1)
        await gateway.pool.execute("update gateway.minute_months set used_ms = used_ms + 80 * 60000")
        await gateway.pool.execute(
            "insert into gateway.llm_months (tenant_id, month, tokens, cost_usd, granted_tokens) values ($1, $2, 999, 0, 0)",
            *(tenant_id, month),
        )
        await ApiClient(http).upload()
        assert await look() == [("llm_tokens", 80), ("minutes", 80), ("storage_bytes", 80), ("storage_bytes", 100)]
        assert await look() == []
        await gateway.pool.execute("update gateway.minute_months set used_ms = used_ms + 40 * 60000")
        assert await look() == [("minutes", 100)]
    last = await gateway.others.heard(UsageThresholdReached, str(tenant_id), count=4)
    events = gateway.others.all_of(UsageThresholdReached, str(tenant_id))
    assert sorted((event.resource, event.threshold) for event in events) == [
        ("llm_tokens", 80),
        ("minutes", 80),
        ("minutes", 100),
        ("storage_bytes", 100),
    ]
    assert (last.used, last.limit, last.plan) == ("120", "100", "small")
