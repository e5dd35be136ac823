"""What Google answers lands in our terms with its units right; impossible times are mended, and garbage is told."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.transcriber.engines.google.answer import milliseconds, parse
from services.transcriber.engines.google.languages import LANGUAGES, google_code, our_code
from services.transcriber.prices import price_list
from shared.errors import JobError
from shared.schemas.transcripts import WordSource, render_words


def word(text: str, start: str | None = None, end: str | None = None, **more: Any) -> dict[str, Any]:
    """A word as Google gives it."""
    offsets = {"startOffset": start, "endOffset": end}
    return {"word": text, **{name: offset for name, offset in offsets.items() if offset is not None}, **more}


def result(*words: dict[str, Any], end: str | None = None, language: str = "en-us", transcript: str = "") -> dict[str, Any]:
    """A portion of the recording."""
    known = {"alternatives": [{"transcript": transcript, "words": list(words)}], "languageCode": language}
    return known if end is None else {**known, "resultEndOffset": end}


def operation(*results: dict[str, Any], billed: str = "20s", inline: bool = True, **config: Any) -> bytes:
    """A finished operation on one recording."""
    transcript = {"results": list(results)}
    file: dict[str, Any] = {"inlineResult": {"transcript": transcript}} if inline else {"transcript": transcript}
    strategy = {"processingStrategy": config.pop("strategy")} if "strategy" in config else {}
    request = {"config": {"model": "chirp_2", "languageCodes": ["auto"], **config}, "files": [{"uri": "gs://b/a"}], **strategy}
    return msgspec.json.encode(
        {
            "name": "projects/p/locations/l/operations/1",
            "done": True,
            "metadata": {"batchRecognizeRequest": request, "progressPercent": 100},
            "response": {"results": {"gs://b/a": file}, "totalBilledDuration": billed},
        }
    )


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        ("1.200s", 1200),
        ("0s", 0),
        ("3661s", 3_661_000),
        ("0.000999999s", 1),
        ("-0.5s", -500),
        (None, None),
        ("1200ms", None),
        ("1.2", None),
        ("1e3s", None),
        ("NaNs", None),
        ("٣s", None),
        ("", None),
    ],
)
def test_offsets_become_milliseconds(offset: str | None, expected: int | None) -> None:
    """Or nothing, when they are none."""
    assert milliseconds(offset) == expected


def test_words_have_the_times_that_google_tells() -> None:
    """An offset of zero is left out by Google, and a confidence of zero means that it does not know."""
    heard = parse(operation(result(word("Good", None, "0.4s"), word("day.", "0.5s", "1.25s", confidence=0.0), end="1.3s")))
    words = heard.passages[0].words
    assert [(one.s, one.e, one.c, one.src) for one in words] == [
        (0, 400, None, WordSource.ASR),
        (500, 1250, None, WordSource.ASR),
    ]
    assert (heard.duration_ms, heard.language, heard.language_confidence) == (20_000, "en", None)
    assert heard.notes == ()


def test_the_older_place_of_transcripts_is_read_too() -> None:
    """Google has moved them once."""
    heard = parse(operation(result(word("Hello.", "1s", "2s"), end="2s"), inline=False))
    assert render_words(heard.passages[0].words).strip() == "Hello."


@pytest.mark.parametrize(
    ("start", "end"),
    [("5.000s", "2.000s"), ("900s", "901s"), ("-3s", "-2s"), ("0.1s", "0.2s"), ("9.5s", "9.6s"), ("soon", "later")],
)
def test_impossible_times_are_mended_and_noted(start: str, end: str) -> None:
    """A word stands between its neighbours then, marked; theirs are kept."""
    neighbours = word("zero", "0.5s", "0.9s"), word("one", "1s", "2s"), word("three", "3s", "4s")
    heard = parse(operation(result(*neighbours[:2], word("two", start, end), neighbours[2], end="10s")))
    words = heard.passages[0].words
    assert [(one.t, one.s, one.e, one.src) for one in words] == [
        ("zero", 500, 900, WordSource.ASR),
        ("one", 1000, 2000, WordSource.ASR),
        ("two", 2000, 3000, WordSource.INTERPOLATED),
        ("three", 3000, 4000, WordSource.ASR),
    ]
    assert heard.notes == ("times_mended",)


def test_words_without_times_are_spread_over_their_portion() -> None:
    """As chirp_3 gives them: between the end of the portion before and their own, by their lengths."""
    heard = parse(
        operation(
            result(word("Hi.", speakerLabel="1"), end="3s"),
            result(word("Good", speakerLabel="2"), word("day", speakerLabel="2"), word("Bye", speakerLabel="1"), end="8s"),
        )
    )
    spoken = [(passage.speaker, [(one.t, one.s, one.e) for one in passage.words]) for passage in heard.passages]
    assert spoken == [
        ("1", [("Hi.", 0, 3000)]),
        ("2", [("Good", 3000, 5000), ("day", 5000, 6500)]),
        ("1", [("Bye", 6500, 8000)]),
    ]
    assert {one.src for passage in heard.passages for one in passage.words} == {WordSource.INTERPOLATED}
    assert heard.notes == ("no_word_times",)


def test_a_text_without_words_is_split_into_them() -> None:
    """Chinese by its characters, with the punctuation that follows."""
    heard = parse(operation(result(transcript="我們用 Audio2txt 記錄。", end="4s", language="cmn-hant-tw")))
    assert [one.t for one in heard.passages[0].words] == ["我", "們", "用", "Audio2txt", "記", "錄。"]
    assert render_words(heard.passages[0].words).strip() == "我們用 Audio2txt 記錄。"
    assert (heard.passages[0].language, heard.language) == ("zh", "zh")


def test_the_language_of_most_words_is_the_recordings() -> None:
    """Each portion has its own."""
    heard = parse(
        operation(
            result(word("Hello", "0s", "1s"), word("there.", "1s", "2s"), end="2s"),
            result(word("你好", "2s", "3s"), end="3s", language="cmn-hans-cn"),
        )
    )
    assert [passage.language for passage in heard.passages] == ["en", "zh"]
    assert heard.language == "en"


@pytest.mark.parametrize(
    ("config", "item"),
    [({}, "chirp_2"), ({"model": "chirp_3", "strategy": "DYNAMIC_BATCHING"}, "chirp_3-dynamic_batch")],
)
def test_what_is_charged_is_what_google_counts(config: dict[str, Any], item: str) -> None:
    """Under the names of the price list."""
    usage = parse(operation(result(word("Hello.", "0s", "1s"), end="1s"), billed="61s", **config)).usage
    assert usage is not None
    assert (usage.billed_ms, usage.items) == (61_000, (item,))
    assert item in {price.item for price in price_list().prices if price.provider == "google"}


def test_nobody_guesses_what_is_charged() -> None:
    """Without the request in the operation, there is no cost."""
    raw = msgspec.json.encode({"name": "n", "done": True, "response": {"results": {}, "totalBilledDuration": "5s"}})
    assert parse(raw).usage is None


def test_silence_has_no_words() -> None:
    """And is no failure of the engine."""
    assert parse(operation()).passages == ()
    assert parse(operation({"resultEndOffset": "5s"})).passages == ()


@pytest.mark.parametrize("raw", [b"", b"<html>", b"\xff", b"[]", operation(result(word("a", "0s", "1s")))[:-9], b'{"name": 3}'])
def test_garbage_is_not_taken_for_a_refusal(raw: bytes) -> None:
    """It cannot be read, whatever it is; a `JobError` would have a retry ask, and pay, again."""
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        parse(raw)


def test_an_operation_that_is_done_with_nothing_is_a_failure() -> None:
    """The recording can be given to Google again."""
    with pytest.raises(JobError, match="gave no transcript"):
        parse(b'{"name": "operations/1", "done": true}')


@pytest.mark.parametrize(
    ("code", "retryable"), [(3, False), (5, True), (7, True), (8, True), (13, True), (14, True), (2, False)]
)
def test_a_failure_says_whether_a_retry_may_help(code: int, retryable: bool) -> None:
    """By the code of the operation, or of the recording in it."""
    status = {"code": code, "message": "Audio encoding is not supported."}
    whole = {"name": "n", "done": True, "error": status}
    of_file = {"name": "n", "done": True, "response": {"results": {"gs://b/a": {"error": status}}}}
    for document in (whole, of_file):
        with pytest.raises(JobError, match="not supported") as failed:
            parse(msgspec.json.encode(document))
        assert failed.value.failure.retryable is retryable


@pytest.mark.parametrize(
    ("language", "tag"),
    [
        ("en", "en-US"),
        ("en-GB", "en-GB"),
        ("en-ZA", "en-US"),
        ("zh-Hant", "cmn-Hant-TW"),
        ("zh-Hans-CN", "cmn-Hans-CN"),
        ("zh-HK", "yue-Hant-HK"),
        ("he", "iw-IL"),
        ("nb", "no-NO"),
    ],
)
def test_languages_have_googles_names(language: str, tag: str) -> None:
    """With the region that Google wants."""
    assert google_code(language) == tag


def test_every_language_declared_can_be_asked_for() -> None:
    """And is recognised in an answer."""
    assert all(google_code(language) for language in LANGUAGES)
    assert [our_code(tag) for tag in ("cmn-Hant-TW", "iw-il", "yue-hant-hk", "en-us")] == ["zh", "he", "yue", "en"]
