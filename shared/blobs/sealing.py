"""How a blob lies encrypted in a file: pure functions, and the keys they need.

    header:  magic (8 bytes), salt (16), nothing yet (8)
    chunks:  nonce (12), ciphertext of up to 64 KiB, tag (16); every chunk but the last is full, and there is always a last one

Each blob has a key of its own, HKDF-SHA-256 of its tenant's key, the salt, and the blob's own key (its name), so that no
file can stand in for another. A chunk is AES-256-GCM under a random nonce; its place and whether it is the last are
authenticated, so
that chunks cannot be moved, dropped or cut off. Any chunk can be read without the others. Source of the construction: STREAM
(Hoang, Reyhanitabar, Rogaway, Vizar: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, 2015), with random
nonces in place of counted ones.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from shared.errors import PermanentError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

MAGIC = b"a2tblob\x01"
SALT_BYTES = 16
HEADER_BYTES = 32
CHUNK_BYTES = 64 * 1024
NONCE_BYTES, TAG_BYTES = 12, 16
TAIL = 2**63
"""The place of bytes that fill no chunk yet: no blob has so many."""
OVERHEAD = NONCE_BYTES + TAG_BYTES
SEALED_CHUNK_BYTES = CHUNK_BYTES + OVERHEAD


class BlobDamaged(PermanentError):
    """An encrypted blob does not authenticate: its file was changed, or its key is another one."""


@dataclass(frozen=True, kw_only=True)
class BlobCipher:
    """Seals and opens the chunks of one blob."""

    name: str
    """The blob's key, for what is said when it does not open."""
    salt: bytes
    _cipher: AESGCM = field(repr=False)

    @classmethod
    def of(cls, tenant_key: bytes, name: str, salt: bytes | None = None) -> BlobCipher:
        """For a blob that is there, by its salt; for a new one, with a fresh one."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        salt = secrets.token_bytes(SALT_BYTES) if salt is None else salt
        key = HKDF(algorithm=SHA256(), length=32, salt=salt, info=b"audio2txt blob " + name.encode()).derive(tenant_key)
        return cls(name=name, salt=salt, _cipher=AESGCM(key))

    @property
    def header(self) -> bytes:
        """What the file begins with."""
        return (MAGIC + self.salt).ljust(HEADER_BYTES, b"\0")

    def seal(self, chunk: bytes | memoryview, place: int, *, last: bool) -> bytes:
        """A chunk as it lies in the file; chunks are counted from 0."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, chunk, _position(place, last=last))

    def open(self, sealed: bytes | memoryview, place: int, *, last: bool) -> bytes:
        """The chunk again; raises `BlobDamaged`."""
        from cryptography.exceptions import InvalidTag

        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], _position(place, last=last))
        except (InvalidTag, ValueError):
            raise damaged(self.name) from None


def damaged(name: str) -> BlobDamaged:
    """What is said of a blob that does not open."""
    return BlobDamaged(f"The encrypted blob {name} does not open: its file was changed, or its tenant's key is another one.")


def salt_in(header: bytes) -> bytes | None:
    """The salt in a file's first bytes; null for a file that is not encrypted."""
    whole = len(header) >= HEADER_BYTES and header.startswith(MAGIC)
    return header[len(MAGIC) : len(MAGIC) + SALT_BYTES] if whole else None


def chunks_in(file_bytes: int) -> int:
    """How many chunks an encrypted file of this size has."""
    return max(1, -(-(file_bytes - HEADER_BYTES) // SEALED_CHUNK_BYTES))


def plain_size(file_bytes: int) -> int:
    """How many bytes the blob has; none in a file that is too short for any."""
    return max(0, file_bytes - HEADER_BYTES - chunks_in(file_bytes) * OVERHEAD)


def is_whole(file_bytes: int) -> bool:
    """Whether an encrypted file can have this size. One that was cut off within a chunk's nonce or tag cannot: nothing of
    that chunk is asked for, so that nothing else would notice."""
    rest = (file_bytes - HEADER_BYTES) % SEALED_CHUNK_BYTES
    return file_bytes == HEADER_BYTES + OVERHEAD or (file_bytes > HEADER_BYTES and (rest == 0 or rest > OVERHEAD))


def offset_of(place: int) -> int:
    """Where a chunk begins in the file."""
    return HEADER_BYTES + place * SEALED_CHUNK_BYTES


def _position(place: int, *, last: bool) -> bytes:
    return place.to_bytes(8, "big") + (b"\1" if last else b"\0")
