"""What a provider says of somebody: an ID token, verified."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any

import msgspec

from services.gateway.oidc.provider import Metadata, refused

if TYPE_CHECKING:
    from jwt import PyJWK

LEEWAY_SECONDS = 60
"""How far the provider's clock may be off."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """Who it is."""

    issuer: str
    subject: str
    email: str | None
    """Where the provider says that it has made sure whose it is."""
    name: str | None
    every: dict[str, Any]

    def texts(self, name: str) -> tuple[str, ...]:
        """A claim of texts, which may be one or several."""
        value = self.every.get(name)
        values = value if isinstance(value, list) else [value]
        return tuple(item for item in values if isinstance(item, str))


def verify(token: str, key: PyJWK, metadata: Metadata, *, client_id: str, nonce: str) -> Claims:
    """The claims of an ID token that the provider made for us, in this very attempt (OpenID Connect Core, 3.1.3.7). Raises
    `Problem` 401."""
    import jwt

    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key.key,
            algorithms=metadata.algorithms,
            audience=client_id,
            issuer=metadata.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": ["exp", "iat", "iss", "aud", "sub", "nonce"]},
        )
    except (jwt.PyJWTError, TypeError, ValueError):
        raise refused("token", "The provider's answer is not valid; begin again.") from None
    given = claims.get("nonce")
    if not isinstance(given, str) or not hmac.compare_digest(given.encode(), nonce.encode()):
        raise refused("nonce", "The provider's answer belongs to another attempt to sign in; begin again.")
    audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if claims.get("azp", client_id) != client_id or (len(audiences) > 1 and "azp" not in claims):
        raise refused("azp", "The provider's answer is meant for another application.")
    email, name = claims.get("email"), claims.get("name")
    proved = claims.get("email_verified") is True and isinstance(email, str)
    return Claims(
        issuer=metadata.issuer,
        subject=str(claims["sub"]),
        email=email if proved else None,
        name=name if isinstance(name, str) else None,
        every=claims,
    )
