"""Offers in, answers out: publishers and viewers of the node's sources over WebRTC, one offer each (WHIP, WHEP).

Every session ends here, whatever ended it, so that nothing of it stays anywhere. Owns what the pages' connections
share with them: peers, sources, and the look after both. Runs on one event loop.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import Callable, Sequence

import structlog

from dispatch.sources import SourceRegistry
from media.plane.copies import PlaneTap
from media.plane.tapring import TapRingView
from media.plane.thread import PlaneThread
from media.relay import Relay
from signaling.dtls.context import DtlsContext
from signaling.ice.types import Credentials, generate_credentials
from signaling.sdp.accepted import Accepted, AcceptedMedia, SendTrack
from signaling.sdp.model import Codec
from signaling.sdp.parse import parse
from signaling.sdp.transport import LocalCandidate, LocalTransport
from signaling.sdp.webrtc import accept_publish, accept_view
from signaling.sdp.write import write
from signaling.webrtc.adaptation import LOOK_SECONDS, Adaptation
from signaling.webrtc.connections import Connections
from signaling.webrtc.errors import ExchangeClosed, SessionUnknown
from signaling.webrtc.formats import receive_extensions, route_format, send_extensions
from signaling.webrtc.measured import Measured
from signaling.webrtc.peers import Peers
from signaling.webrtc.records import KINDS, Answered, May, Places, Session, SourceMedia, always
from signaling.webrtc.session import SessionEnded, WebRtcSession
from signaling.webrtc.sources import Feed, Sources
from signaling.webrtc.taking import Taking

_log = structlog.get_logger(__name__)

#: How often sources are looked at, and sessions for lost consent.
CHECK_SECONDS = 0.5
#: Without such a look for so long the node is not what its peers rely on.
HEALTHY_SECONDS = 10.0
#: Each takes about 150 us and a few commands to the plane.
ENDS_A_TURN = 50


class Exchange:
    """All WebRTC sessions of the node, and its pages' `connections`. `start` once, `close` at the end."""

    def __init__(
        self,
        relay: Relay,
        registry: SourceRegistry,
        context: DtlsContext,
        addresses: list[str],
        *,
        cname: str,
        max_publishers: int,
        max_viewers: int,
        silent_after_s: float,
        shared_port: int = 0,
    ) -> None:
        """`addresses` are told to peers as candidates, the preferred first; may be replaced at any time.

        `shared_port` is the TCP port whose connections with a check are brought to `take`; 0 for none.
        """
        self.registry = registry
        self.sessions: dict[str, Session] = {}
        self._relay = relay
        self._peers = Peers(relay, context, addresses, cname=cname, shared_port=shared_port)
        self._sources = Sources(relay, registry, self._peers.give_back, silent_after_s)
        # By kind, so that a mass of viewers never keeps a publisher out.
        self._publishers = Places("limits.max_sources", max_publishers)
        self._viewers = Places("limits.max_viewers", max_viewers)
        self.adaptation = Adaptation(Measured(self._sources.media), lambda: relay.links_filled)
        self.connections = Connections(
            relay,
            self._peers,
            self._sources,
            publishers=self._publishers,
            viewers=self._viewers,
            require_open=self._require_open,
            displace=self._displace,
            adaptation=self.adaptation,
        )
        self._by_peer: dict[WebRtcSession, Session] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._looked_at = 0.0
        self._closed = False

    @property
    def addresses(self) -> list[str]:
        """What peers are told as candidates."""
        return self._peers.addresses

    @addresses.setter
    def addresses(self, addresses: list[str]) -> None:
        self._peers.addresses = addresses

    def take(self, connection: socket.socket, ufrag: str) -> bool:
        """Take a TCP connection that begins with a check for `ufrag`; False leaves it to the caller."""
        return not self._closed and self._peers.take(connection, ufrag)

    @property
    def media(self) -> dict[str, SourceMedia]:
        """The relay's side of every source."""
        return self._sources.media

    @property
    def is_healthy(self) -> bool:
        """Whether sessions are looked after and the plane takes commands; what is not needs a new start."""
        return self._peers.is_settled and time.monotonic() - self._looked_at < HEALTHY_SECONDS

    def listen(self, listener: Callable[[str], None]) -> None:
        """Tell `listener` of every source whose tracks have changed from now on."""
        self._sources.listeners.append(listener)

    @property
    def figures(self) -> dict[tuple[str, ...], float]:
        """How many sessions there are of each kind."""
        publishing = sum(session.publishes for session in self.sessions.values())
        pages = len(self.connections.peers())
        return {("publish",): publishing, ("watch",): len(self.sessions) - publishing, ("page",): pages}

    @property
    def links(self) -> list[int]:
        """What may be sent to each viewer who tells what arrives, in bits a second."""
        estimates = (peer.transport.estimate for peer in self._all_peers())
        return [estimate["bps"] for estimate in estimates if estimate is not None]

    def start(self) -> None:
        """Listen to the relay and begin to look after sources and sessions."""
        self._peers.start()
        self._looked_at = time.monotonic()
        self._tasks = [asyncio.create_task(self._look_after()), asyncio.create_task(self._adapt())]

    async def close(self) -> None:
        """End every session and stop; offers that come later are refused. May be called twice."""
        self._closed = True
        # Forgotten too: their tracebacks would hold on to plane threads until the interpreter ends.
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._end_all(self._all_peers(), "closed", "the server stops")
        for source in list(self.media):
            self._sources.drop(source)

    def publish(self, source: str, name: str, offer: bytes, max_bytes: int, may: May = always) -> Answered:
        """Publish under an identifier, as long as `may` says yes; it is asked at every look after sessions.

        Raises SdpError, SourceError, ExchangeFull, ExchangeClosed, PlaneError, or a bad value.
        """
        self._require_open()
        self._peers.require_plane()
        # Who takes over a source takes its publisher's place: a sender that lost its line must always come back.
        if self.registry.admit(source) is None:
            self._publishers.require()
        thread = self._relay.choose_thread()
        local = self._peers.local(thread)
        accepted = accept_publish(parse(offer, max_bytes=max_bytes), local, allow_dtls_client=True)
        session = self._new_session(source, thread, accepted, local, may, publishes=True)
        try:
            feeds = [Feed.of(line) for line in _first_of_each_kind(accepted.media, "recv")]
            made, previous = self._sources.feed(source, name, session.id, session.peer.transport, feeds)
            session.publications += made
        except Exception:  # passed on: whatever it was, nothing of the session may stay
            session.peer.end("refused", "the source cannot be published")
            raise
        if previous is not None:
            self._displace(source, previous)
        return Answered(session, write(accepted.answer))

    def view(self, source: str, offer: bytes, max_bytes: int, may: May = always) -> Answered:
        """Watch a source, published just now or not. Raises as `publish`, and SourceUnknown."""
        self._require_open()
        self._peers.require_plane()
        self._viewers.require()
        self.registry.get(source)
        thread = self._relay.choose_thread(self._sources.home(source))
        local = self._peers.local(thread)
        codecs = self._sources.codecs(source)
        tracks = [self._send_track(source, kind, codecs.get(kind)) for kind in KINDS]
        accepted = accept_view(parse(offer, max_bytes=max_bytes), tracks, local, allow_dtls_client=True)
        session = self._new_session(source, thread, accepted, local, may, publishes=False)
        try:
            media = self._sources.watch(source, session.id)
            for line in accepted.media:
                if line.direction == "send" and line.kind in media.tracks:
                    route = media.tracks[line.kind].route(session.peer.transport, route_format(line))
                    session.taken[line.kind] = Taking(source, line.kind, route)
        except Exception:  # passed on: whatever it was, nothing of the session may stay
            session.peer.end("refused", "the source cannot be watched")
            raise
        return Answered(session, write(accepted.answer))

    def restart(self, session_id: str, remote: Credentials) -> tuple[Session, Credentials, tuple[LocalCandidate, ...]]:
        """Restart ICE with the peer's new credentials; return ours and our candidates.

        Raises SessionUnknown or PlaneError.
        """
        session = self.get(session_id)
        self._peers.require_plane()
        local = generate_credentials()
        session.peer.restart(local, remote)
        session.etag = _token()
        session.remote_ufrag = remote.ufrag
        return session, local, self._peers.candidates(session.thread)

    def get(self, session_id: str) -> Session:
        """Return a running session. Raises SessionUnknown."""
        session = self.sessions.get(session_id)
        if session is None:
            raise SessionUnknown(f"no session {session_id!r}: it has ended, or never was")
        return session

    def end(self, session_id: str) -> None:
        """End a session at its owner's wish. Raises SessionUnknown."""
        self.get(session_id).peer.end("deleted", "ended by its owner")

    def tap(self, source: str, kind: str, ring: TapRingView, thread: PlaneThread) -> tuple[SourceMedia, PlaneTap]:
        """Write all layers of a kind of a source, published or not, to a worker's ring of a thread.

        The source's media keeps the tap, until `end_tap` or its own end: then there is other media under its name.
        Raises PlaneError, ExchangeClosed.
        """
        self._require_open()
        self._peers.require_plane()
        return self._sources.tap(source, kind, ring, thread)

    def end_tap(self, source: str, tap: PlaneTap) -> None:
        """End a tap; it may have ended with its source."""
        self._sources.end_tap(source, tap)

    def home(self, source: str) -> PlaneThread:
        """Return the thread on which a source is published, or was, or might be."""
        return self._sources.home(source) or self._relay.choose_thread()

    async def stop(self, source: str) -> None:
        """Take a source out at once and end its sessions by and by. Raises SourceUnknown."""
        gone, media = self._sources.stop(source)
        ids = [*gone.viewers, *([gone.publisher] if gone.publisher else [])]
        peers = [self.sessions[session_id].peer for session_id in ids if session_id in self.sessions]
        _log.info("source_stopped", source=source, sessions=len(ids))
        self.connections.drop(source, ids)
        await self._end_all(peers, "source-stopped", "the source was stopped")
        if media is not None:
            self._sources.close(media)

    def _all_peers(self) -> list[WebRtcSession]:
        return [*(session.peer for session in self.sessions.values()), *self.connections.peers()]

    async def _end_all(self, peers: Sequence[WebRtcSession], code: str, reason: str) -> None:
        """End many sessions, others' events in between: thousands at once would hold up the loop for seconds."""
        for first in range(0, len(peers), ENDS_A_TURN):
            for peer in peers[first : first + ENDS_A_TURN]:
                peer.end(code, reason)
            await asyncio.sleep(0)

    def _displace(self, source: str, publisher: str) -> None:
        """Another publishes the source now: end the session, or what of the connection publishes it."""
        if publisher in self.sessions:
            self.sessions[publisher].peer.end("replaced", "the source is published by a newer session")
        else:
            self.connections.displace(publisher, source)

    def _require_open(self) -> None:
        if self._closed:
            raise ExchangeClosed("the node stops")

    def _new_session(
        self,
        source: str,
        thread: PlaneThread,
        accepted: Accepted,
        local: LocalTransport,
        may: May,
        *,
        publishes: bool,
    ) -> Session:
        peer = self._peers.open(
            thread,
            local,
            accepted,
            self._on_end,
            receive_ids=receive_extensions(accepted.media) if publishes else {},
            send_ids={} if publishes else send_extensions(accepted.media),
        )
        session = Session(_token(), source, publishes, peer, thread, _token(), accepted.remote.ice_ufrag, may)
        self.sessions[session.id] = session
        self._by_peer[peer] = session
        (self._publishers if publishes else self._viewers).taken += 1
        if not publishes:
            self.adaptation.add(session.id, peer.transport, session.taking)
        return session

    def _send_track(self, source: str, kind: str, codec: Codec | None) -> SendTrack:
        return SendTrack(
            kind="video" if kind == "video" else "audio",
            ssrc=secrets.randbits(31) + 1,
            rtx_ssrc=secrets.randbits(31) + 1 if kind == "video" else None,
            fec_ssrc=secrets.randbits(31) + 1 if kind == "video" else None,
            stream_id=source,
            track_id=f"{source}-{kind}"[:64],
            cname=self._peers.cname,
            codec=codec,
        )

    def _on_end(self, peer: WebRtcSession, ended: SessionEnded) -> None:
        session = self._by_peer.pop(peer)
        del self.sessions[session.id]
        self.adaptation.remove(session.id)
        (self._publishers if session.publishes else self._viewers).taken -= 1
        self._sources.take_back(session.source, session.publications)
        for route in session.routes:
            self._peers.give_back(route)
        if session.publishes:
            self._sources.withdraw(session.source, session.id)
        else:
            self._sources.leave(session.source, session.id)
        # A busy node has hundreds of viewers that come and go in a minute: theirs are no news.
        tell = _log.info if session.publishes else _log.debug
        tell("session_ended", session=session.id, source=session.source, code=ended.code, reason=ended.reason)

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                self._look()
                self._looked_at = time.monotonic()
            except Exception:  # so broad, because lost consent and silent sources must be noticed next time
                _log.exception("look_after_failed")

    def _hold(self) -> None:
        """End the sessions whose owners may no longer do what they do: rights, sign-ins, codes and grants end."""
        for session in list(self.sessions.values()):
            try:
                may = session.may()
            except Exception:  # so broad, because everybody else must be looked after; who cannot be asked about ends
                _log.exception("session_not_asked", session=session.id)
                may = False
            if not may:
                session.peer.end("forbidden", "its owner may not do this any more")

    async def _adapt(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                if self._relay.all_turning:
                    self.adaptation.look(time.monotonic_ns() // 1000)
            except Exception:  # so broad, because links must be looked at next time
                _log.exception("links_not_adapted")

    def _look(self) -> None:
        self._hold()
        self._peers.check()
        self.connections.check()
        self._sources.observe()
        self._peers.settle()


def _first_of_each_kind(media: list[AcceptedMedia], direction: str) -> list[AcceptedMedia]:
    found: dict[str, AcceptedMedia] = {}
    for line in media:
        if line.direction == direction and line.kind in KINDS:
            found.setdefault(line.kind, line)
    return list(found.values())


def _token() -> str:
    return secrets.token_urlsafe(12)
