"""Writes words as the customer's vocabularies want them: on record, and so that it can be undone.

The last step from what was recognised to the transcript, after the script. Word times stay; what was recognised stays beside
what changed, and the transcript says which rule changed how much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from services.transcriber.chinese import findings
from services.transcriber.replacing.rules import Match, Rule, Rules, rewritten, rules_of
from shared.schemas.transcripts import ProcessingStep, Replaced, Segment, Transcript, Word, WordSource, render_words
from shared.schemas.vocabularies import Vocabulary
from shared.words import as_recognised, interpolate, separated_words

STEP = "vocabulary-replace"
NOTE = "vocabulary_replaced"
"""Code in `Quality.notes` of a transcript in which at least one word was replaced."""


def with_replacements(transcript: Transcript, vocabularies: Sequence[Vocabulary]) -> Transcript:
    """The transcript with the words of the vocabularies. A pure function."""
    rules = Rules(rules_of(vocabularies))
    if not rules:
        return transcript
    counts: Counter[Rule] = Counter()
    segments = []
    for segment in transcript.segments:
        matches = list(rules.matches(segment.text))
        counts.update(match.rule for match in matches)
        segments.append(_replaced(segment, matches) if matches else segment)
    insights = transcript.insights and findings.rewritten(
        transcript.insights, lambda text: rewritten(text, rules.matches(text))
    )
    changed = bool(counts) or insights != transcript.insights
    notes = (*transcript.quality.notes, NOTE) if changed else transcript.quality.notes
    step = ProcessingStep(
        step=STEP,
        tool="audio2txt",
        config=", ".join(f"{one.name}@{one.version}" for one in vocabularies),
        replaced=tuple(_record(rule, counts[rule]) for rule in dict.fromkeys(rules_of(vocabularies)) if counts[rule]),
    )
    return msgspec.structs.replace(
        transcript,
        segments=tuple(segments),
        insights=insights,
        processing=(*transcript.processing, step),
        quality=msgspec.structs.replace(transcript.quality, notes=notes),
    )


def _record(rule: Rule, count: int) -> Replaced:
    return Replaced(vocabulary=rule.vocabulary, from_=rule.found, to=rule.written, count=count)


def _replaced(segment: Segment, matches: Sequence[Match]) -> Segment:
    if not segment.words:
        raw = segment.text if segment.raw is None else segment.raw
        return msgspec.structs.replace(segment, text=rewritten(segment.text, matches), raw=raw)
    words = tuple(_words(segment, matches))
    kept = segment.raw_words
    if not kept and [word.sep for word in words] != [word.sep for word in segment.words]:
        kept = as_recognised(segment)
    return msgspec.structs.replace(segment, text=render_words(words), words=words, raw_words=kept)


def _words(segment: Segment, matches: Sequence[Match]) -> Iterator[Word]:
    """The words of a segment, those that matches touch written anew."""
    places = _places(segment.words)
    at = 0
    for first, last, some in _touched(places, matches):
        yield from segment.words[at:first]
        begin, end = places[first][0], places[last][1]
        text = rewritten(segment.text[begin:end], (_moved(match, begin) for match in some))
        yield from _written_anew(segment.words[first : last + 1], text)
        at = last + 1
    yield from segment.words[at:]


def _places(words: Sequence[Word]) -> list[tuple[int, int]]:
    """Where each word begins and ends in the text, without what stands before it."""
    places, at = [], 0
    for word in words:
        begin = at + len(word.sep)
        at = begin + len(word.t)
        places.append((begin, at))
    return places


def _touched(places: Sequence[tuple[int, int]], matches: Sequence[Match]) -> Iterator[tuple[int, int, list[Match]]]:
    """The first and last word that matches touch, matches that share a word together."""
    group: list[Match] = []
    first = last = number = 0
    for match in matches:
        while places[number][1] <= match.begin:
            number += 1
        begin = number
        while places[number][1] < match.end:
            number += 1
        if group and begin <= last:
            group, last = [*group, match], number
            continue
        if group:
            yield first, last, group
        group, first, last = [match], begin, number
    yield first, last, group


def _written_anew(words: Sequence[Word], text: str) -> Iterator[Word]:
    """The words that a text is, in the time of those that were there: one for one where there are as many."""
    parts = [(words[0].sep, text)] if len(words) == 1 and " " not in text else separated_words(text)
    if len(parts) == len(words):
        for word, (sep, part) in zip(words, parts, strict=True):
            yield _changed(word, part, sep=word.sep if word is words[0] else sep)
        return
    confidence = min((word.c for word in words if word.c is not None), default=None)
    start, end = words[0].s, words[-1].e
    made = [Word(t=part, sep=sep, c=confidence) for sep, part in parts]
    made[0] = msgspec.structs.replace(made[0], sep=words[0].sep)
    if len(made) == 1:
        made = [msgspec.structs.replace(made[0], s=start, e=end, raw=_raw(words))]
    elif start is not None and end is not None:
        made = interpolate(made, start, end, source=WordSource.INTERPOLATED)
    yield from made


def _changed(word: Word, text: str, *, sep: str) -> Word:
    if text == word.t and sep == word.sep:
        return word
    raw = word.t if word.raw is None else word.raw
    return msgspec.structs.replace(word, t=text, sep=sep, raw=None if raw == text else raw)


def _raw(words: Sequence[Word]) -> str:
    return render_words([msgspec.structs.replace(word, t=word.t if word.raw is None else word.raw) for word in words]).lstrip()


def _moved(match: Match, by: int) -> Match:
    return Match(begin=match.begin - by, end=match.end - by, rule=match.rule, written=match.written)
