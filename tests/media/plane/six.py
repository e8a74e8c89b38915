"""A program for test_six.py: a loopback with several IPv6 addresses, in a network namespace of its own.

One socket for all addresses; viewers ask it at different ones, none of them the one that the kernel would choose.
Prints as JSON what each viewer saw. Run it under `unshare --net`.
"""

from __future__ import annotations

import fcntl
import json
import socket
import struct

from media.plane.thread import DatagramReceived
from tests.media.plane.link_local import SIOCSIFADDR
from tests.media.plane.narrow_path import loopback
from tests.media.plane.packets import rtp
from tests.media.plane.peers import Peer, Stage, staged
from tests.media.plane.test_datagram import request
from tests.patience import PATIENCE_S, wait_until

OURS, THEIRS = ("fd00::5", "fd00::6", "fd00::7"), "fd00::9"


def add(address: str) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
        packed = socket.inet_pton(socket.AF_INET6, address)
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("=16sIi", packed, 64, socket.if_nametoindex("lo")))
    wait_until(lambda: _is_there(address), address)


def _is_there(address: str) -> bool:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
        return True


def ask(stage: Stage, viewer: Peer, ufrag: str) -> str:
    """Let the viewer check its path; select what it came to, and return where the answer came from."""
    viewer.transport.add_ufrag(ufrag.encode())
    viewer.send_raw(request(ufrag))
    event = stage.wait_event(lambda event: isinstance(event, DatagramReceived))
    assert isinstance(event, DatagramReceived)
    viewer.transport.send(b"\1\1answer", event.remote, event.local)
    viewer.socket.settimeout(PATIENCE_S)
    answered = str(viewer.socket.recvfrom(100)[1][0])
    viewer.socket.settimeout(None)
    viewer.transport.validate(event.remote)
    viewer.transport.select(event.remote, event.local)
    assert viewer.keys is not None
    viewer.transport.set_keys(viewer.keys)
    stage.settle()
    return answered


def main() -> None:
    loopback(65_536)
    for address in (*OURS, THEIRS):
        add(address)
    with staged("::") as stage:
        publisher, track = stage.peer(host=THEIRS, target=OURS[0]), stage.track(video=False)
        publisher.publish(track)
        viewers = [stage.peer(host=THEIRS, target=asked, connect=False) for asked in OURS]
        answered = []
        for number, viewer in enumerate(viewers):
            viewer.watch(track)
            answered.append(ask(stage, viewer, f"v{number}"))
        publisher.send(*(rtp(number, b"sound", payload_type=111) for number in range(3)))
        came = [sorted({packet.source[0] for packet in viewer.wait_packets(3)}) for viewer in viewers]
        found = {"asked": OURS, "answered": answered, "media": came, "drops": stage.drops}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
