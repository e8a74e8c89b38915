"""Reader of a tap ring: takes the packets that the plane hands to a worker process, one record at a time.

May touch the two inherited descriptors and nothing else. Everything read from the ring is checked before it
is used, because the writer may have been killed and the memory may be damaged: a ring that contradicts itself
ends with TapRingError, never with a crash, an endless loop or a made-up record. media/plane/tapring.pyx
describes layout and memory ordering.
"""

import contextlib
import fcntl
import mmap
import os
import select
import struct
import time
from enum import IntEnum
from typing import NamedTuple

import msgspec

from media.plane import tapring
from media.plane.tapwords import TapWords
from media.tap.clock import ClockError, TapClock, read_clock

# Bytes of the record, version, kind; then the rest of the record header (see tapring.pyx).
_PREFIX = struct.Struct("=IBB")
_HEADER = struct.Struct("=IBBHQQqqII16sII")
_FILLER = 0

# How often one `read` starts again because the writer has overwritten what it was copying.
_READ_ATTEMPTS = 100


class TapRingError(Exception):
    """The ring is damaged or was not made by this version; nothing more can be read from it."""


class TapReaderReplaced(TapRingError):
    """Another reader has taken over this ring; this one must stop."""


class TapKind(IntEnum):
    """What a record holds."""

    RTP = 1
    """A decrypted RTP packet as the publisher sent it."""
    CLOCK = 2
    """When the stream with this SSRC was captured, in `clock`; written when a sender report came, before the packet
    from which on it is known better, and once a second."""
    GAP = 3
    """`lost_records` are missing here; `monotonic_ns` and `wall_ns` are the first one's, 0 if unknown."""


class TapRecord(msgspec.Struct, frozen=True, gc=False):
    """One record, copied out of the ring."""

    kind: TapKind
    flags: int
    """Bits that the plane defines."""
    ordinal: int
    """Counts the records of the ring from 0 without holes."""
    route: int
    monotonic_ns: int
    """Arrival on the server's monotonic clock; of a clock record when it was written."""
    wall_ns: int
    """The same, UTC."""
    ssrc: int
    """As the publisher sent it, like `sequence` and `rid`."""
    sequence: int
    rid: str
    lost_records: int
    """Of a gap mark, else 0."""
    packet: bytes
    """Of a clock record its body."""
    clock: TapClock | None = None
    """Of a clock record, else None."""


class TapCounters(NamedTuple):
    """Counted since the ring was made, by the writer and by all its readers."""

    written_records: int
    dropped_records: int
    dropped_bytes: int
    refused_records: int
    lost_records: int


class _Header(NamedTuple):
    """A record header in the order of its bytes."""

    record_bytes: int
    version: int
    kind: int
    flags: int
    ordinal: int
    route: int
    monotonic_ns: int
    wall_ns: int
    ssrc: int
    sequence: int
    rid: bytes
    packet_bytes: int
    lost_records: int


def _map_sealed(memory_fd: int) -> mmap.mmap:
    try:
        seals = fcntl.fcntl(memory_fd, fcntl.F_GET_SEALS)
        size = os.fstat(memory_fd).st_size
        if not seals & fcntl.F_SEAL_SHRINK or size <= tapring.HEADER_PAGE_BYTES:
            # Without the seal the file could shrink under the mapping, and a read would kill the process.
            raise TapRingError("the descriptor is not the memory of a tap ring")
        return mmap.mmap(memory_fd, size)
    except (OSError, ValueError) as error:
        raise TapRingError(f"the memory of the tap ring cannot be mapped: {error}") from error


class TapReader:
    """The one reader of a ring.

    A record counts as taken when `read` returns it: a reader that is killed loses at most that one, and its
    successor goes on behind it (so a packet that kills its worker does not kill the next). Not thread-safe.
    """

    def __init__(self, memory_fd: int, event_fd: int) -> None:
        """Use `from_fds`."""
        self._event_fd = event_fd
        self._map = _map_sealed(memory_fd)
        self._words = TapWords(self._map)
        try:
            self._check_geometry()
            self.generation = self._words.next_generation()
            """1 for the first reader of this ring, 2 for its successor, and so on."""
            self._position = self._words.reader_position()
            self._ordinal = self._words.reader_ordinal()
            self._written = self._position
            # A predecessor may have been killed after it went to the tail and before it counted the gap.
            self._jumped = self._drops_oldest
            self._fresh = True
            self._check_position()
        except BaseException:
            self._unmap()
            raise

    @classmethod
    def from_fds(cls, memory_fd: int, event_fd: int) -> "TapReader":
        """Take over a ring by its inherited descriptors, which remain the caller's to close after `close`.

        An earlier reader gets TapReaderReplaced from then on.
        Raises TapRingError for anything that is not an intact ring of this version.
        """
        return cls(memory_fd, event_fd)

    def __enter__(self) -> "TapReader":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Unmap the ring; its content and this reader's position stay for a successor."""
        self._unmap()

    def fileno(self) -> int:
        """The eventfd, for an event loop; use with `prepare_wait` and `finish_wait`."""
        return self._event_fd

    @property
    def closed_by_writer(self) -> bool:
        """The writer has said that nothing more comes; what is in the ring can still be read."""
        return self._words.closed()

    def counters(self) -> TapCounters:
        """What the writer dropped and the readers lost."""
        return TapCounters(*self._words.counters())

    def backlog_bytes(self) -> int:
        """Bytes written and not yet read."""
        return max(0, self._words.writer_position() - self._position)

    def read(self) -> TapRecord | None:
        """Take the next record; None when there is none (yet).

        Where records are missing, a record of kind GAP comes first.
        Raises TapRingError when the ring is damaged, TapReaderReplaced when another reader has taken over.
        """
        for _ in range(_READ_ATTEMPTS):
            if not self._available():
                return None
            position = self._position
            record: TapRecord | None
            if (fields := self._words.packet(position)) is not None:
                record = TapRecord(TapKind.RTP, *fields)
                record_bytes = tapring.RECORD_HEADER_BYTES + len(record.packet) + 7 & ~7
            else:
                try:
                    header, record_bytes = self._parse_header(position)
                    record = None if header is None else self._copy(position, header)
                except TapRingError:
                    if self._overwritten(position):
                        continue
                    raise
            if self._overwritten(position):
                continue
            if record is None:
                self._advance(position + record_bytes, self._ordinal)
                continue
            gap = self._check_ordinal(record)
            if gap is not None:
                return gap
            self._advance(position + record_bytes, record.ordinal + 1)
            return record
        return None

    def wait(self, timeout_s: float | None = None) -> bool:
        """Sleep until there is something to read or the writer has closed; False after `timeout_s`."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        poller = select.poll()
        poller.register(self._event_fd, select.POLLIN)
        while True:
            if not self.prepare_wait():
                return True
            left_ms = None if deadline is None else max(0.0, (deadline - time.monotonic()) * 1000)
            woken = poller.poll(left_ms)
            self.finish_wait()
            if not woken:
                return self._words.writer_position() != self._position or self.closed_by_writer

    def prepare_wait(self) -> bool:
        """True: nothing to read, and the next record makes the eventfd readable. False: do not sleep."""
        self._words.announce_wait()
        if self._words.writer_position() == self._position and not self._words.closed():
            return True
        self._words.end_wait()
        return False

    def finish_wait(self) -> None:
        """Empty the eventfd after a sleep."""
        self._words.end_wait()
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._event_fd)

    def _unmap(self) -> None:
        self._words.release()
        self._map.close()

    def _check_geometry(self) -> None:
        version, policy, capacity = self._words.geometry()
        if not self._words.magic():
            raise TapRingError("no tap ring in this memory")
        if version != tapring.LAYOUT_VERSION:
            raise TapRingError(f"tap ring of layout version {version}, expected {tapring.LAYOUT_VERSION}")
        if policy not in (tapring.DROP_NEWEST, tapring.DROP_OLDEST):
            raise TapRingError(f"unknown policy {policy}")
        if capacity % 8 or capacity + tapring.HEADER_PAGE_BYTES != len(self._map):
            raise TapRingError(f"capacity {capacity} does not agree with {len(self._map)} bytes of memory")
        self._capacity = capacity
        self._drops_oldest = policy == tapring.DROP_OLDEST

    def _check_position(self) -> None:
        written = self._words.writer_position()
        lag = written - self._position
        if self._position % 8 or written % 8 or lag < 0 or (lag > self._capacity and not self._drops_oldest):
            raise TapRingError(f"reader at {self._position} does not agree with writer at {written}")

    def _available(self) -> bool:
        """Go to the tail if it has passed us; True when a record begins at our position."""
        if self._drops_oldest:
            tail = self._words.tail_position()
            if tail > self._position:
                if tail % 8:
                    raise TapRingError(f"crooked tail position {tail}")
                self._jumped = True
                self._advance(tail, self._ordinal)
                self._check_position()
        if self._position >= self._written:
            if self._words.generation() != self.generation:
                raise TapReaderReplaced("another reader has taken over this tap ring")
            self._written = self._words.writer_position()
            self._check_position()
        return self._position < self._written

    def _overwritten(self, position: int) -> bool:
        """True when the writer may have been at the bytes just copied; they count for nothing then."""
        return self._drops_oldest and self._words.tail_position_after_copy() > position

    def _parse_header(self, position: int) -> tuple[_Header | None, int]:
        """Read and check the header at `position`: the header (None: a filler) and the bytes to go on by."""
        offset = position % self._capacity
        left = self._capacity - offset
        at = tapring.HEADER_PAGE_BYTES + offset
        record_bytes, version, kind = _PREFIX.unpack_from(self._map, at)
        if version != tapring.RECORD_VERSION:
            raise TapRingError(f"record of version {version} at {position}")
        if kind == _FILLER:
            # It always closes the memory, so two never follow one another.
            if record_bytes != left or offset == 0:
                raise TapRingError(f"filler of {record_bytes} bytes at {position}")
            return None, record_bytes
        if record_bytes < tapring.RECORD_HEADER_BYTES or record_bytes > left or record_bytes % 8:
            raise TapRingError(f"record of {record_bytes} bytes at {position}")
        header = _Header._make(_HEADER.unpack_from(self._map, at))
        if header.packet_bytes > tapring.PACKET_MAX_BYTES:
            raise TapRingError(f"packet of {header.packet_bytes} bytes at {position}")
        if tapring.RECORD_HEADER_BYTES + header.packet_bytes + 7 & ~7 != record_bytes:
            raise TapRingError(f"packet of {header.packet_bytes} bytes in {record_bytes} at {position}")
        return header, record_bytes

    def _copy(self, position: int, header: _Header) -> TapRecord:
        if not 1 <= header.kind <= 3:
            raise TapRingError(f"record of kind {header.kind} at {position}")
        begin = tapring.HEADER_PAGE_BYTES + position % self._capacity + tapring.RECORD_HEADER_BYTES
        packet = self._map[begin : begin + header.packet_bytes]
        try:
            clock = read_clock(packet) if header.kind == TapKind.CLOCK else None
        except ClockError as error:
            raise TapRingError(f"{error} at {position}") from error
        return TapRecord(
            _KINDS[header.kind],
            header.flags,
            header.ordinal,
            header.route,
            header.monotonic_ns,
            header.wall_ns,
            header.ssrc,
            header.sequence,
            header.rid.rstrip(b"\0").decode("latin-1"),
            header.lost_records,
            packet,
            clock,
        )

    def _check_ordinal(self, record: TapRecord) -> TapRecord | None:
        """Compare with the record expected; after a jump to the tail, a gap mark with the number missing."""
        missing = record.ordinal - self._ordinal
        # A predecessor killed between its two stores leaves its last record to be read again.
        repeated = self._fresh and missing == -1
        self._fresh = False
        if missing > 0 and self._jumped:
            self._jumped = False
            self._words.add_lost(missing)
            self._advance(self._position, record.ordinal)
            return TapRecord(TapKind.GAP, 0, record.ordinal, 0, 0, 0, 0, 0, "", missing, b"")
        if missing != 0 and not repeated:
            raise TapRingError(f"record {record.ordinal} where {self._ordinal} was expected")
        self._jumped = False
        return None

    def _advance(self, position: int, ordinal: int) -> None:
        if not self._words.advance(self._position, position, ordinal):
            raise TapReaderReplaced("another reader has taken over this tap ring")
        self._position, self._ordinal = position, ordinal


_KINDS = (TapKind.RTP, *TapKind)  # by number; 0 is a filler and never looked up
