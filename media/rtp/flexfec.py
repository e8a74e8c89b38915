"""Packets made again from parity (draft-ietf-payload-flexible-fec-scheme-03 section 4.2, as libwebrtc reads it).

A core for our own client and tools: bounded memory, no clock. The transport-wide number counts as zero.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from media.rtp.header import HEADER_BYTES, PacketError

#: Packets of a stream that are kept; a mask reaches over 109.
KEPT_PACKETS: Final = 256
#: Parities that wait for more of what they cover.
KEPT_PARITIES: Final = 64
_ONE_BYTE_PROFILE: Final = b"\xbe\xde"
_HEAD_BYTES: Final = 18


@dataclass(slots=True)
class Parity:
    """A parity with the numbers that it covers."""

    ssrc: int
    covers: tuple[int, ...]
    head: bytes
    body: bytes


def parse(payload: bytes) -> Parity:
    """Read a parity's payload. Raises PacketError for what is no parity of one stream with a mask of its own."""
    if len(payload) < _HEAD_BYTES + 2 or payload[0] & 0xC0:
        raise PacketError("FlexFEC header")
    if payload[8] != 1:
        raise PacketError("FlexFEC over several streams")
    base = int.from_bytes(payload[16:18])
    covers: list[int] = []
    at, first, is_last = _HEAD_BYTES, 0, False
    for size in (2, 4, 8):
        if is_last:
            break
        if at + size > len(payload):
            raise PacketError("FlexFEC mask")
        bits = size * 8 - 1
        word = int.from_bytes(payload[at : at + size])
        covers += [(base + first + bit) & 0xFFFF for bit in range(bits) if word >> (bits - 1 - bit) & 1]
        is_last = bool(word >> bits)
        at, first = at + size, first + bits
    if not covers:
        raise PacketError("FlexFEC over nothing")
    return Parity(int.from_bytes(payload[12:16]), tuple(covers), payload[:8], payload[at:])


def without_wide_number(packet: bytes, identifier: int) -> bytes:
    """Return an RTP packet with its transport-wide number set to zero, as parities count it."""
    at = HEADER_BYTES + 4 * (packet[0] & 15)
    if not packet[0] & 0x10 or packet[at : at + 2] != _ONE_BYTE_PROFILE:
        return packet
    end = at + 4 + 4 * int.from_bytes(packet[at + 2 : at + 4])
    at += 4
    while at < min(end, len(packet)):
        if packet[at] >> 4 == identifier:
            return packet[: at + 1] + b"\0\0" + packet[at + 3 :]
        at += 1 if not packet[at] else 2 + (packet[at] & 15)
    return packet


class Recovery:
    """One stream's packets and parities."""

    def __init__(self) -> None:
        self._packets: OrderedDict[int, bytes] = OrderedDict()
        self._parities: list[Parity] = []

    def packet(self, packet: bytes) -> list[bytes]:
        """Take a packet of the stream, its transport-wide number zero; return what can be made again now."""
        sequence = int.from_bytes(packet[2:4])
        if sequence in self._packets:
            return []
        self._keep(sequence, packet)
        return self._recover()

    def parity(self, payload: bytes) -> list[bytes]:
        """Take a parity; return the packets that can be made again now. Raises PacketError."""
        self._parities.append(parse(payload))
        del self._parities[:-KEPT_PARITIES]
        return self._recover()

    def _keep(self, sequence: int, packet: bytes) -> None:
        self._packets[sequence] = packet
        while len(self._packets) > KEPT_PACKETS:
            self._packets.popitem(last=False)

    def _recover(self) -> list[bytes]:
        made: list[bytes] = []
        is_more = True
        while is_more:
            is_more = False
            for parity in list(self._parities):
                missing = [number for number in parity.covers if number not in self._packets]
                if len(missing) > 1:
                    continue
                self._parities.remove(parity)
                if missing and (packet := self._make(parity, missing[0])) is not None:
                    self._keep(missing[0], packet)
                    made.append(packet)
                    is_more = True
        return made

    def _make(self, parity: Parity, number: int) -> bytes | None:
        head, body = int.from_bytes(parity.head), int.from_bytes(parity.body)
        bits = 8 * len(parity.body)
        for other in parity.covers:
            if other == number:
                continue
            packet = self._packets[other]
            behind = packet[HEADER_BYTES:]
            head ^= int.from_bytes(packet[:2] + len(behind).to_bytes(2) + packet[4:8])
            if len(behind) * 8 > bits:
                return None  # not made of these packets
            body ^= int.from_bytes(behind) << (bits - 8 * len(behind))
        first = head.to_bytes(8)
        length = int.from_bytes(first[2:4])
        if length > len(parity.body):
            return None
        fixed = bytes((first[0] & 0x3F | 0x80, first[1])) + number.to_bytes(2) + first[4:8] + parity.ssrc.to_bytes(4)
        return fixed + body.to_bytes(len(parity.body))[:length]
