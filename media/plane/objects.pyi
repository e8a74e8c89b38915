from collections.abc import Mapping, Sequence
from typing import TypedDict, type_check_only

from media.plane.handle import PlaneHandle
from media.plane.thread import PlaneThread
from media.plane.transport import PlaneTransport

RESENDS_A_SECOND: int
TEMPORAL_ALL: int

class PlaneTrack(PlaneHandle):
    is_video: bool
    def __init__(self, thread: PlaneThread, is_video: bool) -> None: ...
    def want_keyframe(self, layer: int = 0) -> None: ...
    @property
    def route_count(self) -> int: ...

@type_check_only
class StreamStats(TypedDict):
    ssrc: int
    codec: str
    packets: int
    octets: int
    frames: int
    rungs: list[tuple[int, int, int]]
    width: int
    height: int
    expected: int
    lost: int
    recovered: int
    jitter: float
    keyframes: int
    keyframe_requests: int
    nacks: int
    heard_ns: int
    report_ns: int

class PlanePublication(PlaneHandle):
    transport: PlaneTransport
    track: PlaneTrack
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
        remb: bool = False,
        red_payload_type: int = 0,
    ) -> None: ...
    @property
    def codec(self) -> str: ...
    @property
    def layer_count(self) -> int: ...
    @property
    def level_dbov(self) -> float: ...
    def stats(self) -> list[StreamStats]: ...

@type_check_only
class RouteStats(TypedDict):
    packets: int
    octets: int
    resends: int
    drops: int
    rtt_ms: float
    remote_lost: int
    remote_fraction_lost: float

class PlaneRoute(PlaneHandle):
    transport: PlaneTransport
    track: PlaneTrack
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
        paused: bool = False,
        red_payload_type: int = 0,
        fec_payload_type: int = 0,
        fec_ssrc: int = 0,
        counted: tuple[int, int] = (0, 0),
    ) -> None: ...
    def set(self, *, paused: bool = False, layer: int = 0, temporal: int = 7) -> None: ...
    @property
    def has_red(self) -> bool: ...
    @property
    def has_flexfec(self) -> bool: ...
    def repair(self, redundancy: int = 0, percent: int = 0, wait_ms: int = 0, group_s: float = 0.1) -> None: ...
    def stats(self) -> RouteStats: ...
