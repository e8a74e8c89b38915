"""Which codecs are relayed, chosen and matched."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sdp.codecs import (
    AUDIO_PREFERENCE,
    VIDEO_PREFERENCE,
    Match,
    answered,
    answered_rtx,
    best_match,
    choose,
    h264_profile,
    match,
    relayed,
    rtx_formats,
)
from signaling.sdp.model import Codec
from tests.signaling.sdp.samples import load


def h264(profile_level_id: str | None = "42e01f", mode: str | None = "1", payload_type: int = 96) -> Codec:
    fmtp = {"profile-level-id": profile_level_id, "packetization-mode": mode}
    return Codec(payload_type, "H264", 90000, 1, {key: value for key, value in fmtp.items() if value is not None})


def video(encoding: str, payload_type: int = 96, **fmtp: str) -> Codec:
    return Codec(payload_type, encoding, 90000, 1, {key.replace("_", "-"): value for key, value in fmtp.items()})


@pytest.mark.parametrize(
    ("profile_level_id", "profile"),
    [
        ("42e01f", "constrained-baseline"),
        ("42C015", "constrained-baseline"),
        ("4d801f", "constrained-baseline"),
        ("58c01f", "constrained-baseline"),
        ("42001f", "baseline"),
        ("58801f", "baseline"),
        ("4d001f", "main"),
        ("4d401f", "main"),
        ("58001f", "extended"),
        ("64001f", "high"),
        ("640c1f", "constrained-high"),
        ("6e001f", "high-10"),
        ("6e101f", "high-10-intra"),
        ("f4001f", "high-444"),
        ("2c001f", "cavlc-444"),
        ("", "baseline"),
        ("ff001f", ""),
        ("42e0", ""),
        ("42e01g", ""),
        ("-2e01f", ""),
        ("42e01f00", ""),
    ],
)
def test_h264_profiles(profile_level_id: str, profile: str) -> None:
    assert h264_profile(profile_level_id) == profile


@given(st.text(max_size=8))
def test_any_text_as_profile_level_id_has_a_profile_or_none(text: str) -> None:
    assert isinstance(h264_profile(text), str)


@pytest.mark.parametrize(
    ("stream", "receiver", "expected"),
    [
        (h264("42e01f"), h264("42e033"), Match.SAME),  # levels are not the relay's matter
        (h264("42e01f"), h264("4d801f"), Match.SAME),  # two spellings of one profile
        (h264("42e01f"), h264("42001f"), Match.PLAYABLE),
        (h264("42001f"), h264("42e01f"), Match.PLAYABLE),
        (h264("42e01f"), h264("64001f"), Match.PLAYABLE),
        (h264("64001f"), h264("42e01f"), Match.NONE),
        (h264("4d001f"), h264("42e01f"), Match.NONE),
        (h264("f4001f"), h264("64001f"), Match.NONE),
        (h264(mode="1"), h264(mode="0"), Match.NONE),
        (h264(mode="1"), h264(mode=None), Match.PLAYABLE),  # GStreamer says nothing and plays it
        (h264(mode=None), h264(mode="1"), Match.PLAYABLE),
        (h264(mode=None), h264(mode="0"), Match.SAME),
        (h264(mode="2"), h264(mode="1"), Match.NONE),
        (video("VP8"), video("VP8", max_fs="12288"), Match.SAME),
        (video("VP8"), video("VP9"), Match.NONE),
        (video("VP9"), video("VP9", profile_id="0"), Match.SAME),
        (video("VP9"), video("VP9", profile_id="2"), Match.NONE),
        (video("AV1", profile="0", level_idx="5"), video("AV1"), Match.SAME),
        (video("AV1"), video("AV1", profile="1"), Match.NONE),
        (video("H265", level_id="93"), video("H265", profile_id="1", level_id="180"), Match.SAME),
        (video("H265"), video("H265", profile_id="2"), Match.NONE),
        (Codec(111, "opus", 48000, 2), Codec(96, "opus", 48000, 2, {"stereo": "1"}), Match.SAME),
        (Codec(8, "PCMA", 8000), Codec(8, "PCMA", 16000), Match.NONE),
    ],
)
def test_matching(stream: Codec, receiver: Codec, expected: Match) -> None:
    assert match(stream, receiver) is expected


def test_the_same_profile_beats_an_earlier_playable_one() -> None:
    offered = [h264("64001f", payload_type=1), h264("42e01f", payload_type=2), h264("42e02a", payload_type=3)]
    found = best_match(h264("42e01f"), offered)
    assert found is not None
    assert found.payload_type == 2
    assert best_match(video("VP8"), offered) is None


@pytest.mark.parametrize(
    ("codec", "taken"),
    [
        (Codec(111, "opus", 48000, 2), True),
        (Codec(111, "opus", 48000, 1), False),
        (Codec(9, "G722", 8000), True),
        (Codec(8, "PCMA", 8000), True),
        (Codec(8, "PCMA", 16000), False),
        (video("AV1"), True),
        (Codec(96, "H264", 8000), False),
        (video("red"), False),
        (video("ulpfec"), False),
        (video("rtx"), False),
        (Codec(101, "telephone-event", 8000), False),
    ],
)
def test_what_is_relayed(codec: Codec, taken: bool) -> None:
    assert relayed(codec) is taken


def test_a_publisher_gets_our_first_preference_in_its_most_playable_form() -> None:
    offered = load("chromium-publish").media[0].codecs
    chosen = choose(offered, VIDEO_PREFERENCE)
    assert chosen is not None
    assert (chosen.encoding, chosen.fmtp["profile-level-id"], chosen.fmtp["packetization-mode"]) == (
        "H264",
        "42e01f",
        "1",
    )
    second = choose(offered, ("H265", "VP9", "VP8"))
    assert second is not None
    assert (second.encoding, second.fmtp) == ("VP9", {"profile-id": "0"})


def test_a_publisher_with_packetization_mode_0_only_is_still_taken() -> None:
    assert choose([h264(mode="0")], VIDEO_PREFERENCE) == h264(mode="0")


def test_nothing_is_chosen_of_formats_that_are_not_relayed() -> None:
    assert choose([video("red"), video("ulpfec"), video("theora")], VIDEO_PREFERENCE) is None
    assert choose([Codec(101, "telephone-event", 8000)], AUDIO_PREFERENCE) is None


def test_rtx_is_paired_by_apt() -> None:
    media = load("chromium-publish").media[0]
    rtx = rtx_formats(media)
    assert rtx[108].payload_type == 109
    assert 109 not in rtx
    assert answered_rtx(Codec(109, "rtx", 90000, 1, {"apt": "108", "rtx-time": "200", "x": "1"}), 108).fmtp == {
        "apt": "108",
        "rtx-time": "200",
    }


def test_an_answer_states_configuration_and_common_feedback_only() -> None:
    codec = Codec(
        96,
        "H264",
        90000,
        1,
        {"packetization-mode": "1", "sprop-parameter-sets": "Z0LAFdk=,aMuM", "profile-level-id": "42c015"},
        (
            ("goog-remb", ""),
            ("transport-cc", ""),
            ("ccm", "fir"),
            ("nack", ""),
            ("nack", "pli"),
            ("nack", "sli"),
        ),
    )
    with_extension, without = answered(codec, transport_cc=True, remb=True), answered(codec, transport_cc=False)
    assert with_extension.fmtp == {"packetization-mode": "1", "profile-level-id": "42c015"}
    assert with_extension.feedback == (("nack", ""), ("nack", "pli"), ("ccm", "fir"), ("transport-cc", ""))
    assert without.feedback == (("nack", ""), ("nack", "pli"), ("ccm", "fir"))
    instead = answered(codec, transport_cc=False, remb=True)
    assert instead.feedback == (*without.feedback, ("goog-remb", ""))
    unspoken = replace(codec, feedback=(("goog-remb", ""), ("nack", "")))
    assert answered(unspoken, transport_cc=True, remb=True).feedback == (("nack", ""), ("goog-remb", ""))


def test_a_publisher_that_announces_stereo_is_asked_for_stereo() -> None:
    opus = load("obs").media[0].codecs[0]
    assert answered(opus, transport_cc=False).fmtp == {"minptime": "10", "stereo": "1", "useinbandfec": "1"}
