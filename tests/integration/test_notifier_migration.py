"""What was on its way before there were endpoints arrives after the migration."""

from __future__ import annotations

import msgspec
import pytest

from services.notifier.callbacks import callback_id
from shared import migrations
from shared.database import Pool, transaction
from shared.migrations import Migration
from shared.schemas.endpoints import EventType
from shared.schemas.ids import new_id
from shared.schemas.jobs import JobState
from shared.schemas.webhooks import WebhookBody, WebhookJob
from tests.notifying import NOW, running_notifier, tenant
from tests.receivers import receiver

ENVIRONMENT = {"AUDIO2TXT_EGRESS_ALLOW_CIDRS": "127.0.0.0/8"}


@pytest.fixture
def database_url(empty_database_url: str) -> str:
    """A database without any schema of ours."""
    return empty_database_url


@pytest.fixture
def old(monkeypatch: pytest.MonkeyPatch) -> list[Migration]:
    """Only the files that there were before."""
    files = migrations.migrations_of("notifier")
    monkeypatch.setattr(migrations, "migrations_of", lambda _: [file for file in files if file.name < "0002"])
    return files


async def test_deliveries_survive(pool: Pool, old: list[Migration], monkeypatch: pytest.MonkeyPatch) -> None:
    """The pending one is sent under its old id with its old bytes, and its attempts go on counting; the log of those that
    have ended is kept; the URL is sealed; an erased job stays erased."""
    await migrations.apply(pool, "notifier")
    async with receiver() as customer:
        body = msgspec.json.encode(
            WebhookBody(
                type=EventType.JOB_COMPLETED, timestamp=NOW, data=WebhookJob(id=new_id(), state=JobState.COMPLETED, run=1)
            )
        )
        pending, ended, job_id, erased = new_id(), new_id(), new_id(), new_id()
        async with transaction(pool) as connection:
            for delivery_id, event_id, state in ((pending, new_id(), "pending"), (ended, new_id(), "failed")):
                await connection.execute(
                    "insert into notifier.deliveries (id, event_id, tenant_id, job_id, run, url, host, body, state, attempts, "
                    "due_at, finished_at) values ($1, $2, $3, $4, 1, $5, 'x', $6, $7, 2, now(), "
                    "case when $7 <> 'pending' then now() end)",
                    *(delivery_id, event_id, tenant(1), job_id, customer.url, body, state),
                )
                await connection.execute(
                    "insert into notifier.attempts (delivery_id, number, started_at, duration_ms, status, reason, response) "
                    "values ($1, 1, $2, 5, null, 'timed_out', 'x'), ($1, 2, now(), 5, 500, 'http_500', 'y')",
                    *(delivery_id, NOW),
                )
            await connection.execute("insert into notifier.erased_jobs (job_id) values ($1)", erased)
        event_id = await pool.fetchval("select event_id from notifier.deliveries where id = $1", pending)
        monkeypatch.setattr(migrations, "migrations_of", lambda _: old)
        assert "0002_endpoints" in await migrations.apply(pool, "notifier")
        async with running_notifier(pool, ENVIRONMENT) as notifier:
            end = await notifier.first_end()
    (request,) = customer.requests
    assert (request.headers["webhook-id"], request.body) == (f"msg_{event_id.hex}", body)
    assert (end.delivery_id, end.attempts, end.state, end.run) == (pending, 3, "delivered", 1)
    log = await pool.fetch("select delivery_id, number, reason from notifier.attempt_log order by id")
    assert [(row["number"], row["reason"]) for row in log if row["delivery_id"] == pending] == [
        (1, "timed_out"),
        (2, "http_500"),
        (3, None),
    ]
    statuses = {row["id"]: row["status"] for row in await pool.fetch("select id, status from notifier.delivery_log")}
    assert statuses == {pending: "delivered", ended: "failed"}
    endpoint = await pool.fetchrow("select id, legacy_url, configuration::text from notifier.endpoints")
    assert endpoint is not None
    assert (endpoint["id"], endpoint["legacy_url"]) == (callback_id(tenant(1), customer.url), None)
    assert "token=abc" not in endpoint["configuration"]
    assert await pool.fetchval("select erased_at is not null from notifier.jobs where id = $1", erased)
