"""RED payloads (RFC 2198): sound with sounds from before it in one packet. Pure functions over bytes."""

from __future__ import annotations

from dataclasses import dataclass

from media.rtp.header import PacketError

_HEADER_BYTES = 4


@dataclass(frozen=True, slots=True)
class RedBlock:
    """One block; `before` is by how much it is older than the packet, in units of its timestamp."""

    payload_type: int
    before: int
    payload: bytes


def parse(payload: bytes) -> list[RedBlock]:
    """Return all blocks, the newest last. Raises PacketError where lengths exceed the payload."""
    heads: list[tuple[int, int, int]] = []
    at = 0
    while at < len(payload) and payload[at] & 0x80:
        if at + _HEADER_BYTES > len(payload):
            raise PacketError("RED header")
        word = int.from_bytes(payload[at + 1 : at + _HEADER_BYTES])
        heads.append((payload[at] & 0x7F, word >> 10, word & 0x3FF))
        at += _HEADER_BYTES
    if at >= len(payload):
        raise PacketError("RED without its newest block")
    newest = payload[at] & 0x7F
    at += 1
    blocks: list[RedBlock] = []
    for payload_type, before, length in heads:
        if at + length > len(payload):
            raise PacketError("RED block length")
        blocks.append(RedBlock(payload_type, before, payload[at : at + length]))
        at += length
    return [*blocks, RedBlock(newest, 0, payload[at:])]
