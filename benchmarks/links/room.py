"""Debian's Janus as a server of bad links: a VideoRoom for each source, published to with simulcast by WHIP.

Janus speaks no WHIP; a small front of ours takes a camera's offer and has the room answer it. Viewers are offered and
answer, which is Janus' way. A subscriber gets the layers that it asks for, by the request `configure`, and the largest
where it asks for nothing, as in the demonstration page: VideoRoom estimates no bandwidth towards subscribers, reads
their REMB and does nothing with it. It falls back to a smaller layer only when the larger one no longer comes from the
publisher. It knows whose feedback it reads by the report before it, which browsers send it too.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from benchmarks.links.viewer import Begin
from benchmarks.peers.janus import Janus, answer
from benchmarks.peers.videoroom import FEED, ROOM
from huishang.demo.relay import Relay
from signaling.client.peer import Peer, RemoteParameters
from signaling.client.session import remote_parameters
from signaling.client.transport import PacketHandler, Transport
from signaling.sdp.accepted import AcceptedMedia
from signaling.sdp.offer import read_answer
from signaling.sdp.parse import parse
from signaling.sdp.transport import bundled, read_remote
from signaling.sdp.write import write

MOST_OFFER_BYTES = 1 << 16


class Rooms:
    """A running Janus behind our front; use `url` as a server's."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.janus = Janus({}, plugin="videoroom")
        self._stack.callback(self.janus.close)
        self._master = self.janus.attach()
        self._rooms: dict[str, int] = {}
        self._numbers = itertools.count(1)
        self.token = secrets.token_urlsafe(8)
        """Nobody looks at it."""
        front = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._stack.callback(front.server_close)
        self._stack.callback(front.shutdown)
        threading.Thread(target=front.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{front.server_port}"

    def close(self) -> None:
        """End front and server."""
        self._stack.close()

    def publish(self, source: str, offer: str) -> str:
        """Make the source's room and return its answer to a publisher's offer. Raises PeerError."""
        room = self._rooms[source] = next(self._numbers)
        self.janus.message(self._master, {**ROOM, "room": room})
        joining = {"request": "joinandconfigure", "ptype": "publisher", "room": room, "id": FEED}
        # The camera names its smallest layer first; unless told, Janus takes the first for the largest.
        jsep = {"type": "offer", "sdp": offer, "rid_order": "lmh"}
        answered: str = self.janus.message(self.janus.attach(), joining, jsep)["jsep"]["sdp"]
        return answered

    def begins(self, source: str, relay: Relay[Any]) -> Begin:
        """See `stage.Site`."""
        room = self._rooms[source]
        return lambda on_rtp, on_rtcp: Subscription(self.janus, room, relay, on_rtp, on_rtcp)


class Subscription:
    """A viewer's session with a room; see `viewer.Session`."""

    def __init__(
        self, janus: Janus, room: int, relay: Relay[Any], on_rtp: PacketHandler, on_rtcp: PacketHandler
    ) -> None:
        self.media: list[AcceptedMedia] = []
        self._janus = janus
        self._room = room
        self._relay = relay
        self._handlers = on_rtp, on_rtcp
        self._handle: int | None = None
        self._transport: Transport | None = None

    @property
    def transport(self) -> Transport:
        assert self._transport is not None, "it has not started"
        return self._transport

    async def start(self) -> None:
        """Take the offer, answer it and connect through the relay. Raises PeerError or ConnectFailed."""
        handle = self._handle = await asyncio.to_thread(self._janus.attach)
        joining = {"request": "join", "ptype": "subscriber", "room": self._room, "streams": [{"feed": FEED}]}
        event = await asyncio.to_thread(self._janus.message, handle, joining)
        offered = parse(event["jsep"]["sdp"])
        remote = remote_parameters(read_remote(offered, bundled(offered)))
        credentials, local = self._janus.identity.transport()
        answered = answer(offered, local)
        self.media = read_answer(answered).media
        self._relay.target = remote.candidates[0]
        there = RemoteParameters(remote.credentials, (self._relay.address,), remote.fingerprints)
        self._transport = Transport(Peer(self._janus.identity.context, credentials, there), *self._handlers)
        jsep = {"type": "answer", "sdp": write(answered)}
        await asyncio.to_thread(self._janus.message, handle, {"request": "start"}, jsep)
        await self._transport.connect(there.candidates)

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send a compound packet."""
        self.transport.send_rtcp(packet)

    async def close(self) -> None:
        """End the media path and the handle."""
        if self._transport is not None:
            self._transport.close()
        if self._handle is not None:
            await asyncio.to_thread(self._janus.detach, self._handle)


def _handler(rooms: Rooms) -> type[BaseHTTPRequestHandler]:
    class Front(BaseHTTPRequestHandler):
        """WHIP, no more than our own camera needs; a session lasts as long as the server."""

        def do_POST(self) -> None:
            length = min(int(self.headers["Content-Length"]), MOST_OFFER_BYTES)
            answered = rooms.publish(self.path.rpartition("/")[2], self.rfile.read(length).decode()).encode()
            self.send_response(201)
            self.send_header("Content-Type", "application/sdp")
            self.send_header("Location", f"{self.path}/session")
            self.send_header("Content-Length", str(len(answered)))
            self.end_headers()
            self.wfile.write(answered)

        def do_DELETE(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Front
