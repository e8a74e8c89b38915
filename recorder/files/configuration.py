"""What a file's head says of a codec: its configuration box, and the type that a browser's SourceBuffer wants.

The boxes of H.264, H.265 and AV1 are made by FFmpeg, which reads parameter sets of every profile; they are taken out
of a file of one frame in memory. Touches nothing else. What comes in is hostile: anything but a keyframe with its
parameter sets ends as SegmentInvalid.
"""

from __future__ import annotations

import io
from fractions import Fraction
from functools import lru_cache
from typing import Final

import av

from media.rtp.h264 import split_annex_b
from media.rtp.header import PayloadError
from recorder.files import mp4
from recorder.files.errors import SegmentInvalid
from recorder.files.facts import Codec, Track

_FFMPEG: Final = {Codec.H264: ("h264", b"avcC", 8), Codec.H265: ("hevc", b"hvcC", 23), Codec.AV1: ("av1", b"av1C", 6)}
#: Tells the parameter sets by the first byte: of H.264 SPS and PPS; of H.265 VPS, SPS and PPS.
_H264_SETS: Final = (7, 8)
_H265_SETS: Final = (32, 33, 34)
_START_CODE: Final = b"\0\0\0\1"
_OTHERS: Final = {
    Codec.OPUS: 'audio/mp4; codecs="opus"',
    Codec.VP8: 'video/webm; codecs="vp8"',
    Codec.VP9: 'video/webm; codecs="vp9"',
}


def configure(track: Track, first: bytes, earlier_sets: bytes = b"") -> tuple[bytes, str]:
    """Give the configuration box (empty for Matroska) and the MIME type of a track that begins with this frame.

    Where the frame brings no parameter sets, the earlier ones count.
    Raises SegmentInvalid.
    """
    codec = track.codec
    if codec is Codec.OPUS:
        return mp4.opus_configuration(track.channels), _OTHERS[codec]
    if codec not in _FFMPEG:
        return b"", _OTHERS.get(codec, "audio/x-matroska")
    sets = first if codec is Codec.AV1 else _parameter_sets(codec, first) or _parameter_sets(codec, earlier_sets)
    if not sets:
        raise SegmentInvalid("a segment begins with a keyframe and its parameter sets")
    configuration = _from_ffmpeg(codec, sets, track.width, track.height)
    return configuration, f'video/mp4; codecs="{_type_of(codec, configuration[8:])}"'


def _parameter_sets(codec: Codec, data: bytes) -> bytes:
    """Give the parameter sets among units with start codes; nothing when a kind is missing."""
    try:
        units = split_annex_b(data)
    except PayloadError:
        return b""
    if codec is Codec.H264:
        sets = [unit for unit in units if unit[0] & 31 in _H264_SETS]
        missing = len({unit[0] & 31 for unit in sets}) < len(_H264_SETS)
    else:
        sets = [unit for unit in units if unit[0] >> 1 & 63 in _H265_SETS]
        missing = len({unit[0] >> 1 & 63 for unit in sets}) < len(_H265_SETS)
    return b"" if missing else b"".join(_START_CODE + unit for unit in sets)


@lru_cache(maxsize=256)
def _from_ffmpeg(codec: Codec, sets: bytes, width: int, height: int) -> bytes:
    """Tracks send the same parameter sets again and again, and asking FFmpeg takes a fifth of a millisecond."""
    name, box_name, least = _FFMPEG[codec]
    file = io.BytesIO()
    try:
        with av.open(file, "w", format="mp4", options={"movflags": "empty_moov+default_base_moof"}) as container:
            stream = container.add_mux_stream(name, width=width, height=height, time_base=Fraction(1, 90_000))
            packet = av.Packet(sets)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, 0, 0, True
            container.mux(packet)
    except (av.FFmpegError, ValueError) as error:
        raise SegmentInvalid(f"not a keyframe of {codec}: {error}") from error
    data = file.getvalue()
    at = data.find(box_name) - 4
    size = int.from_bytes(data[at : at + 4], "big") if at > 0 else 0
    # Where FFmpeg finds no parameter sets, it takes what it was given for the box's content, or writes it empty.
    if size < 8 + least or data[at + 8] not in (0x01, 0x81):
        raise SegmentInvalid(f"not a keyframe of {codec}")
    return data[at : at + size]


def _type_of(codec: Codec, body: bytes) -> str:
    """RFC 6381 with ISO/IEC 14496-15 (annex E for H.265) and the AV1 codec ISO media file format binding."""
    if codec is Codec.H264:
        return f"avc1.{body[1:4].hex()}"
    if codec is Codec.AV1:
        depth = 12 if body[2] & 0x20 else 10 if body[2] & 0x40 else 8
        return f"av01.{body[1] >> 5}.{body[1] & 31:02d}{'H' if body[2] & 0x80 else 'M'}.{depth:02d}"
    space = ("", "A", "B", "C")[body[1] >> 6]
    compatible = int(f"{int.from_bytes(body[2:6], 'big'):032b}"[::-1], 2)
    constraints = body[6:12].rstrip(b"\0")
    tier = "H" if body[1] & 0x20 else "L"
    return ".".join(
        [
            "hev1",
            f"{space}{body[1] & 31}",
            f"{compatible:X}",
            f"{tier}{body[12]}",
            *(f"{byte:X}" for byte in constraints),
        ]
    )
