"""A program for test_moved.py: publisher and viewer lose their address and have another, in a network of their own.

Prints as JSON what stayed. Run it under `unshare --net`.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

from media.rtp import header
from signaling.client.publisher import Publisher
from tests.media.plane.far_end import run
from tests.media.plane.narrow_path import loopback
from tests.patience import until
from tests.signaling.node import Node, running_node
from tests.signaling.webrtc.test_exchange import OPTIONS, Playing, Viewer, more_pictures, whip

FOLLOWING = replace(OPTIONS, follows=True)
ADDRESSES = ("10.9.0.2", "10.9.0.3", "10.9.0.4")


def live_at(number: int) -> None:
    """Have one of the addresses only, and reach the node from there."""
    run("ip", "address", "add", f"{ADDRESSES[number]}/32", "dev", "lo")
    if number:
        # Whatever is still bound to it can send nothing from now on.
        run("ip", "address", "del", f"{ADDRESSES[number - 1]}/32", "dev", "lo")
    way = ("local", "127.0.0.1", "dev", "lo", "src", ADDRESSES[number])
    run("ip", "route", "replace", "table", "local", *way)


class Watching(Viewer):
    """Keeps what tells one stream from another."""

    def __init__(self, node: Node) -> None:
        self.ssrcs: set[int] = set()
        super().__init__(node, options=FOLLOWING)

    def _on_rtp(self, packet: bytes) -> None:
        self.ssrcs.add(header.parse(packet).ssrc)
        super()._on_rtp(packet)


def state(node: Node, viewer: Watching) -> dict[str, Any]:
    """What must not change."""
    media, source = node.exchange.media["camera"], node.exchange.registry.get("camera")
    (stream,) = media.publications["video"].stats()
    return {
        "sessions": sorted(node.exchange.sessions),
        "publisher": source.publisher,
        "viewers": sorted(source.viewers),
        "stream": stream["ssrc"],
        "seen": sorted(viewer.ssrcs),
    }


async def moved(publisher: Publisher, viewer: Watching, number: int) -> None:
    """Change the address under both, and wait until both have gone along and pictures come again."""
    paths = (publisher.session.transport, viewer.transport)
    live_at(number)
    assert all(path.has_moved() for path in paths)
    await until("both have gone along", lambda: not any(path.has_moved() for path in paths))
    await more_pictures(viewer, 25)


async def main() -> None:
    loopback(65_536)
    live_at(0)
    async with running_node() as node:
        viewer = Watching(node)
        async with Playing(whip(node, options=FOLLOWING)) as publisher, viewer:
            await more_pictures(viewer, 10)
            found = [state(node, viewer)]
            for number in (1, 2):
                await moved(publisher, viewer, number)
                found.append(state(node, viewer))
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main())
