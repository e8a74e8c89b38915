"""Offers one at a time, so that a storm of them leaves room for everything else and spends nothing on who has left.

Each costs the loop milliseconds. All at once they would hold up the handshakes of those already answered, and clients
that gave up meanwhile would get sessions nobody uses, then come again. A mass of viewers keeps no publisher out: they
have places of their own to wait in, and publishers go first.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from aiohttp import web

from signaling.http.problem import Problem

#: Of each kind. Some four seconds of work; clients give up after six.
MOST_WAITING = 800


class Turns:
    """Whose turn it is. Used from one event loop."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._foremost_viewer = asyncio.Lock()
        self._publishers = _Places()
        self._viewers = _Places()

    @asynccontextmanager
    async def of_publisher(self, request: web.Request) -> AsyncIterator[None]:
        """Wait for the request's turn. Raises Problem when too many wait, or when its client left meanwhile."""
        with self._publishers.one():
            async with self._turn:
                await _still_there(request)
                yield

    @asynccontextmanager
    async def of_viewer(self, request: web.Request) -> AsyncIterator[None]:
        """As `of_publisher`, behind the publishers: of all viewers only one stands among them."""
        with self._viewers.one():
            async with self._foremost_viewer, self._turn:
                await _still_there(request)
                yield


class _Places:
    """Counts who waits."""

    def __init__(self) -> None:
        self._taken = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        if self._taken >= MOST_WAITING:
            raise Problem("node-busy", f"{MOST_WAITING} offers wait already")
        self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1


async def _still_there(request: web.Request) -> None:
    # What came in meanwhile goes first: handshakes of those before, and the news that this one has left.
    await asyncio.sleep(0)
    if request.transport is None or request.transport.is_closing():
        raise Problem("client-gone", "the client closed its connection before its turn")
