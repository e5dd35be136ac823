"""Redacted audio: for whom there is some, when it is ready, and where."""

from __future__ import annotations

from datetime import UTC, datetime

from services.sandbox.assemblyai.state import Status, Transcript

READY = "redacted_audio_ready"
LIFETIME_SECONDS = 24 * 3600.0


class RedactedAudio:
    """It takes a while longer than the transcript, and is gone after a day."""

    def __init__(self, *, seconds: float, url: str = "") -> None:
        self.seconds = seconds
        self.url = url
        """Where the sandbox listens; known only once it does."""

    def has(self, transcript: Transcript) -> bool:
        """Whether there is or will be a file."""
        order = transcript.order
        asked = order.redact_pii and order.redact_pii_audio
        gone = transcript.deleted or transcript.status is Status.ERROR or _since(transcript) > LIFETIME_SECONDS
        return asked and not gone

    def is_ready(self, transcript: Transcript) -> bool:
        """Whether it can be fetched."""
        return transcript.status is Status.COMPLETED and _since(transcript) >= self.seconds

    def notice(self, transcript: Transcript) -> dict[str, str]:
        """What both the call and the webhook say."""
        kind = "wav" if transcript.order.redact_pii_audio_quality == "wav" else "mp3"
        return {"status": READY, "redacted_audio_url": f"{self.url}/redacted-audio/{transcript.id}.{kind}"}


def _since(transcript: Transcript) -> float:
    """Seconds since it was completed."""
    if transcript.completed is None:
        return 0.0
    return (datetime.now(UTC).replace(tzinfo=None) - datetime.fromisoformat(transcript.completed)).total_seconds()
