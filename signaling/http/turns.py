"""Offers one at a time, so that a storm of them leaves room for everything else and spends nothing on who has left.

Each costs the loop milliseconds. All at once they would hold up the handshakes of those already answered, and clients
that gave up meanwhile would get sessions nobody uses, then come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from signaling.http.problem import Problem

#: Some four seconds of work; clients give up after six.
MOST_WAITING = 800


class Turns:
    """Whose turn it is. Used from one event loop."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._waiting = 0

    @asynccontextmanager
    async def turn(self, request: web.Request) -> AsyncIterator[None]:
        """Wait for the request's turn. Raises Problem when too many wait, or when its client left meanwhile."""
        if self._waiting >= MOST_WAITING:
            raise Problem("node-busy", f"{MOST_WAITING} offers wait already")
        self._waiting += 1
        try:
            async with self._lock:
                # What came in meanwhile goes first: handshakes of those before, and the news that this one has left.
                await asyncio.sleep(0)
                if request.transport is None or request.transport.is_closing():
                    raise Problem("client-gone", "the client closed its connection before its turn")
                yield
        finally:
            self._waiting -= 1
