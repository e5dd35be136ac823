"""Passwords: argon2id, off the event loop and few at once, for each takes tens of megabytes and of milliseconds."""

from __future__ import annotations

import asyncio
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from services.gateway.problems import Problem, invalid

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 12, 256
"""Characters."""
FEWEST_DIFFERENT = 5
"""Different characters: `aaaaaaaaaaaa` is long, and guessed first."""

MEMORY_KIB, PASSES = 46 * 1024, 2
"""OWASP's recommendation for argon2id without threads, and a pass more."""
AT_ONCE = 2
MOST_WAITING = 100
"""Beyond them whoever comes is sent away, rather than kept waiting for seconds."""

T = TypeVar("T")


class Passwords:
    """Hashes and verifies them."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="passwords")
        self._waiting = 0

    async def hash(self, password: str) -> str:
        """What is stored of it, in PHC form. Raises `Problem` 503 when too many wait."""
        return await self._run(lambda: self.hash_now(password))

    def hash_now(self, password: str) -> str:
        """The same for a program that has nothing else to do."""
        return self._hasher.hash(_normal(password))

    async def verify(self, kept: str | None, password: str, *, trusted: bool = False) -> bool:
        """Whether it is the one whose hash was kept. Takes as long where there is none. Raises `Problem` 503 when too many
        wait; half of the queue is kept free for those who are trusted."""
        return await self._run(lambda: self._verify(kept, password), most=MOST_WAITING if trusted else MOST_WAITING // 2)

    def is_outdated(self, kept: str) -> bool:
        """Whether it was hashed with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)

    def close(self) -> None:
        """Take no more."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _verify(self, kept: str | None, password: str) -> bool:
        from argon2.exceptions import VerificationError

        nobodys = self._nobodys  # made before the first comparison, whoever it is of
        try:
            self._hasher.verify(nobodys if kept is None else kept, _normal(password))
        except VerificationError:
            return False
        return kept is not None

    async def _run(self, work: Callable[[], T], *, most: int = MOST_WAITING) -> T:
        if self._waiting >= most:
            detail = "Too many people sign in just now; try again in a moment."
            raise Problem(503, "busy", detail, headers={"Retry-After": "2"})
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._waiting -= 1

    @cached_property
    def _hasher(self) -> PasswordHasher:
        from argon2 import PasswordHasher

        return PasswordHasher(time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=1)

    @cached_property
    def _nobodys(self) -> str:
        """The hash of a password that nobody knows, to be compared with where there is no account."""
        return self._hasher.hash(secrets.token_urlsafe(32))


def check_new(password: str, *, email: str, pointer: str = "/password") -> None:
    """Raises `Problem` 422 for a password that would be guessed."""
    normal = _normal(password)
    name = email.partition("@")[0]
    reason: str | None = None
    if not SHORTEST <= len(normal) <= LONGEST:
        reason = f"A password has {SHORTEST} to {LONGEST} characters; a sentence is a good one."
    elif len(set(normal)) < FEWEST_DIFFERENT:
        reason = f"A password has at least {FEWEST_DIFFERENT} different characters."
    elif normal.casefold() in (email, email.replace("@", "")) or (len(name) >= SHORTEST // 2 and name * 2 in normal.casefold()):
        reason = "A password is not one's own e-mail address."
    if reason is not None:
        raise invalid(pointer, "password_too_weak", reason)


def _normal(password: str) -> str:
    """As RFC 8265 has them compared: keyboards differ in how they compose letters."""
    return unicodedata.normalize("NFC", password)
