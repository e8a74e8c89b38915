"""A program for test_batch.py: publisher, plane and viewer on a loopback with a small MTU, in a namespace of its own.

Prints as JSON what the viewer got and what the plane counted. Run it under `unshare --net`.
"""

import fcntl
import json
import socket
import struct
import sys
from collections.abc import Callable, Iterable
from typing import Any

from tests.media.plane.packets import RR, SR, h264, rtp
from tests.media.plane.peers import Peer, Stage, staged

SIOCSIFFLAGS, SIOCSIFMTU, IFF_UP = 0x8914, 0x8922, 1
PACKETS_A_PICTURE = 7


def loopback(mtu_bytes: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFMTU, struct.pack("16si", b"lo", mtu_bytes))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


def joined(stage: Stage, viewer: Peer) -> Peer:
    """Let a viewer watch; return the publisher, who has sent one packet."""
    publisher, track = stage.peer(profile="", plain=True), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    publisher.send(rtp(65_535, h264(key=True), payload_type=102))
    viewer.wait_packets(1)
    return publisher


def quiet(publisher: Peer, viewer: Peer) -> None:
    """Wait for the next reports: nothing else is sent within the second after them."""
    for peer, kind in ((publisher, RR), (viewer, SR)):
        peer.received.control.clear()
        peer.wait_control(kind)
    viewer.settle()


def picture(number: int, payload_bytes: int) -> list[bytes]:
    """Return the packets of a picture, all of one size."""
    bodies = [bytes([0x80, index]) * (payload_bytes // 2) for index in range(PACKETS_A_PICTURE)]
    return [
        rtp(
            PACKETS_A_PICTURE * number + index,
            h264(key=True, body=body),
            payload_type=102,
            marker=index == PACKETS_A_PICTURE - 1,
        )
        for index, body in enumerate(bodies)
    ]


def pictures(
    publisher: Peer,
    viewer: Peer,
    numbers: Iterable[int],
    payload_bytes: int,
    seen: Callable[[], dict[str, Any]] = dict,
) -> list[dict[str, Any]]:
    """Send pictures; tell of each what came of it, with what `seen` adds."""
    stage = publisher.stage
    quiet(publisher, viewer)
    seen()
    rounds = []
    for number in numbers:
        packets = picture(number, payload_bytes)
        before = stage.plane.counters()
        publisher.send(*packets)
        got = viewer.wait_packets(len(viewer.received.packets) + PACKETS_A_PICTURE)[-PACKETS_A_PICTURE:]
        stage.settle()
        after = stage.plane.counters()
        rounds.append(
            {
                "intact": [packet.payload for packet in got] == [packet[12:] for packet in packets],
                "messages": after["sent_messages"] - before["sent_messages"],
                "segmentation": viewer.transport.stats()["segmentation"],
                "drops": after["drops"],
                **seen(),
            }
        )
    return rounds


def main(host: str, mtu_bytes: int, payload_bytes: int) -> None:
    loopback(mtu_bytes)
    with staged(host, flush_us=100_000) as stage:
        viewer = stage.peer(host=host)
        print(json.dumps(pictures(joined(stage, viewer), viewer, range(2), payload_bytes)))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
