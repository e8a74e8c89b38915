"""One connection of our own client without I/O: controlling ICE, DTLS and the demultiplexing between them.

It serves WHIP and WHEP as well as the case where the other side made the offer (an ICE-lite gateway that
offers, and is answered with a=setup:active): it only needs the other side's parameters.
Core: no sockets, no clock; `now` is monotonic seconds of the machine (see signaling.dtls.endpoint).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from signaling.dtls.certificate import Fingerprint
from signaling.dtls.context import DtlsContext
from signaling.dtls.endpoint import DtlsEndpoint, HandshakeCompleted, HandshakeFailed
from signaling.dtls.profiles import SrtpProfile
from signaling.ice.controlling import ControllingIce, PairSelected
from signaling.ice.types import Address, Credentials


@dataclass(frozen=True, slots=True)
class RemoteParameters:
    """What the other side's description says of its transport; candidates in order of preference."""

    credentials: Credentials
    candidates: tuple[Address, ...]
    fingerprints: tuple[Fingerprint, ...]


@dataclass(frozen=True, slots=True)
class PathSelected:
    """The other side is reached at `address`: first time, and again after an ICE restart."""

    address: Address
    round_trip_seconds: float


@dataclass(frozen=True, slots=True)
class Connected:
    """Media may flow; keys are key||salt as libsrtp takes them."""

    profile: SrtpProfile
    local_key_salt: bytes
    remote_key_salt: bytes


@dataclass(frozen=True, slots=True)
class MediaReceived:
    """An SRTP or SRTCP packet, still protected."""

    packet: bytes


@dataclass(frozen=True, slots=True)
class Closed:
    """The connection is over, the core at rest.

    `code` is one of ice-failed (never connected), ice-lost, peer-closed, or a code of HandshakeFailed.
    """

    code: str
    reason: str


Event = PathSelected | Connected | MediaReceived | Closed


class Peer:
    """The connection's state.  Mutate once, then drain fully (`datagrams_to_send`, `next_event`, timer)."""

    def __init__(
        self,
        context: DtlsContext,
        local: Credentials,
        remote: RemoteParameters,
        *,
        dtls_client: bool = True,
    ) -> None:
        """Set up.  Raises FingerprintError when `remote` has no fingerprint."""
        self.connected = False
        self.dropped = 0
        """Datagrams without effect: unknown kind, or media before the keys."""
        self.ice = ControllingIce(local, remote.credentials, remote.candidates)
        self._dtls = DtlsEndpoint(context, remote.fingerprints, is_client=dtls_client)
        self._dtls_started = False
        self._over = False
        self._datagrams: deque[tuple[bytes, Address]] = deque()
        self._events: deque[Event] = deque()

    @property
    def address(self) -> Address | None:
        """Where the other side is reached, None before that is known."""
        return self.ice.selected

    def start(self, now: float) -> None:
        """Begin to look for a path."""
        self.ice.start(now)
        self._progress(now)

    def restart(self, local: Credentials, remote: Credentials, candidates: tuple[Address, ...], now: float) -> None:
        """Look for a path anew with new ICE credentials; keys and, until then, the old path stay."""
        if not self._over:
            self.ice.restart(local, remote, candidates, now)
            self._progress(now)

    def receive(self, datagram: bytes, source: Address, now: float) -> None:
        """Process one datagram (RFC 7983); what is foreign is counted, nothing is raised."""
        if self._over or not datagram:
            self.dropped += 1
            return
        first = datagram[0]
        if 127 < first < 192 and self.connected:
            self._events.append(MediaReceived(datagram))
            return
        if first < 4:
            self.ice.receive(datagram, source, now)
        elif 19 < first < 64 and self._dtls_started and source == self.ice.selected:
            self._dtls.receive(datagram, now)
        else:
            self.dropped += 1
            return
        self._progress(now)

    def get_timer(self) -> float | None:
        """Return when `handle_timer` wants to be called (monotonic seconds), None when at rest."""
        timers = [timer for timer in (self.ice.get_timer(), self._dtls.get_timer()) if timer is not None]
        return min(timers, default=None)

    def handle_timer(self, now: float) -> None:
        """Do what is due; early calls do no harm."""
        self.ice.handle_timer(now)
        self._dtls.handle_timer(now)
        self._progress(now)

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        """Return and forget what has to be sent, with destinations."""
        datagrams = list(self._datagrams)
        self._datagrams.clear()
        return datagrams

    def next_event(self) -> Event | None:
        """Return and forget the oldest event, None when there is none."""
        return self._events.popleft() if self._events else None

    def close(self) -> None:
        """End: the other side is told (one datagram to drain); no event follows."""
        if self._over:
            return
        self._dtls.close()
        self._collect()
        self._rest()

    def _progress(self, now: float) -> None:
        """Carry events of ICE to DTLS, and of both to the caller; collect what they send."""
        while (ice_event := self.ice.next_event()) is not None:
            if isinstance(ice_event, PairSelected):
                self._events.append(PathSelected(ice_event.address, ice_event.round_trip_seconds))
                if not self._dtls_started:
                    self._dtls_started = True
                    self._dtls.start(now)
            elif ice_event.was_connected:
                self._end("ice-lost", "the other side stopped answering")
            else:
                self._end("ice-failed", "no candidate answered")
        while (event := self._dtls.next_event()) is not None:
            if isinstance(event, HandshakeCompleted):
                self.connected = True
                self._events.append(Connected(event.profile, event.local_key_salt, event.remote_key_salt))
            elif isinstance(event, HandshakeFailed):
                self._end(event.code, event.reason)
            else:
                self._end("peer-closed", "the other side closed the connection")
        self._collect()

    def _collect(self) -> None:
        self._datagrams += self.ice.datagrams_to_send()
        address = self.ice.selected
        if address is not None:
            self._datagrams += [(datagram, address) for datagram in self._dtls.datagrams_to_send()]

    def _end(self, code: str, reason: str) -> None:
        self._collect()  # an alert that says why
        self._dtls.close()
        self._collect()
        self._rest()
        self._events.append(Closed(code, reason))

    def _rest(self) -> None:
        self._over = True
        self.connected = False
        self.ice.stop()
