"""Signing in by a provider of single sign-on: OpenID Connect's authorization code flow with PKCE, state and nonce.

After OpenID Connect Core 1.0, RFC 7636 (PKCE), RFC 9207 (issuer in the answer) and RFC 9700 (best current practice).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import quote, urlencode

import msgspec
import structlog

from services.gateway.oidc.claims import Claims, verify
from services.gateway.oidc.people import People
from services.gateway.oidc.provider import Provider, refused
from services.gateway.problems import Problem
from services.gateway.settings import OidcSettings
from services.gateway.store.users import UserRow
from shared.egress import EgressPolicy
from shared.errors import ConfigurationError
from shared.runtime import Platform
from shared.sealing import Sealer

FLOW_SECONDS = 600
"""Between leaving for the provider and coming back."""
CALLBACK_PATH = "/v1/oidc/callback"
LONGEST_PATH = 1024
"""Characters of a path to go to afterwards, which a cookie has to hold."""
_PLACE = "flow"
_IN_URLS = "/?#[]@!$&'()*+,;=:%~-._"
"""What stands for itself in a URL; everything else is percent-encoded."""

log = structlog.get_logger(__name__)


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser takes along, sealed, while it is at the provider. It alone can come back."""

    state: str
    nonce: str
    verifier: str
    return_to: str
    expires_at: float


@dataclass(frozen=True, kw_only=True)
class Return:
    """With what a browser came back."""

    code: str | None
    state: str | None
    issuer: str | None
    error: str | None


@dataclass(frozen=True, kw_only=True)
class SingleSignOn:
    """The one provider that this installation trusts."""

    provider: Provider
    people: People
    client_id: str
    scopes: str
    redirect_uri: str
    sealer: Sealer

    async def leave(self, return_to: str | None, *, now: float) -> tuple[str, str]:
        """Where to send a browser, and the cookie that it needs to come back. Raises `Problem`."""
        metadata = await self.provider.metadata()
        flow = Flow(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
            return_to=_local(return_to),
            expires_at=now + FLOW_SECONDS,
        )
        parameters = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self.scopes,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge_of(flow.verifier),
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in metadata.authorization_endpoint else "?"
        sealed = self.sealer.seal(msgspec.json.encode(flow).decode(), place=_PLACE)
        return f"{metadata.authorization_endpoint}{separator}{urlencode(parameters)}", urlsafe_b64encode(sealed).decode()

    async def come_back(self, given: Return, cookie: str | None, *, now: float) -> tuple[UserRow, str]:
        """Who signs in, and where they wanted to go. Raises `Problem`."""
        flow = self._flow(cookie)
        if flow is None or flow.expires_at < now or given.state is None or not _same(flow.state, given.state):
            raise refused("state", "This browser did not begin to sign in here, or too long ago; begin again.")
        metadata = await self.provider.metadata()
        expects_issuer = metadata.authorization_response_iss_parameter_supported
        if (expects_issuer or given.issuer is not None) and given.issuer != metadata.issuer:
            raise refused("issuer", "The answer comes from another provider than it was asked of.")
        if given.error is not None or given.code is None:
            raise refused("provider", "The provider did not sign you in; ask whoever runs it.")
        token = await self.provider.exchange(given.code, verifier=flow.verifier, redirect_uri=self.redirect_uri)
        claims = await self._verified(token, flow.nonce)
        user = await self.people.user_of(claims)
        log.info("oidc.signed_in", tenant_id=str(user.tenant_id), user_id=str(user.id))
        return user, flow.return_to

    async def _verified(self, token: str, nonce: str) -> Claims:
        metadata = await self.provider.metadata()
        key = await self.provider.key_of(token)
        return verify(token, key, metadata, client_id=self.client_id, nonce=nonce)

    def _flow(self, cookie: str | None) -> Flow | None:
        try:
            sealed = urlsafe_b64decode((cookie or "").encode("ascii"))
            return msgspec.json.decode(self.sealer.unseal(sealed, place=_PLACE), type=Flow)
        except (ValueError, ConfigurationError, msgspec.DecodeError):
            return None


def single_sign_on(settings: OidcSettings, platform: Platform, policy: EgressPolicy, people: People) -> SingleSignOn | None:
    """By an operator's settings; null where there is no provider. Raises `ConfigurationError`."""
    public_url, client_id = platform.settings.public_url, settings.oidc_client_id
    if settings.oidc_issuer is None:
        return None
    if client_id is None or public_url is None:
        raise ConfigurationError("AUDIO2TXT_OIDC_ISSUER needs AUDIO2TXT_OIDC_CLIENT_ID and AUDIO2TXT_PUBLIC_URL.")
    return SingleSignOn(
        provider=Provider(
            issuer=settings.oidc_issuer, client_id=client_id, client_secret=settings.oidc_client_secret, policy=policy
        ),
        people=people,
        client_id=client_id,
        scopes=settings.oidc_scopes,
        redirect_uri=f"{public_url.rstrip('/')}{CALLBACK_PATH}",
        sealer=Sealer(platform.secret_key, purpose="oidc"),
    )


def challenge_of(verifier: str) -> str:
    """What the provider is told of the verifier beforehand (RFC 7636, S256)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _local(path: str | None) -> str:
    """A path of ours, or the front page. Raises `Problem` 400 for one that leads elsewhere."""
    if path is None:
        return "/"
    if not path.startswith("/") or path[1:2] in ("/", "\\") or any(character < " " or character == "\\" for character in path):
        raise Problem(400, "invalid_query", "`return_to` must be a path of this site, as in /jobs.")
    if len(location := quote(path, safe=_IN_URLS)) > LONGEST_PATH:
        raise Problem(400, "invalid_query", f"`return_to` is longer than {LONGEST_PATH} characters.")
    return location


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode("utf-8", "surrogatepass"))
