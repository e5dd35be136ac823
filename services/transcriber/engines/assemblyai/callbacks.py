"""AssemblyAI's calls back to us: news that something has happened, carried by a secret header and the submission's token."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping

import msgspec

from services.transcriber.engines import Hooks, News

HEADER = "X-Audio2txt-Hook"


class _Notice(msgspec.Struct):
    """A transcript's end has an id; that of a redacted recording has none."""

    transcript_id: str | None = None


def header_secret(hooks: Hooks) -> str:
    """What AssemblyAI sends in the header."""
    return hmac.new(hooks.secret, b"assemblyai", hashlib.sha256).hexdigest()


def is_its(hooks: Hooks, headers: Mapping[str, str]) -> bool:
    """Whether a call comes from AssemblyAI."""
    return hmac.compare_digest(headers.get(HEADER.lower(), "").encode(), header_secret(hooks).encode())


def read(hooks: Hooks, headers: Mapping[str, str], query: Mapping[str, str], body: bytes) -> News | None:
    """What a call says; null when it does not come from AssemblyAI."""
    if not is_its(hooks, headers):
        return None
    token = query.get("call")
    return News(token=token, provider_id=_transcript_id(body)) if token else None


def _transcript_id(body: bytes) -> str | None:
    try:
        return msgspec.json.decode(body, type=_Notice).transcript_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
