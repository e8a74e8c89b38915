"""One direction of a relay: the link of ``link`` with datagrams on it. A core without clock or sockets."""

from __future__ import annotations

import heapq
import itertools
from typing import Final

from huishang.demo.link import NS, Link, Shape

Address = tuple[str, int]
#: A datagram, and the unit's address that it is from or for.
Passed = tuple[bytes, Address]

#: Datagrams under way; more are dropped. A link without a rate has no queue of its own that would bound them.
MOST_UNDER_WAY: Final = 4_000


class Way:
    """Datagrams under way over one link, which may be shared; `now` is monotonic seconds and never goes back."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.overflowed = 0
        """Datagrams dropped because too many were under way."""
        self._under_way: list[tuple[int, int, Passed]] = []
        self._numbers = itertools.count()

    def send(self, datagram: Passed, now: float) -> None:
        """Put a datagram on the link; it may be lost, or come twice."""
        if len(self._under_way) >= MOST_UNDER_WAY:
            self.overflowed += 1
            return
        for arrives_ns in self.link.send(round(now * NS), len(datagram[0])):
            heapq.heappush(self._under_way, (arrives_ns, next(self._numbers), datagram))

    def get_timer(self) -> float | None:
        """Return when the next datagram arrives (monotonic seconds), or None."""
        return self._under_way[0][0] / NS if self._under_way else None

    def arrived(self, now: float) -> list[Passed]:
        """Return, in order, the datagrams that have arrived by `now`."""
        out: list[Passed] = []
        while self._under_way and self._under_way[0][0] / NS <= now:
            out.append(heapq.heappop(self._under_way)[2])
        return out


def both(shape: Shape, seed: int = 1) -> tuple[Way, Way]:
    """Make the way there and the way back of one shape and seed; they do not lose the same."""
    return Way(Link(shape, 2 * seed)), Way(Link(shape, 2 * seed + 1))
