"""What the lines of a page's connection carry: as it is asked for, and as it is. Data; it decides nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dispatch.flow import Flow
from media.plane.objects import PlanePublication, PlaneRoute
from media.relay import RouteFormat
from signaling.sdp.accepted import SendTrack
from signaling.sdp.attributes import TOKEN
from signaling.webrtc.errors import LinesInvalid
from signaling.webrtc.records import KINDS
from signaling.webrtc.sources import Feed
from signaling.webrtc.taking import Taking

#: Of one connection; as many as the plane has routes for in a transport.
MAX_LINES = 64
MAX_CONTEXT_CHARACTERS = 128


@dataclass(frozen=True, slots=True)
class SendLine:
    """The page publishes this kind of a source on the line `mid`; `name` counts when the source begins."""

    mid: str
    kind: str
    source: str
    name: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What is published, by which it is told from others."""
        return self.source, self.kind


@dataclass(frozen=True, slots=True)
class ReceiveLine:
    """The page takes this kind of a source on the line `mid`, within a context ("": directly).

    `flow` is what the line begins with; a line that goes on keeps what it has.
    """

    mid: str
    kind: str
    source: str
    context: str = ""
    flow: Flow = Flow.OPEN

    @property
    def key(self) -> tuple[str, str, str]:
        """What is taken, by which it is found and told from others."""
        return self.source, self.kind, self.context


Line = SendLine | ReceiveLine


@dataclass(slots=True)
class Sending:
    """A line on which the page publishes."""

    line: SendLine
    feed: Feed
    publication: PlanePublication


@dataclass(slots=True)
class Receiving:
    """A line on which the page receives; `track` and `format` are as answered when it began."""

    line: ReceiveLine
    track: SendTrack
    format: RouteFormat
    taking: Taking
    flow: Flow

    @property
    def route(self) -> PlaneRoute:
        """The plane's side of it."""
        return self.taking.route


def require_lines(lines: Sequence[Line]) -> None:
    """Raise LinesInvalid for more lines than there may be, for nonsense, and for the same thing twice."""
    if len(lines) > MAX_LINES:
        raise LinesInvalid(f"{len(lines)} lines, at most {MAX_LINES} are taken")
    seen: set[object] = set()
    for line in lines:
        if line.kind not in KINDS or not TOKEN.fullmatch(line.source) or not TOKEN.fullmatch(line.mid):
            raise LinesInvalid(f"line {line.mid[:64]!r} names no kind and source that could be")
        if isinstance(line, ReceiveLine):
            if len(line.context) > MAX_CONTEXT_CHARACTERS:
                raise LinesInvalid(f"a context has at most {MAX_CONTEXT_CHARACTERS} characters")
            if line.flow is Flow.CLOSED:
                raise LinesInvalid("a line that begins closed is none")
        for key in (line.mid, line.key):
            if key in seen:
                raise LinesInvalid(f"{key!r} stands on two lines")
            seen.add(key)
