"""A file that was cut off at any byte is whole again up to its last whole fragment."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from recorder.files import Codec, Facts, SegmentDamaged, facts_of, recover
from recorder.files.reading import End, walk
from tests.recorder.files.frames import decoded, packets, written


def cut_off(folder: Path, facts: Facts, data: bytes) -> Path:
    """Leave a file as a crash would."""
    path = folder / (facts.label.name + ".open")
    path.write_bytes(data)
    return path


def whole_in(facts: Facts, count: int) -> int:
    """Give how many fragments are whole in so many bytes."""
    return sum(fragment.offset + fragment.bytes <= count for fragment in facts.fragments)


@pytest.mark.parametrize("codec", Codec)
def test_every_prefix_holds_the_fragments_that_were_whole(codec: Codec, tmp_path: Path) -> None:
    facts = written(tmp_path, codec, 1.2 if codec.suffix != ".mka" else 0.7)
    data = (tmp_path / facts.name).read_bytes()
    boundaries = {0, facts.head_bytes, *(fragment.offset + fragment.bytes for fragment in facts.fragments)}
    for count in range(len(data) + 1):
        found = walk(io.BytesIO(data[:count]))
        assert tuple(found.fragments) == facts.fragments[: whole_in(facts, count)]
        assert found.end is (End.WHOLE if count in boundaries else End.TORN)
        assert found.bytes == max(boundary for boundary in boundaries if boundary <= count)


@pytest.mark.parametrize("codec", Codec)
def test_recovered_file_is_read_to_its_end_and_what_was_whole_is_untouched(codec: Codec, tmp_path: Path) -> None:
    facts = written(tmp_path, codec, 1.6)
    data = (tmp_path / facts.name).read_bytes()
    (tmp_path / facts.name).unlink()
    for fragment in facts.fragments:
        end = fragment.offset + fragment.bytes
        for count in {end, end + 1, end + 40, min(end + 300, len(data))}:
            kept = facts.fragments[: whole_in(facts, count)]
            path = cut_off(tmp_path, facts, data[:count])
            recovered = recover(path)
            assert recovered and recovered.recovered and recovered.fragments == kept
            assert not path.exists() and recovered.name == facts.name.replace(".", ".recovered.", 1)
            closed = tmp_path / recovered.name
            assert closed.read_bytes() == data[: kept[-1].offset + kept[-1].bytes]
            assert facts_of(closed) == recovered
            assert len(packets(closed)) == recovered.frames and decoded(closed)
            closed.unlink()


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8])
def test_file_without_a_whole_fragment_is_left_as_it_is(codec: Codec, tmp_path: Path) -> None:
    facts = written(tmp_path, codec, 1.0)
    data = (tmp_path / facts.name).read_bytes()
    for count in (0, 1, facts.head_bytes - 1, facts.head_bytes, facts.fragments[0].bytes):
        path = cut_off(tmp_path, facts, data[:count])
        assert recover(path) is None
        assert path.read_bytes() == data[:count]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8, Codec.OPUS])
def test_zeros_of_a_power_failure_are_cut(codec: Codec, tmp_path: Path) -> None:
    facts = written(tmp_path, codec)
    data = (tmp_path / facts.name).read_bytes()
    last, before = facts.fragments[-1], facts.fragments[-2]
    for zeros in (data + bytes(5000), data[: last.offset] + bytes(9000), data[: last.offset + 30] + bytes(last.bytes)):
        recovered = recover(cut_off(tmp_path, facts, zeros), cut_damage=True)
        assert recovered and recovered.fragments[-1] in (last, before)
    assert recover(cut_off(tmp_path, facts, data + bytes(5000))) == recovered_of(facts)


def recovered_of(facts: Facts) -> Facts:
    return Facts(
        facts.label,
        facts.name.replace(".", ".recovered.", 1),
        facts.head_bytes,
        facts.bytes,
        facts.sha256,
        facts.fragments,
        True,
    )


@pytest.mark.parametrize("codec", Codec)
def test_page_that_never_reached_the_disk_is_found_by_the_checksum(codec: Codec, tmp_path: Path) -> None:
    facts = written(tmp_path, codec)
    data = bytearray((tmp_path / facts.name).read_bytes())
    hit = facts.fragments[2]
    data[hit.offset + hit.bytes - 20 : hit.offset + hit.bytes] = bytes(20)
    path = cut_off(tmp_path, facts, bytes(data))
    with pytest.raises(SegmentDamaged) as caught:
        recover(path)
    assert caught.value.offset == hit.offset and path.read_bytes() == data
    recovered = recover(path, cut_damage=True)
    assert recovered and recovered.fragments == facts.fragments[:2]


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8])
def test_damaged_size_is_not_taken_for_the_end_of_what_was_written(codec: Codec, tmp_path: Path) -> None:
    facts = written(tmp_path, codec)
    data = bytearray((tmp_path / facts.name).read_bytes())
    hit = facts.fragments[2]
    if codec is Codec.H264:
        at = data.index(b"mdat", hit.offset) - 3
        data[at] = 0x10
    else:
        data[hit.offset + 4] = 0x7F
    path = cut_off(tmp_path, facts, bytes(data))
    with pytest.raises(SegmentDamaged):
        recover(path)
    assert path.read_bytes() == data


def test_closed_file_that_is_not_whole_is_damaged(tmp_path: Path) -> None:
    facts = written(tmp_path, Codec.VP8)
    path = tmp_path / facts.name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(SegmentDamaged):
        facts_of(path)


def test_other_names_and_newer_versions_are_left_alone(tmp_path: Path) -> None:
    facts = written(tmp_path, Codec.OPUS, 1.0)
    data = (tmp_path / facts.name).read_bytes()
    other = tmp_path / "song.mp4"
    other.write_bytes(data)
    with pytest.raises(ValueError, match="not a segment file"):
        recover(other)
    newer = cut_off(tmp_path, facts, data.replace(b'"v":1', b'"v":2'))
    with pytest.raises(SegmentDamaged, match="version 2"):
        recover(newer)
