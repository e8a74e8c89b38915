"""Coming back after a session has ended: how long to wait, and a loop that does it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, TypeVar

from signaling.client.errors import ClientError, HttpRefused
from signaling.client.peer import Closed

FIRST_SECONDS: Final = 0.5
MOST_SECONDS: Final = 15.0
#: A session that lived so long counts as a success: the next wait is the first one again.
_STABLE_SECONDS: Final = 10.0


class Connection(Protocol):
    """What can be kept alive: a `ClientSession` or a `Publisher`."""

    async def start(self) -> None: ...
    async def closed(self) -> Closed: ...
    async def close(self) -> None: ...


C = TypeVar("C", bound=Connection)


class Backoff:
    """Doubling waits with jitter, so that a thousand clients do not come back in one moment.  Core."""

    def __init__(
        self,
        first_seconds: float = FIRST_SECONDS,
        most_seconds: float = MOST_SECONDS,
        seed: int | None = None,
    ) -> None:
        """Set up; `seed` makes the jitter repeatable."""
        self._first = self._next = first_seconds
        self._most = most_seconds
        self._random = random.Random(seed)

    def next_wait(self) -> float:
        """Return the seconds to wait now: anything up to the nominal wait, so that comers are spread over all of it."""
        wait = self._random.uniform(0.0, self._next)
        self._next = min(self._next * 2, self._most)
        return wait

    def succeeded(self) -> None:
        """Begin again with the first wait."""
        self._next = self._first


async def stay_connected(
    make: Callable[[], C],
    use: Callable[[C], Awaitable[None]],
    *,
    backoff: Backoff | None = None,
    stable_seconds: float = _STABLE_SECONDS,
    on_failure: Callable[[str, str], None] = lambda code, reason: None,
) -> None:
    """Keep a session alive: make, start, `use` it until its path ends, close, wait, again; until cancelled.

    `use` is cancelled when the path ends; when it returns by itself, so does this function, after closing.
    A session that lived `stable_seconds` resets the waits.  `on_failure` gets code and reason of every end.
    A refusal for good (HTTP 401, 403, 404, 410) is raised; one for now is kept to for as long as it asks
    (`Retry-After`).
    """
    backoff = backoff or Backoff()
    loop = asyncio.get_running_loop()
    while True:
        session = make()
        started = loop.time()
        asked = 0.0
        try:
            await session.start()
            if await _used(session, use):
                return
            closed = await session.closed()
            on_failure(closed.code, closed.reason)
        except HttpRefused as error:
            if error.status in (401, 403, 404, 410):
                raise
            asked = error.retry_seconds
            on_failure(error.code, error.reason)
        except ClientError as error:
            on_failure(error.code, error.reason)
        finally:
            await session.close()
        if loop.time() - started > stable_seconds:
            backoff.succeeded()
        # On top of it, not instead: all who were refused together were told the same.
        await asyncio.sleep(asked + backoff.next_wait())


async def _used(session: C, use: Callable[[C], Awaitable[None]]) -> bool:
    """Run `use` until it returns (True) or the path ends (False); its own exception is passed on."""
    using = asyncio.ensure_future(use(session))
    closed = asyncio.ensure_future(session.closed())
    try:
        await asyncio.wait((using, closed), return_when=asyncio.FIRST_COMPLETED)
        if using.done():
            await using
            return True
        return False
    finally:
        for task in (using, closed):
            task.cancel()
        await asyncio.gather(using, closed, return_exceptions=True)
