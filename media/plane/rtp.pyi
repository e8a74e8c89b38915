from typing import TypedDict, type_check_only

@type_check_only
class RtpFields(TypedDict):
    marker: int
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    payload: bytes

def parse(
    packet: bytes, protected: bool = False, kinds: dict[int, int] | None = None
) -> int | tuple[RtpFields, dict[int, bytes]]: ...
