"""Reads what Deepgram answers: seconds become milliseconds, its numbers for speakers and channels become labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from services.transcriber.engines import Heard, Passage, Unreadable, Usage, base_language
from services.transcriber.engines.deepgram.insights import insights
from services.transcriber.engines.deepgram.messages import Answer, Channel, HeardWord, Metadata, Results, milliseconds
from services.transcriber.engines.http import words_of
from shared.errors import JobError
from shared.schemas.transcripts import Word
from shared.words import separator


def read(raw: bytes) -> tuple[Metadata, Results]:
    """The answer as Deepgram gave it; `JobError` `engine_failed` when it tells of a failure."""
    answer = msgspec.json.decode(raw, type=Answer)
    if answer.metadata is None or answer.results is None:
        if said := words_of(raw):
            raise JobError("engine_failed", f"Deepgram could not hear the recording ({said}); retry it, or use another engine.")
        raise Unreadable("Deepgram's answer holds neither results nor a reason why there are none.")
    return answer.metadata, answer.results


def parse(raw: bytes) -> Heard:
    """The answer in our terms."""
    metadata, results = read(raw)
    channels = results.channels
    language, confidence = _language(metadata, channels)
    return Heard(
        model=_model(metadata),
        duration_ms=milliseconds(metadata.duration),
        channels=metadata.channels,
        source_sha256=metadata.sha256,
        language=language,
        language_confidence=confidence,
        passages=tuple(_passages(results, language)),
        params=_params(metadata),
        notes=tuple(_notes(metadata)),
        insights=insights(results, metadata),
        usage=_usage(metadata, len(channels)),
    )


def _model(metadata: Metadata) -> str:
    """`general-nova-3`, say, as the answer names it, for models are replaced without a word."""
    return next((info.name for info in metadata.model_info.values()), metadata.items[0] if metadata.items else "unknown")


def _language(metadata: Metadata, channels: Sequence[Channel]) -> tuple[str | None, float | None]:
    """The language that was told or detected, and how sure Deepgram is of the latter."""
    told = metadata.extra.get("language")
    detected = [channel for channel in channels if channel.detected_language is not None]
    if told is None and detected:
        surest = max(detected, key=lambda channel: channel.language_confidence or 0.0)
        return base_language(surest.detected_language or ""), _ratio(surest.language_confidence)
    if told in (None, "multi"):
        return _commonest(channels), None
    return base_language(told), None


def _commonest(channels: Sequence[Channel]) -> str | None:
    """The language that most words are in, where the words have one."""
    tags = Counter(base_language(word.language) for channel in channels for word in channel.words if word.language is not None)
    return tags.most_common(1)[0][0] if tags else None


def _passages(results: Results, language: str | None) -> Iterator[Passage]:
    channels = results.channels
    by_channel = len(channels) > 1
    for channel, spoken in _spoken(results):
        detected = channels[channel].detected_language if channel < len(channels) else None
        own = language if detected is None else base_language(detected)
        for (speaker, tag), words in groupby(spoken, key=attrgetter("speaker", "language")):
            label = str(channel) if by_channel else None if speaker is None else str(speaker)
            yield Passage(words=_words(words), speaker=label, language=own if tag is None else base_language(tag))


def _spoken(results: Results) -> Iterator[tuple[int, tuple[HeardWord, ...]]]:
    """What was said in one go, with the number of its channel."""
    if results.utterances:
        yield from ((utterance.channel, utterance.words) for utterance in results.utterances)
    else:
        yield from ((number, channel.words) for number, channel in enumerate(results.channels))


def _words(words: Iterable[HeardWord]) -> tuple[Word, ...]:
    made: list[Word] = []
    for word in words:
        text = (word.punctuated_word or word.word).strip()
        if text:
            made.append(
                Word(
                    t=text,
                    s=milliseconds(word.start),
                    e=milliseconds(word.end),
                    c=_ratio(word.confidence),
                    sep=separator(made[-1].t if made else "", text),
                )
            )
    return tuple(made)


def _ratio(number: float | None) -> float | None:
    return None if number is None else min(1.0, max(0.0, number))


def _params(metadata: Metadata) -> dict[str, str]:
    version = next((info.version for info in metadata.model_info.values()), None)
    return {"language": metadata.extra.get("language", "auto"), **({} if version is None else {"version": version})}


def _notes(metadata: Metadata) -> Iterator[str]:
    if "vocabulary" in metadata.extra:
        yield "vocabulary_cut"
    if metadata.warnings:
        yield "engine_warnings"


def _usage(metadata: Metadata, separate_channels: int) -> Usage | None:
    """Null when the answer does not tell what was asked for: cost is never a guess."""
    if not metadata.items:
        return None
    return Usage(billed_ms=milliseconds(metadata.duration) * max(1, separate_channels), items=metadata.items)
