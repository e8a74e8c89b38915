"""Parity: what the plane's core writes makes lost packets again, whatever their sizes, numbers and order."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane.flexfec import Protector
from media.rtp.flexfec import Recovery, parse, without_wide_number
from media.rtp.header import PacketError, build

SSRC = 0x01020304
WIDE_ID = 5
#: Where `build` puts the number of the only extension.
WIDE_AT = 17
FRAME_NS = 40_000_000


def stream(seed: int, first: int, count: int, frame: int) -> list[bytes]:
    """Packets of pictures of `frame` packets each."""
    draw = random.Random(seed)
    return [
        build(
            draw.randbytes(draw.randrange(0, 1200)),
            payload_type=96,
            sequence=first + index,
            timestamp=1000 + index // frame * 3600,
            ssrc=SSRC,
            marker=index % frame == frame - 1,
            extensions=[(WIDE_ID, draw.randbytes(2))],
        )
        for index in range(count)
    ]


def parities(protector: Protector, packets: list[bytes], frame: int) -> list[tuple[int, bytes]]:
    """Return (behind which packet, parity)."""
    found = []
    for index, packet in enumerate(packets):
        made = protector.add(packet, WIDE_AT, index // frame * FRAME_NS, SSRC)
        found += [(index, payload) for payload in made]
    return found


@given(st.integers(0, 1000), st.integers(0, 65_535), st.integers(1, 7), st.integers(10, 100), st.randoms())
def test_one_lost_packet_of_each_parity_is_made_again(
    seed: int, first: int, frame: int, percent: int, draw: random.Random
) -> None:
    packets = stream(seed, first, 80, frame)
    sent = parities(Protector(percent, 100_000_000), packets, frame)
    plain = {int.from_bytes(packet[2:4]): without_wide_number(packet, WIDE_ID) for packet in packets}
    lost = {draw.choice(parse(payload).covers) for _, payload in sent}
    recovery = Recovery()
    made: list[bytes] = []
    for index, packet in enumerate(packets):
        if int.from_bytes(packet[2:4]) not in lost:
            made += recovery.packet(without_wide_number(packet, WIDE_ID))
        for _, payload in (item for item in sent if item[0] == index):
            made += recovery.parity(payload)
    assert {int.from_bytes(packet[2:4]): packet for packet in made} == {number: plain[number] for number in lost}


def test_four_in_a_row_are_made_again_where_four_parities_are_due() -> None:
    packets = stream(1, 65_530, 16, 16)
    sent = parities(Protector(25, 0), packets, 16)
    assert len(sent) == 4
    recovery = Recovery()
    for packet in [*packets[:6], *packets[10:]]:
        recovery.packet(without_wide_number(packet, WIDE_ID))
    made = [packet for _, payload in sent for packet in recovery.parity(payload)]
    assert sorted(made) == sorted(without_wide_number(packet, WIDE_ID) for packet in packets[6:10])


@given(st.integers(10, 100), st.integers(1, 9))
def test_no_more_parities_are_sent_than_are_due(percent: int, frame: int) -> None:
    packets = stream(2, 0, 400, frame)
    count = len(parities(Protector(percent, 100_000_000), packets, frame))
    # A picture of nine packets has four parities at most.
    assert min(0.5 * percent, 40) * len(packets) / 100 - 5 <= count <= percent * len(packets) / 100 + 1 + 400 / 40


def test_packet_that_a_parity_makes_again_is_not_answered_but_the_next_of_the_same_is() -> None:
    protector = Protector(25, 0)
    packets = stream(3, 100, 4, 4)
    assert len(parities(protector, packets, 4)) == 1
    assert protector.covers(101)
    assert not protector.covers(102)
    assert not protector.covers(101)  # who asks again has missed the parity
    assert not protector.covers(99) and not protector.covers(104)


def test_what_a_parity_covers_over_the_edge_of_the_numbers_is_known() -> None:
    protector = Protector(25, 0)
    assert len(parities(protector, stream(3, 65_534, 4, 4), 4)) == 1
    assert not protector.covers(65_533) and not protector.covers(2)
    assert protector.covers(1)


def test_what_was_covered_before_parities_were_switched_off_is_forgotten() -> None:
    protector = Protector(25, 0)
    assert len(parities(protector, stream(3, 100, 4, 4), 4)) == 1
    protector.set(0, 0)
    protector.set(25, 0)
    assert not any(protector.covers(number) for number in range(100, 104))


def test_nothing_is_sent_for_what_comes_behind_its_turn() -> None:
    protector = Protector(100, 10**9)
    first, second, late = (stream(4, number, 1, 2)[0] for number in (50, 51, 40))
    assert protector.add(first, WIDE_AT, 0, SSRC) == []
    assert protector.add(late, WIDE_AT, 0, SSRC) == []
    (payload,) = protector.add(stream(4, 300, 1, 2)[0], WIDE_AT, 0, SSRC)  # no mask reaches there
    assert parse(payload).covers == (50,)
    assert protector.add(second, WIDE_AT, 0, SSRC) == []


@given(st.binary(max_size=80))
def test_anything_is_read_or_refused(payload: bytes) -> None:
    recovery = Recovery()
    for packet in stream(5, 0, 3, 3):
        recovery.packet(packet)
    try:
        made = recovery.parity(payload)
    except PacketError:
        return
    assert all(len(packet) <= len(payload) + 12 for packet in made)


@pytest.mark.parametrize("payload", [b"", bytes(19), b"\x40" + bytes(30), bytes(8) + b"\x02" + bytes(20)])
def test_what_is_no_parity_of_one_stream_is_refused(payload: bytes) -> None:
    with pytest.raises(PacketError):
        parse(payload)
