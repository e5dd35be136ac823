"""Standard Webhooks signatures, the secrets and key pairs they are made with, and the signature under certificates.

Secrets are derived from the master secret, so that none crosses the bus or lies in a table.
Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hmac
from base64 import b64decode, b64encode
from dataclasses import dataclass
from uuid import UUID

SHORTEST_KEY = 16
"""Bytes. The specification says 24, but its libraries' own examples have 23."""

SEED_BYTES = 32


@dataclass(frozen=True, kw_only=True)
class KeyPair:
    """An ed25519 key pair in the texts of Standard Webhooks."""

    private: str
    """`whsk_` and the seed followed by the public key, in base64."""
    public: str
    """`whpk_` and the public key: what receivers verify with."""


@dataclass(frozen=True, kw_only=True)
class Signed:
    """What was signed by this installation, and how to verify it."""

    signature: bytes
    """ed25519, 64 bytes."""
    public_key: bytes
    """32 bytes."""


def certify(master: bytes, statement: bytes) -> Signed:
    """Sign these bytes with the installation's own key, which derives from the master secret."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.from_private_bytes(hmac.digest(master, b"audio2txt certificates ed25519", "sha256"))
    return Signed(signature=key.sign(statement), public_key=key.public_key().public_bytes_raw())


def certificate_key(master: bytes) -> bytes:
    """The public half of the key that certificates are signed with."""
    return certify(master, b"").public_key


def is_certified(statement: bytes, signed: Signed) -> bool:
    """Whether whoever has the private half of the key has signed exactly these bytes."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(signed.public_key).verify(signed.signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def webhook_secret(master: bytes, tenant_id: UUID) -> str:
    """The tenant's signing secret as customers see it: `whsec_` and 32 bytes in base64."""
    return _secret(hmac.digest(master, b"audio2txt webhook " + tenant_id.bytes, "sha256"))


def endpoint_secret(master: bytes, endpoint_id: UUID, number: int) -> str:
    """An endpoint's `number`-th signing secret (1, 2, …: each rotation takes the next), `whsec_…`."""
    return _secret(_derived(master, b"secret", endpoint_id, number))


def endpoint_key_pair(master: bytes, endpoint_id: UUID, number: int) -> KeyPair:
    """An endpoint's `number`-th key pair for `v1a` signatures."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    seed = _derived(master, b"ed25519", endpoint_id, number)
    public = Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw()
    return KeyPair(private="whsk_" + b64encode(seed + public).decode(), public="whpk_" + b64encode(public).decode())


def sign(*secrets: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The `v1` part of the `webhook-signature` header for exactly these bytes: one signature a secret, separated by spaces.

    `timestamp` is in Unix seconds. Raises `ValueError` for a secret that is none.
    """
    content = _content(message_id, timestamp, body)
    return " ".join(f"v1,{b64encode(hmac.digest(_key(secret), content, 'sha256')).decode()}" for secret in secrets)


def sign_v1a(*private_keys: str, message_id: str, timestamp: int, body: bytes) -> str:
    """The same with ed25519 (`v1a`): whoever has the public key can verify, and only we can sign.

    Raises `ValueError` for what is no `whsk_…` key.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    content = _content(message_id, timestamp, body)
    keys = [Ed25519PrivateKey.from_private_bytes(_seed(key)) for key in private_keys]
    return " ".join(f"v1a,{b64encode(key.sign(content)).decode()}" for key in keys)


def verify(secret: str, *, message_id: str, timestamp: int, body: bytes, signatures: str) -> bool:
    """Whether one of the space-separated signatures is ours for these bytes. Freshness is the caller's business."""
    expected = sign(secret, message_id=message_id, timestamp=timestamp, body=body).encode()
    return any(hmac.compare_digest(expected, candidate.encode(errors="surrogateescape")) for candidate in signatures.split(" "))


def _derived(master: bytes, purpose: bytes, endpoint_id: UUID, number: int) -> bytes:
    """32 bytes that nobody without the master secret can tell, or tell from those of another number."""
    return hmac.digest(master, b"audio2txt endpoint %s %d " % (purpose, number) + endpoint_id.bytes, "sha256")


def _secret(material: bytes) -> str:
    return "whsec_" + b64encode(material).decode()


def _content(message_id: str, timestamp: int, body: bytes) -> bytes:
    return b"%s.%d.%s" % (message_id.encode(), timestamp, body)


def _key(secret: str) -> bytes:
    """The bytes behind `whsec_…`; the official libraries take secrets without the prefix or the padding, too."""
    text = secret.removeprefix("whsec_")
    key = b64decode(text + "=" * (-len(text) % 4), validate=True)
    if len(key) < SHORTEST_KEY:
        raise ValueError(f"a webhook secret has {SHORTEST_KEY} bytes or more")
    return key


def _seed(private_key: str) -> bytes:
    """The seed behind `whsk_…`, whose other half must be the public key that belongs to it."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    material = b64decode(private_key.removeprefix("whsk_"), validate=True)
    seed, public = material[:SEED_BYTES], material[SEED_BYTES:]
    if not private_key.startswith("whsk_") or len(seed) != SEED_BYTES:
        raise ValueError("a private key starts with whsk_ and has 64 bytes")
    if Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw() != public:
        raise ValueError("the halves of the private key do not belong together")
    return seed
