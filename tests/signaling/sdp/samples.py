"""Descriptions of peers nobody here wrote, and our own end of a negotiation.

Recorded from the peers: chromium-* (156), aiortc-* (1.16), gstreamer-* (webrtcbin 1.22), ffmpeg-* (PyAV 18.1
with FFmpeg 8.1, "active" with whip_flags=dtls_active). Put together from published traces and the peers'
behaviour: obs* (libdatachannel, 30.1 still with ICE at session level), firefox-simulcast. Made after the
standards: gb28181-playback (GB18030, LF), sip-t38-mcptt (LF, trailing spaces).
"""

from __future__ import annotations

from pathlib import Path

from signaling.sdp.accepted import SendTrack
from signaling.sdp.model import Codec, Fingerprint, SessionDescription
from signaling.sdp.parse import parse
from signaling.sdp.transport import LocalCandidate, LocalTransport

FIXTURES = Path(__file__).parent / "fixtures"
NAMES = sorted(path.stem for path in FIXTURES.glob("*.sdp"))
WEBRTC_NAMES = [name for name in NAMES if not name.startswith(("gb28181", "sip"))]

FINGERPRINT = Fingerprint("sha-256", ":".join(["AB"] * 32))
LOCAL = LocalTransport(
    "srvu",
    "srvpwdsrvpwdsrvpwdsrvpwd",
    (FINGERPRINT,),
    (LocalCandidate("192.0.2.1", 7000, 2130706431), LocalCandidate("2001:db8::1", 7000, 2130706175)),
)
CLIENT = LocalTransport(
    "cliu",
    "clipwdclipwdclipwdclipwd",
    (FINGERPRINT,),
    (LocalCandidate("127.0.0.1", 7001, 1),),
    ice_lite=False,
)

H264_CBP = Codec(96, "H264", 90000, 1, {"packetization-mode": "1", "profile-level-id": "42e01f"})
VP8 = Codec(97, "VP8", 90000)
OPUS = Codec(111, "opus", 48000, 2)


def raw(name: str) -> bytes:
    return (FIXTURES / f"{name}.sdp").read_bytes()


def load(name: str) -> SessionDescription:
    return parse(raw(name))


def video_track(codec: Codec | None = H264_CBP, ssrc: int = 1001) -> SendTrack:
    return SendTrack("video", ssrc, ssrc + 1, "stream", f"video{ssrc}", "source", codec)


def audio_track(codec: Codec | None = OPUS, ssrc: int = 5001) -> SendTrack:
    return SendTrack("audio", ssrc, None, "stream", f"audio{ssrc}", "source", codec)
