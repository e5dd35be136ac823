"""Token buckets: never too many, never too few, and not for ever in memory."""

from __future__ import annotations

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.rates import Bucket, IdleBuckets

RATES = st.integers(1, 60_000)


@given(rate=RATES, waits=st.lists(st.floats(0, 200), max_size=60))
def test_as_many_start_as_the_rate_allows(rate: int, waits: list[float]) -> None:
    """Taking whatever there is, each time after some wait: in no span more than the rate and one second's worth."""
    bucket, now, starts = Bucket(rate), 1000.0, []
    for wait in waits:
        now += wait
        for _ in range(3):
            if bucket.ready_at <= now:
                bucket.take(now)
                starts.append(now)
    for place, first in enumerate(starts):
        for count, last in enumerate(starts[place:], start=1):
            assert count <= bucket.burst + (last - first) * rate / 60 + 1e-6


@given(rate=RATES)
def test_nothing_is_withheld(rate: int) -> None:
    """Who takes each token when it comes has the whole rate, after one burst at once."""
    bucket, now = Bucket(rate), 1000.0
    for _ in range(200):
        now = max(now, bucket.ready_at)
        bucket.take(now)
    assert now - 1000.0 == pytest.approx((200 - bucket.burst) * 60 / rate if bucket.burst < 200 else 0, abs=1e-6)


@given(rates=st.lists(RATES, min_size=1, max_size=20), waits=st.lists(st.floats(0, 5), min_size=20, max_size=20))
def test_changing_the_rate_gives_nothing_away(rates: list[int], waits: list[float]) -> None:
    """However often it is changed: what was taken stays taken, by the fastest rate there was."""
    bucket, now = Bucket(rates[0]), 1000.0
    starts: list[float] = []
    for rate, wait in zip(rates, waits, strict=False):
        now += wait
        bucket.change(rate, now)
        while bucket.ready_at <= now and len(starts) < 5000:
            bucket.take(now)
            starts.append(now)
    fastest = max(rates)
    assert len(starts) <= max(1, fastest // 60) + (now - 1000.0) * fastest / 60 + 1e-6


def test_a_slower_rate_counts_at_once_and_a_faster_one_too() -> None:
    """Whoever has taken one token of one a minute and may now take one a second waits a second."""
    bucket = Bucket(1)
    bucket.take(1000.0)
    assert bucket.ready_at == 1060.0
    bucket.change(60, 1000.0)
    assert bucket.ready_at == 1001.0
    bucket.change(6, 1000.5)
    assert bucket.ready_at == 1005.5


def test_a_token_is_given_back_once_and_in_time() -> None:
    """Unused at the moment it was taken; not after another was taken, as it might be used twice."""
    bucket = Bucket(6)
    bucket.take(1000.0)
    bucket.give_back(1000.0)
    assert bucket.ready_at == 1000.0
    bucket.take(1000.0)
    bucket.take(1010.0)
    bucket.give_back(1000.0)
    assert bucket.ready_at == 1020.0


def test_full_buckets_are_not_kept() -> None:
    """Endpoints come and go; what is remembered of them are the last seconds."""
    idle = IdleBuckets()
    for number in range(1000):
        bucket = idle.take(UUID(int=number), float(number)) or Bucket(6)
        bucket.take(float(number))
        idle.put(UUID(int=number), bucket)
    assert len(idle) <= 20
    again = idle.take(UUID(int=999), 1000.0)
    assert again is not None
    assert again.ready_at == 1009.0
