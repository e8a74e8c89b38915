"""When packets leave: sound at once, a picture with its last packet, both long before the time for the rest is over."""

from __future__ import annotations

from tests.media.plane.packets import pictures, rtp, vp8
from tests.media.plane.peers import staged

#: Longer than any test waits: what leaves before has not waited for it.
NEVER_US = 600_000_000


def test_sound_does_not_wait_for_more() -> None:
    with staged(flush_us=NEVER_US) as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
        publisher.publish(track)
        viewer.watch(track)
        for number in range(5):
            publisher.send(rtp(number, b"sound", payload_type=111, marker=False))
            assert viewer.wait_packets(number + 1)[-1].payload == b"sound"


def test_a_picture_leaves_with_its_marker_and_not_before() -> None:
    with staged(flush_us=NEVER_US) as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
        publisher.publish(track)
        viewer.watch(track)
        *most, last = pictures(0, 1)
        publisher.send(*most)
        assert viewer.settle().packets == []
        publisher.send(last)
        assert [packet.payload for packet in viewer.wait_packets(3)] == [packet[12:] for packet in [*most, last]]


def test_what_came_before_the_keyframe_a_viewer_began_with_is_counted() -> None:
    with staged() as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
        publisher.publish(track)
        viewer.watch(track)
        publisher.send(*pictures(1, 1, first_sequence=10))
        viewer.wait_packets(3)
        publisher.send(rtp(9, vp8(0)))
        publisher.settle()
        assert len(viewer.settle().packets) == 3
        assert viewer.transport.stats()["drops"] == {"route_before_start": 1}
