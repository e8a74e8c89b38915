"""Mutated and random files into the reading of a journal's last file."""

import random

import pytest

from dispatch.journal import JournalDamaged, JournalForeign, format, header
from dispatch.journal.header import Header
from dispatch.journal.recovery import Recovery
from tests.fuzz.effort import SEED, rounds

HEADER = header.encode(Header(journal="j", node="n", file=1, first=0))
SPLICES = (b"\n", b"\0", bytes(600), b"00000000 ", b"(", b",", b"+", format.line(b"{}", b"+"), format.line(b"{}", b"("))


def journal_of(source: random.Random) -> tuple[bytes, list[bytes]]:
    """Give the lines of some writes as a file would hold them, and the payloads."""
    lines: list[bytes] = []
    for _ in range(source.randrange(6)):
        write = [[_payload(source) for _ in range(source.randint(1, 3))] for _ in range(source.randint(1, 3))]
        lines += format.write_lines(write)
    return b"".join(lines), [line[format.PAYLOAD][:-1] for line in lines]


def _payload(source: random.Random) -> bytes:
    return source.randbytes(source.randint(1, 60)).replace(b"\n", b"n")


def mutated(source: random.Random, content: bytes) -> bytes:
    data = bytearray(content)
    for _ in range(source.randrange(4)):
        at = source.randrange(len(data) + 1)
        verb = source.randrange(4)
        if verb == 0:
            data[at:] = bytes(source.randrange(900))
        elif verb == 1:
            data[at:at] = source.choice(SPLICES)
        elif verb == 2:
            del data[at : at + source.randrange(80)]
        elif at < len(data):
            data[at] ^= 1 << source.randrange(8)
    return bytes(data)


def check(source: random.Random, content: bytes) -> int | None:
    """Recover from it in pieces; give how many entries there are, None if it is damaged."""
    recovery = Recovery("00000001.jsonl", HEADER)
    try:
        at = 0
        while at < len(content):
            size = source.randint(1, 2000)
            recovery.receive(content[at : at + size])
            at += size
        end = recovery.finish()
    except JournalDamaged as error:
        assert len(HEADER) <= error.offset < len(HEADER) + len(content)
        return None
    kept = content[: end.offset - len(HEADER)]
    assert kept == b"" or kept.endswith(b"\n")
    texts = kept.split(b"\n")[:-1]
    assert len(texts) == end.entries
    assert all(format.is_whole(text) for text in texts)
    assert not texts or format.ends_append(texts[-1])
    assert end.cut_bytes == len(content[len(kept) :].rstrip(b"\0"))
    return end.entries


@pytest.mark.fuzz
def test_no_file_makes_recovery_fail_otherwise_or_keep_what_is_not_whole() -> None:
    source = random.Random(SEED)
    found = {"damaged": 0, "shorter": 0, "whole": 0}
    for number in rounds(2_000):
        content, payloads = journal_of(source)
        changed = source.randbytes(source.randrange(400)) if number % 10 == 0 else mutated(source, content)
        try:
            entries = check(source, changed)
        except Exception as error:
            error.add_note(f"FUZZ_SEED={SEED} content={changed.hex()}")
            raise
        found["damaged" if entries is None else "shorter" if entries < len(payloads) else "whole"] += 1
    assert min(found.values()) > 100, f"the fuzzer reaches every end: {found}"


@pytest.mark.fuzz
def test_no_line_makes_reading_a_header_fail_otherwise() -> None:
    source = random.Random(SEED)
    read = 0
    for number in rounds(2_000):
        content = HEADER[format.PAYLOAD][:-1]
        text = mutated(source, content if number % 2 else HEADER[:-1])
        text = format.line(text.replace(b"\n", b""))[:-1] if number % 2 else text
        try:
            header.decode(text, "00000001.jsonl")
            read += 1
        except (JournalDamaged, JournalForeign):
            pass
        except Exception as error:
            error.add_note(f"FUZZ_SEED={SEED} text={text.hex()}")
            raise
    assert read > 100, "some are read"
