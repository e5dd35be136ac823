"""Takes over what the speech engine found out: chapters, summary, highlights and names, each with the words that bear it out.

The engine names moments at best, and speaks in words of its own; which sentences its findings rest on is worked out here, so
that they can be checked like everybody's. Sections that it has nothing for stay empty.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from services.reporter.analysis.claims import Brief, Claim, Draft, Source
from services.reporter.analysis.evidence.overlap import carrying
from services.reporter.analysis.sentences import Sentence, split
from services.reporter.analysis.words import fold
from services.reporter.characters import clean
from shared.schemas.jobs import ReportMode
from shared.schemas.solutions import Section, SectionKind
from shared.schemas.transcripts import Insights, Transcript

_MOST_SENTENCES = 3
"""That a finding is said to rest on."""

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[\"“'A-Z0-9])|(?<=[。！？])|\s*\n\s*")
_BULLET = re.compile(r"^[-*•·]\s*")
_NAMES = re.compile(
    r"person|organi|compan|location|place|product|event|brand|drug|condition|medical|injury|language|nationality"
)
"""Types of entities that are terms of their own; amounts and dates are not."""


def take_over(brief: Brief) -> Draft | None:
    """The engine's findings as claims; null where it has none that a section of the scenario could use."""
    insights = brief.transcript.insights
    if insights is None:
        return None
    findings = _Findings(insights, _Spoken(brief.transcript))
    claims = {section.id: tuple(findings.claims(section))[: section.max_items] for section in brief.solution.sections}
    return Draft(mode=ReportMode.PROVIDER, claims=claims) if any(claims.values()) else None


class _Spoken:
    """The sentences of the recording, to be found by their words or their time."""

    def __init__(self, transcript: Transcript) -> None:
        self._sentences = split(transcript.segments)
        self._words = [frozenset(carrying(fold(sentence.text))) for sentence in self._sentences]
        self._starts = [sentence.start_ms for sentence in self._sentences]

    def bearing(self, text: str, start_ms: int = 0, end_ms: int | None = None) -> tuple[Source, ...]:
        """The sentences of a stretch that share most words with a text, each with words that those before it lack."""
        missing = set(carrying(fold(text)))
        places = [
            place
            for place, sentence in enumerate(self._sentences)
            if sentence.end_ms > start_ms and (end_ms is None or sentence.start_ms < end_ms)
        ]
        chosen: list[int] = []
        while missing and places and len(chosen) < _MOST_SENTENCES:
            best = max(places, key=lambda place: (len(self._words[place] & missing), -len(self._words[place]), -place))
            if missing.isdisjoint(self._words[best]):
                break
            chosen.append(best)
            missing -= self._words[best]
        if not chosen and start_ms and places:
            chosen = places[:1]
        return tuple(source for place in sorted(chosen) for source in self._sentences[place].sources)

    def at(self, start_ms: int, text: str) -> Sentence | None:
        """The sentence at a moment that holds a text, as far as the engine's times can be trusted."""
        place = bisect_right(self._starts, start_ms) - 1
        near = sorted(range(max(0, place - 2), min(len(self._sentences), place + 3)), key=lambda one: abs(one - place))
        return next((self._sentences[one] for one in near if _folded(text) in _folded(self._sentences[one].text)), None)


class _Findings:
    """What the engine found out, section by section."""

    def __init__(self, insights: Insights, spoken: _Spoken) -> None:
        self._insights = insights
        self._spoken = spoken

    def claims(self, section: Section) -> Iterator[Claim]:
        """What belongs into a section. Nobody's part in the recording is known, so sections of single roles stay empty."""
        if section.speaker_roles or section.columns:
            return
        match section.kind:
            case SectionKind.OVERVIEW:
                yield from self._overview()
            case SectionKind.OUTLINE:
                yield from self._outline()
            case SectionKind.POINTS:
                yield from self._points(section)
            case SectionKind.KEYWORDS:
                yield from self._keywords()
            case SectionKind.ACTIONS | SectionKind.DECISIONS | SectionKind.QUESTIONS | SectionKind.QUOTES:
                return

    def _overview(self) -> Iterator[Claim]:
        """The summary; without one, what the chapters are about."""
        for text in _sentences(self._insights.summary or ""):
            yield Claim(text=text, sources=self._spoken.bearing(text))
        if not self._insights.summary:
            for chapter in self._insights.chapters or ():
                text = clean(chapter.summary or chapter.headline)
                yield Claim(text=text, sources=self._spoken.bearing(text, chapter.start_ms, chapter.end_ms))

    def _outline(self) -> Iterator[Claim]:
        for chapter in self._insights.chapters or ():
            headline, text = clean(chapter.headline), clean(chapter.summary or "")
            sources = self._spoken.bearing(f"{headline} {text}", chapter.start_ms, chapter.end_ms)
            yield Claim(text=text or headline, label=headline if text else None, sources=sources)

    def _points(self, section: Section) -> Iterator[Claim]:
        """The sentences that hold what the engine highlighted, where they speak of the section's subject."""
        cues = [_folded(cue) for cues in section.cues.values() for cue in cues]
        told: set[str] = set()
        for sentence in self._highlighted():
            folded = _folded(sentence.text)
            if sentence.text not in told and (not cues or any(cue in folded for cue in cues)):
                told.add(sentence.text)
                yield Claim(text=sentence.text, sources=sentence.sources)

    def _highlighted(self) -> Iterator[Sentence]:
        for highlight in self._insights.highlights or ():
            for moment in highlight.moments:
                if sentence := self._spoken.at(moment.start_ms, highlight.text):
                    yield sentence

    def _keywords(self) -> Iterator[Claim]:
        """Highlights, then names; each once."""
        terms: dict[str, Claim] = {}
        for text, starts in self._terms():
            sentences = [sentence for start_ms in starts if (sentence := self._spoken.at(start_ms, text))]
            sources = tuple(source for sentence in sentences[:1] for source in sentence.sources)
            terms.setdefault(_folded(text), Claim(text=clean(text), sources=sources))
        yield from terms.values()

    def _terms(self) -> Iterator[tuple[str, Sequence[int]]]:
        for highlight in self._insights.highlights or ():
            yield highlight.text, [moment.start_ms for moment in highlight.moments]
        for entity in self._insights.entities or ():
            if _NAMES.search(entity.type.lower()):
                yield entity.text, [entity.start_ms]


def _sentences(text: str) -> Iterator[str]:
    return filter(None, (_BULLET.sub("", clean(part)) for part in _SENTENCE_END.split(text)))


def _folded(text: str) -> str:
    return fold(clean(text)).lower()
