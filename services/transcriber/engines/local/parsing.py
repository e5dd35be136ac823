"""Reads what the local engine has stored, and marks what Whisper may have made up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from services.transcriber.engines import Heard, Passage
from services.transcriber.engines.local.attribution import attribute
from services.transcriber.engines.local.messages import Answer, HeardPassage, HeardWord, Window
from services.transcriber.engines.local.models import usual_code
from shared.schemas.transcripts import SegmentFlag, Word

# Beyond these, the model itself doubted what it wrote, or wrote in a circle.
_DOUBTFUL_SILENCE = 0.6
_DOUBTFUL_LOGPROB = -0.8
_CIRCULAR_RATIO = 3.0
_DESPERATE_TEMPERATURE = 0.8
_FASTEST_MS_PER_CHARACTER = 20

# What Whisper writes over music and noise: the ends of the subtitles it learnt from.
_PHANTOMS = frozenset(
    {
        "thank you for watching",
        "thanks for watching",
        "please subscribe",
        "subtitles by the amara.org community",
        "字幕由amara.org社群提供",
        "请不吝点赞订阅转发打赏支持明镜与点点栏目",
        "請不吝點贊訂閱轉發打賞支持明鏡與點點欄目",
    }
)


def parse(raw: bytes) -> Heard:
    """The stored answer in our terms."""
    answer = msgspec.json.decode(raw, type=Answer)
    language = _main_language(answer.windows)
    recording = answer.recording
    return Heard(
        model=answer.model,
        duration_ms=recording.duration_ms,
        channels=recording.channels,
        source_sha256=recording.sha256,
        language=language,
        language_confidence=_language_confidence(answer.windows, language) if answer.language_detected else None,
        speech_ms=sum(window.speech_ms for window in answer.windows),
        passages=tuple(_passages(answer)),
        params=_params(answer),
        notes=tuple(_notes(answer)),
    )


def _notes(answer: Answer) -> Iterator[str]:
    if answer.recording.truncated:
        yield "truncated"
    if answer.language is None and not answer.language_detected:
        yield "language_assumed"


def _params(answer: Answer) -> dict[str, str]:
    params = {"beam_size": str(answer.beam_size), "language": answer.language or "auto"}
    if answer.vocabulary:
        params["vocabulary"] = ", ".join(answer.vocabulary)
    if answer.speakers is not None:
        params["speaker_model"] = answer.speakers.model[:12]
        params["speaker_threshold"] = f"{answer.speakers.threshold:g}"
        bounds = (answer.speakers.at_least, answer.speakers.at_most)
        params["speakers"] = "auto" if bounds == (None, None) else "-".join(str(bound or "") for bound in bounds)
    return params


def _passages(answer: Answer) -> Iterator[Passage]:
    """Every passage with words, cut where the speaker changes."""
    heard = [(passage, window.language) for window in answer.windows for passage in window.passages if passage.words]
    if answer.speakers is None or not answer.speakers.turns:
        yield from (_passage(passage, passage.words, None, language) for passage, language in heard)
        return
    shares = attribute([passage for passage, _ in heard], answer.speakers.turns)
    for (passage, language), share in zip(heard, shares, strict=True):
        yield from (_passage(passage, words, _label(speaker), language) for speaker, words in share)


def _label(speaker: int) -> str:
    """A, B, … Z, AA, AB, …"""
    label = ""
    while speaker >= 0:
        speaker, letter = divmod(speaker, 26)
        label = chr(ord("A") + letter) + label
        speaker -= 1
    return label


def _passage(passage: HeardPassage, words: tuple[HeardWord, ...], speaker: str | None, language: str | None) -> Passage:
    return Passage(
        words=tuple(_word(word) for word in words if word.text.strip()),
        speaker=speaker,
        language=usual_code(language) if language else None,
        flags=frozenset({SegmentFlag.POSSIBLE_HALLUCINATION}) if _is_doubtful(passage) else frozenset(),
    )


def _word(word: HeardWord) -> Word:
    return Word(
        t=word.text.strip(),
        s=word.start_ms,
        e=word.end_ms,
        c=min(1.0, max(0.0, word.probability)),
        sep=" " if word.text[:1].isspace() else "",
    )


def _is_doubtful(passage: HeardPassage) -> bool:
    text = "".join(word.text for word in passage.words).strip()
    return (
        (passage.no_speech_prob > _DOUBTFUL_SILENCE and passage.avg_logprob < _DOUBTFUL_LOGPROB)
        or passage.compression_ratio > _CIRCULAR_RATIO
        or passage.temperature >= _DESPERATE_TEMPERATURE
        or passage.words[-1].end_ms - passage.words[0].start_ms < len(text) * _FASTEST_MS_PER_CHARACTER
        or text.casefold().rstrip(".!。！") in _PHANTOMS
    )


def _main_language(windows: tuple[Window, ...]) -> str | None:
    """The language that most of the speech is in."""
    spoken: Counter[str] = Counter()
    for window in windows:
        if window.language is not None:
            spoken[window.language] += window.speech_ms
    return usual_code(spoken.most_common(1)[0][0]) if spoken else None


def _language_confidence(windows: tuple[Window, ...], language: str | None) -> float | None:
    """How sure the model was, over the windows in that language and by the speech in them."""
    sure = [
        (window.speech_ms, window.language_probability)
        for window in windows
        if window.language is not None and usual_code(window.language) == language and window.language_probability is not None
    ]
    total = sum(speech_ms for speech_ms, _ in sure)
    return round(sum(speech_ms * probability for speech_ms, probability in sure) / total, 4) if total else None
