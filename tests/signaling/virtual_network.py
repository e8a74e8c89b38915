"""A seeded network in virtual time between cores: loss, delay, reordering, duplication."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

Address = tuple[str, int]


class Node(Protocol):
    """What the network asks of an end."""

    def receive(self, datagram: bytes, source: Address, now: float) -> None: ...
    def datagrams_to_send(self) -> list[tuple[bytes, Address]]: ...
    def get_timer(self) -> float | None: ...
    def handle_timer(self, now: float) -> None: ...


@dataclass(slots=True)
class Network:
    """Carries datagrams between nodes by address; `now` advances only in `run`."""

    seed: int = 0
    loss: float = 0.0
    delay: float = 0.01
    jitter: float = 0.0
    """Uniform extra delay in seconds: what reorders."""
    duplicate: float = 0.0
    now: float = 1000.0
    nodes: dict[Address, Node] = field(default_factory=dict)
    drop: Callable[[bytes, Address, Address], bool] = lambda datagram, source, destination: False
    sent: list[tuple[float, bytes, Address, Address]] = field(default_factory=list)
    _queue: list[tuple[float, int, bytes, Address, Address]] = field(default_factory=list)
    _random: random.Random = field(default_factory=random.Random)
    _count: int = 0

    def __post_init__(self) -> None:
        self._random.seed(self.seed)

    def inject(self, datagram: bytes, source: Address, destination: Address) -> None:
        """Put one datagram on its way, subject to what the network does to all."""
        self.sent.append((self.now, datagram, source, destination))
        if self.drop(datagram, source, destination) or self._random.random() < self.loss:
            return
        copies = 2 if self._random.random() < self.duplicate else 1
        for _ in range(copies):
            self._count += 1
            arrival = self.now + self.delay + self._random.random() * self.jitter
            heapq.heappush(self._queue, (arrival, self._count, datagram, source, destination))

    def _drain(self) -> None:
        for address, node in list(self.nodes.items()):
            for datagram, destination in node.datagrams_to_send():
                self.inject(datagram, address, destination)

    def run(self, until: Callable[[], bool] = lambda: False, *, seconds: float) -> bool:
        """Advance until `until` holds (True) or `seconds` of virtual time have passed (False)."""
        end = self.now + seconds
        self._drain()
        while not until():
            times = [timer for node in self.nodes.values() if (timer := node.get_timer()) is not None]
            if self._queue:
                times.append(self._queue[0][0])
            following = max(self.now, min(times, default=end))
            if following > end:
                self.now = end
                return until()
            # A timer that is not moved by handle_timer would spin here for ever.
            self.now = following if following > self.now else following + 1e-6
            while self._queue and self._queue[0][0] <= self.now:
                _, _, datagram, source, destination = heapq.heappop(self._queue)
                if destination in self.nodes:
                    self.nodes[destination].receive(datagram, source, self.now)
            for node in self.nodes.values():
                timer = node.get_timer()
                if timer is not None and timer <= self.now:
                    node.handle_timer(self.now)
            self._drain()
        return True
