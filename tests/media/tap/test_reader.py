"""Tap reader and writer in one process: every order of writes and reads, sleeping, takeover, damage."""

import os
import struct
import tempfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.tapring import DROP_NEWEST, DROP_OLDEST, DROPPED, HEADER_PAGE_BYTES, WRITTEN, TapRingView
from media.tap import TapKind, TapReader, TapReaderReplaced, TapRecord, TapRingError
from tests.patience import PATIENCE_S, wait_until

CAPACITY = 4096


def all_records(reader: TapReader) -> Iterator[TapRecord]:
    while (record := reader.read()) is not None:
        yield record


def reader_of(ring: TapRingView) -> TapReader:
    return TapReader.from_fds(*ring.fds())


def test_every_field_arrives_as_it_was_written() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    ring.write(
        b"\x80\x60packet",
        route=2**64 - 1,
        monotonic_ns=2**63 - 1,
        wall_ns=-(2**63),
        flags=0xFFFF,
        ssrc=0xFFFFFFFF,
        sequence=0x1FFFF,
        rid=b"high",
    )
    with reader_of(ring) as reader:
        assert reader.read() == TapRecord(
            kind=TapKind.RTP,
            flags=0xFFFF,
            ordinal=0,
            route=2**64 - 1,
            monotonic_ns=2**63 - 1,
            wall_ns=-(2**63),
            ssrc=0xFFFFFFFF,
            sequence=0x1FFFF,
            rid="high",
            lost_records=0,
            packet=b"\x80\x60packet",
        )
        assert reader.read() is None


STEPS = st.lists(st.one_of(st.integers(0, 952), st.just("read")), max_size=150)
# Anywhere in the memory, most often just before its end.
FIRST_POSITIONS = st.one_of(st.integers(0, CAPACITY // 8), st.integers(0, 30).map(lambda n: CAPACITY // 8 - n)).map(
    lambda words: words * 8
)


@settings(max_examples=250, deadline=None)
@given(steps=STEPS, first_position=FIRST_POSITIONS)
def test_drop_newest_gives_every_record_that_fitted_and_marks_every_one_that_did_not(
    steps: list[int | str], first_position: int
) -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST, first_position)
    expected: list[tuple[TapKind, int, bytes]] = []
    seen: list[tuple[TapKind, int, bytes]] = []
    pending: list[int] = []
    with reader_of(ring) as reader:
        for number, step in enumerate([*steps, "drain", 0, "drain"]):
            if isinstance(step, int):
                packet = bytes([number % 256]) * step
                if ring.write(packet, wall_ns=number) == DROPPED:
                    pending.append(number)
                    continue
                if pending:
                    expected.append((TapKind.GAP, pending[0], bytes(len(pending))))
                    pending.clear()
                expected.append((TapKind.RTP, number, packet))
            else:
                for record in all_records(reader):
                    seen.append((record.kind, record.wall_ns, record.packet or bytes(record.lost_records)))
                    if step == "read":
                        break
    assert seen == expected
    assert not pending
    assert ring.counters()["used_bytes"] == 0


@settings(max_examples=250, deadline=None)
@given(steps=STEPS, first_position=FIRST_POSITIONS)
def test_drop_oldest_gives_intact_records_in_order_and_counts_the_lost(
    steps: list[int | str], first_position: int
) -> None:
    ring = TapRingView(CAPACITY, DROP_OLDEST, first_position)
    packets: list[bytes] = []
    next_number = 0
    lost = 0
    with reader_of(ring) as reader:
        for step in [*steps, 952, "drain"]:
            if isinstance(step, int):
                packet = bytes([len(packets) % 256]) * step
                assert ring.write(packet, sequence=len(packets)) == WRITTEN
                packets.append(packet)
                continue
            for record in all_records(reader):
                if record.kind is TapKind.GAP:
                    lost += record.lost_records
                    next_number += record.lost_records
                    continue
                assert (record.sequence, record.packet) == (next_number, packets[next_number])
                next_number += 1
                if step == "read":
                    break
        assert next_number == len(packets)
        assert reader.counters().lost_records == lost == ring.counters()["dropped_records"]


def test_records_fill_the_memory_to_its_last_byte() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    with reader_of(ring) as reader:
        for lap in range(3):
            assert [ring.write(bytes([lap]) * 440) for _ in range(8)] == [WRITTEN] * 8
            assert ring.counters()["used_bytes"] == CAPACITY
            assert [record.packet for record in all_records(reader)] == [bytes([lap]) * 440] * 8


def test_a_last_gap_is_marked_when_the_writer_closes() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    while ring.write(bytes(440), wall_ns=5) == WRITTEN:
        pass
    with reader_of(ring) as reader:
        assert reader.read() is not None
        ring.close()
        assert reader.closed_by_writer
        *packets, gap = all_records(reader)
        assert len(packets) == 7
        assert (gap.kind, gap.lost_records, gap.wall_ns) == (TapKind.GAP, 1, 5)


def test_wait_ends_at_once_when_there_is_something_and_after_its_time_when_not() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    with reader_of(ring) as reader:
        assert not reader.wait(0)
        assert not reader.wait(0.01)
        ring.write(b"x")
        assert reader.wait(0)
        assert reader.read() is not None
        assert not reader.wait(0)


def test_wait_is_ended_by_a_record_and_by_the_writers_end() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    results: list[bool] = []
    with reader_of(ring) as reader:

        def sleeper() -> None:
            results.append(reader.wait(PATIENCE_S))
            assert reader.read() is not None
            results.append(reader.wait(PATIENCE_S))

        thread = threading.Thread(target=sleeper)
        thread.start()
        ring.write(b"x")
        wait_until(lambda: not ring.counters()["used_bytes"], "the record is read")
        ring.close()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert results == [True, True]


def test_a_stale_wake_up_does_not_end_the_wait_of_the_next_reader() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    first = reader_of(ring)
    assert first.prepare_wait()
    ring.write(b"x")
    first.close()
    with reader_of(ring) as second:
        assert second.read() is not None
        assert not second.wait(0.01)


def test_a_successor_goes_on_where_the_predecessor_stopped() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    for number in range(6):
        ring.write(b"x", sequence=number)
    seen = []
    for generation in (1, 2, 3):
        with reader_of(ring) as reader:
            assert reader.generation == generation
            seen += [record.sequence for record in (reader.read(), reader.read()) if record]
    assert seen == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("overrun", [0, 50])
def test_a_successor_under_drop_oldest_counts_what_was_lost_while_nobody_read(overrun: int) -> None:
    ring = TapRingView(CAPACITY, DROP_OLDEST)
    ring.write(b"x", sequence=0)
    with reader_of(ring) as reader:
        assert reader.read() is not None
    for number in range(1, 2 + overrun):
        ring.write(bytes(440), sequence=number)
    with reader_of(ring) as reader:
        records = list(all_records(reader))
        lost = sum(record.lost_records for record in records)
        assert lost == max(0, overrun + 1 - 8)
        assert records[-1].sequence == overrun + 1


@pytest.mark.parametrize("policy", [DROP_NEWEST, DROP_OLDEST])
def test_a_reader_that_was_replaced_ends_and_takes_nothing_more(policy: int) -> None:
    ring = TapRingView(CAPACITY, policy)
    for number in range(4):
        ring.write(b"x", sequence=number)
    old = reader_of(ring)
    assert old.read() is not None
    new = reader_of(ring)
    assert [record.sequence for record in all_records(new)] == [1, 2, 3]
    with pytest.raises(TapReaderReplaced):
        old.read()
    ring.write(b"x", sequence=4)
    with pytest.raises(TapReaderReplaced):
        old.read()
    assert [record.sequence for record in all_records(new)] == [4]
    old.close()
    new.close()


def test_an_idle_reader_that_was_replaced_ends_too() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    old = reader_of(ring)
    assert old.read() is None
    with reader_of(ring), pytest.raises(TapReaderReplaced):
        old.read()
    old.close()


def test_a_predecessor_killed_between_its_two_stores_costs_no_record() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    ring.write(b"x", sequence=0)
    ring.write(b"x", sequence=1)
    patch(ring, 17 * 8, struct.pack("=Q", 1))
    with reader_of(ring) as reader:
        assert [record.sequence for record in all_records(reader)] == [0, 1]


def patch(ring: TapRingView, offset: int, data: bytes) -> None:
    assert os.pwrite(ring.fds()[0], data, offset) == len(data)


def test_descriptors_that_are_no_ring_are_refused() -> None:
    read_end, write_end = os.pipe()
    unsealed = os.memfd_create("x", os.MFD_ALLOW_SEALING)
    os.ftruncate(unsealed, 8192)
    with tempfile.TemporaryFile() as file:
        file.truncate(8192)
        for descriptor in (read_end, unsealed, file.fileno(), 10_000):
            with pytest.raises(TapRingError):
                TapReader.from_fds(descriptor, write_end)
    for descriptor in (read_end, write_end, unsealed):
        os.close(descriptor)


@pytest.mark.parametrize(
    ("word", "value"),
    [(0, 0), (1, 2), (2, 0), (2, 3), (3, 0), (3, CAPACITY - 8), (3, CAPACITY + 8), (3, 2**64 - 1), (8, 7),
     (8, 2**63), (16, 1), (16, 8), (16, 2**64 - 8)],
)  # fmt: skip
def test_a_header_that_contradicts_itself_is_refused(word: int, value: int) -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    patch(ring, word * 8, struct.pack("=Q", value))
    with pytest.raises(TapRingError):
        reader_of(ring)


@pytest.mark.parametrize(
    ("offset", "data"),
    [(0, b"\0\0\0\0"), (0, b"\x08\0\0\0"), (0, b"\x50\0\0\0"), (0, b"\x4d\0\0\0"), (0, b"\xff\xff\xff\xff"),
     (0, b"\0\x20\0\0"), (4, b"\0"), (4, b"\1"), (5, b"\0"), (5, b"\2"), (5, b"\4"), (5, b"\xff"), (8, b"\1"),
     (64, b"\x0d"), (64, b"\xff\xff\xff\xff"), (64, b"\0\0\1\0")],
)  # fmt: skip
@pytest.mark.parametrize("policy", [DROP_NEWEST, DROP_OLDEST])
def test_a_record_that_contradicts_itself_ends_the_reader(policy: int, offset: int, data: bytes) -> None:
    ring = TapRingView(CAPACITY, policy)
    ring.write(b"x" * 20)
    ring.write(b"y")
    patch(ring, HEADER_PAGE_BYTES + offset, data)
    with reader_of(ring) as reader, pytest.raises(TapRingError):
        list(all_records(reader))


@settings(max_examples=300, deadline=None)
@given(
    policy=st.sampled_from([DROP_NEWEST, DROP_OLDEST]),
    lengths=st.lists(st.integers(0, 900), min_size=1, max_size=20),
    damage=st.lists(
        st.tuples(
            st.one_of(st.integers(0, 2 * CAPACITY - 8), st.integers(0, 25).map(lambda word: word * 8)),
            st.one_of(st.binary(min_size=1, max_size=8), st.integers(0, 10_000).map(lambda n: struct.pack("=Q", n))),
        ),
        min_size=1,
        max_size=6,
    ),
)
def test_no_damage_makes_the_reader_crash_or_run_on(
    policy: int, lengths: list[int], damage: list[tuple[int, bytes]]
) -> None:
    ring = TapRingView(CAPACITY, policy)
    for length in lengths:
        ring.write(bytes(length))
    most = 2 * CAPACITY // 72  # the memory holds no more
    with suppress(TapRingError), reader_of(ring) as reader:
        for offset, data in damage:
            patch(ring, offset, data)
            records = list(islice(all_records(reader), most))
            assert len(records) < most
            assert all(len(record.packet) <= CAPACITY for record in records)


def test_a_closed_reader_says_so() -> None:
    reader = reader_of(TapRingView(CAPACITY, DROP_NEWEST))
    reader.close()
    reader.close()
    with pytest.raises(ValueError, match="closed"):
        reader.read()
