"""What an offer begins on a page's connection, made so that it can be undone as long as anything may fail."""

from __future__ import annotations

from collections.abc import Sequence

from dispatch.flow import Flow
from media.plane.objects import PlanePublication
from media.plane.transport import PlaneTransport
from signaling.webrtc.lines import Receiving, Sending, SendLine
from signaling.webrtc.peers import Peers
from signaling.webrtc.plan import Begun, Plan
from signaling.webrtc.sources import Feed, Sources
from signaling.webrtc.taking import Taking


class Work:
    """`make` once; when it raises, `undo` once.

    `displaced` are (source, session) pairs of publishers that end when all is done.
    """

    def __init__(self, sources: Sources, peers: Peers, connection: str, transport: PlaneTransport) -> None:
        self.sending: dict[str, Sending] = {}
        self.receiving: dict[str, Receiving] = {}
        self.displaced: list[tuple[str, str]] = []
        self._sources = sources
        self._peers = peers
        self._connection = connection
        self._transport = transport
        self._watched: set[str] = set()
        self._committed: set[str] = set()

    def make(self, planned: Plan) -> None:
        """Make routes, then publications, then tell the registry. Raises PlaneError or SourceError."""
        for begun in planned.begun:
            self._route(begun)
        for source, items in planned.feeds.items():
            made = self._sources.prepare(source, self._transport, [feed for _, feed in items])
            self._note(items, made)
        for source, items in planned.feeds.items():
            made = [self.sending[line.mid].publication for line, _ in items]
            feeds = [feed for _, feed in items]
            previous = self._sources.commit(source, items[0][0].name, self._connection, feeds, made)
            self._committed.add(source)
            if previous is not None:
                self.displaced.append((source, previous))

    def undo(self, published: set[str], taken: set[str]) -> None:
        """Take back what was made; `published` and `taken` are the sources that the connection had before."""
        for route in self.receiving.values():
            self._peers.give_back(route.route)
        for source in self._watched - taken:
            self._sources.leave(source, self._connection)
        for item in self.sending.values():
            self._sources.take_back(item.line.source, [item.publication])
            self._sources.undo(item.line.source, [])
        for source in self._committed - published:
            self._sources.withdraw(source, self._connection)

    def _route(self, begun: Begun) -> None:
        line = begun.line
        self._watched.add(line.source)
        track = self._sources.watch(line.source, self._connection).tracks[line.kind]
        allowed = line.flow is Flow.OPEN
        route = track.route(self._transport, begun.format, paused=not allowed)
        taking = Taking(line.source, line.kind, route, allowed=allowed, converses=bool(line.context))
        self.receiving[line.mid] = Receiving(line, begun.track, begun.format, taking, line.flow)

    def _note(self, items: Sequence[tuple[SendLine, Feed]], made: Sequence[PlanePublication]) -> None:
        for (line, feed), publication in zip(items, made, strict=True):
            self.sending[line.mid] = Sending(line, feed, publication)
