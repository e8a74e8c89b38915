"""The writing end of the tap ring: policies, counters, and a worker that scribbles over the shared memory."""

import mmap
import os
import select
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.plane.tapring import (
    DROP_NEWEST,
    DROP_OLDEST,
    DROPPED,
    HEADER_PAGE_BYTES,
    PACKET_MAX_BYTES,
    RECORD_HEADER_BYTES,
    REFUSED,
    WRITTEN,
    TapRingView,
)
from media.plane.tapwords import TapWords

CAPACITY = 4096


def record_bytes(length: int) -> int:
    return (RECORD_HEADER_BYTES + length + 7) // 8 * 8


def mapped(ring: TapRingView) -> mmap.mmap:
    memory_fd, _ = ring.fds()
    return mmap.mmap(memory_fd, os.fstat(memory_fd).st_size)


def readable(ring: TapRingView) -> bool:
    return bool(select.select([ring.fds()[1]], [], [], 0)[0])


@pytest.mark.parametrize(
    ("capacity", "policy"), [(4095, 1), (-1, 1), (2**32 + 1, 1), (0, 1), (4096, 0), (4096, 3), (4096, -1), (0, 0)]
)
def test_impossible_rings_are_refused(capacity: int, policy: int) -> None:
    with pytest.raises(ValueError):
        TapRingView(capacity, policy)


def test_capacity_is_rounded_up_to_whole_pages() -> None:
    ring = TapRingView(4097, DROP_NEWEST)
    assert ring.counters()["capacity_bytes"] == 8192
    assert os.fstat(ring.fds()[0]).st_size == 8192 + HEADER_PAGE_BYTES


def test_the_worker_can_neither_shrink_nor_grow_the_memory() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    memory_fd = ring.fds()[0]
    for size in (0, 4096, 1 << 20):
        with pytest.raises(PermissionError):
            os.ftruncate(memory_fd, size)


def test_a_ring_gives_its_descriptors_back() -> None:
    before = len(os.listdir("/proc/self/fd"))
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    assert len(os.listdir("/proc/self/fd")) == before + 2
    del ring
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("policy", [DROP_NEWEST, DROP_OLDEST])
def test_impossible_records_are_refused_and_counted(policy: int) -> None:
    ring = TapRingView(1 << 20, policy)
    assert ring.write(bytes(PACKET_MAX_BYTES)) == WRITTEN
    assert ring.write(bytes(PACKET_MAX_BYTES + 1)) == REFUSED
    for kind in (0, 3, 4, 255):
        assert ring.write(b"x", kind=kind) == REFUSED
    small = TapRingView(CAPACITY, policy)
    assert small.write(bytes(CAPACITY // 4 - RECORD_HEADER_BYTES)) == WRITTEN
    assert small.write(bytes(CAPACITY // 4 - RECORD_HEADER_BYTES + 1)) == REFUSED
    assert ring.counters()["refused_records"] == 5
    assert ring.counters()["written_records"] == 1


def test_drop_newest_keeps_what_is_there_and_counts_what_did_not_fit() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    results = [ring.write(bytes(440)) for _ in range(12)]
    assert results == [WRITTEN] * 8 + [DROPPED] * 4
    assert ring.counters()["dropped_records"] == 4
    assert ring.counters()["dropped_bytes"] == 4 * 512
    assert ring.counters()["used_bytes"] == CAPACITY


def test_drop_oldest_always_takes_the_newest_and_counts_what_it_overwrote() -> None:
    ring = TapRingView(CAPACITY, DROP_OLDEST)
    assert [ring.write(bytes(440)) for _ in range(20)] == [WRITTEN] * 20
    assert ring.counters()["dropped_records"] == 12
    words = TapWords(mapped(ring))
    assert words.writer_position() - words.tail_position() == CAPACITY


def test_shared_counters_say_what_the_writer_counted() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    for _ in range(10):
        ring.write(bytes(440))
    ring.write(b"", kind=0)
    assert TapWords(mapped(ring)).counters() == (8, 2, 2 * 512, 1, 0)


def test_eventfd_is_written_once_and_only_for_a_reader_that_announced_its_sleep() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    words = TapWords(mapped(ring))
    ring.write(b"awake")
    assert not readable(ring)
    words.announce_wait()
    ring.write(b"quiet", wake=False)
    assert not readable(ring)
    ring.wake()
    ring.write(b"again")
    assert os.eventfd_read(ring.fds()[1]) == 1


def test_a_page_that_is_too_small_and_a_released_one_are_refused() -> None:
    with pytest.raises(ValueError, match="header page"):
        TapWords(bytearray(HEADER_PAGE_BYTES - 1))
    words = TapWords(bytearray(HEADER_PAGE_BYTES))
    words.release()
    with pytest.raises(ValueError, match="closed"):
        words.writer_position()


@settings(max_examples=200, deadline=None)
@given(
    policy=st.sampled_from([DROP_NEWEST, DROP_OLDEST]),
    steps=st.lists(
        st.one_of(
            st.integers(0, 952),
            st.tuples(st.integers(0, 25), st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 20000))),
            st.tuples(st.integers(512, 1023), st.integers(0, 2**64 - 1)),
        ),
        max_size=80,
    ),
)
def test_the_writer_survives_any_scribbling_of_its_worker(policy: int, steps: list[int | tuple[int, int]]) -> None:
    ring = TapRingView(CAPACITY, policy)
    memory = mapped(ring)
    written = 0
    for step in steps:
        if isinstance(step, tuple):
            memory[step[0] * 8 : step[0] * 8 + 8] = struct.pack("=Q", step[1])
        else:
            result = ring.write(bytes(step))
            assert result == WRITTEN or (policy == DROP_NEWEST and result == DROPPED)
            written += result == WRITTEN
            counters = ring.counters()
            assert counters["written_records"] == written
            assert counters["used_bytes"] <= CAPACITY
    memory.close()


@pytest.mark.parametrize("length", [0, 4, 7, 12, 4104, 0x7FFFFFF8, 0xFFFFFFF8, 0xFFFFFFFF])
def test_a_forged_length_in_the_oldest_record_does_not_hold_the_writer(length: int) -> None:
    ring = TapRingView(CAPACITY, DROP_OLDEST)
    for _ in range(8):
        ring.write(bytes(440))
    memory = mapped(ring)
    memory[HEADER_PAGE_BYTES : HEADER_PAGE_BYTES + 4] = struct.pack("=I", length)
    assert [ring.write(bytes(440)) for _ in range(20)] == [WRITTEN] * 20
    words = TapWords(memory)
    assert words.writer_position() - words.tail_position() <= CAPACITY
    words.release()
    memory.close()


def test_a_reader_position_from_the_future_counts_as_a_full_ring() -> None:
    ring = TapRingView(CAPACITY, DROP_NEWEST)
    memory = mapped(ring)
    memory[16 * 8 : 17 * 8] = struct.pack("=Q", 8)
    assert ring.write(b"x") == DROPPED
    memory.close()
