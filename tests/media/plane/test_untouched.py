"""Codecs that nothing is rewritten in: each payload arrives byte for byte, from a keyframe on, on both threads."""

from __future__ import annotations

from typing import Any

import pytest

from media.plane.names import codec_number
from tests.media.plane.packets import continuous, rtp, sequences
from tests.media.plane.payloads import encoded, h265_single
from tests.media.plane.peers import staged


@pytest.mark.parametrize("codec", ["H265", "VP9", "AV1"])
def test_a_viewer_gets_every_payload_from_the_next_keyframe_on(codec: str) -> None:
    number = codec_number(codec)
    types = ((98, number, 90_000, 0), (99, number, 90_000, 98))
    packets: list[tuple[bytes, int]] = []
    for time, picture in enumerate(encoded(codec)):
        # Single units, because the tests' own SRTP takes no more than 1,356 bytes and an aggregate may be larger.
        payloads = list(h265_single(picture.data)) if codec == "H265" else picture.payloads
        for place, payload in enumerate(payloads):
            options: dict[str, Any] = {
                "timestamp": 3000 * time,
                "payload_type": 98,
                "marker": place == len(payloads) - 1,
            }
            packets.append((rtp(65_500 + len(packets), payload, **options), time))
    second = next(time for time, picture in enumerate(encoded(codec)) if picture.is_keyframe and time)
    with staged() as stage:
        publisher, track, far_plane = stage.peer(), stage.track(), stage.another()
        far = stage.track(plane=far_plane)
        publisher.publish(track, payload_types=types)
        stage.mirror(track, far)
        watched: dict[str, Any] = {"payload_types": {number: (120, 121)}, "first_sequence": 65_535}
        first, late, there = stage.peer(), stage.peer(), stage.peer(plane=far_plane)
        first.watch(track, **watched)
        there.watch(far, **watched)
        before = [packet for packet, time in packets if time < second - 1]
        publisher.send(*before)
        first.wait_packets(len(before))
        late.watch(track, **watched)
        publisher.send(*(packet for packet, time in packets if time >= second - 1))
        for viewer, since in ((first, 0), (there, 0), (late, second)):
            wanted = [packet[12:] for packet, time in packets if time >= since]
            got = viewer.wait_packets(len(wanted))
            assert [packet.payload for packet in got] == wanted
            assert continuous(sequences(got), 65_535)
            assert {packet.payload_type for packet in got} == {120}
        assert stage.drops == far_plane.counters()["drops"] == {}
