LAYOUT_VERSION: int
RECORD_VERSION: int
HEADER_PAGE_BYTES: int
RECORD_HEADER_BYTES: int
PACKET_MAX_BYTES: int
DROP_NEWEST: int
DROP_OLDEST: int
WRITTEN: int
DROPPED: int
REFUSED: int

class TapRingView:
    def __init__(self, capacity_bytes: int, policy: int, first_position: int = 0) -> None: ...
    def fds(self) -> tuple[int, int]: ...
    def write(
        self,
        packet: bytes,
        *,
        kind: int = 1,
        route: int = 0,
        monotonic_ns: int = 0,
        wall_ns: int = 0,
        flags: int = 0,
        ssrc: int = 0,
        sequence: int = 0,
        rid: bytes = b"",
        wake: bool = True,
    ) -> int: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...
    def counters(self) -> dict[str, int]: ...
    def write_numbered(self, first: int, count: int, patient: bool) -> int: ...
