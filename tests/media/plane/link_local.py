"""A program for test_datagram.py: peers at link-local addresses (RFC 4291), in a network namespace of its own.

Its loopback has such an address; the plane answers, asks for nothing else than what it was told, and relays.
Prints as JSON what each side saw. Run it under `unshare --net`.
"""

import errno
import fcntl
import json
import os
import socket
import struct
from functools import partial
from typing import Any

from aioice import stun as oracle

from media.plane.thread import DatagramReceived
from signaling.ice.stun import build_request
from tests.media.plane.narrow_path import loopback
from tests.media.plane.packets import rtp
from tests.media.plane.peers import Peer, Stage, staged
from tests.patience import PATIENCE_S, wait_until

SIOCSIFADDR = 0x8916
ADDRESS = "fe80::5"
USERNAME, KEY = b"ours:theirs", b"our-own-ice-password-24c"


def add_address(address: str) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
        packed = socket.inet_pton(socket.AF_INET6, address)
        fcntl.ioctl(control, SIOCSIFADDR, struct.pack("=16sIi", packed, 64, socket.if_nametoindex("lo")))
    wait_until(partial(_is_there, address), "the address")


def _is_there(address: str) -> bool:
    """Whether the kernel has finished looking for others with this address (RFC 4862 section 5.4)."""
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0, 0, socket.if_nametoindex("lo")))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            return False
        return True


def ask(stage: Stage, viewer: Peer, check: bytes) -> tuple[DatagramReceived, bytes, tuple[Any, ...]]:
    """Let the viewer check its path, answer it, and select what it came by.

    Give what control was told, and the answer with its source, as the viewer saw them.
    """
    viewer.send_raw(check)
    event = stage.wait_event(lambda event: isinstance(event, DatagramReceived))
    assert isinstance(event, DatagramReceived)
    viewer.transport.send(b"\1\1answer", event.remote, event.local)
    viewer.socket.settimeout(PATIENCE_S)
    answer, source = viewer.socket.recvfrom(100)
    viewer.socket.settimeout(None)
    viewer.transport.validate(event.remote)
    viewer.transport.select(event.remote, event.local)
    assert viewer.keys is not None
    viewer.transport.set_keys(viewer.keys)
    stage.settle()
    return event, answer, source


def main() -> None:
    loopback(65536)
    add_address(ADDRESS)
    with staged("::") as stage:
        publisher, track = stage.peer(host=f"{ADDRESS}%lo", connect=False), stage.track(video=False)
        publisher.publish(track)
        publisher.address = (f"{ADDRESS}%lo", publisher.address[1])  # getsockname gives the scope apart
        publisher.connect()
        viewer = stage.peer(host=f"{ADDRESS}%lo", connect=False)
        viewer.watch(track)
        viewer.transport.add_ufrag(b"ours")
        viewer.transport.set_consent(USERNAME, KEY)
        check = build_request(os.urandom(12), username=USERNAME, key=KEY, priority=1, tie_breaker=7)
        event, answer, source = ask(stage, viewer, check)
        viewer.send_raw(check)
        viewer.wait(lambda got: bool(got.other), "the plane's own answer")
        publisher.send(*(rtp(number, b"sound", payload_type=111) for number in range(3)))
        found = {
            "remote": event.remote,
            "local": event.local,
            "peer": viewer.address,
            "answer": answer.hex(),
            "from": source,
            "mapped": oracle.parse_message(viewer.received.other[0]).attributes["XOR-MAPPED-ADDRESS"],
            "relayed": [packet.payload.decode() for packet in viewer.wait_packets(3)],
            "drops": stage.drops,
            "port": stage.plane.port,
        }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
