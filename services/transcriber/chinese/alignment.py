"""Carries a converted text over to the words of its segment. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

import msgspec

from services.transcriber.chinese.writing import Piece
from shared.schemas.transcripts import Segment, Word


def rewritten(segment: Segment, pieces: Sequence[Piece]) -> Segment:
    """A segment whose text became something else. Every word keeps its time and what it was (`Word.raw`).

    Where a phrase became shorter than it has words (`方`, `便`, `面`: `泡麵`), the words that would be empty join the one
    before, and the segment keeps all of its words as they were (`raw_words`).
    """
    text = "".join(piece.target for piece in pieces)
    if text == segment.text:
        return segment
    if not segment.words:
        return msgspec.structs.replace(segment, text=text, raw=segment.text)
    ends = _carried_over(pieces, accumulate(len(word.sep) + len(word.t) for word in segment.words))
    words: list[Word] = []
    for word, (begin, end) in zip(segment.words, pairwise([0, *ends]), strict=True):
        becomes = text[begin + len(word.sep) : end]
        if word.t and not becomes:
            words[-1] = _joined(words[-1], word)
        else:
            words.append(word if becomes == word.t else msgspec.structs.replace(word, t=becomes, raw=word.t))
    kept = segment.words if len(words) < len(segment.words) else ()
    return msgspec.structs.replace(segment, text=text, words=tuple(words), raw_words=kept)


def _joined(word: Word, following: Word) -> Word:
    """A word and the one after it, of which nothing is left."""
    return msgspec.structs.replace(
        word,
        e=following.e if following.e is not None else word.e,
        c=min((c for c in (word.c, following.c) if c is not None), default=None),
        raw=(word.t if word.raw is None else word.raw) + following.sep + following.t,
    )


def _carried_over(pieces: Iterable[Piece], positions: Iterable[int]) -> list[int]:
    """Where rising positions in the source lie in the target: in proportion inside a piece, rounded up."""
    carried: list[int] = []
    remaining, begin, at = iter(pieces), 0, 0
    piece = Piece("", "")
    for position in positions:
        while position > begin + len(piece.source):
            begin, at = begin + len(piece.source), at + len(piece.target)
            piece = next(remaining)
        inside = -(-(position - begin) * len(piece.target) // len(piece.source)) if piece.source else 0
        carried.append(at + inside)
    return carried
