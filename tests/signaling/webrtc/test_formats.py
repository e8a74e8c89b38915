"""From an accepted description to what the plane is told, with offers of peers nobody here wrote."""

from __future__ import annotations

from media.plane.names import EXTENSIONS, codec_number
from signaling.sdp.accepted import AcceptedMedia
from signaling.sdp.webrtc import accept_publish, accept_view
from signaling.webrtc.formats import publication_format, receive_extensions, route_format, send_extensions
from tests.signaling.sdp.samples import LOCAL, VP8, audio_track, load, video_track

MID = EXTENSIONS["urn:ietf:params:rtp-hdrext:sdes:mid"]
RID = EXTENSIONS["urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id"]
LEVEL = EXTENSIONS["urn:ietf:params:rtp-hdrext:ssrc-audio-level"]
TRANSPORT_WIDE = EXTENSIONS["http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"]


def published(name: str) -> list[AcceptedMedia]:
    return accept_publish(load(name), LOCAL, allow_dtls_client=True).media


def line(media: list[AcceptedMedia], kind: str) -> AcceptedMedia:
    return next(item for item in media if item.kind == kind)


def test_payload_types_are_those_of_the_wire_with_rtx_tied_to_its_media() -> None:
    video = line(published("chromium-publish"), "video")
    negotiated = publication_format(video)
    (accepted,) = video.codecs
    assert accepted.codec.encoding == "H264" and accepted.rtx_payload_type is not None
    media = (accepted.codec.payload_type, codec_number("H264"), 90000, 0)
    rtx = (accepted.rtx_payload_type, codec_number("H264"), 90000, accepted.codec.payload_type)
    assert negotiated.payload_types == [media, rtx]
    assert (negotiated.nack, negotiated.pli, negotiated.rids) == (True, True, [])
    assert negotiated.mid == (video.mid or "").encode()


def test_simulcast_layers_keep_the_order_of_the_sender() -> None:
    video = line(published("chromium-simulcast"), "video")
    assert publication_format(video).rids == [rid.encode() for rid in video.rids]
    assert len(video.rids) > 1


def test_announced_ssrcs_are_paired_with_their_rtx() -> None:
    video = line(published("aiortc-publish"), "video")
    assert publication_format(video).ssrcs == [(item.primary, item.rtx or 0) for item in video.ssrcs]
    assert publication_format(video).ssrcs


def test_sender_without_feedback_is_not_asked_for_repair() -> None:
    audio = line(published("ffmpeg-av"), "audio")
    negotiated = publication_format(audio)
    assert (negotiated.nack, negotiated.pli, negotiated.fir) == (False, False, False)


def test_every_extension_of_the_bundle_that_the_plane_reads_is_told_to_it() -> None:
    media = published("chromium-simulcast")
    ids = receive_extensions(media)
    assert {MID, RID} <= set(ids)
    assert all(1 <= identifier <= 14 for identifier in ids.values())


def viewed(name: str, *tracks: object) -> list[AcceptedMedia]:
    return accept_view(load(name), list(tracks), LOCAL).media  # type: ignore[arg-type]


def test_viewer_gets_the_payload_type_of_what_plays_now_and_of_every_other_codec_once() -> None:
    media = viewed("chromium-view", video_track(VP8), audio_track())
    video = line(media, "video")
    negotiated = route_format(video)
    assert video.current is not None and video.current.codec.encoding == "VP8"
    current = (video.current.codec.payload_type, video.current.rtx_payload_type or 0)
    assert negotiated.payload_types[codec_number("VP8")] == current
    encodings = {item.codec.encoding for item in video.codecs}
    assert set(negotiated.payload_types) == {codec_number(encoding) for encoding in encodings}
    assert (negotiated.ssrc, negotiated.rtx_ssrc, negotiated.clock_rate) == (1001, 1002, 90000)


def test_sound_has_no_rtx_and_its_own_clock() -> None:
    negotiated = route_format(line(viewed("chromium-view", video_track(), audio_track()), "audio"))
    assert (negotiated.rtx_ssrc, negotiated.clock_rate) == (0, 48000)


def test_viewer_without_rtx_gets_none() -> None:
    negotiated = route_format(line(viewed("gstreamer-view", video_track(None), audio_track()), "video"))
    assert negotiated.rtx_ssrc == 0 and all(pair[1] == 0 for pair in negotiated.payload_types.values())


def test_mid_is_never_written_towards_viewers() -> None:
    ids = send_extensions(viewed("chromium-view", video_track(), audio_track()))
    assert MID not in ids and {LEVEL, TRANSPORT_WIDE} <= set(ids)


def test_transport_wide_numbers_are_left_out_where_only_sound_is_sent() -> None:
    media = [item for item in viewed("chromium-view", video_track(), audio_track()) if item.kind == "audio"]
    assert TRANSPORT_WIDE not in send_extensions(media)
