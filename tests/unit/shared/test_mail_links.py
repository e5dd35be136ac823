"""Links in e-mails: whoever holds one may do one thing about one address, and nobody can make one up."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.mail_links import LinkPurpose, link_token, subject_of_token

MASTER = b"m" * 32
ADDRESS = UUID("0192f0c1-0000-7000-8000-00000000000e")

purposes = pytest.mark.parametrize("purpose", list(LinkPurpose))


@given(st.uuids(), st.sampled_from(LinkPurpose))
def test_a_token_leads_back_to_its_address(address_id: UUID, purpose: LinkPurpose) -> None:
    """It fits into a URL as it is, and stays the same, so that links in old e-mails work."""
    token = link_token(MASTER, purpose, address_id)
    assert subject_of_token(MASTER, purpose, token) == address_id
    assert token == link_token(MASTER, purpose, address_id)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_a_token_is_good_for_one_purpose() -> None:
    """Whoever got the link that ends e-mails, as with a forwarded one, cannot confirm with it."""
    for purpose in LinkPurpose:
        for other in set(LinkPurpose) - {purpose}:
            assert subject_of_token(MASTER, other, link_token(MASTER, purpose, ADDRESS)) is None
    assert len({purpose.path for purpose in LinkPurpose}) == len(LinkPurpose)


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{43}", fullmatch=True), st.sampled_from(LinkPurpose))
def test_what_we_did_not_make_leads_nowhere(text: str, purpose: LinkPurpose) -> None:
    """Whatever is put into the URL is a plain no."""
    assert subject_of_token(MASTER, purpose, text) is None


@purposes
def test_a_changed_token_leads_nowhere(purpose: LinkPurpose) -> None:
    """Each character counts, and so does the form: padding or other spellings of the same bytes are not accepted."""
    token = link_token(MASTER, purpose, ADDRESS)
    for place, character in enumerate(token):
        changed = token[:place] + ("A" if character != "A" else "B") + token[place + 1 :]
        assert subject_of_token(MASTER, purpose, changed) is None
    for other in (token + "=", token + "A", token[:-1], " " + token):
        assert subject_of_token(MASTER, purpose, other) is None


@purposes
def test_another_installations_token_leads_nowhere(purpose: LinkPurpose) -> None:
    """The master secret is what makes it ours."""
    assert subject_of_token(MASTER, purpose, link_token(b"n" * 32, purpose, ADDRESS)) is None
