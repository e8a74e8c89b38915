"""Delays are told only where nearly all that should have come did: whoever gets nothing has no delay to show."""

from contextlib import ExitStack

import pytest

from benchmarks import shapes
from benchmarks.delay import DelayError
from benchmarks.peers.huishang import Huishang
from benchmarks.watched import watch

RECORD_S = 0.5


def test_a_viewer_who_gets_nothing_is_noticed() -> None:
    with ExitStack() as stack:
        server = Huishang()
        stack.callback(server.close)
        watched = watch(server, ["source"], ["source"] * 2, stack, video=shapes.frames())
        watched.sender.send(True)
        assert len(watched.record(RECORD_S).ms) > 0
        # A third, to whom nothing is sent.
        watched.watching.append("source")
        with pytest.raises(DelayError, match="1 of 3 streams"):
            watched.record(RECORD_S)
