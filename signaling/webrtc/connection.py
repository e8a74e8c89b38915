"""What is kept of a page's connection, and what others are told of it. Data; decides only how often one may offer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dispatch.flow import Flow
from media.plane.thread import PlaneThread
from signaling.webrtc.errors import OffersTooFast
from signaling.webrtc.plan import Present
from signaling.webrtc.session import WebRtcSession

#: An offer costs up to tens of milliseconds. A page puts what it wants in one turn into one.
OFFERS_A_SECOND = 4.0
OFFERS_AT_ONCE = 8.0


@dataclass(frozen=True, slots=True)
class ConnectionAnswer:
    """What to answer. `unplayable` are mids on which nothing that the source sends now can be shown."""

    connection: str
    sdp: str
    unplayable: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConnectionEnded:
    """A connection is over; codes as those of `SessionEnded`, and `worn`: only new keys help."""

    connection: str
    owner: str
    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class SourceWithdrawn:
    """Lines of a source, to or from the page, have ended unasked: `replaced`, `source-stopped` or `forbidden`."""

    connection: str
    owner: str
    source: str
    code: str
    mids: tuple[str, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class ReceiveState:
    """One line towards a page."""

    connection: str
    owner: str
    mid: str
    source: str
    kind: str
    context: str
    flow: Flow


Listener = Callable[[ConnectionEnded | SourceWithdrawn], None]


@dataclass(slots=True, eq=False)
class Connection:
    """One page's connection."""

    id: str
    owner: str
    present: Present
    thread: PlaneThread
    peer: WebRtcSession

    def published(self) -> set[str]:
        """Return the sources of which it publishes anything."""
        return {item.line.source for item in self.present.sending.values()}

    def taken(self) -> set[str]:
        """Return the sources of which it receives anything, paused or not."""
        return {item.line.source for item in self.present.receiving.values() if item.flow is not Flow.CLOSED}


@dataclass(slots=True)
class Allowance:
    """How many offers a page may make at once, since `filled_at` (monotonic seconds)."""

    filled_at: float
    tokens: float = OFFERS_AT_ONCE

    def pay(self, now: float) -> None:
        """Raise OffersTooFast when offers come too fast."""
        self._fill(now)
        if self.tokens < 1.0:
            raise OffersTooFast(f"more than {OFFERS_A_SECOND:g} offers a second of one page")
        self.tokens -= 1.0

    def is_full(self, now: float) -> bool:
        """Whether it is as if the page had never offered."""
        self._fill(now)
        return self.tokens >= OFFERS_AT_ONCE

    def _fill(self, now: float) -> None:
        self.tokens = min(OFFERS_AT_ONCE, self.tokens + (now - self.filled_at) * OFFERS_A_SECOND)
        self.filled_at = now
