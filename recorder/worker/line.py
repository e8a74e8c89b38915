"""Answers on their way to the server. Shell.

A server that does not read must not stop the reading of rings: what it has not taken is kept, up to a bound. What falls
out is found again by the server, which compares its books with the files.
"""

from __future__ import annotations

import socket
from collections import deque
from typing import Final

from recorder.worker.wire import Answer, write

MOST_KEPT: Final = 4096


class Line:
    """The socket is the caller's."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._kept: deque[bytes] = deque(maxlen=MOST_KEPT)
        self.is_closed = False
        """Nobody is at the other end any more."""

    def say(self, answer: Answer) -> None:
        """Send an answer now, or as soon as there is room."""
        self._kept.append(write(answer))
        self.push()

    def push(self, *, waits: bool = False) -> None:
        """Send what was kept, as far as there is room; all of it if it `waits`."""
        while self._kept and not self.is_closed:
            try:
                self._line.send(self._kept[0], 0 if waits else socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                self.is_closed = True
            else:
                self._kept.popleft()
