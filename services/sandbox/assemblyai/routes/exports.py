"""What is made of a completed transcript: sentences, paragraphs, captions, places of words, redacted audio."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from services.sandbox.assemblyai import captions, silence
from services.sandbox.assemblyai.answers import Answers
from services.sandbox.assemblyai.door import Door, reply
from services.sandbox.assemblyai.entities import PUNCTUATION
from services.sandbox.assemblyai.faults import Fault, Faults, Route
from services.sandbox.assemblyai.order import Refusal
from services.sandbox.assemblyai.redacted_audio import RedactedAudio
from services.sandbox.assemblyai.sentences import Paragraph, Sentence, paragraphs, sentences
from services.sandbox.assemblyai.speech import Word
from services.sandbox.assemblyai.state import State, Transcript

Find = Callable[[web.Request, str], Transcript]


class Sentences(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `/sentences`."""

    id: str
    confidence: float
    audio_duration: int
    sentences: list[Sentence]


class Paragraphs(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `/paragraphs`."""

    id: str
    confidence: float
    audio_duration: int
    paragraphs: list[Paragraph]


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Where a word or phrase is said."""

    text: str
    count: int
    timestamps: list[tuple[int, int]]
    indexes: list[int]


class Matches(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of `/word-search`."""

    id: str
    total_count: int
    matches: list[Match]


class Exports:
    """`/v2/transcript/{id}/...`"""

    def __init__(self, *, answers: Answers, find: Find) -> None:
        self._answers = answers
        self._find = find

    def routes(self, door: Door) -> list[web.RouteDef]:
        """All of them."""
        one = "/v2/transcript/{id}"
        return [
            web.get(f"{one}/sentences", door.opens(Route.SENTENCES, self.sentences)),
            web.get(f"{one}/paragraphs", door.opens(Route.PARAGRAPHS, self.paragraphs)),
            web.get(f"{one}/{{format:srt|vtt}}", door.opens(Route.SUBTITLES, self.subtitles)),
            web.get(f"{one}/word-search", door.opens(Route.WORD_SEARCH, self.word_search)),
        ]

    async def sentences(self, request: web.Request, key: str) -> web.Response:
        """The words as sentences."""
        transcript = self._find(request, key)
        spoken = self._answers.spoken(transcript)
        return reply(
            Sentences(
                id=transcript.id,
                confidence=spoken.confidence,
                audio_duration=spoken.audio_duration,
                sentences=sentences(spoken.words),
            )
        )

    async def paragraphs(self, request: web.Request, key: str) -> web.Response:
        """The words as paragraphs."""
        transcript = self._find(request, key)
        spoken = self._answers.spoken(transcript)
        return reply(
            Paragraphs(
                id=transcript.id,
                confidence=spoken.confidence,
                audio_duration=spoken.audio_duration,
                paragraphs=paragraphs(spoken.words),
            )
        )

    async def subtitles(self, request: web.Request, key: str) -> web.Response:
        """SubRip or WebVTT."""
        spoken = self._answers.spoken(self._find(request, key))
        shown = captions.captions(spoken.words, _characters(request.query))
        text = captions.srt(shown) if request.match_info["format"] == "srt" else captions.vtt(shown)
        return web.Response(body=text.encode(), content_type="text/plain", charset="utf-8")

    async def word_search(self, request: web.Request, key: str) -> web.Response:
        """Where words and phrases of up to five words are said."""
        transcript = self._find(request, key)
        spoken = self._answers.spoken(transcript)
        terms = [term.strip() for term in request.query.get("words", "").split(",") if term.strip()]
        if not terms:
            raise Refusal(400, "words must be a comma-separated list of words to search for")
        matches = [match(term, spoken.words) for term in terms]
        found = [one for one in matches if one.count]
        return reply(Matches(id=transcript.id, total_count=sum(one.count for one in found), matches=found))


class RedactedAudioCalls:
    """`/v2/transcript/{id}/redacted-audio`, and the file."""

    def __init__(self, *, state: State, redacted_audio: RedactedAudio, faults: Faults, find: Find) -> None:
        self._state = state
        self._redacted_audio = redacted_audio
        self._faults = faults
        self._find = find

    def routes(self, door: Door) -> list[web.RouteDef]:
        """Both of them."""
        return [
            web.get("/v2/transcript/{id}/redacted-audio", door.opens(Route.REDACTED_AUDIO, self.show)),
            web.get("/redacted-audio/{id}.{format:mp3|wav}", self.file),
        ]

    async def show(self, request: web.Request, key: str) -> web.Response:
        """Where the file is: 202 while there is none yet, 400 when there is none or no more."""
        transcript = self._find(request, key)
        expired = self._faults.strike(Fault.REDACTED_AUDIO_EXPIRED, Route.REDACTED_AUDIO) is not None
        if expired or not self._redacted_audio.has(transcript):
            raise Refusal(400, "Redacted audio is not available for this transcript")
        if not self._redacted_audio.is_ready(transcript):
            return reply({"status": "redacted_audio_processing"}, 202)
        return reply(self._redacted_audio.notice(transcript))

    async def file(self, request: web.Request) -> web.Response:
        """As long as the recording, and silent."""
        transcript = self._state.transcripts.get(request.match_info["id"])
        if transcript is None or not self._redacted_audio.has(transcript) or not self._redacted_audio.is_ready(transcript):
            return web.Response(status=404)
        seconds = transcript.audio_duration or 0
        if request.match_info["format"] == "wav":
            return web.Response(body=silence.wav(seconds), content_type="audio/wav")
        return web.Response(body=silence.mp3(seconds), content_type="audio/mpeg")


def match(term: str, words: list[Word]) -> Match:
    """Every place where the term is said, whatever its case and punctuation."""
    wanted = [_bare(part) for part in term.split()]
    said = [_bare(word.text) for word in words]
    places = [place for place in range(len(said) - len(wanted) + 1) if said[place : place + len(wanted)] == wanted]
    return Match(
        text=term,
        count=len(places),
        timestamps=[(words[place].start, words[place + len(wanted) - 1].end) for place in places],
        indexes=places,
    )


def _bare(text: str) -> str:
    return text.strip(PUNCTUATION).casefold()


def _characters(query: Mapping[str, str]) -> int:
    text = query.get("chars_per_caption")
    if text is None:
        return captions.CHARACTERS
    if not text.isdecimal() or int(text) == 0:
        raise Refusal(400, "chars_per_caption must be a positive integer")
    return int(text)
