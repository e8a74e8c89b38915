"""aiortc's parser as an oracle for what both know, and aiortc as a peer that has to take our answers."""

from __future__ import annotations

import aioice.ice
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription
from aiortc import sdp as oracle
from aiortc.mediastreams import AudioStreamTrack, VideoStreamTrack

from signaling.sdp.lines import offered_ssrcs
from signaling.sdp.model import MediaDescription
from signaling.sdp.parse import parse
from signaling.sdp.webrtc import accept_publish, accept_view
from signaling.sdp.write import write
from tests.signaling.sdp.samples import LOCAL, VP8, WEBRTC_NAMES, audio_track, load, raw, video_track


@pytest.mark.parametrize("name", WEBRTC_NAMES)
@pytest.mark.parametrize("rewritten", [False, True])
def test_aiortc_reads_the_same(name: str, rewritten: bool) -> None:
    ours = load(name)
    theirs = oracle.SessionDescription.parse(write(ours) if rewritten else raw(name).decode())
    assert [(group.semantic, tuple(group.items)) for group in theirs.group] == [
        (group.semantics, group.mids) for group in ours.groups
    ]
    assert len(ours.media) == len(theirs.media)
    for mine, other in zip(ours.media, theirs.media, strict=True):
        assert (mine.kind, mine.port, mine.profile, mine.formats) == (
            other.kind,
            other.port,
            other.profile,
            [str(item) for item in other.fmt],
        )
        assert other.ice is not None
        assert (mine.mid or "", mine.direction, mine.msid, mine.rtcp_mux) == (
            other.rtp.muxId,
            other.direction,
            other.msid,
            other.rtcp_mux,
        )
        assert (mine.ice_ufrag or ours.ice_ufrag, mine.ice_pwd or ours.ice_pwd) == (
            other.ice.usernameFragment,
            other.ice.password,
        )
        assert [(item.id, item.uri) for item in mine.extensions] == [
            (item.id, item.uri) for item in other.rtp.headerExtensions
        ]
        assert [(item.address, item.port, item.priority, item.type) for item in mine.candidates] == [
            (item.ip, item.port, item.priority, item.type) for item in other.ice_candidates
        ]
        compare_codecs(mine, other)
        assert {line.ssrc for line in mine.ssrcs} == {item.ssrc for item in other.ssrc}
        pairs = {tuple(group.items) for group in other.ssrc_group if group.semantic == "FID"}
        assert {(item.primary, item.rtx) for item in offered_ssrcs(mine) if item.rtx is not None} == pairs


def compare_codecs(mine: MediaDescription, other: oracle.MediaDescription) -> None:
    if other.kind not in ("audio", "video"):
        return
    theirs = {codec.payloadType: codec for codec in other.rtp.codecs}
    for codec in mine.codecs:
        found = theirs[codec.payload_type]
        assert found.name.lower() == codec.encoding.lower()
        assert found.clockRate == codec.clock_rate
        if other.kind == "audio":
            assert found.channels == codec.channels
        assert {(item.type, item.parameter or "") for item in found.rtcpFeedback} == set(codec.feedback)
        assert {key: str(value or "") for key, value in found.parameters.items()} == codec.fmtp


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aioice.ice, "get_host_addresses", lambda use_ipv4, use_ipv6: ["127.0.0.1"])


async def test_aiortc_takes_our_answer_to_its_publishing(loopback: None) -> None:
    peer = RTCPeerConnection()
    try:
        peer.addTransceiver(VideoStreamTrack(), direction="sendonly")
        peer.addTransceiver(AudioStreamTrack(), direction="sendonly")
        await peer.setLocalDescription(await peer.createOffer())
        accepted = accept_publish(parse(peer.localDescription.sdp), LOCAL)
        await peer.setRemoteDescription(RTCSessionDescription(write(accepted.answer), "answer"))
        assert [item.currentDirection for item in peer.getTransceivers()] == ["sendonly", "sendonly"]
        assert [media.codecs[0].codec.encoding for media in accepted.media] == ["H264", "opus"]
    finally:
        await peer.close()


async def test_aiortc_takes_our_answer_to_its_viewing(loopback: None) -> None:
    peer = RTCPeerConnection()
    try:
        peer.addTransceiver("video", direction="recvonly")
        peer.addTransceiver("audio", direction="recvonly")
        await peer.setLocalDescription(await peer.createOffer())
        accepted = accept_view(parse(peer.localDescription.sdp), [video_track(VP8), audio_track()], LOCAL)
        await peer.setRemoteDescription(RTCSessionDescription(write(accepted.answer), "answer"))
        assert [item.currentDirection for item in peer.getTransceivers()] == ["recvonly", "recvonly"]
        assert [item.receiver.track.id for item in peer.getTransceivers()] == ["video1001", "audio5001"]
    finally:
        await peer.close()
