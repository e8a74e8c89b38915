from typing import Literal

from typing_extensions import Buffer

Header = Literal["h264_sps", "h265_sps", "vp8_frame", "vp9_frame", "av1_sequence_header"]

def picture_size(header: Header, body: Buffer) -> tuple[int, int] | None:
    """Return the cropped picture size in pixels; `body` begins after the NAL unit or OBU header."""
