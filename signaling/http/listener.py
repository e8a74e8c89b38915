"""The node's web server: an application on one TCP port, and bounds on what a stranger's connection may hold.

aiohttp's own sites bound neither the TLS handshake nor what the kernel holds, so the socket is made here. Knows nothing
of what is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from signaling.http.shared import Media, accept

#: For the TLS handshake; a satellite link with losses needs a few. The event loop's own limit is a minute.
HANDSHAKE_SECONDS = 15.0
#: A connection that has brought no whole request for so long is closed; the page asks every second.
IDLE_SECONDS = 30.0
#: A connection whose peer has taken nothing of what waits for it for so long is closed.
UNREAD_SECONDS = 30.0
#: What the kernel takes of an answer beyond what the peer has room for. By itself it would take megabytes from a
#: request of a hundred bytes, as often as somebody connects anew.
UNSENT_BYTES = 1 << 16
#: How long what still comes of a body that was refused is thrown away, so that its sender can read the refusal.
LINGER_SECONDS = 2.0
#: How long requests in hand may take once the server stops.
SHUTDOWN_SECONDS = 2.0

#: Connections that wait in the kernel to be accepted.
BACKLOG = 128

#: linux/tcp.h; `socket` names it from Python 3.12 on.
_TCP_NOTSENT_LOWAT: Final = 25


@contextlib.asynccontextmanager
async def listening(
    app: web.Application, host: str, port: int, tls: ssl.SSLContext | None = None, media: Media | None = None
) -> AsyncIterator[int]:
    """Serve `app` on an IP address until left; give the port, which was free when 0. Raises OSError.

    `::` is every address, of IPv4 too. Connections that begin as media over TCP does are brought to `media`.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_log(),
        shutdown_timeout=SHUTDOWN_SECONDS,
        # The only time limit on a request's head that aiohttp knows; an hour unless told.
        keepalive_timeout=IDLE_SECONDS,
        lingering_time=LINGER_SECONDS,
        # It would inflate bodies as they come, a thousandfold, also those that no handler wants.
        auto_decompress=False,
    )
    async with contextlib.AsyncExitStack() as ends:
        await runner.setup()
        ends.push_async_callback(runner.cleanup)
        assert runner.server is not None
        bound = _bound(host, port)
        ends.callback(bound.close)
        handshake = HANDSHAKE_SECONDS if tls is not None else None
        loop, protocol = asyncio.get_running_loop(), runner.server
        if media is None:
            server = await loop.create_server(
                protocol, sock=bound, backlog=BACKLOG, ssl=tls, ssl_handshake_timeout=handshake
            )
            ends.callback(server.close)
        else:

            async def http(connection: socket.socket) -> None:
                # What goes wrong in a stranger's handshake is the stranger's.
                with contextlib.suppress(OSError):
                    await loop.connect_accepted_socket(protocol, connection, ssl=tls, ssl_handshake_timeout=handshake)

            bound.setblocking(False)
            bound.listen(BACKLOG)
            accepting = loop.create_task(accept(bound, http, media, HANDSHAKE_SECONDS))
            ends.push_async_callback(_ended, accepting)
        yield bound.getsockname()[1]


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])


def _bound(host: str, port: int) -> socket.socket:
    """Return a bound socket whose options the connections it accepts inherit."""
    family = socket.AF_INET6 if ipaddress.ip_address(host).version == 6 else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, round(UNREAD_SECONDS * 1000))
        bound.setsockopt(socket.IPPROTO_TCP, _TCP_NOTSENT_LOWAT, UNSENT_BYTES)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _log() -> logging.Logger:
    """Return the log of the HTTP server, without requests and bodies that are no HTTP: strangers send thousands."""
    theirs = (HttpProcessingError, web.RequestPayloadError)

    def is_ours(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], theirs))

    log = logging.getLogger("huishang.http")
    if not log.filters:
        log.addFilter(is_ours)
    return log
