"""Byte ranges, validators and download names."""

from __future__ import annotations

import pytest

from services.gateway.ranges import ByteRange, Unsatisfiable, attachment, parse_range


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=10-19", 10, 20),
        ("bytes=90-", 90, 100),
        ("bytes=90-900", 90, 100),
        ("bytes=-10", 90, 100),
        ("bytes=-900", 0, 100),
        ("Bytes=5-6", 5, 7),
    ],
)
def test_one_range_is_served(header: str, start: int, end: int) -> None:
    """From, to, or the last so many bytes."""
    assert parse_range(header, 100) == ByteRange(start=start, end=end)


@pytest.mark.parametrize(
    "header", [None, "", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,5-6", "lines=1-2", "bytes=a-b", f"bytes=0-{'9' * 5000}"]
)
def test_everything_else_is_answered_whole(header: str | None) -> None:
    """RFC 9110 lets a server ignore what it does not serve."""
    assert parse_range(header, 100) is None


@pytest.mark.parametrize(("header", "size"), [("bytes=100-", 100), ("bytes=200-300", 100), ("bytes=-0", 100), ("bytes=0-", 0)])
def test_a_range_beyond_the_end_cannot_be_served(header: str, size: int) -> None:
    """The client is told so instead of getting the wrong bytes."""
    with pytest.raises(Unsatisfiable):
        parse_range(header, size)


@pytest.mark.parametrize("name", ["a.pdf", "逐字稿.pdf", 'a"b\\c.pdf', "a\r\nX: y.pdf", "a;b%20.pdf"])
def test_a_download_name_cannot_break_out_of_its_header(name: str) -> None:
    """Whatever the name, the header is one line of ASCII with one parameter after another."""
    header = attachment(name)
    assert header.isascii()
    assert header.isprintable()
    assert header.count('"') == 2
    assert header.count(";") == 2 + ("a;b" in name)


def test_a_download_keeps_its_name() -> None:
    """Browsers read the encoded form."""
    assert attachment("稿.pdf").endswith("filename*=UTF-8''%E7%A8%BF.pdf")
