"""What is told to the book of evidence: the life of every recording, its files, and what happened meanwhile.

Shell over `BookWriter`; runs on one event loop. What the disk or a full queue refused is not kept in memory: openings,
files and closures are found again on disk (`lost`), and written when the book takes orders again. Without a book
nothing is lost but events and gaps, which the timeline and the files tell too.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final

import structlog

from dispatch.entry import Entry
from dispatch.records import Recording
from dispatch.turns import began_us
from huishang.recording import contents
from huishang.recording.about import recordings_of
from recorder.book import Append, BookBusy, BookClosed, BookDamaged, BookFailed, BookWriter, Written
from recorder.files import Facts
from recorder.proof.records import RecordedKind
from recorder.tracks import Ended, Gap
from recorder.utc import UtcLine

_log = structlog.get_logger(__name__)

#: A book is open in some milliseconds.
MOST_EARLY: Final = 1000
#: Records that one deletion names (`recorder.proof.records.Deletion`).
MOST_DELETED: Final = 10_000


class Chains:
    """The chains of all recordings. `writer` None: there is no book just now."""

    def __init__(
        self, node: str, line: UtcLine, lost: Callable[[], None], written: Callable[[str, RecordedKind], None]
    ) -> None:
        """`line` is the time of media.

        `lost` is called when something has not come to the book that can be found again on disk, `written` when
        something of a kind is in a session's chain, signed.
        """
        self.writer: BookWriter | None = None
        self.damaged: set[str] = set()
        """Sessions of which the book has refused to go on with the chain."""
        self.living: set[str] = set()
        """Recordings that have begun, as far as was told, and whose closure was not told to the book yet."""
        self._node = node
        self._lost = lost
        self._written = written
        self._line = line
        self._early: list[Append] | None = []
        """What is told before the book is open for the first time; None: that did not go well."""
        self._waiting: set[asyncio.Future[Written]] = set()
        self._ending: dict[str, Recording | None] = {}
        """Recordings that have ended, and whose tracks are being closed."""
        self._lacking: set[str] = set()
        """Recordings of which a file was refused, and not found again yet: their chains are not closed."""
        self._kept_open: set[str] = set()
        """Of those, what would be closed by now."""

    @property
    def ending(self) -> Collection[str]:
        """The recordings whose closure waits."""
        return self._ending.keys()

    def begin(self, recording: Recording) -> None:
        """A recording has begun."""
        self.living.add(recording.id)
        at_us = self._line.media_us(recording.begun_us)
        self._append(recording.id, "opening", contents.opening(recording, self._node, at_us))
        self._append(recording.id, "mark", self._line.row.content())

    def pause(self, recording: Recording, by: str) -> None:
        """A recording keeps nothing from now on, or goes on."""
        kind: RecordedKind = "pause" if recording.paused_us else "resume"
        at_us = self._line.media_us(recording.paused_us or _now_us())
        self._append(recording.id, kind, {"at": at_us, "by": by})

    def end(self, identifier: str, recording: Recording | None) -> None:
        """A recording has ended; None where no more is known of it. Its chain is closed by `settle`."""
        self._ending.setdefault(identifier, recording)

    def settle(self, recorded: Collection[str]) -> None:
        """Close the chains of recordings that have ended and are not among those that still have tracks."""
        over = {each for each in self._ending if each not in recorded}
        self._kept_open |= over & self._lacking
        for identifier in over - self._lacking:
            recording = self._ending.pop(identifier)
            self.living.discard(identifier)
            at_us = self._line.media_us(recording.ended_us if recording else _now_us())
            self._append(identifier, "closure", {"at": at_us, "by": recording.by if recording else ""})

    def has_found(self) -> None:
        """All files that were refused have been found and are in the chains."""
        kept_open, self._kept_open = self._kept_open, set()
        self._lacking.clear()
        self.settle(set(self._ending) - kept_open)

    def event(self, recording: str, entry: Entry) -> None:
        """Something happened in what is recorded."""
        self._append(recording, "event", contents.event(entry, self._line.media_us(began_us(entry))))

    def segment(self, facts: Facts, ended: Ended | None, among: Iterable[str]) -> None:
        """A file is on disk, which belongs to some of these recordings."""
        content = contents.segment(facts, ended, self._line.error_ns)
        track = facts.label.track
        for recording in recordings_of(track.about, track.track, among):
            self._append(recording, "segment", content)

    def gap(self, recordings: Collection[str], track: str, missing: Gap) -> None:
        """A track ended in a gap."""
        self.mark(recordings, contents.gap(track, missing))

    def mark(self, recordings: Iterable[str], content: dict[str, Any]) -> None:
        """Say something of recordings that is no file and no act."""
        for recording in recordings:
            self._append(recording, "mark", content)

    async def delete(self, recording: Recording, named: Sequence[int]) -> None:
        """Say of records of a recording that they are deleted; on disk when this returns.

        Raises BookError, ProofError; then some may be.
        """
        if self.writer is None:
            raise BookClosed("there is no book just now")
        at_us = self._line.media_us(recording.deleted_us)
        parts = [named[first : first + MOST_DELETED] for first in range(0, len(named), MOST_DELETED)]
        orders = [Append(recording.id, "deletion", contents.deletion(recording, at_us, part)) for part in parts]
        answers = await asyncio.gather(
            *(asyncio.wrap_future(self.writer.submit(order)) for order in orders), return_exceptions=True
        )
        self._written(recording.id, "deletion")
        for answer in answers:
            if isinstance(answer, BookDamaged):
                self.damaged.add(recording.id)
            if isinstance(answer, BaseException):
                raise answer

    def append_found(self, recording: str, facts: Facts) -> None:
        """A file was found that the chain does not name."""
        self._append(recording, "segment", contents.segment(facts, None))

    def attach(self, writer: BookWriter) -> None:
        """There is a book: what came while it was opened is told to it."""
        self.writer = writer
        early, self._early = self._early, []
        for order in early or ():
            self._submit(writer, order)

    def detach(self) -> BookWriter | None:
        """Give the book back, to be closed."""
        writer, self.writer = self.writer, None
        return writer

    def give_up(self) -> None:
        """The book cannot be opened now: nothing more is kept for it."""
        if self.writer is None and self._early is not None:
            early, self._early = self._early, None
            self._lacking.update(order.session for order in early if order.kind == "segment")
            self._lost()

    async def written(self) -> None:
        """Wait until all that was told so far is on disk, or refused."""
        if self._waiting:
            await asyncio.wait(self._waiting)

    def _append(self, session: str, kind: RecordedKind, content: dict[str, Any]) -> None:
        order = Append(session, kind, content)
        if self.writer is not None:
            self._submit(self.writer, order)
        elif self._early is not None and len(self._early) < MOST_EARLY:
            self._early.append(order)
        else:
            self._lose(order)

    def _lose(self, order: Append) -> None:
        """It has not come to the book."""
        if order.kind == "segment":
            self._lacking.add(order.session)
        self._lost()

    def _submit(self, writer: BookWriter, order: Append) -> None:
        try:
            answer = asyncio.wrap_future(writer.submit(order))
        except (BookBusy, BookClosed) as error:
            _log.warning("evidence_refused", recording=order.session, kind=order.kind, reason=str(error))
            self._lose(order)
            return
        self._waiting.add(answer)
        answer.add_done_callback(functools.partial(self._answered, order))

    def _answered(self, order: Append, answer: asyncio.Future[Written]) -> None:
        self._waiting.discard(answer)
        error = answer.exception()
        if error is None:
            self._written(order.session, order.kind)
            return
        _log.error("evidence_not_written", recording=order.session, kind=order.kind, reason=str(error))
        if isinstance(error, BookDamaged):
            self.damaged.add(order.session)
            return
        # What has no place or form will have none the next time either: an event that is no JSON of ours. What follows
        # an opening that the disk refused has no place, and will have one.
        if isinstance(error, BookFailed) or order.kind not in ("event", "mark"):
            self._lose(order)


def _now_us() -> int:
    return time.time_ns() // 1000
