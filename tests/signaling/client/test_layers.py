"""Simulcast of our own client: each layer is a stream with its name, its repairs and its keyframe requests."""

from __future__ import annotations

import asyncio
from collections import Counter
from functools import partial

import pytest

from media.rtp import header, rtcp
from signaling.client.http import HttpOptions
from signaling.client.publisher import Publisher
from signaling.client.sender import KeyframeRequested, MediaSender
from signaling.client.session import SessionOptions
from signaling.sdp.accepted import AcceptedCodec, AcceptedMedia
from signaling.sdp.extensions import MID, REPAIRED_RID, RID, TRANSPORT_CC
from signaling.sdp.model import Codec
from signaling.sdp.offer import PublishTrack, offer_codecs
from tests.media.rtp.pictures import encoded
from tests.patience import PATIENCE_S, until
from tests.signaling.client.test_sender import sent
from tests.signaling.dtls.pairs import context
from tests.signaling.node import EVERYTHING, running_node

VIDEO = Codec(96, "VP8", 90000)
RIDS = ("q", "h", "f")
TRACK = PublishTrack("video", (VIDEO,), "s", "v", "unit@node", rids=RIDS)
#: This packet of each layer is lost; the server knows the stream by then.
LOST = 20
IDS = {MID: 1, RID: 2, REPAIRED_RID: 3, TRANSPORT_CC: 5}


def layered(*rids: str) -> MediaSender:
    """A sender of three layers to an answer that takes these."""
    codecs = (AcceptedCodec(VIDEO, 97),)
    return MediaSender([AcceptedMedia(0, "0", "video", "send", codecs=codecs, extensions=IDS, rids=rids)], [TRACK], 0)


def test_every_packet_and_repair_names_its_layer() -> None:
    sender = layered(*RIDS)
    for layer in range(3):
        sender.send_frame(0, [b"%d" % layer], 1.0, 1.0, layer=layer)
    originals = sent(sender)
    named = [(b"0", b"q"), (b"1", b"h"), (b"2", b"f")]
    assert [(packet.payload, packet.extension(2)) for packet in originals] == named
    for packet in originals:
        sender.receive_rtcp(rtcp.build_nack(1, packet.ssrc, [packet.sequence]), 2.0)
    repairs = sent(sender)
    assert [(packet.payload[2:], packet.extension(3)) for packet in repairs] == [
        (b"0", b"q"),
        (b"1", b"h"),
        (b"2", b"f"),
    ]
    assert all(packet.extension(1) == b"0" for packet in originals + repairs)
    assert all(packet.extension(3) is None for packet in originals)
    assert all(packet.extension(2) is None for packet in repairs)
    assert len({packet.ssrc for packet in originals + repairs}) == 6


def test_keyframe_request_names_the_layer() -> None:
    sender = layered(*RIDS)
    for layer in (2, 0):
        track = sender.track(0, layer)
        assert track is not None
        sender.receive_rtcp(rtcp.build_pli(1, track.ssrc), 1.0)
    assert [sender.next_event() for _ in range(3)] == [KeyframeRequested(0, 2), KeyframeRequested(0, 0), None]


def test_layers_that_the_answer_leaves_out_send_nothing() -> None:
    sender = layered("h")
    for layer in range(3):
        sender.send_frame(0, [b"%d" % layer], 1.0, 1.0, layer=layer)
    assert [packet.payload for packet in sent(sender)] == [b"1"]
    assert sender.track(0, 0) is sender.track(0, 2) is None


def test_answer_without_simulcast_gets_the_first_layer_as_the_only_stream() -> None:
    sender = layered()
    for layer in range(3):
        sender.send_frame(0, [b"%d" % layer], 1.0, 1.0, layer=layer)
    (packet,) = sent(sender)
    assert (packet.payload, packet.extension(2)) == (b"0", None)


@pytest.mark.parametrize(("encoding", "encoder"), [("H264", "libx264"), ("VP8", "libvpx")])
async def test_each_layer_arrives_in_its_own_stream_and_is_repaired_there(
    monkeypatch: pytest.MonkeyPatch, encoding: str, encoder: str
) -> None:
    """A packet of each layer is lost once on its way to a real server, which asks for it."""
    frames = [encoded(encoder, width=64 << layer, height=48 << layer) for layer in range(3)]
    async with running_node() as node:
        options = SessionOptions(HttpOptions(EVERYTHING), context("client"), connect_seconds=PATIENCE_S)
        track = PublishTrack("video", offer_codecs("video", [encoding]), "s", "t", "cname", rids=RIDS)
        asked: set[tuple[int, int]] = set()
        publisher = Publisher(f"{node.url}/whip/unit", [track], options, lambda *layer: asked.add(layer))
        await publisher.start()
        send = publisher.session.send_rtp
        passed: Counter[bytes | None] = Counter()

        def lossy(packet: bytes) -> None:
            rid = header.parse(packet).extension(publisher.session.media[0].extensions[RID])
            passed[rid] += 1
            if rid is None or passed[rid] != LOST:
                send(packet)

        monkeypatch.setattr(publisher.session, "send_rtp", lossy)
        (publication,) = node.exchange.media["unit"].publications.values()
        number = 0
        async with asyncio.timeout(PATIENCE_S):
            while not all(layer["recovered"] for layer in publication.stats()):
                for place in range(3):
                    publisher.send(0, frames[place][number % len(frames[place])], number / 30, layer=place)
                number += 1
                await asyncio.sleep(0.02)
        streams = publication.stats()
        for place, stream in enumerate(streams):
            layer = publisher.track(0, place)
            assert layer is not None and (layer.ssrc, encoding) == (stream["ssrc"], stream["codec"])
        publication.track.want_keyframe(2)
        await until("a request for the third layer", partial(asked.__contains__, (0, 2)))
        await publisher.close()
