"""RTP packets as FFmpeg and GStreamer make them, and what a decoder makes of frames; nothing touches a network."""

from __future__ import annotations

import functools
import struct
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from media.rtp.frames import Frame, Gap
from media.rtp.header import is_rtcp
from media.rtp.stream import StreamFrames
from tests.media.plane.payloads import encoded
from tests.patience import PATIENCE_S

COUNT = 12
SIZE = (320, 240)
PICTURES = {"H264": "h264", "H265": "hevc", "VP8": "libvpx", "VP9": "libvpx-vp9", "AV1": "libsvtav1"}
DECODERS = {"H264": "h264", "H265": "hevc", "VP8": "vp8", "VP9": "vp9", "AV1": "libdav1d"}
SOUNDS = {
    "opus": ("libopus", 48_000),
    "PCMU": ("pcm_mulaw", 8000),
    "PCMA": ("pcm_alaw", 8000),
    "G722": ("g722", 16_000),
}

_SOURCE = f"videotestsrc pattern=snow num-buffers={COUNT} ! video/x-raw,width={SIZE[0]},height={SIZE[1]},framerate=30/1"
_TONE = "audiotestsrc num-buffers=50 samplesperbuffer={samples} ! audio/x-raw,rate={rate},channels=1"
GSTREAMER = {
    "H264": f"{_SOURCE} ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=6 threads=1"
    " option-string=slices=4 ! rtph264pay mtu=1200 config-interval=-1 aggregate-mode=zero-latency",
    "H265": f"{_SOURCE} ! x265enc tune=zerolatency speed-preset=ultrafast key-int-max=6"
    " option-string=pools=1:log-level=none ! rtph265pay mtu=1200 config-interval=-1 aggregate-mode=zero-latency",
    "VP8": f"{_SOURCE} ! vp8enc deadline=1 cpu-used=8 keyframe-max-dist=6 ! rtpvp8pay mtu=1200 picture-id-mode=2",
    "VP9": f"{_SOURCE} ! vp9enc deadline=1 cpu-used=8 keyframe-max-dist=6 ! rtpvp9pay mtu=1200",
    "opus": f"{_TONE.format(samples=960, rate=48_000)} ! opusenc ! rtpopuspay",
    "PCMU": f"{_TONE.format(samples=160, rate=8000)} ! mulawenc ! rtppcmupay",
    "PCMA": f"{_TONE.format(samples=160, rate=8000)} ! alawenc ! rtppcmapay",
    "G722": f"{_TONE.format(samples=320, rate=16_000)} ! avenc_g722 ! rtpg722pay",
}


class _Packets:
    """A file to the muxer; it flushes after each packet."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.written.append(bytes(data))
        return len(data)


def _muxed(sink: _Packets, codec: str, packets: list[av.Packet[Any]], **settings: int) -> list[bytes]:
    # VP9's and AV1's packetisers call themselves experimental.
    options = {"packetsize": "1200", "strict": "experimental"}
    with av.open(sink, "w", format="rtp", options=options) as container:
        stream = container.add_mux_stream(codec, **settings)
        for packet in packets:
            packet.stream = stream
            container.mux(packet)
    return [packet for packet in sink.written if not is_rtcp(packet)]


@functools.cache
def ffmpeg_pictures(codec: str, size: tuple[int, int] = SIZE, count: int = COUNT) -> tuple[bytes, ...]:
    """Moving noise; the first picture and the one in the middle are keyframes."""
    packets = []
    for number, picture in enumerate(encoded(codec, *size, keyframes=(0, count // 2), count=count)):
        packet = av.Packet(picture.data)
        packet.pts = packet.dts = number * 3000
        packet.time_base = Fraction(1, 90_000)
        packet.is_keyframe = picture.is_keyframe
        packets.append(packet)
    return tuple(_muxed(_Packets(), PICTURES[codec], packets, width=size[0], height=size[1]))


@functools.cache
def ffmpeg_sounds(codec: str) -> tuple[bytes, ...]:
    """A second of a tone."""
    name, rate = SOUNDS[codec]
    sink = _Packets()
    with av.open(sink, "w", format="rtp", options={"packetsize": "1200"}) as container:
        stream = container.add_stream(name, rate=rate, layout="mono")
        assert isinstance(stream, av.AudioStream)
        samples = (np.sin(np.arange(rate) * 440 * 2 * np.pi / rate) * 10_000).astype(np.int16)
        fifo = av.AudioFifo()
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="s16", layout="mono")
        frame.sample_rate = rate
        fifo.write(frame)
        for part in fifo.read_many(rate // 50):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return tuple(packet for packet in sink.written if not is_rtcp(packet))


@functools.cache
def gstreamer(codec: str) -> tuple[bytes, ...]:
    """COUNT pictures, or fifty sounds of 20 ms."""
    script = Path(__file__).parent / "gst_sender.py"
    run = subprocess.run(
        ["/usr/bin/python3", str(script), GSTREAMER[codec]], capture_output=True, timeout=PATIENCE_S, check=False
    )
    assert run.returncode == 0, run.stderr.decode()
    found, at = [], 0
    while at < len(run.stdout):
        (size,) = struct.unpack_from("!I", run.stdout, at)
        found.append(run.stdout[at + 4 : at + 4 + size])
        at += 4 + size
    return tuple(found)


def received(
    stream: StreamFrames, packets: list[bytes] | tuple[bytes, ...], apart_ns: int = 1_000_000
) -> list[Frame | Gap]:
    """What comes of packets that arrive one after another; None is time without one."""
    found: list[Frame | Gap] = []
    for number, packet in enumerate(packets):
        found += stream.receive(packet, number * apart_ns)
    return found + stream.finish()


def frames_of(codec: str, packets: list[bytes] | tuple[bytes, ...]) -> list[Frame]:
    """The frames of packets of which none is missing."""
    found = received(StreamFrames(codec), packets)
    gaps = [gap for gap in found if isinstance(gap, Gap)]
    assert not gaps, gaps
    return [frame for frame in found if isinstance(frame, Frame)]


def decoded_sizes(codec: str, frames: list[Frame]) -> list[tuple[int, int]]:
    """Decode the pictures; raises on an error in the bitstream."""
    context = av.CodecContext.create(DECODERS[codec], "r")
    assert isinstance(context, av.VideoCodecContext)
    context.thread_count = 1
    context.options = {"err_detect": "explode"}
    pictures = [picture for frame in frames for picture in context.decode(av.Packet(frame.data))]
    return [(picture.width, picture.height) for picture in [*pictures, *context.decode(None)]]
