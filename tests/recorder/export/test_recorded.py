"""From packets to a clip: a source that was recorded with losses, picture and sound, by the recorder's own tracks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from recorder.export.clip import clip_of
from recorder.files import Codec
from tests.recorder.export.reel import SECOND, STEP_US, pictures, sounds
from tests.recorder.export.test_clip import check_tones, decoded_without_a_word, made, seen
from tests.recorder.files.frames import Frame
from tests.recorder.tracks.recording import OFFSET_US, Recording
from tests.recorder.tracks.sender import Sender


@dataclass
class Numbered(Sender):
    """Sends pictures with numbers, or the tones of the seconds."""

    def _given(self) -> tuple[Frame, ...]:
        return pictures(self.codec) if self.codec.is_picture else sounds()


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8])
def test_clip_of_a_source_that_was_recorded_over_losses(codec: Codec, tmp_path: Path) -> None:
    start = 1_000_000
    paths: list[list[Path]] = []
    undecodable: list[tuple[int, int]] = []
    for kind in (codec, Codec.OPUS):
        folder = tmp_path / kind
        folder.mkdir()
        recording, sender = Recording(folder), Numbered(kind)
        for at in range(start, start + 10 * SECOND, sender.step_us):
            packets = sender.next(at, (at + 20_000) * 1000)
            # Pictures are lost a second before a keyframe; of sound two seconds are.
            lost = (5_000_000, 5_200_000) if kind.is_picture else (6_000_000, 8_000_000)
            if not lost[0] <= at - start < lost[1]:
                recording.take(packets)
        recording.finish((start + 11 * SECOND) * 1000)
        paths.append([folder / facts.name for facts, _ in recording.files.closed])
        undecodable += [(OFFSET_US + t0, OFFSET_US + t1) for why, t0, t1 in recording.gaps if why == "undecodable"]
    assert len(undecodable) == 1 and len(paths[0]) >= 3 and len(paths[1]) >= 2
    begin = OFFSET_US + start + 20_000  # of captures nothing is known but arrivals
    picture, sound = paths
    clip = clip_of(picture, sound, begin + 2_000_000, begin + 9 * SECOND, undecodable)
    path = made(tmp_path, clip)
    shown = {number: time for time, number in seen(path)}
    assert set(shown) == {*range(40, 100), *range(120, 180)}
    assert all(abs(time - (number * STEP_US / SECOND - 2)) < 0.012 for number, time in shown.items())
    check_tones(path, 2_000_000, silent=(6, 7))
    decoded_without_a_word(path)
