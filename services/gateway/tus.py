"""The headers of the protocol for resumable uploads, tus 1.0.0 (https://tus.io/protocols/resumable-upload)."""

from __future__ import annotations

import hashlib
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from services.gateway.problems import FieldError, Problem

VERSION = "1.0.0"
EXTENSIONS = ("creation", "creation-with-upload", "expiration", "checksum", "termination")
CONTENT_TYPE = "application/offset+octet-stream"
VERSION_HEADER: Mapping[str, str] = {"Tus-Resumable": VERSION}

LONGEST_METADATA = 4096
_ALGORITHMS: Mapping[str, Callable[[], hashlib._Hash]] = {
    "sha256": hashlib.sha256,
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "md5": lambda: hashlib.md5(usedforsecurity=False),
}
ALGORITHMS = tuple(_ALGORITHMS)
"""Of `Upload-Checksum`."""


@dataclass(frozen=True, kw_only=True)
class Checksum:
    """What the bytes of one request must hash to."""

    algorithm: str
    digest: bytes

    def begin(self) -> hashlib._Hash:
        """A hash of no bytes yet."""
        return _ALGORITHMS[self.algorithm]()


def check_version(header: str | None) -> None:
    """Raise `Problem` 412 unless the client speaks our version."""
    if header != VERSION:
        detail = f"Send Tus-Resumable: {VERSION}; no other version of the protocol is spoken here."
        raise Problem(412, "tus_version", detail, headers={"Tus-Version": VERSION})


def parse_size(name: str, header: str | None) -> int:
    """A number of bytes. Raises `Problem` 400."""
    if header is None or not (header.isascii() and header.isdigit() and len(header) < 19):
        raise _invalid(name, f"{name} must be a number of bytes.")
    return int(header)


def parse_checksum(header: str | None) -> Checksum | None:
    """`Upload-Checksum`. Raises `Problem` 400."""
    if header is None:
        return None
    algorithm, _, encoded = header.strip().partition(" ")
    if algorithm not in _ALGORITHMS:
        raise _invalid("Upload-Checksum", f"Upload-Checksum takes the algorithms {', '.join(ALGORITHMS)}.")
    digest = _decoded(encoded)
    if digest is None or len(digest) != _ALGORITHMS[algorithm]().digest_size:
        raise _invalid("Upload-Checksum", f"Upload-Checksum must be {algorithm}, a space, and the digest in base64.")
    return Checksum(algorithm=algorithm, digest=digest)


def parse_metadata(header: str | None) -> dict[str, str]:
    """`Upload-Metadata`: names with values in base64. Raises `Problem` 400."""
    values: dict[str, str] = {}
    if header is None or not header.strip():
        return values
    if len(header) > LONGEST_METADATA:
        raise _invalid("Upload-Metadata", f"Upload-Metadata must not be longer than {LONGEST_METADATA:,} characters.")
    for pair in header.split(","):
        name, _, encoded = pair.strip().partition(" ")
        value = _decoded(encoded)
        if not name or value is None or name in values:
            raise _invalid("Upload-Metadata", "Upload-Metadata must be pairs of a name and a value in base64, none twice.")
        values[name] = value.decode(errors="replace")
    return values


def _decoded(encoded: str) -> bytes | None:
    try:
        return b64decode(encoded.strip(), validate=True)
    except ValueError:
        return None


def _invalid(name: str, detail: str) -> Problem:
    return Problem(400, "invalid_header", detail, errors=[FieldError(pointer=name, message=detail)])
