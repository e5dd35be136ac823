"""Words get the speaker in whose turn they lie, and sentences are not torn apart by a single word."""

from __future__ import annotations

from services.transcriber.engines.local.attribution import attribute
from services.transcriber.engines.local.messages import HeardPassage, HeardWord, Turn


def _passage(text: str, *, start_ms: int = 0, each_ms: int = 400) -> HeardPassage:
    words = tuple(
        HeardWord(
            text=f" {word}", start_ms=start_ms + number * each_ms, end_ms=start_ms + (number + 1) * each_ms, probability=1
        )
        for number, word in enumerate(text.split())
    )
    return HeardPassage(words=words, avg_logprob=-0.2, compression_ratio=1.5, no_speech_prob=0.1, temperature=0.0)


def _said(passages: list[HeardPassage], turns: list[Turn]) -> list[list[tuple[int, str]]]:
    shares = attribute(passages, turns)
    return [[(speaker, "".join(word.text for word in words).strip()) for speaker, words in share] for share in shares]


def test_a_passage_of_two_people_is_cut_between_them() -> None:
    """Where one turn ends and the next begins."""
    passage = _passage("How are you? Fine, thank you.")
    assert _said([passage], [Turn(0, 1_200, 0), Turn(1_200, 2_400, 1)]) == [[(0, "How are you?"), (1, "Fine, thank you.")]]


def test_one_word_of_a_sentence_does_not_change_speaker() -> None:
    """Times of words are not exact, so a boundary often lies a word too early or too late."""
    passage = _passage("How are you? Fine, thank you.")
    assert _said([passage], [Turn(0, 1_600, 0), Turn(1_600, 2_400, 1)]) == [[(0, "How are you?"), (1, "Fine, thank you.")]]


def test_a_reply_of_one_word_keeps_its_speaker() -> None:
    """It is a sentence of its own."""
    passages = [_passage("Do you hear me? Yes. Good.")]
    turns = [Turn(0, 1_600, 0), Turn(1_600, 2_000, 1), Turn(2_000, 2_400, 0)]
    assert _said(passages, turns) == [[(0, "Do you hear me?"), (1, "Yes."), (0, "Good.")]]


def test_whoever_takes_over_in_the_middle_of_a_sentence_may() -> None:
    """When it is more than a word, and long enough to be believed."""
    passage = _passage("so what I wanted to say no wait a moment please")
    turns = [Turn(0, 2_400, 0), Turn(2_400, 4_400, 1)]
    assert _said([passage], turns) == [[(0, "so what I wanted to say"), (1, "no wait a moment please")]]


def test_where_two_speak_at_once_the_first_goes_on() -> None:
    """The recogniser hears one of them; most likely whoever it was hearing."""
    passage = _passage("and then we went home")
    assert _said([passage], [Turn(0, 2_000, 0), Turn(400, 2_000, 1)]) == [[(0, "and then we went home")]]


def test_a_word_in_a_pause_goes_to_whoever_is_nearest() -> None:
    """Speech that the speaker networks did not hear has an owner too."""
    passages = [_passage("Hello.", start_ms=1_000), _passage("Goodbye.", start_ms=9_000)]
    assert _said(passages, [Turn(0, 900, 1), Turn(10_000, 12_000, 0)]) == [[(1, "Hello.")], [(0, "Goodbye.")]]


def test_a_long_turn_is_found_behind_short_ones() -> None:
    """Somebody speaks for long while others throw in words."""
    turns = [Turn(0, 60_000, 0), *(Turn(start, start + 300, 1) for start in range(1_000, 50_000, 5_000))]
    assert _said([_passage("as I was saying", start_ms=52_000)], turns) == [[(0, "as I was saying")]]


def test_every_word_is_kept_in_its_order() -> None:
    """However often speakers change."""
    passages = [_passage("one two. three four five", start_ms=start) for start in range(0, 20_000, 2_000)]
    turns = [Turn(start, start + 700, number % 3) for number, start in enumerate(range(0, 20_000, 700))]
    shares = attribute(passages, turns)
    for passage, share in zip(passages, shares, strict=True):
        assert tuple(word for _, words in share for word in words) == passage.words
