"""Words whose server tells no times get honest ones: within speech, in order, and marked as interpolated."""

from __future__ import annotations

from itertools import pairwise

from services.transcriber.engines.openai.timing import Timed, align, spread
from shared.schemas.transcripts import Word, WordSource, render_words
from shared.words import split_words


def timed(*words: tuple[str, int, int]) -> list[Timed]:
    """Words with start and end, as a server tells them."""
    return [Timed(text=text, start_ms=start, end_ms=end) for text, start, end in words]


def spans(words: list[Word]) -> list[tuple[int | None, int | None]]:
    """Start and end of each."""
    return [(word.s, word.e) for word in words]


def test_words_are_spread_by_their_letters() -> None:
    """A long word takes longer than a short one, and all of them fill the speech."""
    words = spread(["One", "thousand", "."], [(1_000, 2_200)])
    assert spans(words) == [(1_000, 1_300), (1_300, 2_100), (2_100, 2_200)]
    assert {word.src for word in words} == {WordSource.INTERPOLATED}


def test_no_word_is_said_in_a_pause() -> None:
    """Words lie in the stretches of speech, each as a whole in one of them."""
    speech = [(0, 1_000), (5_000, 6_000), (9_000, 10_000)]
    words = spread(split_words("It was the best of times, it was the worst of times"), speech)
    for word in words:
        assert any(start <= (word.s or 0) <= (word.e or 0) <= end for start, end in speech)
    assert all((before.e or 0) <= (after.s or 0) for before, after in pairwise(words))
    assert words[-1].e == 10_000


def test_a_word_keeps_its_punctuation_and_gets_the_servers_time() -> None:
    """Whisper times bare words; the text has the same ones with commas and full stops."""
    words = align(["Well,", "it's", "done."], timed(("well", 100, 300), ("It's", 320, 500), ("done", 520, 900)), (0, 1_000))
    assert spans(words) == [(100, 300), (320, 500), (520, 900)]
    assert {word.src for word in words} == {WordSource.ASR}
    assert render_words(words).strip() == "Well, it's done."


def test_chinese_is_timed_by_the_character() -> None:
    """The server may time several characters as one word, or one as one."""
    texts = split_words("今天開會，很好。")
    words = align(texts, timed(("今天", 0, 400), ("開", 400, 600), ("會", 600, 800), ("很好", 1_000, 1_400)), (0, 2_000))
    assert [word.t for word in words] == ["今", "天", "開", "會，", "很", "好。"]
    assert spans(words) == [(0, 200), (200, 400), (400, 600), (600, 800), (1_000, 1_200), (1_200, 1_400)]
    assert render_words(words) == "今天開會，很好。"


def test_what_the_server_did_not_time_is_interpolated_and_says_so() -> None:
    """A number that it wrote in digits and timed in letters lies between its neighbours."""
    words = align(
        ["Chapter", "21", "begins"],
        timed(("chapter", 0, 500), ("twenty-one", 500, 1_200), ("begins", 1_300, 1_800)),
        (0, 2_000),
    )
    assert spans(words) == [(0, 500), (500, 1_300), (1_300, 1_800)]
    assert [word.src for word in words] == [WordSource.ASR, WordSource.INTERPOLATED, WordSource.ASR]


def test_words_of_another_text_leave_all_to_interpolation() -> None:
    """Times of words that are not in the text are nobody's."""
    words = align(["yes"], timed(("no", 100, 200)), (0, 1_000))
    assert [(word.s, word.e, word.src) for word in words] == [(0, 1_000, WordSource.INTERPOLATED)]
