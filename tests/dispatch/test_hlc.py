"""The hybrid clock: never backwards, near to UTC, not led astray."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from dispatch.hlc import MAX_AHEAD_US, HybridClock

READINGS = st.lists(st.integers(0, 10**16), min_size=2, max_size=50)


@given(READINGS)
def test_stamps_only_grow_whatever_the_clock_does(readings: list[int]) -> None:
    clock = HybridClock()
    stamps = [clock.tick(reading) for reading in readings]
    assert all(before < after for before, after in pairwise(stamps))


def test_clock_set_back_counts_on_until_it_has_caught_up() -> None:
    clock = HybridClock()
    assert clock.tick(1_000) == (1_000, 0)
    assert clock.tick(500) == (1_000, 1)
    assert clock.tick(1_000) == (1_000, 2)
    assert clock.tick(1_001) == (1_001, 0)


@given(st.integers(0, 10**15), st.integers(-MAX_AHEAD_US * 2, MAX_AHEAD_US * 2), st.integers(0, 1000))
def test_own_stamps_follow_those_of_other_nodes_unless_their_clock_is_wrong(now: int, ahead: int, counter: int) -> None:
    clock = HybridClock()
    theirs = (now + ahead, counter)
    clock.receive(theirs, now)
    ours = clock.tick(now)
    assert ours > theirs or ahead > MAX_AHEAD_US
    assert ours[0] <= now + MAX_AHEAD_US


def test_own_journal_is_followed_however_far_ahead() -> None:
    clock = HybridClock()
    clock.resume((10**16, 5))
    assert clock.tick(1) == (10**16, 6)
