"""What nobody of all viewers takes."""

from __future__ import annotations

from media.allocation.allocator import Allocator
from media.allocation.plan import Allocation, Pause, Share, unused
from tests.media.allocation.scenes import settle, shown, tile


def test_a_layer_is_unused_when_no_viewer_takes_it() -> None:
    rich = settle(Allocator(), 5_000_000, [shown("cam"), tile("desk")])
    poor = settle(Allocator(), 200_000, [shown("cam")])
    offered = {"cam": (0, 1, 2), "desk": (0, 1, 2), "nobody": (0, 1), "none": ()}
    assert unused(offered, [rich, poor]) == {"cam": {1}, "desk": {0, 2}, "nobody": {0, 1}}
    assert unused(offered, [poor]) == {"cam": {1, 2}, "desk": {0, 1, 2}, "nobody": {0, 1}}
    assert unused({}, [rich]) == {} and unused({"cam": [0]}, []) == {"cam": {0}}


def test_a_paused_picture_takes_no_layer() -> None:
    paused = Allocation((Share("a", "cam", -1, -1, 0, Pause.NO_ROOM),), 0, 0, 0)
    assert unused({"cam": [0]}, [paused]) == {"cam": {0}}
