"""Peers of a live plane thread on loopback sockets: SRTP by pylibsrtp, RTP and RTCP made and read here.

Nothing of the plane is used to read what the plane sends, so that a mistake cannot hide on both sides. `Stage` owns
one plane thread and everything on it; leaving it closes all, in any order, and proves that nothing stays allocated.
"""

import os
import select
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from pylibsrtp import Error as SrtpError
from pylibsrtp import Policy, Session

from media.plane.copies import PlaneMirror, PlaneTap
from media.plane.memory import live_objects
from media.plane.objects import PlanePublication, PlaneRoute, PlaneTrack
from media.plane.srtp import PROFILES, SrtpKeys
from media.plane.thread import PlaneEvent, PlaneThread
from media.plane.transport import PlaneTransport
from tests.media.plane.packets import H264, OPUS, VP8, Control, Packet, is_rtcp, read_rtcp, read_rtp
from tests.patience import PATIENCE_S, wait_until

GCM = "SRTP_AEAD_AES_128_GCM"
CM = "SRTP_AES128_CM_SHA1_80"
KEY_BYTES = {GCM: 28, CM: 30, "SRTP_AEAD_AES_256_GCM": 44, "SRTP_AES128_CM_SHA1_32": 30}

#: Datagrams between two looks whether the plane follows: what the kernel drops, nobody gets.
UNREAD_MOST = 100

MID, RID, REPAIRED_RID, LEVEL, TWCC, ROTATION, CAPTURE_TIME = range(1, 8)
"Extension kinds as `PlaneTransport` wants them"

VIDEO_TYPES = ((96, VP8, 90_000, 0), (97, VP8, 90_000, 96), (102, H264, 90_000, 0), (103, H264, 90_000, 102))
AUDIO_TYPES = ((111, OPUS, 48_000, 0),)
VIDEO_ROUTE = {VP8: (100, 101), H264: (104, 105)}
AUDIO_ROUTE = {OPUS: (109, 0)}


class Closable(Protocol):
    def close(self) -> None: ...


Owned = TypeVar("Owned", bound=Closable)


def sockaddr(host: str, port: int) -> tuple[Any, ...]:
    """Give the kernel's form of a numeric address; only it keeps the scope of a link-local one."""
    return socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM, flags=socket.AI_NUMERICHOST)[0][4]


def srtp_session(key: bytes, profile: str, *, outbound: bool, repeat: bool = False) -> Session:
    kind = Policy.SSRC_ANY_OUTBOUND if outbound else Policy.SSRC_ANY_INBOUND
    policy = Policy(key=key, ssrc_type=kind, srtp_profile=PROFILES[profile])
    policy.window_size = 8192
    policy.allow_repeat_tx = repeat
    return Session(policy=policy)


# --- peers ----------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Received:
    """What a peer has received so far, in order."""

    packets: list[Packet] = field(default_factory=list)
    control: list[Control] = field(default_factory=list)
    compounds: list[list[int]] = field(default_factory=list)
    "RTCP packet types, datagram by datagram"
    other: list[bytes] = field(default_factory=list)
    "datagrams that are neither: answers and DTLS that control sent"
    refused: list[bytes] = field(default_factory=list)
    "datagrams that SRTP refused: never right, but for repeated numbers under AES-CM"
    wire: list[bytes] = field(default_factory=list)
    "RTP datagrams as they came"


class Peer:
    """A socket with SRTP of its own, and the plane's transport towards it.

    `profile` empty: no encryption. `plain`: a transport with a port of its own, on the address `bind` if that is not
    `target`. `connect=False` leaves address and keys to the test.
    """

    def __init__(
        self,
        stage: "Stage",
        *,
        profile: str = GCM,
        host: str = "127.0.0.1",
        target: str = "",
        connect: bool = True,
        plain: bool = False,
        bind: str = "",
        plane: PlaneThread | None = None,
        **options: Any,
    ) -> None:
        self.stage = stage
        self.plane = plane or stage.plane
        self.profile = profile
        self.socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        self.socket.bind(sockaddr(host, 0))
        self.address: tuple[str, int] = self.socket.getsockname()[:2]
        port = self.plane.port
        if plain:
            bind = bind or target or host
            own = socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET, socket.SOCK_DGRAM)
            own.setblocking(False)
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            own.bind((bind, 0))
            port = own.getsockname()[1]
            options["port_socket"] = own
        self.target = sockaddr(target or host, port)
        self.transport = PlaneTransport(self.plane, **options)
        stage.own(self.transport)
        self.keys: SrtpKeys | None = None
        if profile:
            self.new_keys()
        if connect:
            self.connect()
        self.received = Received()
        self.sent = 0

    def new_keys(self) -> None:
        """Make a pair of keys, one end here and the other for `set_keys`."""
        down, up = os.urandom(KEY_BYTES[self.profile]), os.urandom(KEY_BYTES[self.profile])
        self.keys = SrtpKeys(self.profile, down, up)
        self.sender = srtp_session(up, self.profile, outbound=True, repeat=True)
        self.receiver = srtp_session(down, self.profile, outbound=False)

    def connect(self) -> None:
        self.stage.unapplied = True
        self.transport.validate(self.address)
        self.transport.select(self.address)
        if self.keys is not None:
            self.transport.set_keys(self.keys)

    # sending

    def protect(self, packet: bytes) -> bytes:
        if not self.profile:
            return packet
        return self.sender.protect_rtcp(packet) if is_rtcp(packet) else self.sender.protect(packet)

    def send(self, *packets: bytes) -> None:
        """Send RTP or RTCP packets, protected."""
        for packet in packets:
            self.send_raw(self.protect(packet))

    def send_raw(self, *datagrams: bytes) -> None:
        """Send datagrams as they are, once the plane knows of all objects made before."""
        if self.stage.unapplied:
            self.stage.commanded()
        for datagram in datagrams:
            self.sent += 1
            self.stage.sent[self.plane] = self.stage.sent.get(self.plane, 0) + 1
            self.socket.sendto(datagram, self.target)
            if self.stage.sent[self.plane] % UNREAD_MOST == 0:
                self.stage.wait_read()

    def publish(
        self, track: PlaneTrack, *, payload_types: Sequence[tuple[int, int, int, int]] = (), **options: Any
    ) -> PlanePublication:
        options.setdefault("mid", b"0")
        types = payload_types or (VIDEO_TYPES if track.is_video else AUDIO_TYPES)
        return self.stage.own(PlanePublication(self.transport, track, payload_types=types, **options))

    def watch(self, track: PlaneTrack, ssrc: int = 1000, **options: Any) -> PlaneRoute:
        if track.is_video:
            options.setdefault("rtx_ssrc", ssrc + 1)
        options.setdefault("payload_types", VIDEO_ROUTE if track.is_video else AUDIO_ROUTE)
        options.setdefault("clock_rate", 90_000 if track.is_video else 48_000)
        options.setdefault("first_timestamp", 5000)
        options.setdefault("first_sequence", 100)
        return self.stage.own(PlaneRoute(track, self.transport, ssrc=ssrc, **options))

    # receiving

    def _take(self, datagram: bytes, source: tuple[Any, ...]) -> None:
        if len(datagram) < 8 or datagram[0] >> 6 != 2:
            self.received.other.append(datagram)
            return
        try:
            if is_rtcp(datagram):
                clear = self.receiver.unprotect_rtcp(datagram) if self.profile else datagram
                items = read_rtcp(clear, time.monotonic())
                self.received.control += items
                self.received.compounds.append([item.kind for item in items])
            else:
                self.received.wire.append(datagram)
                clear = self.receiver.unprotect(datagram) if self.profile else datagram
                self.received.packets.append(read_rtp(clear, datagram, source))
        except SrtpError:
            self.received.refused.append(datagram)

    def read(self) -> Received:
        """Take what waits in the socket."""
        while True:
            try:
                datagram, source = self.socket.recvfrom(65536, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return self.received
            if source[1] == self.target[1]:  # another process may still send to whoever had this port before
                self._take(datagram, source)

    def wait(self, condition: Callable[[Received], bool], what: str) -> Received:
        """Read until the condition holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not condition(self.read()):
            left = deadline - time.monotonic()
            assert left > 0, f"in vain: {what}; {self.plane.counters()}"
            select.select([self.socket], [], [], min(left, 0.05))
        return self.received

    def wait_packets(self, count: int) -> list[Packet]:
        """Wait for that many RTP packets altogether; more are a failure too."""
        self.wait(lambda got: len(got.packets) >= count, f"{count} packets, got {len(self.received.packets)}")
        assert len(self.received.packets) == count
        return self.received.packets

    def wait_control(self, kind: int, count: int | None = None) -> Control:
        """Wait for an RTCP packet of this kind (and format); return the newest."""

        def found(got: Received) -> list[Control]:
            return [item for item in got.control if item.kind == kind and count in (None, item.count)]

        return found(self.wait(lambda got: bool(found(got)), f"RTCP {kind}/{count}"))[-1]

    def settle(self) -> Received:
        """Wait until the plane has handled all datagrams and commands so far, and read what came of it."""
        self.stage.settle()
        token = b"\0settled" + os.urandom(8)
        self.transport.send(token, self.address)
        return self.wait(lambda got: token in got.other, "the plane's own datagram")


class Stage:
    """One plane thread (more with `another`), and all objects the test made on them."""

    def __init__(self, host: str = "127.0.0.1", **options: Any) -> None:
        self.alive_before = live_objects()
        self.unapplied = False
        self.sent: dict[PlaneThread, int] = {}
        self.peers: list[Peer] = []
        self.owned: list[Closable] = []
        self.threads: list[PlaneThread] = []
        self.plane = self.another(host, **options)
        self._barriers: dict[PlaneThread, tuple[PlaneTransport, socket.socket]] = {}

    def another(self, host: str = "127.0.0.1", **options: Any) -> PlaneThread:
        options.setdefault("flush_us", 200)
        plane = PlaneThread(len(self.threads), host, 0, **options)
        self.threads.append(plane)
        plane.events()
        return plane

    def own(self, thing: Owned) -> Owned:
        self.owned.append(thing)
        self.unapplied = True
        return thing

    def peer(self, **options: Any) -> Peer:
        peer = Peer(self, **options)
        self.peers.append(peer)
        return peer

    def track(self, *, video: bool = True, plane: PlaneThread | None = None) -> PlaneTrack:
        return self.own(PlaneTrack(plane or self.plane, video))

    def mirror(self, near: PlaneTrack, far: PlaneTrack) -> PlaneMirror:
        return self.own(PlaneMirror(near, far))

    def tap(self, track: PlaneTrack, ring: Any, layer: int = -1) -> PlaneTap:
        return self.own(PlaneTap(track, ring, layer))

    @property
    def routes(self) -> list[PlaneRoute]:
        return [thing for thing in self.owned if isinstance(thing, PlaneRoute)]

    @property
    def drops(self) -> dict[str, int]:
        return self.plane.counters()["drops"]

    def commanded(self) -> None:
        """Wait until all commands so far have been applied: one more, a datagram to ourselves, tells."""
        self.unapplied = False
        for plane in self.threads:
            if plane.sockets.main.fileno() < 0:
                continue  # closed by the test
            if plane not in self._barriers:
                family = plane.sockets.main.family
                ours = socket.socket(family, socket.SOCK_DGRAM)
                ours.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
                self._barriers[plane] = (PlaneTransport(plane), ours)
            transport, ours = self._barriers[plane]
            token = os.urandom(8)
            transport.send(token, ours.getsockname()[:2])
            ours.settimeout(PATIENCE_S)
            while ours.recv(2000) != token:
                pass

    def wait_read(self) -> None:
        """Wait until the planes have read every datagram sent by our peers."""

        def read() -> bool:
            return all(plane.counters()["received_packets"] >= count for plane, count in self.sent.items())

        wait_until(read, "the planes have read all datagrams")

    def settle(self) -> None:
        """Wait until every datagram sent by our peers and every command has been handled, on every thread."""
        self.wait_read()
        self.commanded()

    def events(self) -> list[PlaneEvent]:
        return [event for plane in self.threads for event in plane.events()]

    def wait_event(self, wanted: Callable[[PlaneEvent], bool], what: str = "an event") -> PlaneEvent:
        found: list[PlaneEvent] = []

        def seen() -> bool:
            found.extend(event for event in self.events() if wanted(event))
            return bool(found)

        wait_until(seen, what)
        return found[0]

    def close(self) -> None:
        """Close what the test has not closed, prove that the threads give everything back, end them."""
        for thing in reversed(self.owned):
            thing.close()
        for transport, _ in self._barriers.values():
            transport.close()
        wait_until(
            lambda: not self.events() and not any(plane.live_objects for plane in self.threads), "everything freed"
        )
        self.stop()
        assert live_objects() == self.alive_before

    def stop(self) -> None:
        """End threads and sockets as they are."""
        for plane in self.threads:
            plane.close()
        for _, ours in self._barriers.values():
            ours.close()
        for peer in self.peers:
            peer.socket.close()


def staged(host: str = "127.0.0.1", **options: Any) -> AbstractContextManager[Stage]:
    """A stage for one test."""
    return closed_after(Stage(host, **options))


@contextmanager
def closed_after(stage: Stage) -> Iterator[Stage]:
    """Close a stage after its test; a test that fails ends it without further complaints."""
    try:
        yield stage
    except BaseException:
        stage.stop()
        raise
    stage.close()
