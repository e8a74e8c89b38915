"""A program for test_clock_step.py: what a viewer is told, and shown, before and after a step of the server's UTC.

`clock_step.c` is preloaded, and its path is the first argument; the second is the step in seconds. The camera goes by
the monotonic clock. Prints as JSON by how much the server's UTC of a capture moved, and the media's time.
"""

import ctypes
import json
import sys
import time

from tests.media.plane.packets import Packet
from tests.media.plane.peers import Peer, staged
from tests.media.plane.test_report import WrongClock, next_report, told_capture


def shown(viewer: Peer, camera: WrongClock) -> tuple[Packet, float]:
    """Let a picture pass; return it, and its capture by the server's UTC less that by the camera."""
    number = len(viewer.received.packets)
    camera.picture()
    packet = viewer.wait_packets(number + 1)[-1]
    return packet, told_capture(next_report(viewer), packet.timestamp) - camera.capture_of(packet)


def main(preloaded: str, step_s: int) -> None:
    with staged() as stage:
        publisher, viewer, track = stage.peer(), stage.peer(), stage.track()
        publisher.publish(track)
        camera = WrongClock(publisher, 0.0, base=0xFFFFFF00, clock=time.monotonic)
        camera.picture(key=True)
        camera.reports()
        viewer.watch(track)
        camera.picture(key=True)
        viewer.wait_packets(1)
        before, offset_s = shown(viewer, camera)
        ctypes.CDLL(preloaded).clock_step(step_s)
        next_report(viewer)  # the one after it has the new UTC, which is read with every tick
        after, stepped_offset_s = shown(viewer, camera)
        elapsed_s = camera.capture_of(after) - camera.capture_of(before)
        ticks = (after.timestamp - before.timestamp) & 0xFFFFFFFF
        print(json.dumps([stepped_offset_s - offset_s, ticks / 90_000 - elapsed_s]))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
