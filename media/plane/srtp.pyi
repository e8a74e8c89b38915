from pylibsrtp import Session

RECEIVE_WINDOW_PACKETS: int
SEND_WINDOW_PACKETS: int
PROFILES: dict[str, int]

class SrtpKeys:
    profile: str
    is_gcm: bool
    sender: Session
    receiver: Session
    def __init__(self, profile: str, send_key: bytes, receive_key: bytes) -> None: ...
    def claim(self) -> None: ...
    @property
    def pointers(self) -> tuple[int, int]: ...
