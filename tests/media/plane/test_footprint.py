"""The lines of a libsrtp context are found where it keeps them, and nothing that is not memory does harm."""

import ctypes
import os

import pytest

from media.plane.footprint import footprint_of
from media.plane.srtp import SrtpKeys

LINE_BYTES = 64
GCM_KEY_BYTES = 28


def lines(context: int) -> set[int]:
    return {start + LINE_BYTES * index for start, count in footprint_of(context) for index in range(count)}


def test_a_context_is_many_lines_and_two_have_different_ones() -> None:
    keys = [SrtpKeys("SRTP_AEAD_AES_128_GCM", os.urandom(GCM_KEY_BYTES), os.urandom(GCM_KEY_BYTES)) for _ in range(2)]
    (first, _), (second, _) = (one.pointers for one in keys)
    assert first // LINE_BYTES * LINE_BYTES in lines(first)
    assert 20 < len(lines(first)) <= 72
    # What they share is the cipher's code, not its keys.
    assert len(lines(first) - lines(second)) > 20


def test_pieces_are_followed_to_the_last() -> None:
    """A chain of pieces, each of a line or two, that ends in a pointer to no memory at all."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    libc.free.argtypes = [ctypes.c_void_p]
    pieces = [libc.malloc(96) for _ in range(5)]
    for piece, following in zip(pieces, [*pieces[1:], 0x7000_0000_0010], strict=True):
        ctypes.memset(piece, 0, 96)
        ctypes.c_uint64.from_address(piece + 40).value = following
    try:
        found = lines(pieces[0])
        assert {piece // LINE_BYTES * LINE_BYTES for piece in pieces} <= found
    finally:
        for piece in pieces:
            libc.free(piece)


@pytest.mark.parametrize("address", [0, 8, 4096, 1 << 46, (1 << 64) - 64], ids=hex)
def test_what_is_no_memory_has_no_lines(address: int) -> None:
    assert footprint_of(address) == []
