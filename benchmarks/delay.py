"""Match packets that left with packets that arrived, and so tell how long the server kept each.

The server rewrites SSRC, sequence number and timestamp and encrypts anew, so nothing in a packet names it. But within
one route sequence and timestamp are moved by constants. A route's constants are found as those under which every
packet arrives after it left, soonest, and timestamps move by one constant. No sockets, no clocks.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.load.records import Records

Nanoseconds = npt.NDArray[np.int64]

# Packets looked at to find a route's constants, and how late the first of them may be.
SAMPLE_PACKETS = 400
LATEST_NS = 1_000_000_000
# Clocks are read on two cores; a packet cannot really arrive before it left.
TOLERANCE_NS = 20_000


class DelayError(Exception):
    """A route's packets could not be matched with its source's."""


@dataclass(frozen=True, slots=True)
class Matched:
    """One route's packets, in the order of arrival."""

    delays_ns: Nanoseconds
    unmatched: int
    """Packets that arrived, but whose departure was not recorded."""
    lost: int
    """Packets missing between the first and the last that arrived; a server that drops must not look quick."""


def unwrap(sequence: npt.NDArray[np.uint16]) -> Nanoseconds:
    """Sequence numbers as growing integers; each step is taken as the nearest possible."""
    steps = np.diff(sequence).astype(np.uint16).astype(np.int16).astype(np.int64)
    return np.concatenate([[0], np.cumsum(steps)]) + int(sequence[0])


def match(left: Records, came: Records) -> Matched:
    """Match one flow's departures with one stream's arrivals at one viewer.

    Raises:
        DelayError: nothing arrived, or no constants fit.
    """
    if len(left) == 0 or len(came) == 0:
        raise DelayError("nothing left or nothing arrived")
    out_sequence, in_sequence = unwrap(left["sequence"]), unwrap(came["sequence"])
    if not (np.diff(out_sequence) == 1).all():
        raise DelayError("departures are not in sequence")
    offset = _sequence_offset(left, came, out_sequence, in_sequence)
    places = in_sequence - offset - out_sequence[0]
    known = (places >= 0) & (places < len(left))
    delays = came["at_ns"][known] - left["at_ns"][places[known]]
    lost = int(in_sequence.max() - in_sequence.min()) + 1 - len(np.unique(in_sequence))
    return Matched(delays_ns=delays.astype(np.int64), unmatched=int((~known).sum()), lost=lost)


def _sequence_offset(left: Records, came: Records, out_sequence: Nanoseconds, in_sequence: Nanoseconds) -> int:
    """The constant that the route adds to sequence numbers."""
    sample = slice(0, SAMPLE_PACKETS)
    arrival_ns, arrival_timestamp = came["at_ns"][sample], came["timestamp"][sample]
    numbers = in_sequence[sample]
    candidates = np.flatnonzero(
        (left["at_ns"] <= arrival_ns[0] + TOLERANCE_NS) & (left["at_ns"] >= arrival_ns[0] - LATEST_NS)
    )
    best: tuple[float, int] | None = None
    for candidate in candidates:
        offset = int(numbers[0] - out_sequence[candidate])
        places = numbers - offset - out_sequence[0]
        if places.max() >= len(left) or places.min() < 0:
            inside = (places >= 0) & (places < len(left))
        else:
            inside = np.ones(len(places), dtype=bool)
        departed = left[places[inside]]
        moved = (arrival_timestamp[inside] - departed["timestamp"]).astype(np.uint32)
        delays = arrival_ns[inside] - departed["at_ns"]
        if inside.sum() < len(places) // 2 or (moved != moved[0]).any() or delays.min() < -TOLERANCE_NS:
            continue
        typical = float(np.median(delays))
        if best is None or typical < best[0]:
            best = typical, offset
    if best is None:
        raise DelayError(f"none of {len(candidates)} places fits")
    return best[1]
