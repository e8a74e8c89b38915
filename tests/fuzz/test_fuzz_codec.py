"""Mutated and random payloads into the payload readers.

Every payload ends where an unreadable page begins, so that one byte read too many
ends the process.
"""

import ctypes
import mmap
import random

import pytest

from media.plane.bitstream import picture_size as header_size
from media.plane.codec import CODECS, picture_size, starts_keyframe, vp8_descriptor
from media.plane.names import Header
from media.plane.rewrite import RewriteView
from tests.fuzz.effort import SEED, rounds
from tests.media.plane.payloads import av1, encoded, h264_single, h265_single

HEADERS: tuple[Header, ...] = ("h264_sps", "h265_sps", "vp8_frame", "vp9_frame", "av1_sequence_header")
PROT_NONE = 0


class GuardedBuffer:
    """Two pages of which the second cannot be read."""

    def __init__(self) -> None:
        self.memory = mmap.mmap(-1, 2 * mmap.PAGESIZE)
        libc = ctypes.CDLL(None, use_errno=True)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        if libc.mprotect(ctypes.c_void_p(address + mmap.PAGESIZE), mmap.PAGESIZE, PROT_NONE) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
        self.page = memoryview(self.memory)[: mmap.PAGESIZE]

    def holding(self, payload: bytes) -> memoryview:
        view = self.page[mmap.PAGESIZE - len(payload) :]
        view[:] = payload
        return view


def seed_payloads() -> list[bytes]:
    seeds: list[bytes] = []
    for codec in ("H264", "H265", "VP8", "VP9", "AV1"):
        picture = encoded(codec, 66, 70, count=1)[0]
        seeds += picture.payloads[:3]
        if codec == "H264":
            seeds += h264_single(picture.data)[:3]
        elif codec == "H265":
            seeds += list(h265_single(picture.data))[:4]
        elif codec == "AV1":
            seeds += list(av1(picture.data, counted=False))[:2]
    layers = bytes([2 << 5 | 0x18]) + bytes(range(12)) + bytes([3, 0x04, 1, 0x08, 1, 2, 0])
    seeds.append(bytes([0x8A, 0x81, 0x00]) + layers + b"\x82\x49\x83\x42" + bytes(10))
    seeds.append(b"\x90\xf0\x81\x02\x03\xe4\x10\x00\x00\x9d\x01\x2a\x40\x01\xb4\x00")
    return [seed[:300] for seed in seeds]


def mutated(source: random.Random, payload: bytes) -> bytes:
    data = bytearray(payload)
    for _ in range(source.randrange(5)):
        verb = source.randrange(4)
        at = source.randrange(len(data) + 1)
        if verb == 0 and at < len(data):
            data[at] = source.choice((0, 1, 3, 0x7F, 0x80, 0xFF, source.randrange(256)))
        elif verb == 1:
            del data[at:]
        elif verb == 2:
            data[at:at] = source.randbytes(source.randrange(6))
        elif at < len(data):
            data[at] ^= 1 << source.randrange(8)
    return bytes(data)


def check(guarded: GuardedBuffer, payload: bytes, rewrite: RewriteView) -> int:
    """Read the payload in every way; return how many told a size."""
    told = 0
    view = guarded.holding(payload)
    sizes = [picture_size(codec, view) for codec in CODECS] + [header_size(header, view) for header in HEADERS]
    for size in sizes:
        if size is not None:
            told += 1
            assert 1 <= size[0] <= 65535 and 1 <= size[1] <= 65535
    for codec in CODECS:
        starts = starts_keyframe(codec, view)
        if codec in ("VP8", "VP9", "AV1") and picture_size(codec, view) is not None:
            assert starts
    fields = vp8_descriptor(view)
    rewritten = rewrite.vp8(payload)
    assert (fields is None) == (rewritten is None) or payload == b""
    if fields is not None and rewritten is not None:
        assert 0 < fields["header_bytes"] <= min(6, len(payload))
        after = vp8_descriptor(rewritten)
        assert after is not None and after["header_bytes"] == fields["header_bytes"]
        assert len(rewritten) == len(payload)
        assert rewritten[fields["header_bytes"] :] == payload[fields["header_bytes"] :]
    return told


@pytest.mark.fuzz
def test_no_payload_is_read_beyond_its_end_or_told_an_impossible_size() -> None:
    source = random.Random(SEED)
    seeds = seed_payloads()
    guarded = GuardedBuffer()
    rewrite = RewriteView(0, 0, 90000)
    rewrite.switch(1, 0, 0, 0)
    rewrite.packet(1, 0, 0, 0)
    told = done = 0
    for done in rounds(2_000):
        if done % 50 == 0:
            rewrite.switch(1, 0, 0, 0)
            rewrite.packet(1, 0, 0, 0)
        payload = source.randbytes(source.randrange(40)) if done % 8 == 0 else mutated(source, source.choice(seeds))
        try:
            told += check(guarded, payload, rewrite)
        except Exception as error:
            error.add_note(f"FUZZ_SEED={SEED} payload={payload.hex()}")
            raise
    assert told > done // 10, "the fuzzer reaches the size readers"
