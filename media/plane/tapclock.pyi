from media.plane.senderclock import Sender, Stream

CLOCK_BYTES: int

class TapClockView:
    def __init__(self) -> None: ...
    def tell(self, stream: Stream, sender: Sender, ssrc: int, key: int, now_ns: int) -> bytes | None: ...
