"""Chromium plays on over pictures that refer to lost ones, so they stay in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.files import Codec
from tests.recorder.files.player import Player
from tests.recorder.tracks.recording import Recording
from tests.recorder.tracks.sender import Sender

pytestmark = pytest.mark.asyncio(loop_scope="package")

START = 1_000_000


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8, Codec.VP9, Codec.AV1])
@pytest.mark.parametrize("lost", [1, 8])
async def test_whole_pictures_behind_a_loss_are_played(codec: Codec, lost: int, player: Player, tmp_path: Path) -> None:
    recording, sender = Recording(tmp_path), Sender(codec)
    for number in range(36):
        records = sender.next(START + number * sender.step_us)
        if not 4 <= number < 4 + lost:
            recording.take(records)
    recording.finish((START + 4_000_000) * 1000)
    (first, ended), (second, later) = recording.files.closed
    if codec is Codec.AV1:
        # Its decoder would end with an error.
        assert [gap.why.value for gap in (*ended.gaps, *later.gaps)] == ["no-keyframe"]
        assert (first.frames, second.frames) == (4, 16)
    else:
        assert [gap.why.value for gap in ended.gaps] == ["lost", "undecodable"]
        assert (first.frames, second.frames) == (20 - lost, 16)
    for facts in (first, second):
        seen = await player.play(tmp_path / facts.name, facts)
        assert len(seen["ranges"]) == 1 and seen["frames"] >= facts.frames and seen["corrupted"] == 0
