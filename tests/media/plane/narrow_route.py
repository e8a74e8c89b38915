"""A program for test_batch.py: plane here, viewer behind a router whose far link is narrow, over IPv6.

The link next to the plane takes 1,500 bytes: only the router's answer, packet too big (RFC 4443 section 3.2), can tell
the kernel how narrow the path is. Prints as JSON what came of the picture that met it, and what narrow_path.py does of
two after it. Run it under `unshare --net`.
"""

import json
import sys
from pathlib import Path

from tests.media.plane.far_end import another, cable, inside, namespace, run
from tests.media.plane.narrow_path import PACKETS_A_PICTURE, joined, loopback, picture, pictures
from tests.media.plane.packets import nack
from tests.media.plane.peers import Peer, staged
from tests.patience import wait_until

NEAR, ROUTER, ROUTER_FAR, FAR = "fd01::1", "fd01::2", "fd02::2", "fd02::1"
#: The sequence number of the viewer's second packet: the first picture's first.
FIRST_OF_PICTURE = 101


def up(device: str, address: str, mtu_bytes: int = 1500) -> None:
    run("ip", "address", "add", f"{address}/64", "dev", device, "nodad")
    run("ip", "link", "set", device, "mtu", str(mtu_bytes), "up")


def path(mtu_bytes: int) -> tuple[int, int]:
    """Join this namespace through a router with a new one; return both."""
    near = namespace()
    router, far = another(near), another(near)
    loopback(65_536)
    cable("near", "left", router)
    up("near", NEAR)
    run("ip", "route", "add", "default", "via", ROUTER)
    with inside(router, near):
        cable("right", "far", far)
        up("left", ROUTER)
        up("right", ROUTER_FAR, mtu_bytes)
        Path("/proc/sys/net/ipv6/conf/all/forwarding").write_text("1")
    with inside(far, near):
        up("far", FAR, mtu_bytes)
        run("ip", "route", "add", "default", "via", ROUTER_FAR)
    return near, far


def known_mtu() -> str:
    """Return what the kernel says of the way to the viewer."""
    return run("ip", "-6", "route", "get", FAR)


def met(publisher: Peer, viewer: Peer, mtu_bytes: int, payload_bytes: int) -> dict[str, object]:
    """Send a picture into the narrow path, and ask for what was lost."""
    packets = picture(0, payload_bytes)
    publisher.send(*packets)
    wait_until(lambda: f"mtu {mtu_bytes}" in known_mtu(), "the router has told how narrow its link is")
    publisher.stage.settle()
    arrived = len(viewer.settle().packets) - 1
    segmentation = [viewer.transport.stats()["segmentation"]]
    viewer.send(nack(1000, range(FIRST_OF_PICTURE, FIRST_OF_PICTURE + PACKETS_A_PICTURE)))
    repaired = viewer.wait_packets(1 + arrived + PACKETS_A_PICTURE)[-PACKETS_A_PICTURE:]
    segmentation.append(viewer.transport.stats()["segmentation"])
    return {
        "arrived": arrived,
        "segmentation": segmentation,
        "repaired": [packet.payload[2:] for packet in repaired] == [packet[12:] for packet in packets],
        "drops": publisher.stage.drops,
    }


def main(mtu_bytes: int, payload_bytes: int) -> None:
    near, far = path(mtu_bytes)
    with staged("::", flush_us=100_000) as stage:
        with inside(far, near):
            viewer = stage.peer(host=FAR, target=NEAR)
        publisher = joined(stage, viewer)
        first = met(publisher, viewer, mtu_bytes, payload_bytes)
        print(json.dumps([first, *pictures(publisher, viewer, (1, 2), payload_bytes)]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
