"""Clips with the sound of telephones: copies in Opus, in their place, and nothing left of making them."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.export import ExportRefused
from recorder.export.orders import ClipOrder
from recorder.export.process import run
from recorder.files import Codec
from tests.recorder.export.reel import SECOND, pictures, segments, sounds
from tests.recorder.export.test_clip import check_tones, decoded_without_a_word, probed
from tests.recorder.files.frames import T0


def order(folder: Path, name: str, pictures: list[Path], sounds: list[Path]) -> ClipOrder:
    return ClipOrder(
        path=str(folder / name),
        pictures=[str(path) for path in pictures],
        sounds=[str(path) for path in sounds],
        begin=T0 + 3_130_000,
        until=T0 + 9_500_000,
    )


@pytest.mark.parametrize(
    ("codec", "suffix", "begin_us"), [(Codec.H264, ".mp4", 3_130_000), (Codec.VP8, ".webm", 2 * SECOND)]
)
async def test_clip_of_a_camera_with_g711_is_heard_with_its_picture(
    codec: Codec, suffix: str, begin_us: int, tmp_path: Path
) -> None:
    picture = segments(tmp_path / "p", codec, pictures(codec))
    sound = segments(tmp_path / "s", Codec.PCMA, sounds(Codec.PCMA), 5)
    told: list[tuple[int, int]] = []
    wanted = order(tmp_path, f"clip{suffix}", picture, sound)
    made = await run(wanted, lambda done, total: told.append((done, total)))
    path = Path(made.path)
    assert (made.copied, made.begin, made.gaps) == (True, T0 + begin_us, [])
    assert told[-1][0] == told[-1][1] and sorted(done / total for done, total in told) == [
        done / total for done, total in told
    ]
    check_tones(path, begin_us)
    decoded_without_a_word(path)
    assert [stream["codec_name"] for stream in probed(path, "-show_streams")["streams"]] == [codec.value, "opus"]
    assert sorted(each.name for each in tmp_path.iterdir()) == [f"clip{suffix}", "p", "s"]


async def test_sound_alone_goes_on_from_one_codec_to_another(tmp_path: Path) -> None:
    plain = segments(tmp_path / "s", Codec.PCMA, sounds(Codec.PCMA)[:250], 5)
    opus = segments(tmp_path / "s", Codec.OPUS, sounds()[250:], 5)
    made = await run(order(tmp_path, "clip.mp4", [], [*plain, *opus]))
    assert made.copied and made.mime == "audio/mp4"
    check_tones(Path(made.path), 3_130_000)
    later = order(tmp_path, "later.mp4", [], [*plain, *opus])
    later.begin = T0 + 6 * SECOND
    assert not (await run(later)).copied


class EnoughError(Exception):
    """Somebody does not wait for the rest."""


async def test_damaged_sound_is_refused_and_who_is_killed_leaves_nothing(tmp_path: Path) -> None:
    # So many that most of them are still to be made when the first is told.
    sound = segments(tmp_path / "s", Codec.PCMA, sounds(Codec.PCMA), 0.2)
    made: list[Path] = []

    def tell(done: int, total: int) -> None:
        made.extend(tmp_path.glob("clip.mp4.beside/*"))
        raise EnoughError

    with pytest.raises(EnoughError):
        await run(order(tmp_path, "clip.mp4", [], sound), tell)
    assert made and [path.name for path in tmp_path.iterdir()] == ["s"]
    for path in sound:
        path.write_bytes(b"\x1a" + bytes(400))
    with pytest.raises(ExportRefused) as caught:
        await run(order(tmp_path, "clip.mp4", [], sound))
    assert caught.value.reason == "damaged" and [path.name for path in tmp_path.iterdir()] == ["s"]
