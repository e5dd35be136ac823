"""Who hears the audio: nobody, and the same is always said; or the local engine (see `local`)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path

import msgspec
from typing_extensions import override

from services.sandbox.assemblyai.order import Order
from services.sandbox.assemblyai.settings import VENDOR_AT_ONCE
from services.sandbox.assemblyai.speech import Speech, Word, from_heard
from services.transcriber.engines.script import raw_script, read_script
from shared.errors import ConfigurationError


class Unheard(Exception):
    """The audio cannot be transcribed; the message is what the transcript's `error` says."""


class Ears(ABC):
    """Hears recordings."""

    at_once: int
    """How many at a time."""
    needs_audio: bool

    @abstractmethod
    async def hear(self, audio: Path, order: Order) -> Speech:
        """What is said in a file; `Unheard` when nothing can be made of it."""

    async def close(self) -> None:
        """Let go of processes."""
        return


class CannedEars(Ears):
    """Hears the same in everything, at no cost."""

    at_once = VENDOR_AT_ONCE
    needs_audio = False

    def __init__(self, speech: Speech) -> None:
        self._speech = speech

    @override
    async def hear(self, audio: Path, order: Order) -> Speech:
        return self._speech


class _Saved(msgspec.Struct, frozen=True, kw_only=True):
    """A vendor's answer that somebody saved."""

    words: tuple[Word, ...]
    audio_duration: float | None = None
    language_code: str | None = None


def canned_speech(seconds: float) -> Speech:
    """The canned conversation, cut off at a length."""
    heard = read_script(raw_script(round(seconds * 1000)))
    speech = from_heard(heard)
    words = tuple(word for word in speech.words if word.end <= seconds * 1000)
    return msgspec.structs.replace(speech, words=words, duration_ms=round(seconds * 1000))


def saved_speech(path: Path) -> Speech:
    """What a file with a vendor's answer says; `ConfigurationError` when it is none."""
    try:
        saved = msgspec.json.decode(path.read_bytes(), type=_Saved)
    except OSError as error:
        raise ConfigurationError(f"--script {path} cannot be read: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"--script {path} is no transcript of AssemblyAI as JSON: {error}.") from None
    for word in saved.words:
        word.speaker = word.speaker or "A"
    end = saved.words[-1].end if saved.words else 0
    return Speech(
        words=saved.words,
        duration_ms=end if saved.audio_duration is None else round(saved.audio_duration * 1000),
        language=saved.language_code or "en",
        language_confidence=0.99,
        speech_ms=sum(word.end - word.start for word in saved.words),
    )
