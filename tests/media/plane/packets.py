"""RTP and RTCP made and read for tests, by nothing of the plane's."""

import itertools
import struct
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from media.plane.names import CODECS

NTP_EPOCH_S = 2_208_988_800
H264, VP8, OPUS = CODECS.index("H264"), CODECS.index("VP8"), CODECS.index("opus")
SR, RR, SDES, BYE, RTPFB, PSFB, XR = 200, 201, 202, 203, 205, 206, 207


@dataclass(frozen=True, slots=True)
class Packet:
    """An RTP packet that was received; `raw` as on the wire, `payload` in the clear and without padding."""

    raw: bytes
    clear: bytes
    marker: bool
    payload_type: int
    sequence: int
    timestamp: int
    ssrc: int
    extensions: dict[int, bytes]
    payload: bytes
    padding: int
    source: tuple[Any, ...]

    @property
    def original(self) -> int:
        """The sequence number that an RTX packet repairs."""
        return int.from_bytes(self.payload[:2], "big")


def extension_block(elements: Mapping[int, bytes]) -> bytes:
    """RFC 8285 one-byte-header elements, id -> value."""
    body = b"".join(bytes([identifier << 4 | len(value) - 1]) + value for identifier, value in elements.items())
    body += bytes(-len(body) % 4)
    return struct.pack("!HH", 0xBEDE, len(body) // 4) + body


def rtp(
    sequence: int,
    payload: bytes,
    *,
    timestamp: int = 0,
    ssrc: int = 77,
    payload_type: int = 96,
    marker: bool = True,
    extensions: Mapping[int, bytes] | None = None,
    padding: int = 0,
) -> bytes:
    first = 0x80 | (0x10 if extensions else 0) | (0x20 if padding else 0)
    head = struct.pack(
        "!BBHII", first, marker << 7 | payload_type, sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc & 0xFFFFFFFF
    )
    tail = bytes(padding - 1) + bytes([padding]) if padding else b""
    return head + (extension_block(extensions) if extensions else b"") + payload + tail


def rtx(sequence: int, original: bytes, *, ssrc: int, payload_type: int = 97, **options: Any) -> bytes:
    """RFC 4588: `original` (an RTP packet without extension) as a retransmission."""
    _, second, number, timestamp = struct.unpack("!BBHI", original[:8])
    return rtp(
        sequence,
        struct.pack("!H", number) + original[12:],
        timestamp=timestamp,
        ssrc=ssrc,
        payload_type=payload_type,
        marker=second >> 7 == 1,
        **options,
    )


def vp8(picture: int = 0, *, key: bool = False, first: bool = True, body: bytes = b"\0" * 20, tl0: int = 0) -> bytes:
    """A VP8 payload with a 15-bit PictureID and TL0PICIDX (RFC 7741 section 4.2)."""
    head = bytes([0x90 if first else 0x80, 0xC0, 0x80 | picture >> 8 & 0x7F, picture & 0xFF, tl0 & 0xFF])
    if not first:
        return head + body
    start = b"\x10\x02\x00\x9d\x01\x2a\x40\x01\xb4\x00" if key else b"\x11\x02\x00"
    return head + start + body


def h264(*, key: bool = False, body: bytes = b"\x80" + b"\1" * 20) -> bytes:
    """A single NAL unit: an IDR or a non-IDR slice, the first of its picture."""
    return (b"\x65" if key else b"\x41") + body


def read_rtp(clear: bytes, raw: bytes = b"", source: tuple[Any, ...] = ()) -> Packet:
    first, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", clear[:12])
    at, end = 12 + 4 * (first & 15), len(clear)
    extensions: dict[int, bytes] = {}
    if first & 0x10:
        profile, words = struct.unpack("!HH", clear[at : at + 4])
        assert profile == 0xBEDE
        elements = clear[at + 4 : at + 4 + 4 * words]
        at += 4 + 4 * words
        place = 0
        while place < len(elements):
            if elements[place] == 0:
                place += 1
                continue
            length = (elements[place] & 15) + 1
            extensions[elements[place] >> 4] = elements[place + 1 : place + 1 + length]
            place += 1 + length
    padding = clear[-1] if first & 0x20 else 0
    assert not first & 0x20 or 0 < padding <= end - at
    return Packet(
        raw,
        clear,
        second >> 7 == 1,
        second & 0x7F,
        sequence,
        timestamp,
        ssrc,
        extensions,
        clear[at : end - padding],
        padding,
        source,
    )


@dataclass(frozen=True, slots=True)
class Control:
    """One packet of a received RTCP compound; `body` is what follows the header."""

    kind: int
    count: int
    body: bytes
    at: float
    packet: bytes

    @property
    def ssrc(self) -> int:
        return int.from_bytes(self.body[:4], "big")

    @property
    def media_ssrc(self) -> int:
        return int.from_bytes(self.body[4:8], "big")

    def nacked(self) -> list[int]:
        assert (self.kind, self.count) == (RTPFB, 1)
        found = []
        for pid, mask in struct.iter_unpack("!HH", self.body[8:]):
            found += [pid] + [(pid + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1]
        return found


def read_rtcp(compound: bytes, at: float = 0.0) -> list[Control]:
    found = []
    while compound:
        first, kind, words = struct.unpack("!BBH", compound[:4])
        assert first >> 6 == 2
        assert len(compound) >= 4 + 4 * words
        found.append(Control(kind, first & 31, compound[4 : 4 + 4 * words], at, compound[: 4 + 4 * words]))
        compound = compound[4 + 4 * words :]
    return found


def rtcp(kind: int, count: int, body: bytes) -> bytes:
    assert len(body) % 4 == 0
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def report_block(
    ssrc: int, *, fraction: int = 0, lost: int = 0, highest: int = 0, jitter: int = 0, lsr: int = 0, dlsr: int = 0
) -> bytes:
    return struct.pack("!IIIIII", ssrc, fraction << 24 | lost & 0xFFFFFF, highest, jitter, lsr, dlsr)


def rr(ssrc: int = 1, *blocks: bytes) -> bytes:
    return rtcp(RR, len(blocks), struct.pack("!I", ssrc) + b"".join(blocks))


def sr(ssrc: int, ntp: int, timestamp: int, packets: int = 0, octets: int = 0) -> bytes:
    return rtcp(SR, 0, struct.pack("!IQIII", ssrc, ntp, timestamp & 0xFFFFFFFF, packets, octets))


def dlrr(*answers: tuple[int, int, int], sender: int = 77) -> bytes:
    """XR with one DLRR block (RFC 3611 section 4.5); each answer: whom, the reference time, how long it was held."""
    blocks = b"".join(struct.pack("!III", *answer) for answer in answers)
    return rtcp(XR, 0, struct.pack("!IBBH", sender, 5, 0, 3 * len(answers)) + blocks)


def nack(ssrc: int, sequences: Sequence[int], sender: int = 1) -> bytes:
    entries = b"".join(struct.pack("!HH", sequence & 0xFFFF, 0) for sequence in sequences)
    return rtcp(RTPFB, 1, struct.pack("!II", sender, ssrc) + entries)


def pli(ssrc: int, sender: int = 1) -> bytes:
    return rtcp(PSFB, 1, struct.pack("!II", sender, ssrc))


def fir(ssrc: int, number: int = 0, sender: int = 1) -> bytes:
    return rtcp(PSFB, 4, struct.pack("!IIIBBH", sender, 0, ssrc, number, 0, 0))


def bye(*ssrcs: int) -> bytes:
    return rtcp(BYE, len(ssrcs), struct.pack(f"!{len(ssrcs)}I", *ssrcs))


def ntp_from_utc(seconds: float) -> int:
    return int((seconds + NTP_EPOCH_S) * 2**32)


def utc_from_ntp(ntp: int) -> float:
    return ntp / 2**32 - NTP_EPOCH_S


def is_rtcp(datagram: bytes) -> bool:
    return 192 <= datagram[1] <= 223


def picture(number: int, first_sequence: int, *, key: bool = False, count: int = 3, ssrc: int = 77) -> list[bytes]:
    """One VP8 picture of `count` packets, 30 pictures a second."""
    return [
        rtp(
            first_sequence + index,
            vp8(number, key=key, first=index == 0, body=bytes([number & 0xFF, index]) * 100),
            timestamp=number * 3000,
            marker=index == count - 1,
            ssrc=ssrc,
        )
        for index in range(count)
    ]


def pictures(first: int, count: int, *, first_sequence: int | None = None, ssrc: int = 77) -> list[bytes]:
    """Pictures of three packets each; the first is a keyframe."""
    start = first * 3 if first_sequence is None else first_sequence
    return [
        packet
        for index in range(count)
        for packet in picture(first + index, start + 3 * index, key=index == 0, ssrc=ssrc)
    ]


def sequences(packets: Iterable[Packet]) -> list[int]:
    return [packet.sequence for packet in packets]


def picture_ids(packets: Iterable[Packet]) -> list[int]:
    """PictureIDs in order of appearance, each once."""
    found = [(packet.payload[2] & 0x7F) << 8 | packet.payload[3] for packet in packets]
    return [number for number, _ in itertools.groupby(found)]


def continuous(numbers: Sequence[int], first: int) -> bool:
    return list(numbers) == [(first + index) & 0xFFFF for index in range(len(numbers))]
