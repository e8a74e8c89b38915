"""A sender of exact RTP, as a tap gives it: real frames over and over, each packet with a known time of capture."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from media.plane.names import codec_number
from media.rtp import h264
from media.rtp.vp8 import Vp8Packetizer
from media.tap import TapKind, TapRecord
from recorder.files import Codec
from tests.media.plane.payloads import PACKETISERS
from tests.recorder.files.frames import FRAMES_PER_SECOND, Frame, frames

SECONDS: Final = 3.0
RATES: Final = {Codec.OPUS: 48_000}
MOST: Final = 1100


@dataclass
class Sender:
    """One SSRC of one route. A keyframe each second of pictures, or only when wanted (`rests`)."""

    codec: Codec
    route: int = 1
    ssrc: int = 7
    rid: str = ""
    rests: bool = False
    sequence: int = 65_500
    timestamp0: int = 4_294_900_000
    """Of capture at the clock's 0; it wraps soon."""
    captured: list[int] = field(default_factory=list)
    """Times of capture of all frames that were made, in microseconds of the clock."""
    _at: int = 0

    @property
    def step_us(self) -> int:
        return 1_000_000 // (FRAMES_PER_SECOND if self.codec.is_picture else 50)

    def want_keyframe(self) -> None:
        """Go on with the next keyframe that there is."""
        given = self._given()
        while not given[self._at % len(given)].is_keyframe:
            self._at += 1

    def next(self, captured_us: int, arrival_ns: int | None = None) -> list[TapRecord]:
        """Give the next frame's packets as if captured then, and arriving a moment later."""
        given = self._given()
        if self.rests and given[self._at % len(given)].is_keyframe and self._at:
            self._at += 1
        frame = given[self._at % len(given)]
        self._at += 1
        self.captured.append(captured_us)
        return self.packets(frame, captured_us, captured_us * 1000 if arrival_ns is None else arrival_ns)

    def packets(self, frame: Frame, captured_us: int, arrival_ns: int) -> list[TapRecord]:
        """Give a frame's packets."""
        timestamp = self.timestamp0 + captured_us * RATES.get(self.codec, 90_000) // 1_000_000 & 0xFFFFFFFF
        payloads = self._payloads(frame.data)
        records = []
        for index, payload in enumerate(payloads):
            head = bytes((0x80, (index == len(payloads) - 1) << 7 | codec_number(self.codec)))
            numbers = self.sequence.to_bytes(2, "big") + timestamp.to_bytes(4, "big") + self.ssrc.to_bytes(4, "big")
            records.append(
                TapRecord(
                    TapKind.RTP,
                    0,
                    0,
                    self.route,
                    arrival_ns,
                    arrival_ns,
                    self.ssrc,
                    self.sequence,
                    self.rid,
                    0,
                    head + numbers + payload,
                )
            )
            self.sequence = (self.sequence + 1) & 0xFFFF
        return records

    def _given(self) -> tuple[Frame, ...]:
        return frames(self.codec, SECONDS)

    def _payloads(self, data: bytes) -> list[bytes]:
        if self.codec is Codec.OPUS:
            return [data]
        if self.codec is Codec.H264:
            return h264.packetize(h264.split_annex_b(data), MOST)
        if self.codec is Codec.VP8:
            return Vp8Packetizer(0, MOST).packetize(data)
        return list(PACKETISERS[self.codec.name](data))
