"""The tracks that are recorded just now: a tap for each, a ring for each plane thread, and the worker that reads them.

Shell; runs on one event loop. Follows what is wanted (`dispatch.recorded`); decides nothing else. A track lasts as long
as its source is wanted without a break: who leaves and comes back, or whose picture the chair cuts off for a while,
begins another. While all that want it are paused, it is held.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from dispatch.ids import NewId
from dispatch.recorded import Track, Wanted
from huishang.recording.about import with_recordings
from media.plane.copies import PlaneTap
from media.plane.names import PlaneError
from media.plane.tapring import DROP_NEWEST, TapRingView
from media.plane.thread import PlaneThread
from recorder.worker.process import RecorderProcess
from signaling.webrtc.errors import ExchangeClosed
from signaling.webrtc.exchange import Exchange
from signaling.webrtc.records import SourceMedia

_log = structlog.get_logger(__name__)

#: A source that the recorder cannot take is tried again so much later.
REFUSED_S: Final = 60.0

#: Gives what is known of a source and a kind, for the heads of its files.
Describe = Callable[[str, str], dict[str, str]]


@dataclass(slots=True)
class _Recorded:
    id: str
    source: str
    kind: str
    about: dict[str, str] = field(default_factory=dict)
    recordings: tuple[str, ...] = ()
    held: bool = False
    media: SourceMedia | None = None
    tap: PlaneTap | None = None
    ring: int = 0
    route: int = 0
    """Of the tap, or of the last one that there was."""
    turn: int = 0
    former: set[str] = field(default_factory=set)
    """Recordings that it was for, and whose last file was not told yet."""

    @property
    def all_recordings(self) -> tuple[str, ...]:
        """Those that files may yet be told of."""
        return tuple({*self.recordings, *self.former})


class Tracks:
    """All of them. `follow`, now and then, keeps them; `close` ends them."""

    def __init__(self, exchange: Exchange, process: RecorderProcess, ring_bytes: int, new_id: NewId) -> None:
        self._exchange = exchange
        self._process = process
        self._ring_bytes = ring_bytes
        self._new_id = new_id
        self._tracks: dict[Track, _Recorded] = {}
        self._closing: dict[str, tuple[str, ...]] = {}
        """By track, the recordings that it is for, until its last file is told."""
        self._rings: dict[int, tuple[TapRingView, int]] = {}
        self._refused: dict[Track, float] = {}
        #: The tracks of which the worker still tells.
        self.begun: set[str] = set()

    def follow(self, wanted: Mapping[Track, Wanted], describe: Describe) -> None:
        """Record what is wanted and nothing else. What the plane cannot do now is done by a later call."""
        for key in [key for key in self._tracks if key not in wanted]:
            self._end(self._tracks.pop(key))
        for key, want in wanted.items():
            try:
                self._set(key, want, describe)
            except ExchangeClosed:
                return
            except PlaneError as error:
                _log.warning("source_not_tapped", source=key[0], kind=key[1], reason=str(error))
        self._exchange.adaptation.keep(self._best())

    def recorded(self) -> set[str]:
        """Return the recordings that have tracks, or files that were not told yet."""
        found = (track.all_recordings for track in self._tracks.values())
        return {each for recordings in (*found, *self._closing.values()) for each in recordings}

    @property
    def is_recording(self) -> bool:
        """Whether anything is kept just now."""
        return any(not track.held for track in self._tracks.values())

    def recordings(self, track: str) -> Collection[str]:
        """Return the recordings that a track is for."""
        found = next((each for each in self._tracks.values() if each.id == track), None)
        return found.all_recordings if found else self._closing.get(track, ())

    def opened(self, track: str, turn: int) -> None:
        """The worker records a track as it was told in this turn."""
        for item in self._tracks.values():
            if item.id == track and item.turn == turn:
                item.former.clear()

    def closed(self, track: str, failed: str) -> None:
        """The worker has closed a track; `failed` of itself."""
        self._closing.pop(track, None)
        self.begun.discard(track)
        for key, item in list(self._tracks.items()):
            if item.id == track:
                _log.error("track_refused", track=track, source=item.source, kind=item.kind, reason=failed)
                del self._tracks[key]
                self._refused[key] = time.monotonic() + REFUSED_S
                self._end_tap(item)

    def ask_keyframe(self, track: str) -> None:
        """Ask for a keyframe of what is recorded of a picture; sounds have none."""
        item = next((each for each in self._tracks.values() if each.id == track), None)
        if item is None or item.tap is None or item.kind != "video" or not self._exchange.is_healthy:
            return
        with contextlib.suppress(PlaneError):  # the source has ended meanwhile
            item.tap.track.want_keyframe(self._best_layer(item.source) or 0)

    def close(self) -> None:
        """End all taps; tracks are closed with the worker."""
        for item in self._tracks.values():
            self._end_tap(item)
        self._tracks.clear()
        self._exchange.adaptation.keep(frozenset())

    def _set(self, key: Track, want: Wanted, describe: Describe) -> None:
        item = self._tracks.get(key)
        if not want.running:
            if item is not None and not item.held:
                item.held = True
                self._process.hold(item.id)
            if item is not None:
                self._describe(item, describe(*key), want.paused)
                self._end_tap(item)
            return
        about = describe(*key)
        if item is None:
            if time.monotonic() < self._refused.get(key, 0.0):
                return
            item = _Recorded(self._new_id(), *key)
            self._tap(item, about, want.running)
            self._tracks[key] = item
            self._refused.pop(key, None)
            self.begun.add(item.id)
        elif item.tap is None or self._exchange.media.get(item.source) is not item.media:
            self._end_tap(item)
            self._tap(item, about, want.running)
        else:
            self._describe(item, about, want.running)
        if item.held:
            item.held = False
            self._process.go_on(item.id)

    def _tap(self, item: _Recorded, about: dict[str, str], recordings: tuple[str, ...]) -> None:
        """Begin a tap and have it read. Raises PlaneError, ExchangeClosed."""
        thread = self._exchange.home(item.source)
        ring, item.ring = self._ring(thread)
        item.media, item.tap = self._exchange.tap(item.source, item.kind, ring, thread)
        item.route = item.tap.id
        self._order(item, about, recordings)

    def _describe(self, item: _Recorded, about: dict[str, str], recordings: tuple[str, ...]) -> None:
        """Have other words stand in its files."""
        if (about, recordings) != (item.about, item.recordings):
            self._order(item, about, recordings)

    def _order(self, item: _Recorded, about: dict[str, str], recordings: tuple[str, ...]) -> None:
        item.former.update(item.recordings)
        item.about, item.recordings = about, recordings
        item.turn += 1
        words = with_recordings(about, item.id, recordings)
        self._process.open(item.id, item.ring, item.route, words, turn=item.turn)

    def _ring(self, thread: PlaneThread) -> tuple[TapRingView, int]:
        """Give the ring of a thread and its number; rings stay, because others will want them."""
        found = self._rings.get(thread.index)
        if found is None:
            ring = TapRingView(self._ring_bytes, DROP_NEWEST)
            found = self._rings[thread.index] = (ring, self._process.add_ring(ring.fds()))
        return found

    def _end(self, item: _Recorded) -> None:
        self._end_tap(item)
        self._closing[item.id] = item.all_recordings
        self._process.close_track(item.id)

    def _end_tap(self, item: _Recorded) -> None:
        if item.tap is not None:
            self._exchange.end_tap(item.source, item.tap)
            item.tap = item.media = None

    def _best(self) -> frozenset[tuple[str, int]]:
        """Return the layers that are to be sent because they are recorded."""
        pictures = {item.source for item in self._tracks.values() if item.kind == "video" and item.tap is not None}
        best = {source: self._best_layer(source) for source in pictures}
        return frozenset((source, layer) for source, layer in best.items() if layer is not None)

    def _best_layer(self, source: str) -> int | None:
        layers = self._exchange.adaptation.measured.layers(source, time.monotonic_ns() // 1000)
        return layers[-1].number if layers else None
