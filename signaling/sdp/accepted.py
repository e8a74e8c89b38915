"""What a negotiation came to, for the plane and the shells: data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from signaling.sdp.model import Codec, SessionDescription
from signaling.sdp.transport import DtlsRole, RemoteTransport

MediaDirection = Literal["recv", "send", "inactive"]


@dataclass(frozen=True, slots=True)
class AcceptedCodec:
    """A format as answered, and the payload type of its retransmissions where both sides have RTX."""

    codec: Codec
    rtx_payload_type: int | None = None


@dataclass(frozen=True, slots=True)
class OfferedSsrc:
    """A stream that the peer announced, with the SSRC of its retransmissions if it announced that (FID)."""

    primary: int
    rtx: int | None = None


@dataclass(frozen=True, slots=True)
class SendTrack:
    """A track of a source as a viewer will get it.

    `codec` is what the source sends now, None while nothing is published. `stream_id`, `track_id` and `cname`
    are tokens of RFC 8866 (ASCII, no spaces), at most 64 characters. `rtx_ssrc` is used if the viewer takes
    RTX for any format, `fec_ssrc` if it takes FlexFEC.
    """

    kind: Literal["audio", "video"]
    ssrc: int
    rtx_ssrc: int | None
    stream_id: str
    track_id: str
    cname: str
    codec: Codec | None = None
    fec_ssrc: int | None = None


@dataclass(frozen=True, slots=True)
class AcceptedMedia:
    """One line of an answer, in the order of the offer; `direction` as seen from our side.

    `rejected` lines have port 0 in the answer and nothing else here. `codecs` are as answered, with the
    payload types of the wire. `extensions` maps URI to id. `rids` (simulcast layers in the sender's order)
    and `ssrcs` are what the peer sends; both may be empty: then streams are known by the mid extension or by
    payload type. `red` and `flexfec` are payload types that make up for losses, 0 where they were not agreed.
    `stream_id`, `track_id` and `cname` are the peer's. `track` and `current` are set on lines on which the server
    sends: the source's track, and the format that carries it now (None: nothing to send yet, or not playable).
    """

    index: int
    mid: str | None
    kind: str
    direction: MediaDirection
    rejected: bool = False
    codecs: tuple[AcceptedCodec, ...] = ()
    extensions: dict[str, int] = field(default_factory=dict)
    rids: tuple[str, ...] = ()
    ssrcs: tuple[OfferedSsrc, ...] = ()
    stream_id: str | None = None
    track_id: str | None = None
    cname: str | None = None
    rtcp_rsize: bool = False
    red: int = 0
    flexfec: int = 0
    track: SendTrack | None = None
    current: AcceptedCodec | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """The answer, what it means line by line, the peer's transport, and our DTLS role."""

    answer: SessionDescription
    media: list[AcceptedMedia]
    remote: RemoteTransport
    dtls_role: DtlsRole
