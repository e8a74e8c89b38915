"""The copies' process: makes one copy after another, for who sits at the other end of a socket.

`python -m recorder.copies.worker FD` with a Unix socket (SOCK_SEQPACKET). What it decodes comes from outside and may
crash it, hang it or take it over: it opens nothing, writes to nothing but the memory it is handed, has a bound on its
own, and an alarm that ends it. It ends with the other end of the socket.
"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import socket
import sys
from typing import Final

import av.logging

from recorder.copies import CopyUnfit, wire
from recorder.copies.making import copy_of
from recorder.copies.plan import MOST_BYTES

#: Of address space: FFmpeg and the interpreter have 130 MB, two minutes of sound 15 MB.
MEMORY_BYTES: Final = 512 << 20
#: Of the processor's time for one copy; five seconds of sound take some 30 ms.
MAKING_SECONDS: Final = 5.0
_DESCRIPTORS: Final = 64


def run(line: socket.socket) -> None:
    """Take orders until nobody is there any more."""
    while True:
        data, fds, _, _ = socket.recv_fds(line, wire.MAX_BYTES, wire.MAX_DESCRIPTORS)
        if not data:
            return
        # The default of SIGPROF ends the process wherever it is: no handler of ours has to run.
        signal.setitimer(signal.ITIMER_PROF, MAKING_SECONDS)
        try:
            answer = _make(wire.order_of(data), fds)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            for fd in fds:
                os.close(fd)
        with contextlib.suppress(OSError):  # nobody is there any more: the next wait tells
            line.send(wire.encode(answer))


def _make(order: wire.Order, fds: list[int]) -> wire.Answer:
    if len(fds) != order.descriptors:
        return wire.Answer("an order without its files")
    target, original, *others = fds
    before = others.pop(0) if order.before else None
    after = others.pop(0) if order.after else None
    try:
        left = memoryview(copy_of(order.plan, original, before, after))
        while left:
            left = left[os.write(target, left) :]
    except (CopyUnfit, av.FFmpegError, ValueError, MemoryError, OSError) as error:
        return wire.unfit(error)
    return wire.Answer()


def main() -> None:
    """Bound the process, and work."""
    line = socket.socket(fileno=int(sys.argv[1]))
    os.nice(10)
    av.logging.set_level(av.logging.PANIC)
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    # A Ctrl-C at the terminal is the server's, which ends us by closing the line.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, MOST_BYTES),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
    ):
        resource.setrlimit(limit, (value, value))
    run(line)


if __name__ == "__main__":
    main()
