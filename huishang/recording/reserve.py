"""Room that is kept on the recordings' disk, so that a full one can still take down what is deleted from it.

A deletion is in the timeline and in the chain before a file goes, and on a full disk neither could be written. So a
file without content stands there from the time when there was room, and goes first. Shell; blocks.
"""

from __future__ import annotations

import contextlib
import os
from typing import Final

from recorder.book.layout import Layout

#: At most: some seconds of what is recorded, which takes of it too as long as it stands open.
MOST_BYTES: Final = 32 << 20


class Reserve:
    """The file of one root. `low_bytes`: with less room than that the disk is low."""

    def __init__(self, layout: Layout, low_bytes: int) -> None:
        self.bytes = min(MOST_BYTES, low_bytes // 4)
        self._path = layout.reserve

    def keep(self) -> None:
        """Take the room where it is not taken yet. Raises OSError, and then nothing is taken."""
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(fd).st_size != self.bytes:
                os.ftruncate(fd, 0)
                os.posix_fallocate(fd, 0, self.bytes)
        except BaseException:
            self.give_up()
            raise
        finally:
            os.close(fd)

    def give_up(self) -> bool:
        """Let others have it; tell whether there was some."""
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
            return True
        return False
