"""Times from arrivals: steady under jitter, following a sender's crystal, never jumping by themselves."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recorder.tracks import CaptureTimes

RATE = 90_000
STEP_NS = 40_000_000


@settings(max_examples=40, deadline=None)
@given(ppm=st.integers(-500, 500), way_ms=st.integers(0, 300), seed=st.integers(0, 1 << 32))
def test_capture_is_told_within_the_bound_whatever_crystal_and_way(ppm: int, way_ms: int, seed: int) -> None:
    times, chance = CaptureTimes(RATE), random.Random(seed)
    told = []
    for number in range(1500):
        captured_ns = number * STEP_NS
        timestamp = captured_ns * (1_000_000 + ppm) // 1_000_000 * RATE // 1_000_000_000
        jitter_ns = int(chance.expovariate(1 / 5_000_000))
        times.note(timestamp, captured_ns + way_ms * 1_000_000 + min(jitter_ns, 60_000_000))
        moment = times.at(timestamp)
        assert abs(moment.capture_ns - captured_ns) <= moment.error_ns
        assert not times.astray
        told.append(moment.capture_ns)
    # A two hundredth of the time between two arrivals, which is 100 ms at most.
    assert all(abs(later - earlier - STEP_NS) <= 500_000 for earlier, later in itertools.pairwise(told))
    # The way itself is not known; what is left is the jitter of the fastest, and 10 s of drift.
    assert abs(told[-1] - 1499 * STEP_NS - way_ms * 1_000_000) < 15_000_000


@pytest.mark.parametrize("shorter_ms", [90, 110])
def test_way_that_gets_shorter_is_astray_only_when_it_is_much(shorter_ms: int) -> None:
    times = CaptureTimes(RATE)
    times.note(0, 200_000_000)
    times.note(RATE, 1_200_000_000 - shorter_ms * 1_000_000)
    assert times.astray is (shorter_ms == 110)
    before = times.at(RATE).capture_ns
    times.anchor()
    assert before - times.at(RATE).capture_ns == pytest.approx(shorter_ms * 1_000_000, abs=6_000_000)
    assert not times.astray


@pytest.mark.parametrize("first", [True, False])
def test_word_of_the_plane_counts_more_than_arrivals_and_is_followed_slowly(first: bool) -> None:
    times, begin = CaptureTimes(RATE), (1 << 32) - RATE
    way_ns, error_ns = 80_000_000, 4_000_000
    for number in range(1, 1000):
        timestamp, captured_ns = begin + number * RATE // 25, number * STEP_NS
        if number == (1 if first else 100):
            times.tell(timestamp & 0xFFFFFFFF, captured_ns, error_ns)
        times.note(timestamp, captured_ns + way_ns)
        moment = times.at(timestamp)
        assert abs(moment.capture_ns - captured_ns) <= moment.error_ns
        assert not times.astray
        if first:
            assert abs(moment.capture_ns - captured_ns) < 1000 and moment.error_ns < error_ns + number * STEP_NS // 1500
    assert abs(moment.capture_ns - captured_ns) < 1000
