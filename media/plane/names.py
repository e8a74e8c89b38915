"""Names of the plane's codes in Python, and its error.

The order of `DROP_NAMES` is that of `DropReason` in model.pxd, of `CODECS` that of `CodecId` in codec.pxd, of
`EXTENSIONS` that of `ExtensionKind` in rtp.pxd; tests hold them together.
"""

from typing import Literal, NamedTuple

#: The codec headers that tell the size of a picture.
Header = Literal["h264_sps", "h265_sps", "vp8_frame", "vp9_frame", "av1_sequence_header"]


class PlaneError(Exception):
    """The plane cannot do what control asked; the text says why."""


class TcpAddress(NamedTuple):
    """The far end of a TCP connection, never equal to one of datagrams; `connection` is its number on its thread."""

    host: str
    port: int
    connection: int


#: Where a peer is: IP address as text (IPv6 without brackets) and UDP port, or a TCP connection's far end.
FarAddress = tuple[str, int] | TcpAddress


#: What a plane thread has room for, for each transport it may have: the names of two ICE generations, and validated
#: addresses. Control keeps to both, so that no peer can fill the tables that all share.
UFRAGS_OF_A_TRANSPORT = 2
ADDRESSES_OF_A_TRANSPORT = 8

DROP_NAMES = (
    "none",
    "unknown_datagram",
    "stranger",
    "stun_malformed",
    "stun_unknown_ufrag",
    "stun_rate",
    "dtls_rate",
    "control_busy",
    "no_keys",
    "rtp_malformed",
    "rtcp_malformed",
    "authentication",
    "replay",
    "ssrc_limit",
    "not_published",
    "payload_type",
    "too_large",
    "duplicate",
    "too_old",
    "probation",
    "replaced",
    "route_codec",
    "route_before_start",
    "protect",
    "send",
    "resend_gone",
    "resend_rate",
    "bridge_full",
    "event_rate",
    "table_full",
    "behind",
    "address_held",
    "link_full",
    "connection_refused",
    "connection_unknown",
    "not_taken",
)

CODECS = ("", "H264", "H265", "VP8", "VP9", "AV1", "opus", "G722", "PCMU", "PCMA", "other")

EXTENSIONS = {
    "urn:ietf:params:rtp-hdrext:sdes:mid": 1,
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id": 2,
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id": 3,
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level": 4,
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01": 5,
    "urn:3gpp:video-orientation": 6,
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time": 7,
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time": 8,
    "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay": 9,
}


def codec_number(encoding: str) -> int:
    """Return the CodecId of an SDP encoding name, in any case; `other` for names the plane does not read."""
    for number, name in enumerate(CODECS):
        if name.lower() == encoding.lower():
            return number
    return CODECS.index("other")
