"""Recording in the life of a node: follows what dispatch wants, and hears the worker.

Shell; runs on one event loop. The worker and the book are begun with the first recording, or at once where a node
before this one left something. No act ever waits for them.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from config import Settings
from dispatch.acts.keys import ROTATE
from dispatch.entry import Entry
from dispatch.ids import ulid
from dispatch.recorded import recorded
from dispatch.records import Recording
from dispatch.tables import RUNNING, Change
from dispatch.turns import SPOKE, is_within
from huishang.desk import NodeDesk
from huishang.recording.about import about_of
from huishang.recording.figures import Figures, readers
from huishang.recording.indexing import Indexer
from huishang.recording.keeping import Keeping
from huishang.recording.proving import proving_of
from huishang.recording.retention import Retention
from huishang.recording.tracks import Tracks
from huishang.recording.troubles import Troubles
from recorder.book.layout import Layout
from recorder.utc import UtcLine
from recorder.utc.reading import read_clocks
from recorder.worker import wire
from recorder.worker.process import RecorderProcess
from signaling.http.health import Fault
from signaling.http.metrics import Reader
from signaling.webrtc.exchange import Exchange

_log = structlog.get_logger(__name__)

#: Between two looks at sources and the clock.
LOOK_S: Final = 1.0
#: What happens in one moment is followed once: in a large consultation that costs some milliseconds.
GATHER_S: Final = 0.1
#: Changes of these may change what is wanted; names in files' heads may be a moment behind.
WANTING: Final = frozenset(("recording", "participant", "consultation"))


class RecordingService:
    """All recordings of the node. `start` once, `close` at the end, before the exchange and the desk."""

    def __init__(self, settings: Settings, desk: NodeDesk, exchange: Exchange) -> None:
        """Read the settings; nothing is begun. Raises ConfigError."""
        self._root = settings.recordings_path
        self._coordinator = desk.coordinator
        self._tables = desk.coordinator.tables
        self._indexer = Indexer(desk.database, desk.journal, self._root)
        self._troubles = Troubles()
        self._told = ""
        self._listeners: list[Callable[[str], None]] = []
        self._figures = Figures()
        self._line = UtcLine(read_clocks())
        proving = proving_of(settings)
        self.process = RecorderProcess(self._root, self._hear, algorithms=proving.algorithms)
        self._tracks = Tracks(exchange, self.process, settings.recording.ring_bytes, _new_id)
        self._keeping = Keeping(
            self._root,
            settings.server.node,
            proving,
            self._line,
            self._tables,
            lambda: self._tracks.begun,
            self._indexer.wake,
        )
        self._retention = Retention(
            self._root,
            settings.recording,
            desk.coordinator,
            self._keeping,
            lambda: self._tracks.begun,
            lambda code, is_so: self._troubles.set(code, is_so, time.monotonic()),
        )
        self._exchange = exchange
        self._is_begun = self._is_closed = False
        self._unlisten: Callable[[], None] = lambda: None
        self._due: asyncio.TimerHandle | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Follow what is wanted from now on."""
        self._unlisten = self._coordinator.listen(self._follow)
        self._exchange.listen(lambda _: self._soon())
        layout = Layout(self._root)
        if len(self._tables.recordings_running) or layout.sessions.is_dir() or layout.tracks.is_dir():
            self._begin()
            self._soon()

    def listen(self, listener: Callable[[str], None]) -> None:
        """Tell `listener` what is wrong, by its code, whenever that changes."""
        self._listeners.append(listener)

    def note_unmet(self, count: int) -> None:
        """Policies want so much more recorded than there is room for."""
        self._figures.unmet = count
        now_s = time.monotonic()
        self._troubles.set("policy-unmet", count > 0, now_s)
        self._tell(now_s)

    def readers(self) -> list[Reader]:
        """Return the figures of recording."""
        return readers(lambda: self._figures)

    def fault(self) -> Fault | None:
        """Say what is wrong with recording, None when all is well."""
        found = self._troubles.worst(time.monotonic())
        if found is None:
            return None
        return Fault(found[0], int((time.time() - (time.monotonic() - found[1])) * 1e6))

    async def close(self) -> None:
        """Have everything that was recorded written and proved."""
        self._unlisten()
        self._is_closed = True
        if self._due is not None:
            self._due.cancel()
        tasks, self._tasks = self._tasks, []
        if not tasks:
            return
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await self._retention.close()
        self._tracks.close()
        await self.process.close()
        await self._keeping.close()
        await self._indexer.close()

    def _begin(self) -> None:
        """Begin the worker and the book."""
        if self._is_begun:
            return
        self._is_begun = True
        self._take_clocks()
        self.process.start()
        self._keeping.start()
        self._indexer.start()
        self._retention.start()
        self._tasks = [asyncio.create_task(self._look_after())]

    def _follow(self, entries: Sequence[Entry], changes: Sequence[Change]) -> None:
        """Hear from the coordinator what has happened."""
        changed = [change for change in changes if change.kind == "recording"]
        if any(entry.verb == ROTATE for entry in entries):
            self._keeping.rotate()
        if not changed and not len(self._tables.recordings_running) and not self._keeping.chains.ending:
            return
        for change in changed:
            named = (entry.actor for entry in entries if entry.object == f"recording:{change.id}")
            self._changed(change, next(named, ""))
        for entry in entries:
            for recording in self._concerned(entry):
                self._keeping.chains.event(recording, entry)
        if any(change.kind in WANTING for change in changes):
            self._soon()

    def _changed(self, change: Change, by: str) -> None:
        old, new = change.old, change.new
        if not isinstance(new, Recording):
            return
        chains = self._keeping.chains
        if old is None:
            self._begin()
            chains.begin(new)
        elif isinstance(old, Recording):
            if bool(old.paused_us) != bool(new.paused_us) and not new.ended_us:
                chains.pause(new, by)
            if new.ended_us and not old.ended_us:
                chains.end(new.id, new)

    def _concerned(self, entry: Entry) -> list[str]:
        """Return the recordings that run and that an entry belongs to."""
        of = {f"consultation:{entry.session}" if entry.session else "", entry.object}
        if entry.kind == "recording":
            recording = self._tables.recordings.find(entry.object_id)
            of |= {recording.of} if recording is not None else set()
        found = [self._tables.recording_of.first(each) for each in of if each]
        if entry.verb in SPOKE:
            # What was being said when a recording ended is entered a moment after that.
            running = map(self._tables.recordings.find, [*filter(None, found), *self._keeping.chains.ending])
            found = [
                item.id for item in running if item and item.of in of and is_within(entry, item.begun_us, item.ended_us)
            ]
        return [each for each in dict.fromkeys(found) if each is not None]

    def _soon(self) -> None:
        if self._is_begun and not self._is_closed and self._due is None:
            self._due = asyncio.get_running_loop().call_later(GATHER_S, self._set)

    def _set(self) -> None:
        """Record what is wanted now."""
        self._due = None
        try:
            self._tracks.follow(recorded(self._tables), self._about)
            self._settle()
        except Exception:  # so broad, because it is tried again in a second, and nobody else may suffer
            _log.exception("recording_not_followed")

    def _settle(self) -> None:
        self._keeping.chains.settle({*self._tracks.recorded(), *self._tables.recordings_running.ids(RUNNING)})

    def _about(self, source: str, kind: str) -> dict[str, str]:
        about = about_of(self._tables, source, kind)
        known = self._exchange.registry.find(source)
        # A source of nobody in the directory has the name that its publisher gave.
        return about if "name" in about or known is None else {**about, "name": known.name}

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            self._set()
            self._take_clocks()
            self._look()

    def _take_clocks(self) -> None:
        """Go on with the time of media; steps of the server's clock are told to every chain."""
        row = self._line.take(read_clocks(), recorded=self._tracks.is_recording)
        self.process.set_offset(self._line.offset_ns)
        if row is not None:
            self._keeping.chains.mark(self._tables.recordings_running.ids(RUNNING), row.content())

    def _look(self) -> None:
        """See what only looking tells."""
        now_s = time.monotonic()
        keeping = self._keeping
        self._troubles.set("book-damaged", keeping.fault == "book-damaged" or bool(keeping.damaged), now_s)
        self._troubles.set("book-failing", keeping.fault == "book-failing" or bool(keeping.problem), now_s)
        self._troubles.set("stamps-missing", not keeping.is_stamped, now_s)
        self._tell(now_s)

    def _tell(self, now_s: float) -> None:
        found = self._troubles.worst(now_s)
        code = found[0] if found else ""
        if code == self._told:
            return
        self._told = code
        _log.warning("recording_troubled" if code else "recording_well", code=code)
        for listener in self._listeners:
            listener(code)

    def _hear(self, answer: wire.Answer) -> None:
        """Hear the worker."""
        chains = self._keeping.chains
        match answer:
            case wire.Closed(facts, ended, True):
                chains.segment(facts, ended, self._tracks.recordings(facts.label.track.track))
            case wire.Recovered(facts, True):
                chains.segment(facts, None, self._tracks.recordings(facts.label.track.track))
            case wire.Closed() | wire.Recovered():  # too long to be told: found on disk
                self._keeping.note_lost()
            case wire.TrackClosed(track, gaps, failed):
                for gap in gaps:
                    chains.gap(self._tracks.recordings(track), track, gap)
                self._tracks.closed(track, failed)
                self._settle()
            case wire.Opened(track, turn):
                self._tracks.opened(track, turn)
                self._settle()
            case wire.KeyframeWanted(track):
                self._tracks.ask_keyframe(track)
            case wire.Alarm():
                self._figures.hear(answer)
                self._troubles.hear(answer, time.monotonic())
                self._tell(time.monotonic())
                if answer.code == "disk-full":
                    self._retention.soon()
            case wire.Statistics():
                self._figures.hear(answer)
            case wire.Ready():
                self._troubles.set("worker-lost", False, time.monotonic())
                self._keeping.ready()


def _new_id() -> str:
    return ulid(time.time_ns() // 1000, os.urandom(10))
