"""Final answers, kept as the bytes that are served: the same each time."""

from __future__ import annotations

import msgspec

from services.sandbox.assemblyai import answer as forms
from services.sandbox.assemblyai.answer import Answer
from services.sandbox.assemblyai.composing import digest, encode
from services.sandbox.assemblyai.folder import Folder
from services.sandbox.assemblyai.order import Object, Refusal
from services.sandbox.assemblyai.speech import Word
from services.sandbox.assemblyai.state import Status, Transcript


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a completed answer that exports are made of."""

    words: list[Word]
    confidence: float
    audio_duration: int


class Answers:
    """One file each."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def keep(self, transcript: Transcript, answer: Answer) -> None:
        """Store it. It is settled only when it is served, for the webhook may still want to be in it."""
        self._folder.answer(transcript.id).write_bytes(encode(answer, new_values=transcript.fate.new_values))

    def of(self, transcript: Transcript) -> bytes:
        """How a transcript is now."""
        if transcript.deleted:
            return forms.deleted(transcript)
        if not transcript.status.is_final:
            return encode(forms.pending(transcript), new_values=transcript.fate.new_values)
        data = self._folder.answer(transcript.id).read_bytes()
        return data if transcript.answer_sha256 is not None else self._settle(transcript, data)

    def spoken(self, transcript: Transcript) -> Spoken:
        """What is said in a completed transcript; a `Refusal` for any other."""
        if transcript.deleted or transcript.status is not Status.COMPLETED:
            raise Refusal(
                400,
                f"This transcript has a status of '{transcript.status}'. Transcripts must have a status of 'completed' before "
                "requesting captions.",
            )
        return msgspec.json.decode(self.of(transcript), type=Spoken)

    def forget(self, transcript: Transcript) -> None:
        """It was deleted."""
        self._folder.answer(transcript.id).unlink(missing_ok=True)

    def _settle(self, transcript: Transcript, data: bytes) -> bytes:
        if transcript.webhook_status_code is not None:
            fields: Object = msgspec.json.decode(data)
            fields["webhook_status_code"] = transcript.webhook_status_code
            data = msgspec.json.encode(fields)
            self._folder.answer(transcript.id).write_bytes(data)
        transcript.answer_sha256 = digest(data)
        self._folder.note(transcript)
        return data
