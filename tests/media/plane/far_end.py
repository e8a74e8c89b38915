"""A program for test_link.py: plane here, viewer in another network namespace, a veth pair between them.

`python -m tests.media.plane.far_end OPTION...` switches the options off at the plane's end (`ethtool -K`). Prints as
JSON what narrow_path.py does, and the sizes of the frames that crossed the link. Run it under `unshare --net`.
"""

import ctypes
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.media.plane.narrow_path import joined, loopback, pictures
from tests.media.plane.peers import staged
from tests.patience import PATIENCE_S

CLONE_NEWNET = 0x40000000
ETH_P_IP = 0x0800
NEAR, FAR = "10.9.8.1", "10.9.8.2"
PAYLOAD_BYTES = 1100
_libc = ctypes.CDLL(None, use_errno=True)


def checked(status: int) -> None:
    if status:
        raise OSError(ctypes.get_errno(), "cannot change the network namespace")


def run(*command: str) -> str:
    """Run one of Debian's tools; return what it printed. They are not ours to look at with AddressSanitizer."""
    environ = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    return subprocess.run(
        command, env=environ, check=True, timeout=PATIENCE_S, stdout=subprocess.PIPE, text=True
    ).stdout


@contextmanager
def inside(namespace: int, back: int) -> Iterator[None]:
    """Make sockets and run commands in another namespace."""
    checked(_libc.setns(namespace, CLONE_NEWNET))
    yield
    checked(_libc.setns(back, CLONE_NEWNET))


def namespace() -> int:
    """Return the namespace we are in."""
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def another(back: int) -> int:
    """Make a namespace with a loopback; return it."""
    checked(_libc.unshare(CLONE_NEWNET))
    made = namespace()
    loopback(65_536)
    checked(_libc.setns(back, CLONE_NEWNET))
    return made


def cable(near: str, far: str, namespace: int) -> None:
    """Lay a veth pair from here into another namespace."""
    run("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", f"/proc/{os.getpid()}/fd/{namespace}")


def link() -> tuple[int, int]:
    """Join this namespace with a new one; return both."""
    near = namespace()
    far = another(near)
    loopback(65_536)
    cable("near", "far", far)
    run("ip", "address", "add", f"{NEAR}/24", "dev", "near")
    run("ip", "link", "set", "near", "up")
    with inside(far, near):
        run("ip", "address", "add", f"{FAR}/24", "dev", "far")
        run("ip", "link", "set", "far", "up")
    return near, far


class Tap:
    """Sees every frame that comes out of the link, as the link carried it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_IP))
        self._socket.bind(("far", ETH_P_IP))
        self._socket.setblocking(False)

    def frames(self) -> dict[str, list[int]]:
        """Return the sizes of the frames since the last call, those of pictures only."""
        sizes: list[int] = []
        while True:
            try:
                sizes.append(len(self._socket.recv(65_536)))
            except BlockingIOError:
                return {"frames": [size for size in sizes if size > PAYLOAD_BYTES]}


def main(switched_off: list[str]) -> None:
    near, far = link()
    for option in switched_off:
        run("ethtool", "-K", "near", option, "off")
    with staged("0.0.0.0", flush_us=100_000) as stage:
        with inside(far, near):
            tap, viewer = Tap(), stage.peer(host=FAR, target=NEAR)
        print(json.dumps(pictures(joined(stage, viewer), viewer, range(2), PAYLOAD_BYTES, tap.frames)))


if __name__ == "__main__":
    main(sys.argv[1:])
