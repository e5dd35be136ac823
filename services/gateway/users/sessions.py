"""What users hold after they have signed in: tokens for their tools, sessions for their browsers. And what keeps other sites
from using a browser's session."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

import msgspec
import structlog
from msgspec import Meta

from services.gateway.codes import Code
from services.gateway.cursors import Cursor
from services.gateway.keys import SESSION_PREFIX, TOKEN_PREFIX, is_sign_in, new_key
from services.gateway.problems import Problem
from services.gateway.store.accounts import Principal
from services.gateway.store.sign_ins import Proof, SignInKind, SignInRow, SignInStore
from services.gateway.store.users import UserRow
from services.gateway.texts import clean_line
from services.gateway.users.signing_in import refused
from shared.schemas.ids import new_id

MOST_OF_A_KIND = 100
"""Of more that one user holds, the oldest end."""
LONGEST_NAME = 100
CSRF_HEADER = "x-csrf-token"
FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
"""What other sites can send without asking first."""
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_SAME_SITE = frozenset({"same-origin", "none"})

log = structlog.get_logger(__name__)


class NewToken(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token to make."""

    name: Annotated[str, Meta(min_length=1, max_length=LONGEST_NAME, description="What it is for.", examples=["My script"])] = (
        "Token"
    )
    expires_in: Annotated[int, Meta(ge=60, le=86_400, description="Seconds until it ends.", examples=[3600])] = 3600


@dataclass(frozen=True, kw_only=True)
class Issued:
    """A fresh token or session, which is known this once."""

    row: SignInRow
    secret: str


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Tokens and sessions. `master` is what CSRF tokens are derived from, `longest` and `idle` are of sessions."""

    store: SignInStore
    master: bytes
    longest: dt.timedelta
    idle: dt.timedelta

    async def open_token(self, user: UserRow | Principal, wish: NewToken, address: str | None, verified: str) -> Issued:
        """Make a bearer token for who was let in by the password behind `verified`. Raises `Problem` 401."""
        lifetime = dt.timedelta(seconds=wish.expires_in)
        return await self._open(user, SignInKind.TOKEN, wish.name, address, lifetime, idle=None, verified=verified)

    async def open_session(self, user: UserRow, browser: str, address: str | None, verified: str | None) -> Issued:
        """Begin a browser's session: always under a new secret, whatever the browser had before. `verified` is the hash that
        the password was compared with, null for single sign-on. Raises `Problem` 401 when it holds no longer."""
        return await self._open(user, SignInKind.SESSION, browser, address, self.longest, idle=self.idle, verified=verified)

    async def principal(self, secret: str, kind: SignInKind) -> Principal | None:
        """Who is signed in by it; null alike for whatever is none of ours and for what has ended."""
        prefix = TOKEN_PREFIX if kind is SignInKind.TOKEN else SESSION_PREFIX
        return await self.store.principal(secret, kind) if is_sign_in(secret, prefix) else None

    async def page(self, user_id: UUID, kind: SignInKind, *, after: Cursor | None, limit: int) -> list[SignInRow]:
        """A user's newest, those after the cursor."""
        return await self.store.page(user_id, kind, after=after, limit=limit)

    async def end(self, principal: Principal, kind: SignInKind, sign_in_id: UUID) -> None:
        """End one of one's own. Raises `Problem` 404."""
        if not await self.store.end(principal.tenant_id, principal.id, kind, sign_in_id):
            code: Code = "token_not_found" if kind is SignInKind.TOKEN else "session_not_found"
            raise Problem(404, code, f"You have no {kind} with this id; it may have ended.")
        log.info("sign_in.ended", tenant_id=str(principal.tenant_id), user_id=str(principal.id), kind=kind)

    def csrf_token(self, session: str) -> str:
        """What a page of ours shows to prove that it is one: known to whoever knows the session, which other sites do not."""
        return hmac.digest(self.master, b"audio2txt csrf " + session.encode(), "sha256").hex()

    def check_not_forged(self, method: str, headers: Mapping[str, str], session: str) -> None:
        """Raises `Problem` for a request that changes something and may have been made by another site: 403, 415."""
        if method in _SAFE:
            return
        given = headers.get(CSRF_HEADER, "")
        if not hmac.compare_digest(given.encode(), self.csrf_token(session).encode()):
            detail = "Send the session's csrf_token, as GET /v1/session shows it, as X-CSRF-Token."
            raise Problem(403, "csrf_failed", detail)
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type in FORM_TYPES:
            detail = f"With a cookie nothing is taken as {media_type}, which any site can send; send JSON or the file as it is."
            raise Problem(415, "unsupported_media_type", detail)

    async def _open(
        self,
        user: UserRow | Principal,
        kind: SignInKind,
        name: str,
        address: str | None,
        lifetime: dt.timedelta,
        *,
        idle: dt.timedelta | None,
        verified: str | None,
    ) -> Issued:
        now = dt.datetime.now(dt.UTC)
        secret = new_key(TOKEN_PREFIX if kind is SignInKind.TOKEN else SESSION_PREFIX)
        row = SignInRow(
            id=new_id(),
            tenant_id=user.tenant_id,
            user_id=user.id,
            kind=kind,
            name=(clean_line(name) or "")[:LONGEST_NAME],
            address=address,
            created_at=now,
            expires_at=now + lifetime,
            last_used_at=now,
            idle_seconds=None if idle is None else int(idle.total_seconds()),
        )
        proof = Proof.SINGLE_SIGN_ON if verified is None else Proof.PASSWORD
        if not await self.store.add(row, secret, proof=proof, verified=verified, most=MOST_OF_A_KIND):
            raise refused()  # disabled, or given another password, between the proof and now
        log.info("sign_in.opened", tenant_id=str(row.tenant_id), user_id=str(row.user_id), kind=kind)
        return Issued(row=row, secret=secret)


def is_foreign(headers: Mapping[str, str]) -> bool:
    """Whether the browser says that another site, or another host of the same one, makes this request."""
    return headers.get("sec-fetch-site", "none") not in _SAME_SITE
