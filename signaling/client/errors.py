"""Errors of our own WebRTC client; `code` is stable and fit for logs and problem details.

ClientError
├── HttpRefused     the server answered, but not as wished (`status`, its problem `code` or "http-refused")
├── HttpFailed      no usable HTTP exchange at all: http-unreachable, http-timeout, http-bad-answer
└── ConnectFailed   signalling went well, media did not: ice-failed, connect-timeout or a code of DTLS
"""

from __future__ import annotations


class ClientError(Exception):
    """Base of the package's errors."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class HttpRefused(ClientError):
    """The server refused; `status` is HTTP's, `retry_seconds` how long it asks to be left alone (0: not said)."""

    def __init__(self, status: int, code: str, reason: str, retry_seconds: float = 0.0) -> None:
        super().__init__(code, f"HTTP {status}: {reason}")
        self.status = status
        self.retry_seconds = retry_seconds


class HttpFailed(ClientError):
    """The server could not be reached or did not speak WHIP/WHEP."""


class ConnectFailed(ClientError):
    """No media path came about."""
