"""Pairs of DTLS endpoints for tests: at once in memory, or over a bad network in real time.

OpenSSL's retransmission timer follows the machine's clock, so loss costs real seconds here; many pairs
therefore run side by side.
"""

from __future__ import annotations

import functools
import heapq
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from signaling.dtls.certificate import Certificate
from signaling.dtls.context import DtlsContext
from signaling.dtls.endpoint import DtlsEndpoint, Event
from tests.patience import PATIENCE_S


@functools.cache
def context(name: str) -> DtlsContext:
    """One context per name and test process."""
    return DtlsContext(Certificate.generate())


def endpoints(
    client: DtlsContext | None = None, server: DtlsContext | None = None
) -> tuple[DtlsEndpoint, DtlsEndpoint]:
    """A client and a server that expect each other's certificates, started at 0."""
    client = client or context("client")
    server = server or context("server")
    pair = (
        DtlsEndpoint(client, [server.certificate.fingerprint], is_client=True),
        DtlsEndpoint(server, [client.certificate.fingerprint], is_client=False),
    )
    pair[1].start(0.0)
    pair[0].start(0.0)
    return pair


def exchange(client: DtlsEndpoint, server: DtlsEndpoint, now: float = 0.0) -> list[bytes]:
    """Deliver everything until both are silent; return the datagrams."""
    seen: list[bytes] = []
    while True:
        to_server, to_client = client.datagrams_to_send(), server.datagrams_to_send()
        if not to_server and not to_client:
            return seen
        seen += to_server + to_client
        for datagram in to_server:
            server.receive(datagram, now)
        for datagram in to_client:
            client.receive(datagram, now)


def events_of(endpoint: DtlsEndpoint) -> list[Event]:
    return list(iter(endpoint.next_event, None))


@dataclass
class Link:
    """One pair on a network that drops by serial number of the datagram and delays as it is told."""

    client: DtlsEndpoint
    server: DtlsEndpoint
    drop: frozenset[int] = frozenset()
    delay: Callable[[int], float] = lambda serial: 0.002
    copies: int = 1
    serial: int = 0
    queue: list[tuple[float, int, int, bytes]] = field(default_factory=list)

    def start(self, now: float) -> None:
        self.server.start(now)
        self.client.start(now)
        self.drain(now)

    def drain(self, now: float) -> None:
        for end, sender in enumerate((self.client, self.server)):
            for datagram in sender.datagrams_to_send():
                self.serial += 1
                if self.serial in self.drop:
                    continue
                for copy in range(self.copies):
                    arrival = now + self.delay(self.serial) + copy * 0.003
                    heapq.heappush(self.queue, (arrival, self.serial, 1 - end, datagram))

    def advance(self, now: float) -> float:
        """Do what is due; return when to come again."""
        ends = (self.client, self.server)
        while self.queue and self.queue[0][0] <= now:
            _, _, end, datagram = heapq.heappop(self.queue)
            ends[end].receive(datagram, now)
            self.drain(now)
        for endpoint in ends:
            timer = endpoint.get_timer()
            if timer is not None and timer <= now:
                endpoint.handle_timer(now)
                self.drain(now)
        times = [timer for endpoint in ends if (timer := endpoint.get_timer()) is not None]
        if self.queue:
            times.append(self.queue[0][0])
        return min(times, default=now + 1.0)


def run(links: list[Link], done: Callable[[Link], bool]) -> list[Link]:
    """Run all links in real time until `done` holds for each; return those for which it never did."""
    now = time.monotonic()
    end = now + PATIENCE_S
    for link in links:
        link.start(now)
    waiting = list(links)
    while waiting and now < end:
        following = min(link.advance(now) for link in waiting)
        waiting = [link for link in waiting if not done(link)]
        time.sleep(min(max(following - time.monotonic(), 0.0005), 0.05))
        now = time.monotonic()
    return waiting
