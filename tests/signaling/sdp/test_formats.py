"""Codecs joined from rtpmap, fmtp and rtcp-fb lines."""

from __future__ import annotations

from signaling.sdp.model import Codec, MediaDescription
from signaling.sdp.parse import parse


def section(line: str, *attributes: str) -> MediaDescription:
    return parse("\n".join(("v=0", f"m={line}", *(f"a={item}" for item in attributes), ""))).media[0]


def test_lines_may_come_before_the_rtpmap_they_refer_to() -> None:
    media = section(
        "video 9 UDP/TLS/RTP/SAVPF 96", "rtcp-fb:96 nack pli", "fmtp:96 profile-id=0", "rtpmap:96 VP9/90000"
    )
    assert media.codecs == [Codec(96, "VP9", 90000, 1, {"profile-id": "0"}, (("nack", "pli"),))]


def test_codecs_follow_the_order_of_the_media_line() -> None:
    media = section("video 9 RTP/AVP 97 96", "rtpmap:96 VP8/90000", "rtpmap:97 H264/90000")
    assert [codec.payload_type for codec in media.codecs] == [97, 96]


def test_encoding_names_have_one_spelling_and_unknown_ones_keep_theirs() -> None:
    media = section(
        "audio 9 RTP/AVP 96 97 98", "rtpmap:96 OPUS/48000/2", "rtpmap:97 RTX/90000", "rtpmap:98 Speex/16000"
    )
    assert [codec.encoding for codec in media.codecs] == ["opus", "rtx", "Speex"]


def test_static_payload_types_need_no_rtpmap_but_follow_one() -> None:
    media = section("audio 9 RTP/AVP 0 8 9", "rtpmap:8 L16/8000")
    assert [(codec.encoding, codec.clock_rate) for codec in media.codecs] == [
        ("PCMU", 8000),
        ("L16", 8000),
        ("G722", 8000),
    ]


def test_static_payload_types_mean_nothing_outside_rtp() -> None:
    assert section("application 9 udp 0").codecs == []


def test_a_wildcard_gives_feedback_to_every_codec_once() -> None:
    media = section(
        "video 9 RTP/AVPF 96 97",
        "rtpmap:96 VP8/90000",
        "rtpmap:97 H264/90000",
        "rtcp-fb:96 nack",
        "rtcp-fb:* nack",
        "rtcp-fb:* ccm fir",
    )
    assert [codec.feedback for codec in media.codecs] == [(("nack", ""), ("ccm", "fir"))] * 2


def test_several_fmtp_lines_of_one_format_are_joined_and_the_first_value_counts() -> None:
    media = section("video 9 RTP/AVP 96", "rtpmap:96 H264/90000", "fmtp:96 A=1; b = 2", "fmtp:96 a=3;c;;d=e=f")
    assert media.codecs[0].fmtp == {"a": "1", "b": "2", "c": "", "d": "e=f"}


def test_one_payload_type_written_twice_is_one_codec() -> None:
    media = section("video 9 RTP/AVP 96 096 96", "rtpmap:96 VP8/90000", "rtpmap:96 H264/90000")
    assert [codec.encoding for codec in media.codecs] == ["VP8"]
    assert media.attributes == [("rtpmap", "96 H264/90000")]
