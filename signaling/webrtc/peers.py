"""The node's peers at the packet plane: made, found by their datagrams, looked after, and given back.

What a peer publishes or watches is its owner's. Runs on one event loop.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import structlog

from media.plane.names import PlaneError
from media.plane.thread import DatagramReceived, PlaneEvent, PlaneThread
from media.plane.transport import PlaneTransport
from media.relay import Relay
from signaling.dtls.context import DtlsContext
from signaling.ice.types import Credentials, generate_credentials
from signaling.sdp.accepted import Accepted
from signaling.sdp.model import Fingerprint
from signaling.sdp.transport import LocalCandidate, LocalTransport
from signaling.webrtc.records import Closable
from signaling.webrtc.session import SessionEnded, WebRtcSession

_log = structlog.get_logger(__name__)

#: Told once of a peer's end, before its transport is given back.
OnEnd = Callable[[WebRtcSession, SessionEnded], None]


@dataclass(frozen=True, slots=True)
class _Known:
    peer: WebRtcSession
    thread: PlaneThread
    on_end: OnEnd


class Peers:
    """All WebRTC peers of the node. `start` once."""

    def __init__(
        self, relay: Relay, context: DtlsContext, addresses: list[str], *, cname: str, shared_port: int = 0
    ) -> None:
        """`addresses` are told to peers as candidates, the preferred first; may be replaced at any time.

        `shared_port` is a TCP port beside the plane's own, whose connections are brought to `take`; 0 for none.
        """
        self.addresses = addresses
        self.cname = cname
        self._shared_port = shared_port
        self._relay = relay
        self._context = context
        self._by_transport: dict[int, _Known] = {}
        self._owed: list[Closable] = []

    @property
    def is_settled(self) -> bool:
        """Whether the plane takes commands, and has taken back all that it was given back."""
        return not self._owed and self._relay.all_turning

    def start(self) -> None:
        """Take the plane's events from now on."""
        self._relay.start(self._on_event)

    def require_plane(self) -> None:
        """Raise PlaneError when a plane thread takes no orders."""
        if not self._relay.all_turning:
            raise PlaneError("a plane thread stands still")

    def local(self, thread: PlaneThread, credentials: Credentials | None = None) -> LocalTransport:
        """Return our side of a transport on this thread, with fresh credentials unless some are given."""
        credentials = credentials or generate_credentials()
        own = self._context.certificate.fingerprint
        fingerprint = Fingerprint(own.algorithm, str(own))
        return LocalTransport(credentials.ufrag, credentials.password, (fingerprint,), self.candidates(thread))

    def candidates(self, thread: PlaneThread) -> tuple[LocalCandidate, ...]:
        """Return the addresses of a thread's ports, those of TCP last: they are for who gets nothing else through."""
        # RFC 8445 section 5.1.2.1: type preference 126 (host), local preference falling, component 1.
        datagrams = [
            LocalCandidate(address, thread.port, (126 << 24) | ((65535 - place) << 8) | 255)
            for place, address in enumerate(self.addresses)
        ]
        # RFC 6544 section 4.2: a lower type preference, and a local one that begins with 4 for passive host candidates.
        doors = [(address, port) for port in (thread.tcp_port, self._shared_port) if port for address in self.addresses]
        connections = [
            LocalCandidate(address, port, (90 << 24) | (((4 << 13) + 8191 - place) << 8) | 255, tcp=True)
            for place, (address, port) in enumerate(doors)
        ]
        return (*datagrams, *connections)

    def take(self, connection: socket.socket, ufrag: str) -> bool:
        """Bring a TCP connection whose first frame is a check to the thread of the peer that it names.

        False leaves it to the caller. Looks at every peer: far less than the TLS handshake of another stranger.
        """
        for known in self._by_transport.values():
            if known.peer.ufrag == ufrag:
                if not self._relay.is_turning(known.thread):
                    return False
                known.thread.take(connection)
                return True
        return False

    def open(
        self,
        thread: PlaneThread,
        local: LocalTransport,
        accepted: Accepted,
        on_end: OnEnd,
        *,
        receive_ids: Mapping[int, int],
        send_ids: Mapping[int, int],
        declared_only: bool = False,
    ) -> WebRtcSession:
        """Make a peer's transport and begin to listen to it; options as `PlaneTransport`'s.

        Raises PlaneError, or for a bad value of the peer.
        """
        transport = PlaneTransport(
            thread,
            receive_ids=receive_ids,
            send_ids=send_ids,
            cname=self.cname,
            local_ssrc=secrets.randbits(31) + 1,
            reduced_size=any(line.rtcp_rsize for line in accepted.media),
            declared_only=declared_only,
        )
        try:
            peer = WebRtcSession(
                transport,
                self._context,
                Credentials(local.ice_ufrag, local.ice_pwd),
                accepted.remote,
                self._on_close,
                lambda: self._relay.is_turning(thread),
                is_client=accepted.dtls_role == "client",
            )
        except Exception:  # passed on: whatever it was, nobody holds the transport yet
            self.give_back(transport)
            raise
        self._by_transport[transport.id] = _Known(peer, thread, on_end)
        self._relay.occupy(thread)
        return peer

    def give_back(self, thing: Closable) -> None:
        """Close an object of the plane; when the plane takes no command now, remember to do it later."""
        if not self._owed and self._relay.all_turning:
            try:
                thing.close()
                return
            except PlaneError as error:
                _log.warning("plane_takes_nothing_back", reason=str(error))
        self._owed.append(thing)

    def check(self) -> None:
        """Look for lost consent, once a second or more often."""
        # A plane that stands still hears nobody: no reason to call its peers lost.
        for known in list(self._by_transport.values()) if self._relay.all_turning else ():
            known.peer.check()

    def settle(self) -> None:
        """Give back what the plane did not take before."""
        while self._owed and self._relay.all_turning:
            self._owed[0].close()
            del self._owed[0]

    def _on_event(self, event: PlaneEvent) -> None:
        if isinstance(event, DatagramReceived):
            known = self._by_transport.get(event.transport.id)
            # What is left out here comes again: peers repeat their checks and flights.
            if known is not None and self._relay.is_turning(known.thread):
                known.peer.datagram(event)

    def _on_close(self, peer: WebRtcSession, ended: SessionEnded) -> None:
        known = self._by_transport.pop(peer.transport.id)
        self._relay.vacate(known.thread)
        try:
            known.on_end(peer, ended)
        finally:
            self.give_back(peer.transport)
