"""Where frames stand in a file is where they are, whichever container it is, and as far as the file goes."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from recorder.files import Codec
from recorder.files.listing import listing_of
from tests.recorder.files.frames import T0, frames, packets, reordered, writer, written


@pytest.mark.parametrize("codec", [Codec.H264, Codec.H265, Codec.VP8, Codec.VP9, Codec.OPUS, Codec.PCMA, Codec.G722])
def test_every_frame_is_listed_as_ffmpeg_reads_it(codec: Codec, tmp_path: Path) -> None:
    facts = written(tmp_path, codec)
    data = (tmp_path / facts.name).read_bytes()
    listing = listing_of(tmp_path / facts.name)
    assert listing.label == facts.label and len(listing.frames) == facts.frames
    with av.open(str(tmp_path / facts.name), "r") as container:
        theirs = [bytes(packet) for packet in container.demux() if packet.size]
    assert [data[each.offset : each.offset + each.length] for each in listing.frames] == theirs
    times = [(each.pts_us - T0) / 1e6 for each in listing.frames]
    assert times == pytest.approx([time for time, _, _ in packets(tmp_path / facts.name)], abs=0.0006)
    assert [each.is_keyframe for each in listing.frames] == [frame.is_keyframe for frame in frames(codec)]
    assert sum(each.duration_us for each in listing.frames) == pytest.approx(facts.t1 - facts.t0, abs=3000)


def test_pictures_in_another_order_have_both_times(tmp_path: Path) -> None:
    file = writer(tmp_path, Codec.H264)
    for frame in reordered():
        file.write(*frame)
    facts = file.close()
    assert facts
    listed = listing_of(tmp_path / facts.name).frames
    assert [each.pts_us for each in listed] == [frame.pts_us for frame in reordered()]
    assert sorted(each.dts_us for each in listed) == [each.dts_us for each in listed]
    assert all(each.dts_us <= each.pts_us for each in listed)


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8])
def test_file_that_is_being_written_is_listed_as_far_as_it_goes(codec: Codec, tmp_path: Path) -> None:
    facts = written(tmp_path, codec)
    path = tmp_path / facts.name
    data = path.read_bytes()
    last = facts.fragments[-1]
    for end in (last.offset, last.offset + 3, last.offset + 60, last.offset + last.bytes - 1):
        path.write_bytes(data[:end])
        assert len(listing_of(path).frames) == facts.frames - last.frames
