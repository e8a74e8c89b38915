"""Our end of the copies' process: begun with the first order, ended when there have been none for a while. Shell.

A process of its own for each copy would spend ten times as long on its start as on the copy. Orders are made one after
another, so when the process ends before it has answered it is known of which: that one is tried once more by another,
for somebody may have killed it, and then refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Sequence
from typing import Final

import msgspec
import structlog

from media import workers
from recorder.copies import CopyFailed, CopyUnfit, wire
from recorder.copies.wire import Answer, Order

_log = structlog.get_logger(__name__)

#: For one copy, on a machine that does more important things; a process that hangs ends itself long before.
PATIENCE_SECONDS: Final = 30.0
IDLE_SECONDS: Final = 20.0
_TRIES: Final = 2


class _LostError(Exception):
    """The process has ended, or does not answer as it should."""


class CopyProcess:
    """The process, when there is one. Runs on one event loop; `close` at the end."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._line: socket.socket | None = None
        self._turn = asyncio.Lock()
        self._idle: asyncio.TimerHandle | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, None while there is none."""
        return self._process.pid if self._process is not None and self._line is not None else None

    async def make(self, order: Order, fds: Sequence[int]) -> None:
        """Have a copy made; the descriptors, as an order wants them, stay the caller's.

        Raises CopyUnfit (also when the process ended over this one, twice), CopyFailed.
        """
        async with self._turn:
            self._rest_never()
            try:
                answer = await self._answer(order, fds)
            except BaseException:
                # What it makes is nobody's any more, and its answer would be taken for the next one's.
                await self._lose()
                raise
            finally:
                self._idle = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._rest)
        if answer.unfit:
            raise CopyUnfit(answer.unfit)

    async def close(self) -> None:
        """End the process. Nobody may be waiting for it any more."""
        self._rest_never()
        await self._lose()

    async def _answer(self, order: Order, fds: Sequence[int]) -> Answer:
        for _ in range(_TRIES):
            line = await self._ready()
            try:
                socket.send_fds(line, [wire.encode(order)], list(fds))
                return wire.answer_of(await asyncio.wait_for(_received(line), PATIENCE_SECONDS))
            except (OSError, TimeoutError, _LostError, msgspec.MsgspecError) as error:
                _log.warning("copies_process_lost", segment=order.plan.segment, reason=f"{error}" or "it hangs")
                await self._lose()
                # It may have ended over what is beside it.
                order, fds = Order(order.plan), fds[:2]
        raise CopyUnfit("the process ended over it")

    async def _ready(self) -> socket.socket:
        if self._process is not None and (self._line is None or self._process.returncode is not None):
            await self._lose()  # it is at its end, or somebody killed it while it rested
        return self._line or await self._start()

    async def _start(self) -> socket.socket:
        try:
            self._process, ours = await workers.begin(_command, asyncio.subprocess.DEVNULL)
        except OSError as error:
            raise CopyFailed(f"no process can be begun: {error}") from None
        self._line = ours
        return ours

    def _rest_never(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None

    def _rest(self) -> None:
        """Close the line, with which the process ends."""
        if not self._turn.locked() and self._line is not None:
            self._line.close()
            self._line = None

    async def _lose(self) -> None:
        """Let go of the process, dead or alive."""
        line, process = self._line, self._process
        self._line = self._process = None
        if line is not None:
            line.close()
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())


async def _received(line: socket.socket) -> bytes:
    """Wait for a message. Raises OSError, _LostError."""
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(line.fileno(), readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(line.fileno())
    data = line.recv(wire.MAX_BYTES)
    if not data:
        raise _LostError("it ended")
    return data


def _command(fd: int) -> Sequence[str]:
    return (sys.executable, "-m", "recorder.copies.worker", str(fd))
