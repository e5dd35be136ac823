"""Whoever is killed without warning while jobs run, every job completes once and its webhook keeps one id."""

from __future__ import annotations

import asyncio
import hashlib
from typing import Any

import pytest

from shared.runtime import SERVICES
from tests.customer import SAMPLE, Customer, Receiver
from tests.fixtures_installation import StoredKeys
from tests.installation import Installation
from tests.servers.postgresql import PostgresServer
from tests.servers.rabbitmq import RabbitServer

JOBS = 12
DOWN_SECONDS = 1.0
"""How long the victim stays down, so that the others notice."""

FORMATS = ["md", "txt", "json", "srt", "vtt", "pdf"]


@pytest.fixture
def installation(four: Installation) -> Installation:
    """Only the four processes have parts that can be killed apart."""
    return four


@pytest.mark.parametrize("victim", SERVICES)
async def test_a_killed_service_costs_nothing(
    four: Installation, customer: Customer, receiver: Receiver, stored_keys: StoredKeys, victim: str
) -> None:
    """`kill -9` of one service while jobs are in every stage; started again, it and the others finish them all."""
    jobs = await _submit(customer, receiver)
    await _until_some_move(customer, jobs)
    await four.process(victim).kill()
    await asyncio.sleep(DOWN_SECONDS)
    await four.process(victim).start()
    await _expect_all_complete_once(customer, receiver, stored_keys, jobs)


async def test_a_killed_broker_costs_nothing(
    customer: Customer,
    receiver: Receiver,
    stored_keys: StoredKeys,
    rabbitmq_server: RabbitServer,
) -> None:
    """`kill -9` of RabbitMQ while jobs run; the outboxes hold what it cannot take."""
    jobs = await _submit(customer, receiver)
    await _until_some_move(customer, jobs)
    await asyncio.to_thread(rabbitmq_server.kill9)
    jobs += await _submit(customer, receiver)
    await asyncio.to_thread(rabbitmq_server.restart)
    await _expect_all_complete_once(customer, receiver, stored_keys, jobs)


async def test_a_killed_database_costs_nothing(
    customer: Customer,
    receiver: Receiver,
    stored_keys: StoredKeys,
    postgres_server: PostgresServer,
) -> None:
    """`kill -9` of PostgreSQL while jobs run; every service goes on where it was when it is back."""
    jobs = await _submit(customer, receiver)
    await _until_some_move(customer, jobs)
    await asyncio.to_thread(postgres_server.kill9)
    await asyncio.sleep(DOWN_SECONDS)
    await asyncio.to_thread(postgres_server.restart)
    await _expect_all_complete_once(customer, receiver, stored_keys, jobs)


async def _submit(customer: Customer, receiver: Receiver) -> list[str]:
    """Scripted jobs of a second or two each, and one of real speech."""
    audio = SAMPLE.read_bytes()
    orders: list[dict[str, Any]] = [{"engine": "scripted", "metadata": {"number": str(number)}} for number in range(JOBS)]
    orders.append({"engine": "local", "language": "en"})
    return [(await customer.must_submit(audio, callback_url=receiver.url, formats=FORMATS, **order))["id"] for order in orders]


async def _until_some_move(customer: Customer, jobs: list[str]) -> None:
    """Return when the jobs are spread over the stages: one has left the queue and one is not final yet."""
    while True:
        states = [(await customer.must("GET", f"/v1/jobs/{job}"))["state"] for job in jobs]
        if set(states) - {"queued"}:
            assert set(states) - {"completed"}, "the jobs were over before anything was killed"
            return
        await asyncio.sleep(0.02)


async def _expect_all_complete_once(customer: Customer, receiver: Receiver, stored_keys: StoredKeys, jobs: list[str]) -> None:
    for job_id in jobs:
        job = await customer.must_end(job_id)
        assert job["state"] == "completed", job["failure"]
        assert job["run"] == 1
        for artifact in job["artifacts"]:
            data = await customer.artifact(job, artifact["name"])
            assert hashlib.sha256(data).hexdigest() == artifact["sha256"]
        names = [key.rsplit("/", 1)[1] for key in await stored_keys(job_id) if "/artifacts/" in key]
        assert sorted(names) == sorted(f"transcript.{name}" for name in FORMATS)
        webhooks = await receiver.wait_for_job(job_id)
        assert {webhook["type"] for webhook in webhooks} == {"job.completed"}
        assert len({webhook["_id"] for webhook in webhooks}) == 1
