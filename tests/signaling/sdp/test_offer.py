"""Our client's offers, against the server's answers and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling.sdp import extensions as ext
from signaling.sdp.accepted import OfferedSsrc
from signaling.sdp.codecs import VIDEO_PREFERENCE
from signaling.sdp.errors import SdpBadSetup, SdpMalformed, SdpNoBundle
from signaling.sdp.offer import (
    EXTENSION_IDS,
    Kind,
    PublishTrack,
    offer_codecs,
    publish_offer,
    read_answer,
    view_offer,
)
from signaling.sdp.parse import parse
from signaling.sdp.webrtc import accept_publish, accept_view
from signaling.sdp.write import write
from tests.signaling.sdp.samples import CLIENT, H264_CBP, LOCAL, audio_track, video_track

VIDEO = PublishTrack("video", offer_codecs("video"), "s", "v", "c", 2001, 2002)
AUDIO = PublishTrack("audio", offer_codecs("audio"), "s", "a", "c", 2003)
LAYERED = PublishTrack("video", offer_codecs("video", ["VP8"]), "s", "v", "c", rids=("q", "h", "f"))


def test_h264_and_opus_lead_our_offers() -> None:
    assert [codec.encoding for codec in offer_codecs("video")] == list(VIDEO_PREFERENCE)
    assert offer_codecs("audio")[0].encoding == "opus"
    assert len(offer_codecs("video", ["H264"], profiles=4)) == 4


def test_extension_ids_fit_one_byte_headers() -> None:
    assert all(1 <= id_ <= 14 for id_ in EXTENSION_IDS.values())


def test_a_publisher_of_ours_and_the_server_agree() -> None:
    offer = publish_offer([VIDEO, AUDIO], CLIENT)
    assert parse(write(offer)) == offer
    accepted = accept_publish(parse(write(offer)), LOCAL)
    read = read_answer(parse(write(accepted.answer)), offer)
    assert read.dtls_role == "client"
    assert read.remote.ice_lite
    assert (read.remote.ice_ufrag, read.remote.ice_pwd) == (LOCAL.ice_ufrag, LOCAL.ice_pwd)
    assert read.remote.fingerprints == LOCAL.fingerprints
    assert [(item.address, item.port) for item in read.remote.candidates] == [
        ("192.0.2.1", 7000),
        ("2001:db8::1", 7000),
    ]
    assert [media.direction for media in read.media] == ["send", "send"]
    assert [media.codecs for media in read.media] == [media.codecs for media in accepted.media]
    assert [media.extensions for media in read.media] == [media.extensions for media in accepted.media]
    assert [media.ssrcs for media in accepted.media] == [(OfferedSsrc(2001, 2002),), (OfferedSsrc(2003),)]
    assert read.media[0].codecs[0].rtx_payload_type == read.media[0].codecs[0].codec.payload_type + 1
    assert accepted.media[0].track_id == "v"


def test_simulcast_of_ours_is_known_by_rid_alone() -> None:
    accepted = accept_publish(parse(write(publish_offer([LAYERED], CLIENT))), LOCAL)
    read = read_answer(accepted.answer)
    assert accepted.media[0].rids == read.media[0].rids == ("q", "h", "f")
    assert accepted.media[0].ssrcs == ()
    assert {ext.RID, ext.REPAIRED_RID, ext.MID} <= read.media[0].extensions.keys()


def test_a_viewer_of_ours_and_the_server_agree() -> None:
    offer = view_offer(["video", "audio"], CLIENT)
    accepted = accept_view(parse(write(offer)), [video_track(H264_CBP), audio_track()], LOCAL)
    read = read_answer(parse(write(accepted.answer)), offer)
    assert [media.direction for media in read.media] == ["recv", "recv"]
    assert [media.ssrcs for media in read.media] == [(OfferedSsrc(1001, 1002),), (OfferedSsrc(5001),)]
    assert [media.codecs for media in read.media] == [media.codecs for media in accepted.media]
    assert (read.media[0].stream_id, read.media[0].track_id, read.media[0].cname) == (
        "stream",
        "video1001",
        "source",
    )
    assert [codec.codec.encoding for codec in read.media[0].codecs].count("H264") == 4


@given(st.lists(st.sampled_from(["audio", "video"]), min_size=1, max_size=8), st.integers(0, 4))
def test_any_number_of_lines_is_offered_and_answered(kinds: list[Kind], tracks: int) -> None:
    offer = view_offer(kinds, CLIENT)
    accepted = accept_view(parse(write(offer)), [video_track(ssrc=100 + index * 2) for index in range(tracks)], LOCAL)
    read = read_answer(accepted.answer, offer)
    receiving = [media for media in read.media if media.direction == "recv"]
    assert len(receiving) == min(tracks, kinds.count("video"))


def test_refused_lines_are_read_as_refused() -> None:
    offer = publish_offer([VIDEO, AUDIO], CLIENT)
    accepted = accept_publish(offer, LOCAL, video=())
    assert [media.rejected for media in read_answer(accepted.answer, offer).media] == [True, False]


def test_answers_that_do_not_fit_are_refused() -> None:
    offer = publish_offer([VIDEO, AUDIO], CLIENT)
    answer = accept_publish(offer, LOCAL).answer
    with pytest.raises(SdpMalformed):
        read_answer(answer, publish_offer([AUDIO, VIDEO], CLIENT))
    with pytest.raises(SdpBadSetup):
        read_answer(offer)
    for media in answer.media:
        media.port = 0
    with pytest.raises(SdpNoBundle):
        read_answer(answer, offer)
