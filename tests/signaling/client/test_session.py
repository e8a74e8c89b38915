"""signaling.client.session, http, transport and publisher over loopback against a small server."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import select
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pylibsrtp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from media.rtp import header, rtcp, vp8
from signaling.client import http
from signaling.client.errors import ConnectFailed, HttpFailed, HttpRefused
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.session import SessionOptions, WhepSession, WhipSession, candidate_addresses
from signaling.sdp.model import Candidate
from signaling.sdp.offer import PublishTrack, offer_codecs
from signaling.sdp.transport import LocalCandidate
from tests import patience
from tests.patience import PATIENCE_S
from tests.signaling.client.lite_server import ServedSession, whip_server
from tests.signaling.dtls.pairs import context

TRACKS = (
    PublishTrack("video", offer_codecs("video", ["VP8"]), "s", "v", "unit@node", ssrc=10, rtx_ssrc=11),
    PublishTrack("audio", offer_codecs("audio", ["opus"]), "s", "a", "unit@node", ssrc=20),
)


def options(token: str = "right", ca_file: Path | None = None, connect_seconds: float = PATIENCE_S) -> SessionOptions:
    return SessionOptions(HttpOptions(token, ca_file), context("client"), connect_seconds=connect_seconds)


async def until(session: ServedSession, condition: Callable[[], bool]) -> None:
    """Wait until the served session has changed into the condition."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            session.changed.clear()
            await session.changed.wait()


def packet(sequence: int, ssrc: int = 10) -> bytes:
    return header.build(b"payload", payload_type=96, sequence=sequence, timestamp=0, ssrc=ssrc)


async def test_publishing_session_negotiates_sends_and_ends() -> None:
    async with whip_server() as server:
        feedback: list[bytes] = []
        arrived = asyncio.Event()

        def on_rtcp(compound: bytes) -> None:
            feedback.append(compound)
            arrived.set()

        async with WhipSession(f"{server.url}/whip/x?name=n", TRACKS, options(), on_rtcp) as session:
            (served,) = server.sessions
            assert session.location == f"{server.url}/session/0"
            assert [line.codecs[0].codec.encoding for line in session.media] == ["VP8", "opus"]
            assert session.media[0].codecs[0].rtx_payload_type == 97
            session.send_rtp(packet(1))
            session.send_rtcp(rtcp.build_pli(1, 2))
            await until(served, lambda: bool(served.rtp and served.rtcp))
            assert served.rtp == [packet(1)]
            assert served.rtcp == [rtcp.build_pli(1, 2)]
            served.send_rtcp(rtcp.build_pli(3, 4))
            async with asyncio.timeout(PATIENCE_S):
                await arrived.wait()
            assert feedback == [rtcp.build_pli(3, 4)]
            with pytest.raises(pylibsrtp.Error):
                session.send_rtp(packet(1))
            with pytest.raises(ValueError, match="too long"):
                session.send_rtp(bytes(1400))
        await until(served, lambda: served.server.closed)
        assert server.requests == ["POST /whip/x?name=n", "DELETE"]


async def test_viewing_session_receives_decrypted_packets() -> None:
    async with whip_server() as server:
        got: asyncio.Queue[bytes] = asyncio.Queue()
        session = WhepSession(f"{server.url}/whep/x", ("video",), options(), on_rtp=got.put_nowait)
        async with session:
            (served,) = server.sessions
            (line,) = session.media
            assert line.direction == "recv" and line.ssrcs[0].primary == 7
            # Late, reordered packets within the window come through; a replay does not.
            for sequence in (2000, 2, 2001):
                served.send_rtp(packet(sequence, 7))
            async with asyncio.timeout(PATIENCE_S):
                received = [header.parse(await got.get()).sequence for _ in range(3)]
            assert received == [2000, 2, 2001]
            served.server.send(b"\x80" + bytes(40))  # not protected with the key
            served.send_rtp(packet(2002, 7))
            async with asyncio.timeout(PATIENCE_S):
                await got.get()
            assert session.transport.counters.unauthentic == 1


async def test_end_by_the_server_is_told() -> None:
    async with whip_server() as server, WhipSession(f"{server.url}/whip/x", TRACKS, options()) as session:
        server.sessions[0].end()
        async with asyncio.timeout(PATIENCE_S):
            closed = await session.closed()
        assert closed.code == "peer-closed"
        assert not session.transport.is_connected
        session.send_rtp(packet(1))  # harmless


async def test_ice_restart_moves_to_a_fresh_socket_and_media_go_on() -> None:
    async with whip_server() as server, WhipSession(f"{server.url}/whip/x", TRACKS, options()) as session:
        (served,) = server.sessions
        (before,) = served.server.nominations
        await session.restart_ice()
        await until(served, lambda: len(served.server.nominations) == 2)
        assert served.server.nominations[1] != before
        session.send_rtp(packet(1))
        await until(served, lambda: served.rtp == [packet(1)])
        assert server.requests[1] == "PATCH * application/trickle-ice-sdpfrag"


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_candidates_of_both_families_are_tried_from_one_socket(host: str) -> None:
    async with whip_server() as server:
        server.host = host
        server.decoys = (LocalCandidate("::1", 9, 9), LocalCandidate("127.0.0.1", 9, 8))
        async with WhipSession(f"{server.url}/whip/x", TRACKS, options()) as session:
            (served,) = server.sessions
            assert session.transport.peer.address == (host, served.udp.getsockname()[1])
            session.send_rtp(packet(1))
            await until(served, lambda: served.rtp == [packet(1)])


async def test_refusal_carries_the_problem_code() -> None:
    async with whip_server() as server:
        with pytest.raises(HttpRefused) as refused:
            await WhipSession(f"{server.url}/whip/x", TRACKS, options("wrong")).start()
        assert (refused.value.status, refused.value.code) == (401, "bad-token")
        with pytest.raises(HttpRefused) as missing:
            await WhipSession(f"{server.url}/nowhere", TRACKS, options()).start()
        assert (missing.value.status, missing.value.code) == (404, "http-refused")


async def test_unreachable_server_is_told() -> None:
    with pytest.raises(HttpFailed) as failed:
        await WhipSession("http://127.0.0.1:9/whip/x", TRACKS, options()).start()
    assert failed.value.code == "http-unreachable"


async def test_silent_media_port_fails_and_the_session_is_deleted() -> None:
    async with whip_server() as server:
        server.deaf = True
        with pytest.raises(ConnectFailed) as failed:
            await WhipSession(f"{server.url}/whip/x", TRACKS, options(connect_seconds=0.3)).start()
        assert failed.value.code == "connect-timeout"
        assert server.requests[-1] == "DELETE"


async def test_session_whose_offer_was_cancelled_is_deleted_once_its_answer_tells_its_url() -> None:
    async with whip_server() as server:
        server.may_answer["POST"].clear()
        starting = asyncio.ensure_future(WhipSession(f"{server.url}/whip/x", TRACKS, options()).start())
        await patience.until("the session on the server", lambda: server.sessions)
        starting.cancel()
        await asyncio.sleep(0)
        server.may_answer["POST"].set()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([starting])
        assert starting.cancelled()
        assert server.requests == ["POST /whip/x", "DELETE"]


@pytest.mark.parametrize("unanswered", ["POST", "DELETE"])
async def test_cancelled_offer_is_not_waited_for_without_end(unanswered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_TAKE_BACK_SECONDS", 0.2)
    monkeypatch.setattr(http, "_TIMEOUT", aiohttp.ClientTimeout(total=None))
    async with whip_server() as server:
        for event in server.may_answer.values():
            event.clear()
        starting = asyncio.ensure_future(WhipSession(f"{server.url}/whip/x", TRACKS, options()).start())
        await patience.until("the session on the server", lambda: server.sessions)
        starting.cancel()
        await asyncio.sleep(0)
        if unanswered == "DELETE":
            server.may_answer["POST"].set()
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.wait([starting])
        assert starting.cancelled()
        for event in server.may_answer.values():
            event.set()


async def test_detached_connection_keeps_consent_by_its_core() -> None:
    async with whip_server() as server:
        session = WhipSession(f"{server.url}/whip/x", TRACKS, options())
        await session.start()
        (served,) = server.sessions
        detached = session.detach()
        checks = served.server.ice.counters.accepted
        detached.socket.send(detached.tx.protect(packet(5)))

        def drive() -> None:
            """What a load tool's thread does."""
            deadline = time.monotonic() + PATIENCE_S
            while time.monotonic() < deadline and detached.peer.ice.last_answer == before:
                timer = detached.peer.get_timer()
                assert timer is not None
                if select.select([detached.socket], [], [], max(0.0, timer - time.monotonic()))[0]:
                    datagram = detached.socket.recv(2048)
                    assert detached.peer.address is not None
                    detached.peer.receive(datagram, detached.peer.address, time.monotonic())
                detached.peer.handle_timer(time.monotonic())
                for out, _ in detached.peer.datagrams_to_send():
                    detached.socket.send(out)

        before = detached.peer.ice.last_answer
        await asyncio.to_thread(drive)
        assert detached.peer.ice.last_answer != before
        assert served.rtp == [packet(5)]
        assert served.server.ice.counters.accepted > checks
        detached.socket.close()
        await session.close()
        assert server.requests[-1] == "DELETE"


def authority(directory: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate authority and a server certificate for 127.0.0.1."""
    now = datetime.datetime.now(datetime.UTC)

    def certificate(
        name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, ca: bool
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(hours=1))
            .not_valid_after(now + datetime.timedelta(hours=1))
            .add_extension(x509.BasicConstraints(ca, None), critical=True)
        )
        if not ca:
            names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(signer, hashes.SHA256())

    root, leaf = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_file, chain = directory / "ca.pem", directory / "server.pem"
    ca_file.write_bytes(certificate("ca", root, "ca", root, True).public_bytes(serialization.Encoding.PEM))
    chain.write_bytes(
        leaf.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate("server", leaf, "ca", root, False).public_bytes(serialization.Encoding.PEM)
    )
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(chain)
    return ca_file, served


async def test_server_with_a_local_authority_is_trusted_only_when_told(tmp_path: Path) -> None:
    ca_file, served = authority(tmp_path)
    async with whip_server(ssl_context=served) as server:
        async with WhipSession(f"{server.url}/whip/x", TRACKS, options(ca_file=ca_file)) as session:
            assert session.transport.is_connected
        with pytest.raises(HttpFailed):
            await WhipSession(f"{server.url}/whip/x", TRACKS, options()).start()
    with pytest.raises(HttpFailed):
        await WhipSession("https://127.0.0.1:9/", TRACKS, options(ca_file=tmp_path / "none.pem")).start()


async def test_publisher_sends_frames_reports_and_repairs_and_passes_keyframe_requests_on() -> None:
    async with whip_server() as server:
        wanted: asyncio.Queue[tuple[int, int]] = asyncio.Queue()
        publisher = Publisher(f"{server.url}/whip/x", TRACKS, options(), lambda *asked: wanted.put_nowait(asked))
        await publisher.start()
        (served,) = server.sessions
        frame = b"\x00" + bytes(range(256)) * 10
        captured, captured_utc = time.monotonic(), time.time()
        publisher.send(0, frame, captured)
        publisher.send(1, b"\xfcsound", captured, level=20)
        await until(served, lambda: len(served.rtp) >= 4 and len(served.rtcp) >= 2)
        packets = [header.parse(packet) for packet in served.rtp]
        video = [packet for packet in packets if packet.ssrc == 10]
        assert vp8.Vp8Packetizer().packetize(frame) == [packet.payload for packet in video]
        (report, _) = served.rtcp
        (sender,) = rtcp.parse(report)
        assert isinstance(sender, rtcp.SenderReport)
        utc = sender.ntp / 2**32 - rtcp.NTP_EPOCH_OFFSET_SECONDS
        assert captured_utc - 0.001 <= utc <= time.time()

        served.send_rtcp(rtcp.build_nack(1, 10, [video[1].sequence]))
        await until(served, lambda: len(served.rtp) >= 5)
        assert header.parse(served.rtp[4]).ssrc == 11
        served.send_rtcp(rtcp.build_pli(1, 10))
        async with asyncio.timeout(PATIENCE_S):
            assert await wanted.get() == (0, 0)
        await until(served, lambda: len(served.rtcp) >= 4)  # a second later: the next reports
        await publisher.close()
        await until(served, lambda: served.server.closed)
        assert rtcp.parse(served.rtcp[-1]) == [rtcp.Goodbye((10, 20))]


def test_candidates_are_sorted_normalised_and_filtered() -> None:
    def candidate(address: str, priority: int, transport: str = "udp", component: int = 1) -> Candidate:
        return Candidate("1", component, transport, priority, address, 9, "host")

    found = candidate_addresses(
        [
            candidate("192.0.2.1", 1),
            candidate("2001:DB8:0::1", 2),
            candidate("192.0.2.1", 9, "tcp"),
            candidate("192.0.2.2", 9, component=2),
            candidate("0aeb.local", 9),
        ]
    )
    assert found == (("2001:db8::1", 9), ("192.0.2.1", 9))
    assert candidate_addresses([candidate("10.0.0.1", 1)], "203.0.113.9") == (("203.0.113.9", 9),)
    assert candidate_addresses([candidate("10.0.0.1", 1)], "203.0.113.9", 5000) == (("203.0.113.9", 5000),)
