"""Senders of exact (RTP, NTP) pairs and their links in simulated time, up to what the plane tells of them in a tap.

The plane's cores are the real ones; what lies around them there (SRTP, routes, the ring) keeps no time. A packet says
in its payload when it was captured, so that whoever records it can be held to that.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from benchmarks.recording.server_clock import MS, S, ServerClock
from media.plane.names import codec_number
from media.plane.senderclock import Sender as SenderClock
from media.plane.senderclock import Stream as StreamClock
from media.plane.tapclock import TapClockView
from media.tap import RoundTripSource, TapKind, TapRecord
from media.tap.clock import read_clock
from recorder.files import Codec

NTP: Final = 3_992_000_000 << 32
#: Of a VP8 keyframe and another frame, as far as its header goes; 64x48.
KEY, OTHER = bytes((0x10, 0, 0, 0x9D, 0x01, 0x2A, 64, 0, 48, 0)), bytes((0x11, 0, 0))
#: VP8's descriptor of a frame that is one packet, and Opus' of 20 ms.
WHOLE, OPUS = b"\x10", b"\xf8"
STAMP_DIGITS: Final = 16
SOUND_NS, PICTURE_NS = 20 * MS, 33_333_333
SOUND_REPORT_NS, PICTURE_REPORT_NS = 5 * S, S
ROUND_TRIP_NS: Final = S


@dataclass(frozen=True, slots=True)
class Way:
    """One way to the server and back: the least of each, what queues add on average, the share that gets lost."""

    up_ns: int
    down_ns: int
    queue_ns: int
    loss: float

    def queued_ns(self, chance: random.Random) -> int:
        """What a packet waits; once in five hundred ten times as long."""
        mean_ns = self.queue_ns * (10 if chance.random() < 0.002 else 1)
        return int(chance.expovariate(1 / mean_ns)) if mean_ns else 0


@dataclass(slots=True)
class Line:
    """One stream of a sender, and what a tap was told of it."""

    codec: Codec
    ssrc: int
    rate: int
    every_ns: int
    report_ns: int
    ppm: int
    """Of the sampling clock."""
    keyframes_ns: int
    """Between two of them."""
    sequence: int = 65_000
    timestamp0: int = (1 << 32) - 90_000 * 60
    keyframe_ns: int | None = None
    clock: StreamClock = field(init=False)
    view: TapClockView = field(default_factory=TapClockView)

    def __post_init__(self) -> None:
        self.clock = StreamClock(self.rate)

    def timestamp(self, true_ns: int) -> int:
        """RTP's, of what is captured at a true time."""
        return self.timestamp0 + (true_ns + true_ns * self.ppm // 1_000_000) * self.rate // S & 0xFFFFFFFF

    def packet(self, true_ns: int) -> bytes:
        """The packet of a sound or picture captured then, as a tap has it."""
        stamp = b"%016x" % true_ns
        if self.codec is Codec.OPUS:
            payload, marker = OPUS + stamp, 0
        else:
            is_key = self.keyframe_ns is None or true_ns - self.keyframe_ns >= self.keyframes_ns
            self.keyframe_ns = true_ns if is_key else self.keyframe_ns
            payload, marker = WHOLE + (KEY if is_key else OTHER) + stamp, 0x80
        self.sequence = self.sequence + 1 & 0xFFFF
        head = bytes((0x80, marker | codec_number(self.codec))) + self.sequence.to_bytes(2, "big")
        return head + self.timestamp(true_ns).to_bytes(4, "big") + self.ssrc.to_bytes(4, "big") + payload


class Event(NamedTuple):
    """Something that reaches the plane; in the order of arrival."""

    arrival_ns: int
    order: int
    kind: str
    line: Line
    true_ns: int
    packet: bytes
    timestamp: int = 0


@dataclass(slots=True)
class Sender:
    """One sender of sound and picture from a true time on: its clock, its way, its place in the plane."""

    ppm: int
    way: Way
    seed: int
    first_ns: int = 0
    origin_ns: int = 0
    """By how much its clock is off UTC, beside its drift."""
    step_at_ns: int = 1 << 62
    step_ns: int = 0
    """Its own clock is set, too."""
    ssrc: int = 1
    keyframes_ns: int = 5 * S
    lines: dict[str, Line] = field(init=False)
    plane: SenderClock = field(default_factory=SenderClock)
    _chance: random.Random = field(init=False)
    _latest: dict[str, int] = field(default_factory=dict)
    _order: int = 0

    def __post_init__(self) -> None:
        self._chance = random.Random(self.seed)
        # The sampling clock of a sound card is another crystal than that of NTP; pictures are stamped by NTP's.
        sound = Line(Codec.OPUS, self.ssrc, 48_000, SOUND_NS, SOUND_REPORT_NS, -self.ppm, 0)
        picture = Line(Codec.VP8, self.ssrc + 1, 90_000, PICTURE_NS, PICTURE_REPORT_NS, self.ppm, self.keyframes_ns)
        self.lines = {"sound": sound, "picture": picture}

    def ntp(self, true_ns: int) -> int:
        """What its clock shows."""
        step_ns = self.step_ns if true_ns >= self.step_at_ns else 0
        shown_ns = true_ns + true_ns * self.ppm // 1_000_000 + self.origin_ns + step_ns
        return NTP + -(-(shown_ns << 32) // S) & (1 << 64) - 1

    def events(self, from_ns: int, to_ns: int) -> Iterator[Event]:
        """Give all that is sent in a stretch of true time, with its arrival in true time."""
        for line in self.lines.values():
            first = -(-max(0, from_ns - self.first_ns) // line.every_ns)
            for number in range(first, (to_ns - self.first_ns + line.every_ns - 1) // line.every_ns):
                yield from self._packet(line, self.first_ns + number * line.every_ns)
        for line in self.lines.values():
            yield from self._each("report", line, line.report_ns, from_ns, to_ns)
        yield from self._each("round trip", self.lines["sound"], ROUND_TRIP_NS, from_ns, to_ns)

    def _packet(self, line: Line, true_ns: int) -> Iterator[Event]:
        packet, chance, way = line.packet(true_ns), self._chance, self.way
        # Coding and pacing: 20 ms of a sound are captured before it is sent.
        sent_ns = true_ns + (20 * MS if line.codec is Codec.OPUS else chance.randint(8, 30) * MS)
        lost = chance.random() < way.loss
        yield self._arrives("lost" if lost else "packet", line, true_ns, sent_ns, packet)

    def _each(self, kind: str, line: Line, every_ns: int, from_ns: int, to_ns: int) -> Iterator[Event]:
        # The first comes half an interval after the start, at another time of each kind.
        first_ns = self.first_ns + every_ns // 2 + line.ssrc % 2 * 37 * MS
        number = -(-max(0, from_ns - first_ns) // every_ns)
        for at_ns in range(first_ns + number * every_ns, to_ns, every_ns):
            if self._chance.random() >= self.way.loss:
                yield self._arrives(kind, line, at_ns, at_ns, b"")

    def _arrives(self, kind: str, line: Line, true_ns: int, sent_ns: int, packet: bytes) -> Event:
        arrival_ns = sent_ns + self.way.up_ns + self.way.queued_ns(self._chance)
        self._order += 1
        return Event(arrival_ns, self._order, kind, line, true_ns, packet)

    def arrive(self, event: Event, server: ServerClock) -> Iterator[TapRecord]:
        """Take what comes into the plane; give what goes into the tap."""
        line, now_ns = event.line, server.monotonic_ns(event.arrival_ns)
        timestamp = line.timestamp(event.true_ns)
        match event.kind:
            case "report":
                ntp = self.ntp(event.true_ns)
                self.plane.report(ntp, now_ns)
                line.clock.report(ntp, timestamp, now_ns)
                yield from self._clock(line, now_ns)
            case "round trip":
                # Asked when the way down was as it is, answered at once.
                down_ns = self.way.down_ns + self.way.queued_ns(self._chance)
                self.plane.rtt(event.arrival_ns - event.true_ns + down_ns, RoundTripSource.XR, now_ns)
            case "packet":
                line.clock.packet(timestamp, now_ns)
                yield from self._clock(line, now_ns)
                yield self._record(TapKind.RTP, line, now_ns, event.packet)
            case "repair":
                yield from self._clock(line, now_ns)
                yield self._record(TapKind.RTP, line, now_ns, event.packet)

    def handshake(self, server: ServerClock) -> None:
        """Measure the way as a DTLS handshake does, computing included."""
        rtt_ns = self.way.up_ns + self.way.down_ns + 15 * MS
        self.plane.rtt(rtt_ns, RoundTripSource.HANDSHAKE, server.monotonic_ns(self.first_ns))

    def repair(self, event: Event) -> Event | None:
        """Send again what got lost, as often as not for the last time."""
        if self._chance.random() < self.way.loss:
            return None
        back_ns = event.arrival_ns + 20 * MS + self.way.down_ns + self.way.up_ns + self.way.queued_ns(self._chance)
        return event._replace(arrival_ns=back_ns, kind="repair")

    def _clock(self, line: Line, now_ns: int) -> Iterator[TapRecord]:
        body = line.view.tell(line.clock, self.plane, line.ssrc, 1, now_ns)
        if body is not None:
            yield self._record(TapKind.CLOCK, line, now_ns, body)

    def _record(self, kind: TapKind, line: Line, now_ns: int, packet: bytes) -> TapRecord:
        sequence = int.from_bytes(packet[2:4], "big") if kind is TapKind.RTP else 0
        clock = read_clock(packet) if kind is TapKind.CLOCK else None
        return TapRecord(kind, 0, 0, 1, now_ns, now_ns, line.ssrc, sequence, "", 0, packet, clock)
