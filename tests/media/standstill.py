"""A plane thread that really stands still: held inside a signal handler until it is let go."""

from __future__ import annotations

import ctypes
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from media.plane.names import PlaneError
from media.plane.thread import PlaneThread
from media.plane.transport import PlaneTransport
from tests.patience import wait_until

_libc = ctypes.CDLL(None)
_libc.signal.restype = ctypes.c_void_p
_libc.signal.argtypes = (ctypes.c_int, ctypes.c_void_p)


@contextmanager
def standing_still(plane: PlaneThread) -> Iterator[None]:
    """Hold the plane thread, whatever it does, until left.

    SIGUSR2 is handled by libc's own `pause`, which waits for another signal: SIGUSR1, of no effect but that.
    """
    # The newest of the name: a stage of plane tests has threads of its own, made before.
    *_, worker = (thread for thread in threading.enumerate() if thread.name == f"plane-{plane.index}")
    assert worker.ident is not None
    let_go: list[int] = []
    before = signal.signal(signal.SIGUSR1, lambda number, frame: let_go.append(number))
    held = _libc.signal(signal.SIGUSR2, ctypes.cast(_libc.pause, ctypes.c_void_p))
    signal.pthread_kill(worker.ident, signal.SIGUSR2)
    try:
        yield
    finally:
        signal.pthread_kill(worker.ident, signal.SIGUSR1)
        # Not before it has arrived: its default is the end of the process.
        wait_until(lambda: let_go, "the plane thread is let go")
        _libc.signal(signal.SIGUSR2, held)
        signal.signal(signal.SIGUSR1, before)


def fill(transport: PlaneTransport) -> None:
    """Give orders until the ring of a thread that stands still takes no more."""
    with pytest.raises(PlaneError, match="does not take commands"):
        while True:
            transport.set_rtt(0.1)


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that this thread sleeps from now on, one entry each: so an order waits for room."""
    asked: list[float] = []
    sleep, own = time.sleep, threading.get_ident()

    def recorded(seconds: float) -> None:
        if threading.get_ident() == own:
            asked.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", recorded)
    return asked
