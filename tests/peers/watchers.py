"""Viewers of one source until they are killed: `python -m tests.peers.watchers HTTPS_URL TOKEN CA_FILE SOURCE COUNT`.

Prints "watching" once media has come to all of them.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from signaling.client.http import HttpOptions
from signaling.client.session import SessionOptions, WhepSession


def tells(came: asyncio.Event) -> Callable[[bytes], None]:
    """What to do with a packet where only that one came matters."""
    return lambda _: came.set()


async def main(url: str, token: str, ca_file: str, source: str, count: str) -> None:
    options = SessionOptions(HttpOptions(token, Path(ca_file)))
    async with AsyncExitStack() as ends:
        for _ in range(int(count)):
            came = asyncio.Event()
            session = WhepSession(f"{url}/whep/{source}", options=options, on_rtp=tells(came))
            await ends.enter_async_context(session)
            await came.wait()
        print("watching", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
