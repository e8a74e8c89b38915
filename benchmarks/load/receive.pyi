from typing import Self, TypedDict, type_check_only

from benchmarks.load.path import Path

@type_check_only
class StreamCounts(TypedDict):
    ssrc: int
    payload_type: int
    packets: int
    bytes: int
    duplicates: int
    late: int
    lost: int
    sender_report_seen: bool

@type_check_only
class ViewerCounts(TypedDict):
    rtcp_packets: int
    stun_packets: int
    other_packets: int
    strays: int
    authenticated: int
    refused: int
    send_errors: int
    streams: list[StreamCounts]

class Receiver:
    def __new__(cls, viewers: int, records: int = 0, core: int | None = None) -> Self: ...
    def add(self, path: Path, *, whole: bool = False) -> int: ...
    def start(self) -> None: ...
    def stop(self) -> None: ...
    def record(self, on: bool) -> None: ...
    def recorded(self) -> bytes: ...
    def dropped(self) -> int: ...
    def viewer(self, index: int) -> ViewerCounts: ...
    def totals(self) -> tuple[int, int, int, int, int]: ...
