"""RED: what the plane writes is what was put in, and what others write is read or refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.plane.redundancy import written
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


@given(st.binary(max_size=60))
def test_anything_is_read_or_refused(payload: bytes) -> None:
    try:
        blocks = parse(payload)
    except PacketError:
        return
    assert sum(len(block.payload) for block in blocks) + 4 * len(blocks) - 3 == len(payload)


@pytest.mark.parametrize("payload", [b"", b"\x80", b"\xef\x0f\x00\x05\x6f", b"\xef\x00\x00\x00"])
def test_lengths_that_exceed_the_packet_are_refused(payload: bytes) -> None:
    with pytest.raises(PacketError):
        parse(payload)
