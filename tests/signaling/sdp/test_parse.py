"""Parsing: what real peers write is read, what hostile ones write is bounded."""

from __future__ import annotations

import pytest

from signaling.sdp.errors import SdpError, SdpMalformed, SdpTooLarge
from signaling.sdp.model import Bandwidth, Connection, Group, Origin
from signaling.sdp.parse import decode, parse
from tests.signaling.sdp.samples import NAMES, load, raw

MINIMAL = "v=0\r\nm=audio 9 RTP/AVP 0\r\n"


def media(*attributes: str, line: str = "m=video 9 UDP/TLS/RTP/SAVPF 96 97") -> str:
    return "\r\n".join(("v=0", line, *attributes, ""))


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_description_is_read_with_all_its_media_lines(name: str) -> None:
    description = load(name)
    assert len(description.media) == raw(name).count(b"\nm=")
    assert all(media.formats for media in description.media)


def test_session_lines_are_read() -> None:
    description = load("chromium-simulcast")
    assert description.origin == Origin("-", "5618658468588987013", "2", "IN", "IP4", "127.0.0.1")
    assert description.groups == [Group("BUNDLE", ("0", "1"))]
    assert description.bundle == ("0", "1")
    assert description.extmap_allow_mixed
    assert description.times == [(0, 0)]
    video = description.media[0]
    assert video.connection == Connection("127.0.0.1")
    assert [rid.rid for rid in video.rids] == ["q", "h", "f"]
    assert video.simulcast is not None
    assert [stream[0].rid for stream in video.simulcast.send] == ["q", "h", "f"]
    assert len(video.candidates) == 8
    assert video.rtcp_mux and video.rtcp_rsize


def test_gb28181_invite_in_gb18030_with_bare_line_feeds() -> None:
    description = load("gb28181-playback")
    [video] = description.media
    assert description.line("i") == "乡镇应急指挥所 摄像机"
    assert description.line("u") == "34020000001320000001:0"
    assert description.times == [(1732190400, 1732194000)]
    assert video.profile == "TCP/RTP/AVP"
    assert [codec.encoding for codec in video.codecs] == ["PS", "H264", "MPEG4"]
    assert video.setup == "passive"
    assert video.attribute("downloadspeed") == "4"
    assert description.gb_ssrc_of(video) == "1200000001"
    assert video.gb_format == "v/2/5/25/1/2048a/1/8/1"


def test_gb28181_lines_before_the_media_line_belong_to_the_session() -> None:
    description = parse("v=0\ny=0100000001\nm=video 6000 RTP/AVP 96\n")
    assert description.gb_ssrc_of(description.media[0]) == "0100000001"


def test_fax_floor_and_radio_lines_stand_beside_audio() -> None:
    description = load("sip-t38-mcptt")
    audio, fax, floor, radio = description.media
    assert description.bandwidths == [Bandwidth("AS", 512)]
    assert description.name == "Dispatch desk"
    assert [codec.encoding for codec in audio.codecs] == ["PCMA", "PCMU", "G729", "telephone-event"]
    assert audio.codecs[-1].fmtp == {"0-16": ""}
    assert (fax.kind, fax.profile, fax.formats) == ("image", "udptl", ["t38"])
    assert (floor.kind, floor.profile, floor.formats) == ("application", "udp", ["MCPTT"])
    assert floor.attribute("fmtp") == "MCPTT mc_queueing;mc_priority=5;mc_granted;mc_implicit_request"
    assert floor.line("i") == "floor"
    assert radio.attribute("type") == "Radio-TxRx"
    assert [codec.encoding for codec in radio.codecs] == ["R2S", "PCMA"]


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", " \t\r\n", "\r\n\r\n"])
def test_line_ends_and_trailing_blanks_do_not_matter(end: str) -> None:
    text = raw("chromium-publish").decode()
    assert parse(text.replace("\r\n", end)) == parse(text)


def test_missing_origin_name_and_time_get_defaults() -> None:
    description = parse(MINIMAL)
    assert (description.origin, description.name, description.times) == (Origin(), "-", [(0, 0)])


def test_the_first_of_repeated_single_attributes_counts_and_the_rest_is_kept() -> None:
    [video] = parse(media("a=mid:0", "a=mid:1", "a=sendonly", "a=recvonly", "a=setup:active", "a=setup:passive")).media
    assert (video.mid, video.direction, video.setup) == ("0", "sendonly", "active")
    assert video.attributes == [("mid", "1"), ("recvonly", None), ("setup", "passive")]


@pytest.mark.parametrize(
    "attribute",
    [
        "mid:with space",
        "mid:",
        "setup:maybe",
        "candidate:1 1 udp",
        "candidate:1 x udp 1 192.0.2.1 9 typ host",
        "fingerprint:sha-256",
        "fingerprint:sha-256 zz:zz",
        "extmap:x urn:a",
        "extmap:1/up urn:a",
        "rid:a up",
        "simulcast:send",
        "simulcast:send a;;b",
        "ssrc:x cname:y",
        "ssrc:4294967296 cname:y",
        "ssrc-group:FID x",
        "ice-ufrag:with space",
        "rtpmap:96",
        "rtpmap:96 VP8",
        "rtpmap:128 VP8/90000",
        "rtpmap:99 VP8/90000",
        "fmtp:99 a=b",
        "rtcp-fb:",
        "rtcp-fb:96 nack",
        "rtcp-mux:yes",
        "x-unknown:1",
        "flag",
        ":",
        "",
    ],
)
def test_an_attribute_that_makes_no_sense_is_kept_as_it_came(attribute: str) -> None:
    [video] = parse(media(f"a={attribute}")).media
    name, colon, value = attribute.partition(":")
    assert video.attributes == [(name, value if colon else None)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("", 0),
        ("hello", 1),
        ("s=-\r\nm=audio 9 RTP/AVP 0\r\n", 0),
        ("v=1\r\n", 1),
        ("v=0\r\nnonsense\r\n", 2),
        ("v=0\r\nm=audio\r\n", 2),
        ("v=0\r\nm=audio 65536 RTP/AVP 0\r\n", 2),
        ("v=0\r\nm=audio -1 RTP/AVP 0\r\n", 2),
        ("v=0\r\nm=audio ９ RTP/AVP 0\r\n", 2),
        ("v=0\r\ns=\0\r\n", 2),
        ('{"type":"offer"}', 1),
    ],
)
def test_what_is_no_description_is_malformed(text: str, line: int) -> None:
    with pytest.raises(SdpMalformed) as caught:
        parse(text)
    assert (caught.value.code, caught.value.line) == ("sdp-malformed", line)


@pytest.mark.parametrize(
    "text",
    [
        "v=0\r\n" + "s=" + "x" * 65_536,
        "v=0\n" * 2_001,
        "v=0\n" + "m=audio 9 RTP/AVP 0\n" * 65,
        "v=0\nm=audio 9 RTP/AVP " + " ".join(map(str, range(129))),
        media(*["a=candidate:1 1 udp 1 192.0.2.1 9 typ host"] * 65),
        media(*["a=ssrc:1 cname:x"] * 257),
        media(*["a=ssrc-group:FID 1 2"] * 65),
        media(*[f"a=rid:{index} send" for index in range(17)]),
        media("a=simulcast:send " + ";".join("r" * 17)),
        media("a=simulcast:send " + ",".join("r" * 17)),
        media(*["a=extmap:1 urn:x"] * 65),
        media("a=extmap:1 urn:" + "x" * 257),
        media(*["a=fingerprint:sha-256 AB"] * 9),
        media("a=rtpmap:96 " + "x" * 257 + "/90000"),
        media("a=rtpmap:96 VP8/90000", "a=fmtp:96 " + ";".join(f"k{index}=1" for index in range(65))),
        media("a=rtpmap:96 VP8/90000", *[f"a=fmtp:96 k{index}=1" for index in range(65)]),
        media("a=rtpmap:96 VP8/90000", *[f"a=rtcp-fb:* k{index}" for index in range(33)]),
        media("a=" + "x" * 257),
        media("a=msid:" + "x" * 257),
        "v=0\n" + "a=group:BUNDLE 0\n" * 17,
        "v=0\na=group:BUNDLE " + "0 " * 65,
        "v=0\n" + "t=0 0\n" * 65,
    ],
)
def test_every_number_and_length_has_a_bound(text: str) -> None:
    with pytest.raises(SdpTooLarge) as caught:
        parse(text)
    assert caught.value.code == "sdp-too-large"


def test_the_bounds_themselves_are_allowed() -> None:
    assert parse("v=0\n" * 2_000).media == []
    assert len(parse("v=0\n" + "m=audio 9 RTP/AVP 0\n" * 64).media) == 64
    (full,) = parse(media(*["a=candidate:1 1 udp 1 192.0.2.1 9 typ host"] * 64, *["a=ssrc:1 cname:x"] * 256)).media
    assert len(full.candidates) == 64


def test_ten_megabytes_are_refused_before_they_are_read() -> None:
    with pytest.raises(SdpTooLarge):
        parse(b"a=x\r\n" * 2_000_000)
    with pytest.raises(SdpTooLarge):
        parse("é" * 40_000)


def test_errors_name_the_line() -> None:
    with pytest.raises(SdpError, match=r"line 3: "):
        parse("v=0\ns=-\nrubbish\n")


def test_text_is_decoded_as_utf8_then_gb18030_then_anyhow() -> None:
    assert decode("会商".encode()) == "会商"
    assert decode(b"\xef\xbb\xbfv=0") == "v=0"
    assert decode("会商".encode("gb18030")) == "会商"
    assert "v=0" in decode(b"v=0\r\ns=\xff\xff\xff\r\n")


def test_a_byte_order_mark_in_text_is_no_part_of_it() -> None:
    assert parse(b"\xef\xbb\xbf" + MINIMAL.encode()) == parse(MINIMAL)
