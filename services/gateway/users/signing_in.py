"""Signing in with e-mail and password: attempts are counted before they are looked at, and every refusal is the same, and takes
as long, whether there is such an account or not."""

from __future__ import annotations

import asyncio
import hmac
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

import msgspec
import structlog

from services.gateway.addresses import place_of
from services.gateway.audit import Action, Actor, ActorKind, act_as, entry_of
from services.gateway.mailboxes import mailbox
from services.gateway.permissions import ROLES
from services.gateway.problems import Problem
from services.gateway.store.accounts import ByUser, Means, Principal
from services.gateway.store.attempts import AttemptStore
from services.gateway.store.users import Account, UserRow, UserStore
from services.gateway.users.passwords import Passwords
from shared import metrics

REMEMBERED_SECONDS = 300.0
"""For so long a password that was right is not hashed again. It is compared with what the account has at every request, so a
change is felt at once."""
_MOST_REMEMBERED = 1024

log = structlog.get_logger(__name__)


@dataclass
class _Remembered:
    """Passwords that were right: not themselves, but a keyed digest of each, and the stored hash that it was right for."""

    key: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    right: OrderedDict[bytes, tuple[float, str]] = field(default_factory=OrderedDict)
    _verifying: WeakValueDictionary[bytes, asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def alone(self, email: str, password: str) -> asyncio.Lock:
        """What is held while a pair is verified: of many requests with the right one, one pays, and counts as an attempt."""
        return self._verifying.setdefault(self._digest(email, password), asyncio.Lock())

    def knows(self, email: str, password: str, kept: str | None) -> bool:
        until, hash_ = self.right.get(self._digest(email, password), (0.0, ""))
        return kept is not None and until > time.monotonic() and hmac.compare_digest(hash_, kept)

    def keep(self, email: str, password: str, kept: str) -> None:
        self.right[self._digest(email, password)] = (time.monotonic() + REMEMBERED_SECONDS, kept)
        if len(self.right) > _MOST_REMEMBERED:
            self.right.popitem(last=False)

    def _digest(self, email: str, password: str) -> bytes:
        return hmac.digest(self.key, f"{email}\0{password}".encode("utf-8", "surrogatepass"), "sha256")


@dataclass(frozen=True, kw_only=True)
class SigningIn:
    """Lets people in."""

    users: UserStore
    attempts: AttemptStore
    passwords: Passwords
    noted: Callable[[str | None], None]
    """Takes entries of the audit log that change nothing."""
    remembered: _Remembered = field(default_factory=_Remembered)

    async def with_password(self, email: str, password: str, address: str | None) -> Account:
        """Whose e-mail and password these are; from here on they act. Raises `Problem`: 401, 429, 503."""
        return await self._verify(_mailbox(email), password, address)

    async def basic(self, email: str, password: str, address: str | None) -> Principal:
        """The same for tools that send both with every request. Raises `Problem`."""
        known = _mailbox(email)
        account = await self._remembered(known, password)
        if account is None:
            async with self.remembered.alone(known, password):
                account = await self._remembered(known, password) or await self._first_basic(known, password, address)
        return principal_of(account)

    async def confirm(self, user: UserRow, password: str, address: str | None) -> Account:
        """Ask somebody who is signed in for their password again. Raises `Problem`."""
        try:
            return await self._verify(user.email, password, address)
        except Problem as problem:
            if problem.code != "sign_in_failed":
                raise
            detail = "The old password is not right. Whoever signs in by single sign-on alone has none."
            raise Problem(problem.status, problem.code, detail, headers=problem.headers) from None

    async def _remembered(self, email: str, password: str) -> Account | None:
        """Whose they are, if they were right lately and still are."""
        account = await self.users.account(email)
        known = account is not None and account.open and self.remembered.knows(email, password, account.password_hash)
        return account if known else None

    async def _first_basic(self, email: str, password: str, address: str | None) -> Account:
        account = await self._verify(email, password, address)
        assert account.password_hash is not None, "it was compared with"
        self.remembered.keep(email, password, account.password_hash)
        await self.users.signed_in(account.user, Means.PASSWORD)
        return account

    async def _verify(self, email: str, password: str, address: str | None) -> Account:
        attempt = await self.attempts.begin(email, place_of(address))
        if isinstance(attempt, float):
            metrics.SIGN_INS.labels("put_off").inc()
            detail = f"Too many attempts to sign in; try again in {math.ceil(attempt)} s, or have the password reset."
            raise Problem(429, "too_many_attempts", detail, headers={"Retry-After": str(math.ceil(attempt))})
        account = await self.users.account(email)
        kept = None if account is None else account.password_hash
        right = await self.passwords.verify(kept, password, trusted=attempt.is_trusted)
        if account is None or not right or not account.open:
            self._note_failure(account)
            raise refused()
        metrics.SIGN_INS.labels("let_in").inc()
        await self.attempts.succeeded(attempt)
        assert account.password_hash is not None, "it was right"
        if self.passwords.is_outdated(account.password_hash):
            fresh = await self.passwords.hash(password)
            if await self.users.rehash(account.user.id, account.password_hash, fresh):
                account = msgspec.structs.replace(account, password_hash=fresh)
        act_as(Actor(kind=ActorKind.USER, id=account.user.id, name=account.user.name))
        return account

    def _note_failure(self, account: Account | None) -> None:
        metrics.SIGN_INS.labels("refused").inc()
        log.warning("sign_in.failed", tenant_id=None if account is None else str(account.user.tenant_id))
        if account is not None:
            act_as(Actor(kind=ActorKind.STRANGER))
            self.noted(entry_of(Action.USER_SIGN_IN_FAILED, account.user.tenant_id, account.user.id))


def principal_of(account: Account) -> Principal:
    """Somebody who gave their password with the request."""
    user = account.user
    return Principal(
        tenant_id=user.tenant_id,
        tenant_name=account.tenant_name,
        role=user.role,
        permissions=ROLES[user.role],
        by=ByUser(id=user.id, name=user.name, email=user.email, means=Means.PASSWORD, verified=account.password_hash),
    )


def refused() -> Problem:
    """The same for unknown e-mails, wrong passwords, and accounts that may not sign in."""
    detail = "The e-mail or the password is not right, or the account may not sign in."
    return Problem(401, "sign_in_failed", detail, headers={"WWW-Authenticate": 'Bearer realm="audio2txt"'})


def _mailbox(email: str) -> str:
    """What is no address is nobody's, and refused like any other."""
    try:
        return mailbox(email)
    except Problem:
        return f"nobody {email[:254]}".replace("\0", "")
