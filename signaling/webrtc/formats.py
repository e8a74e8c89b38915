"""From what SDP agreed to what the plane wants: numbers of payload types, extensions and codecs. Pure functions."""

from __future__ import annotations

from media.plane.names import EXTENSIONS, codec_number
from media.relay import PublicationFormat, RouteFormat
from signaling.sdp.accepted import AcceptedCodec, AcceptedMedia
from signaling.sdp.extensions import PLAYOUT_DELAY, TRANSPORT_CC

#: Extensions that we write towards viewers. The rest is for the publisher's own leg, or (MID) not needed: the SSRCs
#: are announced in the answer.
_SENT = (
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    TRANSPORT_CC,
    "urn:3gpp:video-orientation",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
    PLAYOUT_DELAY,
)


def receive_extensions(media: list[AcceptedMedia]) -> dict[int, int]:
    """Return ExtensionKind -> id of what the peer may send; one namespace in a bundle (RFC 8843 section 9.2)."""
    return {
        EXTENSIONS[uri]: identifier
        for line in media
        for uri, identifier in line.extensions.items()
        if uri in EXTENSIONS
    }


def send_extensions(media: list[AcceptedMedia]) -> dict[int, int]:
    """Return ExtensionKind -> id of what we may send.

    Transport-wide numbers are left out where no picture goes to the peer: sound is never reduced, so an estimate would
    change nothing, and ten feedback packets a second cost more than relaying the sound itself.
    """
    pictures = any(line.direction == "send" and line.kind == "video" for line in media)
    return {
        EXTENSIONS[uri]: identifier
        for line in media
        for uri, identifier in line.extensions.items()
        if uri in _SENT and (pictures or uri != TRANSPORT_CC)
    }


def publication_format(line: AcceptedMedia) -> PublicationFormat:
    """Translate a line on which the peer sends."""
    payload_types: list[tuple[int, int, int, int]] = []
    feedback: set[tuple[str, str]] = set()
    for accepted in line.codecs:
        codec = accepted.codec
        number = codec_number(codec.encoding)
        payload_types.append((codec.payload_type, number, codec.clock_rate, 0))
        if accepted.rtx_payload_type is not None:
            payload_types.append((accepted.rtx_payload_type, number, codec.clock_rate, codec.payload_type))
        feedback.update(codec.feedback)
    return PublicationFormat(
        mid=(line.mid or "").encode(),
        payload_types=payload_types,
        rids=[rid.encode() for rid in line.rids],
        ssrcs=[(item.primary, item.rtx or 0) for item in line.ssrcs],
        nack=("nack", "") in feedback,
        pli=("nack", "pli") in feedback,
        fir=("ccm", "fir") in feedback,
        remb=("goog-remb", "") in feedback,
        red_payload_type=line.red,
    )


def route_format(line: AcceptedMedia) -> RouteFormat:
    """Translate a line on which the server sends; the format that plays now goes before others of its codec."""
    assert line.track is not None
    payload_types: dict[int, tuple[int, int]] = {}
    ordered: list[AcceptedCodec] = [*([line.current] if line.current else []), *line.codecs]
    for accepted in ordered:
        number = codec_number(accepted.codec.encoding)
        payload_types.setdefault(number, (accepted.codec.payload_type, accepted.rtx_payload_type or 0))
    rtx = any(pair[1] for pair in payload_types.values())
    return RouteFormat(
        ssrc=line.track.ssrc,
        rtx_ssrc=line.track.rtx_ssrc if rtx and line.track.rtx_ssrc else 0,
        payload_types=payload_types,
        clock_rate=ordered[0].codec.clock_rate,
        red_payload_type=line.red,
        fec_payload_type=line.flexfec,
        fec_ssrc=line.track.fec_ssrc if line.flexfec and line.track.fec_ssrc else 0,
    )
