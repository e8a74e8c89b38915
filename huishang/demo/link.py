"""A bad link as a core: which datagrams are lost and when the others arrive. No sockets, no clock.

Seeded, so that a run can be repeated. Delay is fixed plus normally distributed jitter; a datagram never overtakes an
earlier one of the same direction, because queues, not races, make most jitter on real links.
"""

from __future__ import annotations

import random
from collections import deque
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

QUEUE_DATAGRAMS: Final = 2_000
"""Datagrams under way in one direction; more are dropped, as a full router queue would (RFC 2309 tail drop)."""


#: A datagram, with whatever goes along with it.
D = TypeVar("D")


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """Impairment of one path, applied to each direction by itself."""

    loss: float = 0.0
    """Probability that a datagram is lost, 0-1."""
    delay_s: float = 0.0
    """One-way delay in seconds."""
    jitter_s: float = 0.0
    """Standard deviation of the delay in seconds."""
    seed: int = 1


class Link(Generic[D]):
    """One direction of a path. `send` datagrams, then `arrived` gives those whose time has come.

    `now` is monotonic seconds and must not go back.
    """

    def __init__(self, settings: LinkSettings, direction: int = 0) -> None:
        self._settings = settings
        self._random = random.Random(settings.seed * 2 + direction)
        self._queue: deque[tuple[float, D]] = deque()
        self._last_arrival = float("-inf")
        self.lost = 0
        """Datagrams lost by chance."""
        self.overflowed = 0
        """Datagrams dropped because the queue was full."""

    def send(self, datagram: D, now: float) -> None:
        """Put `datagram` on the link at `now`; it may be lost."""
        settings = self._settings
        lost = self._random.random() < settings.loss
        jitter = self._random.gauss(0.0, settings.jitter_s) if settings.jitter_s else 0.0
        if lost:
            self.lost += 1
            return
        if len(self._queue) >= QUEUE_DATAGRAMS:
            self.overflowed += 1
            return
        arrival = max(now + max(0.0, settings.delay_s + jitter), self._last_arrival)
        self._last_arrival = arrival
        self._queue.append((arrival, datagram))

    def get_timer(self) -> float | None:
        """Return when the next datagram arrives (monotonic seconds), or None."""
        return self._queue[0][0] if self._queue else None

    def arrived(self, now: float) -> list[D]:
        """Return, in order, the datagrams that have arrived by `now`."""
        out: list[D] = []
        while self._queue and self._queue[0][0] <= now:
            out.append(self._queue.popleft()[1])
        return out
