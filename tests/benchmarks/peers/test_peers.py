"""Every server that is compared really forwards the load's traffic: complete, authentic, to each viewer."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from benchmarks import shapes
from benchmarks.peers.huishang import Huishang
from benchmarks.peers.janus import Janus
from benchmarks.stage import FloorStage, ServedStage, Stage
from tests.patience import wait_until

VIEWERS = 3


def janus(shape: shapes.Shape) -> Stage:
    return ServedStage(lambda: Janus({"source": shape.kind}), shape, "source", VIEWERS)


def huishang(shape: shapes.Shape) -> Stage:
    return ServedStage(Huishang, shape, "source", VIEWERS)


def floor(shape: shapes.Shape) -> Stage:
    return FloorStage("opus" if shape.kind == "audio" else "frames", VIEWERS)


def all_come(stage: Stage) -> bool:
    """Whether the next fifty packets for each viewer all come; a server that stood still has a socket that ran over."""
    packets, _, lost, *_ = stage.receiver.totals()
    wait_until(lambda: stage.receiver.totals()[0] >= packets + 50 * VIEWERS, "packets for every viewer")
    return bool(stage.receiver.totals()[2] == lost)


@pytest.mark.parametrize("shape", [shapes.frames(), shapes.opus()], ids=lambda shape: str(shape.kind))
@pytest.mark.parametrize("make", [huishang, janus, floor])
def test_every_viewer_gets_all_packets_and_they_are_authentic(
    make: Callable[[shapes.Shape], Stage], shape: shapes.Shape
) -> None:
    affinity = os.sched_getaffinity(0)
    stage = make(shape)
    try:
        stage.send(True)
        wait_until(partial(all_come, stage), "packets for every viewer, none of them lost")
        stage.send(False)
        pid = stage.pid
        assert Path(f"/proc/{pid}").exists()
    finally:
        stage.close()
    _, _, _, duplicates, refused = stage.receiver.totals()
    assert (duplicates, refused) == (0, 0)
    first = stage.receiver.viewer(0)
    assert first["authenticated"] == sum(stream["packets"] for stream in first["streams"])
    assert not Path(f"/proc/{pid}").exists(), "the server is gone with its stage"
    assert os.sched_getaffinity(0) == affinity
