"""What is asked of the provider: how it is reached, its keys, and a token for a code. Through the guarded session, within
seconds, and never more than a small answer."""

from __future__ import annotations

import asyncio
import math
import time
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import msgspec
import structlog

from services.gateway.problems import Problem
from shared.egress import EgressPolicy, EgressRefused, check_url, guarded_session, trouble_of
from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from jwt import PyJWK, PyJWKSet

TOTAL_SECONDS = 10.0
LARGEST_ANSWER = 512 * 1024
METADATA_SECONDS, KEYS_SECONDS = 3600.0, 3600.0
AWAY_SECONDS = 5.0
"""For so long a provider that did not answer is not asked again: those who wait in line are told at once."""
LEAST_BETWEEN_KEYS = 60.0
"""A token that names an unknown key has the keys fetched anew, at most so often."""
ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Signatures with a key that only the provider has. Neither `none`, nor those with a secret that both sides have."""

log = structlog.get_logger(__name__)


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider publishes about itself (OpenID Connect Discovery 1.0)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    id_token_signing_alg_values_supported: tuple[str, ...] = ("RS256",)
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False

    @property
    def algorithms(self) -> list[str]:
        """Those of it that we take."""
        return sorted(ALGORITHMS.intersection(self.id_token_signing_alg_values_supported))


class _TokenAnswer(msgspec.Struct, frozen=True, kw_only=True):
    id_token: str


@dataclass(kw_only=True)
class Provider:
    """One provider, and what is remembered of it."""

    issuer: str
    client_id: str
    client_secret: str | None
    policy: EgressPolicy
    clock: Callable[[], float] = time.monotonic
    _metadata: tuple[float, Metadata] | None = None
    _keys: tuple[float, PyJWKSet] | None = None
    _away_until: float = -math.inf
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    def __post_init__(self) -> None:
        try:
            check_url(self.issuer, self.policy)
        except EgressRefused as error:
            raise ConfigurationError(f"AUDIO2TXT_OIDC_ISSUER: {error}") from None

    async def metadata(self) -> Metadata:
        """How it is reached. Raises `Problem` 503, for a while without asking again."""
        async with self._lock:
            if self._metadata is None or self._metadata[0] <= self.clock():
                if self._away_until > self.clock():
                    raise _away()
                try:
                    data = await self._ask("GET", f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
                    self._metadata = (self.clock() + METADATA_SECONDS, self._checked(data))
                except Problem:
                    self._away_until = self.clock() + AWAY_SECONDS
                    raise
            return self._metadata[1]

    async def key_of(self, token: str) -> PyJWK:
        """The provider's key that a token says it is signed with. Raises `Problem`."""
        import jwt

        try:
            kid = jwt.get_unverified_header(token).get("kid")
        except jwt.PyJWTError:
            raise refused("token", "The provider's answer cannot be read.") from None
        metadata = await self.metadata()
        async with self._lock:
            found = None if self._keys is None or self._keys[0] <= self.clock() else _key(self._keys[1], kid)
            fetched_lately = self._keys is not None and self._keys[0] - KEYS_SECONDS + LEAST_BETWEEN_KEYS > self.clock()
            if found is None and not fetched_lately:
                self._keys = (self.clock() + KEYS_SECONDS, _key_set(await self._ask("GET", metadata.jwks_uri)))
                found = _key(self._keys[1], kid)
        if found is None:
            raise refused("token", "The provider's answer is signed with a key that it does not publish.")
        return found

    async def exchange(self, code: str, *, verifier: str, redirect_uri: str) -> str:
        """The ID token for a code. Raises `Problem`."""
        metadata = await self.metadata()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, "code_verifier": verifier}
        headers = {}
        if self.client_secret is None:
            form |= {"client_id": self.client_id}
        elif "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
            # Both are form-encoded first (RFC 6749, 2.3.1).
            pair = f"{quote(self.client_id, safe='')}:{quote(self.client_secret, safe='')}"
            headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": self.client_id, "client_secret": self.client_secret}
        data = await self._ask("POST", metadata.token_endpoint, form=form, headers=headers)
        try:
            return msgspec.json.decode(data, type=_TokenAnswer).id_token
        except msgspec.DecodeError:
            raise refused("token", "The provider's answer has no ID token.") from None

    def _checked(self, data: bytes) -> Metadata:
        try:
            metadata = msgspec.json.decode(data, type=Metadata)
            check_url(metadata.authorization_endpoint, self.policy)
        except (msgspec.DecodeError, EgressRefused) as error:
            log.error("oidc.metadata_invalid", error=type(error).__name__)
            raise _away() from None
        if metadata.issuer != self.issuer:
            log.error("oidc.issuer_differs", configured=self.issuer, published=metadata.issuer[:200])
            raise _away()
        return metadata

    async def _ask(
        self, method: str, url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """The body of an answer. Raises `Problem`: 401 where the provider refuses, 503 where it is away."""
        asked: dict[str, Any] = {"data": form, "headers": {**(headers or {}), "Accept": "application/json"}}
        try:
            async with (
                guarded_session(self.policy, total=TOTAL_SECONDS) as session,
                session.request(method, url, allow_redirects=False, **asked) as answer,
            ):
                data = await answer.content.read(LARGEST_ANSWER + 1)
                while not answer.content.at_eof() and len(data) <= LARGEST_ANSWER:
                    data += await answer.content.read(LARGEST_ANSWER + 1)
        except Exception as error:
            log.error("oidc.away", trouble=trouble_of(error, proxied=self.policy.proxy is not None))
            raise _away() from None
        if method == "POST" and 400 <= answer.status < 500:
            log.warning("oidc.code_refused", status=answer.status)
            raise refused("code", "The provider does not know of this attempt to sign in (any more); begin again.")
        if answer.status != 200 or len(data) > LARGEST_ANSWER:
            log.error("oidc.answer_invalid", status=answer.status, size=len(data))
            raise _away()
        return data


def refused(what: str, detail: str) -> Problem:
    """Signing in by the provider came to nothing (401); `what` goes into the log alone."""
    log.warning("oidc.refused", what=what)
    return Problem(401, "sign_in_failed", detail, headers={"WWW-Authenticate": 'Bearer realm="audio2txt"'})


def _key_set(data: bytes) -> PyJWKSet:
    import jwt

    try:
        return jwt.PyJWKSet.from_dict(msgspec.json.decode(data, type=dict[str, Any]))
    except (msgspec.DecodeError, jwt.PyJWTError):
        log.error("oidc.keys_invalid")
        raise _away() from None


def _key(keys: PyJWKSet, kid: str | None) -> PyJWK | None:
    """By its name; without one, the only one there is."""
    usable = [key for key in keys.keys if key.public_key_use in (None, "sig")]
    if kid is None:
        return usable[0] if len(usable) == 1 else None
    return next((key for key in usable if key.key_id == kid), None)


def _away() -> Problem:
    detail = "The provider of single sign-on cannot be reached, or answers nonsense; try again in a moment."
    return Problem(503, "oidc_unavailable", detail, headers={"Retry-After": "10"})
