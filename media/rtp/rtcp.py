"""RTCP as our own client needs it: sender reports out, feedback in (RFC 3550, RFC 4585, RFC 5104).

Pure functions over bytes; the plane has its own for relayed streams.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from media.rtp.header import PacketError

_SR, _RR, _SDES, _BYE, _RTPFB, _PSFB = 200, 201, 202, 203, 205, 206
_NACK: Final = 1
_PLI: Final = 1
_FIR: Final = 4
_CNAME: Final = 1
#: Seconds from the NTP era (1900) to the Unix epoch.
NTP_EPOCH_OFFSET_SECONDS: Final = 2_208_988_800
_NACK_ITEMS: Final = 64
"""(PID, BLP) pairs read per packet: 1,088 sequence numbers."""


def ntp_from_unix_ns(unix_ns: int) -> int:
    """64-bit NTP timestamp (32.32 seconds) of a UTC time in nanoseconds since 1970."""
    seconds, rest = divmod(unix_ns, 1_000_000_000)
    return (seconds + NTP_EPOCH_OFFSET_SECONDS << 32 | (rest << 32) // 1_000_000_000) & 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True)
class SenderReport:
    """SR of one stream: the pair (`ntp`, `rtp`) names the same instant on both clocks."""

    ssrc: int
    ntp: int
    rtp: int
    packets: int
    octets: int


@dataclass(frozen=True, slots=True)
class KeyframeWanted:
    """PLI, or FIR with its sequence number, for the stream `media_ssrc`."""

    media_ssrc: int
    fir_sequence: int | None = None


@dataclass(frozen=True, slots=True)
class PacketsWanted:
    """NACK: these sequence numbers of `media_ssrc` are missing at the receiver."""

    media_ssrc: int
    sequences: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReceptionReport:
    """One report block of an RR or SR (RFC 3550 section 6.4.1); `fraction_lost` is of 256."""

    media_ssrc: int
    fraction_lost: int
    cumulative_lost: int
    highest_sequence: int
    jitter: int
    last_sr: int
    delay_since_last_sr: int


@dataclass(frozen=True, slots=True)
class Goodbye:
    """BYE: these streams have ended."""

    ssrcs: tuple[int, ...]


Item = SenderReport | KeyframeWanted | PacketsWanted | ReceptionReport | Goodbye


def _packet(count: int, kind: int, body: bytes) -> bytes:
    return struct.pack("!BBH", 0x80 | count, kind, len(body) // 4) + body


def build_sender_report(report: SenderReport, cname: str) -> bytes:
    """Build a compound SR + SDES CNAME; `cname` is at most 255 bytes in UTF-8."""
    body = struct.pack("!IQIII", report.ssrc, report.ntp, report.rtp & 0xFFFFFFFF, report.packets, report.octets)
    return _packet(0, _SR, body) + _sdes(report.ssrc, cname)


def build_receiver_report(ssrc: int, blocks: list[ReceptionReport], cname: str) -> bytes:
    """Build a compound RR (at most 31 blocks) + SDES CNAME."""
    packed = b"".join(
        struct.pack(
            "!IIIIII",
            block.media_ssrc,
            block.fraction_lost << 24 | block.cumulative_lost & 0xFFFFFF,
            block.highest_sequence,
            block.jitter,
            block.last_sr,
            block.delay_since_last_sr,
        )
        for block in blocks
    )
    return _packet(len(blocks), _RR, struct.pack("!I", ssrc) + packed) + _sdes(ssrc, cname)


def _sdes(ssrc: int, cname: str) -> bytes:
    name = cname.encode()
    chunk = struct.pack("!IBB", ssrc, _CNAME, len(name)) + name + b"\x00"
    return _packet(1, _SDES, chunk + bytes(-len(chunk) % 4))


def build_goodbye(ssrcs: tuple[int, ...]) -> bytes:
    """Build a BYE for at most 31 streams."""
    return _packet(len(ssrcs), _BYE, struct.pack(f"!{len(ssrcs)}I", *ssrcs))


def build_pli(sender_ssrc: int, media_ssrc: int) -> bytes:
    """Build a picture loss indication (RFC 4585 section 6.3.1)."""
    return _packet(_PLI, _PSFB, struct.pack("!II", sender_ssrc, media_ssrc))


def build_nack(sender_ssrc: int, media_ssrc: int, sequences: list[int]) -> bytes:
    """Build a generic NACK (RFC 4585 section 6.2.1) of sequence numbers in ascending (wrapping) order."""
    pairs: list[list[int]] = []
    for sequence in sequences:
        ahead = (sequence - pairs[-1][0] - 1) & 0xFFFF if pairs else 16
        if ahead < 16:
            pairs[-1][1] |= 1 << ahead
        else:
            pairs.append([sequence & 0xFFFF, 0])
    body = b"".join(struct.pack("!HH", *pair) for pair in pairs)
    return _packet(_NACK, _RTPFB, struct.pack("!II", sender_ssrc, media_ssrc) + body)


def parse(compound: bytes) -> list[Item]:
    """Read what a sender reacts to from a compound packet; other packet types are passed over.

    Raises PacketError when a version or length is wrong; then nothing of the compound counts.
    """
    items: list[Item] = []
    offset = 0
    while offset < len(compound):
        if offset + 4 > len(compound):
            raise PacketError("RTCP header")
        first, kind, words = struct.unpack_from("!BBH", compound, offset)
        end = offset + 4 + 4 * words
        if first >> 6 != 2 or end > len(compound):
            raise PacketError("RTCP version or length")
        items += _parse_one(first & 31, kind, compound[offset + 4 : end])
        offset = end
    return items


def _parse_one(count: int, kind: int, body: bytes) -> list[Item]:
    if kind == _SR:
        if len(body) < 24:
            raise PacketError("SR length")
        return [SenderReport(*struct.unpack_from("!IQIII", body)), *_report_blocks(count, body[24:])]
    if kind == _RR:
        return [*_report_blocks(count, body[4:])]
    if kind == _BYE:
        if len(body) < 4 * count:
            raise PacketError("BYE length")
        return [Goodbye(struct.unpack_from(f"!{count}I", body))]
    if kind in (_RTPFB, _PSFB):
        if len(body) < 8:
            raise PacketError("feedback length")
        (media_ssrc,) = struct.unpack_from("!I", body, 4)
        return _feedback(kind, count, media_ssrc, body[8:])
    return []


def _report_blocks(count: int, body: bytes) -> list[ReceptionReport]:
    if len(body) < 24 * count:
        raise PacketError("report blocks")
    blocks = []
    for index in range(count):
        ssrc, lost, *rest = struct.unpack_from("!IIIIII", body, 24 * index)
        cumulative = lost & 0xFFFFFF
        cumulative -= (cumulative & 0x800000) << 1
        blocks.append(ReceptionReport(ssrc, lost >> 24, cumulative, *rest))
    return blocks


def _feedback(kind: int, message: int, media_ssrc: int, control: bytes) -> list[Item]:
    if kind == _PSFB and message == _PLI:
        return [KeyframeWanted(media_ssrc)]
    if kind == _PSFB and message == _FIR:
        # RFC 5104 section 4.3.1: the target stands in the entry, the common media SSRC is zero.
        entries = struct.iter_unpack("!IB3x", control[: len(control) // 8 * 8])
        return [KeyframeWanted(ssrc, sequence) for ssrc, sequence in list(entries)[:31]]
    if kind == _RTPFB and message == _NACK:
        lost: list[int] = []
        for pid, mask in struct.iter_unpack("!HH", control[: 4 * _NACK_ITEMS]):
            lost.append(pid)
            lost += [(pid + 1 + bit) & 0xFFFF for bit in range(16) if mask >> bit & 1]
        return [PacketsWanted(media_ssrc, tuple(lost))] if lost else []
    return []
