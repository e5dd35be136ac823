"""Reads the answers that servers gave to the pieces of a recording, whatever form they have; a pure function.

Of each answer only the text must be readable. What else is there is used if it makes sense: a segment that starts after
the end of its piece has been told in other units, or made up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from services.transcriber.engines import Heard, Passage, Unreadable, Usage
from services.transcriber.engines.doubts import Doubts, is_doubtful
from services.transcriber.engines.http import words_of
from services.transcriber.engines.openai.languages import code_of
from services.transcriber.engines.openai.messages import Answers, Piece, Plan, Response, Span
from services.transcriber.engines.openai.settings import OPENAI_HOST
from services.transcriber.engines.openai.timing import Timed, align, spread
from shared.errors import JobError
from shared.schemas.transcripts import SegmentFlag, Word, WordSource
from shared.words import letters_of, split_words

WORD_TIMES_APPROXIMATE = "word_times_approximate"
SPEAKERS_PER_PIECE = "speakers_per_piece"

_SLACK_MS = 2_000
"""How far beyond a piece its times may lie: models pad what they hear."""
_COVERED_SHARE = 0.95
"""Segments that hold less of the text than this have lost some."""

T = TypeVar("T")
_NOTHING = msgspec.Raw(b"null")


class _Word(msgspec.Struct, frozen=True):
    word: str
    start: float
    end: float


class _Segment(Doubts, frozen=True):
    text: str
    start: float
    end: float
    speaker: str | None = None


class _Language(msgspec.Struct, frozen=True):
    code: str


class _Usage(msgspec.Struct, frozen=True):
    seconds: float
    type: str = ""


class _Document(msgspec.Struct, frozen=True):
    """The parts are read one by one: text that was paid for is not thrown away because something beside it has changed."""

    text: str | msgspec.UnsetType = msgspec.UNSET
    language: msgspec.Raw = _NOTHING
    languages: msgspec.Raw = _NOTHING
    segments: msgspec.Raw = _NOTHING
    words: msgspec.Raw = _NOTHING
    usage: msgspec.Raw = _NOTHING


@dataclass(frozen=True, kw_only=True)
class _Part:
    """What was heard in a piece."""

    piece: Piece
    form: Response
    """What the answer really is."""
    language: str | None
    passages: tuple[Passage, ...]
    billed_ms: int


def parse(raw: bytes) -> Heard:
    """The stored answer in our terms. `JobError` when an answer tells of a failure, `Unreadable` when it tells nothing."""
    stored = msgspec.json.decode(raw, type=Answers)
    plan = stored.plan
    pairs = zip(plan.pieces, stored.answers, strict=True)
    parts = [_read(plan, number, piece, answer) for number, (piece, answer) in enumerate(pairs, start=1)]
    return Heard(
        model=plan.model,
        duration_ms=plan.recording.duration_ms,
        channels=plan.recording.channels,
        source_sha256=plan.recording.sha256,
        language=_main_language(parts) or plan.language,
        speech_ms=sum(end - start for piece in plan.pieces for start, end in piece.speech),
        passages=tuple(passage for part in parts for passage in part.passages),
        params=_params(plan, parts),
        notes=tuple(_notes(plan, parts)),
        usage=Usage(billed_ms=sum(part.billed_ms for part in parts), items=(_item(plan),)) if plan.rented else None,
    )


def _read(plan: Plan, number: int, piece: Piece, answer: bytes) -> _Part:
    document = _document(answer)
    segments = _plausible(_part(document.segments, list[_Segment]), piece)
    if document.text is msgspec.UNSET and not segments:
        raise _nothing_said(answer)
    text = "" if document.text is msgspec.UNSET else document.text
    segments = segments if _covers(segments, text) else []
    language = _language(document) or plan.language
    words = [
        Timed(text=word.word, start_ms=_ms(word.start, piece), end_ms=_ms(word.end, piece))
        for word in _plausible(_part(document.words, list[_Word]), piece)
    ]
    label = f"{number}" if len(plan.pieces) > 1 else ""
    usage = _part(document.usage, _Usage)
    return _Part(
        piece=piece,
        form=_form(segments, words),
        language=language,
        passages=tuple(
            Passage(words=tuple(spoken), speaker=speaker and f"{label}{speaker}", language=language, flags=flags)
            for spoken, speaker, flags in _spoken(text, segments, words, piece)
        ),
        billed_ms=piece.length_ms if usage is None else round(usage.seconds * 1000),
    )


def _document(answer: bytes) -> _Document:
    try:
        return msgspec.json.decode(answer, type=_Document)
    except msgspec.MsgspecError:
        raise _nothing_said(answer) from None


def _nothing_said(answer: bytes) -> JobError | Unreadable:
    if said := words_of(answer):
        return JobError("engine_failed", f"The server could not hear the recording ({said}); retry it, or use another engine.")
    return Unreadable("The server's answer holds no text that can be read.")


def _covers(segments: list[_Segment], text: str) -> bool:
    """Whether the segments hold all of the text, as far as its letters tell."""
    held = sum(len(letters_of(segment.text)) for segment in segments)
    return held >= len(letters_of(text)) * _COVERED_SHARE


def _form(segments: list[_Segment], words: list[Timed]) -> Response:
    if any(segment.speaker for segment in segments):
        return Response.DIARIZED
    return Response.VERBOSE if segments or words else Response.TEXT


def _spoken(
    text: str, segments: list[_Segment], words: list[Timed], piece: Piece
) -> Iterator[tuple[list[Word], str | None, frozenset[SegmentFlag]]]:
    """Words, their speaker, and what to doubt about them."""
    if not segments and (texts := split_words(text)):
        whole = (piece.start_ms, piece.end_ms)
        yield align(texts, words, whole) if words else spread(texts, piece.speech), None, frozenset()
    for segment in segments:
        span = (_ms(segment.start, piece), _ms(segment.end, piece))
        if texts := split_words(segment.text):
            doubtful = is_doubtful(segment, segment.text, span[1] - span[0])
            flags = frozenset({SegmentFlag.POSSIBLE_HALLUCINATION} if doubtful else ())
            yield _segment_words(texts, words, span), segment.speaker, flags


def _segment_words(texts: list[str], words: list[Timed], span: Span) -> list[Word]:
    inside = [word for word in words if span[0] <= (word.start_ms + word.end_ms) / 2 < span[1]]
    return align(texts, inside, span) if inside else spread(texts, [span])


S = TypeVar("S", _Word, _Segment)


def _plausible(items: list[S] | None, piece: Piece) -> list[S]:
    """All of them, or none: times that leave the piece are not times in seconds."""
    limit = (piece.length_ms + _SLACK_MS) / 1000
    return items if items and all(0 <= item.start <= item.end <= limit for item in items) else []


def _ms(seconds: float, piece: Piece) -> int:
    """Seconds from the start of the piece, as milliseconds from the start of the recording."""
    return min(piece.end_ms, piece.start_ms + round(seconds * 1000))


def _part(raw: msgspec.Raw, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError:
        return None


def _language(document: _Document) -> str | None:
    if named := _part(document.language, str):
        return code_of(named)
    listed = _part(document.languages, list[_Language])
    return code_of(listed[0].code) if listed else None


def _main_language(parts: list[_Part]) -> str | None:
    """The language that most of the speech is in."""
    spoken: Counter[str] = Counter()
    for part in parts:
        if part.language is not None:
            spoken[part.language] += sum(end - start for start, end in part.piece.speech)
    return spoken.most_common(1)[0][0] if spoken else None


def _item(plan: Plan) -> str:
    """OpenAI's models by their names; other servers have prices of their own."""
    return plan.model if plan.server == OPENAI_HOST else f"{plan.server}/{plan.model}"


def _params(plan: Plan, parts: list[_Part]) -> dict[str, str]:
    answered = sorted({part.form.value for part in parts if part.passages})
    return {
        "server": plan.server,
        "response": plan.response.value,
        "answered": ", ".join(answered),
        "language": plan.language or "auto",
        "pieces": str(len(parts)),
        "key_terms": str(len(plan.vocabulary)),
    }


def _notes(plan: Plan, parts: list[_Part]) -> Iterator[str]:
    if plan.recording.truncated:
        yield "truncated"
    if any(_is_approximate(part) for part in parts):
        yield WORD_TIMES_APPROXIMATE
    if len(parts) > 1 and any(part.form is Response.DIARIZED for part in parts):
        yield SPEAKERS_PER_PIECE


def _is_approximate(part: _Part) -> bool:
    """Whether most times in it are interpolated, and not only those of single words."""
    sources = Counter(word.src for passage in part.passages for word in passage.words)
    return sources[WordSource.INTERPOLATED] > sources[WordSource.ASR]
