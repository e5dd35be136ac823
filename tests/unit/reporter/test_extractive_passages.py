"""Turns of phrase are looked for in all sentences at once, and must be found as if each were looked at alone."""

from __future__ import annotations

import pytest

from services.reporter.analysis.extractive.passages import Lines, Passages
from services.reporter.analysis.extractive.phrases import Phrase
from services.reporter.analysis.words import fold

STAMMER = Phrase(r"\b(\w+)[,\s]+\1\b")
NEGATED = Phrase(r"\bnot\b[^,]{1,40}\bbut\b", r"不是[^，]{1,20}而是")
ENDING = Phrase(r"\?\W*$", r"嗎[。\s]*$")
OPENING = Phrase(r"^(?:but|and)\b", r"^(?:但是|而且)")
SENTENCES = (
    "We go home now",
    "now we eat",
    "It was was not",
    "easy but good, not bad but fine",
    "But why? ",
    "這不是",
    "困難而是機會，不是問題而是轉機",
    "但是 ok ok 嗎",
    "İstanbul is not İzmir but but",
    "",
)


@pytest.mark.parametrize("phrase", [STAMMER, NEGATED, ENDING, OPENING], ids=["stammer", "negated", "ending", "opening"])
def test_what_is_found_in_all_sentences_is_what_is_found_in_each(phrase: Phrase) -> None:
    """Nothing reaches from one sentence into the next, and nothing there is missed for it."""
    folded = [fold(sentence) for sentence in SENTENCES]
    alone = [number for number, text in enumerate(folded) if phrase.search(text)]
    assert phrase.found(Lines(folded)) == alone
    assert alone


def test_some_of_the_sentences_keep_their_numbers_and_places() -> None:
    """Where a pattern stands is told by the sentence's own number, and from its own beginning."""
    lines = Passages(["Call Carla", "call Ben"], [3, 8], cased=True)
    names = Phrase(r"(?P<who>(?-i:[A-Z]))\w+$", cased=True)
    assert names.latin is not None
    found = [(one.number, one.match.start() - one.begin) for one in lines.finditer(names.latin)]
    assert found == [(3, 5), (8, 5)]
