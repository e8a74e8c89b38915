"""Copies for who plays them: from the shelf, or made now, once for all who ask meanwhile. Shell.

Knows no rights and no index: whoever asks has looked, and says how the originals are opened. Nobody asks: no process,
no file. A copy that cannot be made is not tried again for a minute.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from recorder.copies import CopyBusy, CopyFailed, CopyUnfit
from recorder.copies.plan import Plan
from recorder.copies.process import CopyProcess
from recorder.copies.shelf import Shelf
from recorder.copies.wire import Order

#: Copies that are being made or wait; a page asks for five at once.
MOST_WAITING: Final = 64
SHUNNED_SECONDS: Final = 60.0
SWEEP_SECONDS: Final = 300.0
_MOST_SHUNNED: Final = 4096


class Opened(Protocol):
    """An open file."""

    @property
    def fd(self) -> int: ...

    @property
    def close(self) -> Callable[[], object]: ...


class Originals(NamedTuple):
    """The open files of an order."""

    original: Opened
    before: Opened | None
    after: Opened | None

    def close(self) -> None:
        for each in self:
            if each is not None:
                each.close()


class _Made:
    """A copy in memory, which goes when nobody has it any more."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("copy", os.MFD_CLOEXEC)
        self.close = weakref.finalize(self, os.close, self.fd)


class Copies:
    """All copies of a node. Runs on one event loop; `start` before anybody asks, `close` at the end."""

    def __init__(self, folder: Path) -> None:
        self.process = CopyProcess()
        self._shelf = Shelf(folder)
        self._making: dict[str, asyncio.Task[_Made]] = {}
        self._unkept: set[str] = set()
        self._emptying: set[asyncio.Task[None]] = set()
        self._shunned: dict[str, float] = {}
        self._sweeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take away what was left from before."""
        await asyncio.to_thread(self._shelf.empty)

    async def close(self) -> None:
        """End what is being made, and the process."""
        tasks = [*self._making.values(), *([self._sweeping] if self._sweeping else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, *self._emptying, return_exceptions=True)
        await self.process.close()

    def empty(self) -> None:
        """Take all copies away soon, and keep none that is in the making: something was deleted."""
        self._unkept |= self._making.keys()
        emptying = asyncio.create_task(asyncio.to_thread(self._shelf.empty))
        self._emptying.add(emptying)
        emptying.add_done_callback(self._emptying.discard)

    async def take(self, digest: str, plan: Plan, opening: Callable[[], Originals]) -> int:
        """Give a copy as an open file, the caller's to close; `digest` is of what it is made of.

        `opening` is called in a thread, when it has to be made. Raises what that raises, and CopyError.
        """
        now = time.monotonic()
        if now - self._shunned.get(digest, now - SHUNNED_SECONDS) < SHUNNED_SECONDS:
            raise CopyUnfit("it could not be made a moment ago")
        task = self._making.get(digest)
        if task is None:
            lying = await asyncio.to_thread(self._shelf.find, digest)
            if lying is not None:
                return lying
            # Others may have asked meanwhile.
            task = self._making.get(digest) or self._begin(digest, plan, opening)
        # Whoever leaves does not end it for the others.
        made = await asyncio.shield(task)
        return os.dup(made.fd)

    def _begin(self, digest: str, plan: Plan, opening: Callable[[], Originals]) -> asyncio.Task[_Made]:
        if len(self._making) >= MOST_WAITING:
            raise CopyBusy(f"{MOST_WAITING} copies wait already")
        self._sweeping = self._sweeping or asyncio.create_task(self._sweep())
        task = self._making[digest] = asyncio.create_task(self._make(digest, plan, opening))
        task.add_done_callback(lambda done: self._made(digest, done))
        return task

    def _made(self, digest: str, task: asyncio.Task[_Made]) -> None:
        del self._making[digest]
        self._unkept.discard(digest)
        if not task.cancelled() and isinstance(task.exception(), CopyUnfit):
            self._shun(digest)

    def _shun(self, digest: str) -> None:
        now = time.monotonic()
        self._shunned = {each: since for each, since in self._shunned.items() if now - since < SHUNNED_SECONDS}
        while len(self._shunned) >= _MOST_SHUNNED:
            del self._shunned[next(iter(self._shunned))]
        self._shunned[digest] = now

    async def _make(self, digest: str, plan: Plan, opening: Callable[[], Originals]) -> _Made:
        try:
            made = _Made()
        except OSError as error:
            raise CopyFailed(f"no memory: {error.strerror}") from None
        try:
            data = await self._ordered(plan, made, await asyncio.to_thread(opening))
            await asyncio.to_thread(self._shelf.put, digest, data)
            if digest in self._unkept:
                await asyncio.to_thread(self._shelf.drop, digest)
        except BaseException:
            made.close()
            raise
        return made

    async def _ordered(self, plan: Plan, made: _Made, originals: Originals) -> bytes:
        try:
            others = [each.fd for each in (originals.before, originals.after) if each is not None]
            order = Order(plan, originals.before is not None, originals.after is not None)
            await self.process.make(order, (made.fd, originals.original.fd, *others))
        finally:
            originals.close()
        data = os.pread(made.fd, plan.bytes + 1, 0)
        # Whoever took the process over can put any sound in place of another, but no other kind of file.
        if len(data) != plan.bytes or not data.startswith(plan.head):
            raise CopyUnfit("it is not as it was planned")
        return data

    async def _sweep(self) -> None:
        """Let what has lain for too long go though nobody asks."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._shelf.tidy)
