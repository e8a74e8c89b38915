"""Debian's Janus as a peer that records: a VideoRoom for each source, published to and subscribed to over WebRTC.

It writes each track as it comes in, RTP packets behind a few bytes each (.mjr), which a tool makes a file of later.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path as FilePath
from typing import Any

from benchmarks.load.dial import bound, dial
from benchmarks.load.path import Path
from benchmarks.peers.huishang import FIRST_SSRC, SENT_EXTENSIONS, published_tracks, track_of
from benchmarks.peers.huishang import negotiated as settled
from benchmarks.peers.janus import Janus, answer, negotiated
from benchmarks.peers.model import Publication, at_once
from benchmarks.shapes import Kind
from signaling.client.session import remote_parameters
from signaling.sdp.offer import publish_offer, read_answer
from signaling.sdp.parse import parse
from signaling.sdp.transport import bundled, read_remote
from signaling.sdp.write import write

FEED = 1
ROOM: dict[str, Any] = {
    "request": "create",
    "permanent": False,
    "publishers": 1,
    "audiocodec": "opus",
    "videocodec": "h264",
    "h264_profile": "42e01f",
}


class VideoRooms(Janus):
    """A running Janus whose rooms are recorded together, or not."""

    def __init__(self, event_loops: int = 0) -> None:
        """Start it; see `Janus`. Raises PeerError."""
        super().__init__({}, event_loops, plugin="videoroom")
        folder = tempfile.TemporaryDirectory(prefix="janus-recorded-")
        self._stack.callback(folder.cleanup)
        self.recordings = FilePath(folder.name)
        self._master = self.attach()
        self._rooms: dict[str, int] = {}
        self._ssrcs = itertools.count(FIRST_SSRC)

    def publish(self, source: str, kinds: Sequence[Kind]) -> Publication:
        """Make the source's room and publish to it: all tracks over one transport."""
        room = self._rooms[source] = len(self._rooms) + 1
        self.message(self._master, {**ROOM, "room": room, "record": False, "rec_dir": str(self.recordings)})
        tracks = published_tracks(kinds, self._ssrcs)
        credentials, transport = self.identity.transport()
        offer = publish_offer(tracks, transport, extensions=SENT_EXTENSIONS)
        for line in offer.media:
            # Left to choose it would begin the handshake, which `dial` does.
            line.setup = "active"
        joining = {"request": "joinandconfigure", "ptype": "publisher", "room": room, "id": FEED}
        jsep = {"type": "offer", "sdp": write(offer)}
        accepted = read_answer(parse(self.message(self.attach(), joining, jsep)["jsep"]["sdp"]), offer)
        remote = remote_parameters(accepted.remote)
        path = dial(remote, credentials, self.identity, settled(accepted), bound(remote))
        return Publication(source, path, tuple(map(track_of, tracks, accepted.media)))

    def watch(self, source: str, count: int) -> list[Path]:
        """Subscribe so many times."""
        return at_once(lambda _: self._subscribe(self._rooms[source]), count)

    def record(self, on: bool) -> None:
        """Record all rooms from now on, or no longer."""
        for room in self._rooms.values():
            self.message(self._master, {"request": "enable_recording", "room": room, "record": on})

    def fault(self) -> str:
        """It says nothing of how recording goes."""
        return ""

    def _subscribe(self, room: int) -> Path:
        handle = self.attach()
        joining = {"request": "join", "ptype": "subscriber", "room": room, "streams": [{"feed": FEED}]}
        offered = parse(self.message(handle, joining)["jsep"]["sdp"])
        remote = remote_parameters(read_remote(offered, bundled(offered)))
        credentials, transport = self.identity.transport()
        made = bound(remote)
        jsep = {"type": "answer", "sdp": write(answer(offered, transport))}
        self.message(handle, {"request": "start"}, jsep)
        return dial(remote, credentials, self.identity, negotiated(offered), made)
