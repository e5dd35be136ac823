"""What a transcript holds, made ready once for all sections: its sentences, their words, how well each reads, how telling."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property

import msgspec
import numpy as np

from services.reporter.analysis.claims import Brief, Claim, Source
from services.reporter.analysis.extractive.cues import Cues
from services.reporter.analysis.extractive.passages import Lines, Passages
from services.reporter.analysis.extractive.phrases import Phrase
from services.reporter.analysis.extractive.quality import fluencies, qualities
from services.reporter.analysis.extractive.vectors import Bools, Floats, Vectors
from services.reporter.analysis.sentences import Sentence, is_back_channel, joined, split
from services.reporter.analysis.words import Size, chinese_tokens, content_words, fold, size
from shared.schemas.reports import Cell
from shared.schemas.solutions import LocalisedTerms

_SUBJECT = Phrase(
    r"\b(?:today we|we(?:'re| are) (?:here|going) to (?:discuss|talk|look|decide)|(?:our|the|today's) (?:agenda|aim|goal|"
    r"purpose|topic"
    r"|subject|project|objective)|(?:the )?(?:purpose|aim|goal|topic|subject) (?:of|is)|main (?:point|question|issue|problem)"
    r"|in (?:summary|conclusion)|to (?:summari[sz]e|sum up|conclude)|(?:most|very) important)\b",
    r"今天(?:我們)?(?:要|主要|來|想|的)(?:討論|談|講|看|聊|主題|會議|議題)?|(?:主題|議題|目的|目標|重點|核心|結論)(?:是|"
    r"就是|在於|為)|總結|總的來說|總之|最重要|主要(?:是|有)|歸納",
)
"""Says what it is all about."""
_FIT = 0.2
_LEAST_LEFT = 12
"""Characters."""
_LEAD_IN = Phrase(
    r"(?:(?:'kay|um+|uh+|er+|erm|ah|oh|hmm+|m+|okay|ok|alright|all right|right|well|so|and|yeah|you know|i mean|like|now|"
    r"anyway|"
    r"then)"
    r"(?=[\s,.…])[\s,.…]+)+",
    r"(?:(?:嗯+|呃+|啊|喔|哦|噢|欸|誒|ok|okay|好的?|對|那|沒問題|了解|瞭解|收到|知道了|那個|那麼|然後|所以說?|也就是說|"
    r"就是說|就是|其實|但是呢|"
    r"對ok)[，,、。\s]+|呃+|嗯+|"
    r"然後(?!的)|就是說|那麼(?![多大長高久]))+",
)
"""What people say before they say something."""
_TRAIL = re.compile(
    r"(?:[\s,，、;；:：—–-]++(?:(?:and|but|so|or|okay|ok|right|you know|um+|uh+|like|eh)(?=[\s,]*$))?)+$", re.IGNORECASE
)
"""What is left hanging at the end of a part of a sentence."""
_MAY_TRAIL = re.compile(r"[\s,，、;；:：—–\-a-z]$", re.IGNORECASE)
_LONGEST_LEAD = 200
"""Characters."""


ChineseWord = tuple[str, str, int]
"""A word, its part of speech, and where in the folded sentence it ends."""


class Material:
    """The sentences of one transcript. Lists run parallel to `sentences`."""

    def __init__(self, brief: Brief) -> None:
        self.brief = brief
        segments = brief.transcript.segments
        found = [one for one in split(segments) if not is_back_channel(one.text)]
        self.sentences = [_trimmed(one) for one in found]
        self.folded = [fold(one.text) for one in self.sentences]
        self._matches: dict[str, Floats] = {}

    @cached_property
    def chinese_words(self) -> list[list[ChineseWord]]:
        """The words of each sentence that have more than one character."""
        return [_chinese_words(folded) for folded in self.folded]

    @cached_property
    def words(self) -> list[list[str]]:
        """What each sentence is about."""
        return [
            content_words(folded, [word for word, _, _ in words])
            for folded, words in zip(self.folded, self.chinese_words, strict=True)
        ]

    @cached_property
    def passages(self) -> Passages:
        """The sentences as one text."""
        return Passages(self.folded)

    def matches(self, terms: LocalisedTerms) -> Floats:
        """How strongly each sentence matches cues (`Cues.scores`); the same cues are looked for once."""
        key = repr(terms)
        if key not in self._matches:
            self._matches[key] = Cues(terms).scores(self.passages)
        return self._matches[key]

    @cached_property
    def vectors(self) -> Vectors:
        """The sentences as vectors of their words."""
        return Vectors(self.words)

    @cached_property
    def quality(self) -> Floats:
        """How well each sentence reads, from 0 to 1."""
        return qualities(self.sentences, self.lengths, self.fluency, self.lines)

    @cached_property
    def fluency(self) -> Floats:
        """How little of each sentence is hesitation and repetition, from 0 to 1."""
        return fluencies(self.folded, self.sizes, self.lines)

    @cached_property
    def lengths(self) -> Floats:
        """How long each sentence is (`words.length`)."""
        return np.array([size.length for size in self.sizes], dtype=np.float64)

    @cached_property
    def sizes(self) -> list[Size]:
        """How much each sentence says."""
        return [size(one.text) for one in self.sentences]

    @cached_property
    def lines(self) -> Lines:
        """The sentences as they are searched for turns of phrase."""
        return Lines(self.folded)

    def holding(self, phrase: Phrase) -> Bools:
        """Which sentences hold a turn of phrase."""
        holding = np.zeros(len(self.sentences), dtype=np.bool_)
        holding[phrase.found(self.lines)] = True
        return holding

    @cached_property
    def centrality(self) -> Floats:
        """How much each sentence is about what the recording is about, from 0 to 1."""
        likeness = self.vectors.likeness(self.vectors.centroid(self.quality + 0.05))
        top = float(likeness.max()) if len(likeness) else 0.0
        return likeness / top if top else likeness

    @cached_property
    def telling(self) -> Floats:
        """Centrality and quality in one, with what is said about the subject preferred."""
        says_subject = (self.quality > _FIT) & self.holding(_SUBJECT)
        telling: Floats = (self.centrality**1.5 + 0.1 * says_subject) * self.quality
        return telling

    @cached_property
    def speakers(self) -> tuple[str, ...]:
        """Who speaks, by id, in the transcript's order."""
        return tuple(dict.fromkeys(one.speaker_id for one in self.sentences if one.speaker_id is not None))

    def claim(
        self,
        number: int,
        *,
        text: str | None = None,
        label: str | None = None,
        cells: tuple[Cell, ...] = (),
        also: Iterable[int] = (),
        confidence: float | None = None,
        attributed: bool = False,
    ) -> Claim:
        """A sentence as a statement that quotes it. `also` are sentences that it rests on besides, with a `text` of all."""
        sentence = self.sentences[number]
        return Claim(
            text=text or sentence.text,
            sources=distinct(source for one in (number, *also) for source in self.sentences[one].sources),
            label=label,
            cells=cells,
            speaker_id=sentence.speaker_id if attributed else None,
            confidence=confidence,
        )

    def answer(self, question: int, answer: Sequence[int]) -> Claim:
        """What was answered, with the question as its label."""
        sentences = [self.sentences[number] for number in answer]
        return Claim(
            text=joined(sentence.text for sentence in sentences),
            sources=distinct(source for number in (*answer, question) for source in self.sentences[number].sources),
            label=self.sentences[question].text,
            speaker_id=sentences[0].speaker_id,
        )

    def term(self, text: str, numbers: Sequence[int]) -> Claim:
        """A term, with the clearest of the sentences that hold it."""
        best = max(numbers, key=lambda number: (round(float(self.quality[number]), 9), -number))
        return Claim(text=text, sources=self.sentences[best].sources)


def _chinese_words(folded: str) -> list[ChineseWord]:
    words, end = [], 0
    for word, tag in chinese_tokens(folded):
        size = len(word)
        end += size
        if size > 1:
            words.append((word, tag, end))
    return words


def distinct(sources: Iterable[Source]) -> tuple[Source, ...]:
    """Each source once, in order."""
    return tuple({(source.segment_id, source.quote): source for source in sources}.values())


def _trimmed(sentence: Sentence) -> Sentence:
    """The sentence from where it begins to say something to where it ends; its quotes are as much shorter."""
    quotes = [source.quote for source in sentence.sources]
    first, last = quotes[0], quotes[-1]
    lead = _LEAD_IN.match(fold(first[:_LONGEST_LEAD]))
    if lead is not None and len(first) - lead.end() >= _LEAST_LEFT:
        quotes[0] = first[lead.end() :]
    trail = _TRAIL.search(quotes[-1]) if _MAY_TRAIL.search(last, len(last) - 1) else None
    if trail is not None and trail.start() >= _LEAST_LEFT:
        quotes[-1] = quotes[-1][: trail.start()]
    if quotes[0] is first and quotes[-1] is last:
        capital = sentence.text[:1].upper()
        return sentence if sentence.text.startswith(capital) else _retold(sentence, capital + sentence.text[1:], quotes)
    text = joined(quotes)
    return _retold(sentence, text[:1].upper() + text[1:], quotes)


def _retold(sentence: Sentence, text: str, quotes: Sequence[str]) -> Sentence:
    sources = tuple(
        Source(segment_id=source.segment_id, quote=quote) for source, quote in zip(sentence.sources, quotes, strict=True)
    )
    return msgspec.structs.replace(sentence, text=text, sources=sources)
