"""The bare floor as a process of its own, so that its CPU time is counted as a server's is.

Reads one JSON object from its standard input ({"targets": [[address, port], ...], "shape", "padded", "core"}), prints
the port it sends from, then obeys the lines `send`, `pause` and `stop`; ends when its input ends.
"""

import hashlib
import json
import socket
import sys
import threading

from pylibsrtp import Policy, Session
from pylibsrtp._binding import ffi  # type: ignore[import-not-found]

from benchmarks import machine, shapes
from benchmarks.load.floor import Floor

KEY_AND_SALT_BYTES = 28
PAYLOAD_TYPE = 102
TRANSPORT_CC_ID = 3
SEND_BUFFER_BYTES = 4 << 20


class FloorKeys:
    """Two bare libsrtp contexts, AES-128-GCM, with libsrtp's own replay window: a longer one costs time."""

    def __init__(self, send_key: bytes, receive_key: bytes) -> None:
        self.sender = _session(send_key, Policy.SSRC_ANY_OUTBOUND)
        self.receiver = _session(receive_key, Policy.SSRC_ANY_INBOUND)

    @property
    def pointers(self) -> tuple[int, int]:
        """Addresses of the sending and the receiving context, valid while this object lives."""
        sender, receiver = (int(ffi.cast("uintptr_t", one._srtp[0])) for one in (self.sender, self.receiver))
        return sender, receiver


def _session(key: bytes, ssrc_type: int) -> Session:
    return Session(Policy(key=key, ssrc_type=ssrc_type, srtp_profile=Policy.SRTP_PROFILE_AEAD_AES_128_GCM))


def keys(viewer: int, *, of_viewer: bool) -> FloorKeys:
    """Both ends' keys of one viewer, from nothing but its number: there is no secret in a benchmark."""
    to_viewer = hashlib.sha256(f"floor to viewer {viewer}".encode()).digest()[:KEY_AND_SALT_BYTES]
    from_viewer = hashlib.sha256(f"viewer {viewer} to floor".encode()).digest()[:KEY_AND_SALT_BYTES]
    if of_viewer:
        return FloorKeys(from_viewer, to_viewer)
    return FloorKeys(to_viewer, from_viewer)


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
            shapes.BY_NAME[asked["shape"]](),
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
