import socket
from dataclasses import dataclass
from typing import TypedDict, type_check_only

from media.plane.names import FarAddress
from media.plane.objects import PlanePublication
from media.plane.sockets import PlaneSockets
from media.plane.transport import PlaneTransport

STRANGER_CHECKS_A_SECOND: int
LATCH_SILENCE_MS: int
ADDRESS_HELD_MS: int
STRANGER_MS: int
CONNECTION_IDLE_MS: int

@dataclass(frozen=True, slots=True)
class DatagramReceived:
    kind: str
    transport: PlaneTransport
    data: bytes
    remote: FarAddress
    local: str

@dataclass(frozen=True, slots=True)
class StreamBound:
    publication: PlanePublication

@dataclass(frozen=True, slots=True)
class StreamEnded:
    publication: PlanePublication

PlaneEvent = DatagramReceived | StreamBound | StreamEnded

@type_check_only
class PlaneCounters(TypedDict):
    wakeups: int
    received_packets: int
    sent_packets: int
    sent_octets: int
    sent_messages: int
    send_calls: int
    transports: int
    connections: int
    drops: dict[str, int]

class PlaneThread:
    index: int
    port: int
    tcp_port: int
    sockets: PlaneSockets
    def __init__(
        self,
        index: int,
        host: str,
        port: int,
        *,
        tcp_port: int | None = None,
        receive_bytes: int = ...,
        send_bytes: int = ...,
        flush_us: int = 800,
        keyframe_interval_ms: int = 500,
        max_ssrcs: int = 32,
        max_transports: int = 4096,
        gso: bool = True,
        work_a_turn: int = 512,
        latch_silence_ms: int = ...,
        address_held_ms: int = ...,
        stranger_ms: int = ...,
        connection_idle_ms: int = ...,
    ) -> None: ...
    def fileno(self) -> int: ...
    def events(self) -> list[PlaneEvent]: ...
    def take(self, connection: socket.socket) -> None: ...
    def counters(self) -> PlaneCounters: ...
    @property
    def links_filled(self) -> int: ...
    @property
    def live_objects(self) -> int: ...
    def close(self) -> None: ...
