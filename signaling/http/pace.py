"""How many acts a person may ask for over HTTP: as many as over one WebSocket. Core: `now` is monotonic seconds.

An act is on disk for good, and all of a node wait in one line for it: without a bound one sign-in fills both.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from signaling.bucket import Bucket

AT_ONCE: Final = 200
A_SECOND: Final = 50
#: People remembered; who asked for nothing for longest is forgotten.
MAX_KEPT: Final = 20_000


class Pace:
    """The paces of all people."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, Bucket] = OrderedDict()

    def allows(self, person: str, now: float) -> bool:
        """Take one act of a person; False when there have been too many."""
        bucket = self._kept.get(person)
        if bucket is None:
            bucket = self._kept[person] = Bucket(AT_ONCE, A_SECOND, now)
        self._kept.move_to_end(person)
        if len(self._kept) > MAX_KEPT:
            self._kept.popitem(last=False)
        return bucket.take(1, now)
