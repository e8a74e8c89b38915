"""Connect one peer of the load, ICE then DTLS, over a blocking socket; what comes out is a `Path`.

Uses our client's own core with the least shell there can be, so that a thousand viewers are dialled in seconds, by
threads. After `dial` nothing here touches the socket again.
"""

import os
import select
import socket
import time
from dataclasses import dataclass

from benchmarks.load.framed import FramedSocket
from benchmarks.load.path import Path
from media.plane.srtp import SrtpKeys
from signaling.client.peer import Closed, Connected, PathSelected, Peer, RemoteParameters
from signaling.dtls.certificate import Certificate
from signaling.dtls.context import DtlsContext
from signaling.dtls.profiles import SrtpProfile
from signaling.ice import stun
from signaling.ice.controlling import CHECK_PRIORITY
from signaling.ice.types import Credentials, generate_credentials
from signaling.sdp.model import Fingerprint
from signaling.sdp.transport import LocalTransport

DEADLINE_S = 15.0
# Consent checks made beforehand; after so many their transaction ids come again, which a stateless answer survives.
CONSENT_REQUESTS = 8
MAX_DATAGRAM_BYTES = 2048
TRANSACTION_BYTES = 12


class DialError(Exception):
    """The server did not connect: refused, silent, or with keys we did not ask for."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What all connections of the load share: certificate and DTLS context, AES-128-GCM only."""

    certificate: Certificate
    context: DtlsContext

    @classmethod
    def generate(cls) -> "Identity":
        """A new certificate for this run."""
        certificate = Certificate.generate()
        return cls(certificate, DtlsContext(certificate, [SrtpProfile.AEAD_AES_128_GCM]))

    def transport(self) -> tuple[Credentials, LocalTransport]:
        """Fresh ICE credentials and our side of a transport, for a description."""
        credentials = generate_credentials()
        fingerprint = self.certificate.fingerprint
        return credentials, LocalTransport(
            credentials.ufrag,
            credentials.password,
            (Fingerprint(fingerprint.algorithm, str(fingerprint)),),
            ice_lite=False,
        )


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What a description settled besides the transport."""

    transport_cc_id: int = 0
    audio_payload_types: frozenset[int] = frozenset()


def bound(remote: RemoteParameters) -> socket.socket:
    """A socket on the address that the server gave for itself, since it is on this machine."""
    host = remote.candidates[0][0]
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, 0))
    return made


def dial(
    remote: RemoteParameters,
    local: Credentials,
    identity: Identity,
    negotiated: Negotiated,
    made: socket.socket | FramedSocket | None = None,
) -> Path:
    """Connect as controlling agent and DTLS client, from `made` where that is given.

    Raises:
        DialError: not connected within the deadline, or the handshake failed.
    """
    made = made or bound(remote)
    try:
        peer = Peer(identity.context, local, remote)
        keys = _connect(made, peer, time.monotonic() + DEADLINE_S)
    except BaseException:
        made.close()
        raise
    path = Path(
        socket=made.socket if isinstance(made, FramedSocket) else made,
        keys=keys,
        transport_cc_id=negotiated.transport_cc_id,
        audio_payload_types=negotiated.audio_payload_types,
        consent=_consent_requests(remote.credentials, local, peer),
        framed=isinstance(made, FramedSocket),
    )
    path.prepare()
    return path


def _connect(made: socket.socket | FramedSocket, peer: Peer, deadline: float) -> SrtpKeys:
    waiting = select.poll()
    waiting.register(made, select.POLLIN)
    peer.start(time.monotonic())
    while True:
        for datagram, address in peer.datagrams_to_send():
            made.sendto(datagram, address)
        while (event := peer.next_event()) is not None:
            match event:
                case PathSelected(address):
                    made.connect(address)
                case Connected(profile, local_key_salt, remote_key_salt):
                    return SrtpKeys(profile.openssl_name, local_key_salt, remote_key_salt)
                case Closed(code, reason):
                    raise DialError(f"{code}: {reason}")
                case _:
                    pass
        now = time.monotonic()
        if now >= deadline:
            raise DialError(f"not connected within {DEADLINE_S:.0f} s")
        until = min(peer.get_timer() or deadline, deadline)
        if waiting.poll(max(0.0, until - now) * 1000 + 1):
            datagram, address = made.recvfrom(MAX_DATAGRAM_BYTES)
            peer.receive(datagram, address[:2], time.monotonic())
        else:
            peer.handle_timer(time.monotonic())


def check(
    remote: Credentials, local: Credentials, tie_breaker: int, *, controlling: bool = True, nominate: bool = False
) -> bytes:
    """A connectivity check of ours, with a transaction id of its own."""
    return stun.build_request(
        os.urandom(TRANSACTION_BYTES),
        username=f"{remote.ufrag}:{local.ufrag}".encode(),
        key=remote.password.encode(),
        priority=CHECK_PRIORITY,
        tie_breaker=tie_breaker,
        controlling=controlling,
        use_candidate=nominate,
    )


def _consent_requests(remote: Credentials, local: Credentials, peer: Peer) -> tuple[bytes, ...]:
    ice = peer.ice
    return tuple(
        check(remote, local, ice.tie_breaker, controlling=ice.controlling, nominate=ice.controlling)
        for _ in range(CONSENT_REQUESTS)
    )
