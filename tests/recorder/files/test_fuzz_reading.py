"""Fuzz what reads segment files, with and without sums that are right, so that the mutation gets behind them."""

from __future__ import annotations

import contextlib
import io
import random
import struct
from pathlib import Path
from zlib import crc32

import pytest

from recorder.files import Codec, Facts, matroska, matroskareading, mp4, mp4reading
from recorder.files.ebml import element
from recorder.files.errors import SegmentDamaged
from recorder.files.facts import Fragment
from recorder.files.listing import listing_of
from recorder.files.reading import End, walk
from tests.fuzz.effort import SEED, rounds
from tests.recorder.files.frames import written

pytestmark = pytest.mark.fuzz


@pytest.fixture
def corpus(tmp_path: Path) -> list[tuple[Facts, bytes]]:
    made = []
    for codec in (Codec.H264, Codec.OPUS, Codec.VP8, Codec.G722):
        facts = written(tmp_path, codec, 1.0)
        made.append((facts, (tmp_path / facts.name).read_bytes()))
        (tmp_path / facts.name).unlink()
    return made


def mutate(rng: random.Random, original: bytes) -> bytes:
    data = bytearray(original)
    for _ in range(rng.randint(1, 3)):
        where = rng.randrange(len(data) + 1)
        match rng.randrange(5):
            case 0 if data:
                data[where % len(data)] = rng.choice((0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)))
            case 1:
                data[where : where + 4] = rng.choice((b"\xff" * 4, bytes(4), b"moof", b"uuid", b"\x1f\x43\xb6u"))
            case 2:
                del data[where : where + rng.choice((1, 4, 200))]
            case 3:
                data[where:where] = data[where // 2 :][: rng.choice((1, 8, 900))]
            case _:
                del data[where:]
    return bytes(data)


def test_whatever_is_in_a_file_the_walk_ends_and_keeps_only_what_is_whole(corpus: list[tuple[Facts, bytes]]) -> None:
    rng = random.Random(SEED)
    for _ in rounds(500, 1.0):
        _, original = rng.choice(corpus)
        data = mutate(rng, original)
        found = walk(io.BytesIO(data))
        assert found.bytes <= len(data) and (found.end is End.WHOLE) is (found.bytes == len(data))
        for fragment in found.fragments:
            assert fragment.frames and fragment.offset + fragment.bytes <= found.bytes


def test_fragment_with_a_right_sum_is_read_or_refused(corpus: list[tuple[Facts, bytes]]) -> None:
    rng = random.Random(SEED)
    outcomes = set()
    for _ in rounds(500, 1.0):
        facts, data = rng.choice(corpus)
        fragment = rng.choice(facts.fragments)
        piece = data[fragment.offset : fragment.offset + fragment.bytes]
        read = mp4_fragment if facts.name.endswith(".mp4") else cluster
        outcome: Fragment | None = None
        with contextlib.suppress(ValueError):
            outcome = read(rng, facts, piece)
        assert outcome is None or outcome.frames
        outcomes.add(outcome is None)
    assert outcomes == {True, False}


def mp4_fragment(rng: random.Random, facts: Facts, piece: bytes) -> Fragment:
    boxes, at = [], 0
    while at < len(piece):
        size = int.from_bytes(piece[at : at + 4], "big")
        boxes.append(piece[at : at + size])
        at += size
    which = rng.randrange(1, 3)
    boxes[which] = boxes[which][:8] + mutate(rng, boxes[which][8:])
    told = struct.pack(">II", *rng.choice([(0, 0), (0, 5), (1, 2), (7, 1 << 31)]))
    checked = mp4.FRAGMENT_HEAD.pack(crc32(b"".join(boxes[1:])), 1) + told
    boxes[0] = mp4.box(b"uuid", mp4.FRAGMENT_ID, checked)
    return mp4reading.fragment_of(facts.label, 0, boxes)


def cluster(rng: random.Random, facts: Facts, piece: bytes) -> Fragment:
    # Identifier, a size of two bytes or three, and the sum, of six.
    header = 4 + (9 - piece[4].bit_length())
    body = mutate(rng, piece[header + 6 :])
    checked = element(matroska.CRC32, struct.pack("<I", crc32(body))) + body
    return matroskareading.fragment_of(facts.label, 0, header, checked)


def test_listing_ends_and_names_only_what_is_in_the_file(corpus: list[tuple[Facts, bytes]], tmp_path: Path) -> None:
    rng = random.Random(SEED)
    outcomes = set()
    for number in rounds(500, 1.0):
        facts, original = rng.choice(corpus)
        # Most of a file is frames, of which a listing reads nothing.
        begin = rng.choice([0, *(fragment.offset for fragment in facts.fragments)])
        data = original[:begin] + mutate(rng, original[begin : begin + 400]) + original[begin + 400 :]
        path = tmp_path / str(number % 8)
        path.write_bytes(data)
        try:
            frames = listing_of(path).frames
        except SegmentDamaged:
            outcomes.add(False)
            continue
        outcomes.add(True)
        assert all(each.offset + each.length <= len(data) and each.length >= 0 for each in frames)
    assert outcomes == {True, False}
