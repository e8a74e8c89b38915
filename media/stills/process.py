"""Our end of the worker process: begun with the first order, ended when there have been none for a while. Shell.

A worker that crashes or hangs takes the orders in hand with it and nothing else; the next order begins another. Whose
picture it was decoding then is told, so that one bad sender does not keep ending it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from media import workers
from media.stills import StillBusy, StillNone, StillUnfit
from media.stills.wire import (
    MAX_BYTES,
    MAX_CONFIGURATION_BYTES,
    MAX_FRAME_BYTES,
    Answer,
    Order,
    Picture,
    Said,
    read_answer,
    write_order,
)

_log = structlog.get_logger(__name__)

#: Beside the time that a job waits: the start of the worker and decoding, on a busy machine.
_PATIENCE_SECONDS: Final = 10.0
IDLE_SECONDS: Final = 60.0


class WorkerProcess:
    """The worker, when there is one. Runs on one event loop; `close` at the end."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._line: socket.socket | None = None
        self._starting = asyncio.Lock()
        self._hands: dict[int, asyncio.Future[Answer]] = {}
        self._decoding: int | None = None
        self._number = 0
        self._idle: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """Of the worker, None while there is none."""
        return self._process.pid if self._process is not None else None

    async def make(self, fds: tuple[int, int], wait_seconds: float) -> Answer:
        """Have a still made of the next keyframe in a tap's ring; the descriptors stay the caller's.

        Raises StillNone, StillUnfit (also when the worker ended while it decoded this), StillBusy.
        """
        return await self._give(lambda number: Order(number, int(wait_seconds * 1000)), fds, wait_seconds)

    async def decode(self, codec: str, configuration: bytes, frame: bytes) -> Answer:
        """Have a still made of a keyframe out of a file; `codec` is one of `wire.CODECS`.

        Raises StillUnfit (also when the worker ended while it decoded this), StillBusy.
        """
        if len(configuration) > MAX_CONFIGURATION_BYTES or len(frame) > MAX_FRAME_BYTES:
            raise StillUnfit(f"a keyframe of {len(frame)} bytes")
        # It may be more than goes through a socket at once.
        with os.fdopen(os.memfd_create("keyframe"), "wb", buffering=0) as memory:
            memory.write(configuration + frame)
            sizes = len(configuration), len(frame)
            return await self._give(lambda number: Picture(number, codec, *sizes), (memory.fileno(),), 0.0)

    async def _give(
        self, order_of: Callable[[int], Order | Picture], fds: Sequence[int], wait_seconds: float
    ) -> Answer:
        async with self._starting:
            line = self._line or await self._start()
        if self._idle is not None:
            self._idle.cancel()
        self._number += 1
        number = self._number
        hand: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._hands[number] = hand
        try:
            socket.send_fds(line, [write_order(order_of(number))], fds)
            answer = await asyncio.wait_for(hand, wait_seconds + _PATIENCE_SECONDS)
        except TimeoutError:
            self._lose("it hangs")
            raise StillBusy("the worker did not answer") from None
        except OSError as error:
            raise StillBusy(f"the worker takes no orders: {error}") from None
        finally:
            self._hands.pop(number, None)
            if not self._hands:
                self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._rest)
        if answer.said is Said.DONE:
            return answer
        if answer.said is Said.UNFIT:
            raise StillUnfit("what came cannot be decoded")
        raise StillNone("no keyframe came in time")

    async def close(self) -> None:
        """End the worker; what is in hand is refused."""
        if self._idle is not None:
            self._idle.cancel()
        process = self._process
        self._lose("")
        if process is not None:
            await process.wait()

    async def _start(self) -> socket.socket:
        try:
            self._process, ours = await workers.begin(_command)
        except OSError as error:
            raise StillBusy(f"no worker can be begun: {error}") from None
        self._line = ours
        asyncio.get_running_loop().add_reader(ours.fileno(), self._read, ours)
        return ours

    def _read(self, line: socket.socket) -> None:
        if line is not self._line:
            return
        with contextlib.suppress(BlockingIOError):
            try:
                data = line.recv(MAX_BYTES + 1)
                answer = read_answer(data) if data else None
            except (ConnectionError, ValueError) as error:
                self._lose(str(error))
                return
            if answer is None:
                self._lose("it ended")
            elif answer.said is Said.DECODING:
                self._decoding = answer.job
            else:
                self._decoding = None
                hand = self._hands.get(answer.job)
                if hand is not None and not hand.done():
                    hand.set_result(answer)

    def _rest(self) -> None:
        if not self._hands:
            self._lose("")

    def _lose(self, reason: str) -> None:
        """Let go of the worker, dead or alive; `reason` "": it is not needed any more."""
        line, process, decoding = self._line, self._process, self._decoding
        self._line = self._process = self._decoding = None
        if line is not None:
            asyncio.get_running_loop().remove_reader(line.fileno())
            line.close()
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        if reason:
            _log.warning("stills_worker_lost", reason=reason, jobs=len(self._hands), decoding=decoding is not None)
        for number, hand in self._hands.items():
            if hand.done():
                continue
            if number == decoding:
                hand.set_exception(StillUnfit("the worker ended while it decoded this"))
            else:
                hand.set_exception(StillBusy("the worker ended"))


def _command(fd: int) -> Sequence[str]:
    return (sys.executable, "-m", "media.stills.worker", str(fd))
