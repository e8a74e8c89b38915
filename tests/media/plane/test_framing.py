"""Frames over a byte stream: however it is cut they are the same, and only whole ones are ever forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane.framing import FrameQueueView, FrameReaderView
from tests.media.plane.tcp_peer import framed, frames

CAPACITY = 1600
FRAMES = st.lists(st.binary(min_size=0, max_size=60) | st.binary(min_size=1590, max_size=CAPACITY), max_size=12)


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted(place % (len(data) + 1) for place in places)
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


@given(sent=FRAMES, places=st.lists(st.integers(0, 1 << 20), max_size=30))
def test_any_cut_of_a_stream_gives_the_same_frames(sent: list[bytes], places: list[int]) -> None:
    reader = FrameReaderView(CAPACITY)
    got = [frame for piece in cut(framed(*sent), places) for frame in reader.read(piece)]
    assert got == [frame for frame in sent if frame]  # RFC 4571 section 2: null frames say nothing


@given(before=FRAMES, length=st.integers(CAPACITY + 1, 65_535))
def test_a_giant_frame_is_refused_when_its_length_has_come(before: list[bytes], length: int) -> None:
    reader = FrameReaderView(CAPACITY)
    reader.read(framed(*before) + length.to_bytes(2, "big")[:1])
    with pytest.raises(ValueError, match="too large"):
        reader.read(length.to_bytes(2, "big")[1:])


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 300)),
        st.tuples(st.just("take"), st.integers(0, 500)),
        st.tuples(st.just("forget"), st.just(0)),
    ),
    max_size=80,
)


@given(steps=STEPS)
def test_a_queue_sends_whole_frames_in_order_whatever_is_forgotten(steps: list[tuple[str, int]]) -> None:
    queue = FrameQueueView(1000)
    waiting: list[bytes] = []
    sent, gone = b"", []
    for number, (verb, size) in enumerate(steps):
        if verb == "put":
            frame = number.to_bytes(2, "big") + bytes(size)
            room = len(queue) + 2 + len(frame) <= 1000
            assert queue.put(frame) is room
            if room:
                waiting.append(frame)
        elif verb == "take":
            sent += queue.take(size)
        else:
            begun = len(frames(sent)[0]) + bool(frames(sent)[1])
            kept = [frame for frame in waiting if frame not in gone]
            gone += kept[begun:]
            assert queue.forget() == len(kept[begun:])
    sent += queue.take(1000)
    assert len(queue) == 0
    assert frames(sent) == ([frame for frame in waiting if frame not in gone], b"")


@given(
    frames_put=st.lists(st.tuples(st.booleans(), st.integers(1, 60)), min_size=1, max_size=30),
    taken=st.integers(0, 200),
    most_bytes=st.integers(0, 600),
)
def test_of_what_is_to_be_kept_the_newest_stay_whole_and_in_order(
    frames_put: list[tuple[bool, int]], taken: int, most_bytes: int
) -> None:
    queue = FrameQueueView(4000)
    waiting = [bytes([7 if kept else 1, number]) + bytes(size) for number, (kept, size) in enumerate(frames_put)]
    for frame in waiting:
        assert queue.put(frame)
    sent = queue.take(taken)
    begun = len(frames(sent)[0]) + bool(frames(sent)[1])
    gone = queue.forget(7, most_bytes, now_ns=10)
    whole = frames(sent + queue.take(4000))[0]
    assert whole[:begun] == waiting[:begun]
    wanted = [frame for frame in waiting[begun:] if frame[0] == 7]
    while sum(len(frame) + 2 for frame in wanted) > most_bytes:
        wanted.pop(0)
    assert whole[begun:] == wanted
    assert gone == len(waiting) - len(whole)


def test_what_was_kept_waits_anew() -> None:
    queue = FrameQueueView(1000)
    queue.put(b"\7" + bytes(97), now_ns=0)
    queue.put(b"\1" + bytes(97), now_ns=0)
    assert queue.forget(7, 500, now_ns=60) == 1
    assert not queue.waits(50, 100) and queue.waits(50, 111)


def test_a_queue_tells_when_something_has_waited_too_long() -> None:
    queue = FrameQueueView(1000)
    assert not queue.waits(0, 10**12)
    queue.put(bytes(98), now_ns=0)
    assert not queue.waits(50, 50) and queue.waits(50, 51)
    queue.put(bytes(98), now_ns=60)
    queue.take(99, now_ns=70)
    assert queue.waits(50, 71)
    queue.take(1, now_ns=80)  # what waited has gone; the rest came later
    assert not queue.waits(50, 100) and queue.waits(50, 131)
    assert queue.forget() == 1 and not queue.waits(0, 10**12)
