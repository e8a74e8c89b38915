"""Round trips to a publisher: the least of the best source, and answers that are measured by our own record."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane.roundtrip import SOURCES, RoundTripsView

RR, XR, NACK, PAGE, HANDSHAKE = range(1, 6)
MS, S = 10**6, 10**9
START_NS = 10**12  # a multiple of the 5 s in which the minute is counted
TICK_NS = S / 65_536


def test_every_source_is_told_by_its_name() -> None:
    for number in range(1, len(SOURCES)):
        trips = RoundTripsView()
        assert trips.note(MS, number, START_NS)
        assert trips.least(START_NS) == (SOURCES[number], MS)


def test_a_better_source_counts_however_long_its_way() -> None:
    trips = RoundTripsView()
    assert trips.least(START_NS) == ("none", None)
    for number, (rtt_ns, source, wanted) in enumerate(
        [
            (30 * MS, HANDSHAKE, ("handshake", 30 * MS)),
            (50 * MS, NACK, ("nack", 50 * MS)),
            (20 * MS, HANDSHAKE, ("nack", 50 * MS)),
            (80 * MS, XR, ("xr", 80 * MS)),
            (10 * MS, NACK, ("xr", 80 * MS)),
            (70 * MS, PAGE, ("page", 70 * MS)),
            (75 * MS, RR, ("page", 70 * MS)),
        ]
    ):
        now_ns = START_NS + 5 * S * number
        assert trips.note(rtt_ns, source, now_ns)
        assert trips.least(now_ns) == wanted


def test_a_minute_after_the_way_became_longer_the_short_one_is_forgotten() -> None:
    trips = RoundTripsView()
    for second in range(200):
        now_ns = START_NS + second * S
        trips.note((20 if second < 50 else 320) * MS, XR, now_ns)
        assert trips.least(now_ns) == ("xr", (20 if second < 105 else 320) * MS)


def test_a_worse_source_serves_when_the_better_one_has_been_silent_for_a_minute() -> None:
    trips = RoundTripsView()
    trips.note(80 * MS, XR, START_NS)
    for second in range(65):
        trips.note(90 * MS, NACK, START_NS + second * S)
        assert trips.least(START_NS + second * S)[0] == ("xr" if second < 60 else "nack")


@pytest.mark.parametrize(
    ("rtt_ns", "source", "now_ns"),
    [
        (-1, XR, START_NS),
        (10 * S + 1, XR, START_NS),
        (MS, 0, START_NS),
        (MS, 6, START_NS),
        (MS, -1, START_NS),
        (MS, XR, -1),
        (MS, XR, 2**62 + 1),
    ],
)
def test_what_nobody_can_mean_is_refused(rtt_ns: int, source: int, now_ns: int) -> None:
    trips = RoundTripsView()
    assert not trips.note(rtt_ns, source, now_ns)
    assert trips.least(max(now_ns, 0)) == ("none", None)


@given(st.lists(st.tuples(st.integers(0, 10 * S), st.integers(1, 5), st.integers(0, 200)), max_size=60))
def test_the_least_of_the_best_source_of_the_last_twelve_buckets(samples: list[tuple[int, int, int]]) -> None:
    trips = RoundTripsView()
    ranks = {HANDSHAKE: 1, NACK: 2, RR: 3, XR: 3, PAGE: 3}
    samples.sort(key=lambda sample: sample[2])
    for count, (rtt_ns, source, second) in enumerate(samples, 1):
        trips.note(rtt_ns, source, START_NS + second * S)
        recent = [(ranks[item[1]], -item[0]) for item in samples[:count] if item[2] // 5 > second // 5 - 12]
        name, least_ns = trips.least(START_NS + second * S)
        assert least_ns is not None
        assert (ranks[SOURCES.index(name)], -least_ns) == max(recent)


# --- reference times and their answers --------------------------------------------------------------------------------


@given(
    way_ns=st.integers(0, 7 * S),
    held_ns=st.integers(0, 900 * MS),
    phase_ns=st.integers(0, S - 1),
    middle=st.integers(1, 2**32 - 9),
)
def test_an_answer_tells_the_way_without_the_time_it_was_held(
    way_ns: int, held_ns: int, phase_ns: int, middle: int
) -> None:
    trips = RoundTripsView()
    sent_ns = START_NS + phase_ns
    arrived_ns = sent_ns + way_ns + held_ns
    for second in range(1 + (arrived_ns - sent_ns) // S):
        trips.asked(middle + second, sent_ns + second * S)
    delay = int(held_ns / TICK_NS)
    answered_ns = trips.answered(middle, delay, arrived_ns)
    assert way_ns <= answered_ns <= way_ns + TICK_NS + 1


def test_only_what_was_sent_in_the_last_seconds_is_answered() -> None:
    trips = RoundTripsView()
    assert trips.answered(0, 0, START_NS) == -1  # "none has come" (RFC 3611 section 4.5)
    for second in range(20):
        trips.asked(1000 + second, START_NS + second * S)
    now_ns = START_NS + 19 * S
    known = [middle for middle in range(0, 2000) if trips.answered(middle, 0, now_ns) >= 0]
    assert known == list(range(1012, 1020))


@pytest.mark.parametrize(
    ("delay", "passed_ns"),
    [
        (65_536, S - 1),  # held for longer than has passed
        (0xFFFFFFFF, 7 * S),
        (0, -1),
        (0, 10 * S + 1),
    ],
)
def test_an_answer_that_cannot_be_is_refused(delay: int, passed_ns: int) -> None:
    trips = RoundTripsView()
    trips.asked(7, START_NS)
    assert trips.answered(7, delay, START_NS + passed_ns) == -1


def test_an_answer_that_comes_again_tells_no_shorter_way() -> None:
    trips = RoundTripsView()
    trips.asked(7, START_NS)
    once = trips.answered(7, 6_554, START_NS + 150 * MS)
    assert trips.answered(7, 6_554, START_NS + 400 * MS) > once


def test_what_is_forgotten_is_neither_known_nor_answered() -> None:
    trips = RoundTripsView()
    trips.note(MS, XR, START_NS)
    trips.asked(7, START_NS)
    trips.forget()
    assert trips.least(START_NS) == ("none", None)
    assert trips.answered(7, 0, START_NS + MS) == -1
    trips.asked(8, START_NS + S)
    assert trips.answered(8, 0, START_NS + S + MS) == MS
