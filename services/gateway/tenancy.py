"""For whom a task works: what PostgreSQL then lets its statements see. For nobody, until it is said.

Requests are made for one tenant once they are let in, news for the tenant whom it is about; what looks after all of them says
so. Tasks that a request starts work for the same tenant.
"""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, Protocol, TypeAlias, TypeVar
from uuid import UUID

P = ParamSpec("P")
T = TypeVar("T")


class Whole(enum.Enum):
    """What is not one tenant's."""

    NOBODY = "nobody"
    """Nothing may be asked: who does was not said."""
    SYSTEM = "system"
    """The installation itself: everything may be asked."""


Whose: TypeAlias = UUID | Whole


class OfTenant(Protocol):
    """News of something that is a tenant's."""

    @property
    def tenant_id(self) -> UUID:
        """Whose it is."""
        ...


E = TypeVar("E", bound=OfTenant)

_WHOSE: ContextVar[Whose] = ContextVar("whose", default=Whole.NOBODY)


def whose() -> Whose:
    """For whom this task works now."""
    return _WHOSE.get()


def enter(tenant_id: UUID) -> None:
    """From here on, this task works for a tenant."""
    _WHOSE.set(tenant_id)


def leave() -> None:
    """From here on, this task works for nobody. A server may begin a request in the context of the one before."""
    _WHOSE.set(Whole.NOBODY)


@contextmanager
def as_system() -> Iterator[None]:
    """Work for the installation."""
    with _working_for(Whole.SYSTEM):
        yield


def by_system(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """The same work, done for the installation."""

    @wraps(work)
    async def done(*args: P.args, **kwargs: P.kwargs) -> T:
        with as_system():
            return await work(*args, **kwargs)

    return done


def for_its_tenant(handle: Callable[[E], Awaitable[None]]) -> Callable[[E], Awaitable[None]]:
    """A handler of news that works for the tenant whom they are about."""

    @wraps(handle)
    async def handled(news: E) -> None:
        with _working_for(news.tenant_id):
            await handle(news)

    return handled


@contextmanager
def _working_for(whom: Whose) -> Iterator[None]:
    before = _WHOSE.set(whom)
    try:
        yield
    finally:
        _WHOSE.reset(before)
