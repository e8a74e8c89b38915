"""A viewer that answers as a browser does: transport feedback, receiver reports, NACK and PLI.

Any session that gives packets (`Session`: WHEP, or another server's way) with the cores of `sound` and `picture` on
top; the shell has the clock. Sound is not asked for again: browsers do not offer that for it.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Protocol

from benchmarks.links.picture import Picture
from benchmarks.links.playout import decoded_ns
from benchmarks.links.sound import Sound
from huishang.demo.link import HEADER_BYTES
from media.plane.receive import ReceiveView
from media.plane.rtcpwriter import middle32
from media.plane.twcc import Recorder
from media.rtp import header, red, rtcp
from media.rtp.flexfec import Recovery, without_wide_number
from signaling.client.transport import PacketHandler, Transport
from signaling.sdp.accepted import AcceptedMedia
from signaling.sdp.extensions import PLAYOUT_DELAY, TRANSPORT_CC

# As often as libwebrtc looks for packets to ask for again.
TICK_S = 0.02
# Chromium 156 watching a 640x360 source by WHEP: 62 ms on average.
TICKS_A_FEEDBACK = 3
TICKS_A_REPORT = 50
RATES = {"audio": 48_000, "video": 90_000}
# What AES-GCM adds to a packet.
TAG_BYTES = 16
CNAME = "viewer"
_OSN_BYTES = 2


class Session(Protocol):
    """A connection on which one source's sound and picture come."""

    @property
    def media(self) -> list[AcceptedMedia]:
        """What was agreed on, once it has started."""

    @property
    def transport(self) -> Transport:
        """The media path, once it has started."""

    async def start(self) -> None:
        """Negotiate and connect."""

    def send_rtcp(self, packet: bytes) -> None:
        """Protect and send a compound packet."""

    async def close(self) -> None:
        """End it."""


Begin = Callable[[PacketHandler, PacketHandler], Session]
"""Makes a session that gives its RTP and its RTCP packets to these two."""


class _Stream:
    """What the server's reports and ours say of one stream."""

    def __init__(self, clock_rate: int) -> None:
        self.ssrc = 0
        self.reception = ReceiveView(clock_rate)
        self._sender_report = (0, 0)

    def told(self, report: rtcp.SenderReport, now_ns: int) -> None:
        self._sender_report = middle32(report.ntp), now_ns

    def block(self, now_ns: int) -> rtcp.ReceptionReport:
        middle, at_ns = self._sender_report
        held = (now_ns - at_ns) * 65536 // 1_000_000_000 if middle else 0
        return rtcp.ReceptionReport(self.ssrc, *self.reception.report(now_ns), middle, held)


class Viewer:
    """Views a source. Use as ``async with``; `sound` and `picture` tell what came."""

    def __init__(self, begin: Begin) -> None:
        self.sound = Sound()
        self.picture = Picture()
        self.new: list[tuple[int, int]] = []
        """(when it came in ns, bytes of the link) of each packet that the viewer did not have."""
        self.feedbacks = 0
        self.made_again = 0
        self.session = begin(self._on_rtp, self._on_rtcp)
        self._ssrc = secrets.randbits(31) + 1
        self._streams = {kind: _Stream(rate) for kind, rate in RATES.items()}
        self._recorder = Recorder()
        self._recovery = Recovery()
        self._first_picture = asyncio.Event()
        self._answering: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Viewer:
        await self.session.start()
        self.picture.playout_id = self._id_of(PLAYOUT_DELAY)
        self._answering = asyncio.create_task(self._answer())
        return self

    async def __aexit__(self, *failure: object) -> None:
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.gather(self._answering, return_exceptions=True)
        await self.session.close()

    @property
    def shown_ns(self) -> list[int]:
        """When each frame went to the decoder, once whole."""
        return decoded_ns(self.picture.frames)

    async def sees(self) -> None:
        """Wait for the first picture."""
        await self._first_picture.wait()

    @cached_property
    def _kinds(self) -> dict[int, tuple[str, bool]]:
        """What a payload type carries, and whether as a repair."""
        kinds: dict[int, tuple[str, bool]] = {}
        for line in self.session.media:
            if line.red:
                kinds[line.red] = line.kind, False
            for codec in line.codecs:
                kinds[codec.codec.payload_type] = line.kind, False
                if codec.rtx_payload_type is not None:
                    kinds[codec.rtx_payload_type] = line.kind, True
        return kinds

    @cached_property
    def _reds(self) -> set[int]:
        return {line.red for line in self.session.media if line.red}

    @cached_property
    def _parities(self) -> set[int]:
        return {line.flexfec for line in self.session.media if line.flexfec}

    @cached_property
    def _wide_id(self) -> int:
        return self._id_of(TRANSPORT_CC)

    def _id_of(self, uri: str) -> int:
        lines: list[AcceptedMedia] = self.session.media
        return next((line.extensions[uri] for line in lines if uri in line.extensions), 0)

    def _on_rtp(self, data: bytes) -> None:
        now_ns = time.monotonic_ns()
        packet = header.parse(data)
        wide = packet.extension(self._wide_id)
        if wide is not None:
            self._recorder.record(int.from_bytes(wide), now_ns)
        if packet.payload_type in self._parities:
            for made in self._recovery.parity(packet.payload):
                self._on_repaired(made, now_ns)
            return
        kind, is_repair = self._kinds.get(packet.payload_type, ("", False))
        stream = self._streams.get(kind)
        if stream is None:
            return
        if is_repair:
            if len(packet.payload) <= _OSN_BYTES:
                return
            sequence = int.from_bytes(packet.payload[:_OSN_BYTES])
            verdict, number = stream.reception.recovered(sequence, now_ns)
            packet = replace(packet, sequence=sequence, payload=packet.payload[_OSN_BYTES:])
        else:
            stream.ssrc = packet.ssrc
            verdict, number = stream.reception.packet(packet.sequence, packet.timestamp, now_ns)
        if verdict not in ("new", "late", "restart"):
            return
        self.new.append((now_ns, len(data) + TAG_BYTES + HEADER_BYTES))
        if kind == "audio":
            self._hear(packet, now_ns)
            return
        self._see(number, packet, now_ns)
        if not is_repair:
            for made in self._recovery.packet(without_wide_number(data, self._wide_id)):
                self._on_repaired(made, now_ns)

    def _hear(self, packet: header.RtpPacket, now_ns: int) -> None:
        """Note a sound, and those before it that came with it."""
        if packet.payload_type in self._reds:
            for block in red.parse(packet.payload)[:-1]:
                self.sound.note((packet.timestamp - block.before) & 0xFFFFFFFF, now_ns, is_repair=True)
        self.sound.note(packet.timestamp, now_ns)

    def _on_repaired(self, data: bytes, now_ns: int) -> None:
        """Take a packet of a picture that was made again from a parity."""
        packet = header.parse(data)
        verdict, number = self._streams["video"].reception.recovered(packet.sequence, now_ns)
        if verdict in ("new", "late"):
            self.made_again += 1
            self._see(number, packet, now_ns)

    def _see(self, number: int, packet: header.RtpPacket, now_ns: int) -> None:
        self.picture.note(number, packet, now_ns)
        if self.picture.has_new_holes:
            self._ask(now_ns)
        if self.picture.frames:
            self._first_picture.set()

    def _on_rtcp(self, compound: bytes) -> None:
        now_ns = time.monotonic_ns()
        for item in rtcp.parse(compound):
            if isinstance(item, rtcp.SenderReport):
                for stream in self._streams.values():
                    if stream.ssrc == item.ssrc:
                        stream.told(item, now_ns)

    async def _answer(self) -> None:
        number = 0
        while True:
            await asyncio.sleep(TICK_S)
            number += 1
            now_ns = time.monotonic_ns()
            self._ask(now_ns)
            if number % TICKS_A_FEEDBACK == 0:
                while feedback := self._recorder.build(sender_ssrc=self._ssrc, media_ssrc=self._streams["video"].ssrc):
                    self.feedbacks += 1
                    self._send(feedback, now_ns)
            if number % TICKS_A_REPORT == 0:
                blocks = [stream.block(now_ns) for stream in self._streams.values() if stream.ssrc]
                self._send_compound(rtcp.build_receiver_report(self._ssrc, blocks, CNAME))

    def _ask(self, now_ns: int) -> None:
        media_ssrc = self._streams["video"].ssrc
        if wanted := self.picture.packets_to_ask(now_ns):
            self._send(rtcp.build_nack(self._ssrc, media_ssrc, wanted), now_ns)
        if self.picture.is_keyframe_to_ask(now_ns):
            self._send(rtcp.build_pli(self._ssrc, media_ssrc), now_ns)

    @cached_property
    def _is_reduced(self) -> bool:
        """Whether feedback may go without a report before it (RFC 5506)."""
        return all(line.rtcp_rsize for line in self.session.media)

    def _send(self, feedback: bytes, now_ns: int) -> None:
        if not self._is_reduced:
            report = rtcp.build_receiver_report(self._ssrc, [self._streams["video"].block(now_ns)], CNAME)
            feedback = report + feedback
        self._send_compound(feedback)

    def _send_compound(self, packet: bytes) -> None:
        if self.session.transport.is_connected:
            self.session.send_rtcp(packet)
