"""A program for test_latch.py: a peer asks the second IPv6 address of a machine, in a network namespace of its own.

Prints as JSON where the sound it gets comes from. Run it under `unshare --net`.
"""

import json

from tests.media.plane.link_local import add_address
from tests.media.plane.narrow_path import loopback
from tests.media.plane.packets import rr, rtp
from tests.media.plane.peers import staged

ADDRESS = "fd00::5"


def main() -> None:
    loopback(65536)
    add_address(ADDRESS)
    with staged("::") as stage:
        publisher, track = stage.peer(host="::1"), stage.track(video=False)
        publisher.publish(track)
        phone = stage.peer(profile="", plain=True, connect=False, latch=True, host="::1", target=ADDRESS, bind="::")
        phone.watch(track)
        phone.send(rr(1))
        stage.settle()
        publisher.send(*(rtp(number, b"sound", payload_type=111) for number in range(3)))
        found = [packet.source[0] for packet in phone.wait_packets(3)]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
