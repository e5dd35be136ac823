"""The key file of a service account, and the tokens it is exchanged for."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from urllib.parse import urlencode

import msgspec
from typing_extensions import override

from services.transcriber.engines import Account, KeyRefused, Reserve
from services.transcriber.engines.http import Answer, Body, ProviderHttp, words_of
from shared.errors import ConfigurationError, RetryableError

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION_SECONDS = 600
MARGIN_SECONDS = 300.0
"""A token is replaced so long before it expires: an upload that begins with it must not outlive it by much."""


class ServiceAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A key file, as far as it is needed."""

    project_id: str
    client_email: str
    private_key_id: str
    private_key: str
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105 -- an address

    @classmethod
    def load(cls, path: Path) -> ServiceAccount:
        """Read one; `ConfigurationError` names what is wrong with the file, and shows nothing of it."""
        try:
            return msgspec.json.decode(path.read_bytes(), type=cls)
        except OSError as error:
            raise _wrong(f"{path} cannot be read ({error.strerror})") from None
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise _wrong(f"{path} is not the JSON key file of a service account") from None

    @property
    def identity(self) -> str:
        """Tells keys apart, and is no secret."""
        return f"{self.client_email}/{self.private_key_id}"

    @override
    def __repr__(self) -> str:
        return f"ServiceAccount({self.identity})"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """What the token endpoint answers."""

    access_token: str
    expires_in: float = 3600.0
    """Seconds."""


class Tokens:
    """The access token of one service account, fetched when it is needed and kept until it expires."""

    def __init__(self, *, service_account: ServiceAccount, reserve: Reserve) -> None:
        self._service_account = service_account
        self._reserve = reserve
        self._http = ProviderHttp(provider="Google", total_seconds=60.0)
        self._fetching = asyncio.Lock()
        self._token: str | None = None
        self._valid_until = 0.0

    async def get(self, account: Account) -> str:
        """A token that is valid for some minutes. One request at a time asks for a new one."""
        async with self._fetching:
            if self._token is None or time.monotonic() > self._valid_until:
                token = await self._fetch(account)
                self._token = token.access_token
                self._valid_until = time.monotonic() + token.expires_in - MARGIN_SECONDS
            return self._token

    def forget(self, token: str) -> None:
        """Do not use a token any more, as it was refused."""
        if self._token == token:
            self._token = None

    async def close(self) -> None:
        """Let go of the session."""
        await self._http.close()

    async def _fetch(self, account: Account) -> Token:
        form = urlencode({"grant_type": GRANT, "assertion": self._assertion()}).encode()
        async with self._reserve(account):
            answer = await self._http.send(
                "POST", self._service_account.token_uri, body=Body.of(form, "application/x-www-form-urlencoded")
            )
        if not answer.ok:
            raise self._refusal(answer)
        try:
            return msgspec.json.decode(answer.body, type=Token)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise RetryableError("Google gave a token that cannot be read.") from None

    def _assertion(self) -> str:
        import jwt

        now, mine = int(time.time()), self._service_account
        claims = {"iss": mine.client_email, "scope": SCOPE, "aud": mine.token_uri, "iat": now, "exp": now + ASSERTION_SECONDS}
        return jwt.encode(claims, mine.private_key, algorithm="RS256", headers={"kid": mine.private_key_id})

    def _refusal(self, answer: Answer) -> Exception:
        if answer.status in (400, 401, 403):
            said = words_of(answer.body)
            return KeyRefused(f"Google refuses the service account{said and ': '}{said}.")
        return self._http.refusal(answer)


def _wrong(what: str) -> ConfigurationError:
    return ConfigurationError(f"AUDIO2TXT_GOOGLE_CREDENTIALS: {what}.")
