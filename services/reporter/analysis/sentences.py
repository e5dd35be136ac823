"""Cuts what was said into sentences, each with the exact words of the segments that it stands in.

Where a speaker goes on in the next segment, or after somebody's "mm-hmm", the sentence goes on too. Transcripts without
punctuation are cut where the segments end, and inside them where the speaker paused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import msgspec

from services.reporter.analysis.claims import Source
from services.reporter.analysis.words import has_letters, is_chinese, length
from services.reporter.characters import HAN, KANA, clean
from shared.schemas.transcripts import Segment, SegmentFlag

LONGEST = 48
"""Of one sentence, by `words.length`; a longer one is cut where its clauses meet."""
_LONGEST_PAUSE_MS = 4000
_PUNCTUATED_SHARE = 0.2
_LEAST_CONFIDENCE = 0.5

_END = re.compile(r"(?:[。！？!?…]|\.(?![^\W_]))+[\"”’」』）)\]]*|\n+")
_MARKS, _DASHES = frozenset("。！？!?."), frozenset("—–")
_CLOSING = '"”’」』）)] \t\r\n'
_ABBREVIATIONS = re.compile(
    r"(?:mr|mrs|ms|dr|prof|rev|st|mt|vs|nos?|vol|fig|art|sec|approx|dept|est|gen|gov|hon|lt|col|sgt|capt|eg|ie|cf|al)"
)
_ENDING_ABBREVIATIONS = re.compile(r"(?:etc|am|pm|inc|ltd|co|corp|jr|sr)")
_LONGEST_WORD = 40
_LAST_WORD = re.compile(r"((?:[^\W\d_]\.)*[^\W_]+)$")
_BACK_CHANNEL = re.compile(
    r"(?:\W|\b(?:m+[- ]?h?m+|mm+|hm+|um+|uh+(?:[- ]huh)?|u+h+|yeah|yep|yes|right|okay|ok|oh|sure|true|exactly|great|good|"
    r"cool|thanks"
    r"|thank you|i see|alright|no|wow)\b|[嗯啊哦喔噢對对好是欸誒诶呃哈]|沒錯|没错|可以|謝謝|谢谢)++",
    re.IGNORECASE,
)
_CLAUSE_ENDS = (re.compile(r"[；;。]+\s*"), re.compile(r"[，,、：:]+\s*"))
_BETWEEN_WORDS = re.compile(r"\s+")
_WIDE = re.compile(rf"[{HAN}{KANA}，。！？；：、」』）]")


class Sentence(msgspec.Struct, frozen=True, kw_only=True):
    """One sentence, or a part of a very long one."""

    text: str
    """As it may be shown."""
    sources: tuple[Source, ...]
    """The segments that it stands in, each with the words as they stand there."""
    speaker_id: str | None
    start_ms: int
    end_ms: int
    doubtful: bool
    """The engine was not sure of it, or it may never have been said."""
    whole: bool
    """It is no part of a longer one, and ends as sentences do where the transcript has punctuation."""


class _Piece(msgspec.Struct, frozen=True):
    """What one segment holds of a sentence."""

    segment: Segment
    text: str


def is_back_channel(text: str) -> bool:
    """Whether somebody only shows that they listen."""
    return _BACK_CHANNEL.fullmatch(text) is not None


def split(segments: Iterable[Segment]) -> list[Sentence]:
    """The sentences of a transcript, in the order in which they begin."""
    segments = [segment for segment in segments if segment.text.strip()]
    ended = sum(1 for segment in segments if _closed(segment.text))
    punctuated = ended >= _PUNCTUATED_SHARE * len(segments)
    found: list[Sentence] = []
    for pieces in _run_on(segments) if punctuated else ([_Piece(segment, segment.text)] for segment in segments):
        found += _sentences(pieces, punctuated)
    return sorted(found, key=lambda sentence: sentence.start_ms)


def _closed(text: str) -> bool:
    """Whether a text ends as sentences do; "I think we—." does not."""
    ending = text.rstrip(_CLOSING)[-2:]
    return ending[-1:] in _MARKS and ending[:-1] not in _DASHES if ending else False


def _run_on(segments: list[Segment]) -> Iterator[list[_Piece]]:
    """The pieces of each sentence; a speaker's open sentence waits while others merely show that they listen."""
    open_: list[_Piece] = []
    for segment in segments:
        if open_ and not _continues(open_[-1].segment, segment):
            if segment.speaker_id != open_[-1].segment.speaker_id and is_back_channel(segment.text):
                yield [_Piece(segment, segment.text)]
                continue
            yield open_
            open_ = []
        *closed, last = _cut(segment.text)
        for text in closed:
            yield [*open_, _Piece(segment, text)]
            open_ = []
        open_.append(_Piece(segment, last))
        if _closed(last) or _is_long(open_):
            yield open_
            open_ = []
    if open_:
        yield open_


def _continues(before: Segment, after: Segment) -> bool:
    near = after.start_ms - before.end_ms <= _LONGEST_PAUSE_MS
    return near and before.speaker_id is not None and before.speaker_id == after.speaker_id


def _length(pieces: list[_Piece]) -> int:
    return sum(length(piece.text) for piece in pieces)


def _is_long(pieces: list[_Piece]) -> bool:
    """Whether one sentence of them is too long; no text has more words than four fifths of its characters."""
    return sum(len(piece.text) for piece in pieces) * 4 > LONGEST * 5 and _length(pieces) > LONGEST


def _cut(text: str) -> list[str]:
    """A segment's text at the ends of its sentences; the parts join up to the text."""
    parts: list[str] = []
    begin = 0
    for end in _END.finditer(text):
        if has_letters(text, begin, end.end()) and _ends_sentence(text, end):
            parts.append(text[begin : end.end()])
            begin = end.end()
    rest = text[begin:]
    if has_letters(rest) or not parts:
        parts.append(rest)
    else:
        parts[-1] += rest
    return parts


def _ends_sentence(text: str, end: re.Match[str]) -> bool:
    """Whether a mark ends a sentence, or an abbreviation, an initial, a number, or nothing at all."""
    mark, begin = end.group(), end.start()
    if mark[0] in "。！？\n" or (begin and _WIDE.match(text, begin - 1)):
        return True
    before, after = text[max(0, begin - _LONGEST_WORD) : begin], text[end.end() :]
    if not after.strip():
        return True
    if not after[0].isspace() and not _WIDE.match(after[0]):
        return False
    following = after.lstrip()[0]
    if mark[0] in "!?" or following.islower():
        return mark[0] in "!?"
    return mark != "." or not _is_abbreviated(before, following)


def _is_abbreviated(before: str, following: str) -> bool:
    """Whether the last word before a full stop is an abbreviation or an initial that goes on with what follows."""
    word = _LAST_WORD.search(before)
    if word is None:
        return False
    plain = word.group().replace(".", "").lower()
    initial = len(word.group()) == 1 and word.group().isupper() and word.group() != "I"
    if initial or _ABBREVIATIONS.fullmatch(plain):
        return True
    return _ENDING_ABBREVIATIONS.fullmatch(plain) is not None and not following.isupper()


def _sentences(pieces: list[_Piece], punctuated: bool) -> Iterator[Sentence]:
    if not any(has_letters(piece.text) for piece in pieces):
        return
    if not _is_long(pieces):
        yield _sentence(pieces, whole=not punctuated or _closed(pieces[-1].text))
        return
    parts = [_Piece(piece.segment, text) for piece in pieces for text in _shorter(piece)]
    group: list[_Piece] = []
    for part in parts:
        if group and (_length(group) + length(part.text) > LONGEST):
            yield _sentence(group, whole=False)
            group = []
        group.append(part)
    yield _sentence(group, whole=False)


def _shorter(piece: _Piece) -> list[str]:
    """A piece's text in parts of bearable length, cut where clauses meet, where the speaker paused, or between words."""
    for cutter in (_at(_CLAUSE_ENDS[0]), _at(_CLAUSE_ENDS[1]), _at_pauses, _at(_BETWEEN_WORDS)):
        parts = cutter(piece)
        if len(parts) > 1 and all(length(part) <= LONGEST for part in parts):
            return _gathered(parts)
    return _gathered([word for part in _at(_CLAUSE_ENDS[1])(piece) for word in _hard(part)])


def _gathered(parts: list[str]) -> list[str]:
    """Neighbours joined again as far as they fit, so that no part is a mere fragment."""
    gathered = [parts[0]]
    for part in parts[1:]:
        if length(gathered[-1]) + length(part) <= LONGEST * 2 // 3:
            gathered[-1] += part
        else:
            gathered.append(part)
    return gathered


class _at:  # noqa: N801  reads as a function
    """Cuts behind every match."""

    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern

    def __call__(self, piece: _Piece | str) -> list[str]:
        text = piece if isinstance(piece, str) else piece.text
        ends = [match.end() for match in self._pattern.finditer(text)]
        return [part for begin, end in zip([0, *ends], [*ends, len(text)], strict=True) if (part := text[begin:end])]


def _at_pauses(piece: _Piece) -> list[str]:
    """A whole segment's text, cut where its words are furthest apart."""
    words = piece.segment.words
    if piece.text != piece.segment.text or len(words) < 2:
        return [piece.text]
    parts = [""]
    for before, word in zip([None, *words], words, strict=False):
        if before is not None and before.e is not None and word.s is not None and word.s - before.e >= 400:
            parts.append("")
        parts[-1] += word.sep + word.t
    return parts if "".join(parts) == piece.text else [piece.text]


def _hard(text: str) -> list[str]:
    """What nothing divides, in parts of equal length."""
    if length(text) <= LONGEST:
        return [text]
    if parts := _at(_BETWEEN_WORDS)(text)[1:]:
        return [text[: len(text) - sum(map(len, parts))], *parts]
    size = round(LONGEST * 1.5) if is_chinese(text) else LONGEST * 6
    return [text[begin : begin + size] for begin in range(0, len(text), size)]


def _sentence(pieces: list[_Piece], *, whole: bool) -> Sentence:
    by_segment: dict[str, str] = {}
    for piece in pieces:
        by_segment[piece.segment.id] = by_segment.get(piece.segment.id, "") + piece.text
    quotes = {id_: text.strip() for id_, text in by_segment.items()}
    return Sentence(
        text=joined(quotes.values()),
        sources=tuple(Source(segment_id=id_, quote=quote) for id_, quote in quotes.items() if quote),
        speaker_id=pieces[0].segment.speaker_id,
        start_ms=_moment(pieces[0]),
        end_ms=pieces[-1].segment.end_ms,
        doubtful=any(_doubtful(piece.segment) for piece in pieces),
        whole=whole,
    )


def joined(texts: Iterable[str]) -> str:
    """Texts one after the other as they may be shown: no space where Chinese meets Chinese."""
    whole = ""
    for text in map(clean, texts):
        tight = whole and text and _WIDE.match(whole[-1]) and _WIDE.match(text[0])
        whole += text if not whole or tight else f" {text}"
    return whole


def _moment(piece: _Piece) -> int:
    """About when the piece begins: its place in the segment's text, as a share of its time."""
    segment = piece.segment
    share = segment.text.find(piece.text) / len(segment.text)
    return segment.start_ms + round(max(0.0, share) * (segment.end_ms - segment.start_ms))


def _doubtful(segment: Segment) -> bool:
    flagged = any(flag is not SegmentFlag.LOW_CONFIDENCE for flag in segment.flags)
    unsure = SegmentFlag.LOW_CONFIDENCE in segment.flags or (
        segment.confidence is not None and segment.confidence < _LEAST_CONFIDENCE
    )
    return flagged or unsure
