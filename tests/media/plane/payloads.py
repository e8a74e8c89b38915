"""Real encoders' output as RTP payloads: H.264 and VP8 packetised by aiortc, the others by plain code."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import av
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from av.video.frame import PictureType

from tests.priority import own_priority

MTU_BYTES = 1200

X265_PARAMETERS = "log-level=none:pools=1"

ENCODERS = {
    "H264": ("libx264", {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1"}),
    "H265": (
        "libx265",
        {"preset": "ultrafast", "tune": "zerolatency", "forced-idr": "1", "x265-params": X265_PARAMETERS},
    ),
    "VP8": ("libvpx", {"deadline": "realtime", "cpu-used": "8", "b": "2000000"}),
    "VP9": ("libvpx-vp9", {"deadline": "realtime", "cpu-used": "8", "b": "2000000"}),
    "AV1": ("libsvtav1", {"preset": "12", "svtav1-params": "pred-struct=1:lp=1"}),
}


@dataclass(frozen=True, slots=True)
class EncodedPicture:
    """One encoded picture as RTP payloads."""

    is_keyframe: bool
    data: bytes
    payloads: tuple[bytes, ...]


@cache
@own_priority()
def encoded(
    codec: str,
    width: int = 320,
    height: int = 180,
    pixels: str = "yuv420p",
    options: tuple[tuple[str, str], ...] = (),
    keyframes: tuple[int, ...] = (0, 4),
    count: int = 7,
) -> tuple[EncodedPicture, ...]:
    """Encode a moving noisy picture; the listed pictures are keyframes."""
    os.environ.setdefault("SVT_LOG", "0")
    name, defaults = ENCODERS[codec]
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, pixels
    context.time_base = Fraction(1, 30)
    context.framerate = Fraction(30)
    context.thread_count = 1  # see tests/media/rtp/pictures.py
    context.options = {**defaults, **dict(options)}
    packets = []
    for number in range(count):
        frame = av.VideoFrame(width, height, pixels)
        for plane in frame.planes:
            noise = bytes((i * i * (number + 3)) >> 7 & 0xFF for i in range(997))
            plane.update((noise * (plane.buffer_size // 997 + 1))[: plane.buffer_size])
        frame.pts = number
        if number in keyframes:
            frame.pict_type = PictureType.I
        packets += context.encode(frame)
    packets += context.encode(None)
    return tuple(
        EncodedPicture(packet.is_keyframe, bytes(packet), tuple(PACKETISERS[codec](bytes(packet))))
        for packet in packets
    )


def nal_units(annex_b: bytes) -> list[bytes]:
    return list(H264Encoder._split_bitstream(annex_b))


def h264_aggregated(picture: bytes) -> list[bytes]:
    return H264Encoder._packetize(nal_units(picture))


def h264_single(picture: bytes) -> list[bytes]:
    """One NAL unit a packet (packetization-mode 0)."""
    return nal_units(picture)


def h265_single(picture: bytes) -> Iterator[bytes]:
    """RFC 7798: single NAL unit packets and fragmentation units."""
    for unit in nal_units(picture):
        if len(unit) <= MTU_BYTES:
            yield unit
            continue
        kind = unit[0] >> 1 & 0x3F
        header = bytes([unit[0] & 0x81 | 49 << 1, unit[1]])
        chunks = [unit[at : at + MTU_BYTES - 3] for at in range(2, len(unit), MTU_BYTES - 3)]
        for number, chunk in enumerate(chunks):
            flags = 0x80 * (number == 0) | 0x40 * (number == len(chunks) - 1)
            yield header + bytes([flags | kind]) + chunk


def h265_aggregated(picture: bytes) -> list[bytes]:
    """RFC 7798: everything before the first slice in one aggregation packet."""
    units = nal_units(picture)
    sets = [unit for unit in units if unit[0] >> 1 & 0x3F >= 32]
    body = b"".join(len(unit).to_bytes(2, "big") + unit for unit in sets)
    slices = [payload for payload in h265_single(picture) if payload[0] >> 1 & 0x3F not in (32, 33, 34, 39)]
    return ([bytes([48 << 1, 1]) + body] if len(sets) > 1 else sets) + slices


def vp8(picture: bytes) -> list[bytes]:
    return Vp8Encoder._packetize(picture, 32767)


def vp9(picture: bytes, layers: bytes = b"") -> Iterator[bytes]:
    """RFC 9628, non-flexible mode; `layers` is a scalability structure for the first packet."""
    inter = picture[0] & 0x04 != 0
    for at in range(0, len(picture), MTU_BYTES):
        first, last = at == 0, at + MTU_BYTES >= len(picture)
        flags = 0xA0 | 0x40 * inter | 0x08 * first | 0x04 * last | 0x02 * bool(first and layers)
        header = bytes([flags, 0xFF, 0xFF, 0x00, 7])
        yield header + (layers if first else b"") + picture[at : at + MTU_BYTES]


def leb128(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def obus(picture: bytes) -> Iterator[bytes]:
    """Yield a temporal unit's OBUs without size field and temporal delimiters."""
    at = 0
    while at < len(picture):
        header = picture[at]
        extension = picture[at + 1 : at + 2] if header & 0x04 else b""
        at += 1 + len(extension)
        size = shift = 0
        while True:
            byte = picture[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        if header >> 3 & 0x0F != 2:
            yield bytes([header & ~0x02]) + extension + picture[at : at + size]
        at += size


def av1(picture: bytes, counted: bool = True) -> Iterator[bytes]:
    """AV1 RTP specification: as many whole OBUs as fit; larger ones in pieces. `counted` sets W."""
    units = list(obus(picture))
    new_sequence = any(unit[0] >> 3 & 0x0F == 1 for unit in units)
    packets: list[tuple[list[bytes], bool]] = [([], False)]
    for unit in units:
        pieces = [unit[at : at + MTU_BYTES] for at in range(0, len(unit), MTU_BYTES)]
        for number, piece in enumerate(pieces):
            room = MTU_BYTES - sum(map(len, packets[-1][0]))
            if number or len(piece) > room or len(packets[-1][0]) == 3:
                packets.append(([], number > 0))
            packets[-1][0].append(piece)
    for number, (elements, continues) in enumerate(packets):
        w = len(elements) if counted else 0
        header = 0x80 * continues | w << 4 | 0x08 * (number == 0 and new_sequence)
        sized = elements[:-1] if counted else elements
        tail = elements[-1] if counted else b""
        yield bytes([header]) + b"".join(leb128(len(element)) + element for element in sized) + tail


PACKETISERS: dict[str, Callable[[bytes], Iterator[bytes] | list[bytes]]] = {
    "H264": h264_aggregated,
    "H265": h265_aggregated,
    "VP8": vp8,
    "VP9": vp9,
    "AV1": av1,
}
