"""The connections of the node's pages: one transport each, any number of lines, offered again and again.

Joins what an offer changes (`plan`) with sources and peers. What a page may publish and take is decided before it comes
here; here it is carried out, and everything of a connection ends with it. Runs on one event loop.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog

from dispatch.flow import Flow
from media.relay import Relay
from signaling.bucket import Bucket
from signaling.ice.types import Credentials
from signaling.sdp.continuation import restarts_ice
from signaling.sdp.model import SessionDescription
from signaling.sdp.parse import parse
from signaling.sdp.write import write
from signaling.webrtc.adaptation import Adaptation
from signaling.webrtc.connection import (
    Connection,
    ConnectionAnswer,
    ConnectionEnded,
    Listener,
    ReceiveState,
    SourceWithdrawn,
)
from signaling.webrtc.errors import LineUnknown, OffersTooFast, SessionUnknown
from signaling.webrtc.formats import receive_extensions, send_extensions
from signaling.webrtc.lines import Line, ReceiveLine, Sending, require_lines
from signaling.webrtc.peers import Peers
from signaling.webrtc.plan import Plan, Present, plan
from signaling.webrtc.records import Places
from signaling.webrtc.session import SessionEnded, WebRtcSession
from signaling.webrtc.sources import Sources
from signaling.webrtc.statistics import ConnectionStatistics, statistics_of
from signaling.webrtc.taking import Sight, Taking
from signaling.webrtc.work import Work

_log = structlog.get_logger(__name__)

#: 64 lines of a browser that offers all its formats on each.
MAX_OFFER_BYTES = 393_216
MAX_OFFER_TEXT_LINES = 10_000
#: Of a page. An offer costs up to tens of milliseconds; what a page wants in one turn it puts into one.
OFFERS_A_SECOND = 4.0
OFFERS_AT_ONCE = 8.0


class Connections:
    """All pages' connections. Every verb raises SessionUnknown for one that has ended."""

    def __init__(
        self,
        relay: Relay,
        peers: Peers,
        sources: Sources,
        *,
        publishers: Places,
        viewers: Places,
        require_open: Callable[[], None],
        displace: Callable[[str, str], None],
        adaptation: Adaptation,
    ) -> None:
        """`displace(source, publisher)` ends who published before; `require_open` refuses when the node stops."""
        self.listeners: list[Listener] = []
        self._relay = relay
        self._peers = peers
        self._sources = sources
        self._publishers = publishers
        self._viewers = viewers
        self._require_open = require_open
        self._displace = displace
        self._adaptation = adaptation
        self._connections: dict[str, Connection] = {}
        self._by_peer: dict[WebRtcSession, Connection] = {}
        self._buckets: dict[str, Bucket] = {}

    def open(self, owner: str, offer: bytes, lines: Sequence[Line]) -> ConnectionAnswer:
        """Connect a page; it counts as one viewer, and each source that it publishes as one publisher.

        Raises SdpError, SourceError, ExchangeError, PlaneError, or for a bad value; nothing stays then.
        """
        self._require_open()
        self._peers.require_plane()
        self._viewers.require()
        self._pay(owner)
        require_lines(lines)
        parsed = _parse(offer)
        homes = [self._sources.home(line.source) for line in lines if isinstance(line, ReceiveLine)]
        thread = self._relay.choose_thread(next((home for home in homes if home is not None), None))
        present = Present(
            self._peers.cname, self._peers.local(thread), secrets.randbits(62) + 1, secrets.randbits(31) + 1
        )
        planned = plan(parsed, lines, present, present.local, self._sources.codecs)
        peer = self._peers.open(
            thread, present.local, planned.accepted, self._on_end, receive_ids={}, send_ids={}, declared_only=True
        )
        connection = Connection(secrets.token_urlsafe(12), owner, present, thread, peer)
        self._connections[connection.id] = self._by_peer[peer] = connection
        self._viewers.taken += 1
        self._adaptation.add(connection.id, peer.transport, connection.taking)
        try:
            self._apply(connection, planned)
        except Exception:  # passed on: whatever it was, nothing of the connection may stay
            peer.end("refused", "the connection cannot be made")
            raise
        return self._answer(connection, planned)

    def offer(self, connection_id: str, offer: bytes, lines: Sequence[Line]) -> ConnectionAnswer:
        """Answer a later offer: what is the same on a line goes on untouched, all else is as `lines` says now.

        Raises as `open`; nothing has changed then.
        """
        self._require_open()
        self._peers.require_plane()
        connection = self._get(connection_id)
        self._pay(connection.owner)
        require_lines(lines)
        parsed = _parse(offer)
        present = connection.present
        planned = plan(parsed, lines, present, present.local, self._sources.codecs)
        restarts = present.agreed is not None and restarts_ice(planned.accepted.remote, present.agreed)
        if restarts:
            local = self._peers.local(connection.thread)
            planned = plan(parsed, lines, present, local, self._sources.codecs)
        self._apply(connection, planned)
        self._adaptation.soon(connection_id)
        if restarts:
            self._restart(connection, planned)
        return self._answer(connection, planned)

    def end(self, connection_id: str, code: str = "deleted", reason: str = "ended by its owner") -> None:
        """End a connection with all that it publishes and takes."""
        self._get(connection_id).peer.end(code, reason)

    def set_flow(self, connection_id: str, mid: str, flow: Flow) -> None:
        """Let pass on a line towards the page what `flow` says, without the page. A closed line is for a new offer.

        Raises LineUnknown for a line that is closed or receives nothing, PlaneError.
        """
        connection = self._get(connection_id)
        line = connection.present.receiving.get(mid)
        if line is None or line.flow is Flow.CLOSED:
            raise LineUnknown(f"the connection has no open line {mid!r} towards its page")
        if flow is not Flow.CLOSED:
            line.taking.allow(flow is Flow.OPEN)
            line.flow = flow
            self._adaptation.soon(connection_id)
            return
        before = connection.taken()
        line.flow = flow
        self._peers.give_back(line.route)
        self._leave(connection, before)

    def withdraw(self, connection_id: str, source: str, kind: str | None = None) -> None:
        """End what the page publishes of a source, or one kind of it; all else goes on. Raises LineUnknown."""
        connection = self._get(connection_id)
        ended = [
            item
            for item in connection.present.sending.values()
            if item.line.source == source and kind in (None, item.line.kind)
        ]
        if not ended:
            raise LineUnknown(f"the connection does not publish {source!r}")
        self._end_sending(connection, ended)

    def displace(self, connection_id: str, source: str) -> None:
        """Another publishes the source now; of no effect for a connection that has ended."""
        self._lose(connection_id, source, "replaced")

    def drop(self, source: str, connection_ids: Sequence[str]) -> None:
        """The source was stopped: close the lines of it; those of no connection of ours are passed over."""
        for connection_id in connection_ids:
            connection = self._connections.get(connection_id)
            if connection is None:
                continue
            mids = tuple(line.mid for line in self.receiving_of(connection_id) if line.source == source)
            for mid in mids:
                self.set_flow(connection_id, mid, Flow.CLOSED)
            if mids:  # or the page would show its last picture for ever
                self._tell(SourceWithdrawn(connection_id, connection.owner, source, "source-stopped", mids))
            self._lose(connection_id, source, "source-stopped")

    def receiving(self, source: str | None = None) -> Iterator[ReceiveState]:
        """Give all lines towards pages, or those of one source, that are not closed."""
        ids = list(self._connections) if source is None else self._sources.viewers(source)
        for identifier in ids:
            if identifier in self._connections:
                yield from (line for line in self.receiving_of(identifier) if source in (None, line.source))

    def receiving_of(self, connection_id: str) -> list[ReceiveState]:
        """Return the lines towards one page that are not closed."""
        connection = self._get(connection_id)
        return [
            ReceiveState(connection.id, connection.owner, mid, *item.line.key, item.flow)
            for mid, item in connection.present.receiving.items()
            if item.flow is not Flow.CLOSED
        ]

    def pictures(self, connection_id: str) -> dict[str, Taking]:
        """Return the pictures that a connection takes, by mid."""
        receiving = self._get(connection_id).present.receiving.items()
        return {mid: item.taking for mid, item in receiving if item.flow is Flow.OPEN and item.line.kind == "video"}

    def layered(self, connection_id: str) -> dict[str, tuple[str, tuple[str, ...]]]:
        """Return the lines on which a page sends layers: by mid the source, and the layers' RIDs in order."""
        return {
            mid: (item.line.source, tuple(rid.decode("ascii", "replace") for rid in item.feed.format.rids))
            for mid, item in self._get(connection_id).present.sending.items()
            if len(item.feed.format.rids) > 1
        }

    def see(self, connection_id: str, sights: Mapping[str, Sight]) -> None:
        """The page tells how it shows the pictures of these lines; others of its mids are passed over."""
        receiving = self._get(connection_id).present.receiving
        for mid, sight in sights.items():
            if mid not in receiving:
                continue
            taking = receiving[mid].taking
            if taking.sight != sight:
                taking.sight = sight
                self._adaptation.soon(connection_id)

    def sending(self) -> Iterator[tuple[str, str]]:
        """Give every connection that publishes, with each of its sources."""
        for connection in list(self._connections.values()):
            for source in connection.published():
                yield connection.id, source

    def forbid(self, connection_id: str, source: str) -> None:
        """Its page may not publish the source any more; of no effect for a connection that has ended."""
        self._lose(connection_id, source, "forbidden")

    def statistics(self, connection_id: str) -> ConnectionStatistics:
        """Return what was counted on a connection."""
        connection = self._get(connection_id)
        present = connection.present
        return statistics_of(connection.peer, present.sending.values(), present.receiving.values())

    def peers(self) -> list[WebRtcSession]:
        """Return every connection's peer."""
        return list(self._by_peer)

    def check(self) -> None:
        """End connections that only new keys can help; once a second or more often."""
        for connection in list(self._connections.values()):
            if connection.peer.transport.worn:
                connection.peer.end("worn", "the page has used up its keys; a new connection has others")
        now = time.monotonic()
        self._buckets = {owner: item for owner, item in self._buckets.items() if not item.is_full(now)}

    def _pay(self, owner: str) -> None:
        # The owner's and not the connection's: who hangs up each time would offer as fast as it likes.
        now = time.monotonic()
        if not self._buckets.setdefault(owner, Bucket(OFFERS_AT_ONCE, OFFERS_A_SECOND, now)).take(1, now):
            raise OffersTooFast(f"more than {OFFERS_A_SECOND:g} offers a second of one page")

    def _get(self, connection_id: str) -> Connection:
        connection = self._connections.get(connection_id)
        if connection is None:
            raise SessionUnknown(f"no connection {connection_id!r}: it has ended, or never was")
        return connection

    def _answer(self, connection: Connection, planned: Plan) -> ConnectionAnswer:
        unplayable = tuple(
            line.mid or ""
            for line in planned.accepted.media
            if line.track is not None and line.track.codec is not None and line.current is None
        )
        return ConnectionAnswer(connection.id, write(planned.accepted.answer), unplayable)

    def _apply(self, connection: Connection, planned: Plan) -> None:
        """Make what begins, then end what does not go on. What cannot be made leaves all as it was."""
        present, transport = connection.present, connection.peer.transport
        published, taken = connection.published(), connection.taken()
        fresh = [source for source in planned.feeds if source not in published]
        self._publishers.require(sum(self._sources.registry.admit(source) is None for source in fresh))
        present.next_ssrc = planned.next_ssrc
        work = Work(self._sources, self._peers, connection.id, transport)
        try:
            transport.add_extensions(
                receive_extensions([line for line in planned.accepted.media if line.direction == "recv"]),
                send_extensions([line for line in planned.accepted.media if line.direction == "send"]),
            )
            work.make(planned)
        except Exception:  # passed on: an offer that is refused changes nothing
            work.undo(published, taken)
            raise
        ended = [item for mid, item in present.sending.items() if mid not in planned.kept]
        routes = [item for mid, item in present.receiving.items() if mid not in planned.kept]
        present.sending = {mid: item for mid, item in present.sending.items() if mid in planned.kept} | work.sending
        present.receiving = {
            mid: item for mid, item in present.receiving.items() if mid in planned.kept
        } | work.receiving
        present.agreed, present.local, present.version = planned.agreed, planned.local, present.version + 1
        self._publishers.taken += len(connection.published() - published)
        self._retire(connection, ended, published)
        for item in routes:
            if item.flow is not Flow.CLOSED:
                self._peers.give_back(item.route)
        self._leave(connection, taken)
        for source, previous in work.displaced:
            self._displace(source, previous)

    def _restart(self, connection: Connection, planned: Plan) -> None:
        local, remote = planned.local, planned.accepted.remote
        try:
            connection.peer.restart(
                Credentials(local.ice_ufrag, local.ice_pwd), Credentials(remote.ice_ufrag, remote.ice_pwd)
            )
        except Exception:  # passed on: between two generations the connection is of no use
            connection.peer.end("internal", "ICE could not be restarted")
            raise

    def _end_sending(self, connection: Connection, ended: Sequence[Sending]) -> None:
        published = connection.published()
        for item in ended:
            del connection.present.sending[item.line.mid]
        self._retire(connection, ended, published)

    def _retire(self, connection: Connection, ended: Sequence[Sending], published: set[str]) -> None:
        """Give back publications that are no line's any more, and sources that have none left."""
        for item in ended:
            self._sources.take_back(item.line.source, [item.publication])
        for source in published - connection.published():
            self._publishers.taken -= 1
            self._sources.withdraw(source, connection.id)

    def _leave(self, connection: Connection, taken: set[str]) -> None:
        for source in taken - connection.taken():
            self._sources.leave(source, connection.id)

    def _lose(self, connection_id: str, source: str, code: str) -> None:
        connection = self._connections.get(connection_id)
        if connection is None or source not in connection.published():
            return
        ended = [item for item in connection.present.sending.values() if item.line.source == source]
        self._end_sending(connection, ended)
        mids = tuple(item.line.mid for item in ended)
        self._tell(SourceWithdrawn(connection.id, connection.owner, source, code, mids))

    def _on_end(self, peer: WebRtcSession, ended: SessionEnded) -> None:
        connection = self._by_peer.pop(peer)
        del self._connections[connection.id]
        self._adaptation.remove(connection.id)
        self._viewers.taken -= 1
        present, taken = connection.present, connection.taken()
        self._end_sending(connection, list(present.sending.values()))
        for item in present.receiving.values():
            if item.flow is not Flow.CLOSED:
                self._peers.give_back(item.route)
        present.receiving = {}
        self._leave(connection, taken)
        _log.info("connection_ended", connection=connection.id, code=ended.code, reason=ended.reason)
        if present.agreed is not None:  # else it never was anybody's
            self._tell(ConnectionEnded(connection.id, connection.owner, ended.code, ended.reason))

    def _tell(self, event: ConnectionEnded | SourceWithdrawn) -> None:
        for listener in self.listeners:
            try:
                listener(event)
            except Exception:  # so broad, because others listen too, and what ended here must end whole
                _log.exception("connection_listener_failed", kind=type(event).__name__)


def _parse(offer: bytes) -> SessionDescription:
    return parse(offer, max_bytes=MAX_OFFER_BYTES, max_lines=MAX_OFFER_TEXT_LINES)
