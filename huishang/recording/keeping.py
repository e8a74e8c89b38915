"""The book of evidence in the life of a node: opened, tried again, brought up to what is on disk, stamped by witnesses.

Shell; runs on one event loop, blocking work in threads. Recording goes on without a book: what the chains lack is found
again on disk when it opens.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

import aiohttp
import structlog
from cryptography import x509

from dispatch.tables import RUNNING, Tables
from huishang.recording.chains import Chains
from huishang.recording.chainsteps import sessions_of
from huishang.recording.found import TOLD_S, unclosed, unnamed
from huishang.recording.proving import Proving, keep_certificates, write_key
from recorder.book import BookDamaged, BookError, BookWriter, Rotate
from recorder.book.book import Book
from recorder.book.evidence import certificates_below
from recorder.book.layout import Layout
from recorder.book.stamper import Authority, Stamper
from recorder.files import Facts
from recorder.proof import openssl
from recorder.proof.records import RecordedKind
from recorder.proof.tokens import Certificates
from recorder.utc import UtcLine

_log = structlog.get_logger(__name__)

RETRY_S: Final = 10.0
#: Found files are told so many at a time: the book's queue is bounded.
_MOST_AT_ONCE: Final = 200


class Keeping:
    """The book of one root. `start` once, `close` at the end."""

    def __init__(
        self,
        root: Path,
        node: str,
        proving: Proving,
        line: UtcLine,
        tables: Tables,
        telling: Callable[[], Collection[str]],
        written: Callable[[str], None],
    ) -> None:
        """`telling` are the tracks of which the worker of this process tells; `written` hears of chains that grew."""
        self.chains = Chains(node, line, self.note_lost, self._has_written)
        self.fault = ""
        """Why there is no book, a code."""
        self._root = root
        self._node = node
        self._proving = proving
        self._tables = tables
        self._telling = telling
        self._written = written
        self._stamper: Stamper | None = None
        self._lost_s: float | None = None
        self._is_to_rotate = False
        self._some = asyncio.Event()
        self._ready = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._ends = contextlib.AsyncExitStack()

    @property
    def is_stamped(self) -> bool:
        """Whether all authorities that are configured can be reached, and what they say can be checked."""
        return self._stamper is None or not self._stamper.unreachable

    @property
    def damaged(self) -> set[str]:
        """Sessions whose chains cannot be gone on with: they are left as they are, for verification."""
        writer = self.chains.writer
        return self.chains.damaged | set(writer.damaged if writer is not None else ())

    @property
    def problem(self) -> str | None:
        """Why the book lags behind, None when it does not."""
        writer = self.chains.writer
        return writer.problem if writer is not None else self.fault or None

    def start(self) -> None:
        """Begin to open the book."""
        self.chains.living.update(self._tables.recordings_running.ids(RUNNING))
        self._task = asyncio.create_task(self._run())

    def ready(self) -> None:
        """The worker has recovered what was left open: from now on what is on disk can be compared."""
        if not self._ready.is_set():
            self.note_lost()
            self._ready.set()
            self._some.set()

    async def close(self) -> None:
        """Write what waits and close the book."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        await self._ends.aclose()
        writer = self.chains.detach()
        if writer is not None:
            await asyncio.to_thread(writer.close)

    def rotate(self) -> None:
        """Have another key sign from now on, as soon as there is a book; without one there is no key yet."""
        self._is_to_rotate = True
        self._some.set()

    def note_lost(self) -> None:
        """Something did not come to the book that can be found on disk."""
        self._lost_s = time.monotonic()

    async def _run(self) -> None:
        """Keep a book open, and tell it what it lacks."""
        while True:
            try:
                if self.chains.writer is None:
                    await self._open()
                if self._is_to_rotate:
                    await self._rotate()
                if self._is_to_find():
                    await self._find()
            except Exception as error:  # so broad, because whatever it was, the next try may find it mended
                self._failed(error)
            else:
                self._well()
            self._some.clear()
            # Not `wait_for`, which loses a cancellation that comes together with what it waits for (3.11).
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RETRY_S):
                    await self._some.wait()

    def _is_to_find(self) -> bool:
        return self._lost_s is not None and self._ready.is_set() and self.chains.writer is not None

    def _well(self) -> None:
        if self.fault:
            _log.warning("book_well_again", after=self.fault)
        self.fault = ""

    def _failed(self, error: Exception) -> None:
        damaged = isinstance(error, BookDamaged)
        code = "book-damaged" if damaged else "book-failing"
        if self.fault != code:
            known = isinstance(error, BookError | OSError)
            _log.error("book_unavailable", code=code, reason=str(error), exc_info=None if known else error)
        self.fault = code
        self.chains.give_up()

    async def _open(self) -> None:
        """Open the book. Raises BookError, OSError."""
        opening = asyncio.create_task(asyncio.to_thread(self._book))
        try:
            book = await asyncio.shield(opening)
        except asyncio.CancelledError:
            (await opening).close()
            raise
        writer = BookWriter(book)
        self.chains.attach(writer)
        if self._proving.authorities:
            self._stamper = await self._stamp(writer)

    def _book(self) -> Book:
        """Open the book. Blocks."""
        proving, now_us = self._proving, time.time_ns() // 1000
        book = Book(
            self._root,
            self._node,
            write_key,
            now_us,
            algorithms=proving.algorithms,
            key_lasts_us=proving.key_lasts_us,
        )
        try:
            keep_certificates(self._root, proving.certificates)
        except BaseException:
            book.close()
            raise
        return book

    async def _rotate(self) -> None:
        """Have another key sign. Raises BookError; it is tried again then."""
        writer = self.chains.writer
        if writer is not None:
            await asyncio.wrap_future(writer.submit(Rotate()))
            self._is_to_rotate = False
            _log.info("recording_key_rotated")

    async def _stamp(self, writer: BookWriter) -> Stamper:
        """Have the book stamped as long as it is open."""
        certificates = await asyncio.to_thread(certificates_below, self._root)
        roots, others = _parted(certificates)
        believed = Certificates(roots, others)
        session = await self._ends.enter_async_context(aiohttp.ClientSession())
        authorities = [Authority(url, believed) for url in self._proving.authorities]
        stamper = Stamper(writer, session, authorities, other_check=openssl.check)
        task = asyncio.create_task(stamper.run())
        self._ends.push_async_callback(_ended, task)
        return stamper

    def _has_written(self, session: str, kind: RecordedKind) -> None:
        self._written(session)
        if kind == "closure" and self._stamper is not None:
            self._stamper.soon()

    async def _find(self) -> None:
        """Bring the chains up to what is on disk, and close those whose recordings are over."""
        asked_s = self._lost_s or 0.0
        await self.chains.written()
        sessions = await asyncio.to_thread(unclosed, self._root) - self.damaged
        # Asked after the files were: what has begun meanwhile was left by nobody. Tables are ahead of what is told by
        # what the journal is still writing, and may take back: what lives is begun and ended when that is told.
        running = set(self._tables.recordings_running.ids(RUNNING))
        left = sessions - running - set(self.chains.ending) - self.chains.living
        await self._begin_again((running & self.chains.living) - sessions - self.damaged)
        await self._tell(sessions | (running - self.damaged))
        for identifier in left:
            self.chains.end(identifier, self._tables.recordings.find(identifier))
        self.chains.settle(set(self.chains.ending) - left)
        await self.chains.written()
        # What the worker told a moment ago may still be on its way: of that another look tells.
        if self._lost_s == asked_s and (not self._telling() or time.monotonic() - asked_s > TOLD_S + RETRY_S):
            self._lost_s = None
            self.chains.has_found()

    async def _begin_again(self, lacking: Collection[str]) -> None:
        """Begin the chains of recordings that run and have none: their openings did not come to the disk."""
        if not lacking:
            return
        await self.chains.written()
        there = await asyncio.to_thread(sessions_of, Layout(self._root))
        for identifier in lacking:
            recording = self._tables.recordings.find(identifier)
            if identifier not in (there or ()) and recording is not None and not recording.ended_us:
                self.chains.begin(recording)

    async def _tell(self, sessions: Collection[str]) -> None:
        telling = frozenset(self._telling())
        # Files of tracks that have ended by now were told: they are in the chains when those are read.
        await self.chains.written()
        found = unnamed(self._root, sessions, telling, time.time())
        while batch := await asyncio.to_thread(_take, found):
            for session, facts in batch:
                self.chains.append_found(session, facts)
            _log.info("recorded_files_found", files=len(batch))


def _take(found: Iterator[tuple[str, Facts]]) -> list[tuple[str, Facts]]:
    return list(itertools.islice(found, _MOST_AT_ONCE))


def _parted(certificates: Sequence[x509.Certificate]) -> tuple[list[x509.Certificate], list[x509.Certificate]]:
    """Part the roots, which sign themselves, from what only leads to them."""
    roots = [each for each in certificates if each.issuer == each.subject]
    return roots, [each for each in certificates if each.issuer != each.subject]


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
