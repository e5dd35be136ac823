"""What `/healthz` and `/readyz` say, and to whom they say how much."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from shared.errors import RetryableError
from shared.health import KNOWN_SECONDS, Health, with_health


class Backend:
    """Something that is there or away."""

    def __init__(self) -> None:
        self.failure: Exception | None = None
        self.asked = 0

    async def check(self) -> None:
        """Raise while it is away."""
        self.asked += 1
        if self.failure is not None:
            raise self.failure


class Clock:
    """Stands still."""

    now = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


@pytest.fixture
def backend() -> Backend:
    """One that is there."""
    return Backend()


def _client(health: Health) -> httpx.AsyncClient:
    app: Any = with_health(health, None)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://process")


async def test_a_backend_that_is_away_makes_the_process_unready_and_not_dead(backend: Backend) -> None:
    """Readiness follows it away and back; liveness does not, for a restart would not help."""
    clock = Clock()
    async with _client(Health({"database": backend.check}, clock=clock)) as http:
        assert (await http.get("/readyz")).json() == {"status": "ready", "failed": {}}
        backend.failure = ConnectionRefusedError("('10.0.0.1', 5432)")
        clock.now += KNOWN_SECONDS
        answer = await http.get("/readyz")
        assert (answer.status_code, set(answer.json()["failed"])) == (503, {"database"})
        assert (await http.get("/healthz")).status_code == 200
        backend.failure = None
        clock.now += KNOWN_SECONDS
        assert (await http.get("/readyz")).status_code == 200


async def test_nobody_learns_addresses_from_it(backend: Backend) -> None:
    """What others say of themselves is in the log; what we say is told."""
    clock = Clock()
    health = Health({"database": backend.check}, clock=clock)
    backend.failure = ConnectionRefusedError("('10.0.0.1', 5432)")
    assert "10.0.0.1" not in str(await health.failures())
    clock.now += KNOWN_SECONDS
    backend.failure = RetryableError("RabbitMQ has a memory alarm.")
    assert await health.failures() == {"database": "RabbitMQ has a memory alarm."}


async def test_who_asks_all_the_time_does_not_have_the_backends_asked(backend: Backend) -> None:
    """Many at once and one after the other are answered by one check."""
    health = Health({"database": backend.check}, clock=Clock())
    await asyncio.gather(*(health.failures() for _ in range(50)))
    await health.failures()
    assert backend.asked == 1


async def test_a_process_that_stops_says_so_at_once(backend: Backend) -> None:
    """Whatever was known a moment ago."""
    health = Health({"database": backend.check}, clock=Clock())
    assert await health.failures() == {}
    health.stopping = True
    assert await health.failures() == {"process": "stopping"}


async def test_only_reading_is_answered(backend: Backend) -> None:
    """HEAD for load balancers; nothing else. Nothing is kept by caches."""
    async with _client(Health({"database": backend.check})) as http:
        assert (await http.head("/readyz")).status_code == 200
        assert (await http.get("/healthz")).headers["Cache-Control"] == "no-store"
        refused = await http.post("/healthz")
        assert (refused.status_code, refused.headers["Allow"]) == (405, "GET, HEAD")
        assert (await http.get("/nothing")).status_code == 404
