"""What is really said is really heard, and what is no audio is refused in the vendor's words."""

from __future__ import annotations

from pathlib import Path

import assemblyai as aai
from assemblyai.prerecorded.v2 import AsyncTranscriber

from services.sandbox.assemblyai.local import LocalEars
from services.sandbox.assemblyai.settings import SandboxSettings
from tests.sandboxes import sandbox

SAMPLE = Path(__file__).parents[2] / "services" / "commands" / "sample" / "two_cities.ogg"


async def test_speech_is_transcribed_by_the_local_engine() -> None:
    """Words, times and captions come from the recording; pages and empty files do not become transcripts."""
    async with sandbox(SandboxSettings()) as running:
        settings = aai.Settings(api_key="key", base_url=running.url, polling_interval=0.1, http_timeout=60)
        async with aai.AsyncClient(settings=settings) as client:
            transcriber = AsyncTranscriber(client=client)
            config = aai.TranscriptionConfig(speaker_labels=True, language_detection=True)
            heard = await transcriber.transcribe(str(SAMPLE), config)
            assert heard.error is None
            assert "It was the best of times" in (heard.text or "")
            assert heard.audio_duration == 44
            words = heard.words or []
            assert all(0 <= word.start <= word.end <= 44_100 for word in words)
            assert all(0 <= word.confidence <= 1 for word in words)
            assert {utterance.speaker for utterance in heard.utterances or ()} == {"A"}
            page = await transcriber.transcribe(b"<!doctype html><html></html>")
            nothing = await transcriber.transcribe(b"")
    assert page.error == "File does not appear to contain audio. File type is text/html (HTML document, ASCII text)."
    assert str(nothing.error).startswith("File does not appear to contain audio.")


async def test_what_is_too_long_for_the_vendor_is_too_long_here(tmp_path: Path) -> None:
    """Whatever our own limit is."""
    ears = await LocalEars.open(tmp_path)
    try:
        assert ears._engine.capabilities.longest_ms == 10 * 3_600_000
    finally:
        await ears.close()
