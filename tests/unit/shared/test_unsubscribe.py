"""Unsubscribe links: whoever holds one may silence that endpoint, and nobody can make one up."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.unsubscribe import endpoint_of_token, unsubscribe_token

MASTER = b"m" * 32
ENDPOINT = UUID("0192f0c1-0000-7000-8000-00000000000e")


@given(st.uuids())
def test_a_token_leads_back_to_its_endpoint(endpoint_id: UUID) -> None:
    """It fits into a URL as it is, and stays the same, so that links in old e-mails work."""
    token = unsubscribe_token(MASTER, endpoint_id)
    assert endpoint_of_token(MASTER, token) == endpoint_id
    assert token == unsubscribe_token(MASTER, endpoint_id)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{43}", fullmatch=True))
def test_what_we_did_not_make_leads_nowhere(text: str) -> None:
    """Whatever is put into the URL is a plain no."""
    assert endpoint_of_token(MASTER, text) is None


def test_a_changed_token_leads_nowhere() -> None:
    """Each character counts, and so does the form: padding or other spellings of the same bytes are not accepted."""
    token = unsubscribe_token(MASTER, ENDPOINT)
    for place, character in enumerate(token):
        changed = token[:place] + ("A" if character != "A" else "B") + token[place + 1 :]
        assert endpoint_of_token(MASTER, changed) is None
    for other in (token + "=", token + "A", token[:-1], " " + token):
        assert endpoint_of_token(MASTER, other) is None


@pytest.mark.parametrize("other", [unsubscribe_token(b"n" * 32, ENDPOINT)])
def test_another_installations_token_leads_nowhere(other: str) -> None:
    """The master secret is what makes it ours."""
    assert endpoint_of_token(MASTER, other) is None
