from typing_extensions import Buffer

from media.plane.names import Header

def picture_size(header: Header, body: Buffer) -> tuple[int, int] | None:
    """Return the cropped picture size in pixels; `body` begins after the NAL unit or OBU header."""
