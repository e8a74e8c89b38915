"""The bare floor as a process of its own, so that its CPU time is counted as a server's is.

Reads one JSON object from its standard input ({"targets": [[address, port], ...], "shape", "padded", "core"}), prints
the port it sends from, then obeys the lines `send`, `pause` and `stop`; ends when its input ends.
"""

import hashlib
import json
import socket
import sys
import threading
from collections.abc import Callable

from benchmarks import machine, shapes
from benchmarks.load.floor import Floor
from media.plane.srtp import SrtpKeys

PROFILE = "SRTP_AEAD_AES_128_GCM"
KEY_AND_SALT_BYTES = 28
PAYLOAD_TYPE = 102
TRANSPORT_CC_ID = 3
SEND_BUFFER_BYTES = 4 << 20

SHAPES: dict[str, Callable[[], shapes.Shape]] = {
    "frames": shapes.frames,
    "trace": shapes.trace,
    "opus": shapes.opus,
}


def keys(viewer: int, *, of_viewer: bool) -> SrtpKeys:
    """Both ends' keys of one viewer, from nothing but its number: there is no secret in a benchmark."""
    to_viewer = hashlib.sha256(f"floor to viewer {viewer}".encode()).digest()[:KEY_AND_SALT_BYTES]
    from_viewer = hashlib.sha256(f"viewer {viewer} to floor".encode()).digest()[:KEY_AND_SALT_BYTES]
    if of_viewer:
        return SrtpKeys(PROFILE, from_viewer, to_viewer)
    return SrtpKeys(PROFILE, to_viewer, from_viewer)


def _obey(floor: Floor) -> None:
    for line in sys.stdin:
        if line.strip() == "stop":
            break
        floor.send(line.strip() == "send")
    floor.stop()


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    machine.pin(asked["core"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
        made.bind(("127.0.0.1", 0))
        floor = Floor(
            made,
            [(address, port, keys(viewer, of_viewer=False)) for viewer, (address, port) in enumerate(asked["targets"])],
            SHAPES[asked["shape"]](),
            payload_type=PAYLOAD_TYPE,
            transport_cc_id=TRANSPORT_CC_ID,
            padded=asked["padded"],
        )
        print(made.getsockname()[1], flush=True)
        threading.Thread(target=_obey, args=(floor,), daemon=True).start()
        floor.run()
    print(json.dumps({"packets": floor.packets, "failures": floor.failures}), flush=True)


if __name__ == "__main__":
    main()
