"""Feedback from a viewer: results equal what was sent and what arrived; forged feedback has no effect."""

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from media.plane import twcc, twcchistory
from media.plane.twcchistory import History, Report, Result

TOO_SHORT, NOT_FEEDBACK, BAD_LENGTH, BAD_PADDING, EMPTY, TRUNCATED, RESERVED, UNSENT = range(-1, -9, -1)


def received(history: History, packet: bytes, now_ns: int = 0) -> Report:
    report = history.receive(packet, now_ns)
    assert isinstance(report, Report), report
    return report


def feedback(base: int, count: int, reference: int, number: int, chunks: list[int], deltas: bytes) -> bytes:
    body = struct.pack("!LLHHL", 1, 2, base, count, reference << 8 | number)
    body += b"".join(struct.pack("!H", chunk) for chunk in chunks) + deltas
    padding = -len(body) % 4
    if padding:
        body += bytes(padding - 1) + bytes([padding])
    return struct.pack("!BBH", 0xAF if padding else 0x8F, 205, len(body) // 4) + body


def run(symbol: int, length: int) -> int:
    return symbol << 13 | length


def test_history_fits_its_budget() -> None:
    assert twcchistory.HISTORY_BYTES <= 24 * 1024


@given(
    st.integers(65000, 65535),
    st.lists(
        st.tuples(st.booleans(), st.integers(0, 1500), st.integers(-4_000_000, 30_000_000)),
        min_size=1,
        max_size=300,
    ),
    st.integers(1, 400),
    st.sampled_from([60, 1200]),
)
@example(65535, [(True, 0, 0)] * 2, 1, 60)
def test_results_equal_what_was_sent_and_what_arrived(
    first: int, packets: list[tuple[bool, int, int]], interval: int, capacity: int
) -> None:
    history, recorder = History(first), twcc.Recorder()
    now_ns, arrival_ns = 10**9, 10**12
    arrivals: dict[int, int] = {}
    sent: dict[int, tuple[int, int]] = {}
    results: list[Result] = []
    last = None
    for i, (arrives, size, pause_ns) in enumerate(packets):
        sequence = history.sent(now_ns, size)
        assert sequence == (first + i) & 0xFFFF
        sent[sequence] = (now_ns, size)
        now_ns += 10**6
        arrival_ns += pause_ns
        if arrives:
            recorder.record(sequence, arrival_ns)
            arrivals[sequence] = (arrival_ns + 125_000) // 250_000 * 250
            last = i
        if i % interval == 0 or i == len(packets) - 1:
            while packet := recorder.build(capacity):
                report = received(history, packet, now_ns)
                assert report.received == sum(r.received for r in report.results)
                assert report.bytes == sum(r.size_bytes for r in report.results if r.received)
                assert report.lost_bytes == sum(r.size_bytes for r in report.results if not r.received)
                assert (report.duplicates, report.unknown, report.omitted) == (0, 0, 0)
                assert report.missed_feedback == 0
                results += report.results
    assert [r.sequence for r in results if r.received] == list(arrivals)
    assert all((r.sent_ns, r.size_bytes) == sent[r.sequence] for r in results)
    origins = {(r.arrival_us - arrivals[r.sequence]) % (2**32 * 250) for r in results if r.received}
    assert len(origins) <= 1
    if last is not None:
        begin = next(i for i, packet in enumerate(packets) if packet[0])
        lost = [(first + i) & 0xFFFF for i in range(begin, last) if not packets[i][0]]
        assert [r.sequence for r in results if not r.received] == lost


def test_packet_reported_lost_may_be_reported_received_later() -> None:
    history, recorder = History(65534), twcc.Recorder()
    for i in range(4):
        history.sent(i * 10**6, 100 + i)
    recorder.record(65534, 0)
    recorder.record(0, 10**6)
    report = received(history, recorder.build())
    assert (report.received, report.lost, report.lost_bytes) == (2, 1, 101)
    recorder.record(65535, 2 * 10**6)
    report = received(history, recorder.build())
    assert (report.received, report.late, report.duplicates, report.lost) == (1, 1, 1, 0)
    assert [(r.sequence, r.received) for r in report.results] == [(65535, True)]


def test_repeated_feedback_counts_nothing_twice() -> None:
    history = History(0)
    history.sent(0, 1000)
    history.sent(0, 1000)
    packet = feedback(0, 2, 5, 0, [run(1, 1), run(0, 1)], b"\x01")
    assert received(history, packet).received == 1
    again = received(history, packet)
    assert (again.received, again.lost, again.duplicates, again.bytes) == (0, 0, 1, 0)
    assert again.round_trip_ns == -1 and again.missed_feedback == 0


def test_round_trip_is_taken_from_the_last_new_packet() -> None:
    history = History(0)
    for i in range(3):
        history.sent(i * 10**6, 1)
    report = received(history, feedback(0, 3, 0, 0, [run(1, 2), run(0, 1)], b"\x00\x00"), 50 * 10**6)
    assert report.round_trip_ns == 49 * 10**6


def test_missed_feedback_is_counted_over_the_wrap_and_overtaken_one_is_not() -> None:
    history = History(0)
    for _ in range(9):
        history.sent(0, 1)
    missed = []
    for base, number in enumerate((254, 255, 2, 1, 3)):
        packet = feedback(base, 1, 0, number, [run(1, 1)], b"\x00")
        missed.append(received(history, packet).missed_feedback)
    assert missed == [0, 0, 2, 0, 0]


@pytest.mark.parametrize(("before", "after"), [(2**24 - 1, 0), (2**24 - 2, 3), (5, 4), (0, 2**24 - 1)])
def test_arrival_times_run_on_over_the_reference_wrap(before: int, after: int) -> None:
    history = History(0)
    history.sent(0, 1)
    history.sent(0, 1)
    first = received(history, feedback(0, 1, before, 0, [run(1, 1)], b"\x00")).results[0]
    second = received(history, feedback(1, 1, after, 1, [run(1, 1)], b"\x03")).results[0]
    step = (after - before + 2**23) % 2**24 - 2**23
    assert second.arrival_us - first.arrival_us == step * 64_000 + 750


def test_packets_older_than_the_history_are_unknown_and_cheap() -> None:
    history = History(0)
    for _ in range(3000):
        history.sent(0, 10)
    report = received(history, feedback(0, 3000, 0, 0, [run(0, 3000)], b""))
    assert (report.unknown, report.lost, report.omitted) == (3000 - 1024, 1024, 1024 - 512)
    assert report.results[0].sequence == 3000 - 1024
    assert (report.first_sequence, report.last_sequence) == (0, 2999)


def test_received_packets_older_than_the_history_still_move_the_clock() -> None:
    history = History(0)
    for _ in range(1025):
        history.sent(0, 10)
    report = received(history, feedback(0, 2, 0, 0, [run(1, 2)], b"\x10\x20"))
    assert (report.unknown, report.received) == (1, 1)
    assert report.results[0].arrival_us == 0x30 * 250


def test_results_beyond_the_callers_room_are_counted() -> None:
    history = History(0, 3)
    for _ in range(5):
        history.sent(0, 10)
    report = received(history, feedback(0, 5, 0, 0, [run(1, 5)], bytes(5)))
    assert (len(report.results), report.omitted, report.received) == (3, 2, 5)
    bare = History(0, 0)
    bare.sent(0, 10)
    report = received(bare, feedback(0, 1, 0, 0, [run(1, 1)], bytes(1)))
    assert (report.results, report.omitted, report.bytes) == ([], 1, 10)


def test_slot_that_was_used_again_holds_the_new_packet() -> None:
    history = History(0)
    for i in range(1500):
        history.sent(i, i)
    report = received(history, feedback(1499, 1, 0, 0, [run(2, 1)], b"\xff\xff"))
    (result,) = report.results
    assert (result.sent_ns, result.size_bytes, result.arrival_us) == (1499, 1499, -250)


GOOD = feedback(10, 3, 1, 0, [run(1, 3)], b"\x01\x02\x03")


@pytest.mark.parametrize(
    ("packet", "code"),
    [
        (b"", TOO_SHORT),
        (GOOD[:21], TOO_SHORT),
        (b"\x4f" + GOOD[1:], NOT_FEEDBACK),
        (b"\x81" + GOOD[1:], NOT_FEEDBACK),
        (GOOD[:1] + b"\xce" + GOOD[2:], NOT_FEEDBACK),
        (GOOD + bytes(4), BAD_LENGTH),
        (GOOD[:-4], BAD_LENGTH),
        (GOOD[:-1] + b"\x00", BAD_PADDING),
        (GOOD[:-1] + b"\xff", BAD_PADDING),
        (feedback(10, 0, 1, 0, [run(1, 3)], b"\x01\x02\x03"), EMPTY),
        (feedback(10, 5, 1, 0, [run(2, 5)], b"\x01\x02\x03"), TRUNCATED),
        (feedback(10, 20, 1, 0, [0x8000], b""), TRUNCATED),
        (feedback(10, 20, 1, 0, [run(0, 0), run(0, 0)], b""), TRUNCATED),
        (feedback(10, 5, 1, 0, [run(3, 5)], bytes(20)), RESERVED),
        (
            feedback(10, 5, 1, 0, [0xC003, 0xFFFF], bytes(20)),
            UNSENT - 1,
        ),  # reserved behind the count is not read
        (feedback(10, 7, 1, 0, [0xC003], bytes(20)), RESERVED),
        (feedback(30, 1, 1, 0, [run(1, 1)], b"\x01"), UNSENT),
        (feedback(29, 2, 1, 0, [run(1, 2)], b"\x01\x01"), UNSENT),
        (feedback(9, 1, 1, 0, [run(1, 1)], b"\x01"), UNSENT),
        (feedback(10, 65535, 1, 0, [run(0, 8191)] * 9, b""), UNSENT),
    ],
)
def test_refused_feedback_has_its_reason_and_no_effect(packet: bytes, code: int) -> None:
    history = History(10)
    for _ in range(20):
        history.sent(0, 100)
    answer = history.receive(packet)
    if code < UNSENT:
        assert isinstance(answer, Report)
        return
    assert answer == code
    report = received(history, GOOD)
    assert (report.received, report.missed_feedback) == (3, 0)


@given(st.binary(max_size=80), st.integers(0, 2000))
def test_arbitrary_feedback_is_bounded(content: bytes, sent: int) -> None:
    history = History(65000)
    for _ in range(sent):
        history.sent(0, 100)
    content = content[: len(content) // 4 * 4]
    packet = struct.pack("!BBHLLH", 0x8F, 205, (len(content) + 16) // 4 - 1 + 1, 1, 2, 65000) + b"\x00\x40"
    packet += content
    packet = packet[:2] + struct.pack("!H", len(packet) // 4 - 1) + packet[4:]
    answer = history.receive(packet)
    if isinstance(answer, Report):
        assert answer.received + answer.lost + answer.unknown + answer.duplicates <= 64
        assert len(answer.results) + answer.omitted == answer.received + answer.lost
