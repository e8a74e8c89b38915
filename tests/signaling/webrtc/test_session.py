"""One connection: ICE, DTLS in either role and the plane's transport, against our own client over loopback."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import pytest
import pytest_asyncio

from config import Media
from media.plane.memory import live_objects
from media.plane.thread import DatagramReceived, PlaneEvent
from media.plane.transport import PlaneTransport
from media.relay import Relay
from signaling.client.errors import ConnectFailed
from signaling.client.peer import Peer, RemoteParameters
from signaling.client.transport import Transport
from signaling.dtls.certificate import FingerprintError
from signaling.dtls.profiles import SrtpProfile
from signaling.ice import stun
from signaling.ice.types import Address, Credentials, CredentialsError, generate_credentials
from signaling.sdp.model import Fingerprint
from signaling.sdp.transport import RemoteTransport
from signaling.webrtc import session as session_module
from signaling.webrtc.session import SessionEnded, WebRtcSession
from tests.media.standstill import fill, standing_still, waits
from tests.patience import PATIENCE_S, until, wait_until
from tests.signaling.dtls.pairs import context
from tests.signaling.webrtc.conftest import CONSENT_SECONDS

__all__ = ["waits"]

SERVER, CLIENT = context("server"), context("client")
RECEIVER_REPORT = bytes.fromhex("80c9000100000001")


@dataclass
class Bench:
    """A plane thread, its sessions, and how they ended."""

    relay: Relay
    sessions: dict[int, WebRtcSession] = field(default_factory=dict)
    ended: dict[WebRtcSession, asyncio.Future[SessionEnded]] = field(default_factory=dict)
    credentials: dict[WebRtcSession, tuple[Credentials, Credentials]] = field(default_factory=dict)
    "ours and theirs"
    ends: int = 0

    @property
    def candidates(self) -> tuple[Address, ...]:
        return (("127.0.0.1", self.relay.threads[0].port),)

    def dispatch(self, event: PlaneEvent) -> None:
        if isinstance(event, DatagramReceived) and event.transport.id in self.sessions:
            self.sessions[event.transport.id].datagram(event)

    def pair(
        self, *, server_is_client: bool = False, fingerprint: str | None = None
    ) -> tuple[WebRtcSession, Transport]:
        """A session and the client it waits for, which is not started yet."""
        ours, theirs = generate_credentials(), generate_credentials()
        own = CLIENT.certificate.fingerprint
        remote = RemoteTransport(
            ice_ufrag=theirs.ufrag,
            ice_pwd=theirs.password,
            fingerprints=(Fingerprint(own.algorithm, fingerprint or str(own)),),
            setup=None,
            ice_lite=False,
            trickle=False,
            candidates=(),
            end_of_candidates=True,
        )
        transport = PlaneTransport(self.relay.threads[0])
        try:
            session = WebRtcSession(
                transport,
                SERVER,
                ours,
                remote,
                self._on_close,
                partial(self.relay.is_turning, transport.thread),
                is_client=server_is_client,
            )
        except ValueError:
            transport.close()
            raise
        self.sessions[transport.id] = session
        self.credentials[session] = (ours, theirs)
        self.ended[session] = asyncio.get_running_loop().create_future()
        parameters = RemoteParameters(ours, self.candidates, (SERVER.certificate.fingerprint,))
        return session, Transport(Peer(CLIENT, theirs, parameters, dtls_client=not server_is_client))

    def _on_close(self, session: WebRtcSession, ended: SessionEnded) -> None:
        self.ends += 1
        self.ended[session].set_result(ended)

    async def end_of(self, session: WebRtcSession) -> str:
        async with asyncio.timeout(PATIENCE_S):
            return (await asyncio.shield(self.ended[session])).code

    async def connect(self, session: WebRtcSession, client: Transport) -> SrtpProfile:
        connected = await client.connect(self.candidates, PATIENCE_S)
        await until("connected", lambda: session.connected)
        return connected.profile


def heard_ns(session: WebRtcSession) -> int:
    """Return when the last packet came, 0 before the first."""
    return int(session.transport.stats()["heard_ns"])


@asynccontextmanager
async def running(max_transports: int = 4096) -> AsyncIterator[Bench]:
    before = live_objects()
    relay = Relay(Media(bind="127.0.0.1", port=0, max_transports=max_transports))
    relay.open()
    bench = Bench(relay)
    relay.start(bench.dispatch)
    yield bench
    for session in bench.sessions.values():
        session.end("closed", "the test is over")
    relay.close()
    assert live_objects() == before


@pytest_asyncio.fixture
async def bench() -> AsyncIterator[Bench]:
    async with running() as bench:
        yield bench


@pytest.mark.parametrize("server_is_client", [False, True], ids=["as-dtls-server", "as-dtls-client"])
async def test_both_roles_connect_with_the_best_profile(bench: Bench, server_is_client: bool) -> None:
    session, client = bench.pair(server_is_client=server_is_client)
    assert await bench.connect(session, client) is SrtpProfile.AEAD_AES_128_GCM
    assert session.profile == "SRTP_AEAD_AES_128_GCM"
    assert session.transport.stats()["remote"]
    client.close()
    assert await bench.end_of(session) == "peer-closed"


async def test_peer_that_hurries_loses_nothing_to_a_door_not_yet_open(bench: Bench) -> None:
    pairs = [bench.pair() for _ in range(30)]
    for session, client in pairs:
        # Its ClientHello follows our first answer at once, its first packet our last flight.
        await client.connect(bench.candidates, PATIENCE_S)
        client.send_rtcp(RECEIVER_REPORT)
        await until("its first packet", partial(heard_ns, session))
    drops = bench.relay.threads[0].counters()["drops"]
    assert (drops.get("stranger", 0), drops.get("no_keys", 0)) == (0, 0)
    for _, client in pairs:
        client.close()


@pytest.mark.parametrize("server_is_client", [False, True], ids=["as-dtls-server", "as-dtls-client"])
async def test_peer_is_told_of_the_end(bench: Bench, server_is_client: bool) -> None:
    session, client = bench.pair(server_is_client=server_is_client)
    await bench.connect(session, client)
    session.end("deleted", "ended by its owner")
    async with asyncio.timeout(PATIENCE_S):
        assert (await client.closed).code == "peer-closed"
    assert await bench.end_of(session) == "deleted"


async def test_end_is_reported_once(bench: Bench) -> None:
    session, client = bench.pair()
    await bench.connect(session, client)
    session.end("deleted", "")
    session.end("closed", "")
    client.close()
    session.check()
    assert await bench.end_of(session) == "deleted" and bench.ends == 1


@pytest.mark.parametrize("server_is_client", [False, True], ids=["as-dtls-server", "as-dtls-client"])
async def test_other_certificate_than_announced_ends_the_session(bench: Bench, server_is_client: bool) -> None:
    session, client = bench.pair(server_is_client=server_is_client, fingerprint=":".join(["AB"] * 32))
    honest, other = bench.pair()
    await bench.connect(honest, other)
    with pytest.raises(ConnectFailed):
        await client.connect(bench.candidates, PATIENCE_S)
        await client.closed
        raise ConnectFailed("closed", "the client believed it was connected, then was told")
    assert await bench.end_of(session) == "dtls-fingerprint-mismatch"
    assert not session.connected and honest.connected
    other.close()


async def test_unusable_values_of_the_peer_are_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FingerprintError):
        bench.pair(fingerprint="ZZ")
    short = generate_credentials()
    object.__setattr__(short, "password", "short")
    monkeypatch.setattr("tests.signaling.webrtc.test_session.generate_credentials", lambda: short)
    with pytest.raises(CredentialsError):
        bench.pair()


async def test_restart_moves_the_session_to_the_peers_new_address(bench: Bench) -> None:
    session, client = bench.pair()
    await bench.connect(session, client)
    ours, theirs = generate_credentials(), generate_credentials()
    session.restart(ours, theirs)
    # The client goes on from a fresh socket, as after a change of network.
    client.restart(theirs, ours, bench.candidates)
    assert await heard_again(session, client)
    client.close()
    assert await bench.end_of(session) == "peer-closed"


async def test_silence_of_one_peer_ends_its_session_only(bench: Bench, silenced: list[WebRtcSession]) -> None:
    (silent, leaver), (never, _), (alive, stayer) = bench.pair(), bench.pair(), bench.pair()
    await bench.connect(silent, leaver)
    await bench.connect(alive, stayer)
    taken = leaver.detach()
    silenced += [silent, never]
    loop = asyncio.get_running_loop()
    longer_than_consent = loop.time() + 2 * CONSENT_SECONDS

    def judged() -> bool:
        for session in bench.sessions.values():
            session.check()
        return loop.time() > longer_than_consent and bench.ended[silent].done() and bench.ended[never].done()

    await until("the end of the silent ones", judged)
    taken.socket.close()
    assert await bench.end_of(silent) == await bench.end_of(never) == "consent-lost"
    assert not bench.ended[alive].done()
    stayer.close()
    assert await bench.end_of(alive) == "peer-closed"


async def test_restarts_without_end_take_no_place_from_others() -> None:
    async with running(max_transports=2) as bench:
        session, client = bench.pair()
        await bench.connect(session, client)
        for _ in range(20):
            ours, theirs = generate_credentials(), generate_credentials()
            session.restart(ours, theirs)
        other, newcomer = bench.pair()
        await bench.connect(other, newcomer)
        # The last of the restarts is the one that counts.
        client.restart(theirs, ours, bench.candidates)
        assert await heard_again(session, client)
        assert other.connected and not session.transport.refused
        newcomer.close()
        client.close()


async def test_former_credentials_are_forgotten_once_a_plane_that_stood_still_goes_on(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setattr(session_module, "RESTART_GRACE_SECONDS", 0.01)
    monkeypatch.setattr(session_module, "STANDSTILL_SECONDS", 0.01)
    session, _ = bench.pair()
    ours, theirs = bench.credentials[session]
    thread = bench.relay.threads[0]
    with standing_still(thread):
        session.restart(generate_credentials(), generate_credentials())
        wait_until(lambda: not bench.relay.is_turning(thread), "the standstill is noticed")
        fill(session.transport)
        waits.clear()
        await asyncio.sleep(0.1)  # too short on a slow machine, it would only prove less
        assert waits == []
    old = stun.build_request(
        os.urandom(12),
        username=f"{ours.ufrag}:{theirs.ufrag}".encode(),
        key=ours.password.encode(),
        priority=1,
        tie_breaker=1,
    )

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:

        def unknown() -> bool:
            port.sendto(old, bench.candidates[0])
            return thread.counters()["drops"].get("stun_unknown_ufrag", 0) > 0

        await until("the former name is unknown", unknown)
    assert not bench.ended[session].done()


async def test_addresses_without_end_take_no_place_from_others() -> None:
    async with running(max_transports=2) as bench:
        session, client = bench.pair()
        await bench.connect(session, client)
        ours, theirs = bench.credentials[session]
        checks = [
            stun.build_request(
                os.urandom(12),
                username=f"{ours.ufrag}:{theirs.ufrag}".encode(),
                key=ours.password.encode(),
                priority=1,
                tie_breaker=1,
            )
            for _ in range(20)
        ]
        loop = asyncio.get_running_loop()
        for check in checks:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as port:
                port.setblocking(False)
                port.bind(("127.0.0.1", 0))
                async with asyncio.timeout(PATIENCE_S):
                    answer = None
                    while answer is None:
                        # More than 20 checks a second are dropped, so some are asked again.
                        port.sendto(check, bench.candidates[0])
                        try:
                            async with asyncio.timeout(0.2):
                                answer = await loop.sock_recv(port, 2000)
                        except TimeoutError:
                            continue
        other, newcomer = bench.pair()
        await bench.connect(other, newcomer)
        assert await heard_again(session, client)
        assert other.connected and not session.transport.refused
        newcomer.close()
        client.close()


async def heard_again(session: WebRtcSession, client: Transport) -> bool:
    """Wait until another authentic packet of the client has come through."""
    before = heard_ns(session)

    def heard() -> bool:
        client.send_rtcp(RECEIVER_REPORT)
        return heard_ns(session) != before

    return bool(await until("another packet", heard))


async def test_session_without_a_place_in_the_plane_ends_at_once() -> None:
    async with running(max_transports=2) as bench:
        pairs = [bench.pair() for _ in range(5)]

        def ended() -> bool:
            for session, _ in pairs:
                session.check()
            return any(end.done() for end in bench.ended.values())

        await until("the end of one", ended)
        assert [await bench.end_of(session) for session, _ in pairs if session.transport.refused] == ["plane-full"]
