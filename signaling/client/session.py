"""WHIP and WHEP sessions of our own client: offer, HTTP, media path, in one object each.

Used by the demonstration, load tools and, later, links between servers.  Thin shell: the rules are in
`signaling.sdp.offer`, `peer` and `http`.
"""

from __future__ import annotations

import asyncio
import ipaddress
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Self

from signaling.client.errors import HttpFailed
from signaling.client.http import HttpOptions, SignalingResource
from signaling.client.peer import Closed, Peer, RemoteParameters
from signaling.client.roaming import follow
from signaling.client.transport import Detached, PacketHandler, Transport
from signaling.dtls.certificate import Certificate, FingerprintError, usable_fingerprints
from signaling.dtls.context import DtlsContext
from signaling.ice.types import Address, Credentials, CredentialsError, generate_credentials
from signaling.sdp.accepted import Accepted, AcceptedMedia
from signaling.sdp.errors import SdpError
from signaling.sdp.model import Candidate, Fingerprint, SessionDescription
from signaling.sdp.offer import Kind, PublishTrack, publish_offer, read_answer, view_offer
from signaling.sdp.parse import parse
from signaling.sdp.transport import LocalTransport, RemoteTransport
from signaling.sdp.trickle import TrickleFragment, TrickleMedia, parse_fragment, write_fragment
from signaling.sdp.write import write


@dataclass(frozen=True, slots=True)
class SessionOptions:
    """What all sessions take.

    `context` is to be shared by many sessions of one process (None makes a certificate for this one).
    `address` replaces the host of every candidate of the server, `port` its port, for servers behind a port
    forwarding. `follows`: the session goes along when its machine changes networks, as that of a mobile unit must.
    """

    http: HttpOptions = field(default_factory=HttpOptions)
    context: DtlsContext | None = None
    address: str | None = None
    port: int | None = None
    connect_seconds: float = 20.0
    follows: bool = False


def candidate_addresses(
    candidates: Iterable[Candidate], instead: str | None = None, port: int | None = None
) -> tuple[Address, ...]:
    """Usable UDP addresses, best first; names (mDNS) and TCP candidates are left out.

    `instead` replaces the hosts, `port` the ports.
    """
    found: dict[Address, int] = {}
    for candidate in candidates:
        if candidate.component != 1 or candidate.transport.lower() != "udp" or not candidate.port:
            continue
        try:
            host = str(ipaddress.ip_address(instead or candidate.address))
        except ValueError:
            continue
        found.setdefault((host, port or candidate.port), candidate.priority)
    return tuple(sorted(found, key=lambda address: -found[address]))


def remote_parameters(remote: RemoteTransport, instead: str | None = None, port: int | None = None) -> RemoteParameters:
    """Turn what a description says into what `Peer` takes; see `candidate_addresses`.

    Raises CredentialsError or FingerprintError.
    """
    return RemoteParameters(
        Credentials(remote.ice_ufrag, remote.ice_pwd),
        candidate_addresses(remote.candidates, instead, port),
        usable_fingerprints((line.algorithm, line.value) for line in remote.fingerprints),
    )


class ClientSession:
    """What WHIP and WHEP have in common; use `WhipSession` or `WhepSession`.

    `start` once, then `close` once; or as an asynchronous context manager.
    """

    def __init__(
        self,
        url: str,
        options: SessionOptions,
        on_rtp: PacketHandler | None = None,
        on_rtcp: PacketHandler | None = None,
    ) -> None:
        self.url = url
        self.answer: Accepted | None = None
        """The negotiated lines, after `start`."""
        self._options = options
        self._context = options.context or DtlsContext(Certificate.generate())
        self._handlers = [handler or _ignore for handler in (on_rtp, on_rtcp)]
        self._resource: SignalingResource | None = None
        self._transport: Transport | None = None
        self._bundle: tuple[str, ...] = ()
        self._following: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    @property
    def media(self) -> list[AcceptedMedia]:
        """The answer's lines in the offer's order: payload types, extension ids, SSRCs, refusals."""
        if self.answer is None:
            raise HttpFailed("http-bad-answer", "the session has not started")
        return self.answer.media

    @property
    def location(self) -> str | None:
        """The session's URL on the server."""
        return self._resource.location if self._resource else None

    @property
    def transport(self) -> Transport:
        """The media path.  Raises HttpFailed before `start`."""
        if self._transport is None:
            raise HttpFailed("http-bad-answer", "the session has not started")
        return self._transport

    async def start(self) -> None:
        """Negotiate and connect.

        Raises HttpRefused, HttpFailed or ConnectFailed; nothing is left behind then.
        """
        try:
            await self._start()
        except BaseException:
            await self.close()
            raise

    async def _start(self) -> None:
        local = generate_credentials()
        offer = self._make_offer(self._local_transport(local))
        try:
            self._resource = SignalingResource(self._options.http)
        except OSError as error:
            raise HttpFailed("http-unreachable", f"{self._options.http.ca_file}: {error}") from None
        text = await self._resource.post(self.url, write(offer))
        try:
            self.answer = read_answer(parse(text), offer)
            remote = remote_parameters(self.answer.remote, self._options.address, self._options.port)
        except (SdpError, CredentialsError, FingerprintError) as error:
            raise HttpFailed("http-bad-answer", f"unusable answer: {error}") from None
        self._bundle = tuple(line.mid for line in self.media if line.mid is not None and not line.rejected)
        dtls_client = self.answer.dtls_role == "client"
        peer = Peer(self._context, local, remote, dtls_client=dtls_client)
        self._transport = Transport(peer, *self._handlers)
        await self._transport.connect(remote.candidates, self._options.connect_seconds)
        if self._options.follows:
            self._following = asyncio.create_task(follow(self._transport, self.restart_ice))

    async def closed(self) -> Closed:
        """Wait for the end of the media path and return its reason."""
        # Shielded: a waiter that gives up must not cancel what others wait for.
        return await asyncio.shield(self.transport.closed)

    async def close(self) -> None:
        """End media and session (DELETE); may be called any number of times."""
        if self._following is not None:
            self._following.cancel()
            self._following = None
        if self._transport is not None:
            self._transport.close()
        if self._resource is not None:
            resource, self._resource = self._resource, None
            await resource.delete()
            await resource.close()

    async def restart_ice(self) -> None:
        """Restart ICE on a fresh socket, as after a change of network; media go on when it has worked.

        Raises HttpRefused or HttpFailed; the present path is kept then.
        """
        if self._resource is None or self._transport is None:
            raise HttpFailed("http-bad-answer", "the session is not running")
        local = generate_credentials()
        first = self._bundle[0] if self._bundle else None
        fragment = TrickleFragment(
            ice_ufrag=local.ufrag,
            ice_pwd=local.password,
            bundle=self._bundle,
            media=(TrickleMedia(mid=first, end_of_candidates=True),),
        )
        text = await self._resource.restart_ice(write_fragment(fragment))
        try:
            answered = parse_fragment(text)
            remote = Credentials(answered.ice_ufrag or "", answered.ice_pwd or "")
        except (SdpError, CredentialsError) as error:
            raise HttpFailed("http-bad-answer", f"unusable fragment: {error}") from None
        candidates = candidate_addresses(answered.all_candidates, self._options.address, self._options.port)
        if not candidates and (known := self._transport.peer.address) is not None:
            candidates = (known,)
        try:
            self._transport.restart(local, remote, candidates)
        except OSError as error:
            raise HttpFailed("http-unreachable", str(error)) from None

    def send_rtp(self, packet: bytes) -> None:
        """Protect and send an RTP packet; see `Transport.send_rtp`."""
        self.transport.send_rtp(packet)

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send a compound RTCP packet."""
        self.transport.send_rtcp(packet)

    def detach(self) -> Detached:
        """Hand socket, SRTP and core to the caller; the session on the server stays until `close`."""
        return self.transport.detach()

    def _local_transport(self, local: Credentials) -> LocalTransport:
        fingerprint = self._context.certificate.fingerprint
        lines = (Fingerprint(fingerprint.algorithm, str(fingerprint)),)
        return LocalTransport(local.ufrag, local.password, lines, ice_lite=False)

    def _make_offer(self, local: LocalTransport) -> SessionDescription:
        raise NotImplementedError


class WhipSession(ClientSession):
    """Publishes tracks (RFC 9725)."""

    def __init__(
        self,
        url: str,
        tracks: Sequence[PublishTrack],
        options: SessionOptions | None = None,
        on_rtcp: PacketHandler | None = None,
    ) -> None:
        """Set up; `on_rtcp` gets the server's feedback, decrypted."""
        super().__init__(url, options or SessionOptions(), None, on_rtcp)
        self.tracks = tuple(tracks)

    def _make_offer(self, local: LocalTransport) -> SessionDescription:
        return publish_offer(self.tracks, local, session_id=secrets.randbits(62))


class WhepSession(ClientSession):
    """Views a source: `on_rtp` gets its decrypted packets, `on_rtcp` its reports."""

    def __init__(
        self,
        url: str,
        kinds: Sequence[Kind] = ("audio", "video"),
        options: SessionOptions | None = None,
        on_rtp: PacketHandler | None = None,
        on_rtcp: PacketHandler | None = None,
        *,
        repairs: bool = False,
    ) -> None:
        """Set up for one line per kind. `repairs`: `on_rtp` reads RED and FlexFEC too."""
        super().__init__(url, options or SessionOptions(), on_rtp, on_rtcp)
        self.kinds = tuple(kinds)
        self._repairs = repairs

    def _make_offer(self, local: LocalTransport) -> SessionDescription:
        return view_offer(self.kinds, local, session_id=secrets.randbits(62), repairs=self._repairs)


def _ignore(packet: bytes) -> None:
    return None
