"""A program for test_libc_calls.py: what a plane thread asks of the C library while it forwards.

`libc_calls.c` is preloaded, and its path is the first argument. Prints as JSON how often memory was asked for after a
warm-up, and how many datagrams one call read at most.
"""

import ctypes
import json
import sys
from pathlib import Path

from tests.media.plane.packets import pictures, rr
from tests.media.plane.peers import staged

VIEWERS = 20
PICTURES = 10
ROUNDS = 5


def plane_thread() -> int:
    tasks = Path("/proc/self/task").iterdir()
    return next(int(task.name) for task in tasks if task.joinpath("comm").read_text().strip() == "plane-0")


def main(preloaded: str) -> None:
    calls = ctypes.CDLL(preloaded)
    with staged() as stage:
        publisher, track = stage.peer(), stage.track()
        publisher.publish(track)
        viewers = [stage.peer() for _ in range(VIEWERS)]
        for viewer in viewers:
            viewer.watch(track)
        for first in range(0, ROUNDS * PICTURES, PICTURES):
            if first == PICTURES:
                calls.watch(plane_thread())
            # Or on a machine with one free core each packet may be read before the next one is sent.
            calls.hold_reading()
            publisher.send(*pictures(first, PICTURES))
            calls.let_read()
            for viewer in viewers:
                viewer.wait_packets(3 * (first + PICTURES))
                viewer.send(rr(1))
            stage.settle()
        print(json.dumps([calls.allocations_seen(), calls.most_received_seen()]))


if __name__ == "__main__":
    main(sys.argv[1])
