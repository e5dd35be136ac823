"""The vendor's analyses, imitated: right in shape, and always the same for the same words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from services.sandbox.assemblyai.answer import (
    Chapter,
    Highlight,
    Highlights,
    Safety,
    SafetyLabel,
    SafetySection,
    Sentiment,
    Severity,
    Timestamp,
    TopicLabel,
    Topics,
    TopicSection,
)
from services.sandbox.assemblyai.entities import PUNCTUATION
from services.sandbox.assemblyai.sentences import Sentence, paragraphs, sentences
from services.sandbox.assemblyai.speech import Word, joined

_SENTENCES_A_CHAPTER = 8
_HIGHLIGHTS = 10
_SHORTEST_HIGHLIGHT = 5
_GIST_WORDS = 4
_GOOD = {
    "agreed", "best", "better", "glad", "good", "great", "happy", "happiest", "love", "prefer", "thank", "well", "wise",
    "wisdom",
}  # fmt: skip
_BAD = {
    "angry", "bad", "despair", "fail", "foolishness", "hate", "incredulity", "lost", "problem", "sad", "small", "sorry",
    "worried", "worst", "wrong",
}  # fmt: skip
_TOPICS = {
    "sales": "BusinessAndFinance>Industries>RetailIndustry",
    "contract": "BusinessAndFinance>Business>BusinessAdministration",
    "engineers": "Careers>CareerAdvice",
    "figures": "BusinessAndFinance>Business>BusinessAccounting&Finance",
    "office": "RealEstate>OfficeProperty",
    "times": "BooksAndLiterature>Fiction",
    "wisdom": "Religion&Spirituality",
    "weather": "NewsAndPolitics>Weather",
}
_DELICATE = {
    "despair": "crime_violence",
    "war": "disasters",
    "drug": "drugs",
    "guillotine": "crime_violence",
    "death": "crime_violence",
    "fire": "disasters",
}
_ELSE = "BusinessAndFinance>Business"


def sentiments(words: Sequence[Word]) -> list[Sentiment]:
    """One for each sentence."""
    return [
        Sentiment(
            text=sentence.text,
            start=sentence.start,
            end=sentence.end,
            sentiment=_feeling(sentence),
            confidence=0.75,
            speaker=sentence.speaker,
            channel=sentence.channel,
        )
        for sentence in sentences(words)
    ]


def highlights(words: Sequence[Word]) -> Highlights:
    """The long words that are said most."""
    places: dict[str, list[Word]] = {}
    for word in words:
        bare = _bare(word)
        if len(bare) >= _SHORTEST_HIGHLIGHT:
            places.setdefault(bare, []).append(word)
    most = sorted(places.items(), key=lambda place: (-len(place[1]), place[0]))[:_HIGHLIGHTS]
    total = sum(len(found) for _, found in most)
    return Highlights(
        results=[
            Highlight(
                count=len(found),
                rank=round(len(found) / total, 2),
                text=text,
                timestamps=[Timestamp(word.start, word.end) for word in found],
            )
            for text, found in most
        ]
    )


def topics(words: Sequence[Word]) -> Topics:
    """What each paragraph is about."""
    results = []
    for paragraph in paragraphs(words):
        labels = _labels(paragraph.words, _TOPICS) or [_ELSE]
        results.append(
            TopicSection(
                text=paragraph.text,
                labels=[TopicLabel(relevance=round(0.9 / (place + 1), 4), label=label) for place, label in enumerate(labels)],
                timestamp=Timestamp(paragraph.start, paragraph.end),
            )
        )
    found = Counter(label.label for section in results for label in section.labels)
    return Topics(results=results, summary={label: count / len(results) for label, count in found.items()})


def safety(words: Sequence[Word]) -> Safety:
    """Which paragraphs are delicate."""
    results, first = [], 0
    for paragraph in paragraphs(words):
        beyond = first + len(sentences(paragraph.words))
        if labels := _labels(paragraph.words, _DELICATE):
            results.append(
                SafetySection(
                    text=paragraph.text,
                    labels=[SafetyLabel(label=label, confidence=0.8, severity=0.4) for label in labels],
                    sentences_idx_start=first,
                    sentences_idx_end=beyond - 1,
                    timestamp=Timestamp(paragraph.start, paragraph.end),
                )
            )
        first = beyond
    found = dict.fromkeys((label.label for section in results for label in section.labels), 0.8)
    return Safety(results=results, summary=found, severity_score_summary=dict.fromkeys(found, Severity(0.6, 0.4, 0.0)))


def chapters(words: Sequence[Word]) -> list[Chapter]:
    """Every sentence is in one of them."""
    return [
        Chapter(
            gist=joined(word.text for word in run[0].words[:_GIST_WORDS]).strip(PUNCTUATION),
            headline=run[0].text,
            summary=joined(sentence.text for sentence in run[:2]),
            start=run[0].start,
            end=run[-1].end,
        )
        for run in _runs(sentences(words))
    ]


def summary(words: Sequence[Word], kind: str | None) -> str:
    """The chapters in short; `kind` is the `summary_type`."""
    found = chapters(words)
    match kind:
        case "gist":
            return found[0].gist if found else ""
        case "headline":
            return found[0].headline if found else ""
        case "paragraph":
            return joined(chapter.headline for chapter in found)
        case _:
            return "\n".join(f"- {chapter.headline}" for chapter in found)


def _feeling(sentence: Sentence) -> str:
    said = [_bare(word) for word in sentence.words]
    score = sum(word in _GOOD for word in said) - sum(word in _BAD for word in said)
    return "POSITIVE" if score > 0 else "NEGATIVE" if score < 0 else "NEUTRAL"


def _labels(words: Sequence[Word], known: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(known[bare] for word in words if (bare := _bare(word)) in known))


def _runs(found: Sequence[Sentence]) -> Iterator[Sequence[Sentence]]:
    for start in range(0, len(found), _SENTENCES_A_CHAPTER):
        yield found[start : start + _SENTENCES_A_CHAPTER]


def _bare(word: Word) -> str:
    return word.text.strip(PUNCTUATION).casefold()
