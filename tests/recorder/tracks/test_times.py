"""Times from arrivals: steady under jitter, following a sender's crystal, never jumping by themselves."""

from __future__ import annotations

import itertools
import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.tap import ClockBasis, RoundTripSource, TapClock
from recorder.tracks import CaptureTimes
from recorder.tracks.times import DOUBT_NS

RATE = 90_000
STEP_NS = 40_000_000
MS = 1_000_000
WAY_NS, ERROR_NS = 80 * MS, 4 * MS
BEGIN = (1 << 32) - RATE
"""The timestamp of what is captured at 0; it wraps after a second."""


def word(captured_ns: int, basis: ClockBasis, off_ns: int = 0, timestamp: int | None = None) -> TapClock:
    """The plane's, of what is captured at a time, off by so much."""
    timestamp = BEGIN + captured_ns * RATE // 1_000_000_000 if timestamp is None else timestamp
    reported = basis is ClockBasis.REPORT
    return TapClock(
        ssrc=7,
        timestamp=timestamp & 0xFFFFFFFF,
        capture_ns=captured_ns + off_ns,
        error_ns=ERROR_NS if reported else 500 * MS,
        round_trip_ns=0,
        report_ntp=5 if reported else 0,
        report_arrival_ns=0,
        report_timestamp=0,
        clock_rate=RATE,
        drift_ppb=0,
        basis=basis,
        round_trip_source=RoundTripSource.NONE,
        round_trip_stale=False,
    )


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


@pytest.mark.parametrize("at", [1, 100])
def test_first_word_of_reports_ends_a_segment_and_later_ones_are_followed_slowly(at: int) -> None:
    times = CaptureTimes(RATE)
    for number in range(1, 1000):
        captured_ns = number * STEP_NS
        if number == at:
            times.tell(word(captured_ns, ClockBasis.REPORT))
        elif number == 500:
            times.tell(word(captured_ns, ClockBasis.REPORT, 3 * MS))
        times.note(BEGIN + number * RATE // 25, captured_ns + WAY_NS)
        assert times.astray is (number == at == 100), "arrivals were 80 ms off"
        if times.astray:
            times.anchor()
        moment = times.at(BEGIN + number * RATE // 25)
        assert abs(moment.capture_ns - captured_ns) <= moment.error_ns
        if at <= number < 500:
            assert abs(moment.capture_ns - captured_ns) < 1000
            assert moment.error_ns < ERROR_NS + number * STEP_NS // 1500
    assert moment.capture_ns - captured_ns == pytest.approx(3 * MS, abs=1000)


@settings(max_examples=40, deadline=None)
@given(
    offs_ms=st.lists(st.integers(-400, 400), min_size=1, max_size=20),
    ppm=st.integers(-200, 200),
    way_ms=st.integers(0, 400),
)
def test_while_the_plane_knows_arrivals_only_times_go_on_as_reports_told(
    offs_ms: list[int], ppm: int, way_ms: int
) -> None:
    """The sampling clock is off; arrivals say what they like within their bound."""
    times = CaptureTimes(RATE)
    for number in range(1, 25 * (1 + len(offs_ms))):
        captured_ns = number * STEP_NS
        timestamp = BEGIN + captured_ns * (1_000_000 + ppm) // 1_000_000 * RATE // 1_000_000_000
        if number == 1:
            times.tell(word(captured_ns, ClockBasis.REPORT, 0, timestamp))
        elif number % 25 == 0:
            times.tell(word(captured_ns, ClockBasis.ARRIVAL, offs_ms[number // 25 - 1] * MS, timestamp))
        times.note(timestamp, captured_ns + way_ms * MS)
        moment = times.at(timestamp)
        assert abs(moment.capture_ns - captured_ns) <= moment.error_ns
        assert abs(moment.capture_ns - captured_ns) <= number * STEP_NS * 200 // 1_000_000 + 20_000
        assert not times.astray


@pytest.mark.parametrize("off_ms", [60, -60])
def test_arrivals_count_where_packets_contradict_what_reports_told(off_ms: int) -> None:
    """The sender's sampling clock went astray, which the plane has seen too."""
    times = CaptureTimes(RATE)
    times.tell(word(0, ClockBasis.REPORT))
    for number in range(500):
        captured_ns = number * STEP_NS
        off_ns = off_ms * MS if number >= 100 else 0
        timestamp = BEGIN + number * RATE // 25
        times.note(timestamp, captured_ns + off_ns + WAY_NS)
        if number >= 125 and number % 25 == 0:
            times.tell(word(captured_ns, ClockBasis.ARRIVAL, off_ns))
    assert times.at(timestamp).capture_ns == captured_ns + off_ns
    assert times.at(timestamp).error_ns == pytest.approx(500 * MS, abs=MS)


def test_what_reports_told_long_ago_is_less_than_what_arrivals_tell_now() -> None:
    times = CaptureTimes(RATE)
    times.tell(word(0, ClockBasis.REPORT))
    for second in range(200):
        times.note(BEGIN + second * RATE, second * 1000 * MS + WAY_NS)
        times.tell(word(second * 1000 * MS, ClockBasis.ARRIVAL, -20 * MS))
        assert (times.at(BEGIN + second * RATE).error_ns > 100 * MS) is (second > 90)


@settings(max_examples=40, deadline=None)
@given(step_ms=st.integers(-900, 900), jitter_ms=st.integers(0, 15), seed=st.integers(0, 1 << 32))
def test_a_sender_whose_clock_is_set_by_less_than_a_second_moves_nothing(
    step_ms: int, jitter_ms: int, seed: int
) -> None:
    """The plane takes that for another way for a minute, and says by its bound that it does not know."""
    times, chance = CaptureTimes(RATE), random.Random(seed)
    for number in range(25 * 100):
        captured_ns = number * STEP_NS
        if number % 25 == 0:
            set_ns = step_ms * MS if 25 * 20 <= number < 25 * 85 else 0
            clock = word(captured_ns, ClockBasis.REPORT, set_ns)
            times.tell(msgspec.structs.replace(clock, error_ns=ERROR_NS + abs(set_ns)))
        times.note(BEGIN + number * RATE // 25, captured_ns + WAY_NS + chance.randint(0, jitter_ms * MS))
        moment = times.at(BEGIN + number * RATE // 25)
        assert abs(moment.capture_ns - captured_ns) <= min(moment.error_ns, DOUBT_NS)
        assert not times.astray


def test_word_of_timestamps_that_are_no_longer_in_use_is_not_believed() -> None:
    """A sender that begins anew under its SSRC: the plane believes its new timestamps after ten packets only."""
    times = CaptureTimes(RATE)
    times.tell(word(0, ClockBasis.REPORT))
    timestamp = BEGIN + 3600 * RATE
    times.note(timestamp, WAY_NS)
    assert times.at(timestamp) == (WAY_NS, 500 * MS)
