"""Who makes a request, by whatever it shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

from services.gateway.auth import Authenticator, LastUses
from services.gateway.credentials import Basic, Bearer, Presented, SessionCookie, presented
from services.gateway.keys import TOKEN_PREFIX
from services.gateway.problems import Problem
from services.gateway.store.accounts import ByUser, Principal
from services.gateway.store.sign_ins import SignInKind
from services.gateway.users.sessions import Sessions, is_foreign
from services.gateway.users.signing_in import SigningIn


@dataclass(frozen=True, kw_only=True)
class Identification:
    """Keys, users' tokens and passwords, and browsers' sessions, which `cookie` names."""

    keys: Authenticator
    key_uses: LastUses
    signing_in: SigningIn
    sessions: Sessions
    sign_in_uses: LastUses
    cookie: str

    async def principal(
        self, method: str, headers: Mapping[str, str], cookies: Mapping[str, str], address: str | None
    ) -> Principal:
        """Whoever it is. Raises `Problem`: 401, the same for whatever is missing, malformed, unknown, expired or revoked; 403
        for a cookie that another site may have made the browser send; and 429 for passwords that are guessed."""
        shown = presented(headers, cookies, self.cookie)
        principal = None if shown is None else await self._look_up(shown, headers, address)
        if principal is None:
            raise unauthorized()
        if isinstance(shown, SessionCookie):
            self.sessions.check_not_forged(method, headers, shown.text)
        self._note(principal)
        return principal

    async def _look_up(self, shown: Presented, headers: Mapping[str, str], address: str | None) -> Principal | None:
        match shown:
            case Bearer(text) if text.startswith(TOKEN_PREFIX):
                return await self.sessions.principal(text, SignInKind.TOKEN)
            case Bearer(text):
                return await self.keys.principal(text)
            case Basic(email, password):
                return await self.signing_in.basic(email, password, address)
            case SessionCookie(text):
                return None if is_foreign(headers) else await self.sessions.principal(text, SignInKind.SESSION)
            case _:
                assert_never(shown)

    def _note(self, principal: Principal) -> None:
        if not isinstance(principal.by, ByUser):
            self.key_uses.note(principal.id)
        elif principal.by.sign_in_id is not None:
            self.sign_in_uses.note(principal.by.sign_in_id)


def unauthorized() -> Problem:
    """Nobody is known to make the request (401)."""
    detail = "Send a valid API key or token as `Authorization: Bearer …`; this one is missing, mistyped, expired or revoked."
    return Problem(401, "unauthorized", detail, headers={"WWW-Authenticate": 'Bearer realm="audio2txt"'})
