"""What operators can set about notifications."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from shared.errors import ConfigurationError
from shared.settings import Settings

LONGEST_SCHEDULE = 50


class NotifierSettings(Settings, frozen=True, kw_only=True):
    """How notifications are sent, and how long their log is kept."""

    webhook_schedule: Annotated[
        str,
        Meta(description="Seconds to wait before each attempt, comma-separated; its length is the number of attempts."),
    ] = "0,5,300,1800,7200,18000,36000,50400,72000,86400"
    webhook_timeout_seconds: Annotated[
        float, Meta(ge=0.1, le=30, description="Seconds a receiver has to answer one attempt.")
    ] = 15.0
    delivery_slots: Annotated[
        int,
        Meta(
            ge=8,
            le=10_000,
            description="Attempts of one process that may be young at once; up to four times as many wait for slow receivers.",
        ),
    ] = 256
    delivery_log_days: Annotated[
        int, Meta(ge=1, le=3650, description="Days after which messages, ended deliveries and their attempts are forgotten.")
    ] = 30

    def schedule(self) -> tuple[float, ...]:
        """The wait before each attempt, in seconds; raises `ConfigurationError` for anything but numbers."""
        try:
            waits = tuple(float(text) for text in self.webhook_schedule.split(","))
        except ValueError:
            waits = ()
        if not 1 <= len(waits) <= LONGEST_SCHEDULE or not all(0 <= wait <= 7 * 86400 for wait in waits):
            raise ConfigurationError(
                f"AUDIO2TXT_WEBHOOK_SCHEDULE must be 1 to {LONGEST_SCHEDULE} numbers of seconds up to a week, as in 0,5,300."
            )
        return waits
