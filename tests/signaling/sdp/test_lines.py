"""What a single line of an offer announces."""

from __future__ import annotations

from signaling.sdp.accepted import OfferedSsrc
from signaling.sdp.extensions import RID
from signaling.sdp.lines import Negotiation, offered_ssrcs, rejected_line, sent_rids
from signaling.sdp.model import Extension, MediaDescription, SsrcAttribute, SsrcGroup
from signaling.sdp.parse import parse
from tests.signaling.sdp.samples import load


def line(**fields: object) -> MediaDescription:
    media = MediaDescription(kind="video", port=9, profile="UDP/TLS/RTP/SAVPF")
    for name, value in fields.items():
        setattr(media, name, value)
    return media


def test_rtx_ssrcs_are_paired_by_fid_and_not_streams_of_their_own() -> None:
    assert offered_ssrcs(load("aiortc-publish").media[1]) == (OfferedSsrc(3936773563, 1282545451),)


def test_simulcast_ssrcs_keep_the_order_of_the_sim_group() -> None:
    media = line(
        ssrcs=[SsrcAttribute(ssrc, "cname", "c") for ssrc in (1, 2, 3, 11, 12, 13)],
        ssrc_groups=[
            SsrcGroup("FID", (1, 11)),
            SsrcGroup("SIM", (3, 2, 1)),
            SsrcGroup("FID", (2, 12)),
            SsrcGroup("FID", (3, 13)),
        ],
    )
    assert offered_ssrcs(media) == (OfferedSsrc(3, 13), OfferedSsrc(2, 12), OfferedSsrc(1, 11))


def test_fec_ssrcs_are_no_streams() -> None:
    media = line(ssrcs=[SsrcAttribute(5, "cname", "c")], ssrc_groups=[SsrcGroup("FEC-FR", (5, 6))])
    assert offered_ssrcs(media) == (OfferedSsrc(5),)


def layers(text: str) -> tuple[str, ...]:
    media = parse(text).media[0]
    return sent_rids(media, media.extensions)


def test_rids_follow_the_simulcast_line_and_its_first_alternatives() -> None:
    text = (
        "v=0\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=extmap:2 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\n"
        "a=rid:a send\na=rid:b send\na=rid:c recv\na=rid:d send\na=simulcast:send d;~b,a;missing recv c\n"
    )
    assert layers(text) == ("d", "b")
    assert layers(text.replace("a=simulcast", "a=x-simulcast")) == ("a", "b", "d")


def test_rids_without_their_header_extension_are_useless() -> None:
    text = "v=0\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=rid:a send\na=simulcast:send a\n"
    assert layers(text) == ()
    # It may be stated for the whole session.
    assert sent_rids(parse(text).media[0], [Extension(2, RID)]) == ("a",)


def test_a_payload_type_of_another_meaning_on_an_earlier_line_is_not_taken_again() -> None:
    offer = parse(
        "v=0\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 VP8/90000\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97\na=rtpmap:96 H264/90000\na=rtpmap:97 VP9/90000\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 VP8/90000\n"
    )
    negotiation = Negotiation(offer, {"video": ("H264", "VP8", "VP9")})
    taken = [negotiation.publisher_codecs(media)[0].codec.encoding for media in offer.media]
    assert taken == ["VP8", "VP9", "VP8"]


def test_a_refused_line_keeps_kind_profile_formats_and_mid() -> None:
    media = load("chromium-view-many").media[-1]
    refused = rejected_line(media)
    assert (refused.kind, refused.port, refused.profile, refused.formats, refused.mid) == (
        "application",
        0,
        "UDP/DTLS/SCTP",
        ["webrtc-datachannel"],
        "8",
    )
