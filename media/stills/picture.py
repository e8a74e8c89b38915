"""A keyframe as a small JPEG. Runs in the worker process only: what is decoded here comes from outside."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

import av
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame

#: What a still has at most: on a tile it is seen well, and a link of 60 kb/s has it in 2 s.
MOST_WIDTH: Final = 320
MOST_HEIGHT: Final = 320
MOST_JPEG_BYTES: Final = 15_000
#: Of what is decoded; a picture that says that it is larger is not begun.
MOST_PIXELS: Final = 4096 * 2304

_DECODERS: Final = {"VP8": "vp8", "H264": "h264", "H265": "hevc", "VP9": "vp9", "AV1": "libdav1d"}
#: Quantisers, the finest first; what is not small enough by the last is sent as it is.
_STEPS: Final = (4, 7, 12, 20, 31)


class Undecodable(Exception):
    """Not a keyframe that can be shown."""


@dataclass(frozen=True, slots=True)
class Jpeg:
    """A still and its size in pixels."""

    data: bytes
    width: int
    height: int


def still_of(codec: str, keyframe: bytes, configuration: bytes = b"") -> Jpeg:
    """Decode, scale down and encode again. Raises Undecodable; blocks for some 10 ms, for hostile input any time.

    `configuration`: the content of avcC, hvcC or av1C where the keyframe comes out of an MP4.
    """
    try:
        frame = _decode(codec, keyframe, configuration)
        scale = min(1.0, MOST_WIDTH / frame.width, MOST_HEIGHT / frame.height)
        width, height = (max(2, int(side * scale) & ~1) for side in (frame.width, frame.height))
        small = frame.reformat(width, height, "yuvj420p", dst_color_range="JPEG")
        for step in _STEPS:
            data = _encode(small, step)
            if len(data) <= MOST_JPEG_BYTES:
                break
    except (av.FFmpegError, ValueError, MemoryError, KeyError) as error:
        raise Undecodable(str(error)) from error
    return Jpeg(data, width, height)


def _decode(codec: str, keyframe: bytes, configuration: bytes) -> VideoFrame:
    context = av.CodecContext.create(_DECODERS[codec], "r")
    assert isinstance(context, VideoCodecContext)
    context.thread_count = 1
    if configuration:
        context.extradata = configuration
    context.options = {"max_pixels": str(MOST_PIXELS)}
    frames = [*context.decode(av.Packet(keyframe)), *context.decode(None)]
    if not frames:
        raise Undecodable("no picture in it")
    return frames[0]


def _encode(frame: VideoFrame, step: int) -> bytes:
    context = av.CodecContext.create("mjpeg", "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = frame.width, frame.height, "yuvj420p"
    context.thread_count = 1
    context.qmin = context.qmax = step
    context.options = {"huffman": "optimal"}
    context.time_base = frame.time_base = Fraction(1)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])
