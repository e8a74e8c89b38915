"""The worker process: waits at tap rings for keyframes and makes stills of them, and of keyframes out of files.

`python -m media.stills.worker FD` with a Unix socket (SOCK_SEQPACKET) on which orders come. What it decodes comes from
outside and may crash it, hang it or take it over: it holds that socket and the rings, a bound on its memory, and an
alarm that ends it; it opens nothing. It ends with the other end of the socket.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import time
from typing import Final

from media.stills.joining import KeyframeJoiner
from media.stills.picture import Undecodable, still_of
from media.stills.wire import MAX_JPEG_BYTES, Answer, Picture, Said, read_order, write_answer
from media.tap import TapKind, TapReader, TapRingError

#: Of address space: FFmpeg and the interpreter have 130 MB, a picture of the largest size some 15 MB in each form.
MEMORY_BYTES: Final = 512 << 20
#: Decoding and encoding one picture takes some 10 ms.
DECODE_SECONDS: Final = 2.0
#: Keyframes of one job that could not be decoded; parameter sets may come with the next.
_MOST_TRIES: Final = 3
_DESCRIPTORS: Final = 256
_ORDER_BYTES: Final = 64


class Job:
    """One still in the making. Its descriptors are its own; `close` gives them back."""

    def __init__(self, number: int, deadline: float, memory_fd: int, event_fd: int) -> None:
        self.number = number
        self.deadline = deadline
        self.tries = 0
        self.joiner = KeyframeJoiner()
        self._fds = (memory_fd, event_fd)
        self.reader = TapReader.from_fds(memory_fd, event_fd)

    def close(self) -> None:
        self.reader.close()
        for fd in self._fds:
            os.close(fd)


class Worker:
    """All jobs of the process. `run` until the other end of `line` is closed."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._jobs: dict[int, Job] = {}

    def run(self) -> None:
        """Take orders, read rings, answer."""
        while True:
            for job in list(self._jobs.values()):
                self._look_at(job)
            if self._wait() and not self._take():
                return

    def _wait(self) -> bool:
        """Sleep until something comes; True when it is an order."""
        poller = select.poll()
        poller.register(self._line, select.POLLIN)
        sleeping = [job for job in self._jobs.values() if job.reader.prepare_wait()]
        for job in sleeping:
            poller.register(job.reader.fileno(), select.POLLIN)
        wait_ms: float | None = None
        if self._jobs:
            until = min(job.deadline for job in self._jobs.values())
            wait_ms = max(0.0, until - time.monotonic()) * 1000 if len(sleeping) == len(self._jobs) else 0.0
        ready = {fd for fd, _ in poller.poll(wait_ms)}
        for job in sleeping:
            job.reader.finish_wait()
        return self._line.fileno() in ready

    def _take(self) -> bool:
        """Take an order; False when nobody is there any more."""
        data, fds, _, _ = socket.recv_fds(self._line, _ORDER_BYTES, 2)
        if not data:
            return False
        order = read_order(data)
        if isinstance(order, Picture):
            self._say(self._recorded(order, fds))
            return True
        try:
            job = Job(order.job, time.monotonic() + order.wait_ms / 1000, fds[0], fds[1])
        except (TapRingError, IndexError):
            for fd in fds:
                os.close(fd)
            self._say(Answer(Said.NOTHING, order.job))
        else:
            self._jobs[order.job] = job
        return True

    def _look_at(self, job: Job) -> None:
        """Read what there is; end the job when it is done, or its time is over."""
        answer: Answer | None = None
        try:
            while answer is None and (record := job.reader.read()) is not None:
                if record.kind is TapKind.RTP:
                    answer = self._packet(job, record.packet, record.wall_ns, starts=bool(record.flags))
        except TapRingError:
            answer = Answer(Said.NOTHING, job.number)
        if answer is None and time.monotonic() >= job.deadline:
            answer = Answer(Said.UNFIT if job.tries else Said.NOTHING, job.number)
        if answer is not None:
            del self._jobs[job.number]
            job.close()
            self._say(answer)

    def _packet(self, job: Job, packet: bytes, wall_ns: int, *, starts: bool) -> Answer | None:
        keyframe = job.joiner.take(packet, wall_ns, starts=starts)
        if keyframe is None:
            return None
        job.tries += 1
        answer = self._still(job.number, keyframe.codec, keyframe.data, b"", keyframe.wall_ns)
        return None if answer.said is Said.UNFIT and job.tries < _MOST_TRIES else answer

    def _recorded(self, order: Picture, fds: list[int]) -> Answer:
        """Make a still of a keyframe that came along; its memory is given back."""
        data = os.pread(fds[0], order.configuration_bytes + order.frame_bytes, 0) if fds else b""
        for fd in fds:
            os.close(fd)
        configuration, frame = data[: order.configuration_bytes], data[order.configuration_bytes :]
        return self._still(order.job, order.codec, frame, configuration, 0)

    def _still(self, number: int, codec: str, frame: bytes, configuration: bytes, wall_ns: int) -> Answer:
        self._say(Answer(Said.DECODING, number))
        # The default of SIGALRM ends the process wherever it is: no handler of ours has to run.
        signal.setitimer(signal.ITIMER_REAL, DECODE_SECONDS)
        try:
            still = still_of(codec, frame, configuration)
        except Undecodable:
            return Answer(Said.UNFIT, number)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if len(still.data) > MAX_JPEG_BYTES:
            return Answer(Said.UNFIT, number)
        return Answer(Said.DONE, number, wall_ns, still.width, still.height, still.data)

    def _say(self, answer: Answer) -> None:
        with contextlib.suppress(OSError):  # nobody is there any more: the next wait tells
            self._line.send(write_answer(answer))


def main() -> None:
    """Bound the process, and work."""
    line = socket.socket(fileno=int(sys.argv[1]))
    os.nice(10)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    # A Ctrl-C at the terminal is the server's, which ends us by closing the line.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for limit, value in (
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_NOFILE, _DESCRIPTORS),
    ):
        resource.setrlimit(limit, (value, value))
    Worker(line).run()


if __name__ == "__main__":
    main()
