"""Answers to publishers and viewers."""

from __future__ import annotations

import sys

import pytest

from signaling.sdp import extensions as ext
from signaling.sdp.accepted import Accepted, AcceptedMedia, OfferedSsrc
from signaling.sdp.errors import SdpBadDirection, SdpBadSetup, SdpError, SdpNoCommonCodec, SdpNoIce
from signaling.sdp.model import Codec, Group, SessionDescription
from signaling.sdp.parse import parse
from signaling.sdp.webrtc import accept_publish, accept_view
from signaling.sdp.write import write
from tests.signaling.sdp.samples import (
    H264_CBP,
    LOCAL,
    OPUS,
    VP8,
    WEBRTC_NAMES,
    audio_track,
    load,
    raw,
    video_track,
)

PUBLISHERS = [
    name for name in WEBRTC_NAMES if "view" not in name and name not in ("ffmpeg-av", "ffmpeg-video", "ffmpeg-audio")
]
VIEWERS = ["chromium-view", "chromium-view-many", "aiortc-view", "gstreamer-view"]


def replaced(name: str, *changes: tuple[str, str]) -> SessionDescription:
    text = raw(name).decode()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse(text)


def line(accepted: Accepted, kind: str) -> AcceptedMedia:
    return next(item for item in accepted.media if item.kind == kind)


def encodings(media: AcceptedMedia) -> list[str]:
    return [item.codec.encoding for item in media.codecs]


def check_answer(offer: SessionDescription, accepted: Accepted) -> None:
    """What holds for every answer, whatever the offer."""
    answer = accepted.answer
    assert parse(write(answer)) == answer
    assert [(media.kind, media.profile, media.mid) for media in answer.media] == [
        (media.kind, media.profile, media.mid) for media in offer.media
    ]
    assert answer.ice_lite
    taken = [media for media in answer.media if media.port]
    assert answer.bundle == (tuple(media.mid for media in taken) if offer.bundle else None)
    assert [bool(media.candidates) for media in taken] == [True] + [False] * (len(taken) - 1)
    for media, offered, result in zip(answer.media, offer.media, accepted.media, strict=True):
        assert result.rejected is (media.port == 0)
        if result.rejected:
            assert (media.direction, media.formats) == ("inactive", offered.formats)
            continue
        assert (
            media.rtcp_mux and media.setup in ("passive", "active") and media.fingerprints == list(LOCAL.fingerprints)
        )
        assert set(media.formats) <= set(offered.formats)
        assert {item.id for item in media.extensions} <= {item.id for item in offered.extensions}
        assert {item.codec.payload_type for item in result.codecs} <= {codec.payload_type for codec in media.codecs}
        for item in result.codecs:
            remb = ("goog-remb", "") in item.codec.feedback
            assert not remb or (result.direction == "recv" and ext.ABS_SEND_TIME in result.extensions)


@pytest.mark.parametrize("name", PUBLISHERS)
def test_every_recorded_publisher_is_answered_with_one_codec_a_line(name: str) -> None:
    offer = load(name)
    accepted = accept_publish(offer, LOCAL)
    check_answer(offer, accepted)
    for media, answer in zip(accepted.media, accepted.answer.media, strict=True):
        assert (media.direction, answer.direction) == ("recv", "recvonly")
        assert encodings(media) == [{"video": "H264", "audio": "opus"}[media.kind]]
        assert answer.ssrcs == []
    assert accepted.dtls_role == "server"


def test_chromium_simulcast_layers_are_taken_in_its_order() -> None:
    accepted = accept_publish(load("chromium-simulcast"), LOCAL)
    video = line(accepted, "video")
    assert video.rids == ("q", "h", "f")
    assert video.ssrcs == ()
    assert (video.codecs[0].codec.payload_type, video.codecs[0].rtx_payload_type) == (108, 109)
    assert video.extensions[ext.RID] == 10
    assert video.extensions[ext.REPAIRED_RID] == 11
    assert video.stream_id == "6119d5dd-778e-4d39-9301-06e3585ae7fd"
    assert video.rtcp_rsize
    text = write(accepted.answer)
    assert "a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n" in text
    audio = line(accepted, "audio")
    assert audio.ssrcs == (OfferedSsrc(4058739941),)
    assert audio.extensions[ext.AUDIO_LEVEL] == 12
    assert audio.cname == "uRUEU9YJfuX1nLB+"


def test_firefox_simulcast_has_layers_and_ssrcs() -> None:
    video = line(accept_publish(load("firefox-simulcast"), LOCAL), "video")
    assert video.rids == ("hi", "lo")
    assert video.ssrcs == (OfferedSsrc(1441812801, 3311100231), OfferedSsrc(2512001411, 4011200321))
    assert (video.codecs[0].codec.payload_type, video.codecs[0].rtx_payload_type) == (126, 127)


def test_the_preference_of_codecs_can_be_set() -> None:
    accepted = accept_publish(load("chromium-publish"), LOCAL, video=("AV1", "VP8"), audio=("PCMA",))
    assert [encodings(media) for media in accepted.media] == [["AV1"], ["PCMA"]]


def test_a_sendrecv_publisher_is_answered_recvonly() -> None:
    accepted = accept_publish(load("chromium-sendrecv"), LOCAL)
    assert [media.direction for media in accepted.answer.media] == ["recvonly", "recvonly"]


def test_transport_cc_needs_its_extension() -> None:
    feedback = line(accept_publish(load("gstreamer-publish"), LOCAL), "video").codecs[0].codec.feedback
    assert feedback == (("nack", "pli"), ("ccm", "fir"))
    feedback = line(accept_publish(load("chromium-publish"), LOCAL), "video").codecs[0].codec.feedback
    assert feedback == (("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("transport-cc", ""))


def test_remb_is_for_publishers_without_transport_cc_that_tell_when_they_send() -> None:
    remb = ("goog-remb", "")
    assert remb in line(accept_publish(load("aiortc-publish"), LOCAL), "video").codecs[0].codec.feedback
    # OBS offers goog-remb and does not tell when it sends.
    assert remb in load("obs").media[1].codecs[0].feedback
    assert remb not in line(accept_publish(load("obs"), LOCAL), "video").codecs[0].codec.feedback
    assert remb in load("aiortc-view").media[1].codecs[0].feedback
    seen = accept_view(load("aiortc-view"), [video_track(VP8), audio_track()], LOCAL)
    assert all(remb not in accepted.codec.feedback for item in seen.media for accepted in item.codecs)


def test_ffmpeg_as_dtls_server_is_refused_unless_allowed() -> None:
    with pytest.raises(SdpBadSetup):
        accept_publish(load("ffmpeg-av"), LOCAL)
    accepted = accept_publish(load("ffmpeg-av"), LOCAL, allow_dtls_client=True)
    assert accepted.dtls_role == "client"
    assert {media.setup for media in accepted.answer.media} == {"active"}


def test_a_single_line_without_group_is_answered_without_group() -> None:
    offer = replaced("ffmpeg-video", ("a=group:BUNDLE 1\r\n", ""), ("setup:passive", "setup:actpass"))
    accepted = accept_publish(offer, LOCAL)
    assert accepted.answer.groups == []
    assert accepted.answer.media[0].candidates


def test_a_line_of_unknown_codecs_is_refused_and_the_other_kept() -> None:
    offer = replaced("obs", ("H264/90000", "THEORA/90000"))
    accepted = accept_publish(offer, LOCAL)
    check_answer(offer, accepted)
    assert [media.rejected for media in accepted.media] == [False, True]
    assert accepted.answer.groups == [Group("BUNDLE", ("0",))]


def test_lines_that_do_not_send_become_inactive() -> None:
    text = raw("chromium-publish").decode()
    video, audio = text.split("m=audio")
    accepted = accept_publish(parse(video + "m=audio" + audio.replace("a=sendonly", "a=recvonly")), LOCAL)
    assert [(media.direction, media.rejected) for media in accepted.media] == [
        ("recv", False),
        ("inactive", False),
    ]
    assert accepted.media[1].ssrcs == ()


def test_data_channels_are_refused() -> None:
    offer = load("chromium-view-many")
    accepted = accept_view(offer, [video_track(), audio_track()], LOCAL)
    check_answer(offer, accepted)
    assert accepted.media[-1].rejected
    assert accepted.answer.media[-1].formats == ["webrtc-datachannel"]


def test_a_refused_tagged_line_hands_the_candidates_to_the_next() -> None:
    offer = replaced("obs", ("opus/48000/2", "speex/48000/2"))
    accepted = accept_publish(offer, LOCAL)
    assert accepted.answer.bundle == ("1",)
    assert [len(media.candidates) for media in accepted.answer.media] == [0, 2]


@pytest.mark.parametrize("name", VIEWERS)
def test_every_recorded_viewer_is_answered(name: str) -> None:
    offer = load(name)
    accepted = accept_view(offer, [video_track(VP8), audio_track()], LOCAL)
    check_answer(offer, accepted)
    video, audio = line(accepted, "video"), line(accepted, "audio")
    assert (video.direction, audio.direction) == ("send", "send")
    assert video.current is not None and audio.current is not None
    assert (video.current, audio.current) == (video.codecs[0], audio.codecs[0])
    assert (video.current.codec.encoding, audio.current.codec.encoding) == ("VP8", "opus")


def test_a_viewer_gets_the_current_codec_first_and_all_others_for_later() -> None:
    video = line(accept_view(load("chromium-view"), [video_track(VP8)], LOCAL), "video")
    assert list(dict.fromkeys(encodings(video))) == ["VP8", "H264", "VP9", "AV1"]
    assert "rtx" not in encodings(video)
    assert all(item.rtx_payload_type is not None for item in video.codecs)


def test_a_viewer_gets_the_h264_profile_that_the_source_sends() -> None:
    main = Codec(99, "H264", 90000, 1, {"packetization-mode": "1", "profile-level-id": "4d0028"})
    video = line(accept_view(load("chromium-view"), [video_track(main)], LOCAL), "video")
    assert video.current is not None
    assert video.current.codec.fmtp["profile-level-id"] == "4d001f"
    assert video.current.codec.fmtp["packetization-mode"] == "1"


def test_our_ssrcs_are_announced_with_rtx_where_the_viewer_takes_it() -> None:
    accepted = accept_view(load("chromium-view"), [video_track(), audio_track()], LOCAL)
    text = write(accepted.answer)
    assert "a=ssrc-group:FID 1001 1002\r\n" in text
    assert "a=ssrc:1001 cname:source\r\na=ssrc:1001 msid:stream video1001\r\n" in text
    assert "a=ssrc:5001 cname:source\r\na=ssrc:5001 msid:stream audio5001\r\n" in text
    assert "a=msid:stream video1001\r\n" in text
    assert line(accepted, "video").track == video_track()
    without_rtx = accept_view(load("gstreamer-view"), [video_track(VP8)], LOCAL)
    assert "1002" not in write(without_rtx.answer)


def test_a_viewer_of_a_silent_source_waits_with_every_codec() -> None:
    accepted = accept_view(load("chromium-view"), [video_track(None), audio_track(None)], LOCAL)
    assert [(media.direction, media.current) for media in accepted.media] == [("send", None), ("send", None)]
    assert len(accepted.media[0].codecs) == 15


def test_tracks_are_given_out_in_order_and_spare_lines_are_inactive() -> None:
    tracks = [video_track(ssrc=1), audio_track(ssrc=3), video_track(ssrc=5)]
    accepted = accept_view(load("chromium-view-many"), tracks, LOCAL)
    assert [media.track.ssrc if media.track else None for media in accepted.media] == [
        1, 3, 5, None, None, None, None, None, None,
    ]  # fmt: skip
    assert [media.direction for media in accepted.answer.media[2:4]] == ["sendonly", "inactive"]


def test_one_unplayable_track_of_two_is_let_through_without_a_current_codec() -> None:
    accepted = accept_view(load("gstreamer-view"), [video_track(H264_CBP), audio_track(OPUS)], LOCAL)
    assert line(accepted, "video").current is None
    assert line(accepted, "video").direction == "send"
    assert line(accepted, "audio").current is not None


def test_a_viewer_that_can_play_nothing_of_the_source_is_refused() -> None:
    with pytest.raises(SdpNoCommonCodec, match="H264"):
        accept_view(load("gstreamer-view"), [video_track(H264_CBP)], LOCAL)


def test_wrong_directions_are_refused() -> None:
    with pytest.raises(SdpBadDirection):
        accept_publish(load("chromium-view"), LOCAL)
    with pytest.raises(SdpBadDirection):
        accept_view(load("chromium-publish"), [video_track()], LOCAL)


@pytest.mark.parametrize(
    ("offer", "error"),
    [
        (
            replaced("ffmpeg-active", ("H264/90000", "X/90000"), ("opus/48000/2", "Y/48000/2")),
            SdpNoCommonCodec,
        ),
        (replaced("obs", ("UDP/TLS/RTP/SAVPF", "RTP/AVP")), SdpNoCommonCodec),
        (load("sip-t38-mcptt"), SdpError),
        (load("gb28181-playback"), SdpError),
        (replaced("obs", ("a=group:LS 0 1", "a=ice-lite")), SdpNoIce),
    ],
)
def test_publishers_that_cannot_be_served_are_refused(offer: SessionDescription, error: type[SdpError]) -> None:
    with pytest.raises(error):
        accept_publish(offer, LOCAL)


def test_a_viewer_without_any_codec_of_ours_is_refused() -> None:
    with pytest.raises(SdpNoCommonCodec):
        accept_view(replaced("gstreamer-view", ("VP8/", "X/"), ("OPUS/", "Y/")), [video_track(None)], LOCAL)


def test_trickle_is_answered_only_where_offered() -> None:
    assert accept_publish(load("chromium-trickle"), LOCAL).answer.ice_options == ("ice2", "trickle")
    accepted = accept_publish(load("aiortc-publish"), LOCAL)
    assert (accepted.answer.ice_options, accepted.remote.trickle) == (("ice2",), False)


def test_an_answer_has_nothing_of_the_offer_that_we_did_not_choose() -> None:
    text = write(accept_publish(load("gstreamer-publish"), LOCAL).answer)
    assert "sprop" not in text
    assert "framerate" not in text
    assert "user1690503435" not in text


def expensive(lines: int, formats: int, *, rtx: bool = False) -> SessionDescription:
    """An offer that asks for as much work as a parsed one can: every line, format and extension wanted."""
    head = raw("chromium-view").decode().split("m=", 1)[0]
    transport = [
        item
        for item in raw("chromium-view").decode().splitlines()
        if item.startswith(("a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"))
    ][:4]
    text = [*(item for item in head.splitlines() if not item.startswith("a=group"))]
    text += ["a=group:BUNDLE " + " ".join(str(number) for number in range(lines))]
    text += [f"a=extmap:{number} urn:x:{number}" for number in range(1, 15)]
    numbers = [number for number in range(128) if not 64 <= number <= 95][:formats]
    for mid in range(lines):
        text += [f"m=video 9 UDP/TLS/RTP/SAVPF {' '.join(str(number) for number in numbers)}", f"a=mid:{mid}"]
        text += ["a=recvonly", "a=rtcp-mux", *transport, "a=rtcp-fb:* nack pli"]
        text += [f"a=rtpmap:{number} {'rtx' if rtx and number % 2 else 'VP8'}/90000" for number in numbers]
        text += [f"a=fmtp:{number} apt={number - 1}" for number in numbers if rtx and number % 2]
    return parse("\r\n".join(text) + "\r\n", max_bytes=1 << 20)


def steps_of(offer: SessionDescription) -> int:
    """Count the calls, of Python and of C, that an answer takes."""
    count = 0

    def step(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(step)
    try:
        accept_view(offer, [video_track(VP8)], LOCAL, allow_dtls_client=True)
    finally:
        sys.setprofile(None)
    return count


def test_the_work_for_an_answer_grows_no_faster_than_the_offer() -> None:
    small = steps_of(expensive(2, 16, rtx=True))
    assert steps_of(expensive(2, 64, rtx=True)) < 4.5 * small
    assert steps_of(expensive(8, 16, rtx=True)) < 4.5 * small


def test_lines_and_formats_beyond_any_use_are_refused() -> None:
    offer = expensive(20, 20)
    accepted = accept_view(offer, [video_track(VP8)], LOCAL, allow_dtls_client=True)
    check_answer(offer, accepted)
    assert [item.rejected for item in accepted.media] == [False] * 16 + [True] * 4
    (taken,) = accept_view(expensive(1, 80), [video_track(VP8)], LOCAL, allow_dtls_client=True).media
    assert len(taken.codecs) == 64


def test_a_publisher_that_offers_red_around_its_sound_is_asked_for_it() -> None:
    def asked(name: str) -> tuple[list[str], int]:
        accepted = accept_publish(load(name), LOCAL, session_id=1)
        answered = next(media for media in accepted.answer.media if media.kind == "audio")
        return [codec.encoding for codec in answered.codecs], line(accepted, "audio").red

    # First: libwebrtc sends the first format of an answer.
    assert asked("chromium-publish") == (["red", "opus"], 63)
    assert asked("aiortc-publish") == (["opus"], 0)
