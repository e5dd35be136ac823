"""Seals small secrets before they are stored: AES-256-GCM under a key derived from the master secret.

A sealed secret is a version byte, a nonce and the ciphertext. It is bound to its place, so that whoever can write to the
table cannot pass off one row's secret as another's.
"""

from __future__ import annotations

import secrets
from functools import cached_property
from typing import TYPE_CHECKING

from shared.errors import ConfigurationError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VERSION = b"\x01"
NONCE_BYTES = 12


class Unsealable(ConfigurationError):
    """A stored secret cannot be read: the master secret is another one, or the row was tampered with."""


class Sealer:
    """Seals and unseals for one purpose; what was sealed for another cannot be read."""

    def __init__(self, master: bytes, *, purpose: str) -> None:
        self._master = master
        self._purpose = purpose

    def seal(self, secret: str, *, place: str) -> bytes:
        """The secret in a form that may lie in a table; differs each time."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return VERSION + nonce + self._cipher.encrypt(nonce, secret.encode(), place.encode())

    def unseal(self, sealed: bytes, *, place: str) -> str:
        """The secret; raises `Unsealable`."""
        from cryptography.exceptions import InvalidTag

        version, nonce, ciphertext = sealed[:1], sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        if version != VERSION or len(nonce) != NONCE_BYTES:
            raise Unsealable(f"A stored {self._purpose} has a form that this version does not read; store it again.")
        try:
            return self._cipher.decrypt(nonce, ciphertext, place.encode()).decode()
        except InvalidTag:
            raise Unsealable(
                f"A stored {self._purpose} cannot be read: AUDIO2TXT_SECRET_KEY is not the one it was sealed with; "
                "restore that, or store the secret again."
            ) from None

    @cached_property
    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        info = b"audio2txt sealing " + self._purpose.encode()
        return AESGCM(HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(self._master))
