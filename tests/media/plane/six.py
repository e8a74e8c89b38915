"""A program for test_six.py: a loopback with several IPv6 addresses, in a network namespace of its own.

One socket for all addresses; viewers ask it at different ones, none of them the one that the kernel would choose.
Prints as JSON what each viewer saw. Run it under `unshare --net`.
"""

from __future__ import annotations

import json

from tests.media.plane.link_local import add_address, ask
from tests.media.plane.narrow_path import loopback
from tests.media.plane.packets import rtp
from tests.media.plane.peers import staged
from tests.media.plane.test_datagram import request

OURS, THEIRS = ("fd00::5", "fd00::6", "fd00::7"), "fd00::9"


def main() -> None:
    loopback(65_536)
    for address in (*OURS, THEIRS):
        add_address(address)
    with staged("::") as stage:
        publisher, track = stage.peer(host=THEIRS, target=OURS[0]), stage.track(video=False)
        publisher.publish(track)
        viewers = [stage.peer(host=THEIRS, target=asked, connect=False) for asked in OURS]
        answered = []
        for number, viewer in enumerate(viewers):
            viewer.watch(track)
            viewer.transport.add_ufrag(f"v{number}".encode())
            _, _, source = ask(stage, viewer, request(f"v{number}"))
            answered.append(source[0])
        publisher.send(*(rtp(number, b"sound", payload_type=111) for number in range(3)))
        came = [sorted({packet.source[0] for packet in viewer.wait_packets(3)}) for viewer in viewers]
        found = {"asked": OURS, "answered": answered, "media": came, "drops": stage.drops}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
