"""What an offer changes on a page's connection, found out before anything is changed. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dispatch.flow import Flow
from media.relay import RouteFormat
from signaling.sdp.accepted import Accepted, AcceptedMedia, SendTrack
from signaling.sdp.continuation import Agreed, agree
from signaling.sdp.model import Codec, SessionDescription
from signaling.sdp.transport import LocalTransport
from signaling.sdp.webrtc import accept_lines
from signaling.webrtc.formats import route_format
from signaling.webrtc.lines import MAX_LINES, Line, ReceiveLine, Receiving, Sending, SendLine
from signaling.webrtc.sources import Feed

_SSRCS = 1 << 32


@dataclass(slots=True)
class Present:
    """How a connection stands: what its lines carry, what they are bound to, and what is counted.

    SSRCs are given out one after another, so that those of the past take no room (media/plane/ranges.py).
    """

    cname: str
    local: LocalTransport
    session_id: int
    next_ssrc: int
    version: int = 0
    agreed: Agreed | None = None
    sending: dict[str, Sending] = field(default_factory=dict)
    receiving: dict[str, Receiving] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Begun:
    """A line that is to be sent to the page from now on."""

    line: ReceiveLine
    track: SendTrack
    format: RouteFormat


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do: lines by mid that go on as they are, publications by source and routes that begin.

    All else that the connection has ends.
    """

    accepted: Accepted
    agreed: Agreed
    local: LocalTransport
    next_ssrc: int
    kept: frozenset[str]
    feeds: Mapping[str, Sequence[tuple[SendLine, Feed]]]
    begun: Sequence[Begun]


def plan(
    offer: SessionDescription,
    lines: Sequence[Line],
    present: Present,
    local: LocalTransport,
    codecs: Callable[[str], Mapping[str, Codec]],
) -> Plan:
    """Answer an offer. `local` is our transport, with new credentials if the offer restarts ICE; `codecs` tells what
    a source sends now, by kind.

    Raises SdpError.
    """
    draft = _Draft(present, codecs)
    wanted = {line.mid: draft.track(line) if isinstance(line, ReceiveLine) else None for line in lines}
    accepted = _accept(offer, wanted, present, local)
    takes = [line for line in lines if isinstance(line, ReceiveLine)]
    by_mid = {item.mid: item for item in accepted.media}
    # Fewer formats than before are another stream: numbers of a route are for life.
    changed = [line for line in takes if draft.has_changed(line, by_mid[line.mid])]
    if changed:
        wanted |= {line.mid: draft.new_track(line) for line in changed}
        accepted = _accept(offer, wanted, present, local)
        by_mid = {item.mid: item for item in accepted.media}
    kept: set[str] = set()
    begun: list[Begun] = []
    feeds: dict[str, list[tuple[SendLine, Feed]]] = {}
    for line in lines:
        if isinstance(line, SendLine):
            feed, before = Feed.of(by_mid[line.mid]), present.sending.get(line.mid)
            if before is not None and before.line.key == line.key and before.feed.format == feed.format:
                kept.add(line.mid)
            else:
                feeds.setdefault(line.source, []).append((line, feed))
        elif line.mid in draft.fresh:
            begun.append(Begun(line, draft.fresh[line.mid], route_format(by_mid[line.mid])))
        else:
            kept.add(line.mid)
    agreed = agree(offer, accepted, present.agreed)
    return Plan(accepted, agreed, local, draft.next_ssrc, frozenset(kept), feeds, begun)


class _Draft:
    """The tracks of an answer: those of lines that go on, and fresh ones."""

    def __init__(self, present: Present, codecs: Callable[[str], Mapping[str, Codec]]) -> None:
        self.fresh: dict[str, SendTrack] = {}
        self.next_ssrc = present.next_ssrc
        self._present = present
        self._codecs = codecs

    def track(self, line: ReceiveLine) -> SendTrack:
        """Return the track of a line; as it was answered before if the line goes on."""
        before = self._present.receiving.get(line.mid)
        if before is not None and before.flow is not Flow.CLOSED and before.line.key == line.key:
            return before.track
        return self.new_track(line)

    def new_track(self, line: ReceiveLine) -> SendTrack:
        """Return a track with SSRCs of its own."""
        is_video = line.kind == "video"
        ssrc = self._ssrc()
        track = self.fresh[line.mid] = SendTrack(
            kind="video" if is_video else "audio",
            ssrc=ssrc,
            rtx_ssrc=self._ssrc() if is_video else None,
            fec_ssrc=self._ssrc() if is_video else None,
            # A browser plays picture and sound of one stream in step, and takes no track twice.
            stream_id=hashlib.sha256(f"{line.source} {line.context}".encode()).hexdigest()[:32],
            track_id=f"{ssrc:08x}",
            cname=self._present.cname,
            codec=self._codecs(line.source).get(line.kind),
        )
        return track

    def has_changed(self, line: ReceiveLine, accepted: AcceptedMedia) -> bool:
        """Whether a line goes on that could not be sent as it was."""
        return line.mid not in self.fresh and route_format(accepted) != self._present.receiving[line.mid].format

    def _ssrc(self) -> int:
        given = self.next_ssrc
        self.next_ssrc = (given + 1) % _SSRCS or 1
        return given


def _accept(
    offer: SessionDescription, wanted: Mapping[str, SendTrack | None], present: Present, local: LocalTransport
) -> Accepted:
    return accept_lines(
        offer,
        wanted,
        local,
        session_id=present.session_id,
        version=present.version + 1,
        max_lines=MAX_LINES,
    )
