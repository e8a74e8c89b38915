"""What the exchange keeps of each session and source. Data; it decides nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from media.plane.copies import PlaneTap
from media.plane.objects import PlanePublication, PlaneRoute
from media.plane.thread import PlaneThread
from media.relay import RelayTrack
from signaling.sdp.model import Codec
from signaling.webrtc.errors import ExchangeFull
from signaling.webrtc.session import WebRtcSession
from signaling.webrtc.taking import Taking

KINDS = ("video", "audio")


#: Tells whether something may go on just now.
May = Callable[[], bool]


def always() -> bool:
    """Let a session go on: it is the node's own."""
    return True


class Closable(Protocol):
    """An object of the plane; closing it again is harmless."""

    def close(self) -> None: ...


@dataclass(slots=True)
class SourceMedia:
    """The relay's side of one source: its tracks, what feeds them, the codec of each just now, and who watches.

    `taps` are its recorder's; they keep it, as viewers do.
    """

    tracks: dict[str, RelayTrack]
    publications: dict[str, PlanePublication] = field(default_factory=dict)
    codecs: dict[str, Codec] = field(default_factory=dict)
    viewers: set[str] = field(default_factory=set)
    taps: set[PlaneTap] = field(default_factory=set)

    @property
    def is_taken(self) -> bool:
        """Whether anybody takes it, published or not."""
        return bool(self.viewers or self.taps)


@dataclass(slots=True)
class Session:
    """One WHIP or WHEP session. `etag` names the current ICE generation (RFC 9725 section 4.3.1).

    `may`: whether whoever opened it may still do what it does; it ends when that is no more so.
    """

    id: str
    source: str
    publishes: bool
    peer: WebRtcSession
    thread: PlaneThread
    etag: str
    remote_ufrag: str
    may: May
    publications: list[PlanePublication] = field(default_factory=list)
    taken: dict[str, Taking] = field(default_factory=dict)

    def taking(self) -> dict[str, Taking]:
        """Return what it takes, by kind."""
        return self.taken

    @property
    def routes(self) -> list[PlaneRoute]:
        """The plane's side of what it takes."""
        return [item.route for item in self.taken.values()]


@dataclass(slots=True)
class Places:
    """Sessions of one kind: how many there are, and how many `setting` allows."""

    setting: str
    most: int
    taken: int = 0

    def require(self, wanted: int = 1) -> None:
        """Raise ExchangeFull when there are not so many left."""
        if self.taken + wanted > self.most:
            raise ExchangeFull(f"the node has {self.most} such sessions, its limit ({self.setting})")


@dataclass(frozen=True, slots=True)
class Answered:
    """A new session and the SDP to answer with."""

    session: Session
    sdp: str
