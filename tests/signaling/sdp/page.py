"""A page's offers as a browser makes them: lines are added, rest, are stopped and recycled (RFC 8829 section 5.2.2)."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Final

from signaling.sdp import extensions as ext
from signaling.sdp.model import (
    Codec,
    Direction,
    Extension,
    Group,
    MediaDescription,
    Origin,
    SessionDescription,
    SsrcAttribute,
)
from signaling.sdp.write import write
from tests.signaling.sdp.samples import FINGERPRINT

FEEDBACK: Final = (("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("transport-cc", ""))
H264: Final = {"packetization-mode": "1", "profile-level-id": "42e01f", "level-asymmetry-allowed": "1"}
CODECS: Final = {
    "video": (
        Codec(96, "H264", 90_000, 1, H264, FEEDBACK),
        Codec(97, "rtx", 90_000, 1, {"apt": "96"}),
        Codec(98, "VP8", 90_000, 1, {}, FEEDBACK),
        Codec(99, "rtx", 90_000, 1, {"apt": "98"}),
    ),
    "audio": (Codec(111, "opus", 48_000, 2, {"minptime": "10", "useinbandfec": "1"}, (("transport-cc", ""),)),),
}
EXTENSIONS: Final = {
    "audio": (Extension(1, ext.AUDIO_LEVEL), Extension(3, ext.TRANSPORT_CC), Extension(4, ext.MID)),
    "video": (Extension(3, ext.TRANSPORT_CC), Extension(4, ext.MID), Extension(13, ext.VIDEO_ORIENTATION)),
}


@dataclass(slots=True)
class PageLine:
    """One transceiver; `ssrc` is what it sends, if it does. `gone`: it was offered stopped."""

    mid: str
    kind: str
    direction: Direction
    stopped: bool = False
    gone: bool = False
    ssrc: int = 0
    codecs: tuple[Codec, ...] = ()


@dataclass(slots=True)
class PageOffers:
    """A browser's side of a connection."""

    lines: list[PageLine] = field(default_factory=list)
    version: int = 1
    ice: int = 0
    _mids: itertools.count[int] = field(default_factory=itertools.count)

    def add(self, kind: str, direction: Direction) -> PageLine:
        """Add a transceiver; it gets the place of a stopped line if there is one."""
        mid = next(self._mids)
        line = PageLine(str(mid), kind, direction, ssrc=1_000_000 + mid, codecs=CODECS[kind])
        for place, old in enumerate(self.lines):
            if old.gone:
                self.lines[place] = line
                return line
        self.lines.append(line)
        return line

    def restart_ice(self) -> None:
        self.ice += 1

    def describe(self) -> SessionDescription:
        """Make the next offer."""
        self.version += 1
        media = [self._media(line) for line in self.lines]
        return SessionDescription(
            origin=Origin("-", "4711", str(self.version), "IN", "IP4", "127.0.0.1"),
            groups=[Group("BUNDLE", tuple(line.mid for line in self.lines if not line.stopped))],
            extmap_allow_mixed=True,
            media=media,
        )

    def offer(self) -> bytes:
        return write(self.describe()).encode()

    def _media(self, line: PageLine) -> MediaDescription:
        line.gone = line.stopped
        media = MediaDescription(kind=line.kind, port=0 if line.stopped else 9, profile="UDP/TLS/RTP/SAVPF")
        media.mid, media.direction = line.mid, "inactive" if line.stopped else line.direction
        media.codecs = list(line.codecs)
        media.formats = [str(codec.payload_type) for codec in line.codecs]
        media.extensions = list(EXTENSIONS[line.kind])
        media.rtcp_mux = media.rtcp_rsize = True
        media.ice_ufrag, media.ice_pwd = f"page{self.ice}", f"{self.ice:022d}"
        media.ice_options = ("trickle",)
        media.fingerprints, media.setup = [FINGERPRINT], "actpass"
        if line.direction == "sendonly" and not line.stopped:
            media.msid = f"stream {line.mid}"
            media.ssrcs = [SsrcAttribute(line.ssrc, "cname", "page")]
        return media
