import random
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.journal import JournalDamaged, format, header
from dispatch.journal.header import Header
from dispatch.journal.recovery import End, Recovery

HEADER = header.encode(Header(journal="j", node="n", file=1, first=0))
PAYLOADS = st.binary(min_size=1, max_size=60).filter(lambda payload: b"\n" not in payload)
WRITES = st.lists(st.lists(st.lists(PAYLOADS, min_size=1, max_size=3), min_size=1, max_size=3), min_size=1, max_size=5)
Writes = list[list[list[bytes]]]


def recover(content: bytes, piece: int = 1000) -> End:
    """Read what follows the header in such pieces."""
    recovery = Recovery("00000001.jsonl", HEADER)
    for at in range(0, len(content), piece):
        recovery.receive(content[at : at + piece])
    return recovery.finish()


def ends(writes: Writes) -> list[tuple[int, int]]:
    """Where each append of these writes ends, as (offset, entries), and before them where the header ends."""
    found = [(len(HEADER), 0)]
    for append in (append for write in writes for append in write):
        offset, entries = found[-1]
        found.append((offset + format.line_bytes(append), entries + len(append)))
    return found


def content_of(writes: Writes) -> bytes:
    return b"".join(b"".join(format.write_lines(write)) for write in writes)


@given(WRITES, st.integers(0), st.integers(0, 3000), st.integers(1, 200))
def test_every_prefix_ends_with_its_last_whole_append(writes: Writes, length: int, zeros: int, piece: int) -> None:
    content = content_of(writes)
    content = content[: length % (len(content) + 1)]
    offset, entries = [end for end in ends(writes) if end[0] <= len(HEADER) + len(content)][-1]
    end = recover(content + bytes(zeros), piece)
    assert end[:2] == (offset, entries)
    assert end == recover(content[: offset - len(HEADER)])._replace(cut_bytes=end.cut_bytes)
    assert end.cut_bytes == len((HEADER + content).rstrip(b"\0")) - offset if offset < len(HEADER + content) else True


@given(WRITES, st.integers(0), st.integers(1, 64), st.integers(0, 200))
def test_holes_in_the_last_write_cut_it_where_they_begin(writes: Writes, seed: int, sector: int, zeros: int) -> None:
    durable = content_of(writes[:-1])
    last = bytearray(content_of(writes)[len(durable) :])
    source = random.Random(seed)
    hole = len(last)
    for at in range(0, len(last), sector):
        if source.random() < 0.3:
            hole = min(hole, at)
            last[at : at + sector] = bytes(len(last[at : at + sector]))
    end = recover(durable + bytes(last) + bytes(zeros))
    begins = [end for end in ends(writes) if end[0] <= len(HEADER) + len(durable) + hole]
    assert end.entries >= ends(writes[:-1])[-1][1], "nothing that was answered is cut"
    # A hole that only covers zeros of a payload changes nothing, so what is kept may reach further.
    assert end[:2] >= begins[-1]
    if content_of(writes)[len(durable) + hole :][:sector].strip(b"\0"):
        assert end[:2] == begins[-1]


@given(WRITES, WRITES, st.integers(0), st.integers(1, 255))
def test_a_changed_byte_before_the_last_write_is_damage(
    writes: Writes, more: Writes, place: int, difference: int
) -> None:
    durable = bytearray(content_of(writes))
    place %= len(durable)
    durable[place] ^= difference
    with pytest.raises(JournalDamaged) as caught:
        recover(bytes(durable) + content_of(more))
    assert caught.value.file == "00000001.jsonl"
    starts = [len(HEADER)]
    for line in content_of(writes).split(b"\n")[:-1]:
        starts.append(starts[-1] + len(line) + 1)
    assert caught.value.offset == max(start for start in starts if start <= len(HEADER) + place)


def test_damage_is_found_where_a_record_is_missing_within_an_append() -> None:
    lines = format.write_lines([[b"a", b"b"]]) + format.write_lines([[b"c"]])
    with pytest.raises(JournalDamaged):
        recover(lines[0] + lines[2])


def test_checksum_covers_header_and_all_that_is_kept() -> None:
    content = content_of([[[b"a"], [b"b", b"c"]], [[b"d"]]])
    assert recover(content + b"torn").sum == crc32(HEADER + content)


def test_memory_is_bounded_however_long_a_line_is() -> None:
    recovery = Recovery("a", HEADER)
    for _ in range(100):
        recovery.receive(b"x" * 100_000)
        assert len(recovery._rest) <= format.MAX_LINE_BYTES
    end = recovery.finish()
    assert end[:2] == (len(HEADER), 0) and end.cut_bytes == 10_000_000


def test_longest_entry_is_kept() -> None:
    content = content_of([[[b"x" * format.MAX_PAYLOAD_BYTES]], [[b"y"]]])
    assert recover(content, 1 << 20).entries == 2


def test_index_holds_nothing_of_what_is_cut() -> None:
    recovery = Recovery("a", HEADER)
    recovery.receive(content_of([[[b"x"]] * 255]))
    recovery.receive(format.write_lines([[b"y", b"z"]])[0])
    end = recovery.finish()
    assert end.entries == 255
    assert recovery.offsets.before(255) == (0, len(HEADER))
    assert recovery.offsets.before(256) == (0, len(HEADER))
