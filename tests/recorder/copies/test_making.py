"""A copy is heard at the times of its original, whatever was recorded; and it is as long as was said before."""

from __future__ import annotations

import contextlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.copies import CopyUnfit
from recorder.copies.plan import MOST_US, RATES, plan_of
from recorder.files import Codec, Facts, facts_of
from tests.recorder.copies.sounds import (
    SECOND,
    copied,
    heard,
    in_turn,
    payloads,
    plan_for,
    played_on,
    shift_of,
    speech,
    written,
)
from tests.recorder.files.frames import SEGMENT, T0, TRACK

CODECS = [Codec.PCMU, Codec.PCMA, Codec.G722]


def halves(folder: Path, codec: Codec) -> tuple[list[tuple[Path, Facts]], np.ndarray]:
    """Write two files of 2 s that follow one another; give them and the sound."""
    sound = speech(RATES[codec], 4)
    made = in_turn(payloads(codec, sound))
    return [written(folder, codec, made[:100]), written(folder, codec, made[100:], 1)], sound


@pytest.mark.parametrize("codec", CODECS)
def test_copies_are_heard_when_the_originals_were_and_follow_one_another_unheard(codec: Codec, tmp_path: Path) -> None:
    rate = RATES[codec]
    ((first, told), (second, more)), sound = halves(tmp_path, codec)
    made = [copied(first, told, None, second), copied(second, more, first, None)]
    for copy, facts in zip(made, (told, more), strict=True):
        assert len(copy) == plan_for(facts).bytes and len(copy) < facts.bytes
    parts = [heard(copy, rate) for copy in made]
    for part, original in zip(parts, (sound[: 2 * rate], sound[2 * rate :]), strict=True):
        by_ms, alike = shift_of(part, original, rate)
        # A coder of G.722 and its decoder are some 1.4 ms late together.
        assert 0 <= by_ms < (1.5 if codec is Codec.G722 else 0.2) and alike > 0.98
    # Where files meet, the sound is no further from the original than elsewhere.
    late = 22 if codec is Codec.G722 else 0
    wrong = played_on(made, tmp_path, rate)[late:] - sound[: len(sound) - late]
    blocks = np.sqrt((wrong[: len(wrong) // 80 * 80].reshape(-1, 80) ** 2).mean(axis=1))
    seam = 2 * rate // 80
    assert blocks[seam - 2 : seam + 20].max() < 2 * np.quantile(blocks, 0.95)


def test_copy_is_a_file_as_ours_and_says_what_it_is(tmp_path: Path) -> None:
    path, told = written(tmp_path, Codec.PCMU, in_turn(payloads(Codec.PCMU, speech(8000, 2.03), 30_000), 30_000), 5)
    copy = tmp_path / f"{told.label.segment}.mp4"
    copy.write_bytes(copied(path, told))
    facts = facts_of(copy)
    assert (facts.t0, facts.head_bytes) == (told.t0, len(plan_for(told).head))
    assert 0 <= facts.t1 - told.t1 < 10_000
    assert facts.label.track.codec is Codec.OPUS and facts.label.track.about == {"copy_of": "pcmu"}
    probe = ["ffprobe", "-v", "error", "-show_streams", "-count_frames", "-of", "json", str(copy)]
    done = subprocess.run(probe, capture_output=True, check=True)
    assert done.stderr == b""
    (stream,) = json.loads(done.stdout)["streams"]
    assert (stream["codec_name"], stream["sample_rate"], stream["nb_read_frames"]) == ("opus", "48000", "201")


@pytest.mark.parametrize("codec", CODECS)
def test_holes_are_silent_and_what_is_behind_them_is_in_its_place(codec: Codec, tmp_path: Path) -> None:
    rate = RATES[codec]
    sound = speech(rate, 3)
    whole = in_turn(payloads(codec, sound))
    # 0.4 s never came; what comes from 2 s on is later by 7 ms than the packets before it say.
    kept = [(at + 7000 * (at >= 2 * SECOND), data) for at, data in whole if not SECOND <= at < 1.4 * SECOND]
    path, told = written(tmp_path, codec, kept)
    made = heard(copied(path, told), rate)
    assert np.abs(made[round(1.02 * rate) : round(1.39 * rate)]).max() < 200
    for begin, end, late_s in ((0, 1, 0), (1.4, 2, 0), (2.1, 2.9, 0.007)):
        part = made[round((begin + late_s) * rate) : round((end + late_s) * rate)]
        by_ms, alike = shift_of(part, sound[round(begin * rate) : round(end * rate)], rate)
        assert 0 <= by_ms < 1.6 and alike > 0.97, begin


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(CODECS),
    st.lists(st.tuples(st.integers(100, 400_000), st.binary(min_size=1, max_size=700)), min_size=1, max_size=60),
)
def test_whatever_was_recorded_becomes_a_copy_of_its_length_or_none(
    tmp_path: Path, codec: Codec, steps: list[tuple[int, bytes]]
) -> None:
    at, timed = 0, []
    for step, data in steps:
        timed.append((at, data))
        at += step
    path, told = written(tmp_path, codec, timed)
    copy = copied(path, told)
    assert len(copy) == plan_for(told).bytes
    path.write_bytes(copy)
    facts = facts_of(path.rename(path.with_suffix(".mp4")))
    assert facts.t0 == told.t0 and 0 <= facts.t1 - told.t1 < 10_000
    path.with_suffix(".mp4").unlink()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_file_is_copied_as_far_as_it_goes_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    path, told = written(tmp_path, Codec.G722, in_turn(payloads(Codec.G722, speech(16_000, 1))))
    bytes_ = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(0, 4))):
        bytes_[data.draw(st.integers(0, len(bytes_) - 1))] = data.draw(st.integers(0, 255))
    del bytes_[data.draw(st.integers(0, len(bytes_))) :]
    path.write_bytes(bytes_)
    with contextlib.suppress(CopyUnfit):
        assert len(copied(path, told)) == plan_for(told).bytes
    path.unlink()


@pytest.mark.parametrize("codec", ["opus", "h264", "", "pcm"])
def test_only_what_players_do_not_know_is_copied(codec: str) -> None:
    with pytest.raises(CopyUnfit):
        plan_of(codec, SEGMENT, TRACK, 0, T0, T0 + SECOND)


@pytest.mark.parametrize(
    "wrong", [{"t1": T0}, {"t1": T0 - 5}, {"t1": T0 + MOST_US + 1}, {"segment": "x"}, {"number": -1}, {"t0": -1}]
)
def test_what_no_segment_of_sound_is_like_is_not_planned(wrong: dict[str, object]) -> None:
    right = {"codec": "pcmu", "segment": SEGMENT, "track": TRACK, "number": 0, "t0": T0, "t1": T0 + SECOND}
    plan = plan_of(**right)  # type: ignore[arg-type]
    assert plan.head_bytes == len(plan.head)
    with pytest.raises(CopyUnfit):
        plan_of(**(right | wrong))  # type: ignore[arg-type]
