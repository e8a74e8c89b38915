import socket as sockets
from collections.abc import Mapping
from typing import TypedDict, type_check_only

from media.plane.handle import PlaneHandle
from media.plane.names import FarAddress
from media.plane.srtp import SrtpKeys
from media.plane.thread import PlaneThread

CHECKS_A_SECOND: int
DTLS_DATAGRAMS_A_SECOND: int
STREAM_EVENTS_A_SECOND: int
WORN_BEFORE: int
SPENT_RANGES: int
START_BPS: int
LEAST_BPS: int
MOST_BPS: int

@type_check_only
class LinkStats(TypedDict):
    bps: int
    queue_ms: float
    loss: float
    rtt_ms: float
    settled_bps: int
    train_bps: int
    was_full: bool

@type_check_only
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
    rtt_ms: float
    rtt_source: str
    capture_error_ms: float | None
    drops: dict[str, int]

class PlaneTransport(PlaneHandle):
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
        keys: SrtpKeys | None = None,
        reduced_size: bool = False,
        max_routes: int = 64,
        declared_only: bool = False,
    ) -> None: ...
    @property
    def estimate(self) -> LinkStats | None: ...
    @property
    def full_bps(self) -> int: ...
    @property
    def drains(self) -> bool: ...
    @property
    def is_estimated(self) -> bool: ...
    def probe(self, bps: int, packets: int = 0) -> None: ...
    def add_extensions(self, receive_ids: Mapping[int, int], send_ids: Mapping[int, int]) -> None: ...
    def add_ufrag(self, ufrag: bytes) -> None: ...
    def remove_ufrag(self, ufrag: bytes) -> None: ...
    def validate(self, remote: FarAddress) -> None: ...
    def forget(self, remote: FarAddress) -> None: ...
    @property
    def refused(self) -> bool: ...
    @property
    def worn(self) -> bool: ...
    def select(self, remote: FarAddress, local: str = "") -> None: ...
    def set_keys(self, keys: SrtpKeys) -> None: ...
    def set_consent(self, username: bytes, key: bytes) -> None: ...
    @property
    def consent_seconds(self) -> float: ...
    def set_rtt(self, seconds: float) -> None: ...
    def send(self, data: bytes, remote: FarAddress, local: str = "") -> None: ...
    def stats(self) -> TransportStats: ...
