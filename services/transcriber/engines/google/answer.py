"""Reads the operations in which Google answers: offsets become milliseconds, and impossible ones are mended."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

import msgspec

from services.transcriber.engines import Heard, Passage, Usage
from services.transcriber.engines.google.languages import AUTO, our_code
from services.transcriber.engines.google.messages import (
    DYNAMIC_BATCHING,
    Alternative,
    BatchRecognize,
    FileResult,
    HeardWord,
    Operation,
    Response,
    Result,
    Standing,
    Status,
)
from services.transcriber.engines.http import shown
from shared.errors import JobError, RetryableError
from shared.schemas.transcripts import Word
from shared.words import interpolate, separator, split_words

OUTSIDE_MS = 1_000
"""How far a word may lie outside of its portion of the recording before its time is not believed."""
NO_TIMES, MENDED_TIMES = "no_word_times", "times_mended"
_DURATION = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?s", re.ASCII)
_PASSING = frozenset({1, 4, 5, 7, 8, 10, 13, 14, 15, 16})
"""Codes of `google.rpc.Status` after which the same recording may be heard: all that do not speak of the request itself."""


def read(raw: bytes) -> Operation:
    """An operation."""
    return msgspec.json.decode(raw, type=Operation)


def standing(raw: bytes) -> Standing:
    """How far an operation is, whatever else has changed in it. `RetryableError` when the answer is not whole."""
    try:
        return msgspec.json.decode(raw, type=Standing)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RetryableError("Google's answer cannot be read.") from None


def check(operation: Operation) -> None:
    """Raise `JobError` when an operation is done and has failed, as a whole or for the recording."""
    files = operation.response.results.values() if operation.response is not None else ()
    status = operation.error or next((file.error for file in files if file.error is not None), None)
    if status is not None:
        raise _failure(status)
    if operation.done and operation.response is None:
        raise _failure(Status(message="it gave no transcript"))


def parse(raw: bytes) -> Heard:
    """The answer in our terms."""
    operation = read(raw)
    check(operation)
    response, request = operation.response or Response(), operation.metadata.batch_recognize_request
    results = [result for file in response.results.values() for result in _results(file)]
    billed_ms = _billed_ms(response)
    notes: set[str] = set()
    passages = tuple(_passages(results, billed_ms, notes))
    words = [(passage.language, word) for passage in passages for word in passage.words]
    spoken = Counter(language for language, _ in words)
    return Heard(
        model=_model(request) or "unknown",
        duration_ms=max([billed_ms, *(word.e or 0 for _, word in words)]),
        language=spoken.most_common(1)[0][0] if spoken else None,
        passages=passages,
        params=_params(request),
        notes=tuple(sorted(notes)),
        usage=_usage(request, billed_ms),
    )


def milliseconds(offset: str | None) -> int | None:
    """Whole milliseconds of `1.200s`; null when it makes no sense."""
    if offset is None or not _DURATION.fullmatch(offset):
        return None
    return round(float(offset.removesuffix("s")) * 1000)


def _failure(status: Status) -> JobError:
    said = shown(status.message) or f"code {status.code}"
    return JobError(
        "engine_failed",
        f"Google could not hear the recording ({said}); retry it, or use another engine.",
        retryable=status.code in _PASSING,
    )


def _results(file: FileResult) -> tuple[Result, ...]:
    transcript = file.transcript if file.inline_result is None else file.inline_result.transcript
    return () if transcript is None else transcript.results


def _passages(results: Sequence[Result], limit_ms: int, notes: set[str]) -> Iterator[Passage]:
    """What each speaker says in each portion of the recording; `notes` are added to."""
    start_ms = 0
    for result in results:
        alternative = result.alternatives[0] if result.alternatives else Alternative()
        language = None if result.language_code is None else our_code(result.language_code)
        told = milliseconds(result.result_end_offset)
        end_ms = max(start_ms, _end_ms(alternative.words, limit_ms) if told is None else told)
        heard = [word for word in alternative.words if word.word.strip()] or _plain(alternative.transcript)
        words = _words(heard, start_ms, end_ms)
        speakers = iter([word.speaker_label or None for word in heard])
        for speaker, group in groupby(interpolate(words, start_ms, end_ms), key=lambda _: next(speakers)):
            yield Passage(words=tuple(group), speaker=speaker, language=language)
        if any(word.s is None for word in words):
            notes.add(NO_TIMES if all(word.s is None for word in words) else MENDED_TIMES)
        start_ms = end_ms


def _words(heard: Sequence[HeardWord], start_ms: int, end_ms: int) -> list[Word]:
    """The words of a portion, with their times where these are possible."""
    texts = [word.word.strip() for word in heard]
    offsets = _possible([_offsets(word) for word in heard], start_ms - OUTSIDE_MS, end_ms + OUTSIDE_MS)
    return [
        Word(t=text, s=place and place[0], e=place and place[1], c=_ratio(word.confidence), sep=separator(before, text))
        for word, text, before, place in zip(heard, texts, ["", *texts], offsets, strict=False)
    ]


def _plain(transcript: str) -> list[HeardWord]:
    return [HeardWord(word=text) for text in split_words(transcript)]


def _offsets(word: HeardWord) -> tuple[int, int] | None:
    """Where a word is said, as Google says; it leaves an offset of zero out."""
    end = milliseconds(word.end_offset)
    start = 0 if word.start_offset is None else milliseconds(word.start_offset)
    return None if end is None or start is None else (start, end)


def _possible(offsets: Sequence[tuple[int, int] | None], earliest: int, latest: int) -> list[tuple[int, int] | None]:
    """The same without what cannot be: ends before starts, times of another portion, words out of their order."""
    sane = [place if place and max(0, earliest) <= place[0] <= place[1] <= latest else None for place in offsets]
    kept = _in_order([(number, place[0]) for number, place in enumerate(sane) if place is not None])
    return [place if number in kept else None for number, place in enumerate(sane)]


def _in_order(starts: Sequence[tuple[int, int]]) -> set[int]:
    """The numbers of as many words as possible none of which starts before an earlier one."""
    lasts: list[int] = []  # the earliest start with which a row of each length ends
    rows: list[tuple[int, int]] = []
    for number, start in starts:
        length = bisect_right(lasts, start)
        lasts[length : length + 1] = [start]
        rows.append((number, length))
    kept, wanted = set(), len(lasts) - 1
    for number, length in reversed(rows):
        if length == wanted:
            kept.add(number)
            wanted -= 1
    return kept


def _end_ms(words: Iterable[HeardWord], limit_ms: int) -> int:
    """Where a portion ends that does not say it: with its last word, or with the recording."""
    ends = [end for end in (milliseconds(word.end_offset) for word in words) if end is not None and end <= limit_ms]
    return max(ends, default=limit_ms)


def _ratio(number: float | None) -> float | None:
    """Google's zero means that it does not know."""
    return min(1.0, number) if number is not None and number > 0 else None


def _billed_ms(response: Response) -> int:
    files = [milliseconds(file.metadata.total_billed_duration) or 0 for file in response.results.values()]
    return milliseconds(response.total_billed_duration) or sum(files)


def _model(request: BatchRecognize | None) -> str | None:
    return request.config.model or None if request is not None else None


def _params(request: BatchRecognize | None) -> dict[str, str]:
    if request is None:
        return {}
    return {"language": ",".join(request.config.language_codes) or AUTO, "strategy": request.processing_strategy or "standard"}


def _usage(request: BatchRecognize | None, billed_ms: int) -> Usage | None:
    """Null when the operation does not tell what was asked for: cost is never a guess."""
    model = _model(request)
    if request is None or model is None or not billed_ms:
        return None
    batched = request.processing_strategy == DYNAMIC_BATCHING
    return Usage(billed_ms=billed_ms, items=(f"{model}-dynamic_batch" if batched else model,))
