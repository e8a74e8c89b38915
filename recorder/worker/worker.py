"""The loop of the worker: orders in, records to their tracks, answers out.

Touches the line, the rings, the clock and, through `store`, the folder of recordings.
"""

from __future__ import annotations

import os
import select
import socket
import time
import traceback
from pathlib import Path
from typing import Final

from media.tap import TapKind, TapRecord, TapRingError
from recorder.tracks import Gap, TrackRecorder
from recorder.worker import wire
from recorder.worker.hand import Hand
from recorder.worker.line import Line
from recorder.worker.recovery import last_of, only_worker, recovered_below, recovered_in
from recorder.worker.rings import PORTION, Ring
from recorder.worker.store import Store, track_folder

#: Between two looks at the rings.
PAUSE_MS: Final = 20
TICK_NS: Final = 100_000_000
STATISTICS_NS: Final = 1_000_000_000
#: At the end: for what is in the rings, which hold ten seconds.
DRAIN_NS: Final = 10_000_000_000
_ORDERS_A_TURN: Final = 64


class Worker:
    """`run` until `End`, or until nobody is at the other end of the socket, which stays the caller's."""

    def __init__(self, line: socket.socket) -> None:
        self._socket = line
        self._line = Line(line)
        self._rings: dict[int, Ring] = {}
        self._tracks: dict[str, TrackRecorder] = {}
        self._leaving: list[tuple[str, tuple[Gap, ...], str]] = []
        """Tracks whose last segment is being closed."""
        self._opening: dict[str, int] = {}
        """The turns of tracks that are recorded otherwise when the segment that is open has come to its end."""
        self._offset_ns = 0
        self._is_ending = False
        self._tick_ns = 0
        self._statistics_ns = 0

    def run(self) -> None:
        """Raises ValueError where the first order is not `Begin` of our version."""
        data, fds, _, _ = socket.recv_fds(self._socket, wire.MAX_BYTES, 1)
        if not data:
            return
        begin = wire.read_order(data)
        if not isinstance(begin, wire.Begin) or not fds:
            raise ValueError("the first order is another")
        self._root, self._offset_ns = Path(begin.root), begin.offset_ns
        self._hand = Hand(fds[0])
        os.close(fds[0])
        self._alone = only_worker(self._root)
        if begin.scans:
            for found in recovered_below(self._root / "tracks"):
                self._line.say(found)
        self._store = Store(self._root, self._hand, algorithms=begin.algorithms)
        self._line.say(wire.Ready(wire.VERSION))
        while not self._is_ending:
            busy = self._read_all()
            self._tick(time.monotonic_ns())
            self._take_orders(0 if busy else PAUSE_MS)
        self._finish()

    def _read_all(self) -> bool:
        """Read a portion of each ring; True when there is more."""
        return any([self._read(number, ring) for number, ring in list(self._rings.items())])

    def _read(self, number: int, ring: Ring) -> bool:
        try:
            for _ in range(PORTION):
                record = ring.read()
                if record is None:
                    return False
                if record.kind is TapKind.GAP:
                    for track in ring.tracks.values():
                        track.ring_lost(time.monotonic_ns())
                    continue
                owner = ring.tracks.get(record.route)
                if owner is None:
                    ring.stray(record)
                else:
                    self._give(owner, record)
        except TapRingError as error:
            self._line.say(wire.Alarm("ring-damaged", 0, str(error)[:256]))
            self._end_ring(number, "ring-damaged")
            return False
        return True

    def _give(self, track: TrackRecorder, record: TapRecord) -> None:
        try:
            if (clock := record.clock) is not None:
                track.tell(clock)
            else:
                track.receive(record)
        except Exception as error:  # a mistake of ours costs one track
            self._fail(track, error)

    def _tick(self, now_ns: int) -> None:
        if now_ns < self._tick_ns:
            return
        self._tick_ns = now_ns + TICK_NS
        for ring in list(self._rings.values()):
            ring_ns = ring.time_ns(now_ns)
            for track in list(ring.tracks.values()):
                try:
                    if track.tick(ring_ns):
                        self._line.say(wire.KeyframeWanted(track.track))
                except Exception as error:  # as above
                    self._fail(track, error)
        self._store.tick()
        self._tell()
        if now_ns >= self._statistics_ns:
            self._statistics_ns = now_ns + STATISTICS_NS
            self._tell_statistics()
        self._line.push()

    def _tell(self) -> None:
        """Say what has come of files."""
        news, self._store.news = self._store.news, []
        for each in news:
            self._line.say(each)
        for track, turn in list(self._opening.items()):
            item = self._tracks.get(track)
            if item is None:
                del self._opening[track]
            elif item.is_described and self._store.is_done(track):
                del self._opening[track]
                self._line.say(wire.Opened(track, turn))
        leaving, self._leaving = self._leaving, []
        for track, gaps, failed in leaving:
            if self._store.is_done(track):
                self._line.say(wire.TrackClosed(track, gaps, failed))
            else:
                self._leaving.append((track, gaps, failed))

    def _tell_statistics(self) -> None:
        rings = list(self._rings.values())
        for ring in rings:
            if ring.lost:
                self._line.say(wire.Alarm("ring-lost", ring.lost))
                ring.lost = 0
        self._line.say(
            wire.Statistics(
                sum(ring.records for ring in rings),
                sum(ring.strays for ring in rings),
                self._store.bytes,
                self._store.unsynced,
                sum(ring.backlog for ring in rings),
                len(self._tracks),
            )
        )

    def _take_orders(self, wait_ms: int) -> None:
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        for turn in range(_ORDERS_A_TURN):
            # Python 3.11's recv_fds leaves its flags out, so it would wait.
            if not poller.poll(0 if turn else wait_ms):
                return
            try:
                data, fds, _, _ = socket.recv_fds(self._socket, wire.MAX_BYTES, 2)
            except OSError:
                data, fds = b"", []
            if not data:
                self._is_ending = True
                return
            self._obey(wire.read_order(data), fds)

    def _obey(self, order: wire.Order, fds: list[int]) -> None:
        match order:
            case wire.AddRing(ring) if len(fds) == 2:
                self._add_ring(ring, fds)
            case wire.EndRing(ring):
                self._end_ring(ring, "ring-ended")
            case wire.Open():
                self._open(order)
            case wire.Hold(name) if name in self._tracks:
                self._tracks[name].hold()
            case wire.GoOn(name) if name in self._tracks:
                self._tracks[name].go_on()
            case wire.Close(name) if name in self._tracks:
                self._close(self._tracks[name], "")
            case wire.Offset(offset_ns):
                self._offset_ns = offset_ns
                for track in self._tracks.values():
                    track.offset_ns = offset_ns
            case wire.End():
                self._is_ending = True

    def _add_ring(self, number: int, fds: list[int]) -> None:
        self._end_ring(number, "ring-ended")
        try:
            self._rings[number] = Ring(*fds)
        except TapRingError as error:
            self._line.say(wire.Alarm("ring-damaged", 0, str(error)[:256]))

    def _end_ring(self, number: int, reason: str) -> None:
        ring = self._rings.pop(number, None)
        if ring is not None:
            for track in list(ring.tracks.values()):
                self._close(track, reason)
            ring.close()

    def _open(self, order: wire.Open) -> None:
        ring = self._rings.get(order.ring)
        if ring is None:
            self._line.say(wire.TrackClosed(order.track, (), "no-ring"))
            return
        track = self._tracks.get(order.track)
        if track is None:
            folder = track_folder(self._root, order.track)
            for found in recovered_in(folder):
                self._line.say(found)
            last = last_of(folder)
            number = max(order.number, last.label.number + 1 if last else 1)
            was_recorded = last and order.resumes and (last.recovered or last.label.number < order.number)
            end_us = last.t1 if last and was_recorded else None
            track = TrackRecorder(order.track, number, dict(order.about), self._store, self._offset_ns, end_us)
            self._tracks[order.track] = track
            if order.held:
                track.hold()
        else:
            track.describe(dict(order.about), time.monotonic_ns())
        self._opening[order.track] = order.turn
        self._part(track)
        ring.tracks[order.route] = track
        for record in ring.take_strays(order.route):
            if track.track in self._tracks:
                self._give(track, record)

    def _part(self, track: TrackRecorder) -> None:
        """Let no record come to a track any more."""
        for ring in self._rings.values():
            ring.tracks = {route: each for route, each in ring.tracks.items() if each is not track}

    def _close(self, track: TrackRecorder, failed: str) -> None:
        self._part(track)
        del self._tracks[track.track]
        self._leaving.append((track.track, track.finish(time.monotonic_ns()), failed))

    def _fail(self, track: TrackRecorder, error: Exception) -> None:
        """End a track that we cannot handle; what was written of it stays."""
        traceback.print_exception(error)
        try:
            self._close(track, f"{type(error).__name__}: {error}"[:256])
        except Exception as worse:  # its file is left open, and recovered at the next start
            traceback.print_exception(worse)
            self._leaving.append((track.track, (), f"{type(worse).__name__}: {worse}"[:256]))

    def _finish(self) -> None:
        """Read what the rings hold, close everything, say so if anybody listens."""
        until_ns = time.monotonic_ns() + DRAIN_NS
        while self._read_all() and time.monotonic_ns() < until_ns:
            self._tick(time.monotonic_ns())
        for track in list(self._tracks.values()):
            self._close(track, "")
        for ring in self._rings.values():
            ring.close()
        self._store.close()
        self._tell()
        self._line.push(waits=True)
        self._hand.close()
        os.close(self._alone)
