"""Offers in, answers out: publishers and viewers of the node's sources over WebRTC.

Joins the registry's decisions (dispatch) with the relay's tracks (media). Every session ends here, whatever ended it,
so that nothing of it stays anywhere. Runs on one event loop.
"""

from __future__ import annotations

import asyncio
import secrets
import time

import structlog

from dispatch.sources import SourceRegistry
from media.plane.names import PlaneError
from media.plane.thread import DatagramReceived, PlaneEvent, PlaneThread
from media.plane.transport import PlaneTransport
from media.relay import Relay, RelayTrack
from signaling.dtls.context import DtlsContext
from signaling.ice.types import Credentials, generate_credentials
from signaling.sdp.accepted import Accepted, AcceptedMedia, SendTrack
from signaling.sdp.model import Codec, Fingerprint
from signaling.sdp.parse import parse
from signaling.sdp.transport import LocalCandidate, LocalTransport
from signaling.sdp.webrtc import accept_publish, accept_view
from signaling.sdp.write import write
from signaling.webrtc.errors import ExchangeClosed, SessionUnknown
from signaling.webrtc.formats import publication_format, receive_extensions, route_format, send_extensions
from signaling.webrtc.records import Answered, Closable, Places, Session, SourceMedia
from signaling.webrtc.session import SessionEnded, WebRtcSession

_log = structlog.get_logger(__name__)

#: How often sources are looked at, and sessions for lost consent.
CHECK_SECONDS = 0.5
#: Without such a look for so long the node is not what its peers rely on.
HEALTHY_SECONDS = 10.0
#: Each takes about 150 us and a few commands to the plane.
ENDS_A_TURN = 50
KINDS = ("video", "audio")


class Exchange:
    """All WebRTC sessions of the node. `start` once, `close` at the end."""

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
    ) -> None:
        """`addresses` are told to peers as candidates, the preferred first; may be replaced at any time."""
        self.registry = registry
        self.addresses = addresses
        self.sessions: dict[str, Session] = {}
        self.media: dict[str, SourceMedia] = {}
        self._relay = relay
        self._context = context
        self._cname = cname
        # By kind, so that a mass of viewers never keeps a publisher out.
        self._publishers = Places("limits.max_sources", max_publishers)
        self._viewers = Places("limits.max_viewers", max_viewers)
        self._silent_ns = int(silent_after_s * 1e9)
        self._by_transport: dict[int, Session] = {}
        self._owed: list[Closable] = []
        self._task: asyncio.Task[None] | None = None
        self._looked_at = 0.0
        self._closed = False

    @property
    def is_healthy(self) -> bool:
        """Whether sessions are looked after and the plane takes commands; what is not needs a new start."""
        return not self._owed and self._relay.all_turning and time.monotonic() - self._looked_at < HEALTHY_SECONDS

    def start(self) -> None:
        """Listen to the relay and begin to look after sources and sessions."""
        self._relay.start(self._on_event)
        self._looked_at = time.monotonic()
        self._task = asyncio.create_task(self._look_after())

    async def close(self) -> None:
        """End every session and stop; offers that come later are refused. May be called twice."""
        self._closed = True
        if self._task is not None:
            # Forgotten too: its traceback would hold on to plane threads until the interpreter ends.
            task, self._task = self._task, None
            task.cancel()
            await asyncio.wait([task])
        await self._end_all(list(self.sessions.values()), "closed", "the server stops")
        for source in list(self.media):
            self._drop_media(source)

    def publish(self, source: str, name: str, offer: bytes, max_bytes: int) -> Answered:
        """Publish under an identifier.

        Raises SdpError, SourceError, ExchangeFull, ExchangeClosed, PlaneError, or a bad value.
        """
        self._require_open()
        self._require_plane()
        # Who takes over a source takes its publisher's place: a sender that lost its line must always come back.
        if self.registry.admit(source) is None:
            self._publishers.require()
        local, credentials = self._local(self._relay.choose_thread())
        accepted = accept_publish(parse(offer, max_bytes=max_bytes), local[1], allow_dtls_client=True)
        # An offer that is refused must not take the source from its present publisher: the records of who publishes
        # change when nothing can fail any more, and in the plane the publication before is the newest again.
        session = self._new_session(_token(), source, local[0], accepted, credentials, publishes=True)
        try:
            media = self.media.get(source) or self._new_media(source)
            lines = _first_of_each_kind(accepted.media, "recv")
            for line in lines:
                publication = media.tracks[line.kind].publish(session.peer.transport, publication_format(line))
                session.publications.append(publication)
            previous = self.registry.publish(source, name, session.id, _now_us())
        except Exception:  # passed on: whatever it was, nothing of the session may stay
            session.peer.end("refused", "the source cannot be published")
            raise
        # Viewers that come later are answered for what this publisher has, not for what another had.
        media.codecs = {line.kind: line.codecs[0].codec for line in lines}
        media.publications |= {line.kind: made for line, made in zip(lines, session.publications, strict=True)}
        if previous is not None and previous in self.sessions:
            self.sessions[previous].peer.end("replaced", "the source is published by a newer session")
        return Answered(session, write(accepted.answer))

    def view(self, source: str, offer: bytes, max_bytes: int) -> Answered:
        """Watch a source, published just now or not. Raises as `publish`, and SourceUnknown."""
        self._require_open()
        self._require_plane()
        self._viewers.require()
        self.registry.get(source)
        media = self.media[source]
        home = next((track.home for track in media.tracks.values() if track.home is not None), None)
        local, credentials = self._local(self._relay.choose_thread(home))
        tracks = [self._send_track(source, kind, media.codecs.get(kind)) for kind in KINDS]
        accepted = accept_view(parse(offer, max_bytes=max_bytes), tracks, local[1], allow_dtls_client=True)
        session_id = _token()
        session = self._new_session(session_id, source, local[0], accepted, credentials, publishes=False)
        try:
            for line in accepted.media:
                if line.direction == "send" and line.kind in media.tracks:
                    session.routes.append(media.tracks[line.kind].route(session.peer.transport, route_format(line)))
            self.registry.watch(source, session_id)
        except Exception:  # passed on: whatever it was, nothing of the session may stay
            session.peer.end("refused", "the source cannot be watched")
            raise
        return Answered(session, write(accepted.answer))

    def restart(self, session_id: str, remote: Credentials) -> tuple[Session, Credentials, tuple[LocalCandidate, ...]]:
        """Restart ICE with the peer's new credentials; return ours and our candidates.

        Raises SessionUnknown or PlaneError.
        """
        session = self.get(session_id)
        self._require_plane()
        local = generate_credentials()
        session.peer.restart(local, remote)
        session.etag = _token()
        session.remote_ufrag = remote.ufrag
        return session, local, self._candidates(session.thread)

    def get(self, session_id: str) -> Session:
        """Return a running session. Raises SessionUnknown."""
        session = self.sessions.get(session_id)
        if session is None:
            raise SessionUnknown(f"no session {session_id!r}: it has ended, or never was")
        return session

    def end(self, session_id: str) -> None:
        """End a session at its owner's wish. Raises SessionUnknown."""
        self.get(session_id).peer.end("deleted", "ended by its owner")

    async def stop(self, source: str) -> None:
        """Take a source out at once and end its sessions by and by. Raises SourceUnknown."""
        gone = self.registry.stop(source)
        # Somebody may publish under the same name meanwhile: that is a new source.
        media = self.media.pop(source, None)
        ids = [*gone.viewers, *([gone.publisher] if gone.publisher else [])]
        sessions = [self.sessions[session_id] for session_id in ids if session_id in self.sessions]
        _log.info("source_stopped", source=source, sessions=len(sessions))
        await self._end_all(sessions, "source-stopped", "the source was stopped")
        if media is not None:
            self._close_media(media)

    async def _end_all(self, sessions: list[Session], code: str, reason: str) -> None:
        """End many sessions, others' events in between: thousands at once would hold up the loop for seconds."""
        for first in range(0, len(sessions), ENDS_A_TURN):
            for session in sessions[first : first + ENDS_A_TURN]:
                session.peer.end(code, reason)
            await asyncio.sleep(0)

    def _require_open(self) -> None:
        if self._closed:
            raise ExchangeClosed("the node stops")

    def _require_plane(self) -> None:
        if not self._relay.all_turning:
            raise PlaneError("a plane thread stands still")

    def _new_media(self, source: str) -> SourceMedia:
        self._forget_gone_sources()
        media = SourceMedia({kind: RelayTrack(self._relay, is_video=kind == "video") for kind in KINDS})
        self.media[source] = media
        return media

    def _forget_gone_sources(self) -> None:
        known = {source.id for source in self.registry.all()}
        for source in [item for item in self.media if item not in known]:
            self._drop_media(source)

    def _drop_media(self, source: str) -> None:
        media = self.media.pop(source, None)
        if media is not None:
            self._close_media(media)

    def _close_media(self, media: SourceMedia) -> None:
        for track in media.tracks.values():
            self._give_back(track)

    def _give_back(self, thing: Closable) -> None:
        """Close an object of the plane; when the plane takes no command now, remember to do it later."""
        if not self._owed and self._relay.all_turning:
            try:
                thing.close()
                return
            except PlaneError as error:
                _log.warning("plane_takes_nothing_back", reason=str(error))
        self._owed.append(thing)

    def _candidates(self, thread: PlaneThread) -> tuple[LocalCandidate, ...]:
        # RFC 8445 section 5.1.2.1: type preference 126 (host), local preference falling, component 1.
        return tuple(
            LocalCandidate(address, thread.port, (126 << 24) | ((65535 - place) << 8) | 255)
            for place, address in enumerate(self.addresses)
        )

    def _local(self, thread: PlaneThread) -> tuple[tuple[PlaneThread, LocalTransport], Credentials]:
        credentials = generate_credentials()
        own = self._context.certificate.fingerprint
        fingerprint = Fingerprint(own.algorithm, str(own))
        transport = LocalTransport(credentials.ufrag, credentials.password, (fingerprint,), self._candidates(thread))
        return (thread, transport), credentials

    def _new_session(
        self,
        session_id: str,
        source: str,
        thread: PlaneThread,
        accepted: Accepted,
        credentials: Credentials,
        *,
        publishes: bool,
    ) -> Session:
        transport = PlaneTransport(
            thread,
            receive_ids=receive_extensions(accepted.media) if publishes else {},
            send_ids={} if publishes else send_extensions(accepted.media),
            cname=self._cname,
            local_ssrc=secrets.randbits(31) + 1,
            reduced_size=any(line.rtcp_rsize for line in accepted.media),
        )
        try:
            peer = WebRtcSession(
                transport,
                self._context,
                credentials,
                accepted.remote,
                self._on_close,
                lambda: self._relay.is_turning(thread),
                is_client=accepted.dtls_role == "client",
            )
        except Exception:  # passed on: whatever it was, no session holds the transport yet
            self._give_back(transport)
            raise
        session = Session(session_id, source, publishes, peer, thread, _token(), accepted.remote.ice_ufrag)
        self.sessions[session_id] = session
        self._by_transport[transport.id] = session
        self._relay.occupy(thread)
        (self._publishers if publishes else self._viewers).taken += 1
        return session

    def _send_track(self, source: str, kind: str, codec: Codec | None) -> SendTrack:
        return SendTrack(
            kind="video" if kind == "video" else "audio",
            ssrc=secrets.randbits(31) + 1,
            rtx_ssrc=secrets.randbits(31) + 1 if kind == "video" else None,
            stream_id=source,
            track_id=f"{source}-{kind}"[:64],
            cname=self._cname,
            codec=codec,
        )

    def _on_event(self, event: PlaneEvent) -> None:
        if isinstance(event, DatagramReceived):
            session = self._by_transport.get(event.transport.id)
            # What is left out here comes again: peers repeat their checks and flights.
            if session is not None and self._relay.is_turning(session.thread):
                session.peer.datagram(event)

    def _on_close(self, peer: WebRtcSession, ended: SessionEnded) -> None:
        session = self._by_transport.pop(peer.transport.id)
        del self.sessions[session.id]
        self._relay.vacate(session.thread)
        (self._publishers if session.publishes else self._viewers).taken -= 1
        media = self.media.get(session.source)
        for publication in session.publications:
            self._give_back(publication)
            if media is not None:
                for kind in [kind for kind, item in media.publications.items() if item is publication]:
                    del media.publications[kind]
        for route in session.routes:
            self._give_back(route)
        self._give_back(peer.transport)
        if session.publishes:
            self.registry.withdraw(session.source, session.id, _now_us())
        else:
            self.registry.leave(session.source, session.id)
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

    def _look(self) -> None:
        # A plane that stands still hears nobody: no reason to call its peers lost.
        for session in list(self.sessions.values()) if self._relay.all_turning else ():
            session.peer.check()
        for source in self.registry.all():
            try:
                self.registry.observe(source.id, heard=self._is_heard(source.id), now_us=_now_us())
            except Exception:  # so broad, because the sources behind it are other publishers'
                _log.exception("source_not_observed", source=source.id)
        while self._owed and self._relay.all_turning:
            self._owed[0].close()
            del self._owed[0]

    def _is_heard(self, source: str) -> bool:
        media, now_ns = self.media.get(source), time.monotonic_ns()
        return media is not None and any(
            stats["heard_ns"] and now_ns - stats["heard_ns"] < self._silent_ns
            for publication in media.publications.values()
            for stats in publication.stats()
        )


def _first_of_each_kind(media: list[AcceptedMedia], direction: str) -> list[AcceptedMedia]:
    found: dict[str, AcceptedMedia] = {}
    for line in media:
        if line.direction == direction and line.kind in KINDS:
            found.setdefault(line.kind, line)
    return list(found.values())


def _now_us() -> int:
    return time.time_ns() // 1000


def _token() -> str:
    return secrets.token_urlsafe(12)
