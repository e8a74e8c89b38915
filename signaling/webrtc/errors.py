"""What the exchange refuses, and by which code."""

from __future__ import annotations

from typing import ClassVar


class ExchangeError(Exception):
    """Base of the exchange's refusals; `code` is stable and goes to the client.

    ExchangeError
    ├── ExchangeFull        session-limit       the node has as many publishers or viewers as it may
    ├── ExchangeClosed      node-stopping       the node stops and takes no more
    ├── SessionUnknown      session-unknown     there is no such session or connection (any more)
    ├── LinesInvalid        lines-invalid       what a connection's lines shall carry makes no sense
    ├── LineUnknown         line-unknown        the connection has no such line (any more)
    └── OffersTooFast       offer-rate          a connection is offered again more often than anyone needs
    """

    code: ClassVar[str] = "exchange-error"


class ExchangeFull(ExchangeError):
    code = "session-limit"


class ExchangeClosed(ExchangeError):
    code = "node-stopping"


class SessionUnknown(ExchangeError):
    code = "session-unknown"


class LinesInvalid(ExchangeError):
    code = "lines-invalid"


class LineUnknown(ExchangeError):
    code = "line-unknown"


class OffersTooFast(ExchangeError):
    code = "offer-rate"
