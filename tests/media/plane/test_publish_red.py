"""A publisher whose sounds bring those before them (RED, RFC 2198): what its uplink loses is there all the same."""

from __future__ import annotations

import struct

from tests.media.plane.packets import RR, continuous, rtp, sequences
from tests.media.plane.peers import Peer, Stage

RED = 63
COUNT = 40
FIRST_SEQUENCE, FIRST_TIMESTAMP = 65_530, 2**32 - 3 * 960


def sound(number: int) -> bytes:
    return b"sound %d" % number


def redundant(number: int, depth: int = 1, payload_type: int = 111) -> bytes:
    """A sound with as many before it as there are, as libwebrtc packs them."""
    former = range(max(0, number - depth), number)
    heads = b"".join(
        struct.pack("!I", 1 << 31 | payload_type << 24 | (number - at) * 960 << 10 | len(sound(at))) for at in former
    )
    body = heads + bytes([payload_type]) + b"".join(sound(at) for at in (*former, number))
    return rtp(FIRST_SEQUENCE + number, body, timestamp=FIRST_TIMESTAMP + number * 960, payload_type=RED)


def talking(stage: Stage) -> tuple[Peer, Peer]:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publisher.publish(track, nack=False, red_payload_type=RED)
    viewer.watch(track, first_sequence=65_500, first_timestamp=5000)
    return publisher, viewer


def test_what_the_uplink_lost_comes_with_what_follows_and_the_report_stays_honest(stage: Stage) -> None:
    publisher, viewer = talking(stage)
    (publication,) = (one for one in stage.owned if hasattr(one, "level_dbov"))
    lost = {3, 4, 9, 20, 21, 22, 38}  # with two before each, the last of three in a row is too late for the first
    publisher.send(*(redundant(number, 2) for number in range(COUNT) if number not in lost))
    got = viewer.wait_packets(COUNT - 1)
    there = [number for number in range(COUNT) if number != 20]
    assert [packet.payload for packet in got] == [sound(number) for number in there]
    assert sequences(got) == [(65_500 + number) & 0xFFFF for number in there]
    assert [packet.timestamp for packet in got] == [5000 + number * 960 for number in there]
    assert {packet.payload_type for packet in got} == {109}
    publisher.settle().control.clear()
    report = publisher.wait_control(RR, 1)
    assert int.from_bytes(report.body[9:12]) == len(lost)
    (stats,) = publication.stats()  # type: ignore[attr-defined]
    assert (stats["lost"], stats["recovered"]) == (1, len(lost) - 1)
    assert stage.drops == {}


def test_what_is_no_red_of_ours_is_dropped_and_counted(stage: Stage) -> None:
    publisher, viewer = talking(stage)
    publisher.send(redundant(0), redundant(1, payload_type=100), redundant(2))
    truncated = rtp(FIRST_SEQUENCE + 3, b"\xef\x0f\x03\xff\x6f", payload_type=RED)
    publisher.send(truncated, rtp(FIRST_SEQUENCE + 4, sound(4), payload_type=111))
    got = viewer.wait_packets(4)
    assert [packet.payload for packet in got] == [sound(number) for number in (0, 1, 2, 4)]
    publisher.settle()
    assert stage.drops == {"payload_type": 1, "rtp_malformed": 1}


def test_a_sound_that_came_late_is_not_sent_twice(stage: Stage) -> None:
    publisher, viewer = talking(stage)
    publisher.send(redundant(0), redundant(2), redundant(1), redundant(3))
    assert continuous(sequences(viewer.wait_packets(4)), 65_500)
    publisher.settle()
    assert stage.drops == {"duplicate": 1}
