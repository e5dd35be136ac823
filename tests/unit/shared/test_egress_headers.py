"""Headers of the customers' own: theirs to choose, save what the request itself needs."""

from __future__ import annotations

import pytest

from shared.egress import EgressRefused, check_headers

RESERVED = """
Host CONTENT-LENGTH content-type Transfer-Encoding Connection Webhook-Id webhook-signature webhook-anything User-Agent Expect
Proxy-Authorization TE Upgrade Cookie X-Forwarded-For Accept-Encoding
"""


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer abc"}, {"X-Token": "a b\tc", "x.y~z": ""}])
def test_customers_choose_their_headers(headers: dict[str, str]) -> None:
    """Whatever HTTP allows in a header."""
    check_headers(headers)


@pytest.mark.parametrize("name", RESERVED.split())
def test_reserved_names_are_refused(name: str) -> None:
    """What is signed, what frames the request, and what proxies believe, in any case of letters."""
    with pytest.raises(EgressRefused, match=name) as caught:
        check_headers({name: "secret-value"})
    assert caught.value.failure.code == "header_reserved"


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "a\r\nX-Other: b"},
        {"X": "a\nb"},
        {"X": "a\0b"},
        {"X": "密"},
        {"X\r\nY": "a"},
        {"X Y": "a"},
        {"": "a"},
        {"鍵": "a"},
        {"X:": "a"},
        {"x-token": "a", "X-Token": "b"},
    ],
)
def test_headers_cannot_smuggle_others(headers: dict[str, str]) -> None:
    """Line breaks, control characters and doubles are refused before anything is sent."""
    with pytest.raises(EgressRefused) as caught:
        check_headers(headers)
    assert caught.value.failure.code == "header_invalid"


def test_errors_never_tell_the_value() -> None:
    """It may be a password."""
    with pytest.raises(EgressRefused) as caught:
        check_headers({"X-Token": "hunter2\n"})
    assert "hunter2" not in str(caught.value)


def test_too_much_is_refused() -> None:
    """Receivers refuse requests with long heads; so does this."""
    check_headers({"X": "a" * 4095})
    with pytest.raises(EgressRefused) as caught:
        check_headers({"X": "a" * 4096})
    assert caught.value.failure.code == "headers_too_long"
