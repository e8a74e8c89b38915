"""The few session descriptions that the load writes itself: its offer to WHIP and WHEP, its answer to Janus."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.load.dial import TRANSPORT_CC_URI
from signaling.ice.types import Address, Credentials
from signaling.sdp.model import SessionDescription

VIDEO_TYPE = 102
AUDIO_TYPE = 111
MID_ID = 4
TRANSPORT_CC_ID = 3
AUDIO_LEVEL_ID = 1

_EXTENSIONS = {
    "video": {TRANSPORT_CC_ID: TRANSPORT_CC_URI, MID_ID: "urn:ietf:params:rtp-hdrext:sdes:mid"},
    "audio": {
        AUDIO_LEVEL_ID: "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
        TRANSPORT_CC_ID: TRANSPORT_CC_URI,
        MID_ID: "urn:ietf:params:rtp-hdrext:sdes:mid",
    },
}
_CODECS = {
    "video": (
        f"m=video 9 UDP/TLS/RTP/SAVPF {VIDEO_TYPE} {VIDEO_TYPE + 1}",
        f"a=rtpmap:{VIDEO_TYPE} H264/90000",
        f"a=fmtp:{VIDEO_TYPE} level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
        *(f"a=rtcp-fb:{VIDEO_TYPE} {kind}" for kind in ("transport-cc", "ccm fir", "nack", "nack pli")),
        f"a=rtpmap:{VIDEO_TYPE + 1} rtx/90000",
        f"a=fmtp:{VIDEO_TYPE + 1} apt={VIDEO_TYPE}",
    ),
    "audio": (
        f"m=audio 9 UDP/TLS/RTP/SAVPF {AUDIO_TYPE}",
        f"a=rtpmap:{AUDIO_TYPE} opus/48000/2",
        f"a=fmtp:{AUDIO_TYPE} minptime=10;useinbandfec=1",
        f"a=rtcp-fb:{AUDIO_TYPE} transport-cc",
    ),
}


@dataclass(frozen=True, slots=True)
class Stream:
    """One media line of an offer; `ssrc` 0 when we only receive."""

    kind: str
    ssrc: int = 0


def offer(streams: Sequence[Stream], *, credentials: Credentials, fingerprint: str) -> str:
    """An offer as a browser would make it for WHIP (streams with SSRCs) or WHEP (without)."""
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE " + " ".join(str(index) for index in range(len(streams))),
        "a=extmap-allow-mixed",
        "a=msid-semantic: WMS *",
    ]
    for index, stream in enumerate(streams):
        lines += [
            *_CODECS[stream.kind],
            "c=IN IP4 0.0.0.0",
            "a=rtcp:9 IN IP4 0.0.0.0",
            f"a=mid:{index}",
            f"a=ice-ufrag:{credentials.ufrag}",
            f"a=ice-pwd:{credentials.password}",
            "a=ice-options:trickle",
            f"a=fingerprint:{fingerprint}",
            "a=setup:actpass",
            *(f"a=extmap:{number} {uri}" for number, uri in _EXTENSIONS[stream.kind].items()),
            "a=sendonly" if stream.ssrc else "a=recvonly",
            "a=rtcp-mux",
            "a=rtcp-rsize",
        ]
        if stream.ssrc:
            lines += [
                f"a=msid:load {stream.kind}",
                f"a=ssrc:{stream.ssrc} cname:load",
                f"a=ssrc:{stream.ssrc} msid:load {stream.kind}",
            ]
    return "".join(f"{line}\r\n" for line in lines)


def answer(
    offered: SessionDescription, *, credentials: Credentials, fingerprint: str, candidate: Address
) -> str:
    """An answer that receives all that is offered, with every codec and extension of the offer."""
    lines = [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE " + " ".join(media.mid or "0" for media in offered.media),
    ]
    for media in offered.media:
        lines += [
            f"m={media.kind} 9 {media.profile} " + " ".join(str(codec.payload_type) for codec in media.codecs),
            "c=IN IP4 127.0.0.1",
            f"a=mid:{media.mid}",
            "a=recvonly",
            "a=rtcp-mux",
            f"a=ice-ufrag:{credentials.ufrag}",
            f"a=ice-pwd:{credentials.password}",
            f"a=fingerprint:{fingerprint}",
            "a=setup:active",
            f"a=candidate:1 1 udp 2130706431 {candidate[0]} {candidate[1]} typ host",
            "a=end-of-candidates",
            *(f"a=extmap:{extension.id} {extension.uri}" for extension in media.extensions),
        ]
        for codec in media.codecs:
            channels = f"/{codec.channels}" if codec.channels > 1 else ""
            lines.append(f"a=rtpmap:{codec.payload_type} {codec.encoding}/{codec.clock_rate}{channels}")
            if codec.fmtp:
                parameters = ";".join(f"{name}={value}" for name, value in codec.fmtp.items())
                lines.append(f"a=fmtp:{codec.payload_type} {parameters}")
            lines += [
                f"a=rtcp-fb:{codec.payload_type} {kind} {parameter}".rstrip() for kind, parameter in codec.feedback
            ]
    return "".join(f"{line}\r\n" for line in lines)
