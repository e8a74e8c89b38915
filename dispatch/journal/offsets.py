"""Where entries lie in a file: every 256th one's offset, so that reading may begin near any. Core: no I/O.

Noting is idempotent and one assignment, so the writing thread and readers may share it without a lock.
"""

STRIDE = 256


class Offsets:
    """A sparse index of one file; entries count from 0 in their file."""

    def __init__(self, first_offset: int) -> None:
        """`first_offset` is that of entry 0, in bytes."""
        self._known = {0: first_offset}

    def note(self, entry: int, offset: int) -> None:
        """Remember where an entry begins; most are not remembered."""
        if entry % STRIDE == 0:
            self._known[entry // STRIDE] = offset

    def before(self, entry: int) -> tuple[int, int]:
        """Give the nearest known entry that is not behind this one, and its offset."""
        slot = entry // STRIDE
        while slot not in self._known:
            slot -= 1
        return slot * STRIDE, self._known[slot]
