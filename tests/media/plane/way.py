"""A sender that sends what its estimate allows, a link and a viewer that tells what arrived: all in virtual time."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

from huishang.demo.link import NS, Link
from media.plane.estimate import Estimator
from media.plane.twcc import Recorder

SOUND_BYTES = 120
PACKET_BYTES = 1_200
#: The viewer's clock began elsewhere.
VIEWER_NS = 77 * NS


class World:
    """What happens when; nobody else knows the time."""

    def __init__(self) -> None:
        self.now_ns = NS
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._number = count()

    def at(self, when_ns: int, act: Callable[[], None]) -> None:
        heapq.heappush(self._due, (when_ns, next(self._number), act))

    def every(self, interval_ns: int, act: Callable[[], None], first_ns: int = 0) -> None:
        def again() -> None:
            self.at(self.now_ns + interval_ns, again)
            act()

        self.at(self.now_ns + first_ns, again)

    def run(self, seconds: float) -> None:
        end_ns = self.now_ns + round(seconds * NS)
        while self._due and self._due[0][0] <= end_ns:
            self.now_ns, _, act = heapq.heappop(self._due)
            act()
        self.now_ns = end_ns


@dataclass
class Way:
    """One viewer behind `down`, whose feedback comes back over `up`. `wants_bps`: no more than that is sent."""

    world: World
    down: Link
    up: Link
    estimator: Estimator = field(default_factory=Estimator)
    wants_bps: float = 1e9
    frames: int = 25
    feedback_ns: int = NS // 16
    first_ns: int = 0
    viewer_ns: int = VIEWER_NS
    estimates: list[tuple[float, int]] = field(default_factory=list)
    queues: list[tuple[float, float]] = field(default_factory=list)
    delivered: list[tuple[float, int]] = field(default_factory=list)
    sent_packets: int = 0
    _owed: float = 0.0

    def __post_init__(self) -> None:
        self._recorder = Recorder()
        self.world.every(NS // 50, lambda: self._send(SOUND_BYTES), self.first_ns)
        self.world.every(NS // self.frames, self._frame, self.first_ns)
        self.world.every(self.feedback_ns, self._tell, self.first_ns)

    def _send(self, size_bytes: int) -> None:
        now_ns = self.world.now_ns
        sequence = self.estimator.sent(now_ns, size_bytes)
        self.sent_packets += 1
        self.queues.append((now_ns / NS, self.down.queued_s(now_ns)))
        for at_ns in self.down.send(now_ns, size_bytes):
            self.world.at(at_ns, lambda: self._arrive(sequence, size_bytes))

    def _frame(self) -> None:
        bps = min(self.estimator.bps, self.wants_bps) - SOUND_BYTES * 8 * 50
        self._owed = min(self._owed + max(bps, 0) / 8 / self.frames, 200_000.0)
        while self._owed >= PACKET_BYTES:
            self._owed -= PACKET_BYTES
            self._send(PACKET_BYTES)
        if self._owed > SOUND_BYTES:
            self._send(int(self._owed))
            self._owed = 0.0
        self.estimator.silence(self.world.now_ns)
        self.estimates.append((self.world.now_ns / NS, self.estimator.bps))

    def owe(self, size_bytes: int) -> None:
        """Make the next picture larger by so much, as keyframes are."""
        self._owed += size_bytes

    def _arrive(self, sequence: int, size_bytes: int) -> None:
        self.delivered.append((self.world.now_ns / NS, size_bytes))
        self._recorder.record(sequence, self.world.now_ns + self.viewer_ns)

    def _tell(self) -> None:
        while packet := self._recorder.build():
            for at_ns in self.up.send(self.world.now_ns, len(packet)):
                self.world.at(at_ns, lambda packet=packet: self._told(packet))  # type: ignore[misc]

    def _told(self, packet: bytes) -> None:
        assert self.estimator.receive(packet, self.world.now_ns)

    def mean_bps(self, since: float, until: float) -> float:
        """Mean estimate of a stretch, in seconds of the world."""
        some = [bps for at, bps in self.estimates if since <= at < until]
        return sum(some) / len(some)

    def rate_bps(self, since: float, until: float) -> float:
        """What arrived in a stretch, in bits a second."""
        return sum(size for at, size in self.delivered if since <= at < until) * 8 / (until - since)

    def queue_s(self, since: float, until: float, share: float = 0.95) -> float:
        """How long nine packets of ten, or `share` of all, waited at most."""
        some = sorted(waited for at, waited in self.queues if since <= at < until)
        return some[int(len(some) * share) - 1]
