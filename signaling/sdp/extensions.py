"""RTP header extensions that the relay understands or forwards, by URI (RFC 8285), and how an offer's are
answered.
"""

from __future__ import annotations

from signaling.sdp.model import Direction, Extension, MediaDescription, SessionDescription

MID = "urn:ietf:params:rtp-hdrext:sdes:mid"
RID = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"
REPAIRED_RID = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id"
AUDIO_LEVEL = "urn:ietf:params:rtp-hdrext:ssrc-audio-level"
TRANSPORT_CC = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
ABS_SEND_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"
ABS_CAPTURE_TIME = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"
VIDEO_ORIENTATION = "urn:3gpp:video-orientation"
PLAYOUT_DELAY = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay"

ACCEPTED = (
    MID, RID, REPAIRED_RID, AUDIO_LEVEL, TRANSPORT_CC, ABS_SEND_TIME, ABS_CAPTURE_TIME, VIDEO_ORIENTATION,
    PLAYOUT_DELAY,
)  # fmt: skip

_FLIPPED: dict[Direction, Direction] = {
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "sendrecv": "sendrecv",
}


def usable_id(id_: int) -> bool:
    """Ids that fit a header: 15 means something else in one-byte headers, 0 is padding (RFC 8285 section
    4.2).
    """
    return 1 <= id_ <= 255 and id_ != 15


def answer_extensions(
    offer: SessionDescription, media: MediaDescription, direction: Direction, used: dict[int, str]
) -> list[Extension]:
    """The extensions of a line that we take, as the answer states them.

    `direction` is the answer's. `used` maps ids to URIs over the whole bundle, where an id must have one
    meaning (RFC 8843 section 9.1); a later line that gives an id another one loses it.
    """
    wrong: Direction = "recvonly" if direction == "recvonly" else "sendonly"
    taken: dict[str, Extension] = {}
    ids: set[int] = set()
    for extension in (*media.extensions, *offer.extensions):
        known = (
            extension.uri in ACCEPTED and extension.uri not in taken and extension.direction not in (wrong, "inactive")
        )
        if not known or not usable_id(extension.id) or extension.id in ids:
            continue
        if used.setdefault(extension.id, extension.uri) != extension.uri:
            continue
        ids.add(extension.id)
        flipped = _FLIPPED.get(extension.direction) if extension.direction else None
        taken[extension.uri] = Extension(extension.id, extension.uri, flipped, extension.attributes)
    return list(taken.values())
