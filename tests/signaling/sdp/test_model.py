"""Derived values of the model."""

from __future__ import annotations

import pytest

from signaling.sdp.model import MediaDescription, SessionDescription, SsrcAttribute
from tests.signaling.sdp.samples import load


def line(**fields: object) -> MediaDescription:
    media = MediaDescription(kind="video", port=9, profile="UDP/TLS/RTP/SAVPF")
    for name, value in fields.items():
        setattr(media, name, value)
    return media


def test_stream_and_track_come_from_msid_or_else_from_ssrc_lines() -> None:
    by_ssrc = line(ssrcs=[SsrcAttribute(1, "cname", "c"), SsrcAttribute(1, "msid", "s t")])
    assert (by_ssrc.cname, by_ssrc.stream_id, by_ssrc.track_id) == ("c", "s", "t")
    by_ssrc.msid = "stream track"
    assert (by_ssrc.stream_id, by_ssrc.track_id) == ("stream", "track")


def test_a_track_without_a_stream_has_no_stream_id() -> None:
    assert (line(msid="- t").stream_id, line(msid="- t").track_id) == (None, "t")
    assert (line().stream_id, line().track_id, line().cname) == (None, None, None)


@pytest.mark.parametrize(("port", "bundle_only", "rejected"), [(9, False, False), (0, False, True), (0, True, False)])
def test_port_zero_rejects_a_line_unless_it_is_bundle_only(port: int, bundle_only: bool, rejected: bool) -> None:
    assert line(port=port, bundle_only=bundle_only).rejected is rejected


def test_gstreamers_second_line_is_bundle_only() -> None:
    assert [media.rejected for media in load("gstreamer-publish").media] == [False, False]


def test_direction_falls_back_to_the_session_and_then_to_sendrecv() -> None:
    session = SessionDescription(media=[line()])
    assert session.direction_of(session.media[0]) == "sendrecv"
    session.direction = "recvonly"
    assert session.direction_of(session.media[0]) == "recvonly"
    session.media[0].direction = "inactive"
    assert session.direction_of(session.media[0]) == "inactive"
