"""The worker process: stills of what real encoders made, and what hostile bytes and sudden deaths come to."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from media.plane.codec import starts_keyframe
from media.plane.tapring import DROP_NEWEST, TapRingView
from media.stills import StillBusy, StillNone, StillUnfit
from media.stills.process import WorkerProcess
from media.stills.wire import Answer
from tests.media.stills.frames import ENCODERS, is_red, keyframe, packets
from tests.patience import PATIENCE_S, until


@pytest_asyncio.fixture
async def process() -> AsyncIterator[WorkerProcess]:
    process = WorkerProcess()
    yield process
    await process.close()


def ring_of(codec: str, data: bytes) -> TapRingView:
    """Give a ring that holds a frame."""
    ring = TapRingView(1 << 20, DROP_NEWEST)
    for packet in packets(codec, data, most=1200):
        ring.write(packet, wall_ns=5_000, flags=int(starts_keyframe(codec, packet[12:])))
    return ring


async def still(process: WorkerProcess, ring: TapRingView, wait_seconds: float) -> Answer:
    """Have a still made; the ring lives as long as that takes."""
    return await process.make(ring.fds(), wait_seconds)


@pytest.mark.parametrize("codec", ENCODERS)
async def test_still_has_the_colour_of_the_picture_and_is_small(process: WorkerProcess, codec: str) -> None:
    made = await still(process, ring_of(codec, keyframe(codec)), PATIENCE_S)
    assert (made.width, made.height, made.wall_ns) == (320, 180, 5_000)
    assert is_red(made.jpeg) and len(made.jpeg) < 15_000


async def test_tall_picture_keeps_its_shape(process: WorkerProcess) -> None:
    made = await still(process, ring_of("VP8", keyframe("VP8", width=360, height=640)), PATIENCE_S)
    assert (made.width, made.height) == (180, 320)


async def test_many_rings_are_waited_for_at_once(process: WorkerProcess) -> None:
    rings = [TapRingView(1 << 20, DROP_NEWEST) for _ in range(5)]
    hands = [asyncio.create_task(process.make(ring.fds(), PATIENCE_S)) for ring in rings]
    await until("the worker", lambda: process.pid)
    for ring in reversed(rings):
        for packet in packets("VP8", keyframe("VP8"), most=1200):
            ring.write(packet, flags=int(starts_keyframe("VP8", packet[12:])))
    assert all(is_red(made.jpeg) for made in await asyncio.gather(*hands))


async def test_nothing_that_comes_in_time_is_no_still(process: WorkerProcess) -> None:
    with pytest.raises(StillNone):
        await still(process, TapRingView(1 << 20, DROP_NEWEST), 0.05)


@pytest.mark.parametrize("codec", ENCODERS)
async def test_damaged_pictures_end_nothing(process: WorkerProcess, codec: str) -> None:
    good = keyframe(codec)
    for place in range(20):
        at = len(good) * place // 20
        # The first bytes say that it is a keyframe: without them it would not be decoded at all.
        bad = good[: max(at, 11)] + os.urandom(200) + good[max(at, 11) + 200 :]
        try:
            await still(process, ring_of(codec, bad.replace(b"\0\0\0\1", b"\0\0\1")), 0.05)
        except (StillUnfit, StillNone):
            continue
    first = process.pid
    assert is_red((await still(process, ring_of(codec, good), PATIENCE_S)).jpeg)
    assert process.pid == first


async def test_picture_that_says_it_is_huge_is_not_begun(process: WorkerProcess) -> None:
    vp8 = bytearray(keyframe("VP8"))
    vp8[6:10] = b"\xff\x3f\xff\x3f"  # RFC 6386 section 9.1: 16,383 by 16,383
    with pytest.raises(StillUnfit):
        await still(process, ring_of("VP8", bytes(vp8)), 0.05)


async def test_killed_worker_takes_what_is_in_hand_and_another_comes(process: WorkerProcess) -> None:
    waiting = asyncio.create_task(still(process, TapRingView(1 << 20, DROP_NEWEST), PATIENCE_S))
    first = await until("the worker", lambda: process.pid)
    os.kill(first, signal.SIGKILL)
    with pytest.raises(StillBusy):
        await waiting
    assert is_red((await still(process, ring_of("H264", keyframe("H264")), PATIENCE_S)).jpeg)
    assert process.pid not in (None, first)


async def test_worker_that_hangs_is_ended_and_another_comes(
    process: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    await still(process, ring_of("VP8", keyframe("VP8")), PATIENCE_S)
    first = process.pid
    assert first is not None
    os.kill(first, signal.SIGSTOP)
    with monkeypatch.context() as patch:
        patch.setattr("media.stills.process._PATIENCE_SECONDS", 0.2)
        with pytest.raises(StillBusy):
            await still(process, ring_of("VP8", keyframe("VP8")), 0.0)
    assert is_red((await still(process, ring_of("H264", keyframe("H264")), PATIENCE_S)).jpeg)
    assert process.pid != first


async def test_worker_ends_with_us(process: WorkerProcess) -> None:
    await still(process, ring_of("VP8", keyframe("VP8")), PATIENCE_S)
    pid = process.pid
    assert pid is not None
    await process.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
