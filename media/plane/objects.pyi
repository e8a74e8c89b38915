import socket as sockets
from collections.abc import Mapping, Sequence
from typing import TypedDict

from media.plane.srtp import SrtpKeys
from media.plane.thread import PlaneThread

CHECKS_A_SECOND: int
DTLS_DATAGRAMS_A_SECOND: int
RESENDS_A_SECOND: int

def live_objects() -> dict[str, int]: ...

class TransportStats(TypedDict):
    received_packets: int
    received_octets: int
    sent_packets: int
    sent_octets: int
    heard_ns: int
    feedback_received: int
    feedback_lost: int
    segmentation: bool
    remote: bool
    drops: dict[str, int]

class PlaneTransport:
    thread: PlaneThread
    id: int
    keys: SrtpKeys | None
    socket: sockets.socket | None
    def __init__(
        self,
        thread: PlaneThread,
        *,
        receive_ids: Mapping[int, int] | None = None,
        send_ids: Mapping[int, int] | None = None,
        cname: str = "huishang",
        local_ssrc: int = 1,
        port_socket: sockets.socket | None = None,
        latch: bool = False,
        reduced_size: bool = False,
        max_routes: int = 64,
    ) -> None: ...
    def add_ufrag(self, ufrag: bytes) -> None: ...
    def remove_ufrag(self, ufrag: bytes) -> None: ...
    def validate(self, remote: tuple[str, int]) -> None: ...
    def select(self, remote: tuple[str, int], local: str = "") -> None: ...
    def set_keys(self, keys: SrtpKeys) -> None: ...
    def set_consent(self, username: bytes, key: bytes) -> None: ...
    @property
    def consent_seconds(self) -> float: ...
    def set_rtt(self, seconds: float) -> None: ...
    def send(self, data: bytes, remote: tuple[str, int], local: str = "") -> None: ...
    def stats(self) -> TransportStats: ...
    def close(self) -> None: ...

class PlaneTrack:
    thread: PlaneThread
    id: int
    is_video: bool
    def __init__(self, thread: PlaneThread, is_video: bool) -> None: ...
    def want_keyframe(self, layer: int = 0) -> None: ...
    @property
    def route_count(self) -> int: ...
    def close(self) -> None: ...

class StreamStats(TypedDict):
    ssrc: int
    codec: str
    packets: int
    octets: int
    expected: int
    lost: int
    recovered: int
    jitter: float
    keyframes: int
    keyframe_requests: int
    nacks: int
    heard_ns: int
    report_ns: int

class PlanePublication:
    transport: PlaneTransport
    track: PlaneTrack
    id: int
    def __init__(
        self,
        transport: PlaneTransport,
        track: PlaneTrack,
        *,
        mid: bytes,
        payload_types: Sequence[tuple[int, int, int, int]],
        rids: Sequence[bytes] = (),
        ssrcs: Sequence[tuple[int, int]] = (),
        nack: bool = True,
        pli: bool = True,
        fir: bool = False,
    ) -> None: ...
    @property
    def codec(self) -> str: ...
    @property
    def level_dbov(self) -> float: ...
    def stats(self) -> list[StreamStats]: ...
    def close(self) -> None: ...

class RouteStats(TypedDict):
    packets: int
    octets: int
    resends: int
    drops: int
    rtt_ms: float
    remote_lost: int
    remote_fraction_lost: float

class PlaneRoute:
    transport: PlaneTransport
    track: PlaneTrack
    id: int
    def __init__(
        self,
        track: PlaneTrack,
        transport: PlaneTransport,
        *,
        ssrc: int,
        rtx_ssrc: int = 0,
        payload_types: Mapping[int, tuple[int, int]],
        clock_rate: int,
        first_timestamp: int,
        first_sequence: int,
        layer: int = 0,
    ) -> None: ...
    def set(self, *, paused: bool = False, layer: int = 0) -> None: ...
    def stats(self) -> RouteStats: ...
    def close(self) -> None: ...
