"""A bad link that is measured: the demonstration's relay, with what its link did noted beside it.

`Measured`, one direction, has no clock and no sockets; they are the relay's. The relay runs on the benchmark's own
loop, beside the viewer: both together are a few hundred packets a second, and the server and the publisher are
processes of their own. That loop must be `precise`, and `late_s` tells what it made of that.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Iterable
from dataclasses import dataclass

from huishang.demo.link import HEADER_BYTES, NS, Link
from huishang.demo.relay import Relay
from huishang.demo.way import Passed, Way

SAMPLE_S = 0.02


@dataclass(frozen=True, slots=True)
class Sample:
    """How long a datagram of that moment waits before it is sent, and what the link carries."""

    at_ns: int
    queued_s: float
    rate_bps: float


class Measured(Way):
    """One direction of the relay that tells what its link did."""

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self.samples: list[Sample] = []
        self.carried: list[tuple[int, int]] = []
        """(when it had been sent in ns, bytes of the link) of each datagram, also of those lost after that."""
        self.late_s: list[float] = []
        """By how much the loop delivered each datagram too late: what the measurement adds to the link."""

    def send(self, datagram: Passed, now: float) -> None:
        """Put a datagram on the link."""
        dropped = self.link.dropped + self.overflowed
        super().send(datagram, now)
        if self.link.dropped + self.overflowed == dropped:
            now_ns = round(now * NS)
            departs_ns = now_ns + round(self.link.queued_s(now_ns) * NS)
            self.carried.append((departs_ns, len(datagram[0]) + HEADER_BYTES))

    def arrived(self, now: float) -> list[Passed]:
        """Return, in order, the datagrams that have arrived by `now`."""
        out: list[Passed] = []
        while (due := self.get_timer()) is not None and (came := super().arrived(min(now, due))):
            self.late_s += [now - due] * len(came)
            out += came
        return out

    def sample(self, now: float) -> None:
        """Note how the link is now."""
        now_ns = round(now * NS)
        self.samples.append(Sample(now_ns, self.link.queued_s(now_ns), self.link.rate_bps(now_ns)))

    def queued_s(self, from_ns: int, to_ns: int) -> list[float]:
        """Return the sampled queueing delays between two moments, in seconds."""
        return [sample.queued_s for sample in self.samples if from_ns <= sample.at_ns < to_ns]


def rate_bps(carried: Iterable[tuple[int, int]], from_ns: int, to_ns: int) -> float:
    """Return the bits a second between two moments of what is given as (when in ns, bytes); 0 where none passed."""
    if to_ns <= from_ns:
        return 0.0
    return sum(size for at_ns, size in carried if from_ns <= at_ns < to_ns) * 8 * NS / (to_ns - from_ns)


async def watch(relay: Relay[Measured]) -> None:
    """Sample both directions until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        for way in (relay.uplink, relay.downlink):
            way.sample(loop.time())
        await asyncio.sleep(SAMPLE_S)


def precise() -> asyncio.AbstractEventLoop:
    """Make a loop whose timers are not rounded to milliseconds, as those of epoll and uvloop are."""
    return asyncio.SelectorEventLoop(selectors.SelectSelector())
