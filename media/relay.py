"""The relay: the node's plane threads, and tracks that exist on as many of them as they have viewers on.

Owns the threads and turns their event descriptors into calls on one event loop; decides nothing. A transport is
pinned to a thread for life; which one is chosen here, by load.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from config import Media
from media.plane.copies import PlaneMirror, PlaneTap
from media.plane.objects import PlanePublication, PlaneRoute, PlaneTrack
from media.plane.tapring import TapRingView
from media.plane.thread import PlaneEvent, PlaneThread
from media.plane.transport import PlaneTransport

_log = structlog.get_logger(__name__)

#: A plane thread with nothing to do goes round five times a second, one with 1,000 viewers needs 20 ms: one that has
#: not for so long is stuck.
STILL_SECONDS = 1.0
#: Given to a thread before it is called stuck: after a pause of the whole machine control may have run first.
_BENEFIT_SECONDS = 0.02

Listener = Callable[[PlaneEvent], None]


@dataclass(frozen=True, slots=True)
class PublicationFormat:
    """What a publisher negotiated for one media line; fields as `PlanePublication` wants them."""

    mid: bytes
    payload_types: Sequence[tuple[int, int, int, int]]
    rids: Sequence[bytes] = ()
    ssrcs: Sequence[tuple[int, int]] = ()
    nack: bool = True
    pli: bool = True
    fir: bool = False
    remb: bool = False
    red_payload_type: int = 0


@dataclass(frozen=True, slots=True)
class RouteFormat:
    """What a viewer negotiated for one media line: SSRCs, and CodecId -> (payload type, RTX payload type or 0).

    RED (around Opus) and FlexFEC are 0 where they were not agreed.
    """

    ssrc: int
    rtx_ssrc: int
    payload_types: Mapping[int, tuple[int, int]]
    clock_rate: int
    red_payload_type: int = 0
    fec_payload_type: int = 0
    fec_ssrc: int = 0


@dataclass(slots=True)
class _Turns:
    """How often a thread had gone round, when that was first seen, and whether it was called stuck there."""

    count: int
    since: float
    still: bool = False


class Relay:
    """The plane threads of this node.

    `open` binds the ports (raises PlaneError), `start` begins to listen to the threads on the running loop, `close`
    ends them. Everything is called from that loop's thread.
    """

    def __init__(self, settings: Media) -> None:
        self.threads: list[PlaneThread] = []
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._transports: dict[int, int] = {}
        self._turns: dict[int, _Turns] = {}

    def open(self) -> None:
        """Bind one UDP port per thread, and one TCP port unless that is off; port 0 lets the kernel choose."""
        settings = self._settings
        first_tcp = settings.tcp_port or settings.port
        for index in range(settings.threads):
            thread = PlaneThread(
                index,
                settings.bind,
                settings.port + index if settings.port else 0,
                tcp_port=(first_tcp + index if first_tcp else 0) if settings.tcp else None,
                receive_bytes=settings.receive_buffer_bytes,
                send_bytes=settings.send_buffer_bytes,
                flush_us=settings.flush_us,
                keyframe_interval_ms=settings.keyframe_interval_ms,
                max_ssrcs=settings.max_ssrcs_per_transport,
                max_transports=settings.max_transports,
            )
            self.threads.append(thread)
            self._transports[index] = 0

    def start(self, listener: Listener) -> None:
        """Hand every event of every thread to `listener` from now on."""
        self._loop = asyncio.get_running_loop()
        for thread in self.threads:
            self._loop.add_reader(thread.fileno(), self._read, thread, listener)
            self._read(thread, listener)

    def _read(self, thread: PlaneThread, listener: Listener) -> None:
        for event in thread.events():
            try:
                listener(event)
            except Exception:  # so broad, because the events behind this one are other peers'
                _log.exception("plane_event_failed", kind=type(event).__name__)

    @property
    def links_filled(self) -> int:
        """How many times a viewer's link was found full that was not known to be."""
        return sum(thread.links_filled for thread in self.threads)

    @property
    def all_turning(self) -> bool:
        """Whether every thread takes orders; to be asked before any that may wait."""
        return all([self.is_turning(thread) for thread in self.threads])

    def is_turning(self, thread: PlaneThread) -> bool:
        """Tell whether a thread goes round. A stuck one leaves its ring full, and then every order waits 2 s in vain.

        Notices a standstill once it has been asked twice with `STILL_SECONDS` in between.
        """
        count = thread.counters()["wakeups"]
        seen = self._turns.get(thread.index)
        if seen is not None and count == seen.count:
            if seen.still or time.monotonic() - seen.since < STILL_SECONDS:
                return not seen.still
            time.sleep(_BENEFIT_SECONDS)  # once a standstill
            count = thread.counters()["wakeups"]
            if count == seen.count:
                seen.still = True
                _log.error("plane_stands_still", thread=thread.index)
                return False
        if seen is not None and seen.still:
            _log.warning("plane_turns_again", thread=thread.index)
        self._turns[thread.index] = _Turns(count, time.monotonic())
        return True

    def choose_thread(self, preferred: PlaneThread | None = None) -> PlaneThread:
        """Return the thread with the fewest transports; the preferred one unless it has clearly more to do."""
        least = min(self.threads, key=lambda thread: self._transports[thread.index])
        if preferred is not None:
            ahead = self._transports[preferred.index] - self._transports[least.index]
            # Crossing threads costs a copy and a wake-up per packet: worth it only for a real difference in load.
            if ahead <= max(8, self._transports[least.index] // 4):
                return preferred
        return least

    def occupy(self, thread: PlaneThread) -> None:
        """Note that a transport was pinned to the thread."""
        self._transports[thread.index] += 1

    def vacate(self, thread: PlaneThread) -> None:
        """Note that a transport of the thread was closed."""
        self._transports[thread.index] -= 1

    def close(self) -> None:
        """Stop listening, end the threads, free what they held. Safe to call twice."""
        for thread in self.threads:
            if self._loop is not None:
                self._loop.remove_reader(thread.fileno())
            thread.close()
        self.threads.clear()


class RelayTrack:
    """A source's picture or sound, wherever its publisher and its viewers are pinned."""

    def __init__(self, relay: Relay, *, is_video: bool) -> None:
        self.is_video = is_video
        self._relay = relay
        self._tracks: dict[int, PlaneTrack] = {}
        self._mirrors: dict[int, PlaneMirror] = {}
        self._home: PlaneThread | None = None

    @property
    def home(self) -> PlaneThread | None:
        """The thread of the newest publication."""
        return self._home

    def publish(self, transport: PlaneTransport, negotiated: PublicationFormat) -> PlanePublication:
        """Feed the track from this transport from now on, instead of whoever fed it before."""
        if self._home is not transport.thread:
            self._move(transport.thread)
        return PlanePublication(
            transport,
            self._on(transport.thread),
            mid=negotiated.mid,
            payload_types=negotiated.payload_types,
            rids=negotiated.rids,
            ssrcs=negotiated.ssrcs,
            nack=negotiated.nack,
            pli=negotiated.pli,
            fir=negotiated.fir,
            remb=negotiated.remb,
            red_payload_type=negotiated.red_payload_type,
        )

    def route(self, transport: PlaneTransport, negotiated: RouteFormat, *, paused: bool = False) -> PlaneRoute:
        """Send the track to this transport; nothing until it is resumed if `paused`."""
        return PlaneRoute(
            self._on(transport.thread),
            transport,
            ssrc=negotiated.ssrc,
            rtx_ssrc=negotiated.rtx_ssrc,
            payload_types=negotiated.payload_types,
            clock_rate=negotiated.clock_rate,
            # RFC 3550 section 5.1 wants both unpredictable; the upper half stays free so that neither wraps at once.
            first_timestamp=secrets.randbelow(1 << 31),
            first_sequence=secrets.randbelow(1 << 15),
            paused=paused,
            red_payload_type=negotiated.red_payload_type,
            fec_payload_type=negotiated.fec_payload_type,
            fec_ssrc=negotiated.fec_ssrc,
        )

    def tap(self, ring: TapRingView, layer: int = -1, thread: PlaneThread | None = None) -> PlaneTap:
        """Write the track's packets to a worker's ring, wherever its publisher is or goes.

        `thread` is that of the ring's other taps, if there are any: a ring is written by one.
        """
        return PlaneTap(self._on(thread or self._home or self._relay.choose_thread()), ring, layer)

    def close(self) -> None:
        """Give the track back; its publications, routes and taps must have been closed."""
        self._close_mirrors()
        for track in self._tracks.values():
            track.close()
        self._tracks.clear()

    def _on(self, thread: PlaneThread) -> PlaneTrack:
        """Return the track on this thread; made, and fed from the publisher's thread, when it is the first time."""
        track = self._tracks.get(thread.index)
        if track is None:
            track = PlaneTrack(thread, self.is_video)
            if self._home is not None and self._home is not thread:
                try:
                    self._mirrors[thread.index] = PlaneMirror(self._tracks[self._home.index], track)
                except BaseException:  # one that is never fed must not be found here the next time
                    track.close()
                    raise
            self._tracks[thread.index] = track
        return track

    def _move(self, home: PlaneThread) -> None:
        """The publisher is on another thread than the last one: carry the track from there."""
        self._close_mirrors()
        self._home = home
        near = self._on(home)
        for index, track in self._tracks.items():
            if index != home.index:
                self._mirrors[index] = PlaneMirror(near, track)

    def _close_mirrors(self) -> None:
        for mirror in self._mirrors.values():
            mirror.close()
        self._mirrors.clear()
