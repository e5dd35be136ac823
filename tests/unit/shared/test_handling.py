"""What every bus does around a handler: decode, count, time, and let the failure through."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from shared.bus import subscription
from shared.bus.handling import handle
from shared.errors import PermanentError, RetryableError
from shared.schemas.events import JobErased
from shared.schemas.ids import new_id

EVENT = JobErased(tenant_id=new_id(), job_id=new_id())


def _counted(outcome: str) -> float:
    labels = {"queue": "notifier.job.erased", "outcome": outcome}
    return REGISTRY.get_sample_value("audio2txt_events_handled_total", labels) or 0


def _timed() -> float:
    return REGISTRY.get_sample_value("audio2txt_event_seconds_count", {"queue": "notifier.job.erased"}) or 0


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(None, "handled"), (RetryableError("away"), "failed"), (KeyError("bug"), "failed"), (PermanentError("no"), "rejected")],
)
async def test_each_delivery_is_counted_by_its_outcome(failure: Exception | None, outcome: str) -> None:
    """The metrics tell success, failure and rejection apart, and how long the handler took."""

    async def act(event: JobErased) -> None:
        assert event == EVENT
        if failure is not None:
            raise failure

    before, timed = _counted(outcome), _timed()
    [result] = await asyncio.gather(
        handle(subscription("notifier", JobErased, act), msgspec.json.encode(EVENT)), return_exceptions=True
    )
    assert result is failure
    assert _counted(outcome) == before + 1
    assert _timed() == timed + 1


async def test_a_rejection_is_logged_without_the_payload() -> None:
    """The line says where and why; what the event carries stays out of the logs."""

    async def unused(event: JobErased) -> None:
        raise AssertionError

    with capture_logs() as lines, pytest.raises(PermanentError):
        await handle(subscription("notifier", JobErased, unused), b'{"type":"job.erased","tenant_id":"secret words"}')
    [line] = lines
    assert (line["event"], line["queue"]) == ("event.undecodable", "notifier.job.erased")
    assert "secret words" not in str(line)
