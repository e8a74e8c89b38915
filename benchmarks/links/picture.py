"""What a viewer sees of one H.264 stream, and what a browser would ask for: which frames could be decoded, and when.

A core: `at_ns` is CLOCK_MONOTONIC and an argument; sequence numbers come extended. Nothing is decoded: a frame is
decodable once all its packets and all since the keyframe before it are there. Asks as libwebrtc does: for a missing
packet at once and again after each round trip, a hundred times at most, and a viewer that is told no round trip takes
100 ms for it (`NackRequester`); for a keyframe when too much is missing, or nothing could be decoded for 3 s, for
200 ms before the first picture, unless one has been coming in within these 200 ms or nothing at all came for 5 s
(`VideoReceiveStream2`).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from benchmarks.links.playout import Frame
from media.rtp.header import RtpPacket

ROUND_TRIP_NS = 100_000_000
MOST_TRIES = 100
MOST_MISSING = 1_000
MOST_WAITING = 4_096
STANDSTILL_NS = 3_000_000_000
FIRST_PICTURE_NS = 200_000_000
ACTIVE_NS = 5_000_000_000
FREEZE_ABOVE_NS = 150_000_000
MEAN_OF, LEAST_INTERVALS = 30, 5
_IDR, _SPS, _STAP_A, _FU_A = 5, 7, 24, 28


@dataclass(frozen=True, slots=True)
class _Received:
    packet: RtpPacket
    at_ns: int
    was_asked_for: bool


@dataclass(slots=True)
class _Hole:
    tries: int = 0
    asked_ns: int = -ROUND_TRIP_NS


class Picture:
    """Packets as they come, in any order."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        """Each frame that could be decoded, in order."""
        self.keyframes_asked = 0
        self.packets_asked = 0
        self.has_new_holes = False
        """Whether something is missing that was not asked for yet."""
        self.playout_id = 0
        """Of the header extension that tells how long frames are to wait; 0: none was agreed."""
        self._least_ms = 0.0
        self._packets: dict[int, _Received] = {}
        self._keyframes: set[int] = set()
        self._holes: dict[int, _Hole] = {}
        self._highest: int | None = None
        self._next: int | None = None
        self._keyframe_wanted = False
        self._waits_since_ns = 0
        self._keyframe_came_ns = -FIRST_PICTURE_NS
        self._came_ns = 0

    def note(self, number: int, packet: RtpPacket, at_ns: int) -> None:
        """Note one packet under its extended sequence number; a copy, or what is over, changes nothing."""
        self._came_ns = at_ns
        if self._highest is None:
            self._highest, self._waits_since_ns = number - 1, at_ns
        for missing in range(max(self._highest + 1, number - MOST_MISSING - 1), number):
            self._holes[missing] = _Hole()
            self.has_new_holes = True
        hole = self._holes.pop(number, None)
        self._highest = max(self._highest, number)
        if len(self._holes) > MOST_MISSING or len(self._packets) > MOST_WAITING:
            self._forget(number)
            self._keyframe_wanted = True
        if self._next is not None and number < self._next:
            return
        self._packets[number] = _Received(packet, at_ns, hole is not None and hole.tries > 0)
        if _is_of_keyframe(packet):
            self._keyframe_came_ns = at_ns
        if _begins_keyframe(packet):
            self._keyframes.add(number)
        self._decode(at_ns)
        self._skip(at_ns)

    def packets_to_ask(self, now_ns: int) -> list[int]:
        """Return the packets to ask for now, ascending, as sequence numbers on the wire."""
        asked: list[int] = []
        self.has_new_holes = False
        for number, hole in list(self._holes.items()):
            if now_ns - hole.asked_ns < ROUND_TRIP_NS:
                continue
            if hole.tries == MOST_TRIES:
                del self._holes[number]
                continue
            hole.tries, hole.asked_ns = hole.tries + 1, now_ns
            asked.append(number & 0xFFFF)
        self.packets_asked += len(asked)
        return asked

    def is_keyframe_to_ask(self, now_ns: int) -> bool:
        """Tell whether to ask for a keyframe now; takes it that this is done."""
        patience_ns = STANDSTILL_NS if self.frames else FIRST_PICTURE_NS
        comes = now_ns - self._keyframe_came_ns < FIRST_PICTURE_NS
        is_active = self._highest is not None and now_ns - self._came_ns < ACTIVE_NS
        stands = is_active and now_ns - self._waits_since_ns >= patience_ns and not comes
        if not (self._keyframe_wanted or stands):
            return False
        self._keyframe_wanted, self._waits_since_ns = False, now_ns
        self.keyframes_asked += 1
        return True

    def _decode(self, at_ns: int) -> None:
        """Take all whole frames that follow on what was decoded."""
        while self._next is not None and (end := self._end_of_frame(self._next)) is not None:
            self._add(self._next, end, at_ns)

    def _skip(self, at_ns: int) -> None:
        """Go on at a whole keyframe, whatever is missing before it."""
        for number in sorted(self._keyframes):
            if (end := self._end_of_frame(number)) is not None:
                self._add(number, end, at_ns)
                self._decode(at_ns)

    def _end_of_frame(self, number: int) -> int | None:
        """Return the number of the last packet of the frame that begins at `number`, None while it is not whole."""
        while (received := self._packets.get(number)) is not None:
            if received.packet.marker and received.packet.payload:
                return number
            number += 1
        return None

    def _add(self, first: int, end: int, at_ns: int) -> None:
        of_frame = [self._packets[number] for number in range(first, end + 1)]
        told = of_frame[0].packet.extension(self.playout_id) if self.playout_id else None
        if told is not None:
            self._least_ms = (int.from_bytes(told) >> 12) * 10.0
        self.frames.append(
            Frame(
                of_frame[-1].packet.timestamp,
                sum(len(one.packet.payload) for one in of_frame),
                max(one.at_ns for one in of_frame),
                at_ns,
                any(one.was_asked_for for one in of_frame),
                self._least_ms,
            )
        )
        self._waits_since_ns = at_ns
        self._next = end + 1
        self._forget(self._next)

    def _forget(self, before: int) -> None:
        self._packets = {number: one for number, one in self._packets.items() if number >= before}
        self._holes = {number: hole for number, hole in self._holes.items() if number >= before}
        self._keyframes = {number for number in self._keyframes if number >= before}


def _begins_keyframe(packet: RtpPacket) -> bool:
    payload = packet.payload
    if not payload:
        return False
    kind = payload[0] & 31
    return kind == _SPS or (kind == _STAP_A and len(payload) > 3 and payload[3] & 31 == _SPS)


def _is_of_keyframe(packet: RtpPacket) -> bool:
    payload = packet.payload
    is_fragment = len(payload) > 1 and payload[0] & 31 == _FU_A
    return _begins_keyframe(packet) or (bool(payload) and payload[is_fragment] & 31 == _IDR)


def freezes(shown_ns: Iterable[int], from_ns: int, to_ns: int) -> list[tuple[float, float]]:
    """Return what libwebrtc counts as freezes (`VideoQualityObserver`): (when each began, how long it was), in s.

    An interval between two frames, counted whole, that is three times the mean of the last 30, itself among them, and
    150 ms more than that mean; of fewer than five none. What lies in the time asked for counts. The end counts as a
    frame, and who saw nothing before it saw one freeze. An interval in which nothing at all came for 5 s is none to
    libwebrtc (a pause), but is one here: the viewer expects a picture.
    """
    moments = sorted(at_ns for at_ns in shown_ns if at_ns < to_ns)
    if not moments or moments[-1] < from_ns:
        return [(0.0, (to_ns - from_ns) / 1e9)]
    intervals: deque[int] = deque(maxlen=MEAN_OF)
    found: list[tuple[float, float]] = []
    for before, after in pairwise([*moments, to_ns]):
        intervals.append(after - before)
        mean = sum(intervals) / len(intervals)
        is_freeze = len(intervals) >= LEAST_INTERVALS and after - before >= max(3 * mean, mean + FREEZE_ABOVE_NS)
        if is_freeze and after > from_ns:
            began = max(before, from_ns)
            found.append(((began - from_ns) / 1e9, (after - began) / 1e9))
    return found
