"""How a sandbox behaves."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from services.sandbox.assemblyai.faults import Chance

VENDOR_AT_ONCE = 200
"""Transcripts that a paid account has in the works at a time."""


@dataclass(frozen=True, kw_only=True)
class SandboxSettings:
    """Everything that the command line says."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    data: Path | None = None
    """Folder that keeps the state over restarts; null keeps it only as long as the sandbox lives."""
    keys: frozenset[str] = frozenset()
    """The only keys that are accepted; empty accepts any."""
    script: bool = False
    """Answer with the canned conversation instead of listening."""
    script_file: Path | None = None
    """A transcript of one's own, as JSON: the vendor's answer or just its `words` and `utterances`."""
    script_seconds: float = 60.0
    """Length of every recording in the canned mode."""
    seconds: float = 0.0
    """How long a transcript takes at least."""
    speed: float = 0.0
    """Seconds it takes besides, for each second of audio."""
    at_once: int | None = None
    """Transcripts in the works at a time, the rest being queued; null is what the vendor or this machine can."""
    fetch: bool = True
    """Whether an `audio_url` elsewhere is fetched in the canned mode."""
    unknown_id_status: int = 400
    """400 or 404: the vendor's pages disagree."""
    webhook_seconds: float = 10.0
    """Between two attempts at a webhook."""
    redaction_seconds: float = 0.0
    """How much longer redacted audio takes than its transcript."""
    faults: tuple[Chance, ...] = ()
    seed: int | None = None
