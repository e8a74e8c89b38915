from typing import NamedTuple

KINDS: tuple[str, ...]

class Item(NamedTuple):
    kind: str
    packet_type: int
    format: int
    sender_ssrc: int
    media_ssrc: int
    ntp: int
    rtp_timestamp: int
    packet_count: int
    octet_count: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    lsr: int
    dlsr: int
    nack_pid: int
    nack_blp: int
    fir_sequence: int
    bitrate: int
    data: bytes

def check(packet: bytes) -> int: ...
def read(packet: bytes) -> list[Item]: ...
