"""A program for test_batch.py: publisher, plane and viewer on a loopback with a small MTU, in a namespace of its own.

Prints as JSON what the viewer got and what the plane counted. Run it under `unshare --net`.
"""

import fcntl
import json
import socket
import struct
import sys
from collections.abc import Callable
from typing import Any

from tests.media.plane.packets import RR, SR, h264, rtp
from tests.media.plane.peers import Peer, Stage, staged

SIOCSIFFLAGS, SIOCSIFMTU, IFF_UP = 0x8914, 0x8922, 1


def loopback(mtu_bytes: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, SIOCSIFMTU, struct.pack("16si", b"lo", mtu_bytes))
        fcntl.ioctl(control, SIOCSIFFLAGS, struct.pack("16sh", b"lo", IFF_UP))


def two_pictures(
    stage: Stage, viewer: Peer, payload_bytes: int, seen: Callable[[], dict[str, Any]] = dict
) -> list[dict[str, Any]]:
    """Send two pictures of seven equal packets; tell of each what came of it, with what `seen` adds."""
    publisher, track = stage.peer(profile="", plain=True), stage.track()
    publisher.publish(track)
    viewer.watch(track)
    publisher.send(rtp(65_535, h264(key=True), payload_type=102))
    publisher.wait_control(RR)  # nothing else is sent within this second
    viewer.wait_control(SR)
    viewer.settle()
    seen()
    rounds = []
    for picture in range(2):
        packets = [
            rtp(
                7 * picture + index,
                h264(key=True, body=bytes([0x80, index]) * (payload_bytes // 2)),
                payload_type=102,
                marker=index == 6,
            )
            for index in range(7)
        ]
        before = stage.plane.counters()
        publisher.send(*packets)
        got = viewer.wait_packets(1 + 7 * (picture + 1))[-7:]
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


def main(mtu_bytes: int, payload_bytes: int) -> None:
    loopback(mtu_bytes)
    with staged(flush_us=100_000) as stage:
        print(json.dumps(two_pictures(stage, stage.peer(), payload_bytes)))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
