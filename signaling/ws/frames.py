"""WebSocket frames of a server (RFC 6455 section 5.2): unmasked, so that one serves every client. Core.

They are written to the transport as they are: nothing is encoded, framed or awaited for each of thousands of pages.
"""

from __future__ import annotations

import struct
from typing import Final

_TEXT: Final = 0x81
_CLOSE: Final = 0x88
_PING: Final = 0x89
_PONG: Final = 0x8A
#: RFC 6455 section 5.5.
MAX_CONTROL_BYTES: Final = 125


def text(payload: bytes) -> bytes:
    """Return the frame of a text message, which is UTF-8."""
    return _frame(_TEXT, payload)


def close(code: int, reason: str = "") -> bytes:
    """Return a close frame; an empty one for code 0. `reason` is cut to what fits."""
    body = struct.pack("!H", code) + reason.encode("ascii", "replace") if code else b""
    return _frame(_CLOSE, body[:MAX_CONTROL_BYTES])


def ping() -> bytes:
    """Return a ping frame."""
    return _frame(_PING, b"")


def pong(payload: bytes) -> bytes:
    """Return the pong frame that answers a ping's payload."""
    return _frame(_PONG, payload[:MAX_CONTROL_BYTES])


def _frame(first: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", first, size) + payload
    if size < 1 << 16:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload
