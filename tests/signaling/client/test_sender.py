"""signaling.client.sender: numbering, exact reports, retransmission, requests."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.rtp import header, rtcp
from signaling.client.sender import CACHE_PACKETS, KeyframeRequested, MediaSender, TrackSender
from signaling.sdp.accepted import AcceptedCodec, AcceptedMedia
from signaling.sdp.extensions import AUDIO_LEVEL, MID, TRANSPORT_CC
from signaling.sdp.model import Codec
from signaling.sdp.offer import PublishTrack

VIDEO = Codec(96, "VP8", 90000)
AUDIO = Codec(111, "opus", 48000, 2)
TRACKS = (
    PublishTrack("video", (VIDEO,), "s", "v", "unit@node", ssrc=10, rtx_ssrc=11),
    PublishTrack("audio", (AUDIO,), "s", "a", "unit@node", ssrc=20),
)
IDS = {MID: 1, TRANSPORT_CC: 5, AUDIO_LEVEL: 4}
#: 2026-11-21T00:00:00Z at monotonic 0.
OFFSET_NS = 1_795_219_200_000_000_000


def media_sender(rtx: int | None = 97, refused: bool = False) -> MediaSender:
    lines = (
        AcceptedMedia(0, "0", "video", "send", codecs=(AcceptedCodec(VIDEO, rtx),), extensions=IDS),
        AcceptedMedia(1, "1", "audio", "send", refused, codecs=(AcceptedCodec(AUDIO),), extensions=IDS),
    )
    return MediaSender(lines, TRACKS, OFFSET_NS)


def sent(sender: MediaSender) -> list[header.RtpPacket]:
    return [header.parse(packet) for packet in sender.rtp_to_send()]


def track(sender: MediaSender, index: int = 0) -> TrackSender:
    found = sender.track(index)
    assert found is not None
    return found


def test_frame_becomes_numbered_packets_with_one_timestamp_and_a_marker_at_the_end() -> None:
    sender = media_sender()
    sender.send_frame(0, [b"a", b"b", b"c"], 1.0, 1.0)
    sender.send_frame(0, [b"d"], 1.0 + 1 / 30, 1.04)
    packets = sent(sender)
    assert [packet.payload for packet in packets] == [b"a", b"b", b"c", b"d"]
    assert [packet.marker for packet in packets] == [False, False, True, True]
    assert {packet.timestamp for packet in packets[:3]} == {packets[0].timestamp}
    assert (packets[3].timestamp - packets[0].timestamp) % 2**32 == 3000
    assert {(packet.ssrc, packet.payload_type) for packet in packets} == {(10, 96)}
    assert {packet.extension(1) for packet in packets} == {b"0"}


def test_sequences_wrap_and_transport_wide_numbers_run_over_all_tracks() -> None:
    sender = media_sender()
    track(sender)._sequence = 65534
    sender._wide_sequence = 65535
    for index in range(4):
        sender.send_frame(index % 2, [b"x"], 1.0, 1.0)
        sender.send_frame(0, [b"y"], 1.0, 1.0)
    packets = sent(sender)
    assert [packet.sequence for packet in packets if packet.ssrc == 10] == [65534, 65535, 0, 1, 2, 3]
    wide = [int.from_bytes(packet.extension(5) or b"", "big") for packet in packets]
    assert wide == [65535, *range(7)]


def test_audio_has_no_marker_and_carries_its_level() -> None:
    sender = media_sender()
    sender.send_frame(1, [b"opus"], 1.0, 1.0, level=30)
    (packet,) = sent(sender)
    assert not packet.marker
    assert packet.extension(4) == b"\x1e"


@given(st.floats(0, 1e6), st.floats(0, 100), st.integers(0, 1))
def test_reports_map_capture_times_to_utc_exactly(start: float, later: float, index: int) -> None:
    sender = media_sender()
    sender.send_frame(index, [b"x"], start, start)
    (packet,) = sent(sender)
    sender.rtcp_to_send()
    now = start + 1.0 + later
    sender.handle_timer(now)
    (compound,) = sender.rtcp_to_send()
    (report,) = rtcp.parse(compound)
    assert isinstance(report, rtcp.SenderReport)
    rate = (90000, 48000)[index]
    utc = report.ntp / 2**32 - rtcp.NTP_EPOCH_OFFSET_SECONDS
    assert utc - OFFSET_NS / 1e9 == pytest.approx(now, abs=2e-6)
    ticks = (report.rtp - packet.timestamp) % 2**32
    assert abs(ticks - (now - start) * rate) <= 1.001
    assert (report.packets, report.octets) == (1, 1)


def test_reports_come_with_the_first_frame_and_then_every_second() -> None:
    sender = media_sender()
    assert sender.get_timer() is None
    sender.handle_timer(5.0)
    assert sender.rtcp_to_send() == []
    sender.send_frame(0, [b"x"], 10.0, 10.0)
    assert len(sender.rtcp_to_send()) == 1
    assert sender.get_timer() == 11.0
    sender.handle_timer(10.9)
    assert sender.rtcp_to_send() == []
    sender.handle_timer(11.0)
    assert len(sender.rtcp_to_send()) == 1


def test_missing_packet_is_repaired_on_the_rtx_stream() -> None:
    sender = media_sender()
    track(sender)._sequence = 65535
    sender.send_frame(0, [b"a", b"b"], 1.0, 1.0)
    originals = sent(sender)
    sender.receive_rtcp(rtcp.build_nack(1, 10, [65535, 0]), 2.0)
    repairs = sent(sender)
    for original, repair in zip(originals, repairs, strict=True):
        assert (repair.ssrc, repair.payload_type) == (11, 97)
        assert repair.payload == original.sequence.to_bytes(2, "big") + original.payload
        assert (repair.timestamp, repair.marker) == (original.timestamp, original.marker)
    assert (repairs[1].sequence - repairs[0].sequence) % 2**16 == 1
    sender.receive_rtcp(rtcp.build_nack(1, 10, [65535, 0]), 2.01)
    assert sent(sender) == []  # crossed with the repair
    sender.receive_rtcp(rtcp.build_nack(1, 10, [65535]), 2.1)
    (again,) = sent(sender)
    # Never the same packet under the same number twice: each repair has a number of its own.
    assert (again.sequence - repairs[1].sequence) % 2**16 == 1


def test_old_foreign_and_rtx_less_requests_are_counted_or_ignored() -> None:
    sender = media_sender()
    sender.send_frame(0, [b"x"] * (CACHE_PACKETS + 1), 1.0, 1.0)
    first = sent(sender)[0].sequence
    sender.receive_rtcp(rtcp.build_nack(1, 10, [first]), 2.0)
    sender.receive_rtcp(rtcp.build_nack(1, 999, [first]), 2.0)
    sender.receive_rtcp(b"garbage", 2.0)
    assert sent(sender) == []
    assert track(sender).counters.unrepairable == 1
    assert sender.malformed == 1
    bare = media_sender(rtx=None)
    bare.send_frame(0, [b"x"], 1.0, 1.0)
    sequence = sent(bare)[0].sequence
    bare.receive_rtcp(rtcp.build_nack(1, 10, [sequence]), 2.0)
    assert sent(bare) == []


def test_keyframe_requests_are_told_once_until_taken() -> None:
    sender = media_sender()
    sender.receive_rtcp(rtcp.build_pli(1, 10) * 3, 1.0)
    sender.receive_rtcp(rtcp.build_pli(1, 999), 1.0)
    assert sender.next_event() == KeyframeRequested(0)
    assert sender.next_event() is None
    fir = b"\x84\xce\x00\x04" + bytes(8) + (10).to_bytes(4, "big") + b"\x09\x00\x00\x00"
    sender.receive_rtcp(fir, 2.0)
    assert sender.next_event() == KeyframeRequested(0)
    sender.receive_rtcp(fir, 2.1)  # the same request, repeated
    assert sender.next_event() is None


def test_refused_line_sends_nothing() -> None:
    sender = media_sender(refused=True)
    sender.send_frame(1, [b"opus"], 1.0, 1.0)
    assert sender.track(1) is None
    assert sender.rtp_to_send() == sender.rtcp_to_send() == []
    assert sender.get_timer() is None


def test_goodbye_names_the_streams_that_were_sent() -> None:
    sender = media_sender()
    sender.goodbye()
    assert sender.rtcp_to_send() == []
    sender.send_frame(1, [b"opus"], 1.0, 1.0)
    sender.rtcp_to_send()
    sender.goodbye()
    (bye,) = sender.rtcp_to_send()
    assert rtcp.parse(bye) == [rtcp.Goodbye((20,))]
