"""The pages' media connections, held to dispatch's rules: asked at every offer, and again whenever something changes.

The relay forwards to a page only what `dispatch.flow` allows just now; neither the page nor its offer has a say in it.
Runs on one event loop.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from dispatch.desk.coordinator import Coordinator
from dispatch.entry import Entry
from dispatch.errors import Conflict, Full, Refused
from dispatch.flow import CONSULTATION, Flow, may_publish, may_take
from dispatch.permissions import Actor
from dispatch.records import Participant
from dispatch.tables import Change
from signaling.http.problem import problem_of
from signaling.webrtc.connection import ConnectionEnded, ReceiveState, SourceWithdrawn
from signaling.webrtc.connections import Connections
from signaling.webrtc.lines import Line, ReceiveLine, SendLine
from signaling.webrtc.taking import Sight
from signaling.ws import messages
from signaling.ws.messages import AnsweredLine, LineQuality, LineSize
from signaling.ws.ports import Page

_log = structlog.get_logger(__name__)

#: Rights that end by themselves (grants) are noticed after so long.
SWEEP_SECONDS = 1.0
#: Lines looked at in one turn of the loop: some 2 ms.
LINES_A_TURN = 400
#: Offers that wait for their turn. Each takes the loop milliseconds; a page gives up after ten seconds.
MOST_WAITING = 800
#: The context of a line that is taken by no consultation.
_ANY = ""
#: Changes of these kinds may change what anybody may view.
_RIGHTS = frozenset({"unit", "person", "endpoint", "grant"})


@dataclass(slots=True, eq=False)
class _Held:
    """A page's newest connection; `connection` is "" when it has ended."""

    page: Page
    number: int
    connection: str


class PageMedia:
    """Every page's media connection. `start` once, `close` at the end."""

    def __init__(self, coordinator: Coordinator, connections: Connections) -> None:
        self._coordinator = coordinator
        self._connections = connections
        self._held: dict[str, _Held] = {}  # by the page's id
        self._live: dict[str, _Held] = {}  # by the connection's id
        self._jitter: dict[str, dict[str, int]] = {}
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._stale: set[str] = set()
        self._some = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        connections.listeners.append(self._on_event)
        self._deaf = coordinator.listen(self._on_change)

    def start(self) -> None:
        """Begin to follow changes."""
        self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._sweep())]

    async def close(self) -> None:
        """Stop following. Connections are not ended here. May be called twice."""
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            self._deaf()
            await asyncio.wait(tasks)

    async def offer(self, page: Page, offer: messages.Offer) -> tuple[str, Sequence[AnsweredLine]]:
        """Answer an offer of a page, which has one in hand at most. Raises Refused."""
        if self._waiting >= MOST_WAITING:
            raise Full("node-busy", f"{MOST_WAITING} offers wait already")
        self._waiting += 1
        try:
            async with self._turn:
                await asyncio.sleep(0)  # others' checks and handshakes go first
                return self._answer(page, offer)
        finally:
            self._waiting -= 1

    def hangup(self, page: Page) -> None:
        """End the page's connection; of no effect when there is none."""
        held = self._held.pop(page.id, None)
        if held is not None and held.connection:
            self._connections.end(held.connection)

    def see(self, page: Page, number: int, lines: Sequence[LineSize]) -> None:
        """Take how a page shows its pictures; of a connection that has been given up it is passed over."""
        held = self._held.get(page.id)
        if held is not None and held.connection and held.number == number:
            sights = {line.mid: Sight(line.width, line.height, line.rank, line.slow) for line in lines}
            self._connections.see(held.connection, sights)

    def pages(self) -> list[tuple[str, Page, int]]:
        """Return the connections that there are, each with its page and its number there."""
        return [(connection, held.page, held.number) for connection, held in self._live.items()]

    def quality(self, page: Page, rtt_ms: float, lines: Sequence[LineQuality]) -> None:
        """Take what a page reports of what it plays."""
        held = self._held.get(page.id)
        if held is not None and held.connection:
            self._jitter[held.connection] = {line.mid: round(line.jitter_ms * 1000) for line in lines}

    def connections(self) -> list[tuple[str, str]]:
        """Return the connections that there are, each with its page's person."""
        return [(connection, held.page.actor.person) for connection, held in self._live.items()]

    def jitter_us(self, connection: str, mid: str) -> int | None:
        """Return the jitter a page last reported of a line."""
        return self._jitter.get(connection, {}).get(mid)

    def _answer(self, page: Page, offer: messages.Offer) -> tuple[str, list[AnsweredLine]]:
        held = self._newest(page, offer.connection)
        sdp = offer.sdp.encode()
        lines, answered = self._judge(page.actor, offer.lines)
        try:
            if held is None:
                made = self._connections.open(page.id, sdp, lines)
            else:
                made = self._connections.offer(held.connection, sdp, lines)
        except Refused:
            raise
        except Exception as error:  # so broad, because the table of problems knows them all, and logs what it does not
            problem = problem_of(error)
            raise Conflict(problem.code, problem.detail) from error
        if held is None:
            self._held[page.id] = self._live[made.connection] = _Held(page, offer.connection, made.connection)
        unplayable = {mid: AnsweredLine(mid, "closed", "no-common-codec") for mid in made.unplayable}
        return made.sdp, [unplayable.get(line.mid, line) for line in answered]

    def _newest(self, page: Page, number: int) -> _Held | None:
        """Return the connection with this number, None for a new one, in whose favour the one before is ended."""
        held = self._held.get(page.id)
        if held is None:
            return None
        if number > held.number:
            self.hangup(page)
            return None
        if number < held.number or not held.connection:
            # The browser's side of it speaks of keys and addresses that are gone: it must begin again.
            raise Conflict("session-unknown", f"the page's connection {number} is over, make another")
        return held

    def _judge(self, actor: Actor, asked: Sequence[messages.Line]) -> tuple[list[Line], list[AnsweredLine]]:
        """Return the lines that may be, and what became of each."""
        now_us = time.time_ns() // 1000
        lines: list[Line] = []
        answered: list[AnsweredLine] = []
        for line in asked:
            if line.send is not None:
                allowed = may_publish(self._coordinator.permissions, actor, line.send.source, now_us)
                flow, code = (Flow.OPEN, "") if allowed else (Flow.CLOSED, "forbidden")
                sent = SendLine(line.mid, line.send.kind, line.send.source, line.send.name)
                lines += [sent] if allowed else []
            elif line.receive is not None:
                wanted = line.receive
                flow, code = self._may_take(actor, (wanted.source, wanted.kind, wanted.context), now_us)
                if flow is not Flow.CLOSED:
                    lines.append(ReceiveLine(line.mid, wanted.kind, wanted.source, wanted.context, flow))
            else:
                continue
            answered.append(AnsweredLine(line.mid, flow.value, code))
        return lines, answered

    def _may_take(self, actor: Actor, line: tuple[str, str, str], now_us: int) -> tuple[Flow, str]:
        flow = may_take(self._coordinator.permissions, self._coordinator.tables, actor, line, now_us)
        return flow, "forbidden" if flow is Flow.CLOSED else ""

    def _on_change(self, entries: Sequence[Entry], changes: Sequence[Change]) -> None:
        before = len(self._stale)
        for change in changes:
            if change.kind in _RIGHTS:
                self._stale.add(_ANY)
            elif change.kind == "consultation":
                self._stale.add(CONSULTATION + change.id)
            elif change.kind == "participant":
                record = change.new or change.old
                assert isinstance(record, Participant)
                self._stale.add(CONSULTATION + record.consultation)
        if len(self._stale) > before:
            self._some.set()

    async def _follow(self) -> None:
        while True:
            await self._some.wait()
            self._some.clear()
            stale, self._stale = self._stale, set()
            await self._review(stale)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self._review(None)

    async def _review(self, contexts: set[str] | None) -> None:
        """Hold the lines of these contexts, or all, to the rule as it is now."""
        try:
            looked_at = 0
            for connection in list(self._live):
                # Read now and not before: while others had their turn a line may have become another's.
                lines = [line for line in self._lines(connection) if contexts is None or line.context in contexts]
                self._hold(connection, lines)
                looked_at += len(lines)
                if looked_at >= LINES_A_TURN:
                    looked_at = 0
                    await asyncio.sleep(0)
            if contexts is None or _ANY in contexts:
                self._hold_senders()
        except Exception:  # so broad, because the next change must find somebody who follows it
            _log.exception("lines_not_reviewed")

    def _lines(self, connection: str) -> list[ReceiveState]:
        return self._connections.receiving_of(connection) if connection in self._live else []

    def _hold(self, connection: str, lines: Sequence[ReceiveState]) -> None:
        changed: list[AnsweredLine] = []
        now_us = time.time_ns() // 1000
        for line in lines:
            held = self._live[connection]
            flow, code = self._may_take(held.page.actor, (line.source, line.kind, line.context), now_us)
            if flow is line.flow:
                continue
            try:
                self._connections.set_flow(connection, line.mid, flow)
            except Exception:  # so broad, because one line's fault must leave no other open
                _log.exception("line_not_held", connection=connection, mid=line.mid)
            else:
                changed.append(AnsweredLine(line.mid, flow.value, code))
        if changed:
            held = self._live[connection]
            held.page.flow(held.number, changed)

    def _hold_senders(self) -> None:
        now_us = time.time_ns() // 1000
        for connection, source in list(self._connections.sending()):
            held = self._live.get(connection)
            if held is None:
                continue
            if not may_publish(self._coordinator.permissions, held.page.actor, source, now_us):
                self._connections.forbid(connection, source)

    def _on_event(self, event: ConnectionEnded | SourceWithdrawn) -> None:
        held = self._live.get(event.connection)
        if held is None:
            return
        if isinstance(event, ConnectionEnded):
            del self._live[event.connection]
            held.connection = ""
            self._jitter.pop(event.connection, None)
            held.page.ended(held.number, event.code)
        else:
            held.page.flow(held.number, [AnsweredLine(mid, "closed", event.code) for mid in event.mids])
