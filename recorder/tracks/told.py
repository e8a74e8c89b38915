"""What a track tells of what it records. Types only; times are integer microseconds UTC unless a name says else."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

import msgspec

#: Of one segment: more gaps are told as one from the first to the last of them.
MOST_GAPS: Final = 200
MOST_EVIDENCE: Final = 32


class Why(StrEnum):
    """Why something is not there, or not to be believed."""

    SILENT = "silent"
    """The sender sent nothing: a pause, mute, DTX."""
    LOST = "lost"
    """Packets did not arrive."""
    REFUSED = "refused"
    """What came is not what its codec says."""
    RESTARTED = "restarted"
    """The sender began anew, or its clock jumped: how much is missing, if anything, is told by arrivals only."""
    CLOCK = "clock"
    """What is known of the sender's clock moved by more than 100 ms, or its first report told it: nothing need be
    missing."""
    NO_KEYFRAME = "no-keyframe"
    """Pictures came that neither follow anything nor begin a file."""
    UNDECODABLE = "undecodable"
    """Pictures are there, whole, but refer to lost ones."""
    RING = "ring"
    """The worker was too slow to take it."""
    DISK = "disk"
    """The disk was full, failing or too slow."""
    WORKER = "worker"
    """The worker had ended, and the next one was not there yet."""
    HELD = "held"
    """Recording was paused by order."""


class Gap(msgspec.Struct, frozen=True, array_like=True):
    """Nothing is there from `t0` to `t1`, or nothing to be believed; where a clock moved back `t1` may be earlier."""

    why: Why
    t0: int
    t1: int


class Evidence(msgspec.Struct, frozen=True, array_like=True):
    """One sample of what times were made of; nanoseconds are of the server's monotonic clock."""

    timestamp: int
    """Of RTP, 32 bits as on the wire."""
    arrival_ns: int
    capture_ns: int
    error_ns: int


class Report(msgspec.Struct, frozen=True, array_like=True):
    """A sender report as it came (RFC 3550 section 6.4.1), and what was known of the way then."""

    ntp: int
    """By the sender's own clock: seconds since 1900 times 2**32, 64 bits."""
    timestamp: int
    """Of RTP, at that time."""
    arrival_ns: int
    round_trip_ns: int
    """To the sender and back; 0 where none was measured."""
    round_trip_source: int
    """`media.tap.RoundTripSource`."""


class Ended(msgspec.Struct, frozen=True):
    """What a segment's file does not say of it."""

    ssrc: int
    rid: str
    offset_ns: int
    """UTC less monotonic time, throughout the segment."""
    error_us: int
    """The largest bound of the error of its times, the error of UTC itself not included."""
    clock_rate: int
    gaps: tuple[Gap, ...]
    """Those inside and the one before it, in the order of their ends."""
    evidence: tuple[Evidence, ...]
    reports: tuple[Report, ...] = ()
    """Those that were told while it was written, with the last one before."""
