"""Says how endpoints fare: to operators in the log and the metrics, to their owners by e-mail."""

from __future__ import annotations

import datetime as dt

import structlog

from services.notifier.health import Health, Notice
from services.notifier.notifications import endpoint_body
from services.notifier.store.claims import Claimed
from services.notifier.store.notices import NoticeStore
from shared import metrics
from shared.database import is_outage
from shared.schemas.endpoints import EventType

log = structlog.get_logger(__name__)


class Warnings:
    """Warns in stages: at the fourth failure, a day before an endpoint is switched off, and then."""

    def __init__(self, store: NoticeStore) -> None:
        self._store = store

    async def say(self, notice: Notice, claimed: Claimed, health: Health) -> bool:
        """Say it once; whether somebody is to get an e-mail. What an outage of the database swallows is still in the log."""
        metrics.ENDPOINT_NOTICES.labels(notice.name.lower()).inc()
        report = log.info if notice is Notice.RECOVERED else log.warning
        report(
            f"endpoint.{notice.name.lower()}",
            endpoint_id=str(claimed.endpoint_id),
            label=claimed.configuration.label,
            failures=health.failures,
            last_failure=health.last_failure,
            disabled=health.disabled,
        )
        if notice is Notice.RECOVERED:
            return False
        type_ = EventType.ENDPOINT_DISABLED if notice is Notice.DISABLED else EventType.ENDPOINT_FAILING
        body = endpoint_body(
            type_,
            claimed.endpoint_id,
            label=claimed.configuration.label,
            reason=health.last_failure or "unknown",
            at=dt.datetime.now(dt.UTC),
        )
        try:
            return bool(await self._store.tell(claimed.tenant_id, type_, body, about=claimed.endpoint_id))
        except Exception as error:
            if not is_outage(error):
                raise
            log.warning("endpoint.notice_lost", endpoint_id=str(claimed.endpoint_id), error=type(error).__name__)
            return False
