"""The OpenSSL context all DTLS endpoints of a process share.

It exists once per process because it holds the certificate and costs more than a connection.  It keeps no
sessions and issues no tickets: every peer makes a full handshake under a fingerprint of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from OpenSSL import SSL, crypto

from signaling.dtls.certificate import Certificate, Fingerprint, certificate_matches
from signaling.dtls.profiles import PROFILES, SrtpProfile

_DTLS_1_2: Final = 0xFEFD
#: RFC 8827 section 6.5 demands the first; RSA is for clients of servers that have such a certificate.
_CIPHERS: Final = b":".join(
    (
        b"ECDHE-ECDSA-AES128-GCM-SHA256",
        b"ECDHE-RSA-AES128-GCM-SHA256",
        b"ECDHE-ECDSA-AES256-GCM-SHA384",
        b"ECDHE-RSA-AES256-GCM-SHA384",
        b"ECDHE-ECDSA-CHACHA20-POLY1305",
        b"ECDHE-RSA-CHACHA20-POLY1305",
    )
)
#: Datagrams stay below this, so that a flight passes tunnels (VPN, PPPoE, IPv6) unfragmented.
DATAGRAM_BYTES: Final = 1200


class PeerCheck:
    """What the handshake of one connection has to know of its peer, and what came of it."""

    __slots__ = ("fingerprints", "mismatch")

    def __init__(self, fingerprints: tuple[Fingerprint, ...]) -> None:
        self.fingerprints = fingerprints
        self.mismatch = False


def _verify(connection: SSL.Connection, certificate: crypto.X509, error: int, depth: int, preverified: int) -> bool:
    """Judge the peer's certificate by fingerprint alone; authorities and dates mean nothing in WebRTC."""
    if depth:
        return True
    check = connection.get_app_data()
    if certificate_matches(crypto.dump_certificate(crypto.FILETYPE_ASN1, certificate), check.fingerprints):
        return True
    check.mismatch = True
    return False


class DtlsContext:
    """Certificate, ciphers and SRTP profiles for any number of endpoints, of either role."""

    def __init__(self, certificate: Certificate, profiles: Sequence[SrtpProfile] = PROFILES) -> None:
        """Prepare; as server the first of `profiles` that the client offers is chosen."""
        self.certificate = certificate
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(_DTLS_1_2)
        context.set_max_proto_version(_DTLS_1_2)
        context.set_options(
            SSL.OP_NO_TICKET | SSL.OP_NO_QUERY_MTU | SSL.OP_NO_RENEGOTIATION | SSL.OP_CIPHER_SERVER_PREFERENCE
        )
        context.set_mode(SSL.MODE_RELEASE_BUFFERS)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, _verify)
        context.use_certificate(certificate.certificate)
        context.use_privatekey(certificate.key)
        context.set_cipher_list(_CIPHERS)
        context.set_tlsext_use_srtp(":".join(profile.openssl_name for profile in profiles).encode())
        self._context = context

    def connect(self, check: PeerCheck, *, is_client: bool) -> SSL.Connection:
        """Make a connection over memory, not yet begun; `check` is filled in by its handshake."""
        connection = SSL.Connection(self._context, None)
        connection.set_app_data(check)
        connection.set_ciphertext_mtu(DATAGRAM_BYTES)
        if is_client:
            connection.set_connect_state()
        else:
            connection.set_accept_state()
        return connection
