"""What operators see: metrics of every attempt, a line of log for each, and gauges of what waits."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from functools import partial

import structlog

from services.notifier.deliveries import Made
from services.notifier.health import BLOCKED
from services.notifier.hosts import Hosts
from services.notifier.lanes import Capacity, Lane, lane_of
from services.notifier.scheduler import Grant
from services.notifier.shares import Shares
from services.notifier.store.claims import Claimed
from services.notifier.store.upkeep import Backlog, UpkeepStore
from shared import metrics

MEASURING_SECONDS = 10.0
MEASURING_SHARE = 20
"""A look at the backlog is followed by so many times its own duration without one: it counts what may be millions."""
STATES = {False: "due", True: "held"}

log = structlog.get_logger(__name__)


def started(claimed: Claimed, grant: Grant) -> None:
    """An attempt begins. What its endpoint was itself in the way is no delay."""
    delay = min(claimed.late, time.monotonic() - grant.free_at)
    metrics.DELIVERY_DELAY.labels(grant.origin).observe(max(0.0, delay))


def written(claimed: Claimed, made: Made, *, ours: bool) -> None:
    """An attempt is in the log; `ours` tells whether its lease still was."""
    kind, verdict, attempt = claimed.configuration.kind, made.verdict, made.result.attempt
    metrics.DELIVERY_ATTEMPTS.labels(kind, verdict.outcome).inc()
    metrics.DELIVERY_SECONDS.labels(kind).observe(made.seconds)
    if not ours:
        metrics.DELIVERY_LEASES_LOST.inc()
    if verdict.reason in BLOCKED:
        metrics.DELIVERY_BLOCKED.labels(verdict.reason).inc()
    log.info(
        "delivery.attempted",
        delivery_id=str(claimed.id),
        endpoint_id=str(claimed.endpoint_id),
        number=attempt.number,
        outcome=verdict.outcome if ours else "lease_lost",
        status=attempt.status,
        reason=attempt.reason,
        milliseconds=attempt.duration_ms,
    )


def show_lanes(running: Mapping[Lane, int], capacity: Capacity) -> None:
    """How many attempts are under way is counted when somebody looks."""
    for lane in Lane:
        metrics.DELIVERY_RUNNING.labels(lane).set_function(partial(running.__getitem__, lane))
    metrics.DELIVERY_OVERFLOW.set_function(lambda: max(0, running[Lane.SLOW] - capacity.slow))


async def measure(store: UpkeepStore, *, shares: Shares, hosts: Hosts) -> None:
    """Loop for ever: bring the gauges up to date."""
    while True:
        began = time.monotonic()
        _show(await store.backlog())
        metrics.HOSTS_UNREACHABLE.set(hosts.unreachable)
        share = shares.look()
        metrics.DELIVERY_TENANTS.set(share.tenants)
        metrics.DELIVERY_LARGEST_SHARE.labels("slots").set(share.slots)
        metrics.DELIVERY_LARGEST_SHARE.labels("slot_seconds").set(share.slot_seconds)
        await asyncio.sleep(max(MEASURING_SECONDS, MEASURING_SHARE * (time.monotonic() - began)))


def _show(backlog: Backlog) -> None:
    """Every lane and state has a value, so that nothing stays that is gone."""
    waiting = {(lane_of(each.standing), each.held): each for each in backlog.waiting}
    for lane in Lane:
        for held, state in STATES.items():
            each = waiting.get((lane, held))
            metrics.DELIVERY_BACKLOG.labels(lane, state).set(each.deliveries if each is not None else 0)
            metrics.DELIVERY_OLDEST_DUE.labels(lane, state).set(each.oldest if each is not None else 0)
    metrics.ENDPOINTS_OPEN.set(backlog.breakers_open)
    metrics.ENDPOINTS_ACTIVE.set(backlog.active)
    metrics.ENDPOINTS_DISABLED.set(backlog.disabled)
