"""Figures of real connections become samples in the database, and a database that is gone costs no later sample."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError

from dispatch.acts.consultation import Contribute
from dispatch.errors import Unavailable
from dispatch.store.database import Database
from dispatch.store.migrating import upgrade
from dispatch.store.quality import Sample, Samples
from dispatch.store.reading import Reader
from signaling.ws import messages
from signaling.ws.messages import LineQuality
from signaling.ws.quality import QualityLog
from tests.patience import until
from tests.peers.aiortc_ends import ColourTrack, loopback_only
from tests.signaling.ws.desk import Desk, NotingPage, running_desk


async def connected(desk: Desk, page: NotingPage, peer: RTCPeerConnection, context: str) -> str:
    """Let an aiortc peer be the page: it publishes a picture and takes it back; return the mid it takes."""
    sent = peer.addTransceiver(ColourTrack("green"), direction="sendonly")
    taken = peer.addTransceiver("video", direction="recvonly")
    await peer.setLocalDescription(await peer.createOffer())
    publish = messages.Line(sent.mid or "", send=messages.SendLine("officer.tab", "video"))
    take = messages.Line(taken.mid or "", receive=messages.ReceiveLine("officer.tab", "video", context))
    offer = messages.Offer("1", peer.localDescription.sdp, page.number, [publish, take])
    sdp, _ = await desk.media.offer(page, offer)
    candidate = next(line for line in sdp.splitlines() if line.startswith("a=candidate"))
    each = sdp.replace("a=ice-ufrag", f"{candidate}\r\na=ice-ufrag")
    await peer.setRemoteDescription(RTCSessionDescription(each, "answer"))
    return taken.mid or ""


async def test_samples_of_a_page_that_sends_and_takes(tmp_path: Path) -> None:
    loopback_only()
    database = Database(f"sqlite:///{tmp_path / 'quality.db'}")
    await upgrade(database)
    peer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        async with running_desk(tmp_path) as desk:
            consultation = await desk.hold()
            page = desk.page("officer")
            mid = await connected(desk, page, peer, f"consultation:{consultation}")
            desk.media.quality(page, 12.0, [LineQuality(mid, jitter_ms=2.5)])
            log = QualityLog(desk.coordinator.tables, desk.media, desk.node.exchange.connections, Samples(database).add)
            first = {sample.direction: sample for sample in await log.take()}
            assert first["receive"].rate_bps is None and first["send"].rate_bps is None

            async def taken() -> dict[str, Sample]:
                return {sample.direction: sample for sample in await log.take()}

            found = await until(
                "both ways carry something", taken, lambda now: all(sample.rate_bps for sample in now.values())
            )
            await Samples(database).add(list(found.values()))
            desk.media.hangup(page)
            assert await log.take() == []
        received, sent = found["receive"], found["send"]
        assert (received.session, received.participant) == (consultation, desk.place(consultation, "officer"))
        assert (received.source, received.kind, received.jitter_us) == ("officer.tab", "video", 2_500)
        assert (sent.session, sent.participant, sent.lost_ppm) == ("", "officer", 0)
        assert await Reader(database).quality(consultation, 0, received.at_us + 1) == [received]
    finally:
        with suppress(MediaStreamError):
            await peer.close()
        await database.close()


async def test_samples_that_cannot_be_kept_cost_no_later_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QualityLog, "interval_seconds", 0.001)
    asked: list[Sequence[Sample]] = []
    errors: list[Exception] = [Unavailable("database-gone", "no database"), RuntimeError("a fault")]

    async def keep(samples: Sequence[Sample]) -> None:
        asked.append(samples)
        if errors:
            raise errors.pop()

    async with running_desk(tmp_path) as desk:
        consultation = await desk.hold()
        await desk.do(Contribute(consultation=consultation, sources=("officer.tab",)))
        page = desk.page("officer")
        mids = {
            page.take("officer.tab", "audio", f"consultation:{consultation}"),
            page.take("officer.tab", "audio"),
        }
        await page.offer()
        log = QualityLog(desk.coordinator.tables, desk.media, desk.node.exchange.connections, keep)
        log.start()
        await until("samples after two refusals", lambda: len(asked), lambda count: count >= 3)
        await log.close()
        await log.close()
        assert all(len(samples) == len(mids) for samples in asked)
