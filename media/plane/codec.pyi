from typing_extensions import Buffer

CODECS: tuple[str, ...]

def is_video(codec: str) -> bool: ...
def starts_keyframe(codec: str, payload: Buffer) -> bool:
    """Say whether this packet is the first of an independently decodable picture."""

def temporal(codec: str, payload: Buffer) -> tuple[int, bool]:
    """Return the temporal id, and whether the packet begins a picture that needs only the lowest."""

def picture_size(codec: str, payload: Buffer) -> tuple[int, int] | None:
    """Return the picture's width and height in pixels when this packet tells them."""

def vp8_descriptor(payload: Buffer) -> dict[str, int] | None:
    """Return the VP8 payload descriptor's fields; -1 marks an absent number."""
