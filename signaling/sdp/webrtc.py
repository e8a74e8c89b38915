"""Answers to WebRTC offers: what a publisher (WHIP) may send to us and what a viewer (WHEP) gets from us.

The server only ever answers. An answer keeps the order and number of the offer's lines (RFC 3264 section 6);
lines that we do not take stay with port 0. Pure functions: identifiers, keys and SSRCs come from the caller.
"""

from __future__ import annotations

from collections.abc import Sequence

from signaling.sdp.accepted import Accepted, AcceptedCodec, AcceptedMedia, SendTrack
from signaling.sdp.codecs import AUDIO_PREFERENCE, VIDEO_PREFERENCE, best_match
from signaling.sdp.errors import SdpBadDirection, SdpNoCommonCodec
from signaling.sdp.lines import Negotiation, answer_line, offered_ssrcs, rejected_line, sent_rids
from signaling.sdp.model import (
    Direction,
    Group,
    MediaDescription,
    Origin,
    Rid,
    SessionDescription,
    Simulcast,
    SimulcastRid,
    SsrcAttribute,
    SsrcGroup,
)
from signaling.sdp.transport import (
    LocalTransport,
    answer_setup,
    bundled,
    read_remote,
    require_checks,
    write_local,
)


def accept_publish(
    offer: SessionDescription,
    local: LocalTransport,
    *,
    session_id: int = 1,
    video: Sequence[str] = VIDEO_PREFERENCE,
    audio: Sequence[str] = AUDIO_PREFERENCE,
    allow_dtls_client: bool = False,
) -> Accepted:
    """Answer a publisher: each line it sends gets one codec, the first of our preference that it offers, and
    its RTX.

    Raises:
        SdpBadDirection: no line sends.
        SdpNoCommonCodec: no sending line has a codec of ours.
        SdpError: the transport cannot be agreed; see `signaling.sdp.errors`.
    """
    answer = _Answer(offer, local, session_id, allow_dtls_client)
    negotiation = Negotiation(offer, "recvonly", {"video": tuple(video), "audio": tuple(audio)})
    wanted = _wanted(offer, negotiation, answer, ("sendrecv", "sendonly"), "the offer sends nothing")
    for index, media in enumerate(offer.media):
        if not negotiation.takes(media, answer.members):
            answer.reject(index, media)
            continue
        sends = any(media is item for item in wanted)
        codecs = negotiation.publisher_codecs(media)
        if not codecs:
            answer.reject(index, media)
            continue
        line = answer_line(media, codecs, negotiation.extensions(media), "recvonly" if sends else "inactive")
        rids = sent_rids(media, line.extensions) if sends else ()
        _receive_layers(line, rids)
        answer.add(
            line,
            AcceptedMedia(
                index=index,
                mid=media.mid,
                kind=media.kind,
                direction="recv" if sends else "inactive",
                codecs=codecs,
                extensions={extension.uri: extension.id for extension in line.extensions},
                rids=rids,
                ssrcs=offered_ssrcs(media) if sends else (),
                stream_id=media.stream_id,
                track_id=media.track_id,
                cname=media.cname,
                rtcp_rsize=media.rtcp_rsize,
            ),
        )
    if not any(item.direction == "recv" for item in answer.media):
        raise SdpNoCommonCodec("no media line that sends has a codec that is relayed here")
    return answer.finish()


def accept_view(
    offer: SessionDescription,
    tracks: Sequence[SendTrack],
    local: LocalTransport,
    *,
    session_id: int = 1,
    video: Sequence[str] = VIDEO_PREFERENCE,
    audio: Sequence[str] = AUDIO_PREFERENCE,
    allow_dtls_client: bool = False,
) -> Accepted:
    """Answer a viewer: its receiving lines get the tracks of their kind in order; lines left over become
    inactive.

    Each line answers the format that fits the track's current codec first and then every other format we
    relay, so that a publisher that comes back with another codec still plays without a new offer.

    Raises:
        SdpBadDirection: no line receives.
        SdpNoCommonCodec: no line has a codec of ours, or nothing that the source sends now can be played.
        SdpError: the transport cannot be agreed; see `signaling.sdp.errors`.
    """
    answer = _Answer(offer, local, session_id, allow_dtls_client)
    negotiation = Negotiation(offer, "sendonly", {"video": tuple(video), "audio": tuple(audio)})
    wanted = _wanted(offer, negotiation, answer, ("sendrecv", "recvonly"), "the offer receives nothing")
    waiting = list(tracks)
    for index, media in enumerate(offer.media):
        if not negotiation.takes(media, answer.members):
            answer.reject(index, media)
            continue
        receives = any(media is item for item in wanted)
        track = next((item for item in waiting if receives and item.kind == media.kind), None)
        codecs = negotiation.viewer_codecs(media, track.codec if track else None)
        if not codecs:
            answer.reject(index, media)
            continue
        line = answer_line(media, codecs, negotiation.extensions(media), "sendonly" if track else "inactive")
        if track is not None:
            waiting.remove(track)
            _send_ssrcs(line, track, any(item.rtx_payload_type is not None for item in codecs))
        answer.add(
            line,
            AcceptedMedia(
                index=index,
                mid=media.mid,
                kind=media.kind,
                direction="send" if track else "inactive",
                codecs=codecs,
                extensions={extension.uri: extension.id for extension in line.extensions},
                rtcp_rsize=media.rtcp_rsize,
                track=track,
                current=_current(track, codecs) if track else None,
            ),
        )
    _require_playable(answer.media)
    return answer.finish()


class _Answer:
    """An answer under construction: lines are added in the order of the offer, then it is finished once.

    Making it reads the offer's transport and raises what that raises.
    """

    def __init__(self, offer: SessionDescription, local: LocalTransport, session_id: int, client: bool) -> None:
        self.members = bundled(offer)
        self.media: list[AcceptedMedia] = []
        self._offer = offer
        self._local = local
        self._remote = read_remote(offer, self.members)
        require_checks(self._remote, local)
        self._setup, self._role = answer_setup(self._remote, allow_client=client)
        self._answer = SessionDescription(
            origin=Origin("-", str(session_id), "1", "IN", "IP4", "127.0.0.1"),
            ice_lite=local.ice_lite,
            ice_options=("ice2", "trickle") if self._remote.trickle else ("ice2",),  # RFC 8445 section 10
            extmap_allow_mixed=offer.extmap_allow_mixed,
            attributes=[("msid-semantic", "WMS *")],
        )

    def reject(self, index: int, media: MediaDescription) -> None:
        self.add(rejected_line(media), AcceptedMedia(index, media.mid, media.kind, "inactive", rejected=True))

    def add(self, line: MediaDescription, accepted: AcceptedMedia) -> None:
        self._answer.media.append(line)
        self.media.append(accepted)

    def finish(self) -> Accepted:
        """Add the transport, with candidates on the line that carries the bundle. At least one line was
        accepted.
        """
        lines = [line for line, item in zip(self._answer.media, self.media, strict=True) if not item.rejected]
        group = self._offer.bundle or ()
        mids = [line.mid for line in lines if line.mid in group]
        order = tuple(mid for mid in group if mid in mids)
        if order:
            self._answer.groups = [Group("BUNDLE", order)]
        for line in lines:
            tagged = line.mid == order[0] if order else line is lines[0]
            write_local(line, self._local, self._setup, tagged=tagged)
        return Accepted(self._answer, self.media, self._remote, self._role)


def _wanted(
    offer: SessionDescription,
    negotiation: Negotiation,
    answer: _Answer,
    directions: tuple[Direction, ...],
    reason: str,
) -> list[MediaDescription]:
    """The lines that we could take and that point the way we need."""
    lines = [media for media in offer.media if negotiation.takes(media, answer.members)]
    if not lines:
        raise SdpNoCommonCodec("the offer has no audio or video line over DTLS-SRTP")
    found = [media for media in lines if offer.direction_of(media) in directions]
    if not found:
        raise SdpBadDirection(reason)
    return found


def _require_playable(lines: Sequence[AcceptedMedia]) -> None:
    """Refuse a viewer that could show nothing; one line of several without its codec is let through."""
    if all(item.rejected for item in lines):
        raise SdpNoCommonCodec("the offer has no media line with a codec that is relayed here")
    known = [item for item in lines if item.track is not None and item.track.codec is not None]
    if known and not any(item.current for item in known):
        names = ", ".join(item.track.codec.encoding for item in known if item.track and item.track.codec)
        raise SdpNoCommonCodec(f"the offer has no format that plays what the source sends now ({names})")


def _current(track: SendTrack, codecs: Sequence[AcceptedCodec]) -> AcceptedCodec | None:
    found = best_match(track.codec, [item.codec for item in codecs]) if track.codec else None
    return next((item for item in codecs if item.codec is found), None)


def _receive_layers(line: MediaDescription, rids: tuple[str, ...]) -> None:
    """Take every layer that is offered (RFC 8853 section 5.3.2)."""
    line.rids = [Rid(rid, "recv") for rid in rids]
    if rids:
        line.simulcast = Simulcast(recv=tuple((SimulcastRid(rid),) for rid in rids))


def _send_ssrcs(line: MediaDescription, track: SendTrack, rtx: bool) -> None:
    """Announce our SSRCs: browsers bind them before the first packet, so that no early one is lost."""
    line.msid = f"{track.stream_id} {track.track_id}"
    ssrcs = [track.ssrc]
    if rtx and track.rtx_ssrc is not None:
        ssrcs.append(track.rtx_ssrc)
        line.ssrc_groups = [SsrcGroup("FID", (track.ssrc, track.rtx_ssrc))]
    for ssrc in ssrcs:
        line.ssrcs.append(SsrcAttribute(ssrc, "cname", track.cname))
        line.ssrcs.append(SsrcAttribute(ssrc, "msid", line.msid))
