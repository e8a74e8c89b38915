"""One TCP port for pages and for media: who begins with a connectivity check in a frame (RFC 6544) is the plane's.

Some firewalls let nothing but 443 through, and there the pages are. The first bytes are looked at, not taken: TLS and
HTTP begin with a byte that no frame of a check begins with. Decides nothing else; who else it is, HTTP finds out.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from signaling.ice import stun

_log = structlog.get_logger(__name__)

#: A frame's length, and the header of the STUN message in it up to its cookie.
_HEAD_BYTES: Final = 2 + 8
#: After the kernel had no descriptor left for a connection.
_REST_SECONDS: Final = 1.0

#: Takes a connection that begins with a check for this ufrag; False leaves it to the caller.
Media = Callable[[socket.socket, str], bool]
Http = Callable[[socket.socket], Awaitable[object]]


class NotMedia(Exception):
    """The connection does not begin with a check."""


def bytes_wanted(head: bytes) -> int:
    """Return how many bytes are needed to read the check that a connection begins with.

    Raises NotMedia as soon as it can be none.
    """
    length = int.from_bytes(head[:2], "big") if len(head) >= 2 else 0
    cookie = stun.MAGIC_COOKIE.to_bytes(4, "big")
    if head[0] > stun.MAX_MESSAGE_BYTES >> 8 or length > stun.MAX_MESSAGE_BYTES:
        raise NotMedia
    if len(head) < _HEAD_BYTES:
        return _HEAD_BYTES
    if int.from_bytes(head[2:4], "big") != stun.REQUEST or head[6:10] != cookie:
        raise NotMedia
    return 2 + length


def ufrag_of(frame: bytes) -> str:
    """Return the ufrag of ours that the check in a frame names. Raises StunError for what is no check."""
    message = stun.parse(frame[2:])
    ufrag, colon, _ = (message.username or b"").partition(b":")
    if not colon:
        raise stun.StunError("no USERNAME")
    return ufrag.decode("ascii", "replace")


async def _first(connection: socket.socket) -> str:
    """Wait for the check; return the ufrag in it. Raises NotMedia, StunError or OSError."""
    loop = asyncio.get_running_loop()
    wanted = 1
    while True:
        # The kernel tells of the connection when so much has come, or its end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, wanted)
        readable = asyncio.Event()
        loop.add_reader(connection.fileno(), readable.set)
        try:
            await readable.wait()
        finally:
            loop.remove_reader(connection.fileno())
        head = connection.recv(max(wanted, _HEAD_BYTES), socket.MSG_PEEK)
        if len(head) < wanted:
            raise ConnectionResetError("it ended with its first bytes")
        if wanted > _HEAD_BYTES:
            return ufrag_of(head)
        wanted = max(wanted + 1, bytes_wanted(head))


async def _welcome(connection: socket.socket, http: Http, media: Media, seconds: float) -> None:
    with contextlib.ExitStack() as ends:
        ends.callback(connection.close)
        try:
            async with asyncio.timeout(seconds):
                ufrag = await _first(connection)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            if media(connection, ufrag):
                ends.pop_all()
        except NotMedia:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
            ends.pop_all()
            await http(connection)
        except (TimeoutError, OSError, stun.StunError):
            return
        except Exception:  # so broad, because nobody waits for this task: a fault of ours must be told
            _log.exception("connection_failed")


async def accept(bound: socket.socket, http: Http, media: Media, seconds: float) -> None:
    """Accept on a listening socket until cancelled; a connection has so many seconds for its first bytes."""
    loop = asyncio.get_running_loop()
    welcomed: set[asyncio.Task[None]] = set()
    try:
        while True:
            try:
                connection, _ = await loop.sock_accept(bound)
            except ConnectionAbortedError:
                continue
            except OSError:
                await asyncio.sleep(_REST_SECONDS)
                continue
            connection.setblocking(False)
            task = loop.create_task(_welcome(connection, http, media, seconds))
            welcomed.add(task)
            task.add_done_callback(welcomed.discard)
    finally:
        for task in welcomed:
            task.cancel()
