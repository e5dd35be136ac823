"""When two requests are the same."""

from __future__ import annotations

from uuid import UUID

import pytest

from services.gateway.problems import Problem
from services.gateway.requests import JobRequest
from services.gateway.submission import fingerprint_of, parse_idempotency_key
from shared.schemas.ids import new_id

ID = UUID("0198c2de-8b1c-7d3e-9f5a-2b6c4d8e0f1a")


def test_the_order_of_fields_does_not_matter() -> None:
    """A client that builds its JSON anew sends the same request."""
    one = JobRequest(upload_id=ID, metadata={"a": "1", "b": "2"})
    other = JobRequest(upload_id=ID, metadata={"b": "2", "a": "1"})
    assert fingerprint_of(one, content=None) == fingerprint_of(other, content=None)


def test_what_is_left_out_is_the_same_as_its_default() -> None:
    """Saying the default aloud changes nothing."""
    assert fingerprint_of(JobRequest(upload_id=ID), content=None) == fingerprint_of(
        JobRequest(upload_id=ID, language="auto"), content=None
    )


def test_any_other_wish_is_another_request() -> None:
    """A key that is used for something else is noticed."""
    base = fingerprint_of(JobRequest(upload_id=ID), content=None)
    assert base != fingerprint_of(JobRequest(upload_id=ID, title="x"), content=None)
    assert base != fingerprint_of(JobRequest(upload_id=new_id()), content=None)


def test_a_form_is_the_same_by_its_file_not_by_the_id_of_its_upload() -> None:
    """A repeated form has a new upload each time, and the same bytes."""
    one = fingerprint_of(JobRequest(upload_id=new_id()), content="aa")
    assert one == fingerprint_of(JobRequest(upload_id=new_id()), content="aa")
    assert one != fingerprint_of(JobRequest(upload_id=new_id()), content="bb")


@pytest.mark.parametrize(
    ("header", "key"), [(None, None), ("abc", "abc"), ('"abc"', "abc"), ("a b/c:1", "a b/c:1"), ("x" * 255, "x" * 255)]
)
def test_a_key_may_be_bare_or_quoted(header: str | None, key: str | None) -> None:
    """The draft's structured string and everybody's habit are the same key."""
    assert parse_idempotency_key(header) == key


@pytest.mark.parametrize("header", ["", '""', "x" * 256, "ä", "a\x01b", " a"])
def test_other_keys_are_refused(header: str) -> None:
    """A key that cannot be kept is not dropped silently."""
    with pytest.raises(Problem) as caught:
        parse_idempotency_key(header)
    assert caught.value.status == 400
