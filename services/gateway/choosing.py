"""Refuses, before anything is stored, jobs whose engine may not or cannot do them. The transcriber has the last word."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from uuid import UUID

from services.gateway.problems import Problem, refused
from services.gateway.store.engines import Choice, EngineStore
from shared.engines import EngineRefused, choose
from shared.schemas.jobs import JobOptions

KNOWN_SECONDS = 5.0
"""How long what was offered and decided may still count here after it has changed."""

_REMEMBERED = 4096


class Choosing:
    """Knows what each tenant can choose among."""

    def __init__(self, store: EngineStore, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._known: OrderedDict[UUID, tuple[float, Choice]] = OrderedDict()

    async def choice(self, tenant_id: UUID) -> Choice:
        """What a tenant can choose among; a few seconds old at most."""
        now = self._clock()
        remembered = self._known.get(tenant_id)
        if remembered is not None and remembered[0] > now:
            return remembered[1]
        choice = await self._store.choice(tenant_id)
        if choice.offers:
            self._remember(tenant_id, choice, until=now + KNOWN_SECONDS)
        return choice

    def forget(self, tenant_id: UUID) -> None:
        """What was decided has changed."""
        self._known.pop(tenant_id, None)

    def _remember(self, tenant_id: UUID, choice: Choice, *, until: float) -> None:
        self._known[tenant_id] = (until, choice)
        self._known.move_to_end(tenant_id)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)


def refusal(options: JobOptions, choice: Choice, *, size: int | None) -> Problem | None:
    """Why the job cannot be done (422), with the engines that could; null when it can, or when nothing is known."""
    if not choice.offers:
        return None
    try:
        choose(options, choice.rules, choice.offers, size=size)
    except EngineRefused as error:
        return refused(error.pointer, error.failure, engines=error.engines)
    return None
