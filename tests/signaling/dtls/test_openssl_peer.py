"""signaling.dtls against the openssl command, which prints the keys it exported."""

from __future__ import annotations

import re
import select
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from signaling.dtls.certificate import Certificate
from signaling.dtls.context import DtlsContext
from signaling.dtls.endpoint import DtlsEndpoint, HandshakeCompleted, PeerClosed
from signaling.dtls.profiles import SrtpProfile
from tests.patience import PATIENCE_S


def pump(
    endpoint: DtlsEndpoint, udp: socket.socket, peer: tuple[str, int] | None, until: Callable[[], bool]
) -> tuple[str, int] | None:
    """Serve one endpoint on a socket until the condition holds; fails when it never does."""
    deadline = time.monotonic() + PATIENCE_S
    while not until():
        now = time.monotonic()
        assert now < deadline, "no progress"
        timer = endpoint.get_timer()
        wait = 0.1 if timer is None else min(0.1, max(0.0, timer - now))
        if select.select([udp], [], [], wait)[0]:
            datagram, peer = udp.recvfrom(2048)
            endpoint.receive(datagram, time.monotonic())
        elif timer is not None:
            endpoint.handle_timer(time.monotonic())
        for datagram in endpoint.datagrams_to_send():
            assert peer is not None
            udp.sendto(datagram, peer)
    return peer


def exported(output: str) -> bytes:
    match = re.search(r"Keying material: ([0-9A-F]+)", output)
    assert match, output
    return bytes.fromhex(match[1])


def peer_with_pem(folder: Path) -> tuple[Certificate, Path]:
    """Make the command's certificate; return it and the file that holds it and its key."""
    made, path = Certificate.generate(), folder / "peer.pem"
    key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(key + made.certificate.public_bytes(Encoding.PEM))
    return made, path


def options(profile: SrtpProfile, pem: Path) -> list[str]:
    size = 2 * (profile.key_bytes + profile.salt_bytes)
    return [
        *("-dtls1_2", "-use_srtp", profile.openssl_name, "-cert", str(pem), "-key", str(pem)),
        *("-keymatexport", "EXTRACTOR-dtls_srtp", "-keymatexportlen", str(size)),
    ]


@pytest.mark.parametrize("profile", list(SrtpProfile))
def test_openssl_client_exports_the_same_keys(profile: SrtpProfile, tmp_path: Path) -> None:
    theirs, pem = peer_with_pem(tmp_path)
    server = DtlsEndpoint(DtlsContext(Certificate.generate()), [theirs.fingerprint], is_client=False)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{udp.getsockname()[1]}"]
        with subprocess.Popen(
            [*command, *options(profile, pem)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as client:
            server.start(time.monotonic())
            peer = pump(server, udp, None, lambda: server.established)
            event = server.next_event()
            server.confirm()
            assert client.stdin
            client.stdin.write("Q\n")
            client.stdin.flush()
            ends: list[object] = []

            def closed() -> bool:
                ends.extend(iter(server.next_event, None))
                return bool(ends)

            # The alert it sends on leaving is read by the few keys that were kept.
            pump(server, udp, peer, closed)
            output, _ = client.communicate(timeout=PATIENCE_S)
    assert isinstance(event, HandshakeCompleted) and event.profile is profile
    assert (event.remote_key_salt, event.local_key_salt) == profile.split_keys(exported(output))
    assert ends == [PeerClosed()]


def test_openssl_server_exports_the_same_keys(tmp_path: Path) -> None:
    profile = SrtpProfile.AES128_CM_SHA1_80
    theirs, pem = peer_with_pem(tmp_path)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["openssl", "s_server", "-port", str(port), "-Verify", "1", "-naccept", "1", "-4"]
    client = DtlsEndpoint(DtlsContext(Certificate.generate()), [theirs.fingerprint], is_client=True)
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        subprocess.Popen(
            [*command, *options(profile, pem)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as server,
    ):
        assert server.stdout
        while server.stdout.readline().strip() != "ACCEPT":
            assert server.poll() is None
        client.start(time.monotonic())
        pump(client, udp, ("127.0.0.1", port), lambda: client.established)
        event = client.next_event()
        client.close()
        (alert,) = client.datagrams_to_send()
        # Written by us, not by OpenSSL: the server ends only when it can decrypt it.
        udp.sendto(alert, ("127.0.0.1", port))
        output, _ = server.communicate(timeout=PATIENCE_S)
    assert isinstance(event, HandshakeCompleted)
    assert (event.local_key_salt, event.remote_key_salt) == profile.split_keys(exported(output))
    assert server.returncode == 0
