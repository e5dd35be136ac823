"""Ed25519, for which a package is needed that does not come with the client itself."""

from __future__ import annotations

from collections.abc import Iterable

from audio2txt_client.errors import MissingPackage


def is_signed(data: bytes, signatures: Iterable[bytes], public_key: bytes) -> bool:
    """Whether one of these is the signature of a key's owner on the bytes. Raises `ValueError` for what is no key, and
    `MissingPackage`."""
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    except ImportError:
        raise MissingPackage("Ed25519 signatures need a package: pip install 'audio2txt-client[v1a]'.") from None
    key = Ed25519PublicKey.from_public_bytes(public_key)
    for signature in signatures:
        try:
            key.verify(signature, data)
        except InvalidSignature:
            continue
        return True
    return False
