"""Chromium plays what we write: every frame, each at its time, over holes and reordered pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.files import Codec, Facts
from tests.recorder.files.frames import SIZE, T0, Frame, frames, reordered, writer
from tests.recorder.files.player import Player

pytestmark = pytest.mark.asyncio(loop_scope="package")

#: H.265 needs hardware in Chromium, and plain sound a container that it does not read.
PLAYED = (Codec.H264, Codec.AV1, Codec.VP8, Codec.VP9, Codec.OPUS)


def write(folder: Path, codec: Codec, given: list[Frame] | tuple[Frame, ...], *, flushes_us: int = 0) -> Facts:
    """Write frames; those that are followed by nothing for so long are flushed in between."""
    file = writer(folder, codec)
    for index, frame in enumerate(given):
        file.write(*frame)
        if flushes_us and index + 1 < len(given) and given[index + 1].pts_us - frame.pts_us >= flushes_us:
            file.flush()
    facts = file.close()
    assert facts
    return facts


async def whole(player: Player, folder: Path, facts: Facts) -> None:
    """A file is played to its end, in one piece, with every picture in it."""
    seen = await player.play(folder / facts.name, facts)
    ((start, end),) = seen["ranges"]
    assert start == 0 and abs(end - (facts.t1 - facts.t0) / 1e6) < 0.05
    if facts.label.track.codec.is_picture:
        assert seen["frames"] >= facts.frames and (seen["corrupted"], seen["width"]) == (0, SIZE[0])


@pytest.mark.parametrize("codec", PLAYED)
async def test_file_is_played_to_its_end(codec: Codec, player: Player, tmp_path: Path) -> None:
    await whole(player, tmp_path, write(tmp_path, codec, frames(codec)))


@pytest.mark.parametrize("codec", [Codec.H264, Codec.VP8])
async def test_file_is_played_without_our_page_too(codec: Codec, player: Player, tmp_path: Path) -> None:
    facts = write(tmp_path, codec, frames(codec))
    seen = await player.play(tmp_path / facts.name, facts, plain=True)
    assert seen["frames"] >= facts.frames


@pytest.mark.parametrize("codec", [Codec.H264, Codec.AV1, Codec.VP8, Codec.VP9])
@pytest.mark.parametrize(("flushes_us", "hole_us"), [(0, 1_800_000), (500_000, 1_800_000)])
async def test_pictures_go_on_after_a_hole_without_waiting_for_a_keyframe(
    codec: Codec, flushes_us: int, hole_us: int, player: Player, tmp_path: Path
) -> None:
    before, after = frames(codec)[:30], frames(codec)[30:]
    moved = [frame._replace(pts_us=frame.pts_us + hole_us) for frame in after]
    assert not after[0].is_keyframe
    await whole(player, tmp_path, write(tmp_path, codec, [*before, *moved], flushes_us=flushes_us))


async def test_one_picture_a_second_is_played_though_each_is_flushed(player: Player, tmp_path: Path) -> None:
    slow = [frame._replace(pts_us=T0 + index * 1_100_000) for index, frame in enumerate(frames(Codec.H264)[:5])]
    facts = write(tmp_path, Codec.H264, slow, flushes_us=500_000)
    assert len(facts.fragments) == 5
    await whole(player, tmp_path, facts)


async def test_pictures_in_another_order_are_played(player: Player, tmp_path: Path) -> None:
    await whole(player, tmp_path, write(tmp_path, Codec.H264, reordered()))


@pytest.mark.parametrize("channels", [1, 2])
async def test_hole_in_the_sound_is_silent_and_what_follows_is_in_its_place(
    channels: int, player: Player, tmp_path: Path
) -> None:
    file = writer(tmp_path, Codec.OPUS, channels)
    for frame in frames(Codec.OPUS, 3.0, channels):
        if not 1_000_000 <= frame.pts_us - T0 < 2_000_000:
            file.write(*frame)
    facts = file.close()
    assert facts and [(fill.t0 - T0, fill.t1 - T0) for fill in facts.fills] == [
        (1_000_000, 1_500_000),
        (1_500_000, 2_000_000),
    ]
    await whole(player, tmp_path, facts)
    heard = await player.listen(tmp_path / facts.name, 0.1)
    assert [loudest > 0.05 for loudest in heard[1:29]] == [not 10 < step < 20 for step in range(1, 29)]
