from typing import NamedTuple, Self

HISTORY_BYTES: int

class Result(NamedTuple):
    sequence: int
    received: bool
    sent_ns: int
    arrival_us: int
    size_bytes: int

class Report(NamedTuple):
    results: list[Result]
    omitted: int
    received: int
    lost: int
    late: int
    duplicates: int
    unknown: int
    bytes: int
    lost_bytes: int
    missed_feedback: int
    first_sequence: int
    last_sequence: int
    round_trip_ns: int

class History:
    def __new__(cls, first_sequence: int = 0, capacity: int = 512) -> Self: ...
    def sent(self, now_ns: int, size_bytes: int) -> int: ...
    def receive(self, packet: bytes, now_ns: int = 0) -> Report | int: ...
