"""Frames are decodable when all they need came; what is missing is asked for, and a keyframe where that is in vain."""

import random

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.links.picture import (
    FIRST_PICTURE_NS,
    MOST_MISSING,
    MOST_TRIES,
    MOST_WAITING,
    ROUND_TRIP_NS,
    STANDSTILL_NS,
    Picture,
    freezes,
)
from media.rtp.h264 import packetize
from media.rtp.header import RtpPacket

NS = 1_000_000_000
FIRST = 65_530
KEYFRAME = [b"\x67sps", b"\x68pps", b"\x65" + bytes(3000)]
DELTA = [b"\x41" + bytes(2000)]


def stream(frames: int, keyframes: tuple[int, ...] = (0,)) -> list[tuple[int, RtpPacket]]:
    """Extended numbers and packets of so many frames."""
    packets: list[tuple[int, RtpPacket]] = []
    for frame in range(frames):
        payloads = packetize(KEYFRAME if frame in keyframes else DELTA)
        for place, payload in enumerate(payloads, 1):
            number = FIRST + len(packets)
            packets.append(
                (number, RtpPacket(102, place == len(payloads), number & 0xFFFF, frame * 6000, 1, (), payload))
            )
    return packets


@given(st.randoms(use_true_random=False), st.integers(1, 30))
def test_whatever_the_order_and_the_copies_all_frames_are_decodable_when_all_came(
    chance: random.Random, reach: int
) -> None:
    came = [(place + chance.random() * reach, *item) for place, item in enumerate(stream(20))]
    came += [(place + 40, number, packet) for place, number, packet in came if chance.random() < 0.2]
    picture = Picture()
    # The first packet fixes where the stream begins for whoever asks.
    picture.note(*came[0][1:], 0)
    for _, number, packet in sorted(came, key=lambda item: item[0]):
        picture.note(number, packet, 1)
    assert len(picture.frames) == 20
    assert picture.packets_to_ask(2) == []


def test_a_hole_stops_the_picture_until_it_is_filled_and_is_asked_for_each_round_trip() -> None:
    packets = stream(5)
    picture, gone = Picture(), packets[5]
    for number, packet in packets:
        if number != gone[0]:
            picture.note(number, packet, NS)
    assert len(picture.frames) == 1
    wire = [gone[0] & 0xFFFF]
    assert picture.packets_to_ask(NS) == wire
    assert picture.packets_to_ask(NS + ROUND_TRIP_NS - 1) == []
    for again in range(1, MOST_TRIES):
        assert picture.packets_to_ask(NS + again * ROUND_TRIP_NS) == wire
    assert picture.packets_to_ask(NS + MOST_TRIES * ROUND_TRIP_NS) == []
    picture.note(*gone, 9 * NS)
    assert [frame.decodable_ns for frame in picture.frames] == [NS] + [9 * NS] * 4


def test_a_frame_tells_whether_any_of_it_was_asked_for() -> None:
    packets = stream(3)
    picture, gone = Picture(), packets[5]
    for number, packet in packets:
        if number != gone[0]:
            picture.note(number, packet, NS)
    picture.packets_to_ask(NS)
    picture.note(*gone, 2 * NS)
    assert [frame.was_asked_for for frame in picture.frames] == [False, True, False]
    assert [frame.received_ns for frame in picture.frames] == [NS, 2 * NS, NS]
    assert picture.frames[1].size_bytes > 2000


def test_a_whole_keyframe_ends_the_wait_for_what_was_before_it() -> None:
    packets = stream(6, keyframes=(0, 4))
    picture = Picture()
    for number, packet in packets[:5] + packets[6:]:
        picture.note(number, packet, NS)
    assert len(picture.frames) == 3
    assert picture.packets_to_ask(2 * NS) == []


def test_a_keyframe_is_asked_for_soon_at_first_and_later_after_a_standstill() -> None:
    packets = stream(3)
    picture = Picture()
    assert not picture.is_keyframe_to_ask(9 * NS)
    picture.note(*packets[-1], 0)
    assert not picture.is_keyframe_to_ask(FIRST_PICTURE_NS - 1)
    assert picture.is_keyframe_to_ask(FIRST_PICTURE_NS)
    assert not picture.is_keyframe_to_ask(2 * FIRST_PICTURE_NS - 1)
    picture = Picture()
    for place, (number, packet) in enumerate(packets[:2]):
        picture.note(number, packet, place * FIRST_PICTURE_NS)
    assert not picture.is_keyframe_to_ask(2 * FIRST_PICTURE_NS - 1)
    assert picture.is_keyframe_to_ask(2 * FIRST_PICTURE_NS)
    picture = Picture()
    for number, packet in packets:
        picture.note(number, packet, NS)
    assert not picture.is_keyframe_to_ask(NS + STANDSTILL_NS - 1)
    assert picture.is_keyframe_to_ask(NS + STANDSTILL_NS)
    # Nobody asks for what is not sent at all.
    assert not picture.is_keyframe_to_ask(NS + 2 * STANDSTILL_NS)


def test_too_much_missing_is_not_asked_for_but_a_keyframe_is() -> None:
    first, *others = stream(MOST_MISSING)
    picture = Picture()
    picture.note(*first, 0)
    picture.note(*others[MOST_MISSING + 10], 1)
    assert picture.packets_to_ask(2) == []
    assert picture.is_keyframe_to_ask(2)
    assert not picture.is_keyframe_to_ask(2)


def test_what_waits_for_a_hole_is_bounded() -> None:
    packets = stream(MOST_WAITING)
    picture = Picture()
    for number, packet in packets[:1] + packets[2 : MOST_WAITING + 3]:
        picture.note(number, packet, 1)
    assert picture.is_keyframe_to_ask(2)
    assert picture.packets_to_ask(2) == []


def test_freezes_are_intervals_far_above_the_mean_of_the_last() -> None:
    assert freezes([], 0, 4 * NS) == [(0.0, 4.0)]
    assert freezes([-NS], 0, 4 * NS) == [(0.0, 4.0)]
    each = NS // 10
    for gap, counts in ((4 * each, True), (2 * each, False)):
        came = [number * each for number in range(10)]
        came += [came[-1] + gap + number * each for number in range(10)]
        assert freezes(came, 0, came[-1] + each) == ([(0.9, 0.4)] if counts else [])
    # What began before the time asked for counts with what is in it.
    assert freezes([number * each for number in range(10)], NS // 2, 3 * NS) == [(0.4, 2.1)]
    assert freezes([0, each, 2 * each, 3 * each, 4 * each, 3 * NS], NS, 3 * NS + 1) == [(0.0, 2.0)]
    # Few pictures a second are no freezes.
    assert freezes([number * NS for number in range(30)], 0, 30 * NS) == []
