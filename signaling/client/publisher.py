"""The asyncio shell of `MediaSender` on a `WhipSession`: encoded frames in, packets out.

Reports and repairs go by themselves; keyframe requests come back by callback.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from media.rtp import h264, vp8
from signaling.client.peer import Closed
from signaling.client.sender import MediaSender, TrackSender
from signaling.client.session import SessionOptions, WhipSession
from signaling.sdp.offer import PublishTrack


class Publisher:
    """Publishes encoded tracks; `start`, then `send`, then `close`."""

    def __init__(
        self,
        url: str,
        tracks: Sequence[PublishTrack],
        options: SessionOptions | None = None,
        on_keyframe_requested: Callable[[int, int], None] = lambda track, layer: None,
        clock: Callable[[], float] = time.monotonic,
        ahead_ns: int = 0,
    ) -> None:
        """Set up; the callback gets the index of the track and of its layer (0 without any); it must not block.

        `clock` tells seconds in place of the machine's, for captures and reports; what its UTC is ahead of the
        machine's at the start is `ahead_ns`.
        """
        self.session = WhipSession(url, tracks, options, on_rtcp=self._on_rtcp)
        self._on_keyframe_requested = on_keyframe_requested
        self._clock = clock
        self._ahead_ns = ahead_ns
        self._sender: MediaSender | None = None
        self._vp8: dict[tuple[int, int], vp8.Vp8Packetizer] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def start(self) -> None:
        """Connect.  Raises what `ClientSession.start` does."""
        await self.session.start()
        offset_ns = time.time_ns() - round(self._clock() * 1e9) + self._ahead_ns
        self._sender = MediaSender(self.session.media, self.session.tracks, offset_ns)

    def track(self, index: int, layer: int = 0) -> TrackSender | None:
        """The stream of a track or layer, None when the server did not take it (or before `start`)."""
        return self._sender.track(index, layer) if self._sender else None

    def send(self, index: int, frame: bytes, captured: float, *, level: int | None = None, layer: int = 0) -> None:
        """Packetise and send one encoded frame, captured at `captured` (of the clock).

        H.264 comes as an access unit in Annex B with parameter sets before each IDR picture, VP8 as a frame,
        sound as one packet.  `level` is -dBov, `layer` the place in the track's `rids`.  Raises PayloadError for
        a frame that is none.
        """
        track = self.track(index, layer)
        if track is None or self._sender is None:
            return
        encoding = track.codec.encoding
        if encoding == "H264":
            payloads = h264.packetize(h264.split_annex_b(frame))
        elif encoding == "VP8":
            payloads = self._vp8.setdefault((index, layer), vp8.Vp8Packetizer()).packetize(frame)
        else:
            payloads = [frame]
        self._sender.send_frame(index, payloads, captured, self._clock(), level=level, layer=layer)
        self._drain()

    async def closed(self) -> Closed:
        """Wait for the end of the media path and return its reason."""
        return await self.session.closed()

    async def close(self) -> None:
        """Say goodbye and end the session; may be called any number of times."""
        if self._sender is not None:
            self._sender.goodbye()
            self._drain()
            self._sender = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self.session.close()

    def _on_rtcp(self, compound: bytes) -> None:
        if self._sender is not None:
            self._sender.receive_rtcp(compound, self._clock())
            self._drain()

    def _expired(self) -> None:
        self._timer = None
        if self._sender is not None:
            self._sender.handle_timer(self._clock())
            self._drain()

    def _drain(self) -> None:
        sender = self._sender
        if sender is None or not self.session.transport.is_connected:
            return
        for packet in sender.rtp_to_send():
            self.session.send_rtp(packet)
        for packet in sender.rtcp_to_send():
            self.session.send_rtcp(packet)
        while (event := sender.next_event()) is not None:
            self._on_keyframe_requested(event.track, event.layer)
        due = sender.get_timer()
        if self._timer is None and due is not None:
            delay = max(0.0, due - self._clock())
            self._timer = asyncio.get_running_loop().call_later(delay, self._expired)
