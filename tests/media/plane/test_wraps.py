"""Every counter of the plane that wraps, on the wire or inside, and where it is shown to.

| counter | bits | shown in |
|---|---|---|
| sequence number in, its extension, the report's extended highest | 16, 64, 32 | test_receive, here |
| sequence number out, and SRTP's rollover counter with it | 16, 32 | test_rewrite, test_forward, test_nonce |
| of repairs (RTX) and parities (FlexFEC), the base that a parity names | 16 | test_repair, test_resend, test_flexfec |
| of repairs in, and the original numbers that they bring | 16 | test_publish_repair |
| RTP timestamps in and out, and of sender reports | 32 | test_forward, test_report, test_senderclock, test_repair |
| PictureID, TL0PICIDX of VP8 | 7 or 15, 8 | test_rewrite |
| transport-wide number in, and out | 16 | test_twcc, test_report; test_twcchistory, test_estimate, here |
| reference time and number of a feedback | 24, 8 | test_twcc, test_twcchistory |
| abs-send-time | 24 | test_uplink |
| NTP seconds (2036), the middle of an NTP time (18 h), and DLSR | 32, 32 | test_rtcpwriter, test_roundtrip |
| packets and octets of a sender report | 32 | here |
| packets lost of a report: they are clamped, not wrapped | 24, signed | test_receive, test_rtcpwriter |
| number of a full intra request | 8 | here; it begins just below its wrap |
| how much older a sound in RED is: what is older is left out | 14 | test_red |
| counters of a stream's queue, of parities, of TCP connections | 32, 32, 16 | each begins just below its wrap |
| indexes of rings, and all that is counted for statistics | 64 | test_ring, test_tapring |

Not shown, because libsrtp lets nobody set it: the index of SRTCP, 31 bits. Behind the last one it refuses to protect
(RFC 3711 section 9.2), which at ten packets a second comes after seven years under the same keys.
"""

from __future__ import annotations

import struct

from media.plane.receive import ReceiveView
from tests.media.plane.packets import PSFB, RTPFB, continuous, rtcp, rtp, vp8
from tests.media.plane.peers import TWCC, Stage, staged
from tests.media.plane.tcp_peer import TcpPeer
from tests.media.plane.test_report import next_report
from tests.patience import wait_until

SOUND = b"twenty bytes of sound"


def test_a_reports_extended_number_goes_round_after_65536_cycles() -> None:
    view = ReceiveView(90000)
    step = 2_999  # the largest gap that is not taken for a new numbering
    count = 2**32 // step + 10
    assert view.run(65_530, count, step) == 65_536 + 65_530 + (count - 1) * step
    assert view.report(0)[2] == (65_530 + (count - 1) * step) % 2**32 < 10 * step + 65_536
    assert view.counters()["received"] == count


def test_packets_and_octets_of_a_sender_report_go_round_and_our_own_do_not(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(), stage.track(video=False)
    publisher.publish(track)
    before = (2**32 - 5, 2**32 - 5 * len(SOUND) + 1)
    route = viewer.watch(track, counted=before)
    publisher.send(*(rtp(number, SOUND, timestamp=number * 960, payload_type=111) for number in range(10)))
    viewer.wait_packets(10)
    assert struct.unpack("!II", next_report(viewer).body[16:24]) == (5, 5 * len(SOUND) + 1)
    stats = route.stats()
    assert (stats["packets"], stats["octets"]) == (before[0] + 10, before[1] + 10 * len(SOUND))


def test_the_number_of_a_full_intra_request_goes_round() -> None:
    with staged(keyframe_interval_ms=0) as stage:
        publisher, viewer, track = stage.peer(reduced_size=True), stage.peer(), stage.track()
        publisher.publish(track, pli=False, fir=True)
        viewer.watch(track)
        publisher.send(rtp(0, vp8(0)))

        def numbers() -> list[int]:
            return [item.body[12] for item in publisher.read().control if (item.kind, item.count) == (PSFB, 4)]

        while len(numbers()) < 10:
            known = len(numbers())
            track.want_keyframe()
            publisher.wait(lambda _, known=known: len(numbers()) > known, "a request")  # type: ignore[misc]
        got = numbers()
        assert got == [(got[0] + index) % 256 for index in range(len(got))] and 0 in got


def test_the_wide_numbers_of_a_viewer_go_round_and_its_feedback_is_read_over_the_edge(stage: Stage) -> None:
    publisher, viewer, track = stage.peer(), stage.peer(send_ids={TWCC: 4}), stage.track()
    publisher.publish(track)
    lines = 16  # so many packets of the viewer's for one that is published
    for line in range(lines):
        viewer.watch(track, ssrc=1000 + 2 * line)
    count = 65_536 // lines + 20
    for number in range(count):
        publisher.send(rtp(number, vp8(number, key=number == 0)))
        if number % 10 == 0:
            viewer.wait_packets(lines * (number + 1))
    got = viewer.wait_packets(lines * count)
    wide = [int.from_bytes(packet.extensions[4]) for packet in got]
    assert continuous(wide, wide[0]) and 65_535 in wide[:-1]
    ends = 2 * (wide[-1] + 1) % 65_536  # as many before the edge as behind it
    head = struct.pack("!IIHHIH", 1, 1000, (wide[-1] + 1 - ends) & 0xFFFF, ends, 1000 << 8, 0x2000 | ends)
    body = head + b"\x04" * ends
    viewer.send(rtcp(RTPFB, 15, body + bytes(-len(body) % 4)))
    wait_until(lambda: viewer.transport.stats()["feedback_received"] == ends, "the feedback is read")
    assert stage.drops == {}


def test_connections_are_told_apart_when_their_numbers_go_round() -> None:
    with staged(tcp_port=0) as stage:
        peers = [TcpPeer(stage) for _ in range(4)]
        assert [peer.address[2] for peer in peers] == [65_534, 65_535, 1, 2]  # type: ignore[misc]
        for peer in peers:
            peer.settle()
