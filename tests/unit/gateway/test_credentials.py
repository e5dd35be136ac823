"""What a request shows of who makes it."""

from __future__ import annotations

from base64 import b64encode

import pytest

from services.gateway.credentials import Basic, Bearer, Presented, SessionCookie, cookie_name, presented


def _basic(text: bytes) -> str:
    return "Basic " + b64encode(text).decode()


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"authorization": "Bearer k"}, Bearer("k")),
        ({"authorization": "bearer  k "}, Bearer("k")),
        ({"x-api-key": "k"}, Bearer("k")),
        ({"authorization": "Digest abc", "x-api-key": "k"}, Bearer("k")),
        ({"authorization": "Bearer a", "x-api-key": "b"}, Bearer("a")),
        ({"authorization": _basic("chen@example.com:pass:wörd".encode())}, Basic("chen@example.com", "pass:wörd")),
        ({"authorization": _basic(b"no colon")}, None),
        ({"authorization": _basic(b"\xff:x")}, None),
        ({"authorization": "Basic not base64!"}, None),
        ({"authorization": "Digest abc"}, None),
        ({}, SessionCookie("s")),
    ],
)
def test_what_is_said_goes_before_what_the_browser_sends(headers: dict[str, str], shown: Presented | None) -> None:
    """A header that cannot be read is not made up for by a cookie; keys are never taken from cookies."""
    assert presented(headers, {"audio2txt": "s", "other": "a2t_live_x"}, cookie_name(secure=False)) == shown
    assert presented({}, {"audio2txt": "s"}, cookie_name(secure=True)) is None
