"""API keys: `a2t_live_`, 34 random characters, and 6 of a checksum that tells a typing error from a wrong key.

Older ones begin with `a2t_` alone; they are as good. Users' bearer tokens (`a2t_user_`) and their browsers' sessions
(`a2t_session_`) are made the same way.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import string
import zlib

PREFIX = "a2t_live_"
_OLDER_PREFIX = "a2t_"
TOKEN_PREFIX = "a2t_user_"  # noqa: S105 -- what every token begins with
SESSION_PREFIX = "a2t_session_"
_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM, _CHECKSUM = 34, 6
_KEY = re.compile(rf"(?:{PREFIX}|{_OLDER_PREFIX})[0-9A-Za-z]{{{_RANDOM + _CHECKSUM}}}")
_SIGN_IN = re.compile(rf"(?:{TOKEN_PREFIX}|{SESSION_PREFIX})[0-9A-Za-z]{{{_RANDOM + _CHECKSUM}}}")


def new_key(prefix: str = PREFIX) -> str:
    """A fresh key with 202 random bits."""
    body = prefix + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return body + _checksum(body)


def is_well_formed(key: str) -> bool:
    """Whether it can be one of our keys; junk is told apart without asking the database."""
    return _KEY.fullmatch(key) is not None and _checksum(key[:-_CHECKSUM]) == key[-_CHECKSUM:]


def is_sign_in(text: str, prefix: str) -> bool:
    """Whether it can be one of our tokens, or one of our sessions, as the prefix says."""
    made = text.startswith(prefix) and _SIGN_IN.fullmatch(text) is not None
    return made and _checksum(text[:-_CHECKSUM]) == text[-_CHECKSUM:]


def digest(key: str) -> bytes:
    """What is stored of a key. Plain SHA-256 is enough for 202 random bits."""
    return hashlib.sha256(key.encode()).digest()


def hint(key: str) -> str:
    """What may be shown of a key."""
    return f"{key[: -_RANDOM - _CHECKSUM]}…{key[-4:]}"


def _checksum(body: str) -> str:
    """CRC-32 in base 62."""
    number, digits = zlib.crc32(body.encode()), ""
    for _ in range(_CHECKSUM):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
