"""What is kept of a page's connection, and what others are told of it. Data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from dispatch.flow import Flow
from media.plane.thread import PlaneThread
from signaling.webrtc.plan import Present
from signaling.webrtc.session import WebRtcSession
from signaling.webrtc.taking import Taking


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

    def taking(self) -> dict[str, Taking]:
        """Return the lines towards the page that may flow, or may again, by mid."""
        receiving = self.present.receiving.items()
        return {mid: item.taking for mid, item in receiving if item.flow is not Flow.CLOSED}
