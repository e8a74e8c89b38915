from typing import Self, TypedDict, type_check_only

from benchmarks.load.path import Path
from benchmarks.shapes import Shape

@type_check_only
class PathCounts(TypedDict):
    received: int
    send_errors: int
    keyframe_requests: int

class Sender:
    packets: int
    def __new__(cls, capacity: int = 512, records: int = 0, core: int | None = None) -> Self: ...
    def add_path(self, path: Path) -> int: ...
    def add_flow(
        self,
        path: int,
        shape: Shape,
        *,
        ssrc: int,
        payload_type: int,
        phase_ns: int = 0,
        audio_level_id: int = 0,
        first_sequence: int = 65000,
        first_timestamp: int = 0xFFFF0000,
    ) -> int: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def send(self, on: bool) -> None: ...
    def record(self, on: bool) -> None: ...
    def recorded(self) -> bytes: ...
    def path(self, index: int) -> PathCounts: ...
