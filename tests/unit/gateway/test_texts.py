"""Names, titles and language tags as customers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.texts import LONGEST_NAME, clean_file_name, clean_line, title_of
from shared.languages import canonical


@pytest.mark.parametrize(
    ("given_name", "shown"),
    [
        ("meeting.mp3", "meeting.mp3"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\週會.m4a", "週會.m4a"),
        ("a\u202eb\r\nX: y.ogg", "ab X: y.ogg"),
        ("e\u0301te\u0301.wav", "été.wav"),
        ("<script>alert(1)</script>.mp3", "script>.mp3"),
        ("", None),
        ("/", None),
        ("..", None),
        ("\u200b\u202e", None),
    ],
)
def test_a_file_name_is_only_ever_a_name(given_name: str, shown: str | None) -> None:
    """No path, no control or bidi character, in composed form."""
    assert clean_file_name(given_name) == shown


@given(st.text())
def test_no_file_name_can_do_harm(text: str) -> None:
    """Whatever is sent, what is kept is short, printable and without separators."""
    name = clean_file_name(text)
    if name is not None:
        assert len(name.encode()) <= LONGEST_NAME
        assert not set("/\\\r\n\0\u202e") & set(name)
        assert name.isprintable()


def test_a_title_may_have_slashes() -> None:
    """A title is a line, not a path."""
    assert clean_line("Q1/Q2\treview\n") == "Q1/Q2 review"


@pytest.mark.parametrize(
    ("file_name", "title"),
    [
        ("週會 2026.m4a", "週會 2026"),
        ("v1.2 final.mp3", "v1.2 final"),
        ("Minutes. By hand", "Minutes. By hand"),
        (".mp3", ".mp3"),
        ("x" * 300, "x" * 200),
    ],
)
def test_an_untitled_recording_is_called_after_its_file(file_name: str, title: str) -> None:
    """Without the extension, and no longer than titles may be."""
    assert title_of(file_name) == title


@pytest.mark.parametrize(
    ("tag", "known"),
    [
        ("en", "en"),
        ("EN-us", "en-US"),
        ("zh-hant", "zh-Hant"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("yue", "yue"),
        ("es-419", "es-419"),
        ("de-CH-1996", "de-CH-1996"),
        ("AUTO", "auto"),
    ],
)
def test_a_language_is_known_in_any_spelling(tag: str, known: str) -> None:
    """Letter case does not matter; what is stored is canonical."""
    assert canonical(tag) == known


@pytest.mark.parametrize("tag", ["", "klingon", "xx", "qqq", "en_US", "en-", "zh-Hant-", "e", "en us", "english", "en\n"])
def test_what_names_no_language_is_refused(tag: str) -> None:
    """A typing error is not passed on to an engine."""
    assert canonical(tag) is None
