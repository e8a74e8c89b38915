"""A session goes along when its machine changes networks: ICE anew (RFC 8445 section 9), and everything else stays.

Thin shell: it looks at the transport once a second and asks for the restart; touches nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from signaling.client.errors import HttpFailed, HttpRefused
from signaling.client.transport import Transport

LOOK_SECONDS: Final = 1.0
#: Longer than two lost consent checks take, and far shorter than the 15 s after which the path is given up.
SILENT_SECONDS: Final = 6.0


async def follow(transport: Transport, restart: Callable[[], Awaitable[None]]) -> None:
    """Call `restart` whenever the way to the other side has changed, until the path has ended.

    The way has changed when the system would send from another address, or when nobody has answered for some time
    (behind a router that changed networks our own address stays). `restart` may raise HttpRefused or HttpFailed:
    without a way to the server it is tried again; a server that refuses is not asked again.
    """
    while not transport.closed.done():
        await asyncio.sleep(LOOK_SECONDS)
        if not transport.has_moved() and transport.silent_seconds < SILENT_SECONDS:
            continue
        try:
            await restart()
        except HttpFailed:
            continue
        except HttpRefused as error:
            if not error.retry_seconds:
                return
            await asyncio.sleep(error.retry_seconds)
