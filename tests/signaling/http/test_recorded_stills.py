"""Stills of what was recorded: the colour that was there then, of every codec, and what hostile files come to."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from fractions import Fraction
from functools import cache
from typing import Any, Final

import av
import numpy as np
import pytest

from media.stills import process
from recorder.files import Codec
from signaling.http import recordedstills
from tests.media.stills.frames import colour_of
from tests.recorder.files.frames import ENCODERS, SIZE, T0, Frame
from tests.signaling.http.asking import Answer, problem
from tests.signaling.http.county import number
from tests.signaling.http.recorded import SECOND_US, Recorded

#: What a picture shows in its first, second and third second.
COLOURS: Final = ((220, 30, 30), (30, 200, 30), (30, 30, 220))
RATE: Final = 5


@cache
def coloured(codec: Codec) -> tuple[Frame, ...]:
    """Three seconds of one colour each, with a keyframe each second."""
    name, options = ENCODERS[codec]
    context = av.CodecContext.create(name, "w")
    assert isinstance(context, av.VideoCodecContext)
    (context.width, context.height), context.pix_fmt = SIZE, "yuv420p"
    context.gop_size, context.thread_count, context.options = RATE, 1, options
    context.time_base, context.framerate = Fraction(1, RATE), Fraction(RATE)
    made: list[Any] = []
    for place in range(3 * RATE):
        pixels = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
        pixels[:] = COLOURS[place // RATE]
        frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = place, context.time_base
        made += context.encode(frame)
    made += context.encode(None)
    return tuple(
        Frame(bytes(packet), T0 + (packet.pts or 0) * SECOND_US // RATE, packet.is_keyframe) for packet in made
    )


async def still(made: Recorded, track: str, seconds: float, **more: str) -> Answer:
    """Ask for what a track showed so long after the recording's beginning."""
    at_us = made.begun_us + round(seconds * SECOND_US)
    return await made.get(f"/tracks/{track}/still?at_us={at_us}", headers=more)


def is_of(answer: Answer, second: int) -> bool:
    """Tell whether a still has the colour of a second."""
    assert answer.status == 200, answer.body[:300]
    return all(abs(one - other) < 40 for one, other in zip(colour_of(answer.body), COLOURS[second], strict=True))


@pytest.mark.parametrize("codec", list(ENCODERS))
async def test_still_is_of_the_keyframe_before_and_stays(made: Recorded, codec: Codec) -> None:
    track = made.record(codec, 0, 10, made=coloured(codec))
    for seconds, second in ((0.0, 0), (0.9, 0), (1.5, 1), (2.99, 2), (12.1, 2)):
        assert is_of(await still(made, track, seconds), second), seconds
    answer = await still(made, track, 1.5)
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
    tag = answer.headers["ETag"]
    again = await still(made, track, 1.1, **{"If-None-Match": tag})
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert (await still(made, track, 2.5)).headers["ETag"] != tag


async def test_what_has_no_picture_then_says_why(made: Recorded) -> None:
    track, sound = made.record(Codec.H264, 0, 3), made.record(Codec.OPUS, 0)
    assert problem(await still(made, track, 7), 404) == "range-empty"
    assert problem(await still(made, number(777), 1), 404) == "track-unknown"
    assert problem(await still(made, "..", 1), 404) in ("track-unknown", "not-found")
    assert problem(await still(made, sound, 1), 409) == "picture-none"
    assert problem(await made.get(f"/tracks/{track}/still"), 422) == "query-invalid"
    assert problem(await made.get(f"/tracks/{track}/still?at_us={(1 << 63) - 1}"), 404) == "range-empty"
    await made.delete(made.files[track][0], made.begun_us)
    assert problem(await still(made, track, 1), 410) == "segment-deleted"
    made.file(made.files[track][1]).unlink()
    assert problem(await still(made, track, 4), 404) == "segment-missing"


async def test_files_that_are_not_as_they_were_cost_a_still_and_nothing_else(made: Recorded) -> None:
    good = made.record(Codec.VP8, 0, made=coloured(Codec.VP8))
    for codec in ENCODERS:
        track = made.record(codec, 0, made=coloured(codec))
        facts = made.files[track][0]
        data = made.file(facts).read_bytes()
        # The head, the first table, the first picture.
        for at in (8, facts.head_bytes + 8, facts.head_bytes + 400):
            made.file(facts).write_bytes(data[:at] + os.urandom(300) + data[at + 300 :])
            answer = await still(made, track, 0.3)
            assert answer.status == 200 or problem(answer, 409) == "still-unfit"
    assert is_of(await still(made, good, 1.5), 1)


async def test_picture_that_ends_the_worker_ends_nothing_else_and_is_left_alone(
    made: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_command", lambda fd: (sys.executable, "-m", "tests.media.stills.fragile", str(fd)))
    hostile = made.record(Codec.VP9, 0, made=coloured(Codec.VP9))
    good = made.record(Codec.VP8, 0, made=coloured(Codec.VP8))
    assert problem(await still(made, hostile, 0.5), 409) == "still-unfit"
    assert made.stills.pid is None
    assert is_of(await still(made, good, 0.5), 0)
    first = made.stills.pid
    # It is known by now, and not tried again.
    assert problem(await still(made, hostile, 0.7), 409) == "still-unfit"
    assert is_of(await still(made, good, 1.5), 1) and made.stills.pid == first


async def test_who_asks_for_many_waits_and_is_sent_away_when_it_takes_too_long(
    made: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = made.record(Codec.H264, 0, 3, 6, made=coloured(Codec.H264))
    answers = await asyncio.gather(*(still(made, track, second + 0.5) for second in range(5)))
    assert all(is_of(answer, second % 3) for second, answer in enumerate(answers))
    monkeypatch.setattr(recordedstills, "PATIENCE_S", 0.0)
    assert made.stills.pid
    os.kill(made.stills.pid, signal.SIGSTOP)
    asking = [asyncio.create_task(still(made, track, second + 0.5)) for second in (5, 6)]
    (refused,), (waiting,) = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    os.kill(made.stills.pid, signal.SIGCONT)
    assert problem(await refused, 503) == "node-busy"
    assert (await waiting).status == 200
