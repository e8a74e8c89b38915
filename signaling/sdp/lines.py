"""One media line of a negotiation: which formats, extensions and streams of an offer are taken, and the line
that says so.

`Negotiation` remembers across lines what a bundle must not use twice. No I/O; raises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from signaling.sdp.accepted import AcceptedCodec, OfferedSsrc
from signaling.sdp.codecs import answered, answered_rtx, best_match, choose, relayed, rtx_formats
from signaling.sdp.extensions import ABS_SEND_TIME, RID, TRANSPORT_CC, answer_extensions
from signaling.sdp.model import (
    Codec,
    Direction,
    Extension,
    MediaDescription,
    SessionDescription,
    SimulcastStreams,
)
from signaling.sdp.repair import Repairs, offered_repairs

#: Lines of an offer that are taken at all, and formats of a line; browsers ask for fewer. The rest is refused, so that
#: an offer made to be expensive is not.
MAX_LINES = 16
MAX_FORMATS = 64


class Negotiation:
    """The choices for the lines of one offer, in order."""

    def __init__(
        self, offer: SessionDescription, preferences: Mapping[str, tuple[str, ...]], max_lines: int = MAX_LINES
    ) -> None:
        self._offer = offer
        self._considered = offer.media[:max_lines]
        self._preferences = preferences
        self._ids: dict[int, str] = {}
        self._payload_types: dict[int, Codec] = {}

    def takes(self, media: MediaDescription, members: Sequence[MediaDescription]) -> bool:
        """Whether a line is RTP over DTLS-SRTP, of a kind we relay, on the bundle's transport."""
        shared = any(member is media for member in members)
        considered = any(item is media for item in self._considered)
        return shared and considered and media.kind in self._preferences and "RTP/SAVP" in media.profile.upper()

    def extensions(self, media: MediaDescription, direction: Direction) -> list[Extension]:
        """The extensions of a line that answers, or would answer, `direction`."""
        return answer_extensions(self._offer, media, direction, self._ids)

    def publisher_codecs(self, media: MediaDescription) -> tuple[AcceptedCodec, ...]:
        """The one format that a publisher shall send; empty if there is none."""
        codec = choose(self._free(media), self._preferences[media.kind])
        return () if codec is None else self._accept(media, [codec], "recvonly")

    def viewer_codecs(self, media: MediaDescription, current: Codec | None) -> tuple[AcceptedCodec, ...]:
        """Every format that we may send to a viewer: the one that plays `current` first, then in our
        preference.
        """
        preference = self._preferences[media.kind]
        offered = [codec for codec in self._free(media) if codec.encoding in preference and relayed(codec)]
        offered.sort(key=lambda codec: preference.index(codec.encoding))
        first = best_match(current, offered) if current is not None else None
        if first is not None:
            offered.sort(key=lambda codec: codec is not first)
        return self._accept(media, offered, "sendonly")

    def repairs(self, media: MediaDescription, codecs: Sequence[AcceptedCodec]) -> Repairs:
        """What may come on a line besides these formats, to make up for losses."""
        found = offered_repairs(media, codecs)
        red, flexfec = (codec if codec and self._same_meaning(codec) else None for codec in (found.red, found.flexfec))
        repairs = Repairs(red, flexfec)
        self._payload_types |= {codec.payload_type: codec for codec in repairs.formats}
        return repairs

    def _free(self, media: MediaDescription) -> list[Codec]:
        """The line's formats without payload types that mean something else on an earlier line (RFC 8843
        section 9.1).
        """
        return [codec for codec in media.codecs[:MAX_FORMATS] if self._same_meaning(codec)]

    def _same_meaning(self, codec: Codec) -> bool:
        other = self._payload_types.get(codec.payload_type, codec)
        return (other.encoding, other.clock_rate, other.channels, other.fmtp) == (
            codec.encoding,
            codec.clock_rate,
            codec.channels,
            codec.fmtp,
        )

    def _accept(
        self, media: MediaDescription, codecs: Sequence[Codec], direction: Direction
    ) -> tuple[AcceptedCodec, ...]:
        uris = {extension.uri for extension in self.extensions(media, direction)}
        transport_cc = TRANSPORT_CC in uris
        remb = ABS_SEND_TIME in uris and direction == "recvonly"
        repairing = rtx_formats(media)
        accepted: list[AcceptedCodec] = []
        for codec in codecs:
            self._payload_types[codec.payload_type] = codec
            rtx = repairing.get(codec.payload_type)
            if rtx is not None and self._same_meaning(rtx):
                self._payload_types[rtx.payload_type] = rtx
            else:
                rtx = None
            accepted.append(
                AcceptedCodec(answered(codec, transport_cc=transport_cc, remb=remb), rtx.payload_type if rtx else None)
            )
        return tuple(accepted)


def answer_line(
    media: MediaDescription,
    codecs: Sequence[AcceptedCodec],
    extensions: list[Extension],
    direction: Direction,
) -> MediaDescription:
    """The answer to a line that we take, still without transport."""
    formats: list[Codec] = []
    repairing = rtx_formats(media)
    for accepted in codecs:
        formats.append(accepted.codec)
        if accepted.rtx_payload_type is not None:
            number = accepted.codec.payload_type
            formats.append(answered_rtx(repairing[number], number))
    return MediaDescription(
        kind=media.kind,
        port=9,
        profile=media.profile,
        formats=[str(codec.payload_type) for codec in formats],
        mid=media.mid,
        codecs=formats,
        direction=direction,
        extensions=extensions,
        rtcp_mux=True,
        rtcp_rsize=media.rtcp_rsize,
        extmap_allow_mixed=media.extmap_allow_mixed,
    )


def rejected_line(media: MediaDescription) -> MediaDescription:
    """A refusal: port 0, the offer's own kind, profile and formats (RFC 3264 section 6)."""
    return MediaDescription(
        kind=media.kind,
        port=0,
        profile=media.profile,
        formats=list(media.formats),
        mid=media.mid,
        direction="inactive",
        codecs=list(media.codecs),
    )


def sent_rids(media: MediaDescription, taken: Sequence[Extension]) -> tuple[str, ...]:
    """Identifiers of the layers that a peer offers to send, in its order, the first of each list of
    alternatives.

    Without the rtp-stream-id extension among those `taken` nobody could tell the layers apart: then none.
    """
    if not any(extension.uri == RID for extension in taken):
        return ()
    known = [rid.rid for rid in media.rids if rid.direction == "send"]
    streams: SimulcastStreams = media.simulcast.send if media.simulcast else ()
    listed = [stream[0].rid for stream in streams if stream and stream[0].rid in known]
    return tuple(dict.fromkeys(listed or known))


def paused_rids(media: MediaDescription) -> set[str]:
    """Identifiers of the layers that a peer offers and does not send for now."""
    streams: SimulcastStreams = media.simulcast.send if media.simulcast else ()
    return {stream[0].rid for stream in streams if stream and stream[0].paused}


def offered_ssrcs(media: MediaDescription) -> tuple[OfferedSsrc, ...]:
    """The streams a peer announces by a=ssrc and a=ssrc-group: simulcast members first and in order, RTX
    paired by FID.
    """
    pairs = [group.ssrcs for group in media.ssrc_groups if group.semantics == "FID" and len(group.ssrcs) == 2]
    rtx = {primary: repairing for primary, repairing in pairs}
    repair = {ssrc for group in media.ssrc_groups if group.semantics in ("FID", "FEC-FR") for ssrc in group.ssrcs[1:]}
    layers = [ssrc for group in media.ssrc_groups if group.semantics == "SIM" for ssrc in group.ssrcs]
    listed = dict.fromkeys([*layers, *rtx, *(line.ssrc for line in media.ssrcs)])
    return tuple(OfferedSsrc(ssrc, rtx.get(ssrc)) for ssrc in listed if ssrc not in repair)
