"""One audience's state of a topic as it was sent: records, and the newest numbered changes for who comes back.

Records are kept as JSON. Everybody in an audience gets the same bytes. Core.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Hashable, Mapping, Sequence
from itertools import islice

import msgspec

from signaling.ws import frames
from signaling.ws.messages import State, encode

#: A record's kind and id.
Key = tuple[str, str]

#: Sequence numbers a stream has for itself, so that none means something in another audience's: at 20 changes a second
#: they last 155 days, and 2^25 streams fit what a page's numbers can hold.
_NUMBERS = 1 << 28
#: What is kept for who comes back after a break.
MAX_KEPT = 256
MAX_KEPT_BYTES = 256 << 10
#: Of a snapshot, in one frame: a page takes some milliseconds for so many, and does something else in between.
PORTION = 1_000


class Stream:
    """The state of `topic` for one audience. `members` are those who get its changes."""

    __slots__ = (
        "_first",
        "_kept",
        "_kept_bytes",
        "_snapshot",
        "audience",
        "dirty",
        "idle_since",
        "members",
        "moved",
        "records",
        "seq",
        "stale",
        "topic",
    )

    def __init__(self, topic: str, audience: Hashable, number: int, records: dict[Key, bytes], now: float) -> None:
        self.topic = topic
        self.audience = audience
        self.records = records
        self.seq = self._first = number * _NUMBERS + 1
        self.members: dict[Hashable, None] = {}
        #: Since when (monotonic seconds) it has had no members.
        self.idle_since = now
        #: Records that may have changed, and those of which no more than figures did.
        self.dirty: set[Key] = set()
        self.moved: set[Key] = set()
        #: Whether any record may have changed.
        self.stale = False
        self._kept: deque[bytes] = deque()
        self._kept_bytes = 0
        self._snapshot: list[bytes] = []

    def advance(self, puts: Mapping[Key, bytes], drops: Sequence[Key]) -> bytes:
        """Take a change in; return its frame."""
        self.records.update(puts)
        for key in drops:
            del self.records[key]
        self.seq += 1
        frame = self._frame(puts, drops, reset=False)
        self._kept.append(frame)
        self._kept_bytes += len(frame)
        while len(self._kept) > MAX_KEPT or self._kept_bytes > MAX_KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft())
        self._snapshot = []
        return frame

    def snapshot(self) -> list[bytes]:
        """Return the frames that bring a newcomer to `seq`."""
        if not self._snapshot:
            records, left = iter(self.records.items()), len(self.records)
            first = True
            while first or left > 0:
                left -= PORTION
                portion = dict(islice(records, PORTION))
                self._snapshot.append(self._frame(portion, (), reset=first, more=left > 0))
                first = False
        return self._snapshot

    def since(self, seq: int) -> list[bytes] | None:
        """Return the frames after a number, None when they are not known (any more)."""
        missing = self.seq - seq
        if seq < self._first or not 0 <= missing <= len(self._kept):
            return None
        return [self._kept[index] for index in range(len(self._kept) - missing, len(self._kept))]

    def _frame(self, puts: Mapping[Key, bytes], drops: Sequence[Key], *, reset: bool, more: bool = False) -> bytes:
        put: defaultdict[str, list[msgspec.Raw]] = defaultdict(list)
        for (kind, _), record in puts.items():
            put[kind].append(msgspec.Raw(record))
        dropped: defaultdict[str, list[str]] = defaultdict(list)
        for kind, identifier in drops:
            dropped[kind].append(identifier)
        return frames.text(encode(State(self.topic, self.seq, reset, put, dropped, more)))
