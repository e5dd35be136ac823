"""A provider of OpenID Connect as relying parties meet it: discovery, keys, the authorization code flow with PKCE; and what a
hostile one would answer."""

from __future__ import annotations

import hashlib
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.fakes.loopback import serving

CLIENT_ID, CLIENT_SECRET = "audio2txt", "between: us"


@dataclass(kw_only=True)
class FakeProvider:
    """The provider. Whoever comes is `person`; `forge` makes the ID token of its claims, honestly unless told otherwise."""

    url: str = ""
    person: dict[str, Any] = field(
        default_factory=lambda: {"sub": "u-1", "email": "chen@example.com", "email_verified": True, "name": "陳宇"}
    )
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048))
    kid: str = "k1"
    forge: Callable[[dict[str, Any]], str] | None = None
    away: bool = False
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def sign(self, claims: dict[str, Any], **header: Any) -> str:
        """An ID token as it should be."""
        return jwt.encode(claims, self.key, algorithm="RS256", headers={"kid": self.kid, **header})

    def metadata(self) -> dict[str, Any]:
        """What it publishes of itself."""
        return {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
        }

    def keys(self) -> dict[str, Any]:
        """Its public keys."""
        jwk = jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [{**jwk, "kid": self.kid, "use": "sig"}]}

    def authorize(self, query: dict[str, str]) -> str:
        """Sign the person in; where their browser is sent back to."""
        assert query["response_type"] == "code"
        assert query["client_id"] == CLIENT_ID
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.codes[code] = query
        back = {"code": code, "state": query["state"], "iss": self.url, "session_state": "of the provider's own"}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """An ID token for a code, once."""
        asked = self.codes.pop(form.get("code", ""), None)
        known = b64decode(authorization.removeprefix("Basic ")).decode() == f"{CLIENT_ID}:between%3A%20us"
        if asked is None or not known or form.get("redirect_uri") != asked["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        challenge = urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        if challenge != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {"iss": self.url, "aud": CLIENT_ID, "iat": now, "exp": now + 300, "nonce": asked["nonce"], **self.person}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": (self.forge or self.sign)(claims)}


@asynccontextmanager
async def provider() -> AsyncIterator[FakeProvider]:
    """A provider on a free port."""
    fake = FakeProvider()

    async def answer(request: web.Request) -> web.Response:
        fake.asked.append(request.path)
        if fake.away:
            return web.Response(status=503)
        match request.path:
            case "/.well-known/openid-configuration":
                return web.json_response(fake.metadata())
            case "/keys":
                return web.json_response(fake.keys())
            case "/authorize":
                return web.Response(status=302, headers={"Location": fake.authorize(dict(request.query))})
            case "/token":
                form = {name: str(value) for name, value in (await request.post()).items()}
                status, body = fake.token(form, request.headers.get("Authorization", ""))
                return web.json_response(body, status=status)
            case _:
                return web.Response(status=404)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with serving(app) as url:
        fake.url = url
        yield fake
