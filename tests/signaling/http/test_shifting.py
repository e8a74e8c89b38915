"""Files whose times are moved on: what changes, that nothing else does, and what is no file of ours."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recorder.files import Codec, Facts
from signaling.http.shifting import Change, changes, overlay
from tests.recorder.files.frames import packets, written
from tests.signaling.http.asking import problem
from tests.signaling.http.recorded import Recorded

SHIFT_US = 123_456_789
#: Of Opus, in its samples.
SHIFTS = {Codec.OPUS: SHIFT_US * 48_000 // 1_000_000}


@cache
def file(codec: Codec) -> tuple[bytes, Facts]:
    with tempfile.TemporaryDirectory() as folder:
        facts = written(Path(folder), codec)
        return (Path(folder) / facts.name).read_bytes(), facts


def changes_of(data: bytes, facts: Facts, ticks: int) -> list[Change]:
    return list(changes(lambda at, count: data[at : at + count], facts.head_bytes, len(data), ticks))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265, Codec.AV1, Codec.OPUS])
def test_all_packets_are_the_same_and_later(codec: Codec, tmp_path: Path) -> None:
    data, facts = file(codec)
    (tmp_path / "before.mp4").write_bytes(data)
    (tmp_path / "after.mp4").write_bytes(overlay(data, 0, changes_of(data, facts, SHIFTS.get(codec, SHIFT_US))))
    before, after = packets(tmp_path / "before.mp4"), packets(tmp_path / "after.mp4")
    assert [packet[1:] for packet in after] == [packet[1:] for packet in before]
    for (was, *_), (is_now, *_) in zip(before, after, strict=True):
        assert is_now - was == pytest.approx(SHIFT_US / 1e6, abs=1e-6 if codec.is_picture else 3e-5)


@given(st.data())
def test_pieces_of_any_size_make_the_same_file(data: st.DataObject) -> None:
    content, facts = file(Codec.H264)
    changed = changes_of(content, facts, SHIFT_US)
    whole = overlay(content, 0, changed)
    assert len(changed) == 2 * len(facts.fragments) and len(whole) == len(content)
    differ = {at for at, (old, new) in enumerate(zip(content, whole, strict=True)) if old != new}
    assert differ and differ <= {at for offset, _ in changed for at in range(offset, offset + 8)}
    near = st.sampled_from([offset + step for offset, _ in changed for step in range(-1, 10)])
    begin, end = sorted(data.draw(st.tuples(*[near | st.integers(0, len(content))] * 2)))
    assert overlay(content[begin:end], begin, changed) == whole[begin:end]


@given(st.data())
def test_what_is_no_file_of_ours_is_refused_or_changed_within_its_bounds(data: st.DataObject) -> None:
    content = bytearray(file(Codec.OPUS)[0])
    head_bytes = file(Codec.OPUS)[1].head_bytes
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(head_bytes, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    cut = bytes(content[: data.draw(st.integers(head_bytes, len(content)))])
    try:
        found = list(changes(lambda at, count: cut[at : at + count], head_bytes, len(cut), SHIFT_US))
    except ValueError:
        return
    assert all(head_bytes <= offset <= len(cut) - 8 and len(new) == 8 for offset, new in found)
    assert len(overlay(cut, 0, found)) == len(cut)


async def test_shifted_file_is_served_like_any_other(made: Recorded) -> None:
    track = made.record(Codec.H264, 0)
    facts = made.files[track][0]
    data = made.file(facts).read_bytes()
    address = f"/segments/{facts.label.segment}.mp4?shift_us={SHIFT_US}"
    wanted, tag = overlay(data, 0, changes_of(data, facts, SHIFT_US)), f'"{facts.sha256}+{SHIFT_US}"'
    whole = await made.get(address)
    assert (whole.status, whole.body, whole.headers["ETag"]) == (200, wanted, tag)
    assert whole.headers["Content-Length"] == str(facts.bytes) and whole.headers["Content-Type"] == "video/mp4"
    part = await made.get(address, headers={"Range": f"bytes={facts.head_bytes}-"})
    assert (part.status, part.body) == (206, wanted[facts.head_bytes :])
    assert part.headers["Content-Range"] == f"bytes {facts.head_bytes}-{facts.bytes - 1}/{facts.bytes}"
    assert (await made.get(address, headers={"Range": "bytes=-9"})).body == wanted[-9:]
    assert (await made.get(address, headers={"Range": "bytes=2-", "If-Range": f'"{facts.sha256}"'})).status == 200
    assert problem(await made.get(address, headers={"Range": f"bytes={facts.bytes}-"}), 416) == "range-invalid"
    head = await made.get(address, method="HEAD")
    assert (head.status, head.body, head.headers["Content-Length"]) == (200, b"", str(facts.bytes))
    assert (await made.get(address, headers={"If-None-Match": tag})).status == 304
    assert (await made.get(address, headers={"If-None-Match": f'"{facts.sha256}"'})).status == 200


@pytest.mark.parametrize("codec", [Codec.VP8, Codec.PCMU])
async def test_file_without_such_times_cannot_be_shifted(made: Recorded, codec: Codec) -> None:
    facts = made.files[made.record(codec, 0)][0]
    assert problem(await made.get(f"/segments/{facts.label.segment}?shift_us=1"), 409) == "hls-unfit"
    assert problem(await made.get(f"/segments/{facts.label.segment}?shift_us=-1"), 422) == "query-invalid"
