"""Debian's ffmpeg as a peer of plain RTP: commands that send a known picture and tone, and that decode what comes.

Its RTP, payload formats, SRTP and codecs are its own. It knows no rtcp-mux (RFC 5761): its reports go from and to the
port after that of the media.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Final

import numpy as np

from media.plane.names import CODECS
from tests.peers import colour, tone
from tests.peers.programs import Program

SIZE: Final = (320, 240)
PICTURE_BYTES: Final = SIZE[0] * SIZE[1] * 3
SAMPLES: Final = tone.RATE_HZ // 2
SUITE: Final = "AES_CM_128_HMAC_SHA1_80"
_QUIET: Final = ("ffmpeg", "-nostdin", "-hide_banner", "-loglevel", "error")
_PICTURES_A_SECOND: Final = 15
#: A keyframe a second: it hears no request for one.
_ENCODE: Final = {
    "H264": ("-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline"),
    "VP8": ("-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-b:v", "400k"),
    "opus": ("-c:a", "libopus", "-b:a", "64k"),
}


@dataclass(frozen=True, slots=True)
class Format:
    """One medium as ffmpeg sends it and as it wants it."""

    codec: str
    payload_type: int

    @property
    def number(self) -> int:
        """What the plane calls the codec."""
        return CODECS.index(self.codec)

    @property
    def clock_rate(self) -> int:
        return 48_000 if self.codec == "opus" else 90_000


def send(made: Format, shown: str | float, port: int, key: bytes = b"") -> list[str]:
    """Return the command that sends a colour or a tone in real time, under an SRTP key if there is one."""
    if made.codec == "opus":
        source = f"sine=frequency={shown}:sample_rate={tone.RATE_HZ}"
    else:
        rgb = "".join(f"{part:02X}" for part in colour.COLOURS[str(shown)])
        source = f"color=c=0x{rgb}:size={SIZE[0]}x{SIZE[1]}:rate={_PICTURES_A_SECOND}"
        # Noise leaves the mean as it is, and makes pictures of many packets.
        source += ",format=yuv420p,noise=alls=20:allf=t"
    secret = ("-srtp_out_suite", SUITE, "-srtp_out_params", base64.b64encode(key).decode()) if key else ()
    url = f"{'srtp' if key else 'rtp'}://127.0.0.1:{port}"
    gap = () if made.codec == "opus" else ("-g", str(_PICTURES_A_SECOND))
    out = ("-payload_type", str(made.payload_type), "-f", "rtp", *secret, url)
    return [*_QUIET, "-re", "-f", "lavfi", "-i", source, *_ENCODE[made.codec], *gap, *out]


def description(wanted: Format, port: int, key: bytes = b"") -> str:
    """Return SDP for `receive`: what comes to this port (RFC 4568 for the key)."""
    kind = "audio" if wanted.codec == "opus" else "video"
    channels = "/2" if wanted.codec == "opus" else ""
    lines = [
        "v=0",
        "o=- 0 0 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        f"m={kind} {port} RTP/{'SAVP' if key else 'AVP'} {wanted.payload_type}",
        f"a=rtpmap:{wanted.payload_type} {wanted.codec}/{wanted.clock_rate}{channels}",
    ]
    if wanted.codec == "H264":
        lines.append(f"a=fmtp:{wanted.payload_type} packetization-mode=1")
    if key:
        lines.append(f"a=crypto:1 {SUITE} inline:{base64.b64encode(key).decode()}")
    return "\r\n".join([*lines, ""])


def receive(wanted: Format, path: str) -> list[str]:
    """Return the command that decodes what comes, to its standard output; `path` holds the `description`."""
    raw = ("-f", "s16le", "-ac", "1", "-ar", str(tone.RATE_HZ)) if wanted.codec == "opus" else _PICTURES
    return [*_QUIET, "-protocol_whitelist", "file,udp,rtp,srtp,crypto", "-i", path, *raw, "pipe:1"]


_PICTURES: Final = ("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{SIZE[0]}x{SIZE[1]}")


async def shows(receiver: Program) -> str | None:
    """Return the colour of its next picture."""
    picture = np.frombuffer(await receiver.read(PICTURE_BYTES), dtype=np.uint8)
    return colour.name_of([float(value) for value in picture.reshape(-1, 3).mean(axis=0)])


async def hears(receiver: Program) -> float:
    """Return the loudest frequency of its next half second."""
    return tone.loudest_hz(np.frombuffer(await receiver.read(2 * SAMPLES), dtype=np.int16) / 32_768)
