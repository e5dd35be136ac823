"""Where followers are, and what a page says to whoever is elsewhere."""

from __future__ import annotations

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.feed.pages import EVERYTHING, Page
from services.gateway.snapshots import LONGEST, Place, Reached, Snapshot
from services.gateway.store.feed import Changed, Changes

JOBS = [UUID(int=number) for number in range(10)]


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    """Any that PostgreSQL could take."""
    first, running = draw(st.integers(3, 1000)), draw(st.frozensets(st.integers(0, 40), max_size=10))
    return Snapshot(first_running=first, next=first + 41, running=frozenset(first + number for number in running))


@given(snapshots(), snapshots(), st.integers(0, 2**63), st.uuids())
def test_a_place_is_read_back_as_it_was(seen: Snapshot, target: Snapshot, changed: int, job_id: UUID) -> None:
    """Whole, or with how far was read."""
    for reached in (None, Reached(target=target, changed=changed, job_id=job_id)):
        place = Place(seen=seen, at=1_796_212_800, reached=reached)
        assert Place.decode(place.encode()) == place


@pytest.mark.parametrize("text", ["", "5", "1.2:3", "1.2:3:/", "1.2:3:x", "1.2:3:4,", "1.2:3:\n", "٣.2:3:", "1." * LONGEST])
def test_what_is_no_place_is_refused(text: str) -> None:
    """Headers come from anybody."""
    with pytest.raises(ValueError, match="not a"):
        Place.decode(text)


def test_a_page_tells_each_follower_what_they_have_not_seen() -> None:
    """Who went along gets all of it; who read for themselves meanwhile, only what their snapshot did not see; who is further
    on, nothing. All have come to the same place, also when they break off in between."""
    begin = Place(seen=Snapshot(first_running=100, next=100), at=1)
    target = Snapshot(first_running=102, next=105, running=frozenset({102}))
    end = Place(seen=target, at=2)
    jobs = [Changed(transaction=number, job_id=JOBS[number - 100], job=None) for number in (100, 101, 103, 104)]
    page = Page(Changes(begin=begin, target=target, jobs=jobs, end=end), lambda job: b"")
    between = Place(seen=Snapshot(first_running=100, next=104, running=frozenset({100, 102})), at=1)

    whole, reached = page.told(begin, EVERYTHING)
    assert (_ids(whole), reached) == ([JOBS[0], JOBS[1], JOBS[3], JOBS[4]], end)
    rest, reached = page.told(between, EVERYTHING)
    assert (_ids(rest), reached) == ([JOBS[0], JOBS[4]], end)
    assert page.told(end, EVERYTHING) == (b"", end)
    assert [place.seen for place in _places(rest)] == [between.seen, target]
    assert _places(whole)[1] == Place(seen=begin.seen, at=1, reached=Reached(target=target, changed=101, job_id=JOBS[1]))


def _ids(events: bytes) -> list[UUID]:
    return [UUID(msgspec.json.decode(line[6:])["id"]) for line in events.splitlines() if line.startswith(b"data: ")]


def _places(events: bytes) -> list[Place]:
    return [Place.decode(line[4:].decode()) for line in events.splitlines() if line.startswith(b"id: ")]
