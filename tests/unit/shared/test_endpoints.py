"""What an endpoint listens to."""

from __future__ import annotations

import pytest

from shared.schemas.endpoints import EventType, patterns_of


@pytest.mark.parametrize(
    ("events", "type_", "told"),
    [
        (("job.completed",), EventType.JOB_COMPLETED, True),
        (("job.completed",), EventType.JOB_FAILED, False),
        (("job.*",), EventType.JOB_CANCELLED, True),
        (("*",), EventType.JOB_FAILED, True),
        (("endpoint.*",), EventType.JOB_FAILED, False),
        (("job.*", "*"), EventType.JOB_PROGRESSED, False),
        (("job.*", "job.progressed"), EventType.JOB_PROGRESSED, True),
        ((), EventType.JOB_COMPLETED, False),
    ],
)
def test_patterns_take_families_and_progress_only_by_name(events: tuple[str, ...], type_: str, told: bool) -> None:
    """Progress is many messages, which nobody is to get unasked."""
    assert (not set(events).isdisjoint(patterns_of(type_))) is told
