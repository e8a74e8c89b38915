"""Pages of the load in a process of their own, and what the server and that process used while they ran."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from benchmarks import machine
from benchmarks.consultation.town import Keys, Person
from benchmarks.load.orders import Failed, Open, Opened, Order, PageOrder, Ran, Reply, Run, Say, Seen
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.model import PeerError, end, start
from benchmarks.report import Report

R = TypeVar("R", Opened, Ran, Seen)

# Of the server's core, used by others: then times are not the server's alone.
MOST_OTHERS = 0.1
# Of the load's core, used by its processes: then what it measures is its own delay.
MOST_LOAD = 0.85
_REPLIES: msgspec.json.Decoder[Reply] = msgspec.json.Decoder(Reply)


class Crowd:
    """A process with pages; ended with `stack`."""

    def __init__(self, stack: ExitStack) -> None:
        self._process = start(
            [sys.executable, "-m", "benchmarks.load.pages"],
            core=machine.LOAD_CORE,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        stack.callback(end, self._process)
        assert self._process.stdin is not None and self._process.stdout is not None
        stack.callback(self._process.stdout.close)
        stack.callback(self._process.stdin.close)
        self._in, self._out = self._process.stdin, self._process.stdout

    @property
    def pid(self) -> int:
        return self._process.pid

    def open(self, port: int, keys: Keys, people: Sequence[Person], topics: Sequence[str]) -> float:
        """Open a page of each; return the seconds it took. Raises PeerError."""
        pages = [PageOrder(keys.token(person), f"page-{number}", list(topics)) for number, person in enumerate(people)]
        self.tell(Open(port, pages))
        return self.hear(Opened).seconds

    def tell(self, order: Order) -> None:
        """Give an order."""
        self._in.write(msgspec.json.encode(order) + b"\n")
        self._in.flush()

    def hear(self, kind: type[R]) -> R:
        """Return the reply to the oldest order that has none. Raises PeerError."""
        line = self._out.readline()
        if not line:
            raise PeerError(f"the load ended with status {self._process.wait()}")
        reply = _REPLIES.decode(line)
        if isinstance(reply, Failed):
            raise PeerError(reply.reason)
        assert isinstance(reply, kind)
        return reply


@dataclass(frozen=True, slots=True)
class Stretch:
    """What two crowds met with while the first of them spoke, and what the server used."""

    speaking: Ran
    listening: Ran
    use: machine.Use
    seconds: float
    """How long the first crowd spoke; what was left to do then was waited for."""
    load: float
    """Share of the load's core that the crowds used."""

    @property
    def loop(self) -> float:
        """Share of a core that the server's control loop would need to be done when the speaking is."""
        return self.use.by_thread_ns["main"] / 1e9 / self.seconds

    def tell(self, report: Report, what: str) -> None:
        """Note what used the cores, loudly where it spoils the figures."""
        messages = (self.speaking.messages + self.listening.messages) / self.use.seconds
        report.note(
            f"{what}: server's threads, of a core: {self.use.threads_told}; {messages:,.0f} messages/s to the pages; "
            f"the load used {self.load:.0%} of its core"
        )
        if self.use.others > MOST_OTHERS:
            report.note(f"{what}: DISTURBED: {self.use.others_told}")
        if self.load > MOST_LOAD:
            report.note(f"{what}: DISTURBED: the load was busy {self.load:.0%} of the time; delays are its own in part")
        if closed := self.speaking.closed + self.listening.closed:
            report.note(f"{what}: THE SERVER CLOSED {closed} pages")


def stretch(
    server: Huishang, speaking: Crowd, listening: Crowd, says: list[Say], *, seconds: float, tail_s: float
) -> Stretch:
    """Run both crowds, one of which says things for some seconds, and a while longer for what comes of it."""
    loads = [machine.cpu_ns(crowd.pid) for crowd in (speaking, listening)]
    before = machine.Use.of(server.pid)
    listening.tell(Run(seconds + tail_s, []))
    speaking.tell(Run(seconds + tail_s, says))
    ran = speaking.hear(Ran), listening.hear(Ran)
    use = machine.Use.of(server.pid).since(before)
    used = sum(machine.cpu_ns(crowd.pid) for crowd in (speaking, listening)) - sum(loads)
    return Stretch(*ran, use, seconds, used / 1e9 / use.seconds)
