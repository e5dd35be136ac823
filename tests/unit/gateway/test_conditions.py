"""Conditional requests: what is not sent again, and what is not overwritten unseen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from services.gateway.conditional import Conditional
from services.gateway.entity_tags import check_match, etag_of, etag_with, matches
from services.gateway.problems import Problem

Message = dict[str, Any]


@pytest.mark.parametrize("header", ['"a"', 'W/"a"', '"x", "a"', '"x",W/"a"', "*"])
def test_an_entity_tag_is_recognised(header: str) -> None:
    """Weak, one of many, or any."""
    assert matches(header, '"a"')


@pytest.mark.parametrize("header", [None, "", '"b"', 'a"', "a", '"a.b"'])
def test_another_entity_tag_is_not(header: str | None) -> None:
    """What changed is sent."""
    assert not matches(header, '"a"')


@pytest.mark.parametrize("header", [None, "*", " * ", '"3"', '"3.xyz"', '"2", "3.xyz"', 'W/"3", "3"'])
def test_a_change_of_what_is_known_is_made(header: str | None) -> None:
    """The version counts, and not what was shown beside it; without the header nothing is asked."""
    check_match(header, 3)


@pytest.mark.parametrize(
    ("header", "weak"), [('"2"', False), ("3", False), ('"33"', False), ('"x.3"', False), ('W/"3.x"', True)]
)
def test_a_change_of_something_else_is_refused(header: str, weak: bool) -> None:
    """412; and whoever has the right tag but a weak one is told how to get a strong one."""
    with pytest.raises(Problem) as refusal:
        check_match(header, 3)
    assert (refusal.value.status, refusal.value.code) == (412, "precondition_failed")
    assert ("Accept-Encoding" in refusal.value.detail) is weak


def test_a_tag_changes_with_all_that_is_shown() -> None:
    """The same for the same; another for another version, or another look of the same."""
    assert etag_with(1, {"a": 1}) == etag_with(1, {"a": 1})
    assert len({etag_of(1), etag_with(1, {"a": 1}), etag_with(1, {"a": 2}), etag_with(2, {"a": 1})}) == 4


async def answered(
    headers: Mapping[str, str], *bodies: bytes, method: str = "GET", status: int = 200, if_none_match: str | None = None
) -> tuple[int, dict[str, str], bytes]:
    """What a client gets of an application that answers like that."""
    given = [(name.encode(), value.encode()) for name, value in headers.items()]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": given})
        for number, body in enumerate(bodies, start=1):
            await send({"type": "http.response.body", "body": body, "more_body": number < len(bodies)})

    sent: list[Message] = []

    async def send(message: Any) -> None:
        sent.append(message)

    conditions = [] if if_none_match is None else [(b"if-none-match", if_none_match.encode())]

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    await Conditional(app)({"type": "http", "method": method, "headers": conditions}, receive, send)
    shown = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], shown, b"".join(message.get("body", b"") for message in sent[1:])


JSON = {"content-type": "application/json", "content-length": "2"}


async def test_what_a_client_has_is_not_sent_again() -> None:
    """The tag of a body is made from it; an unchanged one is answered without it, but with its link to the next page."""
    status, headers, body = await answered(JSON, b"{}")
    assert (status, body) == (200, b"{}")
    etag = headers["etag"]
    same = await answered({**JSON, "link": "<next>"}, b"{}", if_none_match=f'"old", W/{etag}')
    assert same == (304, {"etag": etag, "link": "<next>"}, b"")
    assert (await answered(JSON, b"[]", if_none_match=etag))[0] == 200
    assert (await answered(JSON, b"{}", method="HEAD", if_none_match=etag))[0] == 304


async def test_a_route_that_knows_its_tag_is_believed() -> None:
    """Whatever the body is."""
    assert (await answered({**JSON, "etag": '"7"'}, b"{}", if_none_match='"7"'))[0] == 304
    assert (await answered({**JSON, "etag": '"7"'}, b"{}", if_none_match='"6"'))[0] == 200


async def test_all_other_answers_go_through_as_they_are() -> None:
    """Streams, secrets, refusals and what is no reading at all, even where any tag would do."""
    for given in ({"content-type": "text/csv"}, {"content-length": "2"}):
        assert await answered(given, b"a", b"b", if_none_match="*") == (200, given, b"ab")
    for answer in (
        await answered({**JSON, "cache-control": "no-store"}, b"{}", if_none_match="*"),
        await answered(JSON, b"{}", if_none_match="*", status=404),
        await answered(JSON, b"{}", if_none_match="*", method="POST"),
    ):
        assert answer[2] == b"{}"
        assert "etag" not in answer[1]
