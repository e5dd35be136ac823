"""Finds what is named in speech: by patterns and short lists, so that the same words always give the same entities."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from services.sandbox.assemblyai.answer import Entity
from services.sandbox.assemblyai.sentences import ends_sentence
from services.sandbox.assemblyai.speech import Word, joined

PUNCTUATION = ".,;:!?\"'()[]…。，、；：！？「」『』（）“”‘’"
_PATTERNS = (
    ("email_address", re.compile(r"[\w.+-]+@[\w-]+(\.[\w-]+)+")),
    ("url", re.compile(r"(https?://|www\.)\S+")),
    ("us_social_security_number", re.compile(r"\d{3}-\d{2}-\d{4}")),
    ("ip_address", re.compile(r"\d{1,3}(\.\d{1,3}){3}")),
    ("phone_number", re.compile(r"\+?\d[\d-]{6,}\d")),
    ("credit_card_number", re.compile(r"\d{13,19}")),
    ("money_amount", re.compile(r"[$€£¥]\d[\d,.]*[kKmM]?")),
    ("time", re.compile(r"\d{1,2}:\d{2}")),
    ("date", re.compile(r"(\d{1,4}[/年月]\d{1,2}.*)|([一二三四五六七八九十]+月.*)")),
    ("number_sequence", re.compile(r"\d[\d,.]*%?")),
)
_DATES = {
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "January", "February", "March", "April",
    "May", "June", "July", "August", "September", "October", "November", "December",
}  # fmt: skip
_LOCATIONS = {
    "America", "Australia", "Berlin", "Boston", "Britain", "California", "Canada", "Chicago", "China", "England", "Europe",
    "France", "Germany", "India", "Japan", "London", "Maine", "Maryland", "Minnesota", "Paris", "Spain", "Taipei", "Taiwan",
    "Tokyo", "York",
}  # fmt: skip
_COMPANIES = {"Inc", "Corp", "Ltd", "LLC", "GmbH"}
_NO_NAMES = {"I", "I'm", "I'll", "I've", "I'd", "OK", "Mr", "Mrs", "Ms", "Dr", "God"}


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Words from `first` up to but not including `beyond`."""

    entity_type: str
    first: int
    beyond: int


def find(words: Sequence[Word]) -> list[Span]:
    """Everything named, in order; neighbouring words of one type are one entity."""
    spans: list[Span] = []
    for number, kind in _kinds(words):
        last = spans[-1] if spans else None
        if last is not None and last.entity_type == kind and last.beyond == number and _goes_on(words[number - 1]):
            spans[-1] = msgspec.structs.replace(last, beyond=number + 1)
        else:
            spans.append(Span(entity_type=kind, first=number, beyond=number + 1))
    return spans


def entities(words: Sequence[Word]) -> list[Entity]:
    """As the vendor writes them."""
    return [
        Entity(
            entity_type=span.entity_type,
            text=joined(word.text for word in words[span.first : span.beyond]).strip(PUNCTUATION),
            start=words[span.first].start,
            end=words[span.beyond - 1].end,
        )
        for span in find(words)
    ]


def _kinds(words: Sequence[Word]) -> Iterator[tuple[int, str]]:
    opens = True
    for number, word in enumerate(words):
        kind = _kind(word.text.strip(PUNCTUATION), opens_sentence=opens)
        if kind is not None:
            yield number, kind
        opens = ends_sentence(word)


def _kind(text: str, *, opens_sentence: bool) -> str | None:
    for kind, pattern in _PATTERNS:
        if pattern.fullmatch(text):
            return kind
    bare = text.removesuffix("'s")
    if bare in _DATES and not (opens_sentence and bare in {"May", "March"}):
        return "date"
    if bare in _LOCATIONS:
        return "location"
    if bare in _COMPANIES:
        return "organization"
    named = len(bare) > 1 and bare[0].isupper() and bare[1:].islower() and bare not in _NO_NAMES
    return "person_name" if named and not opens_sentence else None


def _goes_on(word: Word) -> bool:
    return word.text[-1:] not in PUNCTUATION
