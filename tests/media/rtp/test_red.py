"""RED: what the plane writes is what was put in, and what others write is read or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane.redundancy import read, written
from media.rtp.header import PacketError
from media.rtp.red import RedBlock, parse

SOUNDS = st.lists(st.tuples(st.binary(max_size=1100), st.integers(0, 20_000)), max_size=5)


@given(SOUNDS, st.binary(max_size=1460))
def test_blocks_come_back_as_they_were_put_in(former: list[tuple[bytes, int]], newest: bytes) -> None:
    fits, head = written(former, 111, len(newest))
    kept = [RedBlock(111, before, payload) for (payload, before), fit in zip(former, fits, strict=True) if fit]
    assert parse(head + newest) == [*kept, RedBlock(111, 0, newest)]
    assert len(kept) <= 3 and (len(head) == 1 or len(head) + len(newest) <= 1200)


def test_what_the_header_cannot_say_is_left_out() -> None:
    fits, _ = written([(b"", 960), (b"a" * 1024, 960), (b"a", 0), (b"a", 16_384), (b"a" * 800, 960)], 111)
    assert fits == [False, False, False, False, True]


@given(st.lists(st.tuples(st.binary(max_size=90), st.integers(1, 16_383)), max_size=3), st.binary(max_size=90))
def test_the_plane_reads_what_was_put_in(former: list[tuple[bytes, int]], newest: bytes) -> None:
    _, head = written([item for item in former if item[0]], 111, len(newest))
    blocks = parse(head + newest)
    assert read(head + newest) == [(block.payload_type, block.before, block.payload) for block in blocks]


def test_the_plane_refuses_several_formats_and_too_many_blocks() -> None:
    one = b"\xef\x0f\x00\x01"
    assert read(one * 8 + b"\x6f" + bytes(8) + b"x") is not None
    assert read(one * 9 + b"\x6f" + bytes(9) + b"x") is None
    assert read(one + b"\x60" + b"ax") is None


@given(st.binary(max_size=60))
def test_anything_is_read_or_refused(payload: bytes) -> None:
    try:
        blocks = parse(payload)
    except PacketError:
        assert read(payload) is None
        return
    found = read(payload)
    assert found is None or found == [(block.payload_type, block.before, block.payload) for block in blocks]
    assert sum(len(block.payload) for block in blocks) + 4 * len(blocks) - 3 == len(payload)


@pytest.mark.parametrize("payload", [b"", b"\x80", b"\xef\x0f\x00\x05\x6f", b"\xef\x00\x00\x00"])
def test_lengths_that_exceed_the_packet_are_refused(payload: bytes) -> None:
    with pytest.raises(PacketError):
        parse(payload)
