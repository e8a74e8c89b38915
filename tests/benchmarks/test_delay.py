"""Delays are found again exactly, whatever constants a route adds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.delay import DelayError, match
from benchmarks.load.records import DTYPE, Records

FRAME_NS = 33_333_333


def departures(frame_sizes: list[int], first_sequence: int) -> Records:
    made = np.zeros(sum(frame_sizes), dtype=DTYPE)
    at = 0
    for frame, size in enumerate(frame_sizes):
        for _ in range(size):
            made[at]["at_ns"] = 10**18 + frame * FRAME_NS
            made[at]["sequence"] = (first_sequence + at) % 65536
            made[at]["timestamp"] = (4_294_960_000 + frame * 3000) % 2**32
            at += 1
    return made


def arrivals(left: Records, delays: list[int], sequence: int, timestamp: int, skip: int, lost: set[int]) -> Records:
    came = left.copy()
    came["at_ns"] += np.array(delays)
    came["sequence"] = (came["sequence"].astype(int) + sequence) % 65536
    came["timestamp"] = (came["timestamp"].astype(np.int64) + timestamp) % 2**32
    keep = [index for index in range(skip, len(left)) if index not in lost]
    return came[keep]


@given(
    sizes=st.lists(st.integers(1, 7), min_size=20, max_size=40),
    first=st.sampled_from([0, 65500, 65535]),
    sequence=st.integers(0, 65535),
    timestamp=st.integers(0, 2**32 - 1),
    skip=st.integers(0, 30),
    seed=st.integers(0, 1000),
)
def test_delays_are_recovered_whatever_the_route_adds(
    sizes: list[int], first: int, sequence: int, timestamp: int, skip: int, seed: int
) -> None:
    random = np.random.default_rng(seed)
    left = departures(sizes, first)
    skip = min(skip, len(left) - 10)
    # A burst keeps its order: delays grow within a frame.
    delays = (
        np.sort(random.integers(50_000, 5_000_000, len(left)))
        if seed % 2
        else random.integers(50_000, 90_000, len(left)).cumsum() % 3_000_000 + 50_000
    )
    lost = {int(index) for index in random.integers(skip + 1, len(left), 2)}
    came = arrivals(left, [int(delay) for delay in delays], sequence, timestamp, skip, lost)
    found = match(left, came)
    arrived = [index for index in range(skip, len(left)) if index not in lost]
    assert found.delays_ns.tolist() == [int(delays[index]) for index in arrived]
    assert found.unmatched == 0
    # What is lost at the very end leaves no gap.
    assert found.lost == len([index for index in lost if index < arrived[-1]])


def test_equal_frames_are_told_apart_by_time() -> None:
    left = departures([7] * 60, 65530)
    came = arrivals(left, [400_000] * len(left), 1234, 99, 14, set())
    assert set(match(left, came).delays_ns.tolist()) == {400_000}


def test_one_packet_a_frame_is_matched_too() -> None:
    left = departures([1] * 60, 0)
    came = arrivals(left, [900_000] * len(left), 1, 1, 3, set())
    assert set(match(left, came).delays_ns.tolist()) == {900_000}


def test_arrivals_before_the_record_began_are_counted_not_guessed() -> None:
    left = departures([3] * 40, 0)
    came = arrivals(left, [500_000] * len(left), 10, 10, 0, set())
    found = match(left[:-9], came)
    assert found.unmatched == 9
    assert set(found.delays_ns.tolist()) == {500_000}


def test_another_sources_packets_are_refused() -> None:
    left = departures([3] * 40, 0)
    other = departures([5, 1] * 20, 0)
    other["at_ns"] += 400_000
    with pytest.raises(DelayError):
        match(left, other)


def test_nothing_arrived_is_an_error() -> None:
    left = departures([3], 0)
    with pytest.raises(DelayError, match="nothing"):
        match(left, left[:0])
