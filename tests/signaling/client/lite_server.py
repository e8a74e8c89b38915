"""A small server side for client tests: ICE-lite, DTLS passive, SRTP; as a core and behind HTTP."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pylibsrtp
from aiohttp import web

from media.rtp.header import is_rtcp
from signaling.client.peer import Connected, RemoteParameters
from signaling.client.srtp import open_sessions
from signaling.dtls.certificate import Certificate, Fingerprint
from signaling.dtls.context import DtlsContext
from signaling.dtls.endpoint import DtlsEndpoint, HandshakeCompleted, PeerClosed
from signaling.ice.lite import IceLite, PairNominated, Reply
from signaling.ice.types import Address, Credentials, generate_credentials
from signaling.sdp import model
from signaling.sdp.accepted import Accepted, SendTrack
from signaling.sdp.offer import offer_codecs
from signaling.sdp.parse import parse
from signaling.sdp.transport import LocalCandidate, LocalTransport
from signaling.sdp.trickle import TrickleFragment, parse_fragment, write_fragment
from signaling.sdp.webrtc import accept_publish, accept_view
from signaling.sdp.write import write


class LiteServer:
    """The other side of one connection, with the verbs of the virtual network."""

    def __init__(self, context: DtlsContext, remote: Credentials, fingerprints: list[Fingerprint]) -> None:
        self.local = generate_credentials()
        self.ice = IceLite(self.local, remote, time.monotonic())
        self.dtls = DtlsEndpoint(context, fingerprints, is_client=False)
        self.nominations: list[Address] = []
        self.keys: HandshakeCompleted | None = None
        self.closed = False
        self.media: list[bytes] = []
        self.out: list[tuple[bytes, Address]] = []

    def receive(self, datagram: bytes, source: Address, now: float) -> None:
        if datagram[0] < 4:
            for output in self.ice.receive(datagram, source, now):
                if isinstance(output, Reply):
                    self.out.append((output.datagram, output.destination[:2]))
                elif isinstance(output, PairNominated):
                    if not self.nominations:
                        self.dtls.start(now)
                    self.nominations.append(output.address[:2])
        elif datagram[0] < 64:
            self.dtls.receive(datagram, now)
        elif source == self.ice.nominated:
            self.media.append(datagram)
        self._collect()

    def _collect(self) -> None:
        while (event := self.dtls.next_event()) is not None:
            if isinstance(event, HandshakeCompleted):
                self.keys = event
            elif isinstance(event, PeerClosed):
                self.closed = True
        if self.ice.nominated is not None:
            self.out += [(datagram, self.ice.nominated[:2]) for datagram in self.dtls.datagrams_to_send()]

    def send(self, packet: bytes) -> None:
        assert self.ice.nominated is not None
        self.out.append((packet, self.ice.nominated[:2]))

    def close(self) -> None:
        self.dtls.close()
        self._collect()

    def datagrams_to_send(self) -> list[tuple[bytes, Address]]:
        out, self.out = self.out, []
        return out

    def get_timer(self) -> float | None:
        return self.dtls.get_timer()

    def handle_timer(self, now: float) -> None:
        self.dtls.handle_timer(now)
        self._collect()

    def parameters(self, context: DtlsContext, *candidates: Address) -> RemoteParameters:
        return RemoteParameters(self.local, candidates, (context.certificate.fingerprint,))


@dataclass
class ServedSession:
    """One client at the HTTP server, on a socket of its own."""

    server: LiteServer
    accepted: Accepted
    udp: socket.socket
    rtp: list[bytes] = field(default_factory=list)
    rtcp: list[bytes] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    tx: pylibsrtp.Session | None = None
    rx: pylibsrtp.Session | None = None
    deaf: bool = False

    def read(self) -> None:
        while True:
            try:
                datagram, source = self.udp.recvfrom(2048)
            except BlockingIOError:
                break
            except OSError:
                continue
            if self.deaf:
                continue
            self.server.receive(datagram, (source[0], source[1]), time.monotonic())
        if self.server.keys is not None and self.tx is None:
            keys = self.server.keys
            self.tx, self.rx = open_sessions(Connected(keys.profile, keys.local_key_salt, keys.remote_key_salt))
        for packet in self.server.media:
            assert self.rx is not None
            if is_rtcp(packet):
                self.rtcp.append(self.rx.unprotect_rtcp(packet))
            else:
                self.rtp.append(self.rx.unprotect(packet))
        self.server.media.clear()
        self.flush()
        self.changed.set()

    def flush(self) -> None:
        for datagram, destination in self.server.datagrams_to_send():
            self.udp.sendto(datagram, destination)

    def send_rtp(self, packet: bytes) -> None:
        assert self.tx is not None
        self.server.send(self.tx.protect(packet))
        self.flush()

    def send_rtcp(self, packet: bytes) -> None:
        assert self.tx is not None
        self.server.send(self.tx.protect_rtcp(packet))
        self.flush()

    def end(self) -> None:
        self.server.close()
        self.flush()


class WhipServer:
    """POST /whip/x and /whep/x with token "right"; PATCH restarts ICE; DELETE ends."""

    def __init__(self) -> None:
        self.context = DtlsContext(Certificate.generate())
        self.sessions: list[ServedSession] = []
        self.requests: list[str] = []
        self.url = ""
        self.host = "127.0.0.1"
        """Where the media sockets of new sessions are bound."""
        self.decoys: tuple[LocalCandidate, ...] = ()
        """Candidates of higher priority at which nobody answers."""
        self.deaf = False
        """Whether new sessions ignore all datagrams."""
        self.busy: list[dict[str, str]] = []
        """Headers of the 503s that the next offers are refused with."""
        self.may_answer = {"POST": asyncio.Event(), "DELETE": asyncio.Event()}
        """Cleared, such requests are done, but their answers held back."""
        for event in self.may_answer.values():
            event.set()

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_post("/{kind:whip|whep}/{source}", self._post)
        app.router.add_patch("/session/{number}", self._patch)
        app.router.add_delete("/session/{number}", self._delete)
        return app

    async def _post(self, request: web.Request) -> web.Response:
        self.requests.append(f"POST {request.path_qs}")
        if request.headers.get("Authorization") != "Bearer right":
            return web.json_response(
                {"code": "bad-token", "title": "no", "detail": "token refused"},
                status=401,
                content_type="application/problem+json",
            )
        if self.busy:
            return web.Response(status=503, headers=self.busy.pop(0))
        offer = parse(await request.read())
        first = offer.media[0]
        assert first.ice_ufrag and first.ice_pwd
        fingerprints = [Fingerprint.parse(line.algorithm, line.value) for line in first.fingerprints]
        server = LiteServer(self.context, Credentials(first.ice_ufrag, first.ice_pwd), fingerprints)
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        udp = socket.socket(family, socket.SOCK_DGRAM)
        udp.setblocking(False)
        udp.bind((self.host, 0))
        own = self.context.certificate.fingerprint
        local = LocalTransport(
            server.local.ufrag,
            server.local.password,
            (model.Fingerprint(own.algorithm, str(own)),),
            (*self.decoys, LocalCandidate(self.host, udp.getsockname()[1], 1)),
        )
        if request.match_info["kind"] == "whip":
            accepted = accept_publish(offer, local)
        else:
            (codec,) = offer_codecs("video", ["VP8"])
            accepted = accept_view(offer, [SendTrack("video", 7, 8, "s", "t", "c", codec)], local)
        session = ServedSession(server, accepted, udp, deaf=self.deaf)
        asyncio.get_running_loop().add_reader(udp.fileno(), session.read)
        self.sessions.append(session)
        location = f"/session/{len(self.sessions) - 1}"
        await self.may_answer["POST"].wait()
        return web.Response(
            status=201,
            text=write(accepted.answer),
            content_type="application/sdp",
            headers={"Location": location, "ETag": '"1"'},
        )

    async def _patch(self, request: web.Request) -> web.Response:
        self.requests.append(f"PATCH {request.headers['If-Match']} {request.content_type}")
        session = self.sessions[int(request.match_info["number"])]
        fragment = parse_fragment(await request.text())
        remote = Credentials(fragment.ice_ufrag or "", fragment.ice_pwd or "")
        fresh = generate_credentials()
        session.server.ice.restart(fresh, remote, time.monotonic())
        answer = TrickleFragment(ice_ufrag=fresh.ufrag, ice_pwd=fresh.password, ice_lite=True)
        return web.Response(text=write_fragment(answer), content_type="application/trickle-ice-sdpfrag")

    async def _delete(self, request: web.Request) -> web.Response:
        self.requests.append("DELETE")
        await self.may_answer["DELETE"].wait()
        return web.Response()

    def close(self) -> None:
        for session in self.sessions:
            asyncio.get_running_loop().remove_reader(session.udp.fileno())
            session.udp.close()


@asynccontextmanager
async def whip_server(**site: object) -> AsyncIterator[WhipServer]:
    """Serve on a free port of the loopback; `site` goes to aiohttp's TCPSite (ssl_context)."""
    server = WhipServer()
    runner = web.AppRunner(server.application())
    await runner.setup()
    try:
        tcp = web.TCPSite(runner, "127.0.0.1", 0, **site)  # type: ignore[arg-type]
        await tcp.start()
        port = runner.addresses[0][1]
        server.url = f"{'https' if site else 'http'}://127.0.0.1:{port}"
        yield server
    finally:
        server.close()
        await runner.cleanup()
