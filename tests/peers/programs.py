"""Peers that are programs of their own: started, read line by line, and ended whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Sequence

from tests.peers.server import ROOT


class Program:
    """A running peer."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.pid = process.pid

    async def line(self) -> bytes:
        """Return its next line of output; fails when it has ended."""
        assert self._process.stdout is not None
        line = await self._process.stdout.readline()
        assert line, f"the peer ended: {(await self.errors())[-2000:]}"
        return line

    async def read(self, count: int) -> bytes:
        """Return its next `count` bytes of output; fails when it has ended."""
        assert self._process.stdout is not None
        try:
            return await self._process.stdout.readexactly(count)
        except asyncio.IncompleteReadError:
            raise AssertionError(f"the peer ended: {(await self.errors())[-2000:]}") from None

    async def errors(self) -> str:
        """Return what it wrote to standard error, once it has ended."""
        assert self._process.stderr is not None
        return (await self._process.stderr.read()).decode(errors="replace")

    async def kill(self) -> None:
        """End it without a word to the server, as a crash does."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        # A pipe that nobody empties is never seen to end, and its transport never closes.
        assert self._process.stdout is not None
        await self._process.stdout.read()
        await self._process.wait()


@contextlib.asynccontextmanager
async def running(arguments: Sequence[str], **environ: str) -> AsyncIterator[Program]:
    """Run a peer; it is killed at the end, and what it said shown when the test fails."""
    process = await asyncio.create_subprocess_exec(
        *arguments,
        cwd=ROOT,
        env={**os.environ, **environ},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    program = Program(process)
    try:
        yield program
    except BaseException:
        await program.kill()
        print(f"{arguments[0]} {arguments[1]} said: {await program.errors()}")
        raise
    await program.kill()
