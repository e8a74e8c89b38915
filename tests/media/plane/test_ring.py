"""The ring against a deque, and between two real threads."""

import os
import select
import threading
import time
from collections import deque
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from media.plane.ring import RingView, consume_numbers, produce_numbers
from tests.patience import PATIENCE_S

EFFORT_S = 1.0


class RingModel(RuleBasedStateMachine):
    """Every order of pushes and pops, begun just before the indexes wrap."""

    @initialize(
        slot_bytes=st.sampled_from([1, 8, 63, 64, 65, 200]),
        slots=st.sampled_from([2, 4, 8]),
        before_wrap=st.integers(0, 10),
    )
    def create(self, slot_bytes: int, slots: int, before_wrap: int) -> None:
        self.slot_bytes, self.slots = slot_bytes, slots
        self.ring = RingView(slot_bytes, slots, (2**64 - before_wrap) % 2**64)
        self.model: deque[bytes] = deque()

    @rule(data=st.binary(max_size=200))
    def push(self, data: bytes) -> None:
        message = data[: self.slot_bytes]
        taken = self.ring.push(message)
        assert taken == (len(self.model) < self.slots)
        if taken:
            self.model.append(message.ljust(self.slot_bytes, b"\0"))

    @rule(data=st.binary(max_size=200), keep_free=st.integers(0, 9))
    def push_spare(self, data: bytes, keep_free: int) -> None:
        message = data[: self.slot_bytes]
        taken = self.ring.push_spare(message, keep_free)
        assert taken == (self.slots - len(self.model) - 1 >= keep_free)
        if taken:
            self.model.append(message.ljust(self.slot_bytes, b"\0"))

    @rule()
    def pop(self) -> None:
        assert self.ring.pop() == (self.model.popleft() if self.model else None)

    @rule()
    def prepare_and_finish_a_wait(self) -> None:
        assert self.ring.prepare_wait() == (not self.model)
        self.ring.finish_wait()

    @invariant()
    def length_agrees(self) -> None:
        if hasattr(self, "ring"):
            assert len(self.ring) == len(self.model)


TestRingModel = RingModel.TestCase
TestRingModel.settings = settings(max_examples=120, stateful_step_count=40, deadline=None)


class Passed(NamedTuple):
    """What became of messages between two threads."""

    received: int
    wrong: int = 0
    lost_wake_ups: int = 0
    left: int = 0
    producer_stuck: bool = False


def pass_for_a_while(slots: int, count: int, batch: int, lockstep: bool) -> set[Passed]:
    """Again and again for a moment: where two threads share a core, every message may cost a turn of the scheduler."""
    end = time.monotonic() + EFFORT_S
    found = {pass_between_threads(slots, count, batch, lockstep)}
    while time.monotonic() < end:
        found.add(pass_between_threads(slots, count, batch, lockstep))
    return found


def pass_between_threads(slots: int, count: int, batch: int, lockstep: bool) -> Passed:
    ring = RingView(72, slots, 2**64 - count // 2)
    producer = threading.Thread(target=produce_numbers, args=(ring, count, batch, lockstep))
    producer.start()
    received, wrong, _, lost_wake_ups = consume_numbers(ring, count, int(PATIENCE_S * 1000))
    producer.join(timeout=PATIENCE_S)
    return Passed(received, wrong, lost_wake_ups, len(ring), producer.is_alive())


@pytest.mark.parametrize(
    ("slots", "count", "batch"),
    [(2, 3_000, 1), (64, 10_000, 1), (1024, 100_000, 16), (8, 4_000, 1000)],
)
def test_two_threads_pass_every_message_in_order(slots: int, count: int, batch: int) -> None:
    assert pass_for_a_while(slots, count, batch, lockstep=False) == {Passed(count)}


def test_no_wake_up_is_lost_when_the_commit_meets_the_consumer_going_to_sleep() -> None:
    assert pass_for_a_while(2, 3_000, 1, lockstep=True) == {Passed(3_000)}


def readable(ring: RingView) -> bool:
    return bool(select.select([ring.fileno()], [], [], 0)[0])


def test_eventfd_is_written_only_for_a_consumer_that_prepared_to_wait() -> None:
    ring = RingView(8, 8)
    ring.push(b"awake")
    assert not readable(ring)
    ring.pop()
    assert ring.prepare_wait()
    ring.push(b"first")
    assert readable(ring)
    ring.finish_wait()
    assert not readable(ring)
    ring.push(b"second")
    assert not readable(ring)


def test_many_commits_during_one_sleep_write_the_eventfd_once() -> None:
    ring = RingView(8, 8)
    assert ring.prepare_wait()
    for _ in range(5):
        ring.push(b"x")
    assert int.from_bytes(os.read(ring.fileno(), 8), "little") == 1


def test_a_consumer_with_something_to_read_is_not_allowed_to_sleep() -> None:
    ring = RingView(8, 8)
    ring.push(b"x")
    assert not ring.prepare_wait()
    ring.push(b"y")
    assert not readable(ring)


def test_essential_messages_still_fit_when_droppable_ones_are_refused() -> None:
    ring = RingView(4, 8)
    droppable = 0
    while ring.push_spare(b"drop", 3):
        droppable += 1
    assert droppable == 5
    assert [ring.push(b"keep") for _ in range(4)] == [True, True, True, False]


def test_a_message_larger_than_a_slot_is_refused() -> None:
    ring = RingView(8, 2)
    with pytest.raises(ValueError, match="larger"):
        ring.push(bytes(9))
    assert ring.pop() is None


def test_a_short_message_does_not_show_what_the_slot_held_before() -> None:
    ring = RingView(4, 2)
    for message in (b"aaaa", b"bbbb", b"c"):
        ring.push(message)
        last = ring.pop()
    assert last == b"c\0\0\0"


@pytest.mark.parametrize(
    ("slot_bytes", "slots"),
    [(8, 1), (8, 3), (8, 0), (0, 8), (8, 2**25), (2**20 + 1, 2), (-1, 8), (8, -8), (8, 2**33), (0, 0)],
)
def test_impossible_sizes_are_refused(slot_bytes: int, slots: int) -> None:
    with pytest.raises(ValueError):
        RingView(slot_bytes, slots)


def test_a_ring_gives_its_descriptor_back() -> None:
    before = set(os.listdir("/proc/self/fd"))
    ring = RingView(8, 8)
    assert len(set(os.listdir("/proc/self/fd")) - before) == 1
    del ring
    assert set(os.listdir("/proc/self/fd")) == before


@settings(max_examples=50, deadline=None)
@given(messages=st.lists(st.binary(min_size=8, max_size=8), max_size=30))
def test_order_is_kept_whatever_the_bytes(messages: list[bytes]) -> None:
    ring = RingView(8, 32)
    assert all(ring.push(message) for message in messages)
    assert [ring.pop() for _ in messages] == messages
