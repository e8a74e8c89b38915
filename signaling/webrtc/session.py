"""One peer over WebRTC: its plane transport, its ICE and its DTLS, joined.

A thin shell: datagrams come from the plane's events, go back through the plane's socket, and the cores in between
decide. Ends when the peer ends it, the handshake fails, or consent runs out; then `on_close` is called once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from media.plane.names import FarAddress
from media.plane.srtp import SrtpKeys
from media.plane.thread import DatagramReceived
from media.plane.transport import PlaneTransport
from signaling.dtls.certificate import usable_fingerprints
from signaling.dtls.context import DtlsContext
from signaling.dtls.endpoint import DtlsEndpoint, HandshakeCompleted, HandshakeFailed
from signaling.ice.lite import (
    CONSENT_SECONDS,
    RESTART_GRACE_SECONDS,
    AddressForgotten,
    AddressValidated,
    IceLite,
    PairNominated,
    Reply,
)
from signaling.ice.types import Credentials
from signaling.sdp.transport import RemoteTransport

_log = structlog.get_logger(__name__)

#: After so long a timer looks again whether the plane goes on.
STANDSTILL_SECONDS = 1.0
#: Between two looks at a peer that is connected and needs nothing but its consent, which is looked at when it runs out:
#: looking at everybody is the largest of what the loop does regularly.
SETTLED_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SessionEnded:
    """Why a session is over: `code` is one of peer-closed, consent-lost, plane-full, internal, closed, what `end` was
    told, or a DTLS failure code.
    """

    code: str
    reason: str


class WebRtcSession:
    """Connect one peer. Call `datagram` for every plane event of its transport and `check` about once a second."""

    def __init__(
        self,
        transport: PlaneTransport,
        context: DtlsContext,
        local: Credentials,
        remote: RemoteTransport,
        on_close: Callable[[WebRtcSession, SessionEnded], None],
        is_turning: Callable[[], bool],
        *,
        is_client: bool = False,
    ) -> None:
        """Start to listen; as DTLS client we begin the handshake once the peer's first check has come.

        `is_turning` tells whether the transport's thread takes orders: one that does not would hold up the loop.

        Raises FingerprintError or CredentialsError for unusable values of the peer.
        """
        self.transport = transport
        self.connected = False
        self.profile = ""
        self._loop = asyncio.get_running_loop()
        far = Credentials(remote.ice_ufrag, remote.ice_pwd)
        self._ice = IceLite(local, far, self._loop.time())
        fingerprints = usable_fingerprints([(item.algorithm, item.value) for item in remote.fingerprints])
        self._dtls = DtlsEndpoint(context, fingerprints, is_client=is_client)
        self._on_close = on_close
        self._is_turning = is_turning
        self._timer: asyncio.TimerHandle | None = None
        self._former_ufrag: bytes | None = None
        self._former_timer: asyncio.TimerHandle | None = None
        self._path: tuple[FarAddress, str] | None = None
        self._started = False
        self._closed = False
        self._flight_at: float | None = 0.0  # 0.0: not sent yet; None: measured
        self._check_at = 0.0
        self._listen(local, far)

    @property
    def ufrag(self) -> str:
        """What the peer's checks begin their USERNAME with."""
        return self._ice.local.ufrag

    def datagram(self, event: DatagramReceived) -> None:
        """Take a STUN or DTLS datagram of this transport. Raises nothing, as `check`."""
        if not self._closed:
            self._safely(lambda: self._receive(event))

    def check(self) -> None:
        """End the session when the peer's consent has run out (RFC 7675); once a second or more often."""
        if not self._closed and self._loop.time() >= self._check_at:
            self._safely(self._check)

    def _safely(self, step: Callable[[], None]) -> None:
        """Do a step; a fault of ours in it ends this session only."""
        try:
            step()
        except Exception:  # so broad, because the loop and the caller have other peers to serve
            _log.exception("session_failed", transport=self.transport.id)
            self.end("internal", "the server met a fault; its log tells more")

    def _receive(self, event: DatagramReceived) -> None:
        if event.kind == "stun":
            self._stun(event)
        else:
            self._measure()
            self._dtls.receive(event.data, self._loop.time())
            self._drain(event.remote, event.local)

    def _check(self) -> None:
        now = self._loop.time()
        answered = self.transport.consent_seconds
        until = max(self._ice.consent_until, answered + CONSENT_SECONDS if answered else 0.0)
        if now > until:
            self.end("consent-lost", "no valid connectivity check in time")
        elif self.transport.refused:
            self.end("plane-full", "the packet plane has no place for the peer's name or address")
        elif self.connected and self._dtls.holds_connection and self.transport.stats()["heard_ns"]:
            # An authentic packet proves that the peer has our last flight: OpenSSL's 75 KiB can go.
            self._dtls.confirm()
        elif self.connected and not self._dtls.holds_connection:
            self._check_at = min(now + SETTLED_SECONDS, until)

    def restart(self, local: Credentials, remote: Credentials) -> None:
        """Take new ICE credentials (RFC 8445 section 9); media goes on over the present path meanwhile."""
        # One generation before the present one, as `IceLite`: a peer that restarts without end fills no table.
        self._check_at = 0.0
        self._forget_former()
        self._former_ufrag = self._ice.local.ufrag.encode()
        self._former_timer = self._loop.call_later(RESTART_GRACE_SECONDS, self._on_former_timer)
        self._ice.restart(local, remote, self._loop.time())
        self._listen(local, remote)

    def end(self, code: str, reason: str) -> None:
        """Close: tell the peer if there is a path, give the transport back, report once. Raises nothing.

        A transport that a busy or stuck plane does not take back is `on_close`'s to close again.
        """
        if self._closed:
            return
        self._closed = True
        for timer in (self._timer, self._former_timer):
            if timer is not None:
                timer.cancel()
        try:
            if self._is_turning():
                self._leave()
        except Exception:  # so broad, because `on_close` must come, or the session stays in every table
            _log.exception("session_end_failed", transport=self.transport.id)
        self._on_close(self, SessionEnded(code, reason))

    def _leave(self) -> None:
        self._dtls.close()
        if self._path is not None:
            for datagram in self._dtls.datagrams_to_send():
                self.transport.send(datagram, *self._path)
        self.transport.close()

    def _listen(self, local: Credentials, remote: Credentials) -> None:
        """Have checks for these credentials brought here, and the ordinary ones answered by the plane."""
        self.transport.add_ufrag(local.ufrag.encode())
        self.transport.set_consent(f"{local.ufrag}:{remote.ufrag}".encode(), local.password.encode())

    def _on_former_timer(self) -> None:
        self._former_timer = None
        if self._is_turning():
            self._safely(self._forget_former)
        else:
            self._former_timer = self._loop.call_later(STANDSTILL_SECONDS, self._on_former_timer)

    def _forget_former(self) -> None:
        if self._former_timer is not None:
            self._former_timer.cancel()
            self._former_timer = None
        if self._former_ufrag is not None:
            self.transport.remove_ufrag(self._former_ufrag)
            self._former_ufrag = None

    def _stun(self, event: DatagramReceived) -> None:
        now = self._loop.time()
        outputs = self._ice.receive(event.data, event.remote, now)
        # Before the answer leaves: the peer's next datagram, its ClientHello, must not find a stranger's door.
        for output in outputs:
            if isinstance(output, AddressForgotten):
                self.transport.forget(output.address)
                if self._path is not None and self._path[0] == output.address:
                    self._path = None  # a peer that never nominates: the newest address takes over below
            elif isinstance(output, AddressValidated):
                self.transport.validate(output.address)
        for output in outputs:
            if isinstance(output, Reply):
                self.transport.send(output.datagram, output.destination, event.local)
            elif isinstance(output, AddressForgotten):
                continue
            elif isinstance(output, PairNominated) or self._path is None:
                self._use(output.address, event.local)
        if self._path is not None and not self._started:
            self._started = True
            self._dtls.start(now)
            self._drain(*self._path)

    def _use(self, remote: FarAddress, local: str) -> None:
        self._path = (remote, local)
        self.transport.select(remote, local)

    def _measure(self) -> None:
        """Take the round trip from our first DTLS flight to its answer; only once, as a repeated flight would lie."""
        if self._flight_at is not None and self._flight_at > 0.0:
            self.transport.set_rtt(self._loop.time() - self._flight_at)
            self._flight_at = None

    def _drain(self, remote: FarAddress, local: str) -> None:
        # Events first: the keys must be in the plane when our last flight lets the peer send media.
        event = self._dtls.next_event()
        while event is not None:
            if isinstance(event, HandshakeCompleted):
                self._keys(event)
            elif isinstance(event, HandshakeFailed):
                self.end(event.code, event.reason)
                return
            else:
                self.end("peer-closed", "the peer closed the connection")
                return
            event = self._dtls.next_event()
        flight = self._dtls.datagrams_to_send()
        for datagram in flight:
            self.transport.send(datagram, remote, local)
        if flight and self._flight_at == 0.0:
            self._flight_at = self._loop.time()
        self._arm()

    def _keys(self, event: HandshakeCompleted) -> None:
        self.profile = event.profile.openssl_name
        self.transport.set_keys(SrtpKeys(self.profile, event.local_key_salt, event.remote_key_salt))
        self.connected = True
        _log.debug("session_connected", transport=self.transport.id, profile=self.profile)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        when = self._dtls.get_timer()
        self._timer = None if when is None or self._closed else self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._is_turning():
            self._safely(self._expire)
        else:
            self._timer = self._loop.call_later(STANDSTILL_SECONDS, self._on_timer)

    def _expire(self) -> None:
        self._dtls.handle_timer(self._loop.time())
        if self._path is not None:
            self._drain(*self._path)
        else:
            self._arm()
