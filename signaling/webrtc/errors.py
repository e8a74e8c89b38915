"""What the exchange refuses, and by which code."""

from __future__ import annotations

from typing import ClassVar


class ExchangeError(Exception):
    """Base of the exchange's refusals; `code` is stable and goes to the client.

    ExchangeError
    ├── ExchangeFull        session-limit       the node has as many publishers or viewers as it may
    ├── ExchangeClosed      node-stopping       the node stops and takes no more
    └── SessionUnknown      session-unknown     there is no such session (any more)
    """

    code: ClassVar[str] = "exchange-error"


class ExchangeFull(ExchangeError):
    code = "session-limit"


class ExchangeClosed(ExchangeError):
    code = "node-stopping"


class SessionUnknown(ExchangeError):
    code = "session-unknown"
