"""An answer under construction, line by line: what WHIP, WHEP and a page's connection have in common.

The server only ever answers. An answer keeps the order and number of the offer's lines (RFC 3264 section 6); lines
that we do not take stay with port 0. No I/O: identifiers, keys and SSRCs come from the caller.
"""

from __future__ import annotations

from collections.abc import Sequence

from signaling.sdp.accepted import Accepted, AcceptedCodec, AcceptedMedia, MediaDirection, SendTrack
from signaling.sdp.codecs import best_match
from signaling.sdp.lines import Negotiation, answer_line, offered_ssrcs, paused_rids, rejected_line, sent_rids
from signaling.sdp.model import (
    Direction,
    Extension,
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
from signaling.sdp.repair import NO_REPAIRS, Repairs
from signaling.sdp.transport import (
    LocalTransport,
    answer_setup,
    bundled,
    read_remote,
    require_checks,
    write_local,
)


class Answer:
    """Lines are added in the order of the offer, then it is finished once.

    Making it reads the offer's transport and raises what that raises.
    """

    def __init__(
        self,
        offer: SessionDescription,
        local: LocalTransport,
        negotiation: Negotiation,
        *,
        session_id: int,
        version: int = 1,
        allow_dtls_client: bool,
    ) -> None:
        self.members = bundled(offer)
        self.media: list[AcceptedMedia] = []
        self.remote = read_remote(offer, self.members)
        self._offer = offer
        self._local = local
        self._negotiation = negotiation
        require_checks(self.remote, local)
        self._setup, self._role = answer_setup(self.remote, allow_client=allow_dtls_client)
        self._answer = SessionDescription(
            origin=Origin("-", str(session_id), str(version), "IN", "IP4", "127.0.0.1"),
            ice_lite=local.ice_lite,
            ice_options=("ice2", "trickle") if self.remote.trickle else ("ice2",),  # RFC 8445 section 10
            extmap_allow_mixed=offer.extmap_allow_mixed,
            attributes=[("msid-semantic", "WMS *")],
        )

    def takes(self, media: MediaDescription) -> bool:
        """Whether a line is one that we could take."""
        return self._negotiation.takes(media, self.members)

    def reject(self, media: MediaDescription) -> None:
        """Refuse a line."""
        accepted = AcceptedMedia(len(self.media), media.mid, media.kind, "inactive", rejected=True)
        self._add(rejected_line(media), accepted)

    def rest(self, media: MediaDescription, codecs: tuple[AcceptedCodec, ...], direction: Direction) -> None:
        """Keep a line on which nothing is sent for now; `direction` is what it would answer."""
        self._keep(media, codecs, direction, "inactive")

    def receive(self, media: MediaDescription, codecs: tuple[AcceptedCodec, ...]) -> None:
        """Take what the peer sends on a line, every layer that it offers (RFC 8853 section 5.3.2).

        A layer that the peer pauses stays so: the answer's word is the last, and would have it sent again.
        """
        extensions = self._negotiation.extensions(media, "recvonly")
        line = answer_line(media, codecs, extensions, "recvonly")
        red = self._negotiation.repairs(media, codecs).red
        if red is not None:
            # Before the format that it wraps: libwebrtc sends the first of an answer.
            line.codecs.insert(0, red)
            line.formats.insert(0, str(red.payload_type))
        rids = sent_rids(media, extensions)
        line.rids = [Rid(rid, "recv") for rid in rids]
        if rids:
            paused = paused_rids(media)
            line.simulcast = Simulcast(recv=tuple((SimulcastRid(rid, rid in paused),) for rid in rids))
        self._add(
            line,
            AcceptedMedia(
                index=len(self.media),
                mid=media.mid,
                kind=media.kind,
                direction="recv",
                codecs=codecs,
                extensions=_ids(extensions),
                rids=rids,
                ssrcs=offered_ssrcs(media),
                red=red.payload_type if red else 0,
                stream_id=media.stream_id,
                track_id=media.track_id,
                cname=media.cname,
                rtcp_rsize=media.rtcp_rsize,
            ),
        )

    def send(self, media: MediaDescription, codecs: tuple[AcceptedCodec, ...], track: SendTrack) -> None:
        """Send a track on a line."""
        found = best_match(track.codec, [item.codec for item in codecs]) if track.codec else None
        current = next((item for item in codecs if item.codec is found), None)
        repairs = self._negotiation.repairs(media, codecs)
        line = self._keep(media, codecs, "sendonly", "send", track, current, repairs)
        line.codecs += repairs.formats
        line.formats += [str(codec.payload_type) for codec in repairs.formats]
        _announce(line, track, rtx=any(item.rtx_payload_type is not None for item in codecs), fec=bool(repairs.flexfec))

    def finish(self) -> Accepted:
        """Add the transport, with candidates on the line that carries the bundle."""
        lines = [line for line, item in zip(self._answer.media, self.media, strict=True) if not item.rejected]
        group = self._offer.bundle or ()
        mids = [line.mid for line in lines if line.mid in group]
        order = tuple(mid for mid in group if mid in mids)
        if order:
            self._answer.groups = [Group("BUNDLE", order)]
        for line in lines:
            tagged = line.mid == order[0] if order else line is lines[0]
            write_local(line, self._local, self._setup, tagged=tagged)
        return Accepted(self._answer, self.media, self.remote, self._role)

    def _keep(
        self,
        media: MediaDescription,
        codecs: tuple[AcceptedCodec, ...],
        would: Direction,
        direction: MediaDirection,
        track: SendTrack | None = None,
        current: AcceptedCodec | None = None,
        repairs: Repairs = NO_REPAIRS,
    ) -> MediaDescription:
        extensions = self._negotiation.extensions(media, would)
        line = answer_line(media, codecs, extensions, would if direction != "inactive" else "inactive")
        self._add(
            line,
            AcceptedMedia(
                index=len(self.media),
                mid=media.mid,
                kind=media.kind,
                direction=direction,
                codecs=codecs,
                extensions=_ids(extensions),
                rtcp_rsize=media.rtcp_rsize,
                red=repairs.red.payload_type if repairs.red else 0,
                flexfec=repairs.flexfec.payload_type if repairs.flexfec else 0,
                track=track,
                current=current,
            ),
        )
        return line

    def _add(self, line: MediaDescription, accepted: AcceptedMedia) -> None:
        self._answer.media.append(line)
        self.media.append(accepted)


def _ids(extensions: Sequence[Extension]) -> dict[str, int]:
    return {extension.uri: extension.id for extension in extensions}


def _announce(line: MediaDescription, track: SendTrack, *, rtx: bool, fec: bool) -> None:
    """Announce our SSRCs: browsers bind them before the first packet, so that no early one is lost."""
    line.msid = f"{track.stream_id} {track.track_id}"
    ssrcs = [track.ssrc]
    if rtx and track.rtx_ssrc is not None:
        ssrcs.append(track.rtx_ssrc)
        line.ssrc_groups.append(SsrcGroup("FID", (track.ssrc, track.rtx_ssrc)))
    if fec and track.fec_ssrc is not None:
        ssrcs.append(track.fec_ssrc)
        line.ssrc_groups.append(SsrcGroup("FEC-FR", (track.ssrc, track.fec_ssrc)))
    for ssrc in ssrcs:
        line.ssrcs.append(SsrcAttribute(ssrc, "cname", track.cname))
        line.ssrcs.append(SsrcAttribute(ssrc, "msid", line.msid))
