"""Takes acts one after another: decided, written to the journal, then told and answered.

What the journal did not keep has not happened: its changes are taken back and the act refused. Acts that come while the
disk works wait and go to it together. Owns the tables: nobody else changes them. Runs on one event loop.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from dispatch.acts.base import Act, Desk, Draft, decide
from dispatch.desk.ports import Keeper, Listener
from dispatch.entry import VERSION, Entry, Origin, encode
from dispatch.errors import Full, Refused, Unavailable
from dispatch.fold import apply
from dispatch.hlc import HybridClock
from dispatch.ids import ulid
from dispatch.journal.format import MAX_PAYLOAD_BYTES
from dispatch.permissions import Actor, Permissions
from dispatch.tables import Change, Tables

_log = structlog.get_logger(__name__)

#: Acts that wait for the disk. At 2,000 a second this is some two seconds, after which a page tells its user anyway.
MAX_WAITING = 4_000
#: Acts decided in one turn of the loop,
MAX_BATCH = 200
#: the CPU time after which none is begun any more: an import takes as long as a hundred others,
TURN_SECONDS = 0.03
#: and the bytes after which it is so: the journal takes 16 MiB at once.
MAX_TURN_BYTES = 4 << 20
#: How long the disk may take once the node stops.
CLOSE_S = 1.0


@dataclass(slots=True)
class _Waiting:
    act: Act
    actor: Actor
    origin: Origin
    done: asyncio.Future[str]


class Coordinator:
    """The one place where state changes. `start` once, `close` at the end."""

    def __init__(self, tables: Tables, clock: HybridClock, keeper: Keeper, node: str) -> None:
        self.tables = tables
        self.permissions = Permissions(tables)
        self._clock = clock
        self._keeper = keeper
        self._node = node
        self._waiting: deque[_Waiting] = deque()
        self._some = asyncio.Event()
        #: Why the journal kept nothing when it was last asked; "" when it did.
        self.fault = ""
        self._forgotten: list[tuple[str, str]] = []
        self._listeners: list[Listener] = []
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Tell `listener` of everything that happens from now on, until what is returned is called."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def start(self) -> None:
        """Begin to take acts."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Answer what was decided, refuse the rest, stop. May be called twice.

        What a disk has not answered in time is refused too, although it may yet be kept.
        """
        self._closed = True
        self._some.set()
        if self._task is not None:
            task, self._task = self._task, None
            try:
                await asyncio.wait_for(task, CLOSE_S)
            except TimeoutError:
                _log.error("journal_does_not_answer", waiting=len(self._waiting))
        while self._waiting:
            _refuse(self._waiting.popleft(), _stopping())

    async def act(self, act: Act, actor: Actor, origin: Origin) -> str:
        """Do an act; return the id of what it made, or "". Raises Refused."""
        if self._closed or self._task is None:
            raise _stopping()
        if len(self._waiting) >= MAX_WAITING:
            raise Full("journal-busy", f"{MAX_WAITING} acts wait for the disk")
        waiting = _Waiting(act, actor, origin, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._some.set()
        return await waiting.done

    def forget(self, records: Sequence[tuple[str, str]]) -> None:
        """Let go of records (kind, id) that only memory need not hold any more; nothing of it is entered."""
        if records:
            self._forgotten += records
            self._some.set()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            while (self._waiting or self._forgotten) and not self._closed:
                await self._turn()
            if self._closed:
                break

    async def _turn(self) -> None:
        """Decide what waits, keep it, tell it, answer it."""
        for kind, identifier in self._forgotten:
            self.tables.of_kind(kind).drop(identifier)
        self._forgotten.clear()
        self._tell([], self.tables.commit())
        entries: list[Entry] = []
        records: list[bytes] = []
        answers: list[tuple[_Waiting, str]] = []
        size, until = 0, time.thread_time() + TURN_SECONDS
        for _ in range(min(len(self._waiting), MAX_BATCH)):
            waiting = self._waiting.popleft()
            if waiting.done.cancelled():
                continue
            made = self._decide(waiting)
            if made is not None:
                answer, more, record = made
                answers.append((waiting, answer))
                if more:
                    entries += more
                    records.append(record)
                    size += len(record)
            if size >= MAX_TURN_BYTES or time.thread_time() >= until:
                break
        if not records:
            await asyncio.sleep(0)  # nothing to wait for, but others have their turn on the loop
        elif not await self._keep(records, answers):
            return
        self._tell(entries, self.tables.commit())
        for waiting, answer in answers:
            if not waiting.done.done():
                waiting.done.set_result(answer)

    def _tell(self, entries: list[Entry], changes: Sequence[Change]) -> None:
        for listener in tuple(self._listeners) if entries or changes else ():
            try:
                listener(entries, changes)
            except Exception:  # so broad, because the act has happened and the other listeners must hear of it
                _log.exception("listener_failed")

    async def _keep(self, records: list[bytes], answers: list[tuple[_Waiting, str]]) -> bool:
        try:
            await self._keeper.append(records)
        except asyncio.CancelledError:
            self.tables.rollback()
            for waiting, _ in answers:
                _refuse(waiting, _stopping())
            raise
        except Exception as error:  # so broad, because whatever it was, nothing of this turn may stand
            self.tables.rollback()
            refusal = error if isinstance(error, Refused) else Unavailable("journal-failed", str(error))
            if self.fault != refusal.code:
                _log.error("journal_keeps_nothing", code=refusal.code, reason=str(error))
            self.fault = refusal.code
            for waiting, _ in answers:
                _refuse(waiting, refusal)
            return False
        if self.fault:
            _log.warning("journal_keeps_again", after=self.fault)
            self.fault = ""
        return True

    def _decide(self, waiting: _Waiting) -> tuple[str, list[Entry], bytes] | None:
        """Decide one act and apply it; return its answer, entries and record.

        None when it was refused, and then nothing of it stays. What the journal could not take is refused here,
        because it takes all acts of a turn or none.
        """
        mark = self.tables.mark
        now_us = time.time_ns() // 1000
        desk = Desk(self.tables, self.permissions, waiting.actor, now_us, self._new_id)
        try:
            answer = decide(desk, waiting.act)
            entries = [self._entry(draft, waiting, now_us) for draft in desk.drafts]
            record = encode(entries)
            if len(record) > MAX_PAYLOAD_BYTES:
                raise Full("act-too-large", f"a record of {len(record)} bytes; {MAX_PAYLOAD_BYTES} can be kept")
            for entry in entries:
                apply(self.tables, entry)
        except Refused as refusal:
            self.tables.rollback(mark)
            _refuse(waiting, refusal)
            return None
        except Exception:  # so broad, because a fault in one act must not end the taking of acts
            _log.exception("act_failed", act=type(waiting.act).__name__)
            self.tables.rollback(mark)
            _refuse(waiting, Refused("internal", "the server met a fault; its log tells more"))
            return None
        return answer, entries, record

    def _entry(self, draft: Draft, waiting: _Waiting, now_us: int) -> Entry:
        return Entry(
            v=VERSION,
            id=self._new_id(),
            node=self._node,
            hlc=self._clock.tick(now_us),
            verb=draft.verb,
            actor=waiting.actor.person or "system",
            object=draft.object,
            session=draft.session,
            origin=waiting.origin,
            params=draft.params,
        )

    def _new_id(self) -> str:
        return ulid(time.time_ns() // 1000, os.urandom(10))


def _stopping() -> Unavailable:
    return Unavailable("node-stopping", "the node stops")


def _refuse(waiting: _Waiting, refusal: Refused) -> None:
    if not waiting.done.done():
        waiting.done.set_exception(refusal)
