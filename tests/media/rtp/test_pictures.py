"""media.rtp.pictures and joining: the pictures that are whole come out, and no other, whatever gets lost on the way."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp import pictures
from media.rtp.frames import Frame, Gap, GapKind
from media.rtp.header import build, parse
from media.rtp.joining import MOST_SETS
from media.rtp.reorder import HOLD_NS
from media.rtp.stream import StreamFrames
from tests.media.plane.payloads import encoded
from tests.media.rtp.senders import ffmpeg_pictures, received

KEY = b"\x10\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00"
INTER = b"\x10\x11inter"
CODECS = ["H264", "H265", "VP8", "VP9", "AV1"]


@dataclass(frozen=True, slots=True)
class Sent:
    """A packet on its way; `picture` counts pictures."""

    picture: int
    data: bytes


def rtp(sequence: int, timestamp: int, payload: bytes, marker: bool = False) -> bytes:
    return build(payload, payload_type=96, sequence=sequence, timestamp=timestamp, ssrc=7, marker=marker)


def sent(codec: str, sequence: int, timestamp: int) -> tuple[list[Sent], list[bool]]:
    """FFmpeg's packets of seven pictures with these first numbers, and which pictures are keyframes."""
    packets: list[Sent] = []
    number = 0
    for place, data in enumerate(ffmpeg_pictures(codec, (66, 70), 7)):
        packet = parse(data)
        numbered = rtp(sequence + place, timestamp + 3000 * number, packet.payload, packet.marker)
        packets.append(Sent(number, numbered))
        number += packet.marker
    return packets, [number in (0, 3) for number in range(number)]


def expected(codec: str, packets: list[Sent], keys: list[bool], lost: set[int]) -> list[tuple[int, bool]]:
    """Which pictures come out, and whether they can be decoded, if these packets are lost."""
    pictures: list[tuple[int, bool]] = []
    decodable = False
    for number, is_key in enumerate(keys):
        places = [place for place, packet in enumerate(packets) if packet.picture == number]
        if lost.intersection(places):
            decodable = False
            continue
        if places[0] - 1 in lost or not places[0]:
            decodable = False
            # Nothing in AV1 payloads says where a temporal unit begins, but for a coded video sequence.
            if codec == "AV1" and not is_key:
                continue
        decodable = decodable or is_key
        pictures.append((number, decodable))
    return pictures


@pytest.mark.parametrize("codec", CODECS)
@given(
    data=st.data(),
    sequence=st.sampled_from([0, 65_530]) | st.integers(0, 65_535),
    timestamp=st.sampled_from([0, 2**32 - 6000]),
)
def test_whole_pictures_come_in_order_and_no_other(
    codec: str, data: st.DataObject, sequence: int, timestamp: int
) -> None:
    packets, keys = sent(codec, sequence, timestamp)
    lost = data.draw(st.sets(st.integers(1, len(packets) - 1), max_size=len(packets) - 2))
    arriving = [(0, 0)]
    for place in range(1, len(packets)):
        if place not in lost:
            arriving += [
                (place + delay, place) for delay in data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=2))
            ]
    stream = StreamFrames(codec)
    found: list[Frame | Gap] = []
    for now, place in sorted(arriving):
        found += stream.receive(packets[place].data, now * HOLD_NS // 40)
    found += stream.finish()
    frames = [item for item in found if isinstance(item, Frame)]
    came = [((frame.timestamp - timestamp) % 2**32 // 3000, frame.decodable) for frame in frames]
    assert came == expected(codec, packets, keys, lost)
    assert [frame.is_keyframe for frame in frames] == [keys[number] for number, _ in came]
    assert all(frame.size == ((66, 70) if frame.is_keyframe else None) for frame in frames)
    named = {
        number - sequence
        for gap in found
        if isinstance(gap, Gap) and gap.kind is GapKind.LOST
        for number in range(gap.first_sequence, gap.last_sequence + 1)
    }
    assert named == {place for place in lost if place < max(place for _, place in arriving)}


def test_stream_that_begins_within_a_picture_begins_with_the_next() -> None:
    packets = [
        rtp(1, 0, INTER[:1].replace(b"\x10", b"\0") + b"rest", True),
        rtp(2, 3000, INTER, True),
        rtp(3, 6000, KEY, True),
    ]
    first, second = received(StreamFrames("VP8"), packets)
    assert isinstance(first, Frame) and isinstance(second, Frame)
    assert (first.timestamp, first.decodable, second.is_keyframe, second.decodable) == (3000, False, True, True)
    assert second.size == (320, 180)


def test_pictures_of_a_sender_that_marks_nothing_end_where_the_next_begins() -> None:
    stream = StreamFrames("VP8")
    found = received(
        stream, [rtp(number, 3000 * (number // 2), KEY if number < 1 else INTER[number % 2 :]) for number in range(6)]
    )
    assert [frame.timestamp for frame in found] == [0, 3000]
    assert stream.frame_counts.broken == 1  # nobody knows whether the last one has ended


def test_sender_that_marks_every_slice_is_understood_after_one_picture() -> None:
    stream = StreamFrames("H264")
    sps, pps = encoded("H264", 66, 70)[0].payloads[0], b"\x68\xce\x38\x80"
    found: list[Frame | Gap] = []
    sequence = 0
    for number in range(4):
        key = number in (0, 2)
        for payload in (
            [sps, pps, b"\x65\x88first", b"\x65\x40second"] if key else [b"\x41\x9afirst", b"\x41\x40second"]
        ):
            found += stream.receive(rtp(sequence, 3000 * number, payload, True), sequence)
            sequence += 1
    found += stream.finish()
    assert [type(item) for item in found] == [Frame, Gap, Frame, Frame, Frame]
    assert found[1] == Gap(GapKind.REFUSED, 3, 3)
    frames = [item for item in found if isinstance(item, Frame)]
    assert [frame.decodable for frame in frames[1:]] == [False, True, True]
    assert all(b"second" in frame.data for frame in frames[1:])
    # Parameter sets marked as a picture of their own are none, and are not lost.
    assert frames[2].data.count(b"\0\0\0\1") >= 4 and stream.frame_counts.early_markers == 1


@pytest.mark.parametrize("told", [False, True], ids=["in-band-once", "in-the-session-description"])
def test_keyframe_without_parameter_sets_gets_the_known_ones(told: bool) -> None:
    aggregate, *idr = encoded("H264", 66, 70)[0].payloads
    units = [b"\x67" + aggregate.partition(b"\x67")[2][:20], b"\x68\xce\x38\x80"]
    stream = StreamFrames("H264", parameter_sets=units if told else ())
    packets = [] if told else [rtp(0, 0, aggregate)]
    packets += [rtp(1 + place, 0, payload, payload is idr[-1]) for place, payload in enumerate(idr)]
    last = rtp(1 + len(idr), 3000, b"\x65\x88again", True)
    frames = received(stream, [*packets, last])
    assert isinstance(frames[-1], Frame)
    assert frames[-1].is_keyframe and frames[-1].size == (66, 70) and frames[-1].data.endswith(b"\x65\x88again")


def test_keyframe_without_any_parameter_sets_is_none() -> None:
    (frame,) = received(StreamFrames("H264"), [rtp(0, 0, b"\x09\xf0"), rtp(1, 0, b"\x65\x88idr", True)])[-1:]
    assert isinstance(frame, Gap) and frame.kind is GapKind.REFUSED


def test_more_parameter_sets_than_a_stream_has_are_refused() -> None:
    stream = StreamFrames("H264")
    found = received(stream, [rtp(place, 0, b"\x68" + bytes((place, 1)), place == 20) for place in range(21)])
    assert MOST_SETS < 21 and [type(item) for item in found] in ([], [Gap])


def test_picture_that_is_too_large_is_refused_and_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "MOST_BYTES", 5000)
    stream = StreamFrames("VP8")
    packets = [rtp(place, 0, (KEY if not place else b"\0") + bytes(1000)) for place in range(20)]
    found = received(stream, [*packets, rtp(20, 3000, INTER, True), rtp(21, 6000, KEY, True)])
    assert found[0] == Gap(GapKind.REFUSED, 0, 4)
    assert [frame.decodable for frame in found[1:] if isinstance(frame, Frame)] == [False, True]


def test_clock_that_jumps_is_told_and_pictures_shown_later_than_sent_are_not_a_jump() -> None:
    steps = [0, 9000, 3000, 6000, 18_000, 900_000_000, 900_003_000]
    found = received(StreamFrames("VP8"), [rtp(place, step, KEY, True) for place, step in enumerate(steps)])
    assert [item.timestamp for item in found if isinstance(item, Frame)] == steps
    assert [type(item) for item in found] == [Frame] * 5 + [Gap, Frame, Frame]
    assert isinstance(found[5], Gap) and found[5].kind is GapKind.RESTARTED


def test_restarted_sender_needs_a_keyframe_and_its_time_goes_on() -> None:
    stream = StreamFrames("VP8")
    found: list[Frame | Gap] = []
    for sequence, timestamp, payload in [
        (10, 5000, KEY),
        (30_000, 100, INTER),
        (30_001, 3100, KEY),
        (30_002, 6100, INTER),
    ]:
        found += stream.receive(rtp(sequence, timestamp, payload, True), 0)
    assert found[1] == Gap(GapKind.RESTARTED, 11, 29_999)
    frames = [item for item in found if isinstance(item, Frame)]
    assert [frame.timestamp - 2**32 for frame in frames[1:]] == [100, 3100, 6100]
    assert [frame.decodable for frame in frames] == [True, False, True, True]


def test_packets_of_padding_only_are_no_media_and_miss_nothing() -> None:
    stream = StreamFrames("VP8")
    found = received(stream, [rtp(1, 0, KEY, True), rtp(2, 0, b""), rtp(3, 3000, b""), rtp(4, 3000, INTER, True)])
    assert [type(item) for item in found] == [Frame, Frame] and stream.frame_counts.padding == 2
