"""Lists are paged from newest to oldest, without gaps or repeats."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from services.sandbox.assemblyai.order import Order, Refusal
from services.sandbox.assemblyai.paging import Page, page, parse_query
from services.sandbox.assemblyai.state import Fate, State, Status, now

URL = "http://sandbox/v2/transcript"


def state(count: int) -> State:
    """So many transcripts of one key, numbered in their URLs."""
    filled = State()
    for number in range(count):
        filled.accept("k", Order(audio_url=f"http://host/{number}"), Fate())
    return filled


def get(filled: State, **query: str) -> Page:
    """A page."""
    return page(filled.of_key("k"), parse_query(query), URL)


def shown(one: Page) -> list[str]:
    """The numbers on it."""
    return [item.audio_url.removeprefix("http://host/") for item in one.transcripts]


def follow(filled: State, url: str) -> Page:
    """The page at a URL that another page gave."""
    return get(filled, **{name: values[0] for name, values in parse_qs(urlsplit(url).query).items()})


def test_the_newest_come_first_and_the_previous_page_is_older() -> None:
    """Following `prev_url` meets every transcript once."""
    filled = state(7)
    first = get(filled, limit="3")
    second = follow(filled, first.page_details.prev_url or "")
    third = follow(filled, second.page_details.prev_url or "")
    assert shown(first) + shown(second) + shown(third) == ["6", "5", "4", "3", "2", "1", "0"]
    assert third.page_details.prev_url is None
    assert first.page_details.next_url is None
    assert shown(follow(filled, third.page_details.next_url or "")) == ["3", "2", "1"]


def test_lists_are_filtered() -> None:
    """By status and by day."""
    filled = state(3)
    filled.of_key("k")[1].status = Status.COMPLETED
    assert shown(get(filled, status="completed")) == ["1"]
    assert shown(get(filled, created_on=now()[:10])) == ["2", "1", "0"]
    assert shown(get(filled, created_on="2020-01-01")) == []


def test_a_transcript_can_be_late_in_the_list() -> None:
    """A lag hides it, and paging goes on around it."""
    filled = state(1)
    filled.accept("k", Order(audio_url="http://host/late"), Fate(listed_after=60.0))
    filled.accept("k", Order(audio_url="http://host/2"), Fate())
    assert shown(get(filled)) == ["2", "0"]


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "201"}, {"limit": "x"}, {"status": "done"}])
def test_a_senseless_query_is_refused(query: dict[str, str]) -> None:
    """With a 400."""
    with pytest.raises(Refusal):
        parse_query(query)


def test_an_unknown_place_is_refused() -> None:
    """Paging needs a transcript of the same key."""
    with pytest.raises(Refusal):
        get(state(1), before_id="nobody")
