"""Encoders of the demonstration: raw picture and sound to coded frames, by PyAV. Stateful, blocking, no sockets.

A keyframe is bounded, as in browsers: libwebrtc lets VP8's be at most 0.3 s of the rate, 4.5 ordinary frames at 15 a
second (`LibvpxVp8Encoder::MaxIntraTarget`), with a buffer of 1 s that begins half full. Measured on a noisy camera in
720p, 360p and 180p, keyframes asked for are of 9 to 13 ordinary frames without a bound, of 3 to 5 with x264's buffer of
half a second, of 1 to 3 with libvpx told the same as by libwebrtc. Less buffer costs x264 a tenth of its rate.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Final, cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

from huishang.demo.tone import BLOCK_SAMPLES, SAMPLE_RATE
from huishang.demo.units import FRAMES_PER_SECOND, KEYFRAME_INTERVAL_S, VideoCodec

VIDEO_CLOCK_RATE: Final = 90_000
#: Bits of the encoder's buffer in seconds of the rate, and how full it begins.
_BUFFER: Final = {VideoCodec.H264: (0.5, 0.9), VideoCodec.VP8: (1.0, 0.5)}
#: As good as never.
_NO_INTERVAL: Final = 1_000_000

_OPTIONS: Final[dict[VideoCodec, tuple[str, dict[str, str]]]] = {
    VideoCodec.H264: (
        "libx264",
        {
            "preset": "ultrafast",
            "tune": "zerolatency",
            "profile": "baseline",
            "level": "3.1",
            "forced-idr": "1",
            "x264-params": "scenecut=0:repeat-headers=1:sliced-threads=0",
        },
    ),
    VideoCodec.VP8: (
        "libvpx",
        {
            "deadline": "realtime",
            "cpu-used": "12",
            "lag-in-frames": "0",
            "error-resilient": "1",
            "auto-alt-ref": "0",
            "max-intra-rate": "450",
        },
    ),
}


class VideoEncoder:
    """Encodes I420 frames. H.264 comes as an Annex B access unit, VP8 as one frame (RFC 6184, RFC 7741 payloads)."""

    def __init__(
        self,
        codec: VideoCodec,
        width: int,
        height: int,
        bitrate_bps: int,
        keyframe_interval_s: int | None = KEYFRAME_INTERVAL_S,
    ) -> None:
        """Set up; without an interval a keyframe comes first and when asked for, as in browsers."""
        name, options = _OPTIONS[codec]
        context = cast(VideoCodecContext, av.CodecContext.create(name, "w"))
        context.width, context.height = width, height
        context.pix_fmt = "yuv420p"
        context.framerate = Fraction(FRAMES_PER_SECOND)
        context.time_base = Fraction(1, VIDEO_CLOCK_RATE)
        context.bit_rate = bitrate_bps
        context.gop_size = FRAMES_PER_SECOND * keyframe_interval_s if keyframe_interval_s else _NO_INTERVAL
        context.max_b_frames = 0
        # One thread: the demonstration shares two cores with the server it demonstrates.
        context.thread_count = 1
        buffer_s, full = _BUFFER[codec]
        buffer_bits = round(bitrate_bps * buffer_s)
        context.options = options | {
            "minrate": str(bitrate_bps if codec is VideoCodec.VP8 else 0),
            "maxrate": str(bitrate_bps),
            "bufsize": str(buffer_bits),
            "rc_init_occupancy": str(round(buffer_bits * full)),
        }
        self._context = context

    def encode(self, i420: NDArray[np.uint8], ticks: int, keyframe: bool = False) -> list[bytes]:
        """Encode one frame of shape (height * 3 / 2, width) at `ticks` (90 kHz, growing); usually returns one item."""
        frame = av.VideoFrame.from_ndarray(i420, format="yuv420p")
        frame.pts = ticks
        frame.time_base = Fraction(1, VIDEO_CLOCK_RATE)
        if keyframe:
            frame.pict_type = PictureType.I
        return [bytes(packet) for packet in self._context.encode(frame)]


class OpusEncoder:
    """Encodes 20 ms blocks of 48 kHz mono into one Opus packet each (RFC 7587 payloads)."""

    def __init__(self, bitrate_bps: int = 24_000) -> None:
        context = av.CodecContext.create("libopus", "w")
        context.sample_rate = SAMPLE_RATE
        context.layout = "mono"
        context.format = "s16"
        context.bit_rate = bitrate_bps
        context.time_base = Fraction(1, SAMPLE_RATE)
        context.options = {"application": "voip", "frame_duration": "20", "compression_level": "0"}
        self._context = context
        self._time_base = Fraction(1, SAMPLE_RATE)

    def encode(self, block: NDArray[np.int16], ticks: int) -> list[bytes]:
        """Encode `block` (shape (960,), int16) that starts at `ticks` (48 kHz)."""
        if block.shape != (BLOCK_SAMPLES,):
            raise ValueError(f"a block has {BLOCK_SAMPLES} samples, not shape {block.shape}")
        frame = av.AudioFrame.from_ndarray(block.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = ticks
        frame.time_base = self._time_base
        return [bytes(packet) for packet in self._context.encode(frame)]
