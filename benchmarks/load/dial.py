"""Connect one peer of the load: ICE, then DTLS, over a blocking socket; what comes out is a `Path`.

Uses the server's own ICE and DTLS cores with the least shell there can be, so that a thousand viewers are dialled in
seconds, by threads. After `dial` nothing here touches the socket again.
"""

import itertools
import os
import select
import socket
import time
from dataclasses import dataclass

from benchmarks.load.path import Path
from media.plane.srtp import SrtpKeys
from signaling.dtls.certificate import Certificate, usable_fingerprints
from signaling.dtls.context import DtlsContext
from signaling.dtls.endpoint import DtlsEndpoint, HandshakeCompleted, HandshakeFailed
from signaling.dtls.profiles import SrtpProfile
from signaling.ice import stun
from signaling.ice.controlling import CHECK_PRIORITY, ControllingIce, PairSelected
from signaling.ice.types import Address, Credentials
from signaling.sdp.model import MediaDescription, Section, SessionDescription

DEADLINE_S = 10.0
# Consent checks made beforehand; after so many their transaction ids come again, which a stateless answer survives.
CONSENT_REQUESTS = 8
CHECK_INTERVAL_S = 0.05
MAX_DATAGRAM_BYTES = 1500
TRANSPORT_CC_URI = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"


class DialError(Exception):
    """The server did not connect: refused, silent, or with keys we did not ask for."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What all connections of the load share: certificate and DTLS context, AES-128-GCM only."""

    certificate: Certificate
    context: DtlsContext

    @classmethod
    def generate(cls) -> "Identity":
        certificate = Certificate.generate()
        return cls(certificate, DtlsContext(certificate, [SrtpProfile.AEAD_AES_128_GCM]))

    @property
    def fingerprint(self) -> str:
        """The value of a=fingerprint."""
        return f"{self.certificate.fingerprint.algorithm} {self.certificate.fingerprint}"


@dataclass(frozen=True, slots=True)
class Remote:
    """What the server's description says of its transport."""

    credentials: Credentials
    candidates: tuple[Address, ...]
    fingerprints: tuple[tuple[str, str], ...]
    transport_cc_id: int
    audio_payload_types: frozenset[int]

    @classmethod
    def of(cls, description: SessionDescription) -> "Remote":
        """Read the first media section, which a bundle's transport is described in."""
        media = next(media for media in description.media if not media.rejected)
        sections: tuple[Section, ...] = (media, description)
        ufrag = next(filter(None, (section.ice_ufrag for section in sections)), "")
        password = next(filter(None, (section.ice_pwd for section in sections)), "")
        return cls(
            credentials=Credentials(ufrag, password),
            candidates=tuple(
                (candidate.address, candidate.port)
                for section in sections
                for candidate in section.candidates
                if candidate.transport.upper() == "UDP" and ":" not in candidate.address
            ),
            fingerprints=tuple(
                (fingerprint.algorithm, fingerprint.value)
                for section in sections
                for fingerprint in section.fingerprints
            ),
            transport_cc_id=_transport_cc_id(description.media),
            audio_payload_types=frozenset(
                codec.payload_type for media in description.media if media.kind == "audio" for codec in media.codecs
            ),
        )


def _transport_cc_id(medias: list[MediaDescription]) -> int:
    for media in medias:
        for extension in media.extensions:
            if extension.uri == TRANSPORT_CC_URI:
                return extension.id
    return 0


def bound(remote: Remote) -> socket.socket:
    """A socket on the address that the server gave for itself, since it is on this machine."""
    made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((remote.candidates[0][0], 0))
    return made


def dial(
    remote: Remote,
    local: Credentials,
    identity: Identity,
    *,
    made: socket.socket | None = None,
    deadline_s: float = DEADLINE_S,
) -> Path:
    """Connect to an ICE-lite server as controlling agent and DTLS client, from `made` where that is given.

    Raises:
        DialError: not connected within the deadline, or the handshake failed.
    """
    made = made or bound(remote)
    try:
        deadline = time.monotonic() + deadline_s
        tie_breaker = _check(made, ControllingIce(local, remote.credentials, remote.candidates), deadline)
        consent = _consent_requests(remote.credentials, local, tie_breaker)
        keys = _handshake(made, remote, identity, consent, deadline)
    except BaseException:
        made.close()
        raise
    path = Path(
        socket=made,
        keys=keys,
        transport_cc_id=remote.transport_cc_id,
        audio_payload_types=remote.audio_payload_types,
        consent=consent,
    )
    path.prepare()
    return path


def _check(made: socket.socket, ice: ControllingIce, deadline: float) -> int:
    """Check the candidates; connects the socket to the one that answered and returns our tie-breaker."""
    ice.start(time.monotonic())
    while True:
        for datagram, address in ice.datagrams_to_send():
            made.sendto(datagram, address)
        while (event := ice.next_event()) is not None:
            if isinstance(event, PairSelected):
                made.connect(event.address)
                return ice.tie_breaker
            raise DialError("no candidate answered")
        if _readable(made, min(ice.get_timer() or deadline, deadline), deadline):
            datagram, address = made.recvfrom(MAX_DATAGRAM_BYTES)
            ice.receive(datagram, address, time.monotonic())
        else:
            ice.handle_timer(time.monotonic())


def _handshake(
    made: socket.socket, remote: Remote, identity: Identity, checks: tuple[bytes, ...], deadline: float
) -> SrtpKeys:
    """Shake hands as client, checking on as a browser does: Janus takes no nomination from a first check."""
    endpoint = DtlsEndpoint(identity.context, usable_fingerprints(remote.fingerprints), is_client=True)
    endpoint.start(time.monotonic())
    next_check = time.monotonic()
    for round_number in itertools.count():
        if time.monotonic() >= next_check:
            made.send(checks[round_number % len(checks)])
            next_check = time.monotonic() + CHECK_INTERVAL_S
        for datagram in endpoint.datagrams_to_send():
            made.send(datagram)
        while (event := endpoint.next_event()) is not None:
            if isinstance(event, HandshakeCompleted):
                return SrtpKeys(event.profile.openssl_name, event.local_key_salt, event.remote_key_salt)
            raise DialError(event.code if isinstance(event, HandshakeFailed) else "closed")
        if _readable(made, min(endpoint.get_timer() or deadline, next_check, deadline), deadline):
            received = made.recv(MAX_DATAGRAM_BYTES)
            if received and 20 <= received[0] <= 63:
                endpoint.receive(received, time.monotonic())
        else:
            endpoint.handle_timer(time.monotonic())
    raise AssertionError


def _readable(made: socket.socket, until: float, deadline: float) -> bool:
    """Wait for a datagram until a time; raises DialError at the deadline."""
    now = time.monotonic()
    if now >= deadline:
        raise DialError("deadline passed")
    waiting = select.poll()
    waiting.register(made, select.POLLIN)
    return bool(waiting.poll(max(0.0, until - now) * 1000))


def _consent_requests(remote: Credentials, local: Credentials, tie_breaker: int) -> tuple[bytes, ...]:
    return tuple(
        stun.build_request(
            os.urandom(12),
            username=f"{remote.ufrag}:{local.ufrag}".encode(),
            key=remote.password.encode(),
            priority=CHECK_PRIORITY,
            tie_breaker=tie_breaker,
            use_candidate=True,
        )
        for _ in range(CONSENT_REQUESTS)
    )
