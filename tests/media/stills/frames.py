"""Pictures of one colour as the plane would write them to a tap's ring, and the colour of a still."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np

from media.plane.names import codec_number
from media.rtp import h264
from media.rtp.vp8 import Vp8Packetizer

ENCODERS = {"H264": "libx264", "VP8": "libvpx"}
RED = (255, 0, 0)


def keyframe(codec: str, colour: tuple[int, int, int] = RED, width: int = 640, height: int = 360) -> bytes:
    """Encode one picture: H.264 as Annex B with its parameter sets, VP8 as a frame."""
    context = av.CodecContext.create(ENCODERS[codec], "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.thread_count = Fraction(1, 30), 1
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = colour
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p")
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def packets(codec: str, data: bytes, sequence: int = 65_530, timestamp: int = 9000, most: int = 100) -> list[bytes]:
    """Give a frame's packets: a bare header with the codec's number, then the payload."""
    payloads = (
        h264.packetize(h264.split_annex_b(data), most) if codec == "H264" else Vp8Packetizer(0, most).packetize(data)
    )
    last = len(payloads) - 1
    return [
        bytes((0x80, (index == last) << 7 | codec_number(codec)))
        + ((sequence + index) & 0xFFFF).to_bytes(2, "big")
        + timestamp.to_bytes(4, "big")
        + b"\0\0\0\7"
        + payload
        for index, payload in enumerate(payloads)
    ]


def colour_of(jpeg: bytes) -> tuple[int, int, int]:
    """Give the colour in the middle of a JPEG."""
    context = av.CodecContext.create("mjpeg", "r")
    assert isinstance(context, av.VideoCodecContext)
    (frame,) = context.decode(av.Packet(jpeg))
    pixels = frame.to_ndarray(format="rgb24")
    red, green, blue = pixels[pixels.shape[0] // 2, pixels.shape[1] // 2]
    return int(red), int(green), int(blue)


def is_red(jpeg: bytes) -> bool:
    """Tell whether it is red to the eye."""
    red, green, blue = colour_of(jpeg)
    return red > 230 and green < 30 and blue < 30
