"""Feedback towards a publisher: what is built is what arrived, by a decoder written from the draft's text."""

import struct
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane import rtcp, twcc

TICK_NS = 250_000
WRAP_NS = 2**32 * TICK_NS  # of the reference time, 12.4 days


@dataclass
class Feedback:
    base: int
    count: int
    reference: int
    number: int
    arrivals: dict[int, int]  # sequence -> 250 us ticks modulo 2**32
    lost: list[int]


def decode(packet: bytes) -> Feedback:
    """Draft section 3.1, without any shortcut."""
    first, kind, words, _, _, base, count, reference = struct.unpack_from("!BBHLLHHL", packet)
    assert (first & 0xDF, kind, 4 * (words + 1)) == (0x8F, 205, len(packet))
    padding = packet[-1] if first & 0x20 else 0
    content = packet[20 : len(packet) - padding]
    assert 0 <= padding < 4 and not any(packet[len(packet) - padding : -1])
    symbols: list[int] = []
    at = 0
    while len(symbols) < count:
        (chunk,) = struct.unpack_from("!H", content, at)
        at += 2
        if chunk >> 15 == 0:
            symbols += [chunk >> 13 & 3] * (chunk & 0x1FFF)
        elif chunk >> 14 & 1 == 0:
            symbols += [chunk >> bit & 1 for bit in range(13, -1, -1)]
        else:
            symbols += [chunk >> bit & 3 for bit in range(12, -1, -2)]
    assert not any(symbols[count:])
    ticks = (reference >> 8) * 256
    arrivals, lost = {}, []
    for offset, symbol in enumerate(symbols[:count]):
        sequence = (base + offset) & 0xFFFF
        assert symbol != 3
        if symbol == 0:
            lost.append(sequence)
            continue
        (delta,) = struct.unpack_from("!B" if symbol == 1 else "!h", content, at)
        assert symbol == 1 or not 0 <= delta <= 255
        at += symbol
        ticks += delta
        arrivals[sequence] = ticks % 2**32
    assert at == len(content)
    return Feedback(base, count, reference >> 8, reference & 0xFF, arrivals, lost)


def drain(recorder: twcc.Recorder, capacity: int = 1200) -> list[Feedback]:
    packets = []
    while packet := recorder.build(capacity):
        assert len(packet) <= capacity
        assert rtcp.check(packet) == 0
        assert [item.kind for item in rtcp.read(packet)] == ["TWCC"]
        packets.append(decode(packet))
    return packets


def ticks(arrival_ns: int) -> int:
    return (arrival_ns + TICK_NS // 2) // TICK_NS % 2**32


# Steps of (sequence gap, time since the one before): up to 40 lost packets, times with jumps and reversals.
steps = st.lists(
    st.tuples(
        st.one_of(st.just(1), st.just(1), st.integers(1, 40)),
        st.one_of(st.integers(0, 2_000_000), st.integers(-3_000_000, 90_000_000), st.just(9_000_000_000)),
    ),
    min_size=1,
    max_size=200,
)
starts_ns = st.one_of(st.just(10**10), st.integers(WRAP_NS - 10**9, WRAP_NS + 10**9))


@given(st.integers(65400, 65535), starts_ns, steps, st.sampled_from([24, 28, 60, 200, 1200]))
def test_feedback_says_what_arrived_and_what_did_not(
    first: int, start_ns: int, arrivals: list[tuple[int, int]], capacity: int
) -> None:
    recorder = twcc.Recorder()
    expected: dict[int, int] = {}
    order: list[int] = []
    sequence, now_ns = first - arrivals[0][0], start_ns
    for gap, pause_ns in arrivals:
        sequence += gap
        now_ns += pause_ns
        recorder.record(sequence & 0xFFFF, now_ns)
        expected[sequence & 0xFFFF] = ticks(now_ns)
        order.append(sequence)
    window = [s for s in range(order[0], order[-1] + 1) if s > order[-1] - 2048]
    feedback = drain(recorder, capacity)
    seen = {s: t for f in feedback for s, t in f.arrivals.items()}
    assert seen == {s & 0xFFFF: expected[s & 0xFFFF] for s in window if s & 0xFFFF in expected}
    lost = [s for f in feedback for s in f.lost]
    assert lost == [s & 0xFFFF for s in window if s & 0xFFFF not in expected]
    assert [f.number for f in feedback] == list(range(len(feedback)))
    assert sum(f.count for f in feedback) == len(window)


@given(
    st.integers(65500, 65535),
    st.permutations(list(range(40))),
    st.lists(st.booleans(), min_size=40, max_size=40),
    st.integers(1, 39),
)
def test_reordered_and_duplicated_packets_are_reported_once_they_are_here(
    first: int, order: list[int], twice: list[bool], interval: int
) -> None:
    """Feedback is asked for between arrivals; together it must know every packet from the first one on."""
    recorder = twcc.Recorder()
    seen: dict[int, int] = {}
    expected: dict[int, int] = {}
    repeated = 0
    for i, offset in enumerate(order):
        sequence = (first + offset) & 0xFFFF
        recorder.record(sequence, i * 10**6)
        expected[sequence] = ticks(i * 10**6)
        if twice[i]:
            recorder.record(sequence, i * 10**6 + 500_000)
            repeated += 1
        if i % interval == 0:
            for feedback in drain(recorder):
                seen.update(feedback.arrivals)
    for feedback in drain(recorder):
        seen.update(feedback.arrivals)
    assert seen == expected
    assert recorder.counters == {"unreported": 0, "duplicates": repeated, "strays": 0, "restarts": 0}


def test_loss_between_two_feedbacks_is_in_the_second() -> None:
    recorder = twcc.Recorder()
    recorder.record(65534, 0)
    assert drain(recorder)[0].lost == []
    recorder.record(3, 10**6)
    (feedback,) = drain(recorder)
    assert (feedback.base, feedback.lost, list(feedback.arrivals)) == (65535, [65535, 0, 1, 2], [3])


def test_late_packet_is_reported_by_going_back_to_it() -> None:
    recorder = twcc.Recorder()
    for sequence in (65533, 65534, 0, 1):
        recorder.record(sequence, 10**9)
    assert drain(recorder)[0].lost == [65535]
    recorder.record(65535, 2 * 10**9)
    (feedback,) = drain(recorder)
    assert feedback.base == 65535
    assert feedback.arrivals == {65535: 8000, 0: 4000, 1: 4000}
    assert drain(recorder) == []


def test_nothing_new_is_no_feedback() -> None:
    recorder = twcc.Recorder()
    assert recorder.build() == b""
    recorder.record(9, 0)
    assert recorder.build() != b""
    recorder.record(9, 10**6)
    assert recorder.build() == b"" and recorder.counters["duplicates"] == 1


def test_short_capacity_builds_nothing_and_keeps_the_arrivals() -> None:
    recorder = twcc.Recorder()
    recorder.record(9, 0)
    assert recorder.build(23) == b""
    assert decode(recorder.build(24)).arrivals == {9: 0}


def test_feedback_count_wraps_after_255() -> None:
    recorder = twcc.Recorder()
    numbers = []
    for sequence in range(300):
        recorder.record(sequence, sequence * 10**6)
        numbers += [feedback.number for feedback in drain(recorder)]
    assert numbers == [n % 256 for n in range(300)]


@pytest.mark.parametrize("jump", [2048, 10_000, 32767])
def test_jump_beyond_the_window_restarts_without_reporting_the_gap(jump: int) -> None:
    recorder = twcc.Recorder()
    recorder.record(65535, 0)
    recorder.record((65535 + jump) & 0xFFFF, 10**6)
    (feedback,) = drain(recorder)
    assert feedback.count == 1 and list(feedback.arrivals) == [(65535 + jump) & 0xFFFF]
    assert recorder.counters["restarts"] == 1


def test_jump_of_one_less_than_the_window_reports_the_gap() -> None:
    recorder = twcc.Recorder()
    recorder.record(65535, 0)
    recorder.record((65535 + 2047) & 0xFFFF, 10**6)
    (feedback,) = drain(recorder)
    assert (feedback.count, len(feedback.lost), feedback.base) == (2048, 2046, 65535)


def test_unreported_packets_that_leave_the_window_are_given_up() -> None:
    recorder = twcc.Recorder()
    for sequence in range(5000):
        recorder.record((60000 + sequence) & 0xFFFF, sequence * 10**6)
    feedback = drain(recorder)
    assert feedback[0].base == (60000 + 5000 - 2048) & 0xFFFF
    assert sum(len(f.arrivals) for f in feedback) == 2048 and not any(f.lost for f in feedback)


def test_stray_far_behind_is_ignored_and_two_in_a_row_are_a_new_count() -> None:
    recorder = twcc.Recorder()
    recorder.record(30_000, 0)
    drain(recorder)
    recorder.record(20_000, 1)
    recorder.record(30_001, 2)
    recorder.record(20_001, 3)
    assert recorder.counters["restarts"] == 0 and recorder.counters["strays"] == 2
    assert [list(f.arrivals) for f in drain(recorder)] == [[30_001]]
    recorder.record(20_002, 4)
    assert [list(f.arrivals) for f in drain(recorder)] == [[20_002]]
    assert recorder.counters["restarts"] == 1


@given(st.lists(st.tuples(st.integers(0, 65535), st.integers(0, 2 * WRAP_NS)), max_size=60))
def test_any_order_of_anything_yields_bounded_decodable_feedback(arrivals: list[tuple[int, int]]) -> None:
    recorder = twcc.Recorder()
    for sequence, arrival_ns in arrivals:
        recorder.record(sequence, arrival_ns)
        feedback = drain(recorder, 100)
        assert sum(f.count for f in feedback) <= 2048


def test_long_runs_cost_one_chunk() -> None:
    recorder = twcc.Recorder()
    recorder.record(0, 0)
    recorder.record(2000, 0)
    assert len(recorder.build()) == 28  # header, vector or run for one, run of losses, two deltas, padding
