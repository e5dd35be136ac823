"""How many reports one process has in hand, so that no tenant, and no slow language model, has all of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from shared.errors import NotNow

PLACES = 32
"""Reports in hand; most of them wait, for a render process or for a language model."""

OF_A_TENANT = 8
WITH_LLM = 24
"""The others are free for reports that need no language model, however long one takes to answer."""


class Places:
    """Those of this process. What finds none goes to the end of the queue, behind other tenants' reports."""

    def __init__(self) -> None:
        self._tenants: Counter[UUID] = Counter()
        self._with_llm = 0

    @contextmanager
    def take(self, tenant_id: UUID, *, llm: bool) -> Iterator[None]:
        """A place for the length of a block. Raises `NotNow`."""
        if self._tenants[tenant_id] >= OF_A_TENANT:
            raise NotNow("This tenant has as many reports in hand here as one may have.")
        if llm and self._with_llm >= WITH_LLM:
            raise NotNow("As many reports as may be wait for the language model here.")
        self._tenants[tenant_id] += 1
        self._with_llm += llm
        try:
            yield
        finally:
            self._with_llm -= llm
            self._tenants[tenant_id] -= 1
            if not self._tenants[tenant_id]:
                del self._tenants[tenant_id]
